//! Decides where work runs.

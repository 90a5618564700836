//! The procedural macros of veda.

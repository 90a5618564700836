//! Why a graph did not run to its end, and the handle that stops one.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Error;
use crate::planner::task_graph::GraphError;

/// Why a graph did not run to its end. No array that it was to compute has a value then, and its inputs are as before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum RunError {
    /// Somebody called [`CancelToken::cancel`].
    #[error("the graph was cancelled")]
    Cancelled,
    /// A node's code panicked.
    #[error("node `{node}` panicked: {message}")]
    Panicked {
        /// The node's name.
        node: String,
        /// The panic's message where it was a string.
        message: String,
    },
    /// A node failed.
    #[error("node `{node}`: {source}")]
    Node {
        /// The node's name.
        node: String,
        /// Its own error.
        source: Error,
    },
    /// An input's only copy was in the memory of a device that was lost.
    #[error(
        "array `{array}` had its only copy on {device}, which was lost; give it a value again, or keep a copy on the host"
    )]
    ArrayLost {
        /// The array's name.
        array: String,
        /// Where it was.
        device: String,
    },
    /// The graph, or the part of it that was left after a loss, cannot be planned.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A device failed in a way that the CPU cannot make up for.
    #[error("device `{device}` failed: {reason}")]
    Device {
        /// The device's name.
        device: String,
        /// What happened.
        reason: String,
    },
    /// Steps are left that wait for what no step provides: the plan is not one of this graph.
    #[error("the plan does not fit the graph: {reason}")]
    Plan {
        /// What does not fit.
        reason: String,
    },
}

/// Stops a run between two of its steps.
#[derive(Debug, Default)]
pub(crate) struct CancelToken(AtomicBool);

impl CancelToken {
    /// Asks for the end; steps that run now are finished first.
    pub(crate) fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether somebody asked.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

//! What can be wrong with a graph of kernels.

/// What is wrong with a [`Graph`](crate::Graph), or with a run of its plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// A variable belongs to another graph, or to a loop's body that is over.
    #[error(
        "`{node}`: argument {argument} is a variable of another graph; variables belong to the graph or the loop's body that made them"
    )]
    ForeignVar {
        /// The node that was to read it.
        node: String,
        /// Which of its variables, from 1.
        argument: usize,
    },
    /// Two arrays that must have one length have two.
    #[error("`{node}`: `{left}` has {left_len} elements, `{right}` has {right_len}; they must be equal")]
    LengthMismatch {
        /// The node.
        node: String,
        /// One array.
        left: String,
        /// Its elements.
        left_len: usize,
        /// The other.
        right: String,
        /// Its elements.
        right_len: usize,
    },
    /// An array's length is only known when the graph runs, where it must be known before.
    #[error(
        "`{node}`: the length of `{array}` is only known when the graph runs (a filter made it), {why}; use it with arrays of the same filter, or in a host function"
    )]
    DynamicLength {
        /// The node.
        node: String,
        /// The array.
        array: String,
        /// Why that does not do here.
        why: &'static str,
    },
    /// A window ends after its array.
    #[error("the window {from}..{to} of `{array}` is out of bounds: it has {len} elements")]
    Window {
        /// The array.
        array: String,
        /// First element.
        from: usize,
        /// One past the last element.
        to: usize,
        /// Elements of the array.
        len: usize,
    },
    /// Nodes wait for each other.
    #[error("these nodes wait for each other: {}; drop one of the `after` that link them", .nodes.join(" -> "))]
    Cycle {
        /// The nodes, in the order in which each waits for the next; the last one waits for the first.
        nodes: Vec<String>,
    },
    /// A loop's body cannot hold such a node.
    #[error("a loop's body cannot hold {what}; do it before or after the loop")]
    NotInLoop {
        /// What was tried.
        what: &'static str,
    },
    /// Nothing is wanted from a graph.
    #[error("nobody wants anything from this graph; name its results with `output` or `keep_on_device`")]
    NoOutput,
    /// A result was asked for that the graph was not told to keep.
    #[error("`{array}` was not kept; call `output` or `keep_on_device` on it before `plan`")]
    NotKept {
        /// The array.
        array: String,
    },
    /// A variable that is no input was given an array.
    #[error("`{array}` is computed by the graph; only inputs can be given other arrays")]
    NotAnInput {
        /// The array.
        array: String,
    },
    /// An input was given an array of another length.
    #[error("the input `{input}` was planned with {planned} elements, this array has {actual}; plan again for it")]
    InputLength {
        /// The input.
        input: String,
        /// Elements that the plan is for.
        planned: usize,
        /// Elements of the array.
        actual: usize,
    },
    /// A host function returned an error.
    #[error("host function `{node}` failed: {message}")]
    Host {
        /// The node.
        node: String,
        /// The error's text.
        message: String,
    },
    /// A node panicked.
    #[error("`{node}` panicked: {message}")]
    Panicked {
        /// The node.
        node: String,
        /// The panic's message where it was a string.
        message: String,
    },
    /// A node failed.
    #[error("node `{node}`: {reason}")]
    Node {
        /// The node.
        node: String,
        /// Its error's text.
        reason: String,
    },
    /// An array's only copy was in the memory of a device that was lost.
    #[error("`{array}` had its only copy on {device}, which was lost; compute it again, or keep a copy on the host")]
    ArrayLost {
        /// The array.
        array: String,
        /// Where it was.
        device: String,
    },
    /// There is no plan.
    #[error("the graph cannot be planned: {reason}")]
    Unplannable {
        /// The planner's words.
        reason: String,
    },
    /// A run was cancelled before its end.
    #[error("the run was cancelled")]
    Cancelled,
}

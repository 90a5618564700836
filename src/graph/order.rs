//! Order without data, and the order in which tasks come.

use std::collections::BTreeSet;

use super::{Graph, Origin, TaskNode, Var};
use crate::error::{GraphError, Result};

impl Graph {
    /// What computes `second` starts only when `first` has been computed, although it does not read it. For host functions
    /// with side effects.
    ///
    /// ```
    /// # use veda::{Array, Graph, error::GraphError};
    /// #[veda::kernel]
    /// fn square(x: f32) -> f32 { x * x }
    ///
    /// let mut g = Graph::new();
    /// let x = g.input(&Array::from(vec![1.0f32; 8]));
    /// let (a, b) = (g.apply(square::on(&x))?, g.apply(square::on(&x))?);
    /// g.after(&b, &a)?;
    /// g.after(&a, &b)?;
    /// g.output(&a);
    /// let error = g.plan().unwrap_err();
    /// assert!(matches!(error, veda::Error::Graph(GraphError::Cycle { .. })), "{error}");
    /// # Ok::<(), veda::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`GraphError::ForeignVar`]; [`GraphError::NotInLoop`] (a body's nodes run in the order in which they were added).
    /// Cycles are found by [`plan`](Self::plan).
    pub fn after<A, B>(&mut self, second: &Var<A>, first: &Var<B>) -> Result<()> {
        self.not_in_loop("an order without data")?;
        for (argument, graph) in [second.graph, first.graph].into_iter().enumerate() {
            if graph != self.id {
                return Err(GraphError::ForeignVar { node: "after".to_owned(), argument: argument + 1 }.into());
            }
        }
        // Inputs are there before anything runs.
        if let (&Origin::Tasks(starts, _), &Origin::Tasks(_, ends)) =
            (&self.values[second.id].from, &self.values[first.id].from)
        {
            self.tasks[starts].after.push(ends);
        }
        Ok(())
    }
}

/// The tasks that each task waits for.
pub(super) fn predecessors(tasks: &[TaskNode], writer: &[Option<usize>]) -> Vec<BTreeSet<usize>> {
    let of = |task: &TaskNode| {
        let data = task.reads.iter().filter_map(|r| writer[r.datum]);
        data.chain(task.after.iter().copied()).collect()
    };
    tasks.iter().map(of).collect()
}

/// The tasks in topological order, the lowest first where several could be.
///
/// # Errors
/// [`GraphError::Cycle`].
pub(super) fn topological(tasks: &[TaskNode], preds: &[BTreeSet<usize>]) -> Result<Vec<usize>, GraphError> {
    let mut left: Vec<usize> = preds.iter().map(BTreeSet::len).collect();
    let mut succs = vec![Vec::new(); tasks.len()];
    for (t, before) in preds.iter().enumerate() {
        for &p in before {
            succs[p].push(t);
        }
    }
    let mut ready: BTreeSet<usize> = (0..tasks.len()).filter(|&t| left[t] == 0).collect();
    let mut order = Vec::with_capacity(tasks.len());
    while let Some(t) = ready.pop_first() {
        order.push(t);
        for &s in &succs[t] {
            left[s] -= 1;
            if left[s] == 0 {
                ready.insert(s);
            }
        }
    }
    if order.len() == tasks.len() {
        return Ok(order);
    }
    // What is left waits for something that is left: going back from any of them must come round.
    let mut path: Vec<usize> = Vec::new();
    let mut at = (0..tasks.len()).find(|&t| left[t] > 0);
    while let Some(t) = at {
        if let Some(start) = path.iter().position(|&p| p == t) {
            let nodes = path[start..].iter().map(|&p| tasks[p].name.clone()).collect();
            return Err(GraphError::Cycle { nodes });
        }
        path.push(t);
        at = preds[t].iter().copied().find(|&p| left[p] > 0);
    }
    Err(GraphError::Cycle { nodes: Vec::new() })
}

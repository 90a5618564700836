//! Loops: a body that is repeated on one device.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Graph, Origin, Outer, Price, TaskNode, Var, Vars, key};
use crate::error::{GraphError, Result};
use crate::kernel::deferred::Variable;
use crate::kernel::scalar::Scalar;
use crate::planner::task_graph::{Access, Read};
use crate::runtime::graph::op::{Count, LoopNode, LoopStep, Node, Operand};

impl Graph {
    /// Repeats a body: `states` are its variables, `body` adds the nodes of one round and returns their next values. The
    /// loop stays on one device, its states in two buffers each.
    ///
    /// The body is a graph of its own, so what is built for graphs serves loops too. It may read arrays of the graph around
    /// it (they do not change), and hold maps, reductions and host functions (a loop with a host function runs on the
    /// CPU), but no filters, hand-written kernels or loops.
    ///
    /// ```
    /// # use veda::{Array, Graph, Index};
    /// #[veda::kernel]
    /// fn smooth(u: &[f32], n: usize, i: Index) -> f32 {
    ///     let x = i.x as usize;
    ///     if x == 0 || x + 1 == n { u[x] } else { 0.5 * u[x] + 0.25 * (u[x - 1] + u[x + 1]) }
    /// }
    ///
    /// let mut g = Graph::new();
    /// let start = g.input(&Array::from(vec![0.0f32, 0.0, 4.0, 0.0, 0.0]));
    /// let end = g.repeat(2, &start, |g, u| g.apply(smooth::on(&u, 5).over(5)))?;
    /// g.output(&end);
    /// assert_eq!(g.plan()?.run()?.get(&end)?.to_vec()?, [0.0, 1.0, 1.5, 1.0, 0.0]);
    /// # Ok::<(), veda::Error>(())
    /// ```
    ///
    /// # Errors
    /// What `body` returns; [`GraphError::NotInLoop`] for a loop in a loop, [`GraphError::LengthMismatch`] if a state's next
    /// value has another length, [`GraphError::DynamicLength`], [`GraphError::ForeignVar`].
    #[allow(clippy::needless_pass_by_value)] // handles: `&x` or `(&x, &y)`
    pub fn repeat<V: Vars>(
        &mut self,
        times: u64,
        states: V,
        body: impl FnOnce(&mut Graph, V::Owned) -> Result<V::Owned>,
    ) -> Result<V::Owned> {
        self.iterate("repeat", &states, |g, states| Ok((body(g, states)?, None)), |_| Count::Times(times))
    }

    /// Repeats a body while element 0 of an array that it computes is true (or not zero). The array is looked at after every
    /// `every` rounds, since each look is a round trip to the device; so up to `every - 1` rounds more run than needed, and
    /// at most `at_most` rounds in any case.
    ///
    /// ```
    /// # use veda::{Array, Graph};
    /// #[veda::kernel]
    /// fn halve(x: f32) -> f32 { 0.5 * x }
    /// #[veda::kernel]
    /// fn is_large(x: f32) -> bool { x > 1.0 }
    ///
    /// let mut g = Graph::new();
    /// let start = g.input(&Array::from(vec![3.0f32, 100.0]));
    /// let end = g.repeat_while(1, 1000, &start, |g, x| {
    ///     let next = g.apply(halve::on(&x))?;
    ///     let large = g.apply(is_large::on(&next))?;
    ///     Ok((next, g.any(&large)?))
    /// })?;
    /// g.output(&end);
    /// assert_eq!(g.plan()?.run()?.get(&end)?.to_vec()?, [0.0234375, 0.78125]);
    /// # Ok::<(), veda::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`repeat`](Self::repeat); [`GraphError::Window`] if the tested array has no element.
    #[allow(clippy::needless_pass_by_value)] // handles: `&x` or `(&x, &y)`
    pub fn repeat_while<V: Vars, T: Scalar>(
        &mut self,
        every: u64,
        at_most: u64,
        states: V,
        body: impl FnOnce(&mut Graph, V::Owned) -> Result<(V::Owned, Var<T>)>,
    ) -> Result<V::Owned> {
        let test = |test: Option<Operand>| match test {
            Some(test) => Count::While { test, every: every.max(1), at_most },
            None => Count::Times(at_most),
        };
        let body = |g: &mut Graph, states| {
            let (next, test) = body(g, states)?;
            Ok((next, Some(Variable { graph: test.graph, id: test.id, whole: true })))
        };
        self.iterate("repeat_while", &states, body, test)
    }

    fn iterate<V: Vars>(
        &mut self,
        name: &str,
        states: &V,
        body: impl FnOnce(&mut Graph, V::Owned) -> Result<(V::Owned, Option<Variable>)>,
        count: impl FnOnce(Option<Operand>) -> Count,
    ) -> Result<V::Owned> {
        self.not_in_loop("a loop")?;
        let variables = states.variables();
        let mut reads = self.reads(name, &variables)?;
        let mut inner = self.inner();
        for read in &mut reads {
            read.access = Access::Whole;
            let value = &self.values[read.datum];
            if let Some(array) = self.dynamic_name(read.datum) {
                let why = "and a loop needs it before";
                return Err(GraphError::DynamicLength { node: name.to_owned(), array: array.to_owned(), why }.into());
            }
            inner.value::<()>(value.name.clone(), value.shape, None, Origin::State);
        }
        let handles = owned::<V>(inner.id, &mut (0..reads.len()), name)?;
        let (next, test) = body(&mut inner, handles)?;
        let next = next.variables();
        let mut ends = Vec::with_capacity(next.len());
        for (k, &variable) in next.iter().enumerate() {
            let id = inner.resolve(name, k, variable)?;
            let (state, end) = (&self.values[reads[k].datum], &inner.values[id]);
            if state.shape.len != end.shape.len {
                return Err(GraphError::LengthMismatch {
                    node: name.to_owned(),
                    left: state.name.clone(),
                    left_len: state.shape.len,
                    right: end.name.clone(),
                    right_len: end.shape.len,
                }
                .into());
            }
            ends.push(id);
        }
        let test = match test {
            None => None,
            Some(variable) => {
                let id = inner.resolve(name, next.len(), variable)?;
                let value = &inner.values[id];
                if value.shape.len == 0 {
                    return Err(GraphError::Window { array: value.name.clone(), from: 0, to: 1, len: 0 }.into());
                }
                Some(id)
            }
        };
        // The loop's inputs: its states, then what the body reads of the graph around it.
        let mut inputs: BTreeMap<usize, usize> = (0..reads.len()).map(|k| (k, k)).collect();
        for (id, value) in inner.values.iter().enumerate() {
            if let Origin::Outer(datum) = value.from {
                inputs.insert(id, reads.len());
                reads.push(Read { datum, access: Access::Whole });
            }
        }
        let operand = |id: usize| match inner.values[id].from {
            Origin::Tasks(_, last) => Operand::Step(last),
            _ => Operand::Input(inputs.get(&id).copied().unwrap_or(0)),
        };
        let count = count(test.map(operand));
        let next = ends.iter().map(|&id| operand(id)).collect();
        let mut steps = Vec::with_capacity(inner.tasks.len());
        for task in &inner.tasks {
            if task.place.is_some() {
                return Err(GraphError::NotInLoop { what: "a node with a place of its own" }.into());
            }
            let Node::Op(op) = &task.node else { return Err(GraphError::NotInLoop { what: "such a node" }.into()) };
            let reads = task.reads.iter().map(|r| operand(r.datum)).collect();
            let output = inner.values[task.writes[0]].shape;
            steps.push(LoopStep { op: Arc::clone(op), reads, output });
        }
        let states = variables.len();
        let names: Vec<&str> = inner.tasks.iter().map(|t| t.name.as_str()).collect();
        let host = inner.tasks.iter().any(|t| matches!(t.price, Price::Host(_)));
        let title = format!("{name}({})", names.join(", "));
        let node = LoopNode { name: title.clone(), states, body: steps, next, count };
        let mut task = TaskNode::new(title, Node::Loop(Arc::new(node)), reads);
        if host {
            task.price = Price::Host(key(&[name, &names.join(",")]));
        }
        let at = self.tasks.len();
        let first = self.values.len();
        for k in 0..states {
            let (name, shape) = (self.values[task.reads[k].datum].name.clone(), self.values[task.reads[k].datum].shape);
            self.value::<()>(name, shape, None, Origin::Tasks(at, at));
        }
        task.writes = (first..first + states).collect();
        self.tasks.push(task);
        owned::<V>(self.id, &mut (first..first + states), name)
    }

    /// An empty body in this graph.
    fn inner(&self) -> Graph {
        let arrays = self.values.iter().map(|v| (v.name.clone(), v.shape, v.dynamic)).collect();
        let outer = Some(Outer { graph: self.id, arrays, imported: BTreeMap::new() });
        Graph { runtime: self.runtime.clone(), outer, ..Graph::new() }
    }
}

/// Handles with these numbers.
fn owned<V: Vars>(graph: u64, ids: &mut dyn Iterator<Item = usize>, node: &str) -> Result<V::Owned> {
    // There are as many numbers as variables, by construction.
    V::owned(graph, ids).ok_or_else(|| GraphError::ForeignVar { node: node.to_owned(), argument: 0 }.into())
}

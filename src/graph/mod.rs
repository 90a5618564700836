//! Graphs of kernels: built once, planned as a whole, run often.
//!
//! A [`Graph`] knows all the work before any of it runs. So the planner can keep data on a device between kernels, overlap
//! copies with work, merge kernels into one, and share one kernel between devices.
//!
//! ```
//! use veda::{Array, Graph};
//!
//! #[veda::kernel]
//! fn square(x: f32) -> f32 { x * x }
//! #[veda::kernel]
//! fn saxpy(a: f32, x: f32, y: f32) -> f32 { a * x + y }
//!
//! let photo = Array::from(vec![1.0f32; 10_000]);
//! let mut g = Graph::new();
//! let x = g.input(&photo);                      // a handle: nothing runs while a graph is built
//! let y = g.apply(square::on(&x))?;
//! let z = g.apply(saxpy::on(2.0, &x, &y))?;
//! let sum = g.sum(&z)?;
//! g.output(&sum);
//!
//! let plan = g.plan()?;                         // where each kernel runs, in which order, and what is copied when
//! let out = plan.run()?;
//! assert_eq!(out.get(&sum)?.to_vec()?, [30_000.0]);
//! # Ok::<(), veda::Error>(())
//! ```

mod apply;
mod custom;
mod draw;
mod filter;
mod fold;
mod host;
mod kernels;
mod lower;
mod map;
mod order;
mod plan;
mod repeat;
mod run;
mod var;
mod view;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

#[cfg(test)]
use veda_kernels_ir::ast::Ty;

use crate::array::Array;
use crate::error::Result;
use crate::kernel::deferred::Variable;
use crate::kernel::place::Place;
use crate::kernel::scalar::Scalar;
use crate::planner::task_graph::{Access, Divisible, Read};
use crate::planner::{Objective, Work};
use crate::runtime::Runtime;
use crate::runtime::graph::Store;
use crate::runtime::graph::op::{Node, Shape};

pub use crate::error::GraphError;
pub use fold::Number;
pub use host::{HostResult, OutputLen};
pub use plan::{CancelToken, Outputs, Plan, Replay};
pub use run::Pending;
pub use var::{Var, Vars};

/// A graph of kernels over arrays, under construction.
///
/// Its methods add nodes and hand back [`Var`]s, typed handles of what the nodes will compute. Building costs about a
/// microsecond per node; nothing is assembled, copied or run before [`plan`](Graph::plan).
#[derive(Debug)]
pub struct Graph {
    id: u64,
    runtime: Option<Runtime>,
    values: Vec<Value>,
    tasks: Vec<TaskNode>,
    objective: Objective,
    /// Plan for many runs.
    often: bool,
    /// In a loop's body: the arrays of the graph around it.
    outer: Option<Outer>,
}

/// An array of a graph.
#[derive(Debug)]
struct Value {
    name: String,
    /// Its length is the largest possible one where it is dynamic.
    shape: Shape,
    /// The array whose run decides its length: itself where a filter makes it.
    dynamic: Option<usize>,
    from: Origin,
    keep: Option<Keep>,
}

/// Where an array of a graph comes from.
#[derive(Clone, Debug)]
enum Origin {
    /// The caller.
    Input(Arc<Store>),
    /// The state of a loop, at its value before the round.
    State,
    /// The graph around the loop.
    Outer(usize),
    /// Tasks of this graph: the first and the last one that work on it.
    Tasks(usize, usize),
}

/// Where a result is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keep {
    Host,
    Device,
}

/// A node with what the planner must know of it.
#[derive(Debug)]
struct TaskNode {
    name: String,
    node: Node,
    reads: Vec<Read>,
    writes: Vec<usize>,
    after: Vec<usize>,
    divisible: Divisible,
    fusible: bool,
    price: Price,
    /// Where it must run.
    place: Option<Place>,
    /// It runs although nobody wants its output.
    pinned: bool,
}

/// How a node is priced.
#[derive(Clone, Copy, Debug)]
enum Price {
    /// By its device form.
    Form,
    /// As code for the CPU only; the key identifies it.
    Host(u64),
    /// As a hand-written kernel.
    Staged(Work),
}

/// What is known of the arrays around a loop's body.
#[derive(Debug)]
struct Outer {
    graph: u64,
    /// Name, shape and dynamic length of each.
    arrays: Vec<(String, Shape, Option<usize>)>,
    /// Those that the body reads, by their number there: their number here.
    imported: BTreeMap<usize, usize>,
}

impl Default for Graph {
    fn default() -> Graph {
        Graph::new()
    }
}

impl Graph {
    /// An empty graph; it will run on the global runtime.
    pub fn new() -> Graph {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Graph {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            runtime: None,
            values: Vec::new(),
            tasks: Vec::new(),
            objective: Objective::default(),
            often: false,
            outer: None,
        }
    }

    /// An empty graph that will run on a runtime of the caller's.
    ///
    /// ```
    /// use veda::{Config, Graph, Runtime};
    /// let runtime = Runtime::new(Config::builder().enable_gpu(false).num_threads(2).build())?;
    /// let g = Graph::on(&runtime);
    /// # let _ = g;
    /// # Ok::<(), veda::Error>(())
    /// ```
    pub fn on(runtime: &Runtime) -> Graph {
        Graph { runtime: Some(runtime.clone()), ..Graph::new() }
    }

    /// Sets what the plan is to be good at; by default the time until everything is done.
    pub fn objective(&mut self, objective: Objective) {
        self.objective = objective;
    }

    /// The plan will run many times: what it takes to build pipelines once does not count. By default it does, so that a plan
    /// that runs once may leave a short kernel on the CPU because its pipeline is not built.
    pub fn for_many_runs(&mut self) {
        self.often = true;
    }

    /// An array that the graph reads. The graph keeps it alive; the elements are not copied.
    ///
    /// ```
    /// # use veda::{Array, Graph};
    /// let numbers = Array::from(vec![3u32, 1, 2]);
    /// let mut g = Graph::new();
    /// let x = g.input(&numbers);
    /// # let _ = x;
    /// ```
    pub fn input<T: Scalar>(&mut self, array: &Array<T>) -> Var<T> {
        let name = format!("input {}", self.values.len());
        self.input_named(&name, array)
    }

    /// An array that the graph reads, with a name for explanations and errors.
    pub fn input_named<T: Scalar>(&mut self, name: &str, array: &Array<T>) -> Var<T> {
        let shape = Shape { ty: T::TY, len: array.len() };
        let from = Origin::Input(Arc::clone(array.store()));
        self.value(name.to_owned(), shape, None, from)
    }

    /// Gives an array of this graph a name for explanations and errors (by default that of its kernel).
    ///
    /// ```
    /// # use veda::{Array, Graph};
    /// # let mut g = Graph::new();
    /// # let x = g.input(&Array::from(vec![1.0f32]));
    /// g.name(&x, "brightness");
    /// ```
    pub fn name<T>(&mut self, var: &Var<T>, name: &str) {
        if let Some(value) = self.own(var) {
            name.clone_into(&mut value.name);
        }
    }

    /// The array is wanted in host memory when the graph has run. Variables of other graphs are ignored.
    pub fn output<T>(&mut self, var: &Var<T>) {
        if let Some(value) = self.own(var) {
            value.keep = Some(Keep::Host);
        }
    }

    /// The array is wanted when the graph has run, in the memory of the first GPU that is used (in host memory where there is
    /// none): for results that the next graph reads. Reading such an [`Array`] on the host copies it then.
    pub fn keep_on_device<T>(&mut self, var: &Var<T>) {
        if let Some(value) = self.own(var) {
            value.keep = Some(Keep::Device);
        }
    }

    /// The number of elements of an array, or the largest possible number where a filter made it.
    ///
    /// ```
    /// # use veda::{Array, Graph};
    /// # let mut g = Graph::new();
    /// let x = g.input(&Array::from(vec![1.0f32; 7]));
    /// assert_eq!(g.len(&x), Some(7));
    /// assert_eq!(Graph::new().len(&x), None); // not of this graph
    /// ```
    pub fn len<T>(&self, var: &Var<T>) -> Option<usize> {
        (var.graph == self.id).then(|| self.values.get(var.id).map(|v| v.shape.len)).flatten()
    }

    /// Whether it has no node yet.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    fn own<T>(&mut self, var: &Var<T>) -> Option<&mut Value> {
        (var.graph == self.id).then(|| self.values.get_mut(var.id)).flatten()
    }

    fn value<T>(&mut self, name: String, shape: Shape, dynamic: Option<usize>, from: Origin) -> Var<T> {
        self.values.push(Value { name, shape, dynamic, from, keep: None });
        Var::new(self.id, self.values.len() - 1)
    }

    /// The number of a variable in this graph; in a loop's body, arrays of the graph around it are taken in.
    fn resolve(&mut self, node: &str, argument: usize, var: Variable) -> Result<usize> {
        if var.graph == self.id {
            return Ok(var.id);
        }
        if let Some(outer) = &self.outer
            && outer.graph == var.graph
            && let Some((name, shape, dynamic)) = outer.arrays.get(var.id)
        {
            if let Some(&id) = outer.imported.get(&var.id) {
                return Ok(id);
            }
            let (name, shape) = (name.clone(), *shape);
            if dynamic.is_some() {
                let why = "and a loop's body needs it before";
                return Err(GraphError::DynamicLength { node: node.to_owned(), array: name, why }.into());
            }
            let id = self.value::<()>(name, shape, None, Origin::Outer(var.id)).id;
            if let Some(outer) = &mut self.outer {
                outer.imported.insert(var.id, id);
            }
            return Ok(id);
        }
        Err(GraphError::ForeignVar { node: node.to_owned(), argument: argument + 1 }.into())
    }

    /// The arrays that a node reads.
    fn reads(&mut self, node: &str, variables: &[Variable]) -> Result<Vec<Read>> {
        let mut reads = Vec::with_capacity(variables.len());
        for (argument, &variable) in variables.iter().enumerate() {
            let datum = self.resolve(node, argument, variable)?;
            reads.push(Read { datum, access: if variable.whole { Access::Whole } else { Access::Elements } });
        }
        Ok(reads)
    }

    /// The common length of the arrays that are read element by element, with the array that decides it where it is dynamic;
    /// `None` where there is no such array.
    fn common(&self, node: &str, reads: &[Read]) -> Result<Option<(usize, Option<usize>)>> {
        let mut elements = reads.iter().filter(|r| r.access == Access::Elements).map(|r| &self.values[r.datum]);
        let Some(first) = elements.next() else { return Ok(None) };
        for other in elements {
            if other.dynamic != first.dynamic {
                let array = if other.dynamic.is_some() { other } else { first };
                let why = "so it cannot be read in step with an array of another length";
                let error = GraphError::DynamicLength { node: node.to_owned(), array: array.name.clone(), why };
                return Err(error.into());
            }
            if other.shape.len != first.shape.len {
                return Err(GraphError::LengthMismatch {
                    node: node.to_owned(),
                    left: first.name.clone(),
                    left_len: first.shape.len,
                    right: other.name.clone(),
                    right_len: other.shape.len,
                }
                .into());
            }
        }
        Ok(Some((first.shape.len, first.dynamic)))
    }

    /// Adds a node with one output. `dynamic`: see [`Value::dynamic`]; `Some(usize::MAX)` stands for the output itself.
    fn push<T: Scalar>(&mut self, task: TaskNode, len: usize, dynamic: Option<usize>) -> Var<T> {
        let at = self.tasks.len();
        let shape = Shape { ty: T::TY, len };
        let id = self.values.len();
        let dynamic = dynamic.map(|d| if d == usize::MAX { id } else { d });
        let var = self.value(task.name.clone(), shape, dynamic, Origin::Tasks(at, at));
        self.tasks.push(TaskNode { writes: vec![id], ..task });
        var
    }

    /// The runtime that it will run on.
    fn runtime(&mut self) -> Result<Runtime> {
        if let Some(runtime) = &self.runtime {
            return Ok(runtime.clone());
        }
        let runtime = Runtime::global()?;
        self.runtime = Some(runtime.clone());
        Ok(runtime)
    }

    /// Its nodes: what they compute, what they read, and the type of their first output.
    #[cfg(test)]
    pub(crate) fn nodes(&self) -> impl Iterator<Item = (&Node, Vec<usize>, Ty)> {
        self.tasks.iter().map(|task| {
            (&task.node, task.reads.iter().map(|r| r.datum).collect(), self.values[task.writes[0]].shape.ty)
        })
    }

    /// Errors in a loop's body.
    fn not_in_loop(&self, what: &'static str) -> Result<()> {
        if self.outer.is_some() { Err(GraphError::NotInLoop { what }.into()) } else { Ok(()) }
    }

    /// Whether an array's length is only known at run time, with its name.
    fn dynamic_name(&self, id: usize) -> Option<&str> {
        let value = &self.values[id];
        value.dynamic.map(|_| value.name.as_str())
    }
}

impl TaskNode {
    /// A node that runs as one and is not priced by a form, unless said otherwise.
    fn new(name: String, node: Node, reads: Vec<Read>) -> TaskNode {
        TaskNode {
            name,
            node,
            reads,
            writes: Vec::new(),
            after: Vec::new(),
            divisible: Divisible::No,
            fusible: false,
            price: Price::Form,
            place: None,
            pinned: false,
        }
    }
}

/// Windows of maps and reductions start at multiples of this many elements.
const GRAIN: u64 = crate::kernel::assemble::TILE as u64;

/// Bytes of an element in device memory.
const WORD: u64 = 4;

/// An FNV-1a hash of texts: identifies functions for learned times.
fn key(parts: &[&str]) -> u64 {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend_from_slice(part.as_bytes());
        bytes.push(0);
    }
    veda_kernels_ir::codec::fnv1a(&bytes)
}

//! Windows of arrays.

use std::ops::Range;

use veda_kernels_ir::ast::Ty;

use super::{Graph, Var, kernels};
use crate::error::{GraphError, Result};
use crate::kernel::scalar::Scalar;

impl Graph {
    /// The elements `range` of an array, as an array of its own. A node that copies them (on the device that reads them).
    ///
    /// ```
    /// # use veda::{Array, Graph};
    /// let mut g = Graph::new();
    /// let x = g.input(&Array::from((0..10u32).collect::<Vec<_>>()));
    /// let middle = g.window(&x, 3..6)?;
    /// g.output(&middle);
    /// assert_eq!(g.plan()?.run()?.get(&middle)?.to_vec()?, [3, 4, 5]);
    /// assert!(matches!(Graph::new().window(&x, 0..1), Err(veda::Error::Graph(_)))); // not its variable
    /// # Ok::<(), veda::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`GraphError::Window`] if it is out of bounds, [`GraphError::ForeignVar`], [`GraphError::DynamicLength`].
    pub fn window<T: Scalar>(&mut self, of: &Var<T>, range: Range<usize>) -> Result<Var<T>> {
        let variable = crate::kernel::deferred::Variable { graph: of.graph, id: of.id, whole: true };
        let id = self.resolve("window", 0, variable)?;
        let value = &self.values[id];
        if value.dynamic.is_some() {
            let why = "so whether it has such a window is too";
            return Err(GraphError::DynamicLength { node: "window".to_owned(), array: value.name.clone(), why }.into());
        }
        let Range { start, end } = range;
        if start > end || end > value.shape.len {
            let (array, len) = (value.name.clone(), value.shape.len);
            return Err(GraphError::Window { array, from: start, to: end, len }.into());
        }
        let name = format!("{}[{start}..{end}]", value.name);
        macro_rules! view {
            ($kernel:ident, $t:ty) => {{
                let array = Var::<$t>::new(self.id, id);
                self.apply(kernels::$kernel::on(&array, start).over(end - start))?.id
            }};
        }
        // The scalars are these four.
        let id = match T::TY {
            Ty::F32 => view!(view_f32, f32),
            Ty::I32 => view!(view_i32, i32),
            Ty::Bool => view!(view_bool, bool),
            Ty::U32 | Ty::Usize | Ty::Unit => view!(view_u32, u32),
        };
        let view = Var::new(self.id, id);
        self.name(&view, &name);
        if let Some(task) = self.tasks.last_mut() {
            task.name = name;
        }
        Ok(view)
    }
}

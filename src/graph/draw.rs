//! A run beside its plan: compared, drawn as a page, exported for Perfetto.

use super::plan::Outputs;
use crate::planner::trace::{TraceDiff, diff, gantt, perfetto};

impl Outputs {
    /// Where the model was wrong: predicted and measured durations, task by task and copy by copy, worst first.
    ///
    /// ```
    /// # use veda::{Array, Graph};
    /// # #[veda::kernel]
    /// # fn square(x: f32) -> f32 { x * x }
    /// # let mut g = Graph::new();
    /// # let x = g.input(&Array::from(vec![1.0f32; 1000]));
    /// # let y = g.apply(square::on(&x))?;
    /// # g.output(&y);
    /// let out = g.plan()?.run()?;
    /// println!("{}", out.diff());
    /// # Ok::<(), veda::Error>(())
    /// ```
    pub fn diff(&self) -> TraceDiff {
        diff(&self.planned().timeline, self.timeline())
    }

    /// A self-contained HTML page: the predicted run above the measured one, one row per lane, on one scale.
    pub fn page(&self, title: &str) -> String {
        gantt::page(title, &[&self.planned().timeline, self.timeline()])
    }

    /// The predicted and the measured run as a Chrome trace, which <https://ui.perfetto.dev> opens.
    pub fn trace(&self) -> String {
        let plan = self.planned();
        perfetto::trace(&[("predicted", &plan.timeline), ("measured", self.timeline())], Some(&plan.graph))
    }
}

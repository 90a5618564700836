//! The sample graph as the planner would run it on this machine: its Gantt chart and what else was tried.

use std::fmt::Write;

use crate::calibrate::sample_graph::{HEIGHT, WIDTH, sample_graph};
use crate::page::{count, escape};
use crate::planner::planning::plan;
use crate::planner::profile::{DeviceKind, Profile};
use crate::planner::trace::{gantt, time};
use crate::planner::{DataResidency, Objective, Plan, ProfileSet};

/// The seed of the plan that is drawn.
const SEED: u64 = 1;

/// The section; it says why where the graph cannot be planned.
pub(super) fn section(profile: &Profile) -> String {
    let graph = sample_graph(WIDTH, HEIGHT);
    let pixels = count((WIDTH * HEIGHT) as f64);
    let mut s = format!(
        "<h2>A graph of {} stages</h2>\n<p>A photograph of {pixels} pixels is decoded, balanced, toned, denoised, sharpened and encoded; decoding, the tone curve and encoding are host code. Predicted from this profile, inputs and results on the host.",
        graph.tasks.len()
    );
    if profile.gpus().any(|d| d.adapter.kind == DeviceKind::Software) {
        s += " The software adapter is left out, as routing leaves it out.";
    }
    let set = ProfileSet::from_profile(profile);
    match plan(&graph, &set, &DataResidency::host(&graph), &Objective::default(), SEED) {
        Ok(plan) => drawn(&mut s, &plan),
        Err(error) => {
            // Writing to a string cannot fail.
            let _ = writeln!(s, "</p>\n<p>It cannot be planned here: {}.</p>", escape(&error.to_string()));
        }
    }
    s
}

fn drawn(s: &mut String, plan: &Plan) {
    let timeline = &plan.timeline;
    let _ = writeln!(
        s,
        "</p>\n{}</p>\n<div class=\"card timeline\" data-graph=\"sample\"><h3>Predicted</h3><small>{} of {} steps, ± {:.0} % (one standard deviation)</small><div class=\"chart\">{}</div></div>",
        gantt::LEGEND,
        time(timeline.makespan_ns),
        timeline.spans.len(),
        100.0 * plan.sigma.exp_m1(),
        gantt::svg(timeline, &timeline.lanes(), timeline.makespan_ns, 1.0)
    );
    if plan.candidates.len() > 1 {
        *s += "<div class=\"card table\"><table><thead><tr><th>what was tried</th><th class=\"n\">predicted</th></tr></thead><tbody>\n";
        for (name, ns) in &plan.candidates {
            let _ = writeln!(s, "<tr><td>{}</td><td class=\"n\">{}</td></tr>", escape(name), time(*ns));
        }
        *s += "</tbody></table></div>\n";
    }
}

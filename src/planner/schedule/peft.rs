//! PEFT (Arabnejad, Barbosa 2014): as HEFT, but each processor's end time counts what it costs the tasks after, by a
//! table that is computed backwards ("optimistic cost table").

use std::collections::BinaryHeap;

use super::heft::mean_copies;
use super::insertion::Insertion;
use super::instance::Instance;
use super::result::{Draft, Infeasible};
use super::table::{NONE, Table};

/// The PEFT draft. `O(reads × processors²)`.
///
/// # Errors
/// [`Infeasible::NoProcessor`].
pub fn peft(instance: &Instance) -> Result<Draft, Infeasible> {
    let table = Table::new(instance);
    let edges = mean_copies(&table);
    draft(&table, &edges)
}

/// Task × processor: the least time from the task's end there to the end of everything, were all processors free.
fn optimistic_costs(table: &Table, edges: &[Vec<f64>]) -> Vec<f64> {
    let p = table.processors;
    let mut costs = vec![0.0f64; table.tasks * p];
    for t in (0..table.tasks).rev() {
        for q in 0..p {
            let home = table.cell(t, q).memory;
            let mut longest = 0.0f64;
            for (&s, &copy) in table.succs.row(t).iter().zip(&edges[t]) {
                let s = s as usize;
                let mut least = f64::INFINITY;
                for r in 0..p {
                    let cell = table.cell(s, r);
                    if cell.ns != NONE {
                        let copy = if cell.memory == home { 0.0 } else { copy };
                        least = least.min(costs[s * p + r] + cell.ns as f64 + copy);
                    }
                }
                if least.is_finite() {
                    longest = longest.max(least);
                }
            }
            costs[t * p + q] = longest;
        }
    }
    costs
}

/// A finite number with a total order.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rank(f64);

impl Eq for Rank {}

impl PartialOrd for Rank {
    fn partial_cmp(&self, other: &Rank) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Rank {
    fn cmp(&self, other: &Rank) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

pub(super) fn draft(table: &Table, edges: &[Vec<f64>]) -> Result<Draft, Infeasible> {
    let p = table.processors;
    let costs = optimistic_costs(table, edges);
    let rank = |t: usize| Rank(costs[t * p..(t + 1) * p].iter().sum());
    let mut waiting: Vec<usize> = (0..table.tasks).map(|t| table.preds.row(t).len()).collect();
    let mut ready: BinaryHeap<_> =
        (0..table.tasks).filter(|&t| waiting[t] == 0).map(|t| (rank(t), std::cmp::Reverse(t))).collect();
    let mut state = Insertion::new(table);
    while let Some((_, std::cmp::Reverse(t))) = ready.pop() {
        let ends = (0..p).filter_map(|q| {
            let (_, end) = state.estimate(t, q)?;
            Some((Rank(end as f64 + costs[t * p + q]), q))
        });
        let (_, q) = ends.min().ok_or(Infeasible::NoProcessor { task: t })?;
        state.place(t, q);
        for &s in table.succs.row(t) {
            let s = s as usize;
            waiting[s] -= 1;
            if waiting[s] == 0 {
                ready.push((rank(s), std::cmp::Reverse(s)));
            }
        }
    }
    Ok(state.finish())
}

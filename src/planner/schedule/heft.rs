//! HEFT (Topcuoglu, Hariri, Wu 2002): tasks by upward rank, each on the processor where it ends first.

use super::insertion::Insertion;
use super::instance::Instance;
use super::result::{Draft, Infeasible};
use super::table::{NONE, Table};

/// The HEFT draft. `O(reads × processors × log)`.
///
/// # Errors
/// [`Infeasible::NoProcessor`].
pub fn heft(instance: &Instance) -> Result<Draft, Infeasible> {
    let table = Table::new(instance);
    let edges = mean_copies(&table);
    draft(&table, &ranks(&table, &edges))
}

/// The mean time from a task's start to the end of everything after it, along the longest path: mean run times over the
/// processors that can run a task, mean copy times over the links.
pub fn upward_ranks(instance: &Instance) -> Vec<f64> {
    let table = Table::new(instance);
    ranks(&table, &mean_copies(&table))
}

/// The mean time of the copies along each edge, in the order of the rows of `succs`.
pub(super) fn mean_copies(table: &Table) -> Vec<Vec<f64>> {
    let mut to = vec![0.0; table.tasks];
    (0..table.tasks)
        .map(|t| {
            for &d in table.writes.row(t) {
                let mean = table.mean_copy(d as usize);
                for &r in table.readers.row(d as usize) {
                    to[r as usize] += mean;
                }
            }
            table.succs.row(t).iter().map(|&s| std::mem::take(&mut to[s as usize])).collect()
        })
        .collect()
}

pub(super) fn ranks(table: &Table, edges: &[Vec<f64>]) -> Vec<f64> {
    let mut ranks = vec![0.0f64; table.tasks];
    for t in (0..table.tasks).rev() {
        let (mut sum, mut count) = (0.0, 0.0);
        for p in 0..table.processors {
            let ns = table.cell(t, p).ns;
            if ns != NONE {
                sum += ns as f64;
                count += 1.0;
            }
        }
        let after = table.succs.row(t).iter().zip(&edges[t]).map(|(&s, copy)| copy + ranks[s as usize]);
        ranks[t] = after.fold(0.0, f64::max) + if count > 0.0 { sum / count } else { 0.0 };
    }
    ranks
}

/// All tasks by falling rank; topological, because no task's rank is below that of a task after it, and ties go by index.
pub(super) fn by_rank(ranks: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..ranks.len()).collect();
    order.sort_unstable_by(|&a, &b| ranks[b].total_cmp(&ranks[a]).then(a.cmp(&b)));
    order
}

pub(super) fn draft(table: &Table, ranks: &[f64]) -> Result<Draft, Infeasible> {
    let mut state = Insertion::new(table);
    for t in by_rank(ranks) {
        let ends = (0..table.processors).filter_map(|p| state.estimate(t, p).map(|(_, end)| (end, p)));
        let (_, p) = ends.min().ok_or(Infeasible::NoProcessor { task: t })?;
        state.place(t, p);
    }
    Ok(state.finish())
}

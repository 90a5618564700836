//! Placement by dynamic programming along chains and trees: the least sum of run and copy times. Exact for a chain
//! (where nothing can overlap); in other graphs each task hands its costs to the one successor that it sends most to.

use super::heft::{by_rank, mean_copies, ranks};
use super::instance::Instance;
use super::result::{Draft, Infeasible};
use super::table::{NONE, Table};

/// The draft with the least sum of run and copy times. `O(reads × processors²)`.
///
/// # Errors
/// [`Infeasible::NoProcessor`].
pub fn chain(instance: &Instance) -> Result<Draft, Infeasible> {
    let table = Table::new(instance);
    let edges = mean_copies(&table);
    let order = by_rank(&ranks(&table, &edges));
    draft(&table, &edges, order)
}

pub(super) fn draft(table: &Table, edges: &[Vec<f64>], order: Vec<usize>) -> Result<Draft, Infeasible> {
    let (n, p) = (table.tasks, table.processors);
    // The successor that gets a task's costs.
    let heir: Vec<Option<usize>> = (0..n)
        .map(|t| {
            let mut best: Option<(f64, usize)> = None;
            for (&s, &copy) in table.succs.row(t).iter().zip(&edges[t]) {
                if best.is_none_or(|(c, _)| copy > c) {
                    best = Some((copy, s as usize));
                }
            }
            best.map(|(_, s)| s)
        })
        .collect();
    // Task × processor: the least sum for it and all that hand their costs to it.
    let mut sums = vec![0u64; n * p];
    for t in 0..n {
        let mut any = false;
        for q in 0..p {
            let cell = table.cell(t, q);
            if cell.ns == NONE {
                sums[t * p + q] = NONE;
                continue;
            }
            any = true;
            let sum = &mut sums[t * p + q];
            *sum = sum.saturating_add(cell.ns).saturating_add(outside_copies(table, t, cell.memory as usize));
        }
        if !any {
            return Err(Infeasible::NoProcessor { task: t });
        }
        if let Some(s) = heir[t] {
            for r in 0..p {
                let (sum, _) = best_for(table, &sums, t, s, r);
                sums[s * p + r] = sums[s * p + r].saturating_add(sum);
            }
        }
    }
    let mut assignment = vec![0; n];
    for t in (0..n).rev() {
        assignment[t] = match heir[t] {
            Some(s) => best_for(table, &sums, t, s, assignment[s]).1,
            None => (0..p).min_by_key(|&q| sums[t * p + q]).unwrap_or(0),
        };
    }
    Ok(Draft { assignment, order })
}

/// Copies of inputs that nobody writes, and of what is wanted elsewhere.
fn outside_copies(table: &Table, t: usize, m: usize) -> u64 {
    let mut sum = 0u64;
    for &d in table.reads.row(t) {
        let d = d as usize;
        let row = &table.initial[d * table.memories..][..table.memories];
        let routes = row.iter().enumerate().filter(|&(_, &v)| v == 0).filter_map(|(from, _)| table.route(d, from, m));
        sum = sum.saturating_add(routes.min().unwrap_or(0));
    }
    for &d in table.writes.row(t) {
        if let Ok(at) = table.wanted.binary_search_by_key(&d, |w| w.0) {
            sum = sum.saturating_add(table.route(d as usize, m, table.wanted[at].1 as usize).unwrap_or(NONE));
        }
    }
    sum
}

/// The least sum of a task and of its copies to its heir on processor `r`, with the task's processor.
fn best_for(table: &Table, sums: &[u64], t: usize, s: usize, r: usize) -> (u64, usize) {
    let p = table.processors;
    let to = table.cell(s, r).memory as usize;
    let mut best = (NONE, 0);
    for q in 0..p {
        if sums[t * p + q] == NONE {
            continue;
        }
        let from = table.cell(t, q).memory as usize;
        let mut sum = sums[t * p + q];
        for &d in table.writes.row(t) {
            if table.reads.row(s).contains(&d) {
                sum = sum.saturating_add(table.route(d as usize, from, to).unwrap_or(NONE));
            }
        }
        if sum < best.0 {
            best = (sum, q);
        }
    }
    if best.0 == NONE {
        best.1 = (0..p).find(|&q| sums[t * p + q] != NONE).unwrap_or(0);
    }
    best
}

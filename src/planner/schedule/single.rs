//! Everything on one processor.

use super::instance::Instance;
use super::result::{Draft, Infeasible};
use super::table::{NONE, Table};

/// Everything on processor `p`, in the instance's order. What cannot run there runs on the fastest processor at the host's
/// memory, or else the fastest of all.
///
/// # Errors
/// [`Infeasible::NoProcessor`].
pub fn single(instance: &Instance, p: usize) -> Result<Draft, Infeasible> {
    draft(&Table::new(instance), p, (0..instance.tasks.len()).collect())
}

pub(super) fn draft(table: &Table, p: usize, order: Vec<usize>) -> Result<Draft, Infeasible> {
    let place = |t: usize| {
        if p < table.processors && table.cell(t, p).ns != NONE {
            return Ok(p);
        }
        let others = (0..table.processors).filter(|&q| table.cell(t, q).ns != NONE);
        others.min_by_key(|&q| (table.home[q] != 0, table.cell(t, q).ns, q)).ok_or(Infeasible::NoProcessor { task: t })
    };
    Ok(Draft { assignment: (0..table.tasks).map(place).collect::<Result<_, _>>()?, order })
}

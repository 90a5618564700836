//! `count`.

use super::ParallelIterator;
use super::offload::{self, Routed, Terminal};
use super::reduce::from_value;

pub(super) fn count<I: ParallelIterator>(iter: I) -> usize {
    let on_cpu = |iter: I| iter.map(|_| 1usize).sum();
    if !iter.is_kernel_chain() {
        return on_cpu(iter);
    }
    let routed = iter.describe().map(|pipe| offload::reduce(&pipe, &Terminal::Count));
    match routed {
        None => on_cpu(iter),
        Some(Routed::Done(value)) => match from_value(value) {
            Some(n) => n,
            None => on_cpu(iter),
        },
        Some(Routed::Cpu(ticket)) => {
            let n = on_cpu(iter);
            ticket.finish();
            n
        }
    }
}

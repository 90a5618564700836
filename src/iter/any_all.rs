//! `any` and `all`: over an iterator of truth values.

use super::ParallelIterator;
use super::find::find_any;
use super::offload::{self, Routed, Terminal};
use super::reduce::from_value;

pub(super) fn any<I: ParallelIterator<Item = bool>>(iter: I) -> bool {
    routed(iter, &Terminal::Any, |iter| find_any(iter.filter(|&hit| hit)).is_some())
}

pub(super) fn all<I: ParallelIterator<Item = bool>>(iter: I) -> bool {
    routed(iter, &Terminal::All, |iter| find_any(iter.filter(|&hit| !hit)).is_none())
}

fn routed<I>(iter: I, terminal: &Terminal, on_cpu: impl FnOnce(I) -> bool) -> bool
where
    I: ParallelIterator<Item = bool>,
{
    if !iter.is_kernel_chain() {
        return on_cpu(iter);
    }
    let routed = iter.describe().map(|pipe| offload::reduce(&pipe, terminal));
    match routed {
        None => on_cpu(iter),
        Some(Routed::Done(value)) => match from_value(value) {
            Some(result) => result,
            None => on_cpu(iter),
        },
        Some(Routed::Cpu(ticket)) => {
            let result = on_cpu(iter);
            ticket.finish();
            result
        }
    }
}

//! `min` and `max`.

use super::ParallelIterator;
use super::kind::is;
use super::offload::{self, CpuTicket, Routed, Terminal};
use super::reduce::from_value;

pub(super) fn min<I>(iter: I) -> Option<I::Item>
where
    I: ParallelIterator,
    I::Item: Ord,
{
    routed(iter, &Terminal::Min, |iter| iter.reduce_with(Ord::min))
}

pub(super) fn max<I>(iter: I) -> Option<I::Item>
where
    I: ParallelIterator,
    I::Item: Ord,
{
    routed(iter, &Terminal::Max, |iter| iter.reduce_with(Ord::max))
}

/// Offers u32 and i32 to the router. Only chains of known length: whether a filter leaves anything is not known before
/// the run, and a device has no value for nothing.
fn routed<I>(iter: I, terminal: &Terminal, on_cpu: impl FnOnce(I) -> Option<I::Item>) -> Option<I::Item>
where
    I: ParallelIterator,
{
    let mut ticket: Option<CpuTicket> = None;
    if (is::<I::Item, u32>() || is::<I::Item, i32>())
        && iter.is_kernel_chain()
        && iter.opt_len().is_some_and(|len| len > 0)
        && let Some(pipe) = iter.describe()
    {
        match offload::reduce(&pipe, terminal) {
            Routed::Done(value) => {
                if let Some(result) = from_value(value) {
                    return Some(result);
                }
            }
            Routed::Cpu(cpu) => ticket = Some(cpu),
        }
    }
    let result = on_cpu(iter);
    if let Some(ticket) = ticket {
        ticket.finish();
    }
    result
}

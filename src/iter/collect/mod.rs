//! `collect`: into vectors in place where the length is known, otherwise through a list of vectors.

mod in_place;
mod list;

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hash};

use super::kind::{is, uncast};
use super::offload::{self, CpuTicket, Routed};
use super::{FromParallelIterator, IndexedParallelIterator, IntoParallelIterator, ParallelExtend, ParallelIterator};

/// `collect_into_vec`.
pub(super) fn into_vec<I: IndexedParallelIterator>(iter: I, target: &mut Vec<I::Item>) {
    target.clear();
    let len = iter.len();
    in_place::drive(target, len, |consumer| iter.drive(consumer));
}

impl<T: Send> FromParallelIterator<T> for Vec<T> {
    fn from_par_iter<I>(par_iter: I) -> Self
    where
        I: IntoParallelIterator<Item = T>,
    {
        let iter = par_iter.into_par_iter();
        let ticket = match offer(&iter) {
            Some(Routed::Done(items)) => return items,
            Some(Routed::Cpu(ticket)) => Some(ticket),
            None => None,
        };
        let mut vec = Vec::new();
        vec.par_extend(iter);
        if let Some(ticket) = ticket {
            CpuTicket::finish(ticket);
        }
        vec
    }
}

/// Offers a chain of kernels whose items are scalars to the router.
fn offer<I: ParallelIterator>(iter: &I) -> Option<Routed<Vec<I::Item>>> {
    macro_rules! first {
        ($($t:ty)*) => {$(
            if is::<I::Item, $t>() && iter.is_kernel_chain() {
                return Some(match offload::collect::<$t>(&iter.describe()?) {
                    Routed::Done(items) => Routed::Done(uncast_vec(items)?),
                    Routed::Cpu(ticket) => Routed::Cpu(ticket),
                });
            }
        )*};
    }
    first!(f32 u32 i32 bool);
    None
}

/// A `Vec<B>` as a `Vec<A>` if A is B.
fn uncast_vec<A, B: 'static>(vec: Vec<B>) -> Option<Vec<A>> {
    // `Vec<A>` need not be 'static, so its key is compared with that of `Vec<B>`.
    uncast::<Vec<A>, Vec<B>>(vec)
}

impl<T: Send> ParallelExtend<T> for Vec<T> {
    fn par_extend<I>(&mut self, par_iter: I)
    where
        I: IntoParallelIterator<Item = T>,
    {
        let iter = par_iter.into_par_iter();
        if let Some(len) = iter.opt_len() {
            return in_place::append(self, len, iter);
        }
        let pieces = list::pieces(iter);
        self.reserve(pieces.iter().map(Vec::len).sum());
        for mut piece in pieces {
            self.append(&mut piece);
        }
    }
}

impl<K, V, S> ParallelExtend<(K, V)> for HashMap<K, V, S>
where
    K: Eq + Hash + Send,
    V: Send,
    S: BuildHasher + Send,
{
    fn par_extend<I>(&mut self, par_iter: I)
    where
        I: IntoParallelIterator<Item = (K, V)>,
    {
        for piece in list::pieces(par_iter.into_par_iter()) {
            self.extend(piece);
        }
    }
}

impl<K, V, S> FromParallelIterator<(K, V)> for HashMap<K, V, S>
where
    K: Eq + Hash + Send,
    V: Send,
    S: BuildHasher + Default + Send,
{
    fn from_par_iter<I>(par_iter: I) -> Self
    where
        I: IntoParallelIterator<Item = (K, V)>,
    {
        let mut map = HashMap::default();
        map.par_extend(par_iter);
        map
    }
}

impl<V, S> ParallelExtend<V> for HashSet<V, S>
where
    V: Eq + Hash + Send,
    S: BuildHasher + Send,
{
    fn par_extend<I>(&mut self, par_iter: I)
    where
        I: IntoParallelIterator<Item = V>,
    {
        for piece in list::pieces(par_iter.into_par_iter()) {
            self.extend(piece);
        }
    }
}

impl<V, S> FromParallelIterator<V> for HashSet<V, S>
where
    V: Eq + Hash + Send,
    S: BuildHasher + Default + Send,
{
    fn from_par_iter<I>(par_iter: I) -> Self
    where
        I: IntoParallelIterator<Item = V>,
    {
        let mut set = HashSet::default();
        set.par_extend(par_iter);
        set
    }
}

impl<A, B, FromA, FromB> FromParallelIterator<(A, B)> for (FromA, FromB)
where
    A: Send,
    B: Send,
    FromA: Default + Send + ParallelExtend<A>,
    FromB: Default + Send + ParallelExtend<B>,
{
    fn from_par_iter<I>(par_iter: I) -> Self
    where
        I: IntoParallelIterator<Item = (A, B)>,
    {
        unzip(par_iter.into_par_iter())
    }
}

/// Collects the pairs once, then hands each half on.
pub(super) fn unzip<I, A, B, FromA, FromB>(iter: I) -> (FromA, FromB)
where
    I: ParallelIterator<Item = (A, B)>,
    FromA: Default + Send + ParallelExtend<A>,
    FromB: Default + Send + ParallelExtend<B>,
    A: Send,
    B: Send,
{
    let pairs: Vec<(A, B)> = iter.collect();
    let (left, right): (Vec<A>, Vec<B>) = pairs.into_iter().unzip();
    let (mut a, mut b) = (FromA::default(), FromB::default());
    a.par_extend(left);
    b.par_extend(right);
    (a, b)
}

/// Collects what `split` lets through; the first refusal by position if there is one.
fn until_refused<I, T, E, C>(iter: I, split: impl Fn(I::Item) -> Result<T, E> + Sync + Send) -> Result<C, E>
where
    I: ParallelIterator,
    T: Send,
    E: Send,
    C: FromParallelIterator<T>,
{
    // Every item is visited: the list of pieces keeps their order, so the first refusal is the one that is returned.
    let pieces = list::pieces(iter.map(split));
    let mut items = Vec::with_capacity(pieces.iter().map(Vec::len).sum());
    for piece in pieces {
        for item in piece {
            items.push(item?);
        }
    }
    Ok(items.into_par_iter().collect())
}

impl<C, T, E> FromParallelIterator<Result<T, E>> for Result<C, E>
where
    C: FromParallelIterator<T>,
    T: Send,
    E: Send,
{
    fn from_par_iter<I>(par_iter: I) -> Self
    where
        I: IntoParallelIterator<Item = Result<T, E>>,
    {
        until_refused(par_iter.into_par_iter(), |item| item)
    }
}

impl<C, T> FromParallelIterator<Option<T>> for Option<C>
where
    C: FromParallelIterator<T>,
    T: Send,
{
    fn from_par_iter<I>(par_iter: I) -> Self
    where
        I: IntoParallelIterator<Item = Option<T>>,
    {
        until_refused(par_iter.into_par_iter(), |item| item.ok_or(())).ok()
    }
}

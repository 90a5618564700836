//! Every item is dropped exactly once, whether or not a closure panics on the way.
#![allow(missing_docs)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicIsize, Ordering};

use veda::iter::*;

struct Counted<'c>(&'c AtomicIsize, usize);

impl<'c> Counted<'c> {
    fn new(alive: &'c AtomicIsize, id: usize) -> Self {
        alive.fetch_add(1, Ordering::Relaxed);
        Counted(alive, id)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[test]
fn collect_owns_each_item_once() {
    let alive = AtomicIsize::new(0);
    let items: Vec<_> = (0..1000usize).into_par_iter().with_max_len(10).map(|i| Counted::new(&alive, i)).collect();
    assert_eq!(alive.load(Ordering::Relaxed), 1000);
    assert!(items.iter().enumerate().all(|(i, item)| item.1 == i));
    let odd: Vec<_> = items.into_par_iter().with_max_len(7).filter(|item| item.1 % 2 == 1).collect();
    assert_eq!(alive.load(Ordering::Relaxed), 500);
    drop(odd);
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}

#[test]
fn a_panic_drops_what_was_made() {
    for at in [0, 1, 499, 500, 999] {
        let alive = AtomicIsize::new(0);
        let result = catch_unwind(AssertUnwindSafe(|| {
            (0..1000usize)
                .into_par_iter()
                .with_max_len(16)
                .map(|i| {
                    assert!(i != at, "item {i}");
                    Counted::new(&alive, i)
                })
                .collect::<Vec<_>>()
        }));
        assert!(result.is_err());
        assert_eq!(alive.load(Ordering::Relaxed), 0, "panic at {at}");
    }
}

#[test]
fn a_panic_drops_what_was_not_visited() {
    for at in [0, 1, 499, 999] {
        let alive = AtomicIsize::new(0);
        let items: Vec<_> = (0..1000).map(|i| Counted::new(&alive, i)).collect();
        let result = catch_unwind(AssertUnwindSafe(|| {
            items.into_par_iter().with_max_len(16).skip(1).for_each(|item| assert!(item.1 != at));
        }));
        assert_eq!(result.is_err(), at != 0);
        assert_eq!(alive.load(Ordering::Relaxed), 0, "panic at {at}");
    }
}

#[test]
fn skipped_taken_and_zipped_away_items_are_dropped() {
    let alive = AtomicIsize::new(0);
    let make = || (0..100).map(|i| Counted::new(&alive, i)).collect::<Vec<_>>();
    assert_eq!(make().into_par_iter().skip(60).map(|item| item.1).sum::<usize>(), (60..100).sum::<usize>());
    assert_eq!(make().into_par_iter().take(60).map(|item| item.1).sum::<usize>(), (0..60).sum::<usize>());
    assert_eq!(make().into_par_iter().zip(0..7u8).with_max_len(2).map(|(item, _)| item.1).sum::<usize>(), 21);
    assert_eq!(make().into_par_iter().step_by(9).chunks(2).rev().map(|pair| pair.len()).sum::<usize>(), 12);
    drop(make().into_par_iter());
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}

#[test]
fn adapters_are_lazy() {
    let chain = (0..10u32).into_par_iter().map(|_| panic!("ran")).filter(|(): &()| panic!("ran"));
    drop(chain);
}

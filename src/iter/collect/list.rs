//! Collecting an unknown number of items: each piece a vector, the pieces a list.

#![allow(clippy::linkedlist)] // lists are appended in constant time, and Rayon has `collect_vec_list`

use std::collections::LinkedList;

use crate::iter::ParallelIterator;
use crate::iter::plumbing::{Consumer, Folder, Reducer, UnindexedConsumer};

pub(super) fn pieces<I: ParallelIterator>(iter: I) -> LinkedList<Vec<I::Item>> {
    iter.drive_unindexed(List)
}

struct List;

impl<T: Send> Consumer<T> for List {
    type Folder = ListFolder<T>;
    type Reducer = List;
    type Result = LinkedList<Vec<T>>;
    fn split_at(self, _: usize) -> (Self, Self, Self) {
        (List, List, List)
    }
    fn into_folder(self) -> ListFolder<T> {
        ListFolder(Vec::new())
    }
    fn full(&self) -> bool {
        false
    }
}

impl<T: Send> UnindexedConsumer<T> for List {
    fn split_off_left(&self) -> Self {
        List
    }
    fn to_reducer(&self) -> Self {
        List
    }
}

impl<T> Reducer<LinkedList<T>> for List {
    fn reduce(self, mut left: LinkedList<T>, mut right: LinkedList<T>) -> LinkedList<T> {
        left.append(&mut right);
        left
    }
}

struct ListFolder<T>(Vec<T>);

impl<T> Folder<T> for ListFolder<T> {
    type Result = LinkedList<Vec<T>>;
    #[inline(always)]
    fn consume(mut self, item: T) -> Self {
        self.0.push(item);
        self
    }
    #[inline(always)]
    fn consume_iter<I>(mut self, iter: I) -> Self
    where
        I: IntoIterator<Item = T>,
    {
        self.0.extend(iter);
        self
    }
    fn complete(self) -> LinkedList<Vec<T>> {
        let mut list = LinkedList::new();
        if !self.0.is_empty() {
            list.push_back(self.0);
        }
        list
    }
    #[inline(always)]
    fn full(&self) -> bool {
        false
    }
    #[inline(always)]
    fn stops(&self) -> bool {
        false
    }
}

//! The work-stealing CPU pool. How it works is told in this folder's README.

mod chunks;
mod cpu_count;
mod deque;
mod fence;
mod job;
mod join;
mod latch;
mod pool;
mod registry;
mod scope;
mod sleep;
mod spawn;

pub use chunks::tree_split;
pub use cpu_count::{MAX_THREADS, default_num_threads, requested_threads};
pub use join::{FnContext, join, join_context};
pub use pool::{
    Pool, PoolConfig, current_num_threads, current_thread_index, global_stats, set_global, shutdown_global,
};
pub use scope::{RayonScope, Scope, ScopeError, rayon_scope, scope, try_scope};
pub use spawn::{JoinHandle, spawn};

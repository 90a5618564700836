//! Buffers by size class, under a budget.
//!
//! A fresh buffer costs page faults and the zero-fill of its first use (wgpu does it, 79 ms for 128 MiB on a software
//! driver), a pooled one costs a hash look-up. A job reserves *all* it needs in one step and waits in line while others
//! hold the memory, so two jobs can never wait for each other's halves.
//!
//! Memory in use is of two kinds. What a job or a submitted command list has comes back by itself. What somebody *holds*
//! (a [`DeviceBuffer`](super::DeviceBuffer), a download that nobody has read) comes back when its holder pleases, so
//! nobody ever waits for it: a request that does not fit beside it is refused.
//!
//! Invariant: free buffers that the host writes are mapped, free buffers that it reads are not. A buffer of a job that
//! failed is in neither state for sure, so it is dropped, never `destroy()`ed: that would wait for whoever polls.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::Shared;
use super::counters::add;
use super::error::{DeviceError, from_wgpu, scoped};

/// What a buffer is used for; each has its own free lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Usage {
    /// Host memory that is copied from.
    Upload,
    /// Host memory that is copied to.
    Download,
    /// Device memory for storage bindings.
    Storage,
    /// Device memory for uniforms.
    Uniform,
    /// Unified memory: a storage binding that the host writes.
    SharedInput,
    /// Unified memory: a uniform that the host writes.
    SharedUniform,
    /// Unified memory: a storage binding that the host reads.
    SharedOutput,
}

impl Usage {
    fn flags(self) -> wgpu::BufferUsages {
        use wgpu::BufferUsages as B;
        match self {
            Self::Upload => B::MAP_WRITE | B::COPY_SRC,
            Self::Download => B::MAP_READ | B::COPY_DST,
            Self::Storage => B::STORAGE | B::COPY_SRC | B::COPY_DST,
            Self::Uniform => B::UNIFORM | B::COPY_DST,
            Self::SharedInput => B::STORAGE | B::MAP_WRITE,
            Self::SharedUniform => B::UNIFORM | B::MAP_WRITE,
            Self::SharedOutput => B::STORAGE | B::MAP_READ | B::COPY_SRC | B::COPY_DST,
        }
    }

    /// Whether the host writes it, so that free ones stay mapped.
    pub(super) fn written_by_host(self) -> bool {
        matches!(self, Self::Upload | Self::SharedInput | Self::SharedUniform)
    }
}

/// The bytes that are allocated for a size: powers of two in quarter steps, so at most a quarter is wasted, at least 256.
pub(super) fn size_class(bytes: u64) -> u64 {
    const SMALLEST: u64 = 256;
    if bytes <= SMALLEST {
        return SMALLEST;
    }
    // 2^k < bytes <= 2^(k+1), steps of 2^k / 4.
    let step = 1 << (bytes - 1).ilog2().saturating_sub(2);
    bytes.checked_next_multiple_of(step).unwrap_or(u64::MAX)
}

/// A buffer out of the pool.
#[derive(Debug, Clone)]
pub(super) struct Pooled {
    pub buffer: wgpu::Buffer,
    pub usage: Usage,
    pub class: u64,
}

/// How long a request waits for memory that others use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// In line, oldest first: a job, which has nothing yet.
    Line,
    /// Before the line: its owner may hold memory that those in line cannot do without.
    Urgent,
    /// Not at all.
    Never,
}

#[derive(Debug, Default)]
struct State {
    free: HashMap<(Usage, u64), Vec<wgpu::Buffer>>,
    free_bytes: u64,
    /// All buffers that exist, and what leases may still create.
    live_bytes: u64,
    /// The part of them that comes back only when its holder pleases.
    held_bytes: u64,
    /// How many wait before the line.
    urgent: usize,
    /// Who waits for memory, oldest first: a large job must not starve behind a stream of small ones.
    line: VecDeque<u64>,
    next_ticket: u64,
}

impl State {
    fn take(&mut self, usage: Usage, class: u64) -> Option<Pooled> {
        let buffer = self.free.get_mut(&(usage, class))?.pop()?;
        self.free_bytes -= class;
        Some(Pooled { buffer, usage, class })
    }

    fn put(&mut self, pooled: Pooled) {
        self.free_bytes += pooled.class;
        self.free.entry((pooled.usage, pooled.class)).or_default().push(pooled.buffer);
    }

    /// Gives free buffers back to the driver, largest first, until `bytes` are gone or none are left.
    fn evict(&mut self, bytes: u64) {
        let mut keys: Vec<_> = self.free.keys().copied().collect();
        keys.sort_by_key(|&(_, class)| std::cmp::Reverse(class));
        let mut gone = 0;
        for key in keys {
            let list = self.free.get_mut(&key).map(std::mem::take).unwrap_or_default();
            for buffer in list {
                if gone < bytes {
                    gone += key.1;
                    self.free_bytes -= key.1;
                    self.live_bytes -= key.1;
                    drop(buffer);
                } else {
                    self.free.entry(key).or_default().push(buffer);
                }
            }
        }
        self.free.retain(|_, list| !list.is_empty());
    }
}

/// The pool of one device.
#[derive(Debug)]
pub(super) struct Pool {
    state: Mutex<State>,
    released: Condvar,
    budget: u64,
    largest: u64,
}

impl Pool {
    pub(super) fn new(budget: u64, max_buffer_bytes: u64) -> Self {
        // Buffer sizes are multiples of 4; a limit of 2^31 - 1 is not.
        Self { state: Mutex::default(), released: Condvar::new(), budget, largest: max_buffer_bytes & !3 }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes of all buffers, free or in use.
    pub(super) fn live_bytes(&self) -> u64 {
        self.lock().live_bytes
    }

    /// Gives all free buffers back to the driver.
    pub(super) fn trim(&self) {
        self.lock().evict(u64::MAX);
    }

    /// The size class that is allocated for a size.
    pub(super) fn class(&self, bytes: u64) -> u64 {
        size_class(bytes).min(self.largest).max(bytes)
    }

    /// Bytes that a request may take now without waiting: what is not in use.
    pub(super) fn available(&self) -> u64 {
        let state = self.lock();
        self.budget.saturating_sub(state.live_bytes - state.free_bytes)
    }

    /// Bytes that a request may hope for: what nobody holds.
    pub(super) fn beside_held(&self) -> u64 {
        self.budget.saturating_sub(self.lock().held_bytes)
    }

    /// Bytes that somebody holds.
    pub(super) fn held_bytes(&self) -> u64 {
        self.lock().held_bytes
    }

    /// What was held comes back by itself from now on.
    pub(super) fn let_go(&self, bytes: u64) {
        self.lock().held_bytes -= bytes;
        self.released.notify_all();
    }

    /// Takes a buffer back, or drops it where it must not be used again.
    pub(super) fn give_back(&self, pooled: &Pooled, reuse: bool) {
        let mut state = self.lock();
        if reuse {
            state.put(pooled.clone());
        } else {
            state.live_bytes -= pooled.class;
        }
        drop(state);
        self.released.notify_all();
    }

    /// Takes buffers and room for those that are missing, all or nothing. `hold`: it counts as held.
    fn reserve(
        &self,
        classes: &[(Usage, u64)],
        promised: u64,
        patience: Patience,
        hold: bool,
    ) -> Result<Vec<Option<Pooled>>, DeviceError> {
        let needed = classes.iter().fold(promised, |sum, &(_, class)| sum.saturating_add(class));
        let mut state = self.lock();
        let mut ticket = None;
        let mut urgent = false;
        let result = loop {
            let room = self.budget.saturating_sub(state.held_bytes);
            if needed > room {
                break Err(DeviceError::OutOfBudget { needed, budget: room });
            }
            let my_turn = match patience {
                Patience::Line => state.urgent == 0 && state.line.front().is_none_or(|&front| Some(front) == ticket),
                Patience::Urgent | Patience::Never => true,
            };
            if my_turn && let Some(taken) = self.try_take(&mut state, classes, promised) {
                if hold {
                    state.held_bytes += needed;
                }
                break Ok(taken);
            }
            match patience {
                Patience::Never => {
                    let free = self.budget.saturating_sub(state.live_bytes - state.free_bytes);
                    break Err(DeviceError::OutOfBudget { needed, budget: free });
                }
                Patience::Urgent if !urgent => {
                    state.urgent += 1;
                    urgent = true;
                }
                Patience::Line if ticket.is_none() => {
                    let mine = state.next_ticket;
                    state.next_ticket += 1;
                    state.line.push_back(mine);
                    ticket = Some(mine);
                }
                _ => {}
            }
            state = self.released.wait(state).unwrap_or_else(PoisonError::into_inner);
        };
        if urgent {
            state.urgent -= 1;
        }
        if let Some(mine) = ticket {
            state.line.retain(|&other| other != mine);
        }
        // The next in line may fit too, or not at all any more beside what is held now.
        let others = state.urgent > 0 || !state.line.is_empty();
        drop(state);
        if others {
            self.released.notify_all();
        }
        result
    }

    fn try_take(&self, state: &mut State, classes: &[(Usage, u64)], promised: u64) -> Option<Vec<Option<Pooled>>> {
        let taken: Vec<_> = classes.iter().map(|&(usage, class)| state.take(usage, class)).collect();
        let missing = classes.iter().zip(&taken).filter(|(_, taken)| taken.is_none()).map(|(&(_, class), _)| class);
        let more = missing.sum::<u64>() + promised;
        let over = (state.live_bytes + more).saturating_sub(self.budget);
        if over > 0 {
            state.evict(over);
        }
        if state.live_bytes + more <= self.budget {
            state.live_bytes += more;
            return Some(taken);
        }
        for pooled in taken.into_iter().flatten() {
            state.put(pooled);
        }
        None
    }
}

/// The buffers of one job. Dropped without [`Lease::finish`] (an error, a panic of the caller's code) it drops its
/// buffers instead of returning them, since their mapping state is unknown.
#[derive(Debug)]
pub(super) struct Lease {
    shared: Arc<Shared>,
    buffers: Vec<Pooled>,
    /// Reserved, not created.
    promised: u64,
    /// How much of it counts as held.
    held: u64,
    finished: bool,
}

impl Lease {
    /// Takes or creates a buffer for each want, in order, and reserves room for `later`.
    /// Waits while other jobs hold the memory.
    pub(super) fn acquire(shared: &Arc<Shared>, wants: &[(Usage, u64)], later: &[u64]) -> Result<Self, DeviceError> {
        Self::acquire_with(shared, wants, later, Patience::Line, false)
    }

    /// The same for those who wait differently, or hold what they get.
    pub(super) fn acquire_with(
        shared: &Arc<Shared>,
        wants: &[(Usage, u64)],
        later: &[u64],
        patience: Patience,
        hold: bool,
    ) -> Result<Self, DeviceError> {
        let pool = &shared.pool;
        for &(_, bytes) in wants {
            if bytes > pool.largest {
                return Err(DeviceError::TooLarge { what: "a buffer".to_owned(), bytes, limit: pool.largest });
            }
        }
        let classes: Vec<_> = wants.iter().map(|&(usage, bytes)| (usage, pool.class(bytes))).collect();
        let promised = later.iter().fold(0u64, |sum, &bytes| sum.saturating_add(pool.class(bytes)));
        let needed = classes.iter().fold(promised, |sum, &(_, class)| sum.saturating_add(class));
        let taken = pool.reserve(&classes, promised, patience, hold)?;
        let missing: u64 = classes.iter().zip(&taken).filter(|(_, t)| t.is_none()).map(|(&(_, class), _)| class).sum();
        let mut lease = Self {
            shared: Arc::clone(shared),
            buffers: Vec::with_capacity(classes.len() + later.len()),
            promised: promised + missing,
            held: if hold { needed } else { 0 },
            finished: false,
        };
        let hits = taken.iter().flatten().count();
        add(&shared.counters.pool_hits, hits as u64);
        for ((usage, class), taken) in classes.into_iter().zip(taken) {
            match taken {
                Some(pooled) => lease.buffers.push(pooled),
                None => lease.create(usage, class)?,
            }
        }
        Ok(lease)
    }

    /// Takes or creates one more buffer out of what was reserved for later; its index.
    pub(super) fn more(&mut self, usage: Usage, bytes: u64) -> Result<usize, DeviceError> {
        let class = self.shared.pool.class(bytes);
        let taken = {
            let mut state = self.shared.pool.lock();
            let taken = state.take(usage, class);
            if taken.is_some() {
                // It was counted already, so the promise for it is given back.
                let unused = class.min(self.promised);
                self.promised -= unused;
                state.live_bytes -= unused;
            }
            taken
        };
        match taken {
            Some(pooled) => {
                add(&self.shared.counters.pool_hits, 1);
                self.buffers.push(pooled);
            }
            None => self.create(usage, class)?,
        }
        Ok(self.buffers.len() - 1)
    }

    fn create(&mut self, usage: Usage, class: u64) -> Result<(), DeviceError> {
        let shared = Arc::clone(&self.shared);
        let attempt = || {
            scoped(&shared.wgpu, || {
                shared.wgpu.create_buffer(&wgpu::BufferDescriptor {
                    label: None,
                    size: class,
                    usage: usage.flags(),
                    mapped_at_creation: usage.written_by_host(),
                })
            })
        };
        add(&shared.counters.pool_misses, 1);
        let (mut buffer, mut error) = attempt();
        if let Some(wgpu::Error::OutOfMemory { .. }) = error {
            shared.pool.trim();
            (buffer, error) = attempt();
        }
        if let Some(error) = error {
            return Err(from_wgpu(&error, "buffer", class));
        }
        self.promised -= class.min(self.promised);
        self.buffers.push(Pooled { buffer, usage, class });
        Ok(())
    }

    pub(super) fn buffer(&self, i: usize) -> &wgpu::Buffer {
        &self.buffers[i].buffer
    }

    pub(super) fn buffers(&self) -> &[Pooled] {
        &self.buffers
    }

    /// Hands over one of its buffers, which stays counted: the caller gives it back, and lets it go if it was held.
    pub(super) fn keep(mut self, i: usize) -> Pooled {
        let pooled = self.buffers.swap_remove(i);
        self.held -= self.held.min(pooled.class);
        pooled
    }

    /// Returns the buffers to the pool. The ones that the host writes must be mapped, the others not.
    pub(super) fn finish(mut self) {
        self.finished = true;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut state = self.shared.pool.lock();
        state.live_bytes -= self.promised;
        state.held_bytes -= self.held;
        for pooled in self.buffers.drain(..) {
            if self.finished {
                state.put(pooled);
            } else {
                state.live_bytes -= pooled.class;
            }
        }
        drop(state);
        self.shared.pool.released.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::size_class;

    #[test]
    fn plans_round_sizes_as_this_pool_does() {
        let rule = crate::planner::footprint::Footprint::Classes { least: 256, steps: 4 };
        for bytes in (0..3000).chain((8..63).flat_map(|k| [(1 << k) - 1, 1 << k, (1 << k) + 1, 3 << (k - 1)])) {
            assert_eq!(rule.of(bytes), size_class(bytes), "{bytes}");
        }
        assert_eq!(rule.of(u64::MAX), size_class(u64::MAX));
    }

    #[test]
    fn classes_are_quarter_steps() {
        for (bytes, class) in [
            (0, 256),
            (1, 256),
            (256, 256),
            (257, 320),
            (320, 320),
            (321, 384),
            (512, 512),
            (513, 640),
            (1 << 20, 1 << 20),
            ((1 << 20) + 1, (1 << 20) + (1 << 18)),
            (u64::MAX, u64::MAX),
        ] {
            assert_eq!(size_class(bytes), class, "{bytes}");
        }
    }

    #[test]
    fn a_class_holds_its_sizes_and_wastes_at_most_a_quarter() {
        let mut bytes = 257u64;
        while bytes < 1 << 40 {
            for bytes in [bytes - 1, bytes, bytes + 1] {
                let class = size_class(bytes);
                assert!(class >= bytes && class.is_multiple_of(4), "{bytes} -> {class}");
                assert!(class <= (bytes + bytes / 4 + 4).max(256), "{bytes} -> {class}");
                assert_eq!(size_class(class), class, "a class is its own class");
            }
            bytes = bytes * 5 / 3;
        }
    }
}

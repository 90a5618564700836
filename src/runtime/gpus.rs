//! The GPUs of a runtime: found in the background, opened once, reopened after a loss.

use std::panic::catch_unwind;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use crate::config::DeviceChoice;
use crate::device::exit::{Working, wait_at_end};
use crate::device::{Adapters, Device, DeviceCounters, DeviceInfo, Kind};

/// Losses after which a device is opened again; the next one is its last in this process.
const MAX_LOSSES: u32 = 3;

/// Pauses before the attempts to open a lost device: a driver that resets its card is back after some seconds.
const ATTEMPTS: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(100),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(15),
];

/// One adapter that routing may use.
#[derive(Debug)]
pub struct Gpu {
    /// Its number in the list of adapters: the `N` of `gpu:N` and [`Place::Gpu`](crate::gpu::Place::Gpu), and its slot
    /// in the cost model, whether it is open or lost.
    pub index: u32,
    /// What it is.
    pub info: DeviceInfo,
    /// Its name in the metrics: the adapter's, with the number where several have that name.
    pub label: String,
    /// Whether routing may choose it; other adapters only run what is forced on them.
    pub admitted: bool,
    device: RwLock<Option<Arc<Device>>>,
    /// Held while the device is being opened, so that two callers do not open it twice.
    opening: Mutex<()>,
    losses: AtomicU32,
    /// Counters of lost devices of this adapter.
    retired: Mutex<DeviceCounters>,
}

impl Gpu {
    fn new(info: &DeviceInfo, label: String, admitted: bool) -> Gpu {
        Gpu {
            index: info.index as u32,
            info: info.clone(),
            label,
            admitted,
            device: RwLock::new(None),
            opening: Mutex::new(()),
            losses: AtomicU32::new(0),
            retired: Mutex::default(),
        }
    }

    /// The open device; `None` while it is lost. Who finds it lost has it opened again in the background: a driver may
    /// reset an idle card, and then no job reports it.
    pub fn device(self: &Arc<Self>) -> Option<Arc<Device>> {
        let device = self.current()?;
        if device.is_lost() {
            self.lost();
            return None;
        }
        Some(device)
    }

    fn current(&self) -> Option<Arc<Device>> {
        self.device.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The device, opened now if it was not (a forced place may name an adapter that routing does not use, or one that
    /// was given up).
    ///
    /// # Errors
    /// The driver's words.
    pub fn open(self: &Arc<Self>) -> Result<Arc<Device>, String> {
        match self.device() {
            Some(device) => Ok(device),
            None => self.reopen(),
        }
    }

    fn reopen(&self) -> Result<Arc<Device>, String> {
        let _one_at_a_time = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(device) = self.current().filter(|d| !d.is_lost()) {
            return Ok(device);
        }
        // A loss makes the drivers be asked again, and then numbers may have moved: look for the same card.
        let found = Adapters::list().into_iter().find(|info| same(info, &self.info)).ok_or("the adapter is gone")?;
        let device = Device::open(found.index).map_err(|e| e.to_string())?;
        *self.device.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&device));
        Ok(device)
    }

    /// Drops the device if it is lost, and opens it again in the background. Many callers may report one loss, some of
    /// them after the new device is there: only the one that takes the lost device out counts it.
    pub fn lost(self: &Arc<Self>) {
        let old = {
            let mut slot = self.device.write().unwrap_or_else(PoisonError::into_inner);
            match slot.take() {
                Some(device) if device.is_lost() => device,
                other => {
                    *slot = other;
                    return;
                }
            }
        };
        add(&mut self.retired.lock().unwrap_or_else(PoisonError::into_inner), &old.counters());
        let again = self.losses.fetch_add(1, Ordering::Relaxed) < MAX_LOSSES;
        let gpu = Arc::downgrade(self);
        let working = Working::begin();
        // If no thread can be had now, the device stays closed; calls run on the CPU.
        let _ = thread::Builder::new().name("veda-reopen".into()).spawn(move || {
            drop(old); // waits for its threads
            drop(working);
            for pause in ATTEMPTS.iter().take(if again { ATTEMPTS.len() } else { 0 }) {
                thread::sleep(*pause);
                let Some(gpu) = gpu.upgrade() else { return };
                let _working = Working::begin();
                if gpu.reopen().is_ok() {
                    return;
                }
            }
        });
    }

    /// Losses so far, and whether it is closed for routing now.
    pub fn trouble(&self) -> Option<String> {
        let losses = self.losses.load(Ordering::Relaxed);
        let open = self.current().is_some_and(|d| !d.is_lost());
        match losses {
            0 => None,
            _ if open => Some(format!("{} was lost {losses} times and opened again", self.label)),
            n if n > MAX_LOSSES => Some(format!("{} was lost {losses} times and is not used any more", self.label)),
            _ => Some(format!("{} was lost {losses} times and is being opened again", self.label)),
        }
    }

    /// What the adapter's devices did so far, lost ones included; `None` if it was never opened.
    pub fn counters(&self) -> Option<DeviceCounters> {
        let now = self.current().map(|d| d.counters());
        let mut all = *self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        if now.is_none() && all == DeviceCounters::default() {
            return None;
        }
        if let Some(now) = now {
            add(&mut all, &now);
            all.pool_bytes = now.pool_bytes;
        }
        Some(all)
    }
}

/// Adds what accumulates.
fn add(all: &mut DeviceCounters, one: &DeviceCounters) {
    all.jobs += one.jobs;
    all.batches += one.batches;
    all.bytes_up += one.bytes_up;
    all.bytes_down += one.bytes_down;
    all.pool_hits += one.pool_hits;
    all.pool_misses += one.pool_misses;
    all.compiles += one.compiles;
    all.compile_ns += one.compile_ns;
    all.uncaptured_errors += one.uncaptured_errors;
    all.lost += one.lost;
}

/// Whether two descriptions are of one adapter. The number decides among equal cards whose driver names no bus.
fn same(a: &DeviceInfo, b: &DeviceInfo) -> bool {
    let identity = |i: &DeviceInfo| (i.vendor, i.device, i.backend, i.kind);
    identity(a) == identity(b)
        && a.name == b.name
        && a.pci_bus_id == b.pci_bus_id
        && (!a.pci_bus_id.is_empty() || a.index == b.index || a.kind == Kind::Software)
}

/// What discovery found.
#[derive(Debug, Default)]
pub struct Found {
    /// Every adapter; those that routing may use are open.
    pub gpus: Vec<Arc<Gpu>>,
    /// One line for people: what was found, or why nothing is usable.
    pub note: String,
}

impl Found {
    /// The adapter of this number.
    pub fn gpu(&self, index: u32) -> Option<&Arc<Gpu>> {
        self.gpus.iter().find(|g| g.index == index)
    }

    /// The adapters that routing may use and that are open now.
    pub fn usable(&self) -> impl Iterator<Item = (&Arc<Gpu>, Arc<Device>)> {
        self.gpus.iter().filter(|g| g.admitted).filter_map(|g| Some((g, g.device()?)))
    }
}

/// The GPUs of a runtime.
#[derive(Debug)]
pub struct Gpus {
    choice: DeviceChoice,
    software: bool,
    found: Arc<OnceLock<Found>>,
    search: Mutex<Option<thread::JoinHandle<()>>>,
    started: AtomicBool,
}

impl Gpus {
    /// Nothing is searched yet. `software` admits software adapters beside hardware in automatic routing (benches).
    pub fn new(choice: DeviceChoice, software: bool) -> Gpus {
        let found: Arc<OnceLock<Found>> = Arc::default();
        if choice == DeviceChoice::Cpu {
            let note = "GPUs are switched off (VEDA_DEVICE=cpu or enable_gpu(false))".to_owned();
            let _ = found.set(Found { gpus: Vec::new(), note });
        }
        Gpus { choice, software, found, search: Mutex::new(None), started: AtomicBool::new(false) }
    }

    /// What was found, if the search is over; starts it in the background otherwise (it takes 50 to 300 ms, most of it
    /// in the driver loader).
    #[inline]
    pub fn poll(&self) -> Option<&Found> {
        let found = self.found.get();
        if found.is_none() {
            // Every caller: `main` may call a kernel while a worker has started the search.
            wait_at_end();
            self.start();
        }
        found
    }

    /// What was found, if the search is over. Starts nothing.
    pub fn peek(&self) -> Option<&Found> {
        self.found.get()
    }

    /// Whether a search has begun.
    pub fn started(&self) -> bool {
        self.started.load(Ordering::Acquire)
    }

    #[cold]
    fn start(&self) {
        if self.started.swap(true, Ordering::AcqRel) {
            return;
        }
        let (choice, software, found) = (self.choice, self.software, Arc::clone(&self.found));
        let working = Working::begin();
        let thread = thread::Builder::new().name("veda-discover".into()).spawn(move || {
            found.get_or_init(|| search(choice, software));
            drop(working);
        });
        *self.search.lock().unwrap_or_else(PoisonError::into_inner) = thread.ok();
    }

    /// What was found; blocks until the search is over.
    pub fn wait(&self) -> &Found {
        if let Some(found) = self.found.get() {
            return found;
        }
        self.start();
        let thread = self.search.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
        self.found.get_or_init(|| search(self.choice, self.software))
    }
}

fn search(choice: DeviceChoice, software: bool) -> Found {
    // A driver that panics while it is opened is a driver that is not there.
    catch_unwind(|| look(choice, software))
        .unwrap_or_else(|_| Found { gpus: Vec::new(), note: "a driver panicked while it was opened".into() })
}

fn look(choice: DeviceChoice, software: bool) -> Found {
    let all = Adapters::list();
    let admitted = |info: &DeviceInfo| match choice {
        DeviceChoice::Gpu(Some(n)) => info.index == n as usize,
        DeviceChoice::Software => info.kind == Kind::Software,
        _ => software || info.kind != Kind::Software,
    };
    let mut failures = Vec::new();
    let mut gpus = Vec::new();
    for info in &all {
        let twins = all.iter().filter(|other| other.name == info.name).count();
        let label = if twins > 1 { format!("{} (gpu{})", info.name, info.index) } else { info.name.clone() };
        let gpu = Arc::new(Gpu::new(info, label, admitted(info)));
        if gpu.admitted
            && let Err(error) = gpu.open()
        {
            failures.push(format!("{}: {error}", info.name));
        }
        gpus.push(gpu);
    }
    let usable: Vec<&str> =
        gpus.iter().filter(|g| g.admitted && g.device().is_some()).map(|g| g.info.name.as_str()).collect();
    let names = |infos: Vec<&str>| if infos.is_empty() { "none".to_owned() } else { infos.join(", ") };
    let note = match (usable.is_empty(), failures.is_empty()) {
        (false, _) => names(usable),
        (true, false) => format!("no adapter could be opened: {}", failures.join("; ")),
        (true, true) => {
            let all = names(all.iter().map(|i| i.name.as_str()).collect());
            match choice {
                DeviceChoice::Gpu(Some(n)) => format!("there is no adapter {n}; adapters: {all}"),
                DeviceChoice::Software => format!("no software adapter; adapters: {all}"),
                _ => format!("no hardware GPU; adapters: {all}"),
            }
        }
    };
    Found { gpus, note }
}

//! The GPUs of a runtime: found in the background, opened once, reopened after a loss.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::thread;

use crate::config::DeviceChoice;
use crate::device::{Adapters, Device, DeviceInfo, Kind};

/// Losses after which a device is given up for the rest of the process.
const MAX_LOSSES: u32 = 3;

/// One adapter that routing may use.
#[derive(Debug)]
pub struct Gpu {
    /// Its number in the list of adapters: the `N` of `gpu:N` and [`Place::Gpu`](crate::gpu::Place::Gpu).
    pub index: u32,
    /// What it is.
    pub info: DeviceInfo,
    /// Whether routing may choose it; other adapters only run what is forced on them.
    pub admitted: bool,
    device: RwLock<Option<Arc<Device>>>,
    losses: AtomicU32,
    reopening: AtomicBool,
}

impl Gpu {
    /// The open device; `None` while it is lost.
    pub fn device(&self) -> Option<Arc<Device>> {
        self.device.read().unwrap_or_else(PoisonError::into_inner).clone().filter(|d| !d.is_lost())
    }

    /// The device, opened now if it was not (a forced place may name an adapter that routing does not use).
    pub fn open(&self) -> Result<Arc<Device>, String> {
        if let Some(device) = self.device() {
            return Ok(device);
        }
        let mut slot = self.device.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(device) = slot.as_ref().filter(|d| !d.is_lost()) {
            return Ok(Arc::clone(device));
        }
        let device = Device::open(self.index as usize).map_err(|e| e.to_string())?;
        *slot = Some(Arc::clone(&device));
        Ok(device)
    }

    /// Drops a lost device and opens it again in the background.
    pub fn lost(self: &Arc<Self>) {
        if self.reopening.swap(true, Ordering::AcqRel) {
            return;
        }
        let old = self.device.write().unwrap_or_else(PoisonError::into_inner).take();
        if self.losses.fetch_add(1, Ordering::Relaxed) >= MAX_LOSSES {
            return; // `reopening` stays set: given up
        }
        let gpu = Arc::clone(self);
        // If no thread can be had now, the device stays closed; calls run on the CPU.
        let _ = thread::Builder::new().name("veda-reopen".into()).spawn(move || {
            drop(old);
            let device = Device::open(gpu.index as usize).ok();
            *gpu.device.write().unwrap_or_else(PoisonError::into_inner) = device;
            gpu.reopening.store(false, Ordering::Release);
        });
    }
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
        Gpus { choice, software, found: Arc::default(), search: Mutex::new(None), started: AtomicBool::new(false) }
    }

    /// What was found, if the search is over; starts it in the background otherwise (it takes 50 to 300 ms, most of it
    /// in the driver loader).
    #[inline]
    pub fn poll(&self) -> Option<&Found> {
        let found = self.found.get();
        if found.is_none() {
            self.start();
        }
        found
    }

    #[cold]
    fn start(&self) {
        if self.started.swap(true, Ordering::AcqRel) {
            return;
        }
        let (choice, software, found) = (self.choice, self.software, Arc::clone(&self.found));
        let thread = thread::Builder::new().name("veda-discover".into()).spawn(move || {
            found.get_or_init(|| search(choice, software));
        });
        *self.search.lock().unwrap_or_else(PoisonError::into_inner) = thread.ok();
    }

    /// What was found; blocks until the search is over.
    pub fn wait(&self) -> &Found {
        self.start();
        let thread = self.search.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join(); // a panic in a driver leaves `found` empty: search again below, on this thread
        }
        self.found.get_or_init(|| search(self.choice, self.software))
    }
}

fn search(choice: DeviceChoice, software: bool) -> Found {
    if choice == DeviceChoice::Cpu {
        return Found { gpus: Vec::new(), note: "GPUs are switched off (VEDA_DEVICE=cpu or enable_gpu(false))".into() };
    }
    let all = Adapters::list();
    let admitted = |info: &DeviceInfo| match choice {
        DeviceChoice::Gpu(Some(n)) => info.index == n as usize,
        DeviceChoice::Software => info.kind == Kind::Software,
        _ => software || info.kind != Kind::Software,
    };
    let mut failures = Vec::new();
    let mut gpus = Vec::new();
    for info in &all {
        let gpu = Gpu {
            index: info.index as u32,
            info: info.clone(),
            admitted: admitted(info),
            device: RwLock::new(None),
            losses: AtomicU32::new(0),
            reopening: AtomicBool::new(false),
        };
        if gpu.admitted
            && let Err(error) = gpu.open()
        {
            failures.push(format!("{}: {error}", info.name));
        }
        gpus.push(Arc::new(gpu));
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

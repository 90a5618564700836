//! Settings of a runtime: what the program asks for, and what the environment overrides.

use std::path::PathBuf;
use std::str::FromStr;

use crate::error::{Error, Result};

/// Which devices routing may use (`VEDA_DEVICE`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// Whichever finishes first: the CPU or a hardware GPU. A software adapter is never chosen.
    #[default]
    Auto,
    /// Only the CPU.
    Cpu,
    /// The GPU of this number, or the first hardware GPU; its absence is an error of [`init`](crate::init).
    Gpu(Option<u32>),
    /// The software adapter (for tests: it is a CPU, and slower than the CPU twins).
    Software,
}

impl FromStr for DeviceChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<DeviceChoice> {
        let bad = || Error::Config {
            name: "VEDA_DEVICE",
            value: text.to_owned(),
            expected: "auto, cpu, gpu, gpu:N or software".to_owned(),
        };
        match text.trim().to_ascii_lowercase().as_str() {
            "" | "auto" => Ok(DeviceChoice::Auto),
            "cpu" => Ok(DeviceChoice::Cpu),
            "gpu" => Ok(DeviceChoice::Gpu(None)),
            "software" => Ok(DeviceChoice::Software),
            other => match other.strip_prefix("gpu:") {
                Some(n) => n.parse().map(|n| DeviceChoice::Gpu(Some(n))).map_err(|_| bad()),
                None => Err(bad()),
            },
        }
    }
}

/// What a runtime does with what its calls teach (`VEDA_LEARN`).
///
/// Each routed call corrects the predicted times of its kernel and its device. A program that runs again profits only if
/// that is kept; a library that writes files nobody asked for is a nuisance. So by default veda adds to a file that
/// somebody made on purpose (`veda-calibrate`), and makes none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Learning {
    /// `off`: nothing is learned, tried or written. The profile alone decides (and what it was taught before), so that the
    /// same calls on idle devices run on the same devices every time, once the pipelines are built.
    Off,
    /// `session`: learns, writes nothing. Now and then the first 1/16 to 1/4 of an [`execute`](crate::gpu::execute) call of
    /// a `#[veda::kernel]` runs on the device that was not chosen, where both are predicted to be close, the call takes 100 us
    /// or more and its place is not forced; all such slices together may cost 2 % of the routed time.
    Session,
    /// `auto`: as `session`, and at the end ([`shutdown`](crate::shutdown), the last drop of a [`Runtime`](crate::Runtime), the
    /// end of the thread that started the global runtime) what was learned is merged into the calibrated profile in the
    /// user's cache directory, if there is one. Builds with debug assertions write nothing, because their CPU twins are
    /// many times slower than those of the program that is shipped; neither do runtimes whose profile was named
    /// ([`ConfigBuilder::profile`], `VEDA_PROFILE`), because a file that is named may be a fixture.
    #[default]
    Auto,
    /// `save`: as `auto`, but into the profile in use, named or not, from any build; where there is none, one with built-in
    /// numbers is made.
    Save,
}

impl FromStr for Learning {
    type Err = Error;

    fn from_str(text: &str) -> Result<Learning> {
        match text.trim().to_ascii_lowercase().as_str() {
            "" | "auto" => Ok(Learning::Auto),
            "off" | "0" => Ok(Learning::Off),
            "session" => Ok(Learning::Session),
            "save" => Ok(Learning::Save),
            _ => Err(Error::Config {
                name: "VEDA_LEARN",
                value: text.to_owned(),
                expected: "auto, off, session or save".to_owned(),
            }),
        }
    }
}

/// Settings of a [`Runtime`](crate::Runtime). Made by [`Config::builder`].
///
/// ```
/// let config = veda::Config::builder().num_threads(4).enable_gpu(false).build();
/// let runtime = veda::Runtime::new(config)?;
/// assert_eq!(runtime.pool().num_threads(), 4);
/// # Ok::<(), veda::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub(crate) num_threads: Option<usize>,
    pub(crate) stack_size: Option<usize>,
    pub(crate) enable_gpu: bool,
    pub(crate) enable_telemetry: bool,
    pub(crate) device: Option<DeviceChoice>,
    pub(crate) profile: Option<PathBuf>,
    pub(crate) learning: Option<Learning>,
    pub(crate) admit_software: bool,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            num_threads: None,
            stack_size: None,
            enable_gpu: true,
            enable_telemetry: true,
            device: None,
            profile: None,
            learning: None,
            admit_software: false,
        }
    }
}

impl Config {
    /// Starts from the defaults: as many workers as the machine gives this process, every device, telemetry on.
    pub fn builder() -> ConfigBuilder {
        ConfigBuilder { config: Config::default() }
    }

    /// The device choice: the setting, else `VEDA_DEVICE`, else automatic.
    ///
    /// # Errors
    /// [`Error::Config`] if `VEDA_DEVICE` holds something else than the known words.
    pub fn device(&self) -> Result<DeviceChoice> {
        if !self.enable_gpu {
            return Ok(DeviceChoice::Cpu);
        }
        match (self.device, std::env::var("VEDA_DEVICE")) {
            (Some(choice), _) => Ok(choice),
            (None, Ok(text)) => text.parse(),
            (None, Err(_)) => Ok(DeviceChoice::Auto),
        }
    }
}

impl Config {
    /// The profile that the program or `VEDA_PROFILE` names.
    pub(crate) fn named_profile(&self) -> Option<PathBuf> {
        let variable = || std::env::var_os("VEDA_PROFILE").filter(|p| !p.is_empty()).map(PathBuf::from);
        self.profile.clone().or_else(variable)
    }

    /// What becomes of what calls teach: the setting, else `VEDA_LEARN`, else [`Learning::Auto`].
    ///
    /// # Errors
    /// [`Error::Config`] if `VEDA_LEARN` holds something else than the known words.
    pub fn learning(&self) -> Result<Learning> {
        match (self.learning, std::env::var("VEDA_LEARN")) {
            (Some(choice), _) => Ok(choice),
            (None, Ok(text)) => text.parse(),
            (None, Err(_)) => Ok(Learning::Auto),
        }
    }
}

/// Builds a [`Config`].
#[derive(Clone, Debug)]
#[must_use]
pub struct ConfigBuilder {
    config: Config,
}

impl ConfigBuilder {
    /// The number of CPU workers; 0 means automatic. The environment (`VEDA_NUM_THREADS`) only fills in a default.
    pub fn num_threads(mut self, n: usize) -> Self {
        self.config.num_threads = (n > 0).then_some(n);
        self
    }

    /// The stack size of a worker, in bytes.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.config.stack_size = Some(bytes);
        self
    }

    /// Whether GPUs may be used at all; `false` never loads a GPU driver.
    pub fn enable_gpu(mut self, on: bool) -> Self {
        self.config.enable_gpu = on;
        self
    }

    /// Whether counters and latencies are kept.
    pub fn enable_telemetry(mut self, on: bool) -> Self {
        self.config.enable_telemetry = on;
        self
    }

    /// Which devices routing may use; overrides `VEDA_DEVICE`.
    pub fn device(mut self, choice: DeviceChoice) -> Self {
        self.config.device = Some(choice);
        self
    }

    /// The profile to use; overrides `VEDA_PROFILE` and the user's cache directory.
    pub fn profile(mut self, path: impl Into<PathBuf>) -> Self {
        self.config.profile = Some(path.into());
        self
    }

    /// What becomes of what calls teach; overrides `VEDA_LEARN`.
    pub fn learning(mut self, choice: Learning) -> Self {
        self.config.learning = Some(choice);
        self
    }

    /// Bench switch: lets automatic routing choose a software adapter, so that routing can be judged without a GPU.
    #[doc(hidden)]
    pub fn admit_software(mut self, on: bool) -> Self {
        self.config.admit_software = on;
        self
    }

    /// The settings.
    pub fn build(self) -> Config {
        self.config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_choices_parse() {
        assert_eq!("gpu:3".parse::<DeviceChoice>().unwrap(), DeviceChoice::Gpu(Some(3)));
        assert_eq!(" Software ".parse::<DeviceChoice>().unwrap(), DeviceChoice::Software);
        let error = "gpux".parse::<DeviceChoice>().unwrap_err().to_string();
        assert!(error.contains("gpux") && error.contains("software"), "{error}");
    }
}

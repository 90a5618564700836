//! The hard key: on which machine, with which drivers and which build a profile holds.

use super::profile::{Adapter, DeviceKind, Profile, SCHEMA};
use crate::telemetry::fnv::Fnv;

/// Everything that must be equal for a profile's numbers to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileKey {
    /// Schema of the file.
    pub schema: String,
    /// Model name of the CPU.
    pub cpu_model: String,
    /// Workers of the pool.
    pub pool_threads: u32,
    /// Target features that the crate was compiled with.
    pub target_features: String,
    /// The GPUs in the order of their indices.
    pub adapters: Vec<Adapter>,
}

/// The first field in which a profile and this machine differ.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` is `{profile}` in the profile and `{machine}` here")]
pub struct Mismatch {
    /// Path of the field.
    pub field: String,
    /// What the profile says.
    pub profile: String,
    /// What this machine says.
    pub machine: String,
}

impl ProfileKey {
    /// The key of this build on a machine with these properties.
    pub fn new(cpu_model: &str, pool_threads: u32, target_features: &str, adapters: Vec<Adapter>) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            cpu_model: cpu_model.to_owned(),
            pool_threads,
            target_features: target_features.to_owned(),
            adapters,
        }
    }

    /// FNV-1a over all fields; names the default file.
    pub fn hash(&self) -> u64 {
        let mut fnv = Fnv::new();
        for (field, value) in self.fields() {
            fnv.text(&field);
            fnv.text(&value);
        }
        fnv.finish()
    }

    /// `(path, value)` of every field that counts, in a fixed order.
    fn fields(&self) -> Vec<(String, String)> {
        let mut fields = vec![
            ("schema".to_owned(), self.schema.clone()),
            ("host.cpu_model".to_owned(), self.cpu_model.clone()),
            ("host.pool_threads".to_owned(), self.pool_threads.to_string()),
            ("host.target_features".to_owned(), self.target_features.clone()),
            ("gpus".to_owned(), self.adapters.len().to_string()),
        ];
        for (i, a) in self.adapters.iter().enumerate() {
            let mut add = |name: &str, value: String| fields.push((format!("gpu[{i}].adapter.{name}"), value));
            add("name", a.name.clone());
            add("vendor", format!("{:#06x}", a.vendor));
            add("device", format!("{:#06x}", a.device));
            add("driver", a.driver.clone());
            add("driver_info", a.driver_info.clone());
            add("backend", a.backend.clone());
        }
        fields
    }
}

impl Profile {
    /// The key under which this profile holds.
    pub fn key(&self) -> ProfileKey {
        ProfileKey {
            schema: self.schema.clone(),
            cpu_model: self.host.cpu_model.clone(),
            pool_threads: self.host.pool_threads,
            target_features: self.host.target_features.clone(),
            adapters: self
                .devices
                .iter()
                .filter(|d| d.adapter.kind != DeviceKind::Cpu)
                .map(|d| d.adapter.clone())
                .collect(),
        }
    }

    /// Whether the profile holds for the machine that `key` describes.
    ///
    /// # Errors
    /// The first field that differs.
    pub fn matches(&self, key: &ProfileKey) -> Result<(), Mismatch> {
        for ((field, profile), (_, machine)) in self.key().fields().into_iter().zip(key.fields()) {
            if profile != machine {
                return Err(Mismatch { field, profile, machine });
            }
        }
        Ok(())
    }
}

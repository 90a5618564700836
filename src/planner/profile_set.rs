//! What a plan may use: the cost model, and for each place its memory, its queue and the pipelines that exist.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::cost_model::CostModel;
use super::footprint::Footprint;
use super::profile::{DeviceKind, Profile, keys};
use super::work::Place;

/// The devices that a plan may use, and what they cost.
#[derive(Clone, Debug)]
pub struct ProfileSet {
    /// Prices tasks and copies.
    pub model: CostModel,
    /// What is offered. Places that the model does not know, and software adapters that are not admitted, are ignored.
    pub places: Vec<PlaceOffer>,
}

/// One place that a plan may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceOffer {
    /// Where.
    pub place: Place,
    /// Bytes of its memory that plans may fill; `None`: any number.
    pub capacity: Option<u64>,
    /// What an array takes of that.
    #[serde(default)]
    pub footprint: Footprint,
    /// Work already queued there, nanoseconds.
    pub queued_ns: u64,
    /// Use it although it is a software adapter.
    pub software_admitted: bool,
    /// The kernels ([`super::work::Work::key`]) whose pipelines exist; others are built first.
    pub ready: BTreeSet<u64>,
    /// Count every pipeline as built: the steady state of a plan that runs many times.
    pub all_ready: bool,
}

impl PlaceOffer {
    /// An idle place without a limit of memory, all pipelines built.
    pub const fn idle(place: Place) -> PlaceOffer {
        let ready = BTreeSet::new();
        let footprint = Footprint::Exact;
        PlaceOffer { place, capacity: None, footprint, queued_ns: 0, software_admitted: false, ready, all_ready: true }
    }

    /// Whether the pipeline of a kernel exists.
    pub fn is_ready(&self, key: u64) -> bool {
        self.all_ready || place_is_cpu(self.place) || self.ready.contains(&key)
    }
}

const fn place_is_cpu(place: Place) -> bool {
    matches!(place, Place::Cpu)
}

impl ProfileSet {
    /// Every device of a profile, idle, with all pipelines built: plans for a machine that is not in the room. Software
    /// adapters are listed but not admitted. A GPU has the memory that its limit `memory_bytes` says, if there is one.
    pub fn from_profile(profile: &Profile) -> ProfileSet {
        let mut set = ProfileSet::from_model(CostModel::new(profile));
        for (gpu, device) in (0..).map(Place::Gpu).zip(profile.gpus()) {
            if let Some(offer) = set.places.iter_mut().find(|o| o.place == gpu) {
                offer.capacity = device.limits.get(keys::MEMORY_BYTES).copied();
            }
        }
        set
    }

    /// Every device that a model knows, idle, without limits of memory, with all pipelines built.
    pub fn from_model(model: CostModel) -> ProfileSet {
        let places = model.places().into_iter().map(PlaceOffer::idle).collect();
        ProfileSet { model, places }
    }

    /// The offers that count, by place: known to the model, and no software adapter that is not admitted. Of two offers
    /// for one place the first counts.
    pub fn admitted(&self) -> Vec<&PlaceOffer> {
        let known = |o: &&PlaceOffer| match self.model.kind(o.place) {
            None => false,
            Some(DeviceKind::Software) => o.software_admitted,
            Some(_) => true,
        };
        let mut offers: Vec<_> = self.places.iter().filter(known).collect();
        offers.sort_by_key(|o| o.place);
        offers.dedup_by_key(|o| o.place);
        offers
    }
}

//! Maps by place in files: the keys are `cpu`, `gpu0`, …, since JSON has no other keys than text.

use std::collections::BTreeMap;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

use super::work::Place;

pub(super) fn serialize<S: Serializer>(map: &BTreeMap<Place, u64>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(map.iter().map(|(place, value)| (place.key(), value)))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<Place, u64>, D::Error> {
    let map = BTreeMap::<String, u64>::deserialize(deserializer)?;
    let place = |key: &str| match key.strip_prefix("gpu") {
        Some(index) => index.parse().ok().map(Place::Gpu),
        None => (key == "cpu").then_some(Place::Cpu),
    };
    let named = |(key, value): (String, u64)| {
        let place = place(&key).ok_or_else(|| D::Error::custom(format!("`{key}` is no place: `cpu`, `gpu0`, …")))?;
        Ok((place, value))
    };
    map.into_iter().map(named).collect()
}

//! Numbers by place in files: `{"cpu": 900, "gpu0": 300}`. JSON's keys are strings, and a place is not one by itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serializer, de::Error};

use super::work::Place;

/// For `#[serde(with = "..")]`.
pub(crate) fn serialize<S: Serializer>(map: &BTreeMap<Place, u64>, to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(map.iter().map(|(place, value)| (place.key(), value)))
}

/// For `#[serde(with = "..")]`.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<Place, u64>, D::Error> {
    let by_key = BTreeMap::<String, u64>::deserialize(from)?;
    let place = |key: &str| match key.strip_prefix("gpu") {
        None if key == "cpu" => Some(Place::Cpu),
        number => number?.parse().ok().map(Place::Gpu),
    };
    let unknown = |key: &str| D::Error::custom(format_args!("`{key}` is no place; `cpu` and `gpu0` are"));
    by_key.into_iter().map(|(key, value)| Ok((place(&key).ok_or_else(|| unknown(&key))?, value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planner::task_graph::TaskCost;

    #[test]
    fn maps_by_place_are_json_objects() {
        let times = TaskCost::Fixed(BTreeMap::from([(Place::Cpu, 900), (Place::Gpu(12), 300)]));
        let json = serde_json::to_string(&times).expect("string keys");
        assert_eq!(json, r#"{"fixed":{"cpu":900,"gpu12":300}}"#);
        assert_eq!(serde_json::from_str::<TaskCost>(&json).expect("the same"), times);
        for bad in ["tpu", "gpu", "gpux", ""] {
            let json = format!(r#"{{"fixed":{{"{bad}":1}}}}"#);
            assert!(serde_json::from_str::<TaskCost>(&json).is_err(), "{bad}");
        }
    }
}

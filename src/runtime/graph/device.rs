//! What the graph executor uses of the device floor; without the feature `gpu`, types of which no value exists.

#[cfg(feature = "gpu")]
pub(super) use crate::device::{Device, DeviceBuffer};

/// There is no device without the feature `gpu`.
#[cfg(not(feature = "gpu"))]
#[derive(Debug)]
pub(super) enum Device {}

/// There is no device memory without the feature `gpu`.
#[cfg(not(feature = "gpu"))]
#[derive(Clone, Debug)]
pub(super) enum DeviceBuffer {}

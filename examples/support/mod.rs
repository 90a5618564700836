//! What the picture examples share: decoding, encoding, stages, and files that are either whole or absent.
// Each example compiles its own copy and uses a part of it.
#![allow(dead_code)]

pub mod picture;
pub mod stages;
pub mod whole_file;

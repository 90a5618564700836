//! What the picture examples share: decoding, encoding, and files that are either whole or absent.
// Each example compiles its own copy and uses a part of it.
#![allow(dead_code)]

pub mod picture;
pub mod whole_file;

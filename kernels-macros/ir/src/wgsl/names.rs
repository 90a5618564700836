//! Names that no other name, reserved word or WGSL function collides with.

use std::collections::HashSet;

/// The names taken at module scope.
#[derive(Default)]
pub(super) struct Names(HashSet<String>);

impl Names {
    pub(super) fn reserve(&mut self, name: &str) {
        self.0.insert(name.to_string());
    }

    /// `name`, or `name` with the first suffix that makes it new.
    pub(super) fn unique(&mut self, name: String) -> String {
        let mut candidate = name.clone();
        let mut n = 1;
        while !self.0.insert(candidate.clone()) {
            n += 1;
            candidate = format!("{name}_v{n}");
        }
        candidate
    }

    pub(super) fn taken(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}

/// The letters of a Rust name that every WGSL consumer accepts. The caller appends `_<number>`, which no reserved word
/// of WGSL ends in.
pub(super) fn identifier(rust: &str) -> String {
    let s: String = rust.trim_start_matches("r#").chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    let s = s.trim_matches('_').replace("__", "_");
    if s.is_empty() || s.starts_with(|c: char| c.is_ascii_digit()) { format!("v{s}") } else { s }
}

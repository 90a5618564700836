//! Which buffers a job needs, and where its bytes lie in them.
//!
//! Unified memory: each binding is one buffer that the host maps. Otherwise each binding is a device buffer, and the
//! inputs and outputs travel through staging chunks: small ones share a chunk, since mapping a buffer costs about a
//! microsecond whatever its size; large ones have their own, so that chunks fall into few size classes.

use super::job::{Binding, Read, span};
use super::pool::Usage;

/// Small parts share a staging chunk up to this size.
const CHUNK: u64 = 1 << 20;
/// A counted output up to this size comes back whole: a second trip costs more (50–100 µs) than copying it (20 µs).
const COUNTED_WHOLE: u64 = 64 << 10;
/// Mapped ranges start at multiples of 8.
const ALIGN: u64 = 8;

/// A part of a buffer of the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    /// Index into the lease.
    pub buffer: usize,
    pub offset: u64,
    pub bytes: u64,
}

/// Where the bytes of one binding are seen by the host.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    /// Written before the job: equals the binding's buffer in unified memory.
    pub up: Option<Part>,
    /// Read after it, whole.
    pub down: Option<Part>,
    /// Fetched in a second trip, once its count is known.
    pub late: bool,
}

/// What a job needs.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// Buffers: first one per binding, then the staging chunks.
    pub wants: Vec<(Usage, u64)>,
    /// Per binding.
    pub places: Vec<Place>,
    /// Single words that counted outputs need: (binding, word, where).
    pub counts: Vec<(usize, usize, Part)>,
    /// Sizes to reserve for second trips.
    pub later: Vec<u64>,
}

impl Layout {
    /// Whether the host maps this buffer to read it.
    pub(super) fn reads(&self, buffer: usize) -> bool {
        let whole = self.places.iter().filter_map(|place| place.down);
        whole.chain(self.counts.iter().map(|&(_, _, part)| part)).any(|part| part.buffer == buffer)
    }
}

/// Fills chunks with parts in order.
pub(super) struct Packer {
    usage: Usage,
    open: Option<usize>,
}

impl Packer {
    pub(super) fn new(usage: Usage) -> Self {
        Self { usage, open: None }
    }

    pub(super) fn place(&mut self, wants: &mut Vec<(Usage, u64)>, bytes: u64) -> Part {
        if let Some(buffer) = self.open {
            let offset = wants[buffer].1.next_multiple_of(ALIGN);
            if offset + bytes <= CHUNK {
                wants[buffer].1 = offset + bytes;
                return Part { buffer, offset, bytes };
            }
        }
        wants.push((self.usage, bytes));
        let buffer = wants.len() - 1;
        if bytes < CHUNK {
            self.open = Some(buffer);
        }
        Part { buffer, offset: 0, bytes }
    }
}

/// Plans a job's buffers.
pub(super) fn layout(bindings: &[Binding<'_>], unified: bool) -> Layout {
    let mut layout = Layout::default();
    for binding in bindings {
        let usage = match (binding, unified) {
            (Binding::Uniform(_), false) => Usage::Uniform,
            (Binding::Uniform(_), true) => Usage::SharedUniform,
            (Binding::Input(_), true) => Usage::SharedInput,
            (Binding::Output { .. }, true) => Usage::SharedOutput,
            (_, false) => Usage::Storage,
        };
        layout.wants.push((usage, span(binding)));
    }
    let mut up = Packer::new(Usage::Upload);
    let mut down = Packer::new(Usage::Download);
    for (i, binding) in bindings.iter().enumerate() {
        let bytes = span(binding);
        let whole = Part { buffer: i, offset: 0, bytes };
        let mut place = Place::default();
        match binding {
            Binding::Uniform(_) | Binding::Input(_) => {
                place.up = Some(if unified { whole } else { up.place(&mut layout.wants, bytes) });
            }
            Binding::Output { read: Read::No, .. } => {}
            Binding::Output { .. } if unified => place.down = Some(whole),
            Binding::Output { read: Read::Counted { .. }, .. } if bytes > COUNTED_WHOLE => {
                place.late = true;
                layout.later.push(bytes);
            }
            Binding::Output { .. } => place.down = Some(down.place(&mut layout.wants, bytes)),
        }
        layout.places.push(place);
    }
    for binding in bindings {
        if let Binding::Output { read: Read::Counted { binding: source, word, .. }, .. } = *binding {
            let at = word as u64 * 4;
            let part = match layout.places[source].down {
                // Mapped ranges start at multiples of 8, so the part is cut from where its chunk is mapped.
                Some(part) => Part { buffer: part.buffer, offset: part.offset + at, bytes: 4 },
                None if unified => Part { buffer: source, offset: at, bytes: 4 },
                None => down.place(&mut layout.wants, 4),
            };
            layout.counts.push((source, word, part));
        }
    }
    layout
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUT: u64 = 1 << 20;

    fn bindings(data: &[u8]) -> [Binding<'_>; 5] {
        [
            Binding::Uniform(&data[..4]),
            Binding::Input(data),
            Binding::Input(&data[..5]),
            Binding::Output { bytes: 4, read: Read::No, zero: true },
            Binding::Output { bytes: OUT, read: Read::Counted { binding: 3, word: 0, stride: 4 }, zero: false },
        ]
    }

    #[test]
    fn unified_memory_needs_one_buffer_per_binding() {
        let data = vec![0; 2 << 20];
        let layout = layout(&bindings(&data), true);
        assert_eq!(layout.wants.len(), 5);
        assert_eq!(layout.wants[0], (Usage::SharedUniform, 16));
        assert_eq!(layout.wants[2], (Usage::SharedInput, 8));
        assert_eq!(layout.counts, [(3, 0, Part { buffer: 3, offset: 0, bytes: 4 })]);
        assert!(layout.later.is_empty());
    }

    #[test]
    fn staging_packs_the_small_and_isolates_the_large() {
        let data = vec![0; 2 << 20];
        let layout = layout(&bindings(&data), false);
        // 5 bindings, one chunk for the small inputs, one for the large, one for the count.
        assert_eq!(layout.wants[5], (Usage::Upload, 24));
        assert_eq!(layout.wants[6], (Usage::Upload, 2 << 20));
        assert_eq!(layout.wants[7], (Usage::Download, 4));
        assert_eq!(layout.places[0].up, Some(Part { buffer: 5, offset: 0, bytes: 16 }));
        assert_eq!(layout.places[2].up, Some(Part { buffer: 5, offset: 16, bytes: 8 }));
        assert_eq!(layout.later, [OUT], "the counted output comes back in a second trip");
        assert!(layout.places[4].late);
    }
}

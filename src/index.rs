//! The place of one kernel invocation in its index space, and the space itself.

/// Where one invocation stands in its 1-, 2- or 3-dimensional index space. Components are 32-bit, as on the device.
///
/// ```
/// # use veda::Index;
/// let id = Index::new([3, 2, 0], [10, 10, 1]);
/// assert_eq!((id.x, id.y, id.flat()), (3, 2, 23));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Index {
    /// Fastest-running component (column).
    pub x: u32,
    /// Second component (row).
    pub y: u32,
    /// Slowest-running component.
    pub z: u32,
    flat: u32,
}

impl Index {
    /// The index at `[x, y, z]` of a space of `[width, height, depth]`.
    #[inline(always)]
    pub fn new([x, y, z]: [u32; 3], [width, height, _]: [u32; 3]) -> Index {
        let flat = z.wrapping_mul(height).wrapping_add(y).wrapping_mul(width).wrapping_add(x);
        Index { x, y, z, flat }
    }

    /// The row-major position: `x + width * (y + height * z)`.
    #[inline(always)]
    pub fn flat(self) -> u32 {
        self.flat
    }

    /// The index `dx` further along the row, in a row that is long enough.
    #[inline(always)]
    pub(crate) fn right(self, dx: u32) -> Index {
        Index { x: self.x.wrapping_add(dx), flat: self.flat.wrapping_add(dx), ..self }
    }
}

/// An index space of up to three dimensions, at most 2^32 - 1 invocations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space(pub(crate) [u32; 3]);

impl Space {
    /// Width, height, depth.
    pub fn dims(self) -> [u32; 3] {
        self.0
    }

    /// The number of invocations.
    pub fn len(self) -> u64 {
        self.0.iter().map(|&d| u64::from(d)).product()
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// What `.over(..)` accepts: `n`, `[w]`, `[w, h]`, `[w, h, d]`, as `usize`, `u32` or `i32` (a negative
/// number is far too large, and refused as such).
pub trait IntoSpace {
    /// Width, height, depth; saturating at `u64::MAX`, checked by the caller.
    fn dims(self) -> [u64; 3];
}

macro_rules! into_space {
    ($($t:ty),*) => {$(
        impl IntoSpace for $t {
            fn dims(self) -> [u64; 3] {
                [self as u64, 1, 1]
            }
        }
        impl IntoSpace for [$t; 1] {
            fn dims(self) -> [u64; 3] {
                [self[0] as u64, 1, 1]
            }
        }
        impl IntoSpace for [$t; 2] {
            fn dims(self) -> [u64; 3] {
                [self[0] as u64, self[1] as u64, 1]
            }
        }
        impl IntoSpace for [$t; 3] {
            fn dims(self) -> [u64; 3] {
                [self[0] as u64, self[1] as u64, self[2] as u64]
            }
        }
    )*};
}
into_space!(usize, u32, i32);

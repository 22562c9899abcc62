//! A value on cache lines of its own.

use core::ops::{Deref, DerefMut};

use static_assertions::{const_assert, const_assert_eq};

/// A value alone on its cache lines: aligned to, and filling up, [`CACHE_LINES`] bytes.
///
/// Two indices that two cores write must not share a line, or each store of one core takes the
/// line away from the other. 64 bytes would be one line on x86-64 and most aarch64 cores, but
/// prefetchers of the former fetch lines in pairs of 128 bytes, and the lines of some of the latter are
/// 128 bytes long; so 128 is what keeps two cores apart everywhere. It costs 64 bytes per index, once
/// per ring.
///
/// ```
/// use core::sync::atomic::AtomicU64;
/// use linecard::ring::Padded;
///
/// struct PerCore { seen: Padded<AtomicU64>, sent: Padded<AtomicU64> }
///
/// assert_eq!(size_of::<PerCore>(), 256);
/// assert_eq!(align_of::<PerCore>(), 128);
/// ```
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(128))]
pub struct Padded<T>(pub T);

/// Alignment in bytes of [`Padded`].
pub const CACHE_LINES: usize = 128;

const_assert_eq!(align_of::<Padded<u8>>(), CACHE_LINES);
const_assert_eq!(size_of::<Padded<u64>>(), CACHE_LINES);
const_assert!(size_of::<Padded<[u8; CACHE_LINES + 1]>>() == 2 * CACHE_LINES);

impl<T> Padded<T> {
    /// Puts `value` on lines of its own.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Gives the value back.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Padded<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Padded<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

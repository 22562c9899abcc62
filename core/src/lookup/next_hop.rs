//! What a look-up answers: the index of a next hop.

use core::fmt;
use core::num::NonZeroU16;

use super::RouteError;

/// Index of a next hop, 0 to [`NextHop::MAX`]; what it stands for is the forwarder's business.
///
/// Kept as index + 1, so that `Option<NextHop>` is two bytes, is what the tables store, and zero
/// memory is an empty table. The top bit stays free: in a table it marks a pointer.
///
/// ```
/// use linecard::lookup::NextHop;
///
/// let hop = NextHop::new(7)?;
/// assert_eq!(hop.index(), 7);
/// assert_eq!(size_of::<Option<NextHop>>(), 2);
/// # Ok::<(), linecard::lookup::RouteError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct NextHop(NonZeroU16);

impl NextHop {
    /// The largest index: 15 bits less the two values that mean "none" and "not representable".
    pub const MAX: u16 = 0x7ffe;

    /// The next hop with this index.
    ///
    /// # Errors
    /// [`RouteError::NextHopTooLarge`] above [`NextHop::MAX`].
    pub const fn new(index: u16) -> Result<Self, RouteError> {
        if index > Self::MAX {
            return Err(RouteError::NextHopTooLarge);
        }
        match NonZeroU16::new(index.wrapping_add(1)) {
            Some(entry) => Ok(Self(entry)),
            None => Err(RouteError::NextHopTooLarge),
        }
    }

    /// The index that it was made from.
    #[inline]
    pub const fn index(self) -> u16 {
        self.0.get().wrapping_sub(1)
    }

    /// From a table's entry whose pointer bit is clear; 0 is "no route".
    #[inline]
    pub(super) const fn from_entry(entry: u16) -> Option<Self> {
        match NonZeroU16::new(entry) {
            Some(entry) => Some(Self(entry)),
            None => None,
        }
    }

    /// The table entry for an answer.
    #[inline]
    pub(super) const fn entry(answer: Option<Self>) -> u16 {
        match answer {
            Some(hop) => hop.0.get(),
            None => 0,
        }
    }
}

impl fmt::Debug for NextHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NextHop({})", self.index())
    }
}

impl fmt::Display for NextHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.index().fmt(f)
    }
}

impl TryFrom<u16> for NextHop {
    type Error = RouteError;

    fn try_from(index: u16) -> Result<Self, RouteError> {
        Self::new(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_index_round_trips_and_leaves_the_top_bit_free() {
        for index in 0..=NextHop::MAX {
            let hop = NextHop::new(index).unwrap();
            assert_eq!(hop.index(), index);
            let entry = NextHop::entry(Some(hop));
            assert!(entry != 0 && entry < 0x8000);
            assert_eq!(NextHop::from_entry(entry), Some(hop));
        }
        for index in NextHop::MAX + 1..=u16::MAX {
            assert_eq!(NextHop::new(index), Err(RouteError::NextHopTooLarge));
        }
        assert_eq!(NextHop::from_entry(0), None);
        assert_eq!(NextHop::entry(None), 0);
    }
}

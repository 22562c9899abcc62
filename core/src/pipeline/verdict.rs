//! What becomes of a packet.

use core::fmt;

use super::DropReason;
use crate::packet::PortId;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
use crate::platform::{Columns, Eight, Numbers};

/// What becomes of a packet: four bytes.
///
/// ```
/// use linecard::packet::PortId;
/// use linecard::pipeline::{DropReason, Verdict};
/// assert_eq!(Verdict::send(PortId(2)).port(), Some(PortId(2)));
/// assert_eq!(Verdict::drop(DropReason::NO_ROUTE).reason(), Some(DropReason::NO_ROUTE));
/// assert!(Verdict::UNDECIDED.is_undecided());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Verdict(u32);

const SEND: u32 = 1 << 16;
const DROP: u32 = 2 << 16;
const EXCEPTION: u32 = 3 << 16;
const KIND: u32 = 0xffff_0000;

impl Verdict {
    /// The next stage decides. After the last one, the packet is dropped as
    /// [`DropReason::UNDECIDED`].
    pub const UNDECIDED: Self = Self(0);

    /// To the program's own host or control plane: `Worker::punted`.
    pub const PUNT: Self = Self(4 << 16);

    /// Out by this port.
    #[inline]
    pub const fn send(port: PortId) -> Self {
        Self(SEND | port.0 as u32)
    }

    /// Freed and counted.
    #[inline]
    pub const fn drop(reason: DropReason) -> Self {
        Self(DROP | reason.code() as u32)
    }

    /// To [`Stage::exception`](super::Stage::exception) of the stage whose this code is.
    #[inline]
    pub const fn exception(code: u16) -> Self {
        Self(EXCEPTION | code as u32)
    }

    /// Whether no stage has decided.
    #[inline]
    pub const fn is_undecided(self) -> bool {
        self.0 == 0
    }

    /// Whether no stage has decided on any of these.
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    #[inline]
    pub(crate) fn are_undecided<const COUNT: usize>(all: &[Self; COUNT]) -> bool {
        all.iter().fold(0, |bits, verdict| bits | verdict.0) == 0
    }

    /// Some as numbers, of which that of one that is undecided is zero.
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    #[inline]
    pub(crate) fn words<const COUNT: usize>(all: &[Self; COUNT]) -> [u32; COUNT] {
        all.map(|Self(word)| word)
    }

    /// Out by the ports whose numbers are in the lower halves of these.
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    #[inline(always)]
    pub(crate) fn send_four(ports: Numbers) -> [Self; 4] {
        let words: [u32; 4] = ((ports & Numbers::splat(0xffff)) | Numbers::splat(SEND)).into();
        words.map(Self)
    }

    /// Likewise eight.
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    #[inline(always)]
    pub(crate) fn send_eight(ports: Eight) -> [Self; 8] {
        let words: [u32; 8] = ((ports & ports.all(0xffff)) | ports.all(SEND)).into();
        words.map(Self)
    }

    /// Those of four, in one store: their reader may load them together.
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    #[inline(always)]
    pub(crate) fn write_four(to: &mut [Self; 4], four: [Self; 4]) {
        let words: [u32; 4] = Numbers::from(four.map(|Self(word)| word)).into();
        *to = words.map(Self);
    }

    /// This one, or `other` if it is undecided.
    #[inline]
    pub const fn or(self, other: Self) -> Self {
        if self.is_undecided() { other } else { self }
    }

    /// The verdict of all of these, if they are the same: found out in one pass without a branch for
    /// each.
    #[inline(always)]
    pub(crate) fn of_all(all: &[Self]) -> Option<Self> {
        let (&first, others) = all.split_first()?;
        let differ = others
            .iter()
            .fold(0, |bits, other| bits | (other.0 ^ first.0));
        (differ == 0).then_some(first)
    }

    /// The port to leave by.
    #[inline]
    pub const fn port(self) -> Option<PortId> {
        if self.0 & KIND == SEND {
            Some(PortId(self.0 as u16))
        } else {
            None
        }
    }

    /// Why it is dropped.
    #[inline]
    pub const fn reason(self) -> Option<DropReason> {
        if self.0 & KIND == DROP {
            Some(DropReason::from_code(self.0 as u8))
        } else {
            None
        }
    }

    /// The exception's code.
    #[inline]
    pub const fn exception_code(self) -> Option<u16> {
        if self.0 & KIND == EXCEPTION {
            Some(self.0 as u16)
        } else {
            None
        }
    }
}

impl Default for Verdict {
    fn default() -> Self {
        Self::UNDECIDED
    }
}

impl fmt::Debug for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.port(), self.reason(), self.exception_code()) {
            (Some(port), ..) => write!(f, "send({})", port.0),
            (_, Some(reason), _) => write!(f, "drop({reason})"),
            (.., Some(code)) => write!(f, "exception({code})"),
            _ if *self == Self::PUNT => f.write_str("punt"),
            _ => f.write_str("undecided"),
        }
    }
}

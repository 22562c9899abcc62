//! MPLS label stacks: [RFC 3032](https://www.rfc-editor.org/rfc/rfc3032#section-2.1), the traffic
//! class as renamed by [RFC 5462](https://www.rfc-editor.org/rfc/rfc5462).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                label                  | TC  |S|      TTL      |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use core::fmt;

use zerocopy::byteorder::network_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::header::views_deref_to_header;
use super::{Header, WireError};

/// A label: 20 bits
/// ([IANA, MPLS label values](https://www.iana.org/assignments/mpls-label-values)).
///
/// ```
/// use linecard::wire::MplsLabel;
///
/// assert!(MplsLabel::IPV4_EXPLICIT_NULL.is_reserved());
/// assert_eq!(MplsLabel(16).to_string(), "16");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct MplsLabel(pub u32);

impl MplsLabel {
    /// Pop and route by the IPv4 header (RFC 3032).
    pub const IPV4_EXPLICIT_NULL: Self = Self(0);
    /// Hand it to the control plane (RFC 3032).
    pub const ROUTER_ALERT: Self = Self(1);
    /// Pop and route by the IPv6 header (RFC 3032).
    pub const IPV6_EXPLICIT_NULL: Self = Self(2);
    /// "Pop one hop early", in signalling; never on the wire (RFC 3032).
    pub const IMPLICIT_NULL: Self = Self(3);
    /// The next label is entropy for load balancing (RFC 6790).
    pub const ENTROPY_INDICATOR: Self = Self(7);
    /// An associated channel header follows (RFC 5586).
    pub const GENERIC_ASSOCIATED_CHANNEL: Self = Self(13);
    /// The largest label.
    pub const MAX: Self = Self(0xf_ffff);

    /// Below 16: of a special meaning.
    #[inline]
    #[must_use]
    pub const fn is_reserved(self) -> bool {
        self.0 < 16
    }
}

impl fmt::Display for MplsLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One entry of the stack: 4 bytes.
///
/// ```
/// use linecard::wire::{Header, MplsHeader, MplsLabel};
///
/// let mut header = MplsHeader::new(MplsLabel(100), 5, true, 64);
/// assert_eq!(header.to_string(), "MPLS label 100, tc 5, [S], ttl 64");
/// assert_eq!(header.decrement_ttl(), Some(63));
/// let mut bytes = [0; 4];
/// header.write(&mut bytes)?;
/// assert_eq!(bytes, [0x00, 0x06, 0x4b, 63]);
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct MplsHeader {
    entry: U32,
}

impl Header for MplsHeader {}

impl MplsHeader {
    /// An entry of these fields; of `label` the low 20 bits count, of `traffic_class` the low 3.
    #[inline]
    #[must_use]
    pub const fn new(label: MplsLabel, traffic_class: u8, bottom: bool, ttl: u8) -> Self {
        let label = (label.0 & MplsLabel::MAX.0) << 12;
        let traffic_class = (traffic_class as u32 & 0x7) << 9;
        Self {
            entry: U32::new(label | traffic_class | (bottom as u32) << 8 | ttl as u32),
        }
    }

    /// The label.
    #[inline]
    #[must_use]
    pub fn label(&self) -> MplsLabel {
        MplsLabel(self.entry.get() >> 12)
    }

    /// Traffic class, 3 bits.
    #[inline]
    #[must_use]
    pub fn traffic_class(&self) -> u8 {
        (self.entry.get() >> 9 & 0x7) as u8
    }

    /// The last entry: the payload follows.
    #[inline]
    #[must_use]
    pub fn is_bottom(&self) -> bool {
        self.entry.get() & BOTTOM != 0
    }

    /// Time to live, in hops.
    #[inline]
    #[must_use]
    pub fn ttl(&self) -> u8 {
        self.entry.get() as u8
    }

    /// Sets the label; the low 20 bits count.
    #[inline]
    pub fn set_label(&mut self, label: MplsLabel) {
        self.entry
            .set(self.entry.get() & 0xfff | (label.0 & MplsLabel::MAX.0) << 12);
    }

    /// Sets the traffic class; the low 3 bits count.
    #[inline]
    pub fn set_traffic_class(&mut self, class: u8) {
        self.entry
            .set(self.entry.get() & !0xe00 | u32::from(class & 0x7) << 9);
    }

    /// Sets whether it is the last entry.
    #[inline]
    pub fn set_bottom(&mut self, bottom: bool) {
        let rest = self.entry.get() & !BOTTOM;
        self.entry.set(if bottom { rest | BOTTOM } else { rest });
    }

    /// Sets the time to live.
    #[inline]
    pub fn set_ttl(&mut self, ttl: u8) {
        self.entry.set(self.entry.get() & !0xff | u32::from(ttl));
    }

    /// One hop less; gives the new time to live. `None`, and nothing is changed, if it is 0 or 1:
    /// RFC 3032, 2.4.2: "If the outgoing TTL of a labeled packet is 0, then the labeled packet MUST
    /// NOT be further forwarded".
    #[inline]
    pub fn decrement_ttl(&mut self) -> Option<u8> {
        let ttl = self.ttl().checked_sub(1).filter(|&ttl| ttl != 0)?;
        self.set_ttl(ttl);
        Some(ttl)
    }
}

impl fmt::Display for MplsHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bottom = if self.is_bottom() { " [S]," } else { "" };
        let (label, class, ttl) = (self.label(), self.traffic_class(), self.ttl());
        write!(f, "MPLS label {label}, tc {class},{bottom} ttl {ttl}")
    }
}

/// The top entry of a stack and what follows it, checked.
///
/// ```
/// use linecard::wire::{Mpls, MplsLabel};
///
/// let mpls = Mpls::new(&[0x00, 0x01, 0x01, 0x40, 0x45])?;
/// assert_eq!((mpls.label(), mpls.is_bottom()), (MplsLabel(16), true));
/// assert_eq!(mpls.payload, [0x45]);
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Mpls<'a> {
    /// The top entry.
    pub header: &'a MplsHeader,
    /// The rest of the stack, and the payload behind it.
    pub payload: &'a [u8],
}

impl<'a> Mpls<'a> {
    /// Views `bytes`, which start with a stack entry.
    ///
    /// # Errors
    /// [`WireError::Truncated`] if there are fewer than 4 bytes.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        let (header, payload) = MplsHeader::split(bytes)?;
        Ok(Self { header, payload })
    }
}

/// The top entry of a stack and what follows it, checked, for writing in place.
///
/// ```
/// use linecard::wire::{MplsLabel, MplsMut};
///
/// let mut bytes = [0x00, 0x01, 0x01, 0x40];
/// let mut mpls = MplsMut::new(&mut bytes)?;
/// mpls.set_label(MplsLabel(17)); // swap
/// mpls.decrement_ttl();
/// assert_eq!(bytes, [0x00, 0x01, 0x11, 0x3f]);
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct MplsMut<'a> {
    /// The top entry.
    pub header: &'a mut MplsHeader,
    /// The rest of the stack, and the payload behind it.
    pub payload: &'a mut [u8],
}

impl<'a> MplsMut<'a> {
    /// Views `bytes`, which start with a stack entry.
    ///
    /// # Errors
    /// As [`Mpls::new`].
    #[inline]
    pub fn new(bytes: &'a mut [u8]) -> Result<Self, WireError> {
        let (header, payload) = MplsHeader::split_mut(bytes)?;
        Ok(Self { header, payload })
    }
}

views_deref_to_header!(Mpls, MplsMut, MplsHeader);

/// Walks a label stack from the top to the entry whose bottom bit is set.
///
/// Afterwards [`payload`](Self::payload) is what the stack was put in front of; which protocol that
/// is, only the last label's meaning says. After an error the walk is over as well.
///
/// ```
/// use linecard::wire::MplsStack;
///
/// let mut stack = MplsStack::new(&[0, 1, 0, 64, 0, 1, 0x11, 64, 0x45]);
/// assert_eq!(stack.next().unwrap()?.label().0, 16);
/// assert_eq!(stack.next().unwrap()?.label().0, 17);
/// assert!(stack.next().is_none());
/// assert_eq!(stack.payload(), [0x45]);
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Clone, Debug)]
pub struct MplsStack<'a> {
    payload: &'a [u8],
    left: u8,
    done: bool,
}

impl<'a> MplsStack<'a> {
    /// The most entries that are followed. Routers with segment routing push around ten.
    pub const MAX: u8 = 16;

    /// The stack that `bytes` start with.
    #[inline]
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self {
            payload: bytes,
            left: Self::MAX,
            done: false,
        }
    }

    /// The bytes behind the entries walked so far.
    #[inline]
    #[must_use]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    #[inline]
    fn step(&mut self) -> Result<&'a MplsHeader, WireError> {
        let Some(left) = self.left.checked_sub(1) else {
            return Err(WireError::TooMany(Self::MAX));
        };
        let (header, payload) = MplsHeader::split(self.payload)?;
        (self.payload, self.left) = (payload, left);
        Ok(header)
    }
}

impl<'a> Iterator for MplsStack<'a> {
    type Item = Result<&'a MplsHeader, WireError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let entry = self.step();
        self.done = entry.is_ok_and(MplsHeader::is_bottom) || entry.is_err();
        Some(entry)
    }
}

impl core::iter::FusedIterator for MplsStack<'_> {}

const BOTTOM: u32 = 1 << 8;

static_assertions::assert_eq_size!(MplsHeader, [u8; 4]);

#[cfg(test)]
mod tests {
    use std::string::ToString;
    use std::vec;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_stack_without_bottom() {
        let mut stack = MplsStack::new(&[0; 10]);
        assert_eq!(stack.by_ref().take(2).filter(Result::is_ok).count(), 2);
        assert_eq!(stack.next(), Some(Err(WireError::Truncated { needed: 4 })));
        assert_eq!(stack.next(), None);

        let bytes = vec![0; 100];
        assert_eq!(
            MplsStack::new(&bytes).last(),
            Some(Err(WireError::TooMany(16)))
        );
        assert_eq!(MplsStack::new(&bytes).count(), 17);
    }

    #[test]
    fn the_last_hop_is_not_taken() {
        for ttl in [0, 1] {
            let mut header = MplsHeader::new(MplsLabel(16), 0, true, ttl);
            assert_eq!((header.decrement_ttl(), header.ttl()), (None, ttl));
        }
    }

    proptest! {
        #[test]
        fn any_bytes(mut bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let mut stack = MplsStack::new(&bytes);
            let good = stack.by_ref().filter(Result::is_ok).count();
            prop_assert!(good <= 16);
            prop_assert_eq!(stack.payload().len(), bytes.len() - 4 * good);
            let view = Mpls::new(&bytes).map(|view| (view.payload.len(), view.to_string()));
            prop_assert_eq!(view.is_ok(), bytes.len() >= 4);
            let written = MplsMut::new(&mut bytes).map(|view| (view.payload.len(), view.to_string()));
            prop_assert_eq!(written, view);
        }

        #[test]
        fn what_is_written_is_read(before: u32, label in 0..=MplsLabel::MAX.0, class in 0_u8..8, bottom: bool, ttl: u8) {
            let mut header = MplsHeader { entry: U32::new(before) };
            header.set_label(MplsLabel(label));
            header.set_traffic_class(class);
            header.set_bottom(bottom);
            header.set_ttl(ttl);
            prop_assert_eq!(header, MplsHeader::new(MplsLabel(label), class, bottom, ttl));
            prop_assert_eq!((header.label().0, header.traffic_class()), (label, class));
            prop_assert_eq!((header.is_bottom(), header.ttl()), (bottom, ttl));
        }
    }
}

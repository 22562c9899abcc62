//! What a packet is made of and where its headers start, in four bytes.
//!
//! [`parse`](super::parse) looks at a packet once and leaves its answer here; the packet descriptor
//! carries it, so that no later stage walks the headers again.
//!
//! ```text
//!  0               2       3       4
//!  +-------+-------+-------+-------+
//!  |     kinds     |  l3   |  l4   |
//!  +-------+-------+-------+-------+
//!          |           |       `-- layer-4 header, in 4-byte words from the layer-3 header; 0: none
//!          |           `---------- layer-3 header, in bytes from the start of the packet
//!          `---------------------- which headers were found, one bit each
//! ```
//!
//! Distances from the layer-3 header are whole words because both IPv4's header length and every
//! IPv6 extension header count in words (RFC 791 section 3.1, RFC 8200 section 4).

use core::fmt;

use bitflags::bitflags;
use static_assertions::const_assert_eq;

bitflags! {
    /// Which headers a packet has.
    ///
    /// A set bit is a promise that the header was there, whole, and passed the checks of
    /// [`parse`](super::parse).
    ///
    /// ```
    /// use linecard::wire::Kinds;
    ///
    /// let kinds = Kinds::VLAN | Kinds::IPV4 | Kinds::UDP;
    /// assert!(kinds.contains(Kinds::UDP));
    /// assert!(!kinds.intersects(Kinds::FRAGMENT | Kinds::L3_OPTIONS));
    /// ```
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct Kinds: u16 {
        /// At least one VLAN tag (IEEE 802.1Q).
        const VLAN = 1 << 0;
        /// Two or more VLAN tags (IEEE 802.1ad and its predecessors); `VLAN` is set as well.
        const QINQ = 1 << 1;
        /// An MPLS label stack (RFC 3032).
        const MPLS = 1 << 2;
        /// An IEEE 802.3 length in place of the ethertype, followed by LLC (IEEE 802.2).
        const LLC = 1 << 3;
        /// ARP (RFC 826); layer 3 is the ARP packet.
        const ARP = 1 << 4;
        /// IPv4 (RFC 791).
        const IPV4 = 1 << 5;
        /// IPv6 (RFC 8200).
        const IPV6 = 1 << 6;
        /// IPv4 options, or at least one IPv6 extension header.
        const L3_OPTIONS = 1 << 7;
        /// One piece of a larger IP packet. Only the first piece has a layer-4 header.
        const FRAGMENT = 1 << 8;
        /// TCP (RFC 9293).
        const TCP = 1 << 9;
        /// UDP (RFC 768).
        const UDP = 1 << 10;
        /// ICMP over IPv4 (RFC 792) or ICMPv6 over IPv6 (RFC 4443).
        const ICMP = 1 << 11;
        /// SCTP (RFC 9260).
        const SCTP = 1 << 12;
        /// GRE (RFC 2784).
        const GRE = 1 << 13;
        /// VXLAN (RFC 7348): UDP to port 4789 with a valid VXLAN header; `UDP` is set as well.
        const VXLAN = 1 << 14;
        /// A layer 4 that is none of the above; the layer-4 offset says where it starts.
        const OTHER_L4 = 1 << 15;
    }
}

impl Kinds {
    /// Either version of IP.
    pub const IP: Self = Self::IPV4.union(Self::IPV6);

    /// Each layer-4 protocol that [`parse`](super::parse) knows, and the bit for all others.
    pub const L4: Self = Self::TCP
        .union(Self::UDP)
        .union(Self::ICMP)
        .union(Self::SCTP)
        .union(Self::GRE)
        .union(Self::OTHER_L4);
}

/// Which headers a packet has and where they start: four bytes, passed by value.
///
/// The default is a packet that nobody has parsed: no kinds, no offsets.
///
/// The offsets of a value that [`parse`](super::parse) made are inside the packet that it was given.
/// They stay so until somebody trims or prepends; accessors of this module check lengths again
/// when a view is made, so that a stale value gives an error and never a read out of bounds.
///
/// ```
/// use linecard::wire::{Kinds, Layers};
///
/// // Ethernet, IPv4 without options, UDP.
/// let layers = Layers::new(Kinds::IPV4 | Kinds::UDP, 14, 5);
/// assert!(layers.contains(Kinds::UDP));
/// assert_eq!(layers.l3_offset(), 14);
/// assert_eq!(layers.l4_offset(), Some(34));
/// assert_eq!(Layers::default().l4_offset(), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(C)]
pub struct Layers {
    kinds: Kinds,
    l3: u8,
    l4: u8,
}

const_assert_eq!(size_of::<Layers>(), 4);
const_assert_eq!(align_of::<Layers>(), 2);

impl Layers {
    /// The furthest a layer-4 header can be from its layer-3 header, in bytes.
    pub const MAX_L3_LEN: usize = u8::MAX as usize * 4;

    /// Headers of these `kinds`, with layer 3 at `l3` bytes from the start of the packet and
    /// layer 4 at `l4_words` 4-byte words after it (0: no layer 4).
    #[inline]
    #[must_use]
    pub const fn new(kinds: Kinds, l3: u8, l4_words: u8) -> Self {
        Self {
            kinds,
            l3,
            l4: l4_words,
        }
    }

    /// Which headers there are.
    #[inline]
    #[must_use]
    pub const fn kinds(self) -> Kinds {
        self.kinds
    }

    /// Whether all of `kinds` are there.
    #[inline]
    #[must_use]
    pub const fn contains(self, kinds: Kinds) -> bool {
        self.kinds.contains(kinds)
    }

    /// Where layer 3 starts, in bytes from the start of the packet.
    ///
    /// When the packet is neither ARP nor IP this is where layer 2 ended; it is 0 when the packet
    /// was not parsed, and for a packet that starts with its IP header.
    #[inline]
    #[must_use]
    pub const fn l3_offset(self) -> usize {
        self.l3 as usize
    }

    /// Where layer 4 starts, in bytes from the start of the packet; `None` when there is none, as
    /// in a later fragment.
    #[inline]
    #[must_use]
    pub const fn l4_offset(self) -> Option<usize> {
        match self.l4 {
            0 => None,
            words => Some(self.l3 as usize + words as usize * 4),
        }
    }

    /// Length of the layer-3 header with its options or extension headers, in bytes; `None` when
    /// there is no layer 4 that would end it.
    #[inline]
    #[must_use]
    pub const fn l3_len(self) -> Option<usize> {
        match self.l4 {
            0 => None,
            words => Some(words as usize * 4),
        }
    }

    /// The same headers with `bytes` more in front, as after pushing a VLAN tag; `None` when layer 3
    /// would start past byte 255. A packet that was not parsed is as unknown as before.
    #[inline]
    #[must_use]
    pub const fn moved_back(self, bytes: u8) -> Option<Self> {
        if self.kinds.is_empty() && self.l3 == 0 {
            return Some(self);
        }
        match self.l3.checked_add(bytes) {
            Some(l3) => Some(Self { l3, ..self }),
            None => None,
        }
    }

    /// The same headers with `bytes` fewer in front, as after popping a VLAN tag; `None` when layer 3
    /// would start before the packet.
    #[inline]
    #[must_use]
    pub const fn moved_forward(self, bytes: u8) -> Option<Self> {
        match self.l3.checked_sub(bytes) {
            Some(l3) => Some(Self { l3, ..self }),
            None => None,
        }
    }

    /// The same headers with layer 4 further back by `words` of 4 bytes; `None` when it would be more
    /// than [`MAX_L3_LEN`](Self::MAX_L3_LEN) from layer 3.
    #[inline]
    pub(super) const fn l4_moved_back(self, words: u16) -> Option<Self> {
        match words.checked_add(self.l4 as u16) {
            Some(words @ ..=0xff) => Some(Self {
                l4: words as u8,
                ..self
            }),
            _ => None,
        }
    }

    /// The same headers without a layer 4.
    #[inline]
    #[must_use]
    pub const fn without_l4(self) -> Self {
        Self { l4: 0, ..self }
    }

    /// The same offsets with other `kinds`.
    #[inline]
    #[must_use]
    pub const fn with_kinds(self, kinds: Kinds) -> Self {
        Self { kinds, ..self }
    }
}

impl fmt::Debug for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layers")
            .field("kinds", &self.kinds)
            .field("l3_offset", &self.l3_offset())
            .field("l4_offset", &self.l4_offset())
            .finish()
    }
}

impl fmt::Display for Layers {
    /// The kinds and the offsets, as in `IPV4|UDP l3=14 l4=34`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kinds.is_empty() {
            f.write_str("none")?;
        }
        for (i, (name, _)) in self.kinds.iter_names().enumerate() {
            if i > 0 {
                f.write_str("|")?;
            }
            f.write_str(name)?;
        }
        write!(f, " l3={}", self.l3_offset())?;
        match self.l4_offset() {
            Some(l4) => write!(f, " l4={l4}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn offsets_reach_the_far_end() {
        let far = Layers::new(Kinds::IPV6 | Kinds::TCP, 255, 255);
        assert_eq!(far.l3_offset(), 255);
        assert_eq!(far.l4_offset(), Some(255 + Layers::MAX_L3_LEN));
        assert_eq!(far.l3_len(), Some(Layers::MAX_L3_LEN));
    }

    #[test]
    fn default_is_not_parsed() {
        let none = Layers::default();
        assert!(none.kinds().is_empty());
        assert_eq!(none.l3_offset(), 0);
        assert_eq!((none.l4_offset(), none.l3_len()), (None, None));
        assert_eq!(none.to_string(), "none l3=0");
    }

    #[test]
    fn moving_keeps_layer_4_with_layer_3() {
        let layers = Layers::new(Kinds::IPV4 | Kinds::UDP, 14, 6);
        let tagged = layers.moved_back(4).unwrap();
        assert_eq!(
            (tagged.l3_offset(), tagged.l4_offset()),
            (18, Some(18 + 24))
        );
        assert_eq!(tagged.moved_forward(4), Some(layers));
        assert_eq!(layers.moved_back(242), None);
        assert_eq!(layers.moved_forward(15), None);
        // Nobody takes it for parsed.
        assert_eq!(Layers::default().moved_back(4), Some(Layers::default()));
    }

    #[test]
    fn display_names_each_kind() {
        let layers = Layers::new(Kinds::VLAN | Kinds::IPV4 | Kinds::UDP, 18, 5);
        assert_eq!(layers.to_string(), "VLAN|IPV4|UDP l3=18 l4=38");
    }
}

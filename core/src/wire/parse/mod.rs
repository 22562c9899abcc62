//! All layers in one pass: from a frame's first byte to the offsets of its headers.
//!
//! ```text
//! Ethernet II --+--> IPv4 (options, AH) --------+--> TCP  UDP  ICMP  SCTP  GRE
//! 802.3 + LLC   |                               |          `--> VXLAN
//!   `--> SNAP   +--> IPv6 (extension headers) --+
//! VLAN tags     |
//! MPLS labels   +--> ARP
//! ```
//!
//! The answer is [`Parsed`]: which headers are there and where ([`Layers`]), and an
//! [`Outcome`] that names what was unknown, cut off or wrong. It says the same as the views of this
//! module would, one after the other; a property test holds it to that. In particular:
//!
//! - A header is reported only if it is there to its last byte, *within the layer around it*: IPv4's
//!   total length and IPv6's payload length end the packet, whatever the frame goes on with (Ethernet
//!   pads to 60 bytes). A packet that is longer than its frame is [`Layer::Payload`] truncated.
//! - Unknown is not wrong: an unknown protocol gives what was found up to there.
//! - Chains are bounded: [`VlanTags::MAX`](super::VlanTags::MAX),
//!   [`MplsStack::MAX`](super::MplsStack::MAX),
//!   [`Ipv6Extensions::MAX`](super::Ipv6Extensions::MAX).
//! - What is inside a tunnel (GRE, VXLAN, IP in IP) is not looked at; parse it where it is taken out.
//!
//! # Decisions
//!
//! - *IPv4 total length 0* is malformed, and *IPv6 payload length 0* means an empty payload unless a
//!   jumbo payload option (RFC 2675) gives another length. A kernel's "BIG TCP" super-packets look so
//!   to a packet socket; they never are on a wire.
//! - *An IPv6 fragment header of a whole packet* (offset 0, no more to come; RFC 6946) is an extension
//!   header like another, and the packet no fragment.
//! - *A UDP length below the IP payload* is right: what follows is not UDP's (RFC 9868 gives it a use).
//!   One that is 0 is malformed, but for a jumbogram (RFC 2675 section 4).
//! - *In a first fragment* UDP's length is that of the whole datagram, so only its lower bound is checked.
//! - *AH* is followed over IPv4 as well; *ESP* hides what it carries and is an unknown protocol.
//! - *Port 4789* alone does not make VXLAN: without its I flag (RFC 7348 section 5) it is plain UDP.
//!
//! # Cost
//!
//! A whole, unfragmented TCP or UDP packet over IP, with up to two VLAN tags, goes straight through,
//! mostly to a constant: 49 instructions for Ethernet, IPv4 and UDP, 63 with the header checksum
//! verified (x86-64, counted by callgrind, with the bench's own loop around it). Everything else starts
//! over on a careful way that says what is wrong; a property test holds both to the same answers. What
//! kinds of packets alternate, the processor has to guess: a random mix costs one to two mispredicted
//! branches per packet. A version without such branches was tried: none was mispredicted, but with 213
//! instructions, each waiting for a load before it, it took more than twice as long on the mix and
//! four times as long on plain UDP.
//!
//! ```
//! use linecard::wire::{Kinds, parse::{self, Outcome}};
//!
//! let mut frame = [0; 60]; // with 18 bytes of padding
//! frame[12..14].copy_from_slice(&[0x08, 0x00]);
//! frame[14..24].copy_from_slice(&[0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17]);
//! frame[38..40].copy_from_slice(&[0, 8]);
//!
//! // A device has verified the header checksum, or nobody needs it.
//! let parsed = parse::parse::<{ parse::TRUST }>(&frame);
//! assert_eq!(parsed.outcome, Outcome::Complete);
//! assert_eq!(parsed.layers.kinds(), Kinds::IPV4 | Kinds::UDP);
//! assert_eq!(parsed.layers.l4_offset(), Some(34));
//!
//! // This one has none that would be right.
//! let parsed = parse::parse::<{ parse::VERIFY }>(&frame);
//! assert_eq!(parsed.outcome, Outcome::Malformed(parse::Check::Ipv4Checksum));
//! ```

mod link;
mod network;
mod outcome;
mod straight;
mod transport;

pub use outcome::{Check, Layer, Outcome, Parsed};

use super::{EtherType, Kinds, Layers};

/// Verify IPv4's header checksum.
pub const VERIFY: bool = true;

/// Take IPv4's header checksum as right, because a device has verified it.
pub const TRUST: bool = false;

/// Parses an Ethernet frame, without frame check sequence, that is in one piece.
///
/// `CHECKSUM` is [`VERIFY`] or [`TRUST`].
///
/// ```
/// use linecard::wire::parse::{self, Layer, Outcome};
///
/// let parsed = parse::parse::<{ parse::VERIFY }>(&[0; 13]);
/// assert_eq!(parsed.outcome, Outcome::Truncated(Layer::Ethernet));
/// ```
#[must_use]
pub fn parse<const CHECKSUM: bool>(frame: &[u8]) -> Parsed {
    straight::ethernet::<CHECKSUM>(frame, 0)
}

/// Parses an Ethernet frame of which only the first bytes are here, as of a packet that lies in several
/// buffers: `total_len` bytes in all, `first` being those of the first buffer.
///
/// All headers have to be in `first`; one that goes on in the second buffer is truncated (VXLAN: not
/// found).
///
/// ```
/// use linecard::wire::parse::{self, Layer, Outcome};
///
/// let mut first = [0; 42];
/// first[12..24].copy_from_slice(&[8, 0, 0x45, 0, 0x20, 0, 0, 0, 0, 0, 64, 17]);
/// first[38..40].copy_from_slice(&[0x1f, 0xec]);
/// let parsed = parse::parse_first::<{ parse::TRUST }>(&first, 14 + 0x2000);
/// assert_eq!(parsed.outcome, Outcome::Complete);
/// let parsed = parse::parse_first::<{ parse::TRUST }>(&first, 14 + 0x1fff);
/// assert_eq!(parsed.outcome, Outcome::Truncated(Layer::Payload));
/// ```
#[must_use]
pub fn parse_first<const CHECKSUM: bool>(first: &[u8], total_len: usize) -> Parsed {
    straight::ethernet::<CHECKSUM>(first, total_len)
}

/// Parses a packet that starts with its IP header, as a TUN device and many captures have it.
///
/// ```
/// use linecard::wire::{Kinds, parse::{self, Outcome}};
///
/// let mut packet = [0; 40];
/// packet[0] = 0x60;
/// packet[6] = 59; // no next header
/// let parsed = parse::parse_ip::<{ parse::TRUST }>(&packet);
/// assert_eq!((parsed.layers.kinds(), parsed.outcome), (Kinds::IPV6, Outcome::Complete));
/// ```
#[must_use]
pub fn parse_ip<const CHECKSUM: bool>(packet: &[u8]) -> Parsed {
    network::by_version::<CHECKSUM>(packet, 0, Layers::default())
}

/// Parses what layer 2 was taken off: the packet behind `ethertype`, which may be a further tag.
///
/// Offsets count from the start of `bytes`.
///
/// ```
/// use linecard::wire::{EtherType, Kinds, parse::{self, Layer, Outcome}};
///
/// let parsed = parse::parse_ethertype::<{ parse::VERIFY }>(EtherType::ARP, &[0; 27]);
/// assert_eq!(parsed.outcome, Outcome::Truncated(Layer::Arp));
/// ```
#[must_use]
pub fn parse_ethertype<const CHECKSUM: bool>(ethertype: EtherType, bytes: &[u8]) -> Parsed {
    let tags_left = super::VlanTags::MAX;
    link::behind::<CHECKSUM>(bytes, 0, Layers::default(), ethertype, tags_left)
}

/// How far the parser has come.
///
/// Functions that are not inlined take its parts, because three words travel in registers where a
/// structure of them would go through memory.
#[derive(Clone, Copy)]
struct At<'a> {
    /// The bytes from here on.
    rest: &'a [u8],
    /// How many more the packet has that are not in `rest`.
    beyond: usize,
    /// What was found on the way, and the offset of `rest`.
    layers: Layers,
}

impl<'a> At<'a> {
    /// At the start of a packet.
    #[inline(always)]
    const fn start(rest: &'a [u8], beyond: usize) -> Self {
        Self {
            rest,
            beyond,
            layers: Layers::new(Kinds::empty(), 0, 0),
        }
    }

    /// Behind `len` bytes of a header of this kind, with `rest` what follows it.
    #[inline(always)]
    const fn behind(self, kind: Kinds, len: u8, rest: &'a [u8]) -> Self {
        let kinds = self.layers.kinds().union(kind);
        // The bounds on tags and labels keep this far below 256.
        let l3 = (self.layers.l3_offset() as u8).wrapping_add(len);
        Self {
            rest,
            layers: Layers::new(kinds, l3, 0),
            ..self
        }
    }

    /// The first `len` of the bytes from here on, or as many of them as are in `rest`; `None` if the
    /// packet ends before.
    #[inline(always)]
    fn up_to(&self, len: usize) -> Option<&'a [u8]> {
        match self.rest.get(..len) {
            None if len.wrapping_sub(self.rest.len()) <= self.beyond => Some(self.rest),
            bounded => bounded,
        }
    }

    /// Ends here, with layer 3 not to be had.
    #[inline(always)]
    const fn ends(self, outcome: Outcome) -> Parsed {
        Parsed {
            layers: self.layers,
            outcome,
        }
    }
}

/// The number in the two bytes at `at`; the callers' headers are arrays, which makes the bounds
/// known at compile time.
#[inline(always)]
const fn be16<const N: usize>(header: &[u8; N], at: usize) -> u16 {
    u16::from_be_bytes([header[at], header[at + 1]])
}

#[cfg(test)]
mod tests;

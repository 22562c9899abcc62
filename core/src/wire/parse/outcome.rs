//! What a parser says about a packet.

use core::fmt;

use crate::wire::{EtherType, IpProtocol, Layers, Sap};

/// The headers of a packet, and how far they could be followed: eight bytes, returned in a register.
///
/// `layers` holds what was found up to the point where `outcome` says that it ended. So a router
/// looks for [`Kinds::IPV4`](crate::wire::Kinds::IPV4) in `layers` and does not care that behind it
/// TCP is malformed; who filters by port does.
///
/// ```
/// use linecard::wire::{Kinds, parse::{self, Layer, Outcome}};
///
/// // A ping that was cut off behind its IPv4 header.
/// let mut frame = [0; 34];
/// frame[12..24].copy_from_slice(&[8, 0, 0x45, 0, 0, 20, 0, 0, 0, 0, 64, 1]);
/// let parsed = parse::parse::<{ parse::TRUST }>(&frame);
/// assert_eq!(parsed.outcome, Outcome::Truncated(Layer::Icmp));
/// assert_eq!(parsed.layers.kinds(), Kinds::IPV4);
/// assert_eq!(parsed.to_string(), "IPV4 l3=14: ICMP truncated");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Parsed {
    /// Each header that was there, whole and right, and where layers 3 and 4 start.
    pub layers: Layers,
    /// Whether that was all of it.
    pub outcome: Outcome,
}

static_assertions::assert_eq_size!(Parsed, u64);

/// How far a packet could be followed.
///
/// ```
/// use linecard::wire::{IpProtocol, parse::{Check, Outcome}};
///
/// assert!(Outcome::Complete.is_well_formed());
/// assert!(Outcome::UnknownProtocol(IpProtocol::ESP).is_well_formed());
/// assert!(!Outcome::Malformed(Check::UdpLength).is_well_formed());
/// assert_eq!(Outcome::Malformed(Check::UdpLength).to_string(), "bad UDP length");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// To the end: layer 4 is known and its header right; or there is none to come, as in ARP.
    Complete,
    /// The first fragment of an IP packet, with the layer-4 header in it if there is one.
    FirstFragment,
    /// A fragment that is not the first: there is no layer-4 header in it.
    LaterFragment,
    /// The bytes end before this does.
    Truncated(Layer),
    /// A field contradicts the protocol or the packet.
    Malformed(Check),
    /// Layer 2 is right and carries something else than ARP and IP.
    UnknownEtherType(EtherType),
    /// Layer 2 is IEEE 802.3 with something else than SNAP for an ethertype in it.
    UnknownSap(Sap),
    /// Behind the last MPLS label is neither IPv4 nor IPv6.
    UnknownInMpls,
    /// Layer 3 is right and carries a protocol of which nothing is known here. It starts at the
    /// layer-4 offset.
    UnknownProtocol(IpProtocol),
}

impl Outcome {
    /// Nothing in the packet was wrong, though not all of it may be known here.
    #[inline]
    #[must_use]
    pub const fn is_well_formed(self) -> bool {
        !matches!(self, Self::Truncated(_) | Self::Malformed(_))
    }

    /// The whole packet or one fragment of it.
    #[inline]
    #[must_use]
    pub const fn is_fragment(self) -> bool {
        matches!(self, Self::FirstFragment | Self::LaterFragment)
    }
}

/// What can be cut off.
///
/// ```
/// use linecard::wire::parse::Layer;
///
/// assert_eq!(Layer::Payload.to_string(), "IP payload");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Layer {
    /// The 14 bytes of Ethernet.
    Ethernet,
    /// A VLAN tag.
    Vlan,
    /// What the length of an IEEE 802.3 frame covers, or a SNAP header.
    Llc,
    /// A label, or what follows the last one.
    Mpls,
    /// ARP.
    Arp,
    /// A packet that starts with IP, and has no byte that says which version.
    Ip,
    /// IPv4's header with its options.
    Ipv4,
    /// IPv6's first 40 bytes.
    Ipv6,
    /// An extension header of IPv6, or AH.
    Extension,
    /// What IPv4's total length or IPv6's payload length covers. The header itself was there.
    Payload,
    /// TCP with its options.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP or ICMPv6.
    Icmp,
    /// SCTP's common header.
    Sctp,
    /// GRE with its optional fields.
    Gre,
}

/// What can be wrong with a field.
///
/// ```
/// use linecard::wire::parse::Check;
///
/// assert_eq!(Check::Ipv4Checksum.to_string(), "IPv4 checksum");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Check {
    /// More VLAN tags than [`VlanTags::MAX`](crate::wire::VlanTags::MAX).
    TooManyTags,
    /// An IEEE 802.3 length that is too small for the LLC header.
    LlcLength,
    /// More MPLS labels than [`MplsStack::MAX`](crate::wire::MplsStack::MAX).
    TooManyLabels,
    /// ARP that is not for IPv4 over Ethernet.
    ArpFormat,
    /// A version that is not the one that layer 2 announced, or neither 4 nor 6.
    IpVersion,
    /// An IPv4 header length under 20 bytes.
    Ipv4HeaderLength,
    /// An IPv4 total length under the header length, zero included.
    Ipv4TotalLength,
    /// IPv4's header checksum.
    Ipv4Checksum,
    /// A jumbo payload option (RFC 2675) of 65,535 bytes or less, or with a fragment header.
    JumboLength,
    /// Hop-by-hop options elsewhere than first (RFC 8200 section 4.1).
    HopByHopNotFirst,
    /// AH without room for its fixed fields (RFC 4302 section 2.2).
    AhLength,
    /// More extension headers than [`Ipv6Extensions::MAX`](crate::wire::Ipv6Extensions::MAX).
    TooManyExtensions,
    /// IPv6 with its extension headers is longer than [`Layers::MAX_L3_LEN`].
    ExtensionsLength,
    /// A UDP length under 8 or beyond the end of the IP packet.
    UdpLength,
    /// A TCP data offset under 20 bytes.
    TcpDataOffset,
    /// GRE with a bit that RFC 2784 section 2.3 makes a receiver discard, routing above all.
    GreFlags,
    /// GRE of a version that is not 0, such as PPTP's.
    GreVersion,
}

impl fmt::Display for Parsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.layers, self.outcome)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Complete => f.write_str("complete"),
            Self::FirstFragment => f.write_str("first fragment"),
            Self::LaterFragment => f.write_str("later fragment"),
            Self::Truncated(layer) => write!(f, "{layer} truncated"),
            Self::Malformed(check) => write!(f, "bad {check}"),
            Self::UnknownEtherType(ethertype) => write!(f, "unknown ethertype {ethertype}"),
            Self::UnknownSap(sap) => write!(f, "unknown LLC {sap}"),
            Self::UnknownInMpls => f.write_str("unknown in MPLS"),
            Self::UnknownProtocol(protocol) => write!(f, "unknown {protocol}"),
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ethernet => "Ethernet",
            Self::Vlan => "VLAN",
            Self::Llc => "LLC",
            Self::Mpls => "MPLS",
            Self::Arp => "ARP",
            Self::Ip => "IP",
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
            Self::Extension => "extension header",
            Self::Payload => "IP payload",
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Icmp => "ICMP",
            Self::Sctp => "SCTP",
            Self::Gre => "GRE",
        })
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooManyTags => "number of VLAN tags",
            Self::LlcLength => "IEEE 802.3 length",
            Self::TooManyLabels => "number of MPLS labels",
            Self::ArpFormat => "ARP format",
            Self::IpVersion => "IP version",
            Self::Ipv4HeaderLength => "IPv4 header length",
            Self::Ipv4TotalLength => "IPv4 total length",
            Self::Ipv4Checksum => "IPv4 checksum",
            Self::JumboLength => "jumbo payload length",
            Self::HopByHopNotFirst => "place of hop-by-hop options",
            Self::AhLength => "AH length",
            Self::TooManyExtensions => "number of extension headers",
            Self::ExtensionsLength => "length of extension headers",
            Self::UdpLength => "UDP length",
            Self::TcpDataOffset => "TCP data offset",
            Self::GreFlags => "GRE flags",
            Self::GreVersion => "GRE version",
        })
    }
}

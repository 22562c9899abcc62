//! Where `wire::parse` and etherparse differ on purpose.

mod case;

use linecard::wire::parse::{Check, Layer, Outcome, Parsed};
use linecard::wire::{EtherType, IpProtocol, Ipv6Extensions, Kinds, Layers};

use super::Start;
use super::theirs::{End, Theirs};
use case::Case;

/// A deliberate difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// IEEE 802.3 with LLC.
    Llc,
    /// MPLS.
    Mpls,
    /// MACsec.
    Macsec,
    /// More than three tags.
    FourTags,
    /// ARP for something else than IPv4 over Ethernet.
    ArpOfOtherKind,
    /// An IP packet that is cut off in its first 20 bytes and has a header length under 20.
    ShortAndBadHeaderLength,
    /// IPv6 with the payload length 0 and bytes behind it.
    ZeroPayloadLength,
    /// A jumbogram.
    Jumbogram,
    /// More than one AH over IPv4.
    SecondAh,
    /// More IPv6 extension headers than are followed.
    ManyExtensions,
    /// IPv6 extension headers that are longer than an offset can say.
    LongExtensions,
    /// Extension headers behind the header of a later fragment.
    BehindLaterFragment,
    /// The first fragment.
    FirstFragment,
    /// UDP with the length 0.
    ZeroUdpLength,
    /// An ICMP timestamp that has not exactly 20 bytes.
    TimestampLength,
    /// ICMP over IPv6, or ICMPv6 over IPv4.
    IcmpOfOtherVersion,
    /// IGMP.
    Igmp,
}

impl Difference {
    /// Every one there is.
    pub const ALL: [Self; 17] = [
        Self::Llc,
        Self::Mpls,
        Self::Macsec,
        Self::FourTags,
        Self::ArpOfOtherKind,
        Self::ShortAndBadHeaderLength,
        Self::ZeroPayloadLength,
        Self::Jumbogram,
        Self::SecondAh,
        Self::ManyExtensions,
        Self::LongExtensions,
        Self::BehindLaterFragment,
        Self::FirstFragment,
        Self::ZeroUdpLength,
        Self::TimestampLength,
        Self::IcmpOfOtherVersion,
        Self::Igmp,
    ];

    /// Why we do as we do.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Llc => "a length is an unknown ethertype to them; we go on through LLC and SNAP",
            Self::Mpls => "MPLS is an unknown ethertype to them; we go on behind the last label",
            Self::Macsec => {
                "MACsec is an unknown ethertype to us: what it carries is for who has the key"
            }
            Self::FourTags => {
                "they take three tags and stop without a word; we take four and then say so"
            }
            Self::ArpOfOtherKind => {
                "they take addresses of any length; a router has use for one kind"
            }
            Self::ShortAndBadHeaderLength => {
                "both are true; they name the length first, but only without a link layer"
            }
            Self::ZeroPayloadLength => {
                "they take the rest of the frame, padding included; RFC 8200 says that there is none"
            }
            Self::Jumbogram => "they do not look at the length that the option gives",
            Self::SecondAh => "they take one AH over IPv4, we as many as over IPv6",
            Self::ManyExtensions => "they follow a chain without end; we bound the work per packet",
            Self::LongExtensions => {
                "the offsets of a packet are four bytes, which a chain of a kilobyte does not fit"
            }
            Self::BehindLaterFragment => {
                "the middle of a fragmented packet is no header, though they read it as one"
            }
            Self::FirstFragment => {
                "they look at no fragment's layer 4; filters and hashes want the first one's"
            }
            Self::ZeroUdpLength => {
                "RFC 768 has no length under 8; only a jumbogram may have it (RFC 2675)"
            }
            Self::TimestampLength => {
                "what a timestamp has to hold is for who answers it; others only carry it"
            }
            Self::IcmpOfOtherVersion => {
                "RFC 4443 is for IPv6 alone and RFC 792 for IPv4; the other one is unknown"
            }
            Self::Igmp => "IGMP is an unknown protocol to us: a router punts it unread",
        }
    }

    /// The difference that this packet shows, if it has a name and all else is the same.
    pub fn of(start: Start, bytes: &[u8], ours: Parsed, theirs: &Theirs) -> Option<Self> {
        let case = Case {
            start,
            bytes,
            ours,
            theirs,
        };
        Self::ALL
            .into_iter()
            .find(|difference| difference.is(&case))
    }

    fn is(self, case: &Case<'_>) -> bool {
        let (ours, theirs) = (case.ours, case.theirs);
        match self {
            Self::Llc => case.llc(),
            Self::Mpls => case.mpls(),
            Self::Macsec => {
                theirs.end == End::Macsec
                    && ours.outcome == Outcome::UnknownEtherType(EtherType(0x88e5))
                    && ours.layers == case.layers(theirs.kinds, theirs.l3, None)
            }
            Self::FourTags => case.four_tags(),
            Self::ArpOfOtherKind => {
                let head = case.bytes.get(theirs.l3..theirs.l3 + 8);
                let other = head.is_none_or(|head| head[..6] != [0, 1, 8, 0, 6, 4]);
                let wrong = match ours.outcome {
                    Outcome::Malformed(Check::ArpFormat) => true,
                    Outcome::Truncated(Layer::Arp) => case.bytes.len() < theirs.l3 + 28,
                    _ => false,
                };
                let kinds = theirs.kinds - Kinds::ARP;
                let is_arp = theirs.kinds.contains(Kinds::ARP)
                    || theirs.end == End::As(Outcome::Truncated(Layer::Arp));
                is_arp && other && wrong && ours.layers == case.layers(kinds, theirs.l3, None)
            }
            Self::ShortAndBadHeaderLength => {
                case.start == Start::Ip
                    && case.bytes.len() < 20
                    && case.bytes[0] & 0x0f < 5
                    && ours.outcome == Outcome::Truncated(Layer::Ipv4)
                    && theirs.end == End::As(Outcome::Malformed(Check::Ipv4HeaderLength))
                    && ours.layers == Layers::default()
            }
            Self::ZeroPayloadLength => case.zero_payload_length(),
            Self::Jumbogram => case.jumbogram(),
            Self::SecondAh => {
                let stopped = match theirs.end {
                    End::As(Outcome::UnknownProtocol(IpProtocol::AH)) => true,
                    // They look no further in a fragment, but at the first AH they have looked.
                    End::As(Outcome::FirstFragment) => case.has_two_ah(),
                    _ => false,
                };
                theirs.kinds.contains(Kinds::IPV4)
                    && stopped
                    && ours.layers.kinds() - Kinds::L4 - Kinds::VXLAN == theirs.kinds - Kinds::L4
                    && ours.layers.l3_offset() == theirs.l3
                    && (ours.layers.l4_offset() > theirs.l4 || !ours.outcome.is_well_formed())
            }
            Self::ManyExtensions => {
                ours.outcome == Outcome::Malformed(Check::TooManyExtensions)
                    && case.same_ip_below()
                    && case.extensions().len() > usize::from(Ipv6Extensions::MAX)
            }
            Self::LongExtensions => {
                ours.outcome == Outcome::Malformed(Check::ExtensionsLength)
                    && case.same_ip_below()
                    && case.extensions().iter().sum::<usize>() > Layers::MAX_L3_LEN - 40
            }
            Self::BehindLaterFragment => {
                let walked = match theirs.end {
                    // Over IPv4 that is AH; over IPv6 they walked headers that we have as well.
                    End::As(Outcome::LaterFragment) => {
                        theirs.kinds - ours.layers.kinds() == Kinds::L3_OPTIONS
                    }
                    End::As(
                        Outcome::Truncated(Layer::Extension)
                        | Outcome::Malformed(Check::AhLength | Check::HopByHopNotFirst),
                    ) => true,
                    _ => false,
                };
                ours.outcome == Outcome::LaterFragment && case.same_ip_below() && walked
            }
            Self::FirstFragment => case.first_fragment(),
            Self::ZeroUdpLength => {
                let zero = theirs
                    .l4
                    .is_some_and(|at| case.bytes[at + 4..at + 6] == [0, 0]);
                let below = theirs.kinds - Kinds::UDP;
                zero && theirs.kinds.contains(Kinds::UDP)
                    && ours.outcome == Outcome::Malformed(Check::UdpLength)
                    && ours.layers == case.layers(below, theirs.l3, None)
            }
            Self::TimestampLength => {
                theirs.end == End::Icmpv4Timestamp
                    && theirs
                        .behind_ip
                        .is_some_and(|at| matches!(case.bytes[at], 13 | 14))
                    && ours.outcome == Outcome::Complete
                    && ours.layers
                        == case.layers(theirs.kinds | Kinds::ICMP, theirs.l3, theirs.behind_ip)
            }
            Self::IcmpOfOtherVersion => {
                matches!(theirs.end, End::OtherIcmp(protocol) if case.is_unknown(protocol))
            }
            Self::Igmp => theirs.end == End::Igmp && case.is_unknown(IpProtocol::IGMP),
        }
    }
}

//! What etherparse says of a packet, in the words of `wire::parse`.

use etherparse::err::packet::SliceError;
use etherparse::err::{self, Layer as TheirLayer};
use etherparse::{
    IpNumber, Ipv6ExtensionSlice, LaxNetSlice, LaxSlicedPacket, LenSource, NetSlice, SlicedPacket,
    TransportSlice,
};
use linecard::wire::parse::{Check, Layer, Outcome, Parsed};
use linecard::wire::{EtherType, IpProtocol, Kinds, VlanTags};

use super::Start;

/// What they found, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theirs {
    /// The headers that they know and found.
    pub kinds: Kinds,
    /// Where layer 3 starts.
    pub l3: usize,
    /// Where what is behind IP starts, known to them or not, if layer 3 was right.
    pub behind_ip: Option<usize>,
    /// Where layer 4 starts, if it was there and right.
    pub l4: Option<usize>,
    /// How it ended.
    pub end: End,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// As we would say it.
    As(Outcome),
    /// They have a header for this, and we have none; it was right or not.
    Macsec,
    /// IGMP, right or not.
    Igmp,
    /// ICMP over IPv6 or ICMPv6 over IPv4, right or not.
    OtherIcmp(IpProtocol),
    /// An ICMP timestamp that has not exactly 20 bytes.
    Icmpv4Timestamp,
}

impl Theirs {
    /// What etherparse says of these bytes.
    pub fn of(start: Start, bytes: &[u8]) -> Self {
        let sliced = match start {
            Start::Ethernet => SlicedPacket::from_ethernet(bytes),
            Start::Ip => SlicedPacket::from_ip(bytes),
        };
        match sliced {
            Ok(packet) => Self::accepted(start, bytes, &packet),
            Err(error) => Self::refused(start, bytes, &error),
        }
    }

    /// Nothing is different. What they do not know they cannot say: whether there is VXLAN in UDP, and
    /// what SCTP and GRE are, which is an unknown protocol to them.
    pub fn agrees(&self, ours: Parsed) -> bool {
        let kinds = ours.layers.kinds() - Kinds::VXLAN;
        let places = (ours.layers.l3_offset(), ours.layers.l4_offset());
        match (&self.end, ours.outcome) {
            (End::As(Outcome::UnknownProtocol(protocol)), outcome)
                if matches!(*protocol, IpProtocol::SCTP | IpProtocol::GRE) =>
            {
                let kind = match *protocol {
                    IpProtocol::SCTP => Kinds::SCTP,
                    _ => Kinds::GRE,
                };
                let below = self.kinds - Kinds::OTHER_L4;
                let found = kinds == below | kind && places == (self.l3, self.l4);
                let wrong = kinds == below && places == (self.l3, None);
                match outcome {
                    Outcome::Complete => found,
                    Outcome::Truncated(Layer::Sctp) => wrong && kind == Kinds::SCTP,
                    Outcome::Truncated(Layer::Gre)
                    | Outcome::Malformed(Check::GreFlags | Check::GreVersion) => {
                        wrong && kind == Kinds::GRE
                    }
                    _ => false,
                }
            }
            (End::As(theirs), ours) => {
                *theirs == ours && kinds == self.kinds && places == (self.l3, self.l4)
            }
            _ => false,
        }
    }

    fn accepted(start: Start, bytes: &[u8], packet: &SlicedPacket<'_>) -> Self {
        let mut theirs = Self::link(start, &packet.link_exts);
        if theirs.end == End::Macsec {
            return theirs;
        }
        let payload = match &packet.net {
            None => {
                let payload = packet.ether_payload().expect("an ethertype");
                let unknown = EtherType(payload.ether_type.0);
                theirs.end = End::As(Outcome::UnknownEtherType(unknown));
                return theirs;
            }
            Some(NetSlice::Arp(arp)) => {
                theirs.kinds |= Kinds::ARP;
                assert_eq!(theirs.l3, offset(bytes, arp.slice()));
                theirs.end = End::As(Outcome::Complete);
                return theirs;
            }
            Some(NetSlice::Ipv4(ip)) => {
                assert_eq!(theirs.l3, offset(bytes, ip.header().slice()));
                theirs.kinds |= Kinds::IPV4;
                let options = !ip.header().options().is_empty() || ip.extensions().auth.is_some();
                theirs.kinds.set(Kinds::L3_OPTIONS, options);
                let later = ip.header().fragments_offset().value() > 0;
                theirs.fragmented(ip.is_payload_fragmented(), later);
                ip.payload()
            }
            Some(NetSlice::Ipv6(ip)) => {
                assert_eq!(theirs.l3, offset(bytes, ip.header().slice()));
                theirs.kinds |= Kinds::IPV6;
                let extensions = ip.extensions();
                theirs
                    .kinds
                    .set(Kinds::L3_OPTIONS, !extensions.slice().is_empty());
                let later = extensions.clone().into_iter().any(|extension| {
                    matches!(extension, Ipv6ExtensionSlice::Fragment(it) if it.fragment_offset().value() > 0)
                });
                theirs.fragmented(ip.is_payload_fragmented(), later);
                ip.payload()
            }
        };
        let at = offset(bytes, payload.payload);
        theirs.behind_ip = Some(at);
        if payload.fragmented {
            return theirs;
        }
        theirs.l4 = Some(at);
        let v6 = theirs.kinds.contains(Kinds::IPV6);
        let kind = match &packet.transport {
            Some(TransportSlice::Udp(udp)) => {
                assert_eq!(at, offset(bytes, udp.slice()));
                Kinds::UDP
            }
            Some(TransportSlice::Tcp(tcp)) => {
                assert_eq!(at, offset(bytes, tcp.slice()));
                // Its options as well: both have the same length of the header.
                assert_eq!(tcp.header_len(), usize::from(bytes[at + 12] >> 4) * 4);
                Kinds::TCP
            }
            Some(TransportSlice::Icmpv4(_)) if !v6 => Kinds::ICMP,
            Some(TransportSlice::Icmpv6(_)) if v6 => Kinds::ICMP,
            Some(TransportSlice::Icmpv4(_) | TransportSlice::Icmpv6(_)) => {
                theirs.end = End::OtherIcmp(IpProtocol(payload.ip_number.0));
                return theirs;
            }
            Some(TransportSlice::Igmp(_)) => {
                theirs.end = End::Igmp;
                return theirs;
            }
            None if v6 && payload.ip_number == IpNumber(59) => {
                theirs.l4 = None;
                Kinds::empty()
            }
            None => {
                let unknown = IpProtocol(payload.ip_number.0);
                theirs.end = End::As(Outcome::UnknownProtocol(unknown));
                Kinds::OTHER_L4
            }
        };
        theirs.kinds |= kind;
        theirs
    }

    /// The layers in front of the one that was refused, and why it was.
    fn refused(start: Start, bytes: &[u8], error: &SliceError) -> Self {
        let nothing = Self {
            kinds: Kinds::empty(),
            l3: 0,
            behind_ip: None,
            l4: None,
            end: End::As(outcome(error)),
        };
        // Their lenient parser stops at the same place and keeps what it has.
        let packet = match start {
            Start::Ethernet => match LaxSlicedPacket::from_ethernet(bytes) {
                Ok(packet) => packet,
                Err(_) => return nothing,
            },
            Start::Ip => match LaxSlicedPacket::from_ip(bytes) {
                Ok(packet) => packet,
                Err(_) => return nothing,
            },
        };
        // What is in MACsec, they may look at as well.
        let tags = packet
            .link_exts
            .iter()
            .map_while(|extension| match extension {
                etherparse::LaxLinkExtSlice::Vlan(tag) => Some(tag.slice().len()),
                etherparse::LaxLinkExtSlice::Macsec(_) => None,
            });
        let mut theirs = Self::tags(start, tags);
        theirs.end = nothing.end;
        let End::As(outcome) = theirs.end else {
            return theirs;
        };
        if is_macsec(error) || packet.link_exts.len() > theirs.l3.saturating_sub(14) / 4 {
            theirs.end = End::Macsec;
            return theirs;
        }
        if let SliceError::Len(error) = error
            && matches!(
                error.layer,
                TheirLayer::VlanHeader
                    | TheirLayer::Arp
                    | TheirLayer::Ipv4Header
                    | TheirLayer::Ipv6Header
            )
        {
            assert_eq!(theirs.l3, error.layer_start_offset, "{error:?}");
        }
        let in_ip = !matches!(
            outcome,
            Outcome::Truncated(
                Layer::Ethernet
                    | Layer::Vlan
                    | Layer::Arp
                    | Layer::Ip
                    | Layer::Ipv4
                    | Layer::Ipv6
                    | Layer::Payload
            ) | Outcome::Malformed(
                Check::IpVersion | Check::Ipv4HeaderLength | Check::Ipv4TotalLength
            )
        );
        if !in_ip {
            return theirs;
        }
        match &packet.net {
            Some(LaxNetSlice::Ipv4(ip)) => {
                theirs.kinds |= Kinds::IPV4;
                let options = !ip.header().options().is_empty() || ip.extensions().auth.is_some();
                theirs.kinds.set(Kinds::L3_OPTIONS, options);
                let fragmented = ip.header().is_fragmenting_payload();
                theirs.kinds.set(Kinds::FRAGMENT, fragmented);
                theirs.behind_ip = Some(offset(bytes, ip.payload().payload));
            }
            Some(LaxNetSlice::Ipv6(ip)) => {
                theirs.kinds |= Kinds::IPV6;
                let extensions = ip.extensions();
                theirs
                    .kinds
                    .set(Kinds::L3_OPTIONS, !extensions.slice().is_empty());
                theirs
                    .kinds
                    .set(Kinds::FRAGMENT, extensions.is_fragmenting_payload());
                theirs.behind_ip = Some(offset(bytes, ip.payload().payload));
            }
            _ => panic!("{error:?} without IP"),
        }
        match error {
            SliceError::Len(error) if error.layer == TheirLayer::Igmp => theirs.end = End::Igmp,
            SliceError::Len(error)
                if matches!(
                    error.layer,
                    TheirLayer::Icmpv4Timestamp | TheirLayer::Icmpv4TimestampReply
                ) =>
            {
                theirs.end = End::Icmpv4Timestamp;
            }
            _ => {}
        }
        if let SliceError::Len(error) = error {
            let v6 = theirs.kinds.contains(Kinds::IPV6);
            match error.layer {
                TheirLayer::Icmpv4
                | TheirLayer::Icmpv4Timestamp
                | TheirLayer::Icmpv4TimestampReply
                    if v6 =>
                {
                    theirs.end = End::OtherIcmp(IpProtocol::ICMP);
                }
                TheirLayer::Icmpv6 if !v6 => theirs.end = End::OtherIcmp(IpProtocol::ICMPV6),
                _ => {}
            }
        }
        theirs
    }

    fn link(start: Start, extensions: &[etherparse::LinkExtSlice<'_>]) -> Self {
        let tags = extensions.iter().map_while(|extension| match extension {
            etherparse::LinkExtSlice::Vlan(tag) => Some(tag.slice().len()),
            etherparse::LinkExtSlice::Macsec(_) => None,
        });
        let mut theirs = Self::tags(start, tags);
        if extensions
            .iter()
            .any(|extension| matches!(extension, etherparse::LinkExtSlice::Macsec(_)))
        {
            theirs.end = End::Macsec;
        }
        theirs
    }

    fn tags(start: Start, tags: impl Iterator<Item = usize>) -> Self {
        let mut kinds = Kinds::empty();
        let mut l3 = match start {
            Start::Ethernet => 14,
            Start::Ip => 0,
        };
        for _ in tags {
            l3 += 4;
            kinds.set(Kinds::QINQ, kinds.contains(Kinds::VLAN));
            kinds |= Kinds::VLAN;
        }
        assert!(l3 <= 14 + 4 * usize::from(VlanTags::MAX));
        Self {
            kinds,
            l3,
            behind_ip: None,
            l4: None,
            end: End::As(Outcome::Complete),
        }
    }

    fn fragmented(&mut self, yes: bool, later: bool) {
        if yes {
            self.kinds |= Kinds::FRAGMENT;
            self.end = End::As(if later {
                Outcome::LaterFragment
            } else {
                Outcome::FirstFragment
            });
        }
    }
}

fn is_macsec(error: &SliceError) -> bool {
    match error {
        SliceError::Macsec(_) => true,
        SliceError::Len(error) => {
            matches!(
                error.layer,
                TheirLayer::MacsecHeader | TheirLayer::MacsecPacket
            )
        }
        _ => false,
    }
}

/// Their errors in our words.
fn outcome(error: &SliceError) -> Outcome {
    use Outcome::{Malformed, Truncated};
    match error {
        SliceError::Len(error) => match (error.layer, error.len_source) {
            (TheirLayer::Ethernet2Header, _) => Truncated(Layer::Ethernet),
            (TheirLayer::VlanHeader, _) => Truncated(Layer::Vlan),
            (TheirLayer::Arp, _) => Truncated(Layer::Arp),
            (TheirLayer::IpHeader, _) => Truncated(Layer::Ip),
            (TheirLayer::Ipv4Header, _) => Truncated(Layer::Ipv4),
            (TheirLayer::Ipv4Packet, LenSource::Ipv4HeaderTotalLen) => {
                Malformed(Check::Ipv4TotalLength)
            }
            (TheirLayer::Ipv6Header, _) => Truncated(Layer::Ipv6),
            (TheirLayer::Ipv4Packet | TheirLayer::Ipv6Packet, _) => Truncated(Layer::Payload),
            (
                TheirLayer::IpAuthHeader
                | TheirLayer::Ipv6ExtHeader
                | TheirLayer::Ipv6HopByHopHeader
                | TheirLayer::Ipv6DestOptionsHeader
                | TheirLayer::Ipv6RouteHeader
                | TheirLayer::Ipv6FragHeader,
                _,
            ) => Truncated(Layer::Extension),
            (TheirLayer::UdpHeader, LenSource::UdpHeaderLen) | (TheirLayer::UdpPayload, _) => {
                Malformed(Check::UdpLength)
            }
            (TheirLayer::UdpHeader, _) => Truncated(Layer::Udp),
            (TheirLayer::TcpHeader, _) => Truncated(Layer::Tcp),
            // Any other ends as something that says more; this is a placeholder.
            _ => Truncated(Layer::Icmp),
        },
        SliceError::Ip(error) => match error {
            err::ip::HeaderError::UnsupportedIpVersion { .. } => Malformed(Check::IpVersion),
            err::ip::HeaderError::Ipv4HeaderLengthSmallerThanHeader { .. } => {
                Malformed(Check::Ipv4HeaderLength)
            }
        },
        SliceError::Ipv4(error) => match error {
            err::ipv4::HeaderError::UnexpectedVersion { .. } => Malformed(Check::IpVersion),
            err::ipv4::HeaderError::HeaderLengthSmallerThanHeader { .. } => {
                Malformed(Check::Ipv4HeaderLength)
            }
        },
        SliceError::Ipv6(err::ipv6::HeaderError::UnexpectedVersion { .. }) => {
            Malformed(Check::IpVersion)
        }
        SliceError::Ipv4Exts(err::ip_auth::HeaderError::ZeroPayloadLen)
        | SliceError::Ipv6Exts(err::ipv6_exts::HeaderError::IpAuth(_)) => {
            Malformed(Check::AhLength)
        }
        SliceError::Ipv6Exts(err::ipv6_exts::HeaderError::HopByHopNotAtStart) => {
            Malformed(Check::HopByHopNotFirst)
        }
        SliceError::Tcp(err::tcp::HeaderError::DataOffsetTooSmall { .. }) => {
            Malformed(Check::TcpDataOffset)
        }
        SliceError::LinuxSll(_) => unreachable!("no such link type is asked for"),
        SliceError::Macsec(_) => Truncated(Layer::Icmp),
    }
}

/// Where a part starts in the whole.
fn offset(whole: &[u8], part: &[u8]) -> usize {
    let (whole, part) = (whole.as_ptr_range(), part.as_ptr_range());
    assert!(whole.start <= part.start && part.end <= whole.end);
    part.start as usize - whole.start as usize
}

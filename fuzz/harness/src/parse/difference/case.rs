//! What a packet is, for a difference to hold.

use linecard::wire::parse::{Check, Layer, Outcome, Parsed};
use linecard::wire::{EtherType, IpProtocol, Kinds, Layers, MplsStack, VlanTags};

use super::super::theirs::{End, Theirs};
use super::super::{Start, compare};
/// A packet and what both say of it.
pub(super) struct Case<'a> {
    pub(super) start: Start,
    pub(super) bytes: &'a [u8],
    pub(super) ours: Parsed,
    pub(super) theirs: &'a Theirs,
}

impl Case<'_> {
    pub(super) fn layers(&self, kinds: Kinds, l3: usize, l4: Option<usize>) -> Layers {
        let words = l4.map_or(0, |l4| (l4 - l3) / 4);
        Layers::new(kinds, l3 as u8, words as u8)
    }

    /// We have an unknown protocol where they have one that they know.
    pub(super) fn is_unknown(&self, protocol: IpProtocol) -> bool {
        let (ours, theirs) = (self.ours, self.theirs);
        let kinds = theirs.kinds | Kinds::OTHER_L4;
        ours.outcome == Outcome::UnknownProtocol(protocol)
            && ours.layers == self.layers(kinds, theirs.l3, theirs.behind_ip)
    }

    /// The same link layer and the same version of IP, at the same place.
    pub(super) fn same_ip_below(&self) -> bool {
        let below = Kinds::VLAN | Kinds::QINQ | Kinds::IP;
        let (ours, theirs) = (self.ours.layers, self.theirs);
        ours.kinds() & below == theirs.kinds & below && ours.l3_offset() == theirs.l3
    }

    /// The ethertype that they stopped at.
    pub(super) fn unknown_ethertype(&self) -> Option<EtherType> {
        match self.theirs.end {
            End::As(Outcome::UnknownEtherType(ethertype)) => Some(ethertype),
            _ => None,
        }
    }

    /// What we said is right if it is what is said of the frame with the bytes from `from` to `to`, that
    /// they do not know, taken out, and this ethertype in front instead.
    pub(super) fn agrees_without(
        &self,
        from: usize,
        to: usize,
        ethertype: EtherType,
        end: usize,
        kinds: Kinds,
    ) -> bool {
        let bytes = [
            &self.bytes[..from - 2],
            &ethertype.0.to_be_bytes(),
            &self.bytes[to..end],
        ]
        .concat();
        compare(self.start, &bytes);
        let without = self.start.ours(&bytes);
        let layers = without.layers.moved_back((to - from) as u8);
        without.outcome == self.ours.outcome
            && layers
                .is_some_and(|layers| layers.with_kinds(layers.kinds() | kinds) == self.ours.layers)
    }

    pub(super) fn llc(&self) -> bool {
        let Some(EtherType(length)) = self.unknown_ethertype().filter(|it| it.is_length()) else {
            return false;
        };
        let at = self.theirs.l3;
        let (here, length) = (self.bytes.len() - at, usize::from(length));
        let ends = |outcome, kinds| {
            self.ours.outcome == outcome
                && self.ours.layers == self.layers(self.theirs.kinds | kinds, at, None)
        };
        let truncated = Outcome::Truncated(Layer::Llc);
        if length > here {
            return ends(truncated, Kinds::empty());
        }
        let llc = &self.bytes[at..at + length];
        match llc {
            [] | [_] | [_, _] => ends(Outcome::Malformed(Check::LlcLength), Kinds::empty()),
            [_, _, control] if control & 3 != 3 => {
                ends(Outcome::Malformed(Check::LlcLength), Kinds::empty())
            }
            [0xaa, 0xaa, 3, 0, 0, 0 | 0xf8, a, b, ..] => {
                let ethertype = EtherType(u16::from_be_bytes([*a, *b]));
                match self.ours.outcome {
                    Outcome::UnknownEtherType(unknown) if unknown.is_length() => {
                        self.length_in_snap(at + 8, ethertype, unknown)
                    }
                    _ => self.agrees_without(at, at + 8, ethertype, at + length, Kinds::LLC),
                }
            }
            [0xaa, 0xaa, 3, rest @ ..] if rest.len() < 5 => ends(truncated, Kinds::LLC),
            [sap, ..] => ends(Outcome::UnknownSap(linecard::wire::Sap(*sap)), Kinds::LLC),
        }
    }

    /// A length in SNAP, perhaps behind more tags, is none: we have an unknown ethertype there.
    pub(super) fn length_in_snap(
        &self,
        mut at: usize,
        mut ethertype: EtherType,
        unknown: EtherType,
    ) -> bool {
        let mut kinds = self.theirs.kinds | Kinds::LLC;
        while ethertype.is_vlan() {
            kinds.set(Kinds::QINQ, kinds.contains(Kinds::VLAN));
            kinds |= Kinds::VLAN;
            let Some(tag) = self.bytes.get(at..at + 4) else {
                return false;
            };
            ethertype = EtherType(u16::from_be_bytes([tag[2], tag[3]]));
            at += 4;
        }
        ethertype == unknown && self.ours.layers == self.layers(kinds, at, None)
    }

    pub(super) fn mpls(&self) -> bool {
        let is_mpls = |it: &EtherType| matches!(*it, EtherType::MPLS | EtherType::MPLS_UPSTREAM);
        if self.unknown_ethertype().filter(is_mpls).is_none() {
            return false;
        }
        let at = self.theirs.l3;
        let labels = self.bytes[at..].chunks_exact(4);
        let bottom = labels.clone().position(|label| label[2] & 1 != 0);
        let max = usize::from(MplsStack::MAX);
        let ends = |outcome, kinds, l3| {
            let layers = self.layers(self.theirs.kinds | kinds, l3, None);
            self.ours.outcome == outcome && self.ours.layers == layers
        };
        match bottom {
            None if labels.len() < max + 1
                && self.ours.outcome == Outcome::Truncated(Layer::Mpls) =>
            {
                ends(Outcome::Truncated(Layer::Mpls), Kinds::empty(), at)
            }
            None => ends(Outcome::Malformed(Check::TooManyLabels), Kinds::empty(), at),
            Some(bottom) if bottom >= max => {
                ends(Outcome::Malformed(Check::TooManyLabels), Kinds::empty(), at)
            }
            Some(bottom) => {
                let behind = at + (bottom + 1) * 4;
                let ethertype = match self.bytes.get(behind).map(|first| first >> 4) {
                    Some(4) => EtherType::IPV4,
                    Some(6) => EtherType::IPV6,
                    Some(_) => return ends(Outcome::UnknownInMpls, Kinds::MPLS, behind),
                    None => return ends(Outcome::Truncated(Layer::Mpls), Kinds::MPLS, behind),
                };
                self.agrees_without(at, behind, ethertype, self.bytes.len(), Kinds::MPLS)
            }
        }
    }

    /// They stop at the third; ours is what is said with one tag fewer.
    pub(super) fn four_tags(&self) -> bool {
        let stopped = self.unknown_ethertype().is_some_and(EtherType::is_vlan)
            || self.unknown_ethertype() == Some(EtherType(0x88e5));
        if !stopped || self.theirs.l3 != 14 + 3 * 4 {
            return false;
        }
        if self.ours.outcome == Outcome::Malformed(Check::TooManyTags) {
            let kinds = self.theirs.kinds;
            let l3 = 14 + 4 * usize::from(VlanTags::MAX);
            return self.ours.layers == self.layers(kinds, l3, None);
        }
        let ethertype = EtherType(u16::from_be_bytes([self.bytes[16], self.bytes[17]]));
        self.agrees_without(
            14,
            18,
            ethertype,
            self.bytes.len(),
            Kinds::VLAN | Kinds::QINQ,
        )
    }

    /// IPv6's header, if the packet gets so far.
    pub(super) fn ipv6(&self) -> Option<&[u8]> {
        let ip = self.bytes.get(self.theirs.l3..)?;
        let is_ipv6 =
            self.theirs.kinds.contains(Kinds::IPV6) || self.ours.layers.contains(Kinds::IPV6);
        (is_ipv6 && ip.len() >= 40 && ip[0] >> 4 == 6).then_some(ip)
    }

    pub(super) fn has_jumbo_option(ip: &[u8]) -> bool {
        ip[6] == 0 && ip[40..].windows(2).any(|option| option == [0xc2, 4])
    }

    /// The same as both say of the packet without what is behind the header.
    pub(super) fn zero_payload_length(&self) -> bool {
        let Some(ip) = self.ipv6().filter(|ip| ip[4..6] == [0, 0]) else {
            return false;
        };
        let end = self.theirs.l3 + 40;
        if self.bytes.len() == end || (ip[6] == 0 && self.ours.layers.contains(Kinds::L3_OPTIONS)) {
            return false;
        }
        let bytes = &self.bytes[..end];
        compare(self.start, bytes);
        self.start.ours(bytes) == self.ours
    }

    /// The same as both say of the packet cut off where the option says, or no answer at all.
    pub(super) fn jumbogram(&self) -> bool {
        let ip = self.bytes.get(self.theirs.l3..).filter(|ip| ip.len() >= 48);
        let Some(ip) =
            ip.filter(|ip| ip[0] >> 4 == 6 && ip[4..6] == [0, 0] && Self::has_jumbo_option(ip))
        else {
            return false;
        };
        let at = 40
            + ip[40..]
                .windows(2)
                .position(|option| option == [0xc2, 4])
                .unwrap()
            + 2;
        let Some(len) = ip.get(at..at + 4) else {
            return false;
        };
        let len = u32::from_be_bytes([len[0], len[1], len[2], len[3]]) as usize;
        match self.ours.outcome {
            Outcome::Malformed(Check::JumboLength) => {
                len <= 0xffff || self.theirs.kinds.contains(Kinds::FRAGMENT)
            }
            Outcome::Truncated(Layer::Payload) => len > ip.len() - 40,
            _ => {
                let end = self.theirs.l3 + 40 + len;
                let bytes = &self.bytes[..end];
                end < self.bytes.len()
                    && compare(self.start, bytes).is_none()
                    && self.start.ours(bytes) == self.ours
            }
        }
    }

    /// Every extension header in the packet, as their kind and length, however many.
    pub(super) fn extensions(&self) -> Vec<usize> {
        let Some(ip) = self.bytes.get(self.theirs.l3..).filter(|ip| ip.len() >= 40) else {
            return Vec::new();
        };
        let v6 = ip[0] >> 4 == 6;
        let (mut next, mut rest) = if v6 {
            (ip[6], &ip[40..])
        } else {
            (
                ip[9],
                ip.get(usize::from(ip[0] & 0x0f) * 4..).unwrap_or_default(),
            )
        };
        let mut lens = Vec::new();
        while rest.len() >= 2 {
            let units = usize::from(rest[1]);
            let len = match next {
                51 => (units + 2) * 4,
                44 if v6 => 8,
                0 | 43 | 60 if v6 => (units + 1) * 8,
                _ => break,
            };
            lens.push(len);
            next = rest[0];
            rest = rest.get(len..).unwrap_or_default();
        }
        lens
    }

    /// We go on where they stop: at the place where they stop, and with an answer about layer 4.
    /// The IPv4 header is followed by AH, and that by another.
    pub(super) fn has_two_ah(&self) -> bool {
        let Some(ip) = self.bytes.get(self.theirs.l3..) else {
            return false;
        };
        let ah = IpProtocol::AH.0;
        let first = ip.first().map_or(0, |first| usize::from(first & 0x0f) * 4);
        ip.get(9) == Some(&ah) && ip.get(first) == Some(&ah)
    }

    pub(super) fn first_fragment(&self) -> bool {
        let (ours, theirs) = (self.ours, self.theirs);
        let kinds = ours.layers.kinds();
        let fits = match ours.outcome {
            Outcome::FirstFragment => kinds.intersects(Kinds::L4) || theirs.behind_ip.is_some(),
            Outcome::UnknownProtocol(_) => kinds.contains(Kinds::OTHER_L4),
            Outcome::Truncated(layer) => matches!(
                layer,
                Layer::Tcp | Layer::Udp | Layer::Icmp | Layer::Sctp | Layer::Gre
            ),
            Outcome::Malformed(check) => matches!(
                check,
                Check::TcpDataOffset | Check::UdpLength | Check::GreFlags | Check::GreVersion
            ),
            _ => false,
        };
        theirs.end == End::As(Outcome::FirstFragment)
            && fits
            && kinds - Kinds::L4 - Kinds::VXLAN == theirs.kinds
            && ours.layers.l3_offset() == theirs.l3
            && ours
                .layers
                .l4_offset()
                .is_none_or(|l4| Some(l4) == theirs.behind_ip)
    }
}

//! IPv4 by the book: each check of RFC 1812 in its order, for packets that are not plain.

use core::net::Ipv4Addr;

use super::control::is_unicast4;
use super::neighbour::Key;
use super::slow::{Refusal, Way, send};
use super::{LocalTraffic, OptionsPolicy, Router};
use crate::lookup::Lpm;
use crate::mempool::Frame;
use crate::packet::{Offloads, Packet};
use crate::pipeline::{Context, DropReason};
use crate::wire::icmpv4::unreachable;
use crate::wire::{
    EtherType, EthernetHeader, Header, Icmpv4Message, IpProtocol, Ipv4, Ipv4Header, Ipv4OptionKind,
    Ipv4Options, WireError,
};

/// What the header of a packet says, once it has been checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    pub(super) source: Ipv4Addr,
    pub(super) destination: Ipv4Addr,
    pub(super) header_len: usize,
    pub(super) total_len: usize,
    ttl: u8,
    pub(super) protocol: IpProtocol,
    pub(super) dont_fragment: bool,
    pub(super) fragment: bool,
    options: Options,
}

/// What is among a packet's options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Options {
    None,
    Some,
    SourceRoute,
    /// The one at this byte of the header is not well formed.
    Bad(u8),
}

impl<'p, A: Lpm<u32>, B: Lpm<u128>> Router<'_, 'p, A, B> {
    /// Routes an IPv4 packet, which has its Ethernet header. `group`: it was sent to a multicast
    /// or broadcast address of layer 2.
    pub(super) fn ipv4(&mut self, packet: Packet<'p>, group: bool, cx: &mut Context<'_, 'p>) {
        let facts = match check(&packet) {
            Ok(facts) => facts,
            Err(why) => return cx.drop(packet, why),
        };
        // RFC 1812 section 5.3.7: "A router SHOULD NOT forward any packet that has an invalid IP
        // source address or a source address on network 0 [or] 127."
        if !is_unicast4(facts.source) {
            return cx.drop(packet, DropReason::MARTIAN_SOURCE);
        }
        // Whether its next hop is another or it ends here: the way back would be its route, too.
        if facts.options == Options::SourceRoute {
            return cx.drop(packet, DropReason::OPTIONS);
        }
        if facts.destination.is_multicast() || facts.destination.is_broadcast() {
            return self.local4(packet, &facts, true, cx);
        }
        let own = self.is_own4(facts.destination);
        // RFC 1812 section 5.3.4: "A router MUST NOT forward any packet that the router received
        // as a Link Layer broadcast, unless it is directed to an IP Multicast address."
        if group {
            return match own {
                true => cx.drop(packet, DropReason::NOT_FOR_US),
                false => self.group4(packet, &facts, cx),
            };
        }
        if own {
            return self.local4(packet, &facts, false, cx);
        }
        if !is_unicast4(facts.destination) {
            return cx.drop(packet, DropReason::MARTIAN_DESTINATION);
        }
        match facts.options {
            Options::Bad(pointer) => {
                let message = Icmpv4Message::ParameterProblem { code: 0, pointer };
                self.error4(&packet, &facts, message, cx);
                return cx.drop(packet, DropReason::OPTIONS);
            }
            Options::Some if self.config.options == OptionsPolicy::Drop => {
                return cx.drop(packet, DropReason::OPTIONS);
            }
            _ => {}
        }
        let way = self.way4(facts.destination);
        if let Way::To(_) | Way::Wait(_) | Way::New(_) = way
            && facts.ttl <= 1
        {
            self.error4(&packet, &facts, Icmpv4Message::TimeExceeded { code: 0 }, cx);
            return cx.drop(packet, DropReason::TTL_EXPIRED);
        }
        match way {
            Way::To(hop) => {
                let mtu = usize::from(hop.mtu);
                if facts.total_len > mtu && facts.dont_fragment {
                    let message = Icmpv4Message::Unreachable {
                        code: unreachable::FRAGMENTATION_NEEDED,
                        next_hop_mtu: hop.mtu,
                    };
                    self.error4(&packet, &facts, message, cx);
                    return cx.drop(packet, DropReason::TOO_BIG);
                }
                let mut packet = packet;
                trim(&mut packet, facts.total_len);
                if let Some(Ok((header, _))) = packet
                    .data_mut()
                    .get_mut(EthernetHeader::LEN..)
                    .map(Ipv4Header::split_mut)
                {
                    header.decrement_ttl();
                }
                self.transmit4(packet, hop, cx);
            }
            Way::Wait(_) | Way::New(_) => self.wait(way, packet, false, cx),
            Way::Local => self.local4(packet, &facts, false, cx),
            // RFC 2644: directed broadcasts are not forwarded; one for a link of our own that came
            // from elsewhere is the same.
            Way::Broadcast => self.local4(packet, &facts, true, cx),
            Way::No(refusal) => self.refuse4(packet, &facts, refusal, cx),
        }
    }

    /// Whether an address is the router's own, on whatever port.
    pub(super) fn is_own4(&self, address: Ipv4Addr) -> bool {
        let bits = address.to_bits();
        self.interfaces.iter().any(|own| own.owns4(bits))
    }

    /// The way to an IPv4 address.
    pub(super) fn way4(&self, destination: Ipv4Addr) -> Way {
        let address = destination.to_bits();
        let hop = self.ipv4.lookup(address);
        self.way(hop, |port| Key::ipv4(port, address))
    }

    /// Sends a packet that is ready but for its Ethernet header, in pieces if it is too long.
    pub(super) fn transmit4(
        &mut self,
        packet: Packet<'p>,
        hop: super::Hop,
        cx: &mut Context<'_, 'p>,
    ) {
        let l3_len = packet.total_len().saturating_sub(EthernetHeader::LEN);
        if l3_len > usize::from(hop.mtu) {
            self.fragment4(packet, hop, cx);
        } else {
            send(packet, hop, EtherType::IPV4, cx);
        }
    }

    /// Sends a packet that the router made, which has its IPv4 header and room for Ethernet's.
    pub(super) fn originate4(&mut self, packet: Packet<'p>, way: Way, cx: &mut Context<'_, 'p>) {
        match way {
            Way::To(hop) => self.transmit4(packet, hop, cx),
            Way::Wait(_) | Way::New(_) => self.wait(way, packet, true, cx),
            _ => cx.drop(packet, DropReason::NO_ROUTE),
        }
    }

    /// To one of the router's own addresses, or (`many`) to multicast or broadcast.
    fn local4(&mut self, packet: Packet<'p>, facts: &Facts, many: bool, cx: &mut Context<'_, 'p>) {
        // Nobody else sends from the router's own addresses, and it sends itself nothing.
        if self.is_own4(facts.source) {
            return cx.drop(packet, DropReason::MARTIAN_SOURCE);
        }
        if !many && facts.protocol == IpProtocol::ICMP && !facts.fragment {
            return self.icmp4(packet, facts, cx);
        }
        if self.config.local == LocalTraffic::Punt {
            return cx.punt(packet);
        }
        if facts.fragment {
            return cx.drop(packet, DropReason::FRAGMENT);
        }
        if !many {
            // RFC 1122 section 3.2.2.1: protocol unreachable "when the designated transport
            // protocol is not supported", port unreachable when it is and nobody listens.
            let code = match facts.protocol {
                IpProtocol::UDP => unreachable::PORT,
                _ => unreachable::PROTOCOL,
            };
            let message = Icmpv4Message::Unreachable {
                code,
                next_hop_mtu: 0,
            };
            self.error4(&packet, facts, message, cx);
        }
        cx.drop(packet, DropReason::NOT_SPOKEN);
    }

    /// To a unicast address that is not the router's, as a broadcast of layer 2; perhaps to a
    /// link's own broadcast address.
    fn group4(&mut self, packet: Packet<'p>, facts: &Facts, cx: &mut Context<'_, 'p>) {
        match self.way4(facts.destination) {
            Way::Broadcast => self.local4(packet, facts, true, cx),
            _ => cx.drop(packet, DropReason::NOT_FOR_US),
        }
    }

    fn refuse4(
        &mut self,
        packet: Packet<'p>,
        facts: &Facts,
        refusal: Refusal,
        cx: &mut Context<'_, 'p>,
    ) {
        let (code, why) = match refusal {
            Refusal::Blackhole => return cx.drop(packet, DropReason::BLACKHOLE),
            Refusal::NoRoute => (unreachable::NET, DropReason::NO_ROUTE),
            Refusal::Unreachable => (unreachable::HOST, DropReason::BLACKHOLE),
            Refusal::Prohibited => (
                unreachable::ADMINISTRATIVELY_PROHIBITED,
                DropReason::FILTERED,
            ),
        };
        let message = Icmpv4Message::Unreachable {
            code,
            next_hop_mtu: 0,
        };
        self.error4(&packet, facts, message, cx);
        cx.drop(packet, why);
    }
}

/// The checks of RFC 1812 section 5.2.2.
pub(super) fn check(packet: &Packet<'_>) -> Result<Facts, DropReason> {
    let bytes = packet.data().get(EthernetHeader::LEN..).unwrap_or_default();
    // The payload of a packet in several frames goes on in the others.
    let view = Ipv4::new_quoted(bytes).map_err(|error| match error {
        WireError::Truncated { .. } => DropReason::TRUNCATED,
        _ => DropReason::MALFORMED_L3,
    })?;
    let total_len = usize::from(view.total_len());
    // (1): "The packet length reported by the Link Layer must be large enough to hold the minimum
    // length legal IP datagram", and all of this one.
    if packet.total_len() < EthernetHeader::LEN + total_len {
        return Err(DropReason::TRUNCATED);
    }
    // (2): "The IP checksum must be correct."
    if packet.offloads.contains(Offloads::L3_BAD) || !view.checksum_ok() {
        return Err(DropReason::L3_CHECKSUM);
    }
    Ok(Facts {
        source: view.source(),
        destination: view.destination(),
        header_len: usize::from(view.header_len()),
        total_len,
        ttl: view.ttl(),
        protocol: view.protocol(),
        dont_fragment: view.dont_fragment(),
        fragment: view.is_fragment(),
        options: options(view.options),
    })
}

/// Cuts off what follows the packet in its frame: padding, which the next link makes anew.
pub(super) fn trim(packet: &mut Packet<'_>, l3_len: usize) {
    if packet.is_chained() {
        return trim_chain(packet.frame_mut(), EthernetHeader::LEN + l3_len);
    }
    let excess = packet.len().saturating_sub(EthernetHeader::LEN + l3_len);
    if excess > 0 {
        let _ = packet.trim_back(excess);
    }
}

/// Cuts a chain to `len` bytes; frames that are all behind that are given back.
#[cold]
fn trim_chain(head: &mut Frame<'_>, len: usize) {
    let mut rest = head.unchain();
    let _ = head.trim_back(head.len().saturating_sub(len));
    let mut left = len.saturating_sub(head.len());
    while left > 0
        && let Some(mut part) = rest
    {
        rest = part.unchain();
        let _ = part.trim_back(part.len().saturating_sub(left));
        left -= part.len();
        // Both are of one pool: they were chained before.
        let _ = head.chain(part);
    }
}

/// Looks through the options: each must be well formed, as far as its length.
fn options(bytes: &[u8]) -> Options {
    if bytes.is_empty() {
        return Options::None;
    }
    let mut found = Options::Some;
    let mut at = 0;
    while let Some(&kind) = bytes.get(at) {
        let kind = Ipv4OptionKind(kind);
        let rest = bytes.get(at..).unwrap_or_default();
        at += match kind {
            Ipv4OptionKind::END => return found,
            Ipv4OptionKind::NOP => 1,
            _ => match Ipv4Options::new(rest).next() {
                Some(Ok(_)) => usize::from(rest.get(1).copied().unwrap_or(2)),
                _ => return Options::Bad((Ipv4Header::LEN + at) as u8),
            },
        };
        if matches!(
            kind,
            Ipv4OptionKind::LOOSE_SOURCE_ROUTE | Ipv4OptionKind::STRICT_SOURCE_ROUTE
        ) {
            found = Options::SourceRoute;
        }
    }
    found
}

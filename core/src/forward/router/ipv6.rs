//! IPv6 by the book: RFC 8200, for packets that are not plain.

use core::net::Ipv6Addr;

use super::interface::is_link_local;
use super::neighbour::Key;
use super::slow::{Refusal, Way, send};
use super::{Hop, Interface, LocalTraffic, Router};
use crate::lookup::Lpm;
use crate::packet::{Packet, PortId};
use crate::pipeline::{Context, DropReason};
use crate::wire::icmpv6::{parameter_problem, unreachable};
use crate::wire::{
    EtherType, EthernetHeader, Header, Icmpv6Message, IpProtocol, Ipv6, Ipv6Extension, Ipv6Header,
    Ipv6OptionAction, Ipv6Options, Ipv6OptionsHeader, WireError,
};

use super::ipv4::trim;

/// What the header of a packet says, once it has been checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts6 {
    pub(super) source: Ipv6Addr,
    pub(super) destination: Ipv6Addr,
    /// From the IPv6 header on.
    pub(super) total_len: usize,
    hop_limit: u8,
}

/// What is behind the extension headers of a packet for the router itself.
enum Upper {
    /// This protocol, at so many bytes from the IPv6 header's start.
    Whole(IpProtocol, usize),
    Fragment,
    /// The byte there, counted from the IPv6 header's start, is at fault.
    Problem {
        code: u8,
        pointer: u32,
    },
    /// An option that is not known, because of which the packet is discarded; the byte there, if the
    /// sender is to be told.
    Option(Option<u32>),
    Malformed,
}

impl<'p, A: Lpm<u32>, B: Lpm<u128>> Router<'_, 'p, A, B> {
    /// Routes an IPv6 packet, which has its Ethernet header. `group`: it was sent to a multicast
    /// or broadcast address of layer 2.
    pub(super) fn ipv6(&mut self, packet: Packet<'p>, group: bool, cx: &mut Context<'_, 'p>) {
        let facts = match check6(&packet) {
            Ok(facts) => facts,
            Err(why) => return cx.drop(packet, why),
        };
        if facts.source.is_multicast() || facts.source.is_loopback() {
            return cx.drop(packet, DropReason::MARTIAN_SOURCE);
        }
        if facts.destination.is_multicast() {
            return match self.is_member(packet.port, facts.destination) {
                true => self.local6(packet, &facts, cx),
                false => cx.drop(packet, DropReason::NOT_SPOKEN),
            };
        }
        if group {
            return cx.drop(packet, DropReason::NOT_FOR_US);
        }
        if self.is_own6(packet.port, facts.destination) {
            return self.local6(packet, &facts, cx);
        }
        if facts.destination.to_bits() >> 4 == 0 || is_link_local(facts.destination.to_bits()) {
            return cx.drop(packet, DropReason::MARTIAN_DESTINATION);
        }
        // RFC 4291 sections 2.5.2 and 2.5.6: neither is forwarded.
        if facts.source.to_bits() >> 4 == 0 {
            return cx.drop(packet, DropReason::MARTIAN_SOURCE);
        }
        if is_link_local(facts.source.to_bits()) {
            let code = unreachable::BEYOND_SCOPE;
            self.error6(&packet, &facts, Icmpv6Message::Unreachable { code }, cx);
            return cx.drop(packet, DropReason::MARTIAN_SOURCE);
        }
        let way = self.way6(packet.port, facts.destination);
        if let Way::To(_) | Way::Wait(_) | Way::New(_) = way
            && facts.hop_limit <= 1
        {
            self.error6(&packet, &facts, Icmpv6Message::TimeExceeded { code: 0 }, cx);
            return cx.drop(packet, DropReason::TTL_EXPIRED);
        }
        match way {
            Way::To(hop) => {
                if facts.total_len > usize::from(hop.mtu) {
                    let mtu = u32::from(hop.mtu);
                    self.error6(&packet, &facts, Icmpv6Message::PacketTooBig { mtu }, cx);
                    return cx.drop(packet, DropReason::TOO_BIG);
                }
                let mut packet = packet;
                trim(&mut packet, facts.total_len);
                let bytes = packet.data_mut().get_mut(EthernetHeader::LEN..);
                if let Ok((header, _)) = Ipv6Header::split_mut(bytes.unwrap_or_default()) {
                    header.decrement_hop_limit();
                }
                send(packet, hop, EtherType::IPV6, cx);
            }
            Way::Wait(_) | Way::New(_) => self.wait(way, packet, false, cx),
            Way::Local => self.local6(packet, &facts, cx),
            Way::Broadcast => cx.drop(packet, DropReason::NOT_SPOKEN),
            Way::No(refusal) => self.refuse6(packet, &facts, refusal, cx),
        }
    }

    /// The way to an IPv6 address; to a link-local one by this port.
    pub(super) fn way6(&self, port: PortId, destination: Ipv6Addr) -> Way {
        let address = destination.to_bits();
        if is_link_local(address) {
            return self.way_on_link(Key::ipv6(port, address));
        }
        let hop = self.ipv6.lookup(address);
        self.way(hop, |port| Key::ipv6(port, address))
    }

    /// Sends a packet that is ready but for its Ethernet header.
    pub(super) fn transmit6(&mut self, packet: Packet<'p>, hop: Hop, cx: &mut Context<'_, 'p>) {
        let l3_len = packet.total_len().saturating_sub(EthernetHeader::LEN);
        if l3_len > usize::from(hop.mtu) {
            cx.drop(packet, DropReason::TOO_BIG);
        } else {
            send(packet, hop, EtherType::IPV6, cx);
        }
    }

    /// Sends a packet that the router made, which has its IPv6 header and room for Ethernet's.
    pub(super) fn originate6(&mut self, packet: Packet<'p>, way: Way, cx: &mut Context<'_, 'p>) {
        match way {
            Way::To(hop) => self.transmit6(packet, hop, cx),
            Way::Wait(_) | Way::New(_) => self.wait(way, packet, true, cx),
            _ => cx.drop(packet, DropReason::NO_ROUTE),
        }
    }

    /// Whether an address is the router's own, seen from this port: a link-local one counts there
    /// only.
    pub(super) fn is_own6(&self, port: PortId, address: Ipv6Addr) -> bool {
        let bits = address.to_bits();
        match is_link_local(bits) {
            true => self.interface(port).is_some_and(|own| own.has6(bits)),
            false => self.interfaces.iter().any(|own| own.has6(bits)),
        }
    }

    /// Whether the router listens to a multicast group on this port: all nodes, all routers, and
    /// those that its own addresses are solicited in (RFC 4291 section 2.8).
    fn is_member(&self, port: PortId, group: Ipv6Addr) -> bool {
        let listens = |interface: &Interface| {
            group == ALL_NODES && !interface.ipv6.is_empty() || interface.groups().contains(&group)
        };
        self.interface(port).is_some_and(listens)
    }

    /// To the router itself.
    fn local6(&mut self, packet: Packet<'p>, facts: &Facts6, cx: &mut Context<'_, 'p>) {
        if packet.is_chained() {
            return cx.drop(packet, DropReason::CHAINED);
        }
        let many = facts.destination.is_multicast();
        let punt = self.config.local == LocalTraffic::Punt;
        let message = match upper(&packet, many) {
            Upper::Whole(IpProtocol::ICMPV6, at) => return self.icmp6(packet, facts, at, cx),
            // Nobody else sends from the router's own addresses, and it sends itself nothing.
            _ if self.is_own6(packet.port, facts.source) => {
                return cx.drop(packet, DropReason::MARTIAN_SOURCE);
            }
            _ if punt => return cx.punt(packet),
            Upper::Fragment => return cx.drop(packet, DropReason::FRAGMENT),
            Upper::Malformed => return cx.drop(packet, DropReason::MALFORMED_L3),
            Upper::Option(at) => {
                if let Some(pointer) = at {
                    let code = parameter_problem::UNKNOWN_OPTION;
                    let message = Icmpv6Message::ParameterProblem { code, pointer };
                    self.error6(&packet, facts, message, cx);
                }
                return cx.drop(packet, DropReason::OPTIONS);
            }
            Upper::Whole(IpProtocol::NO_NEXT, _) => return cx.drop(packet, DropReason::CONSUMED),
            Upper::Whole(..) => {
                let code = unreachable::PORT;
                Icmpv6Message::Unreachable { code }
            }
            Upper::Problem { code, pointer } => Icmpv6Message::ParameterProblem { code, pointer },
        };
        if !many {
            self.error6(&packet, facts, message, cx);
        }
        cx.drop(packet, DropReason::NOT_SPOKEN);
    }

    fn refuse6(
        &mut self,
        packet: Packet<'p>,
        facts: &Facts6,
        refusal: Refusal,
        cx: &mut Context<'_, 'p>,
    ) {
        let (code, why) = match refusal {
            Refusal::Blackhole => return cx.drop(packet, DropReason::BLACKHOLE),
            Refusal::NoRoute => (unreachable::NO_ROUTE, DropReason::NO_ROUTE),
            Refusal::Unreachable => (unreachable::ADDRESS, DropReason::BLACKHOLE),
            Refusal::Prohibited => (
                unreachable::ADMINISTRATIVELY_PROHIBITED,
                DropReason::FILTERED,
            ),
        };
        self.error6(&packet, facts, Icmpv6Message::Unreachable { code }, cx);
        cx.drop(packet, why);
    }
}

/// The checks of RFC 8200 section 3.
pub(super) fn check6(packet: &Packet<'_>) -> Result<Facts6, DropReason> {
    let bytes = packet.data().get(EthernetHeader::LEN..).unwrap_or_default();
    // The payload of a packet in several frames goes on in the others.
    let view = Ipv6::new_quoted(bytes).map_err(|error| match error {
        WireError::Truncated { .. } => DropReason::TRUNCATED,
        _ => DropReason::MALFORMED_L3,
    })?;
    let total_len = Ipv6Header::LEN + usize::from(view.payload_len());
    if packet.total_len() < EthernetHeader::LEN + total_len {
        return Err(DropReason::TRUNCATED);
    }
    Ok(Facts6 {
        source: view.source(),
        destination: view.destination(),
        total_len,
        hop_limit: view.hop_limit(),
    })
}

/// Walks the extension headers of a packet that has arrived. `many`: by multicast.
fn upper(packet: &Packet<'_>, many: bool) -> Upper {
    let bytes = packet.data().get(EthernetHeader::LEN..).unwrap_or_default();
    let Ok(view) = Ipv6::new(bytes) else {
        return Upper::Malformed;
    };
    let mut extensions = view.extensions();
    // Where the next header field is that names what comes.
    let mut field = NEXT_HEADER;
    loop {
        let at = Ipv6Header::LEN + extensions.offset();
        match extensions.next() {
            None => break,
            // Hop-by-hop options behind another header: "the same action", of a next header that is
            // not recognised (RFC 8200 section 4), below.
            Some(Err(WireError::Misplaced(_))) => break,
            Some(Err(_)) => return Upper::Malformed,
            // RFC 8200 section 4.4: of a routing type that is not recognised, or that is no
            // longer followed (RFC 5095), the packet is answered if segments are left.
            Some(Ok(Ipv6Extension::Routing(routing))) if routing.header.segments_left() > 0 => {
                return Upper::Problem {
                    code: parameter_problem::ERRONEOUS_FIELD,
                    pointer: at as u32 + 2,
                };
            }
            Some(Ok(Ipv6Extension::Fragment(fragment))) if !fragment.is_atomic() => {
                return Upper::Fragment;
            }
            Some(Ok(extension)) => {
                if let Ipv6Extension::HopByHop(all) | Ipv6Extension::Destination(all) = extension
                    && let Some(why) = unknown(all.options(), at + Ipv6OptionsHeader::LEN, many)
                {
                    return why;
                }
                field = at;
            }
        }
    }
    let at = Ipv6Header::LEN + extensions.offset();
    match extensions.next_header() {
        protocol @ (IpProtocol::ICMPV6
        | IpProtocol::UDP
        | IpProtocol::TCP
        | IpProtocol::NO_NEXT) => Upper::Whole(protocol, at),
        // RFC 8200 section 4: "If, as a result of processing a header, the destination node is
        // required to proceed to the next header but the Next Header value in the current header
        // is unrecognized by the node".
        _ => Upper::Problem {
            code: parameter_problem::UNKNOWN_NEXT_HEADER,
            pointer: field as u32,
        },
    }
}

/// What an option that nobody here knows asks for (RFC 8200 section 4.2), if it is more than to be
/// skipped; the options are `at` bytes from the IPv6 header's start.
fn unknown(mut options: Ipv6Options<'_>, at: usize, many: bool) -> Option<Upper> {
    while let Some(option) = options.next_raw() {
        let Ok((kind, _)) = option else {
            return Some(Upper::Malformed);
        };
        let told = match kind.action() {
            Ipv6OptionAction::Skip => continue,
            Ipv6OptionAction::Discard => false,
            Ipv6OptionAction::DiscardWithError => true,
            Ipv6OptionAction::DiscardUnicastWithError => !many,
        };
        let pointer = (at + options.position()) as u32;
        return Some(Upper::Option(told.then_some(pointer)));
    }
    None
}

/// RFC 4291 section 2.7.1.
pub(super) const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// Where the next header field is in an IPv6 header.
const NEXT_HEADER: usize = 6;

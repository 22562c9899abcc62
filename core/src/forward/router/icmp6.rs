//! ICMPv6: the errors that a router sends, and the echoes that it answers (RFC 4443).

use core::net::Ipv6Addr;

use super::interface::is_link_local;
use super::ipv4::trim;
use super::ipv6::Facts6;
use super::{LocalTraffic, Router};
use crate::lookup::Lpm;
use crate::packet::{Offloads, Packet, PortId};
use crate::pipeline::{Context, DropReason};
use crate::wire::checksum::PseudoHeader;
use crate::wire::icmpv6;
use crate::wire::{
    EthernetHeader, Header, Icmpv6, Icmpv6Header, Icmpv6Message, Icmpv6Mut, Icmpv6Type, IpProtocol,
    Ipv6, Ipv6Header,
};

impl<'p, A: Lpm<u32>, B: Lpm<u128>> Router<'_, 'p, A, B> {
    /// Sends an error about a packet, which is as it came in, unless RFC 4443 section 2.4 (e)
    /// forbids it or too many were sent.
    pub(super) fn error6(
        &mut self,
        about: &Packet<'p>,
        facts: &Facts6,
        message: Icmpv6Message,
        cx: &mut Context<'_, 'p>,
    ) {
        let bytes = about.data().get(EthernetHeader::LEN..).unwrap_or_default();
        let quote = bytes.get(..facts.total_len).unwrap_or(bytes);
        let allowed =
            Ipv6::new_quoted(quote).is_ok_and(|view| icmpv6::may_cause_error(&view, message));
        let own = self.is_own6(about.port, facts.source);
        if !allowed || own {
            return;
        }
        let way = self.way6(about.port, facts.source);
        let Some(out) = self.port_of(way) else {
            return;
        };
        // RFC 4443 section 2.2: the address that the packet was sent to, if it is one of the
        // router's; else one of the interface that the error leaves by.
        let source = match self.is_unicast_own6(about.port, facts.destination) {
            true => Some(facts.destination),
            false => self.source6(out, facts.source),
        };
        let Some(source) = source else {
            return;
        };
        if !self.errors.take(cx.now()) {
            return self.stats.rate_limited.add(1);
        }
        let quote = quote.get(..icmpv6::MAX_QUOTE).unwrap_or(quote);
        let pseudo = PseudoHeader::ipv6(source, facts.source);
        let len = Icmpv6Header::LEN + quote.len();
        let addresses = (source, facts.source);
        let packet = self.build6(about.port, addresses, self.config.ttl, len, cx, |bytes| {
            icmpv6::write_error(bytes, message, quote, &pseudo).ok()
        });
        let Some(packet) = packet else {
            return self.stats.no_frame.add(1);
        };
        match message {
            Icmpv6Message::TimeExceeded { .. } => self.stats.time_exceeded.add(1),
            Icmpv6Message::ParameterProblem { .. } => self.stats.parameter_problem.add(1),
            Icmpv6Message::PacketTooBig { .. } => self.stats.too_big.add(1),
            _ => self.stats.unreachable.add(1),
        }
        self.originate6(packet, way, cx);
    }

    /// A packet of ICMPv6 with its IPv6 header and room for Ethernet's. `write` fills in the
    /// message of `len` bytes and gives its length.
    pub(super) fn build6(
        &self,
        port: PortId,
        (source, destination): (Ipv6Addr, Ipv6Addr),
        hop_limit: u8,
        len: usize,
        cx: &mut Context<'_, 'p>,
        write: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) -> Option<Packet<'p>> {
        let mut header = Ipv6Header::new(source, destination, IpProtocol::ICMPV6, 0);
        header.set_hop_limit(hop_limit);
        let mut packet = blank6(port, header, len, cx)?;
        let bytes = packet.data_mut().get_mut(HEADERS..);
        if bytes.and_then(write).is_none() {
            cx.drop(packet, DropReason::NO_FRAME);
            return None;
        }
        Some(packet)
    }

    /// The address to send from: of the interface that the packet leaves by; if that has none but
    /// a link-local one, which others cannot answer, any other.
    fn source6(&self, out: PortId, towards: Ipv6Addr) -> Option<Ipv6Addr> {
        let towards = towards.to_bits();
        let near = self.interface(out).and_then(|own| own.source6(towards));
        let reaches = |own: &u128| !is_link_local(*own) || is_link_local(towards);
        let all = self.interfaces.iter();
        let mut others = all.filter_map(|own| own.source6(towards));
        let source = near
            .filter(reaches)
            .or_else(|| others.find(reaches))
            .or(near)?;
        Some(Ipv6Addr::from_bits(source))
    }

    /// Whether it is an address of the router's own, and of nobody else's: no anycast.
    fn is_unicast_own6(&self, port: PortId, address: Ipv6Addr) -> bool {
        let bits = address.to_bits();
        match is_link_local(bits) {
            true => self.interface(port).is_some_and(|own| own.owns6(bits)),
            false => self.interfaces.iter().any(|own| own.owns6(bits)),
        }
    }

    /// An ICMPv6 message to the router itself, at `at` bytes from the IPv6 header's start.
    pub(super) fn icmp6(
        &mut self,
        packet: Packet<'p>,
        facts: &Facts6,
        at: usize,
        cx: &mut Context<'_, 'p>,
    ) {
        let end = EthernetHeader::LEN + facts.total_len;
        let bytes = packet.data().get(EthernetHeader::LEN + at..end);
        let Ok(icmp) = Icmpv6::new(bytes.unwrap_or_default()) else {
            return cx.drop(packet, DropReason::MALFORMED_L4);
        };
        if !icmp.checksum_ok(&PseudoHeader::ipv6(facts.source, facts.destination)) {
            return cx.drop(packet, DropReason::L4_CHECKSUM);
        }
        match icmp.kind() {
            Icmpv6Type::NEIGHBOR_SOLICITATION | Icmpv6Type::NEIGHBOR_ADVERTISEMENT => {
                self.discovery(packet, facts, at, cx);
            }
            // Discovery tells of somebody who has the same address; all else is no packet of theirs.
            _ if self.is_own6(packet.port, facts.source) => {
                cx.drop(packet, DropReason::MARTIAN_SOURCE);
            }
            Icmpv6Type::ECHO_REQUEST if icmp.code() == 0 => self.echo6(packet, facts, at, cx),
            Icmpv6Type::LISTENER_QUERY => self.queried(packet, facts, at, cx),
            _ if self.config.local == LocalTraffic::Punt => cx.punt(packet),
            kind if kind.is_error() || kind == Icmpv6Type::ECHO_REPLY => {
                cx.drop(packet, DropReason::CONSUMED);
            }
            _ => cx.drop(packet, DropReason::NOT_SPOKEN),
        }
    }

    /// Turns an echo request into its reply, in place (RFC 4443 section 4.2).
    fn echo6(
        &mut self,
        mut packet: Packet<'p>,
        facts: &Facts6,
        at: usize,
        cx: &mut Context<'_, 'p>,
    ) {
        if facts.source.is_unspecified() {
            return cx.drop(packet, DropReason::MARTIAN_SOURCE);
        }
        let way = self.way6(packet.port, facts.source);
        if self.port_of(way).is_none() {
            return cx.drop(packet, DropReason::NO_ROUTE);
        }
        // "If the reply is sent in response to a message sent to a multicast or anycast address,
        // the source MUST be a unicast address belonging to the interface on which the Echo
        // Request message was received."
        let source = match self.is_unicast_own6(packet.port, facts.destination) {
            true => Some(facts.destination),
            false => self.source6(packet.port, facts.source),
        };
        let Some(source) = source else {
            return cx.drop(packet, DropReason::NOT_SPOKEN);
        };
        if !self.echoes.take(cx.now()) {
            return cx.drop(packet, DropReason::RATE_LIMITED);
        }
        trim(&mut packet, facts.total_len);
        packet.offloads = Offloads::empty();
        // Extension headers were for the way here.
        let mut headers = Ipv6Header::new(source, facts.source, IpProtocol::ICMPV6, 0);
        let icmp_len = facts.total_len.saturating_sub(at);
        headers.set_payload_len(u16::try_from(icmp_len).unwrap_or(u16::MAX));
        headers.set_hop_limit(self.config.ttl);
        let cut = packet.trim_front(at.saturating_sub(Ipv6Header::LEN));
        let bytes = packet.data_mut().get_mut(EthernetHeader::LEN..);
        let written = headers.write(bytes.unwrap_or_default()).and_then(|bytes| {
            let mut icmp = Icmpv6Mut::new(bytes)?;
            if let Icmpv6Message::EchoRequest { ident, sequence } = icmp.message() {
                icmp.set_message(Icmpv6Message::EchoReply { ident, sequence });
            }
            icmp.fill_checksum(&PseudoHeader::ipv6(source, facts.source));
            Ok(())
        });
        if cut.is_err() || written.is_err() {
            return cx.drop(packet, DropReason::MALFORMED_L4);
        }
        self.stats.echo_replies.add(1);
        self.originate6(packet, way, cx);
    }
}

/// A packet of this IPv6 header, whose length is set, with room for Ethernet's before it and `len`
/// bytes behind. There is one such function, however many messages are written.
#[inline(never)]
pub(super) fn blank6<'p>(
    port: PortId,
    mut header: Ipv6Header,
    len: usize,
    cx: &mut Context<'_, 'p>,
) -> Option<Packet<'p>> {
    header.set_payload_len(u16::try_from(len).ok()?);
    let mut packet = cx.alloc()?;
    // It is as if it had come in there: a link-local destination is that port's.
    packet.port = port;
    let written = packet
        .append(HEADERS + len)
        .ok()
        .and_then(|bytes| bytes.get_mut(EthernetHeader::LEN..))
        .and_then(|bytes| header.write(bytes).ok());
    if written.is_none() {
        cx.drop(packet, DropReason::NO_FRAME);
        return None;
    }
    Some(packet)
}

/// What is before a message.
pub(super) const HEADERS: usize = EthernetHeader::LEN + Ipv6Header::LEN;

//! ICMP for IPv4: the errors that a router sends, and the echoes that it answers.

use core::net::Ipv4Addr;

use super::ipv4::{Facts, trim};
use super::{LocalTraffic, Router};
use crate::lookup::Lpm;
use crate::packet::{Offloads, Packet, PortId};
use crate::pipeline::{Context, DropReason};
use crate::wire::icmpv4::{self, unreachable};
use crate::wire::{
    EthernetHeader, Header, Icmpv4, Icmpv4Header, Icmpv4Message, Icmpv4Mut, Icmpv4Type, IpProtocol,
    Ipv4, Ipv4Header, Ipv4Mut,
};

impl<'p, A: Lpm<u32>, B: Lpm<u128>> Router<'_, 'p, A, B> {
    /// Sends an error about a packet, which is as it came in, unless RFC 1812 section 4.3.2.7
    /// forbids it or too many were sent.
    pub(super) fn error4(
        &mut self,
        about: &Packet<'p>,
        facts: &Facts,
        message: Icmpv4Message,
        cx: &mut Context<'_, 'p>,
    ) {
        let bytes = about.data().get(EthernetHeader::LEN..).unwrap_or_default();
        let quote = bytes.get(..facts.total_len).unwrap_or(bytes);
        let allowed = Ipv4::new_quoted(quote).is_ok_and(|view| icmpv4::may_cause_error(&view));
        if !allowed || self.is_own4(facts.source) {
            return;
        }
        let way = self.way4(facts.source);
        let Some(out) = self.port_of(way) else {
            return;
        };
        let Some(source) = self.source4(out, about.port, facts.source.to_bits()) else {
            return;
        };
        if !self.errors.take(cx.now()) {
            return self.stats.rate_limited.add(1);
        }
        let quote = quote.get(..icmpv4::MAX_QUOTE).unwrap_or(quote);
        let Some(packet) = build(source, facts.source, message, quote, self.config.ttl, cx) else {
            return self.stats.no_frame.add(1);
        };
        match message {
            Icmpv4Message::TimeExceeded { .. } => self.stats.time_exceeded.add(1),
            Icmpv4Message::ParameterProblem { .. } => self.stats.parameter_problem.add(1),
            Icmpv4Message::Unreachable { code, .. }
                if code == unreachable::FRAGMENTATION_NEEDED =>
            {
                self.stats.too_big.add(1);
            }
            _ => self.stats.unreachable.add(1),
        }
        self.originate4(packet, way, cx);
    }

    /// The address to send an error from. RFC 1812 section 4.3.2.4: "one of the IP addresses
    /// associated with the physical interface over which the ICMP message is transmitted"; of one
    /// that has none, the address of the interface where the packet came in, or any other.
    fn source4(&self, out: PortId, came_in: PortId, towards: u32) -> Option<Ipv4Addr> {
        let of = |port: PortId| self.interface(port)?.source4(towards);
        let any = || self.interfaces.iter().find_map(|own| own.source4(towards));
        let source = of(out).or_else(|| of(came_in)).or_else(any)?;
        Some(Ipv4Addr::from_bits(source))
    }

    /// An ICMP message to one of the router's own addresses.
    pub(super) fn icmp4(&mut self, packet: Packet<'p>, facts: &Facts, cx: &mut Context<'_, 'p>) {
        if packet.is_chained() {
            return cx.drop(packet, DropReason::CHAINED);
        }
        let at = EthernetHeader::LEN + facts.header_len;
        let end = EthernetHeader::LEN + facts.total_len;
        let bytes = packet.data().get(at..end).unwrap_or_default();
        let Ok(icmp) = Icmpv4::new(bytes) else {
            return cx.drop(packet, DropReason::MALFORMED_L4);
        };
        if !icmp.checksum_ok() {
            return cx.drop(packet, DropReason::L4_CHECKSUM);
        }
        match icmp.kind() {
            Icmpv4Type::ECHO_REQUEST => self.echo4(packet, facts, cx),
            _ if self.config.local == LocalTraffic::Punt => cx.punt(packet),
            kind if kind.is_error() || kind == Icmpv4Type::ECHO_REPLY => {
                cx.drop(packet, DropReason::CONSUMED);
            }
            _ => cx.drop(packet, DropReason::NOT_SPOKEN),
        }
    }

    /// Turns an echo request into its reply, in place (RFC 1812 section 4.3.3.6).
    fn echo4(&mut self, mut packet: Packet<'p>, facts: &Facts, cx: &mut Context<'_, 'p>) {
        let way = self.way4(facts.source);
        if self.port_of(way).is_none() {
            return cx.drop(packet, DropReason::NO_ROUTE);
        }
        if !self.echoes.take(cx.now()) {
            return cx.drop(packet, DropReason::RATE_LIMITED);
        }
        trim(&mut packet, facts.total_len);
        packet.offloads = Offloads::empty();
        let ttl = self.config.ttl;
        let bytes = packet.data_mut().get_mut(EthernetHeader::LEN..);
        let Ok(mut ip) = Ipv4Mut::new(bytes.unwrap_or_default()) else {
            return cx.drop(packet, DropReason::MALFORMED_L3);
        };
        ip.header.set_source(facts.destination);
        ip.header.set_destination(facts.source);
        ip.header.set_ttl(ttl);
        ip.fill_checksum();
        if let Ok(mut icmp) = Icmpv4Mut::new(ip.payload)
            && let Icmpv4Message::EchoRequest { ident, sequence } = icmp.message()
        {
            icmp.set_message(Icmpv4Message::EchoReply { ident, sequence });
            icmp.fill_checksum();
        }
        self.stats.echo_replies.add(1);
        self.originate4(packet, way, cx);
    }
}

/// An error with its IPv4 header and room for Ethernet's.
fn build<'p>(
    source: Ipv4Addr,
    destination: Ipv4Addr,
    message: Icmpv4Message,
    quote: &[u8],
    ttl: u8,
    cx: &mut Context<'_, 'p>,
) -> Option<Packet<'p>> {
    let icmp_len = Icmpv4Header::LEN + quote.len();
    let len = EthernetHeader::LEN + Ipv4Header::LEN + icmp_len;
    let payload_len = u16::try_from(icmp_len).ok()?;
    let mut header = Ipv4Header::new(source, destination, IpProtocol::ICMP, payload_len).ok()?;
    header.set_ttl(ttl);
    // RFC 1812 section 4.3.2.5: "ICMP [...] error messages SHOULD have their IP Precedence field
    // set to 6 or 7".
    header.set_dscp(INTERNETWORK_CONTROL);
    header.fill_checksum();
    let mut packet = cx.alloc()?;
    let written = packet.append(len).ok().and_then(|bytes| {
        let bytes = bytes.get_mut(EthernetHeader::LEN..)?;
        let bytes = header.write(bytes).ok()?;
        icmpv4::write_error(bytes, message, quote).ok()
    });
    if written.is_none() {
        cx.drop(packet, DropReason::NO_FRAME);
        return None;
    }
    Some(packet)
}

/// The DSCP of precedence 6 (RFC 2474 section 4.2.2.1: class selector 6).
const INTERNETWORK_CONTROL: u8 = 48;

//! Neighbour discovery (RFC 4861): answers for the router's own addresses, and questions of its
//! own.

use core::net::Ipv6Addr;

use super::interface::is_link_local;
use super::ipv6::{ALL_NODES, Facts6};
use super::neighbour::{Key, State};
use super::{Interface, Router};
use crate::lookup::Lpm;
use crate::packet::{Packet, PortId};
use crate::pipeline::{Context, DropReason};
use crate::wire::checksum::PseudoHeader;
use crate::wire::ndp::{self, Ndp, Neighbor, NeighborFlags};
use crate::wire::{EtherType, EthernetHeader, Header, Ipv6Header, MacAddr};

impl<'p, A: Lpm<u32>, B: Lpm<u128>> Router<'_, 'p, A, B> {
    /// A neighbour solicitation or advertisement, at `at` bytes from the IPv6 header's start.
    pub(super) fn discovery(
        &mut self,
        packet: Packet<'p>,
        facts: &Facts6,
        at: usize,
        cx: &mut Context<'_, 'p>,
    ) {
        let port = packet.port;
        let data = packet.data();
        let from = EthernetHeader::split(data).map(|(header, _)| header.source());
        let ip = data.get(EthernetHeader::LEN..).unwrap_or_default();
        let message = ip.get(at..facts.total_len).unwrap_or_default();
        let (Ok(from), Ok((header, _))) = (from, Ipv6Header::split(ip)) else {
            return cx.drop(packet, DropReason::MALFORMED_L3);
        };
        // RFC 4861 sections 7.1.1 and 7.1.2: what fails one of these checks is discarded.
        match Ndp::new(header, message) {
            Ok(Ndp::NeighborSolicitation(asked)) => {
                let asked = Asked::new(&asked, facts.source, from);
                self.solicited(port, asked, cx);
            }
            Ok(Ndp::NeighborAdvertisement(told)) => {
                let told = Told::new(&told);
                self.advertised(port, told, cx);
            }
            _ => return cx.drop(packet, DropReason::MALFORMED_L4),
        }
        cx.drop(packet, DropReason::CONSUMED);
    }

    /// RFC 4861 sections 7.2.3 and 7.2.4.
    fn solicited(&mut self, port: PortId, asked: Asked, cx: &mut Context<'_, 'p>) {
        let Some(interface) = self.interface(port) else {
            return;
        };
        let mac = interface.config.mac;
        let target = asked.target.to_bits();
        let unicast = interface.owns6(target);
        let anycast = interface
            .ipv6
            .iter()
            .any(|own| own.anycast() == Some(target));
        let sender = asked.sender.to_bits();
        let host = interface.is_on_link6(sender);
        if !unicast && !anycast || interface.owns6(sender) {
            return;
        }
        let station = asked.mac.unwrap_or(asked.from);
        // Nobody can be reached at a group address, nor may the answer go to one.
        if !station.is_unicast() {
            return;
        }
        let mut flags = NeighborFlags::ROUTER;
        // An anycast address is not the router's alone.
        flags.set(NeighborFlags::OVERRIDE, unicast);
        let to = match asked.sender.is_unspecified() {
            // Somebody looks whether the address is free (RFC 4862): all are told that it is not.
            true => (ALL_NODES, MacAddr::for_ipv6_multicast(ALL_NODES)),
            false => {
                flags |= NeighborFlags::SOLICITED;
                (asked.sender, station)
            }
        };
        if let (Some(mac), true) = (asked.mac, host) {
            let key = Key::ipv6(port, sender);
            let known = self.table.find(key);
            let entry = known.or_else(|| self.table.insert(key, State::Silent));
            if let Some(entry) = entry {
                self.learn(entry, mac, cx);
            }
        }
        // The answer comes from the address that was asked for, or, of an anycast one, from
        // another (RFC 4861 section 7.2.7).
        let source = match unicast {
            true => Some(asked.target),
            false => self.near6(port, sender),
        };
        let (Some(source), (destination, to)) = (source, to) else {
            return;
        };
        let pseudo = PseudoHeader::ipv6(source, destination);
        let addresses = (source, destination);
        let packet = self.build6(port, addresses, HOP_LIMIT, MESSAGE_LEN, cx, |bytes| {
            ndp::write_advertisement(bytes, asked.target, mac, flags, &pseudo).ok()
        });
        self.send_nd(port, packet, to, cx, |stats| &stats.advertisements);
    }

    /// RFC 4861 section 7.2.5.
    fn advertised(&mut self, port: PortId, told: Told, cx: &mut Context<'_, 'p>) {
        let own = self
            .interface(port)
            .is_some_and(|own| own.owns6(told.target));
        if own {
            return self.stats.conflicts.add(1);
        }
        // "If no entry exists, the advertisement SHOULD be silently discarded."
        let Some(entry) = self.table.find(Key::ipv6(port, told.target)) else {
            return;
        };
        let Some(neighbour) = self.table.get(entry) else {
            return;
        };
        let (known, old) = (neighbour.state.is_known(), neighbour.mac);
        let solicited = told.flags.contains(NeighborFlags::SOLICITED);
        let mac = match told.mac {
            Some(mac) if !mac.is_unicast() => return,
            // Another address than the known one counts only if it is to replace it.
            Some(mac) if known && mac != old && !told.flags.contains(NeighborFlags::OVERRIDE) => {
                return;
            }
            Some(mac) => mac,
            // Who was asked directly need not tell the address again.
            None if known && solicited => old,
            None => return,
        };
        // One that nobody has asked for says nothing about the way there.
        if known && mac == old && !solicited {
            return;
        }
        self.learn(entry, mac, cx);
    }

    /// Asks for the Ethernet address of `target`: those in its group, or the station that had it.
    pub(super) fn ask_nd(
        &mut self,
        port: PortId,
        target: u128,
        station: Option<MacAddr>,
        cx: &mut Context<'_, 'p>,
    ) {
        let (Some(interface), Some(source)) = (self.interface(port), self.near6(port, target))
        else {
            return;
        };
        let mac = interface.config.mac;
        let target = Ipv6Addr::from_bits(target);
        let group = ndp::solicited_node(target);
        let (destination, to) = match station {
            Some(station) => (target, station),
            None => (group, MacAddr::for_ipv6_multicast(group)),
        };
        let pseudo = PseudoHeader::ipv6(source, destination);
        let addresses = (source, destination);
        let packet = self.build6(port, addresses, HOP_LIMIT, MESSAGE_LEN, cx, |bytes| {
            ndp::write_solicitation(bytes, target, Some(mac), &pseudo).ok()
        });
        self.send_nd(port, packet, to, cx, |stats| &stats.solicitations);
    }

    /// An address of the port's own, to speak from on its link.
    fn near6(&self, port: PortId, towards: u128) -> Option<Ipv6Addr> {
        let source = self.interface(port)?.source6(towards)?;
        Some(Ipv6Addr::from_bits(source))
    }

    pub(super) fn send_nd(
        &self,
        port: PortId,
        packet: Option<Packet<'p>>,
        to: MacAddr,
        cx: &mut Context<'_, 'p>,
        counter: fn(&super::RouterStats) -> &crate::trace::Counter,
    ) {
        let (Some(mut packet), Some(interface)) = (packet, self.interface(port)) else {
            return self.stats.no_frame.add(1);
        };
        let header = EthernetHeader::new(to, interface.config.mac, EtherType::IPV6);
        // There is room: the packet was made with it.
        let _ = header.write(packet.data_mut());
        counter(self.stats).add(1);
        cx.send(port, packet);
    }
}

impl Interface {
    /// Whether a host of this address can be on the link.
    fn is_on_link6(&self, address: u128) -> bool {
        let near = self.ipv6.iter().any(|own| own.prefix.contains(address));
        (near || is_link_local(address)) && !self.owns6(address)
    }
}

/// What a solicitation asks, and who asks.
#[derive(Clone, Copy)]
struct Asked {
    target: Ipv6Addr,
    sender: Ipv6Addr,
    mac: Option<MacAddr>,
    /// Where the frame came from.
    from: MacAddr,
}

impl Asked {
    fn new(message: &Neighbor<'_>, sender: Ipv6Addr, from: MacAddr) -> Self {
        Self {
            target: message.target(),
            sender,
            mac: message.source_mac(),
            from,
        }
    }
}

/// What an advertisement tells.
#[derive(Clone, Copy)]
struct Told {
    target: u128,
    mac: Option<MacAddr>,
    flags: NeighborFlags,
}

impl Told {
    fn new(message: &Neighbor<'_>) -> Self {
        Self {
            target: message.target().to_bits(),
            mac: message.target_mac(),
            flags: message.flags(),
        }
    }
}

/// RFC 4861 sections 4.3 and 4.4: no router has forwarded it.
const HOP_LIMIT: u8 = 255;

/// A message of 24 bytes and an option of 8.
const MESSAGE_LEN: usize = 32;

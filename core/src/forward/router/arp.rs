//! ARP (RFC 826): answers for the router's own addresses, and questions of its own.

use core::net::Ipv4Addr;

use super::Router;
use super::control::is_unicast4;
use super::neighbour::{Key, State};
use crate::lookup::Lpm;
use crate::packet::{Offloads, Packet, PortId};
use crate::pipeline::{Context, DropReason};
use crate::wire::{
    Arp, ArpHeader, ArpOperation, EtherType, EthernetHeader, Header, MacAddr, WireError,
};

impl<'p, A: Lpm<u32>, B: Lpm<u128>> Router<'_, 'p, A, B> {
    /// An ARP packet.
    pub(super) fn arp(&mut self, packet: Packet<'p>, cx: &mut Context<'_, 'p>) {
        let bytes = packet.data().get(EthernetHeader::LEN..).unwrap_or_default();
        let arp = match Arp::new(bytes) {
            Ok(arp) => *arp.header,
            Err(WireError::Truncated { .. }) => return cx.drop(packet, DropReason::TRUNCATED),
            Err(WireError::Unsupported(_)) => {
                return cx.drop(packet, DropReason::UNKNOWN_PROTOCOL);
            }
            Err(_) => return cx.drop(packet, DropReason::MALFORMED_L3),
        };
        let port = packet.port;
        let (sender, sender_mac) = (arp.sender_ip(), arp.sender_mac());
        // Nobody can be reached at a group address, nor may the answer go to one.
        if !sender_mac.is_unicast() {
            return cx.drop(packet, DropReason::MALFORMED_L3);
        }
        let Some(interface) = self.interface(port) else {
            return cx.drop(packet, DropReason::NOT_FOR_US);
        };
        let mac = interface.config.mac;
        let mine = interface.owns4(arp.target_ip().to_bits());
        if interface.owns4(sender.to_bits()) {
            if sender_mac != mac {
                self.stats.conflicts.add(1);
            }
            return cx.drop(packet, DropReason::CONSUMED);
        }
        // A host of this link; a probe (RFC 5227) has no sender address yet.
        let host = is_unicast4(sender) && interface.is_on_link4(sender.to_bits());
        let asks = arp.operation() == ArpOperation::REQUEST;
        let key = Key::ipv4(port, sender.to_bits());
        // RFC 826: "If the pair <protocol type, sender protocol address> is already in my
        // translation table, update the sender hardware address field of the entry", and "if
        // Merge_flag is false, add the triplet", if the target is the router itself.
        match self.table.find(key) {
            Some(entry) => self.learn(entry, sender_mac, cx),
            None if host && mine && asks => {
                if let Some(entry) = self.table.insert(key, State::Silent) {
                    self.learn(entry, sender_mac, cx);
                }
            }
            None => {}
        }
        if asks && mine {
            self.reply(packet, arp.reply(mac), cx);
        } else {
            cx.drop(packet, DropReason::CONSUMED);
        }
    }

    /// Sends the reply in the request's own frame.
    fn reply(&mut self, mut packet: Packet<'p>, reply: ArpHeader, cx: &mut Context<'_, 'p>) {
        let ethernet = EthernetHeader::new(reply.target_mac(), reply.sender_mac(), EtherType::ARP);
        packet.offloads = Offloads::empty();
        if packet.is_chained() {
            return cx.drop(packet, DropReason::CHAINED);
        }
        let excess = packet.len().saturating_sub(SHORTEST);
        let _ = packet.trim_back(excess);
        let written = ethernet
            .write(packet.data_mut())
            .and_then(|rest| reply.write(rest).map(drop));
        match written {
            Ok(()) => {
                self.stats.arp_replies.add(1);
                let port = packet.port;
                cx.send(port, packet);
            }
            Err(_) => cx.drop(packet, DropReason::TRUNCATED),
        }
    }

    /// Asks for the Ethernet address of `target`: everybody, or (RFC 1122 section 2.3.2.1) the
    /// station that had it.
    pub(super) fn ask_arp(
        &mut self,
        port: PortId,
        target: u32,
        station: Option<MacAddr>,
        cx: &mut Context<'_, 'p>,
    ) {
        let Some(interface) = self.interface(port) else {
            return;
        };
        let mac = interface.config.mac;
        let Some(source) = interface.source4(target) else {
            return;
        };
        let Some(mut packet) = cx.alloc() else {
            return self.stats.no_frame.add(1);
        };
        let to = station.unwrap_or(MacAddr::BROADCAST);
        let ethernet = EthernetHeader::new(to, mac, EtherType::ARP);
        let request = ArpHeader::request(
            mac,
            Ipv4Addr::from_bits(source),
            Ipv4Addr::from_bits(target),
        );
        let written = packet
            .append(EthernetHeader::LEN + ArpHeader::LEN)
            .ok()
            .and_then(|bytes| request.write(ethernet.write(bytes).ok()?).ok().map(drop));
        match written {
            Some(()) => {
                self.stats.arp_requests.add(1);
                cx.send(port, packet);
            }
            None => cx.drop(packet, DropReason::NO_FRAME),
        }
    }
}

/// The shortest Ethernet frame without its check sequence (IEEE 802.3 section 4A.4.2).
const SHORTEST: usize = 60;

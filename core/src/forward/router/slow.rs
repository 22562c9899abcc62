//! The slow path's entrance and exit: layer 2, and the way to a next hop.

use super::neighbour::{Key, State};
use super::{Hop, Router};
use crate::lookup::{Lpm, NextHop};
use crate::packet::{Offloads, Packet, PortId};
use crate::pipeline::{Context, DropReason};
use crate::wire::{EtherType, EthernetHeader, Header};

/// The way of a packet, after its destination was looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Out, by this hop.
    To(Hop),
    /// To this entry, whose Ethernet address is not known.
    Wait(usize),
    /// To a neighbour that there is no entry for yet.
    New(Key),
    /// It is for the router itself.
    Local,
    /// It is for all stations of a link.
    Broadcast,
    /// Nowhere.
    No(Refusal),
}

/// Why a packet goes nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No route has the destination.
    NoRoute,
    /// A route says to drop it.
    Blackhole,
    /// A route says that the host cannot be reached.
    Unreachable,
    /// A route says that it is forbidden.
    Prohibited,
}

impl<'p, A: Lpm<u32>, B: Lpm<u128>> Router<'_, 'p, A, B> {
    /// Takes a packet that the fast path did not.
    #[cold]
    pub(super) fn slow(&mut self, packet: Packet<'p>, cx: &mut Context<'_, 'p>) {
        let Ok((header, _)) = EthernetHeader::split(packet.data()) else {
            return cx.drop(packet, DropReason::MALFORMED_L2);
        };
        let (destination, ethertype) = (header.destination(), header.ethertype());
        let Some(interface) = self.interface(packet.port) else {
            return cx.drop(packet, DropReason::NOT_FOR_US);
        };
        let group = destination.is_multicast();
        if !group && destination != interface.config.mac {
            return cx.drop(packet, DropReason::NOT_FOR_US);
        }
        let tag = packet.vlan_tci & VLAN_ID;
        if packet.offloads.intersects(Offloads::VLAN_STRIPPED) && tag != 0 {
            return cx.drop(packet, DropReason::UNKNOWN_PROTOCOL);
        }
        match ethertype {
            EtherType::IPV4 => self.ipv4(packet, group, cx),
            EtherType::IPV6 => self.ipv6(packet, group, cx),
            EtherType::ARP => self.arp(packet, cx),
            _ => cx.drop(packet, DropReason::UNKNOWN_PROTOCOL),
        }
    }

    /// The way to a next hop, where `key` makes the destination's own key on a link.
    pub(super) fn way(&self, hop: Option<NextHop>, key: impl Fn(PortId) -> Key) -> Way {
        let Some(hop) = hop else {
            return Way::No(Refusal::NoRoute);
        };
        let entry = usize::from(hop.index()) + 1;
        match self.table.get(entry) {
            Some(neighbour) if neighbour.state == State::Connected => {
                self.way_on_link(key(neighbour.port()))
            }
            _ => self.way_to(entry),
        }
    }

    /// The way to a station on a link.
    pub(super) fn way_on_link(&self, key: Key) -> Way {
        match self.table.find(key) {
            Some(entry) => self.way_to(entry),
            None => Way::New(key),
        }
    }

    fn way_to(&self, entry: usize) -> Way {
        let Some(neighbour) = self.table.get(entry) else {
            return Way::No(Refusal::NoRoute);
        };
        match neighbour.state {
            State::Reachable | State::Probing | State::Static => Way::To(self.table.hop(entry)),
            State::Silent | State::Asking => Way::Wait(entry),
            State::Local => Way::Local,
            State::Broadcast => Way::Broadcast,
            State::Unreachable => Way::No(Refusal::Unreachable),
            State::Prohibited => Way::No(Refusal::Prohibited),
            State::Blackhole => Way::No(Refusal::Blackhole),
            State::Free | State::Connected => Way::No(Refusal::NoRoute),
        }
    }

    /// The port by which a way leads.
    pub(super) fn port_of(&self, way: Way) -> Option<PortId> {
        match way {
            Way::To(hop) => Some(hop.port),
            Way::Wait(entry) => self.table.get(entry).map(|neighbour| neighbour.port()),
            Way::New(key) => Some(key.port()),
            _ => None,
        }
    }

    /// Lets a packet wait for the Ethernet address of a neighbour. `made`: by the router itself.
    pub(super) fn wait(
        &mut self,
        way: Way,
        packet: Packet<'p>,
        made: bool,
        cx: &mut Context<'_, 'p>,
    ) {
        let entry = match way {
            Way::Wait(entry) => Some(entry),
            Way::New(key) => self.meet(key),
            _ => None,
        };
        let neighbour = entry.and_then(|entry| Some((entry, self.table.get_mut(entry)?)));
        let Some((entry, neighbour)) = neighbour else {
            return cx.drop(packet, DropReason::NEIGHBOUR_QUEUE_FULL);
        };
        // RFC 4861 section 7.2.2: "When a queue overflows, the new arrival SHOULD replace the
        // oldest entry."
        if neighbour.waiting >= self.config.neighbour_queue.max(1)
            && let Some((oldest, _)) = self.parking.pop(neighbour)
        {
            cx.drop(oldest, DropReason::NEIGHBOUR_QUEUE_FULL);
        }
        match self.parking.push(neighbour, packet, made) {
            Ok(()) => self.stats.parked.add(1),
            Err(packet) => cx.drop(packet, DropReason::NEIGHBOUR_QUEUE_FULL),
        }
        if neighbour.state == State::Silent {
            self.ask(entry, cx);
        }
    }

    /// Makes an entry for a neighbour, unless too many are being asked: those that answer must
    /// find room, whatever addresses somebody scans.
    fn meet(&mut self, key: Key) -> Option<usize> {
        if self.table.asking() >= self.table.capacity().div_ceil(2) {
            return None;
        }
        self.table.insert(key, State::Silent)
    }
}

/// Writes the hop's Ethernet header over the packet's first bytes, and sends.
pub(super) fn send<'p>(
    mut packet: Packet<'p>,
    hop: Hop,
    ethertype: EtherType,
    cx: &mut Context<'_, 'p>,
) {
    let (to, from) = hop.addresses();
    // Whoever calls has seen an Ethernet header there, or made room for one.
    let _ = EthernetHeader::new(to, from, ethertype).write(packet.data_mut());
    cx.send(hop.port, packet);
}

/// The VLAN's number in the tag control information (IEEE 802.1Q section 9.6); 0 is a priority
/// without a VLAN.
const VLAN_ID: u16 = 0x0fff;

//! IPv6 as nearly all of it is: Ethernet, addresses that are forwarded, a hop that is known.
//!
//! As [`fast4`](super::fast4), over the packets that IPv4's pass has left to the slow path.
//! Extension headers are none of a router's business (RFC 8200 section 4), hop-by-hop options
//! included, which routers examine only where they are told to.

use zerocopy::byteorder::{big_endian, little_endian};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::neighbour::Key;
use super::table::Table;
use super::{Hop, Interface, MAX_BURST};
use crate::lookup::NextHop;
use crate::packet::{Offloads, Packet};
use crate::pipeline::Verdict;
use crate::wire::{Header, Kinds, Layers};

/// The plain packets of a burst: which they are, and where they go.
pub(super) struct Found {
    pub(super) places: [u16; MAX_BURST],
    pub(super) addresses: [u128; MAX_BURST],
    pub(super) hops: [Option<NextHop>; MAX_BURST],
}

impl Found {
    pub(super) const fn new() -> Self {
        Self {
            places: [0; MAX_BURST],
            addresses: [0; MAX_BURST],
            hops: [None; MAX_BURST],
        }
    }
}

/// Looks at each packet with the verdict `slow`; those that are plain are noted in `found`, which
/// gives how many they are.
pub(super) fn parse(
    interfaces: &[Interface],
    packets: &mut [Packet<'_>],
    verdicts: &[Verdict],
    found: &mut Found,
    slow: Verdict,
) -> usize {
    let mut count = 0;
    let all = packets.iter_mut().zip(verdicts).enumerate();
    for (place, (packet, verdict)) in all {
        if *verdict != slow {
            continue;
        }
        let interface = interfaces.get(usize::from(packet.port.0));
        let mac = interface.map_or(u64::MAX, |interface| interface.key);
        let Ok((head, rest)) = Head::split(packet.data()) else {
            continue;
        };
        // What goes on in another frame may be more than the packet, and longer than the link.
        let unusual = packet.offloads.intersects(UNUSUAL) || packet.is_chained();
        if !head.is_plain(rest.len(), mac) || unusual {
            continue;
        }
        let (Some(to), Some(address)) =
            (found.places.get_mut(count), found.addresses.get_mut(count))
        else {
            continue;
        };
        *to = place as u16;
        *address = head.destination.get();
        packet.layers = Layers::new(Kinds::IPV6, 14, 0);
        count += 1;
    }
    count
}

/// Sends the first `count` packets of `found` by their hops; those that fit none keep their
/// verdict.
pub(super) fn rewrite(
    table: &Table<'_>,
    packets: &mut [Packet<'_>],
    verdicts: &mut [Verdict],
    found: &Found,
    count: usize,
) {
    let all = found.places.iter().zip(&found.addresses).zip(&found.hops);
    for ((place, address), answer) in all.take(count) {
        let place = usize::from(*place);
        let (Some(packet), Some(verdict)) = (packets.get_mut(place), verdicts.get_mut(place))
        else {
            continue;
        };
        let entry = answer.map_or(0, |hop| usize::from(hop.index()) + 1);
        let mut hop = table.hop(entry);
        if hop.is_connected() {
            let entry = table.find(Key::ipv6(hop.port, *address));
            hop = entry.map_or(Hop::NONE, |entry| table.hop(entry));
        }
        if packet.len().wrapping_sub(ETHERNET_LEN) > usize::from(hop.mtu) {
            continue;
        }
        if let Ok((head, _)) = Head::split_mut(packet.data_mut()) {
            head.macs.set(hop.macs);
            head.macs_rest.set(hop.macs_rest);
            head.hop_limit = head.hop_limit.wrapping_sub(1);
        }
        *verdict = Verdict::send(hop.port);
    }
}

/// An Ethernet and an IPv6 header, in the words in which they are read and written.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Head {
    /// Destination address, and the first two bytes of the source.
    macs: little_endian::U64,
    macs_rest: little_endian::U32,
    /// Ethertype, version, traffic class, flow label.
    kind: little_endian::U32,
    flow: [u8; 2],
    payload_len: big_endian::U16,
    next_header: u8,
    hop_limit: u8,
    source: big_endian::U128,
    destination: big_endian::U128,
}

static_assertions::assert_eq_size!(Head, [u8; 54]);

impl Header for Head {}

impl Head {
    /// It is for this Ethernet address (as [`Interface`] keeps it), and IPv6 that may be forwarded
    /// as far as the header alone can tell. `room` bytes follow it.
    #[inline]
    fn is_plain(&self, room: usize, mac: u64) -> bool {
        let for_us = self.macs.get() << 16 == mac;
        let kind = self.kind.get() & KIND_MASK == KIND;
        let whole = usize::from(self.payload_len.get()) <= room;
        let hops = self.hop_limit > 1;
        let forwarded = is_forwarded(self.source.get()) && is_forwarded(self.destination.get());
        for_us && kind && whole && hops && forwarded
    }
}

/// Neither multicast (ff00::/8) nor link-local (fe80::/10), and not of the sixteen addresses with
/// `::` and `::1` among them (RFC 4291 sections 2.5.2, 2.5.3, 2.5.6 and 2.7).
#[inline]
const fn is_forwarded(address: u128) -> bool {
    (address >> 120) as u8 != 0xff && address >> 118 != 0x3fa && address >> 4 != 0
}

const UNUSUAL: Offloads = Offloads::VLAN_STRIPPED.union(Offloads::VLAN_WANTED);

const ETHERNET_LEN: usize = 14;

/// Ethertype 0x86dd and version 6, as they lie in memory, and which bits those are.
const KIND: u32 = 0x0060_dd86;
const KIND_MASK: u32 = 0x00f0_ffff;

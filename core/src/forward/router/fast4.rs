//! IPv4 as nearly all of it is: Ethernet, a header without options, a hop that is known.
//!
//! Straight-line code over the burst, in passes; whatever is not plain is left to the slow path,
//! which does all of it again, by the book.

use core::hint::cold_path;

use zerocopy::byteorder::{big_endian, little_endian};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::table::{Key, Table};
use super::{Hop, Interface, MAX_BURST};
use crate::lookup::{Lpm, NextHop};
use crate::packet::{Offloads, Packet, PortId};
use crate::pipeline::Verdict;
use crate::wire::checksum::Sum;
use crate::wire::{Header, Kinds, Layers};

/// The plain packets of a burst, between the passes.
pub(super) struct Plain<'a> {
    seats: [Seat<'a>; MAX_BURST],
}

impl Plain<'_> {
    /// Whether there is one.
    #[inline]
    pub(super) fn any(&self) -> bool {
        self.seats.iter().any(|seat| seat.head.is_some())
    }

    /// None so far.
    #[inline]
    pub(super) const fn new() -> Self {
        Self {
            seats: [const {
                Seat {
                    head: None,
                    room: 0,
                }
            }; MAX_BURST],
        }
    }
}

/// One packet's header, if it is plain, and the bytes of its frame behind it.
struct Seat<'a> {
    head: Option<&'a mut Head>,
    room: usize,
}

/// Asks for what the look-up will read, taking each packet for a plain one.
///
/// A loop of its own, and a short one: so many of the requests are under way at a time as the
/// processor has instructions in hand. They are answered while [`parse`] checks the headers.
#[inline(never)]
pub(super) fn prefetch(routes: &impl Lpm<u32>, packets: &[Packet<'_>]) {
    for packet in packets {
        if let Ok((head, _)) = Head::split(packet.data()) {
            routes.prefetch(head.destination.get());
        }
    }
}

/// Looks at each undecided packet. The headers of those that are plain go into `plain`, their
/// destinations into `addresses`; the others are left to [`rewrite`].
///
/// Not inlined, nor is [`rewrite`]: each loop keeps the registers to itself. For the same reason
/// nothing is counted or decided here.
#[inline(never)]
pub(super) fn parse<'a>(
    interfaces: &[Interface],
    packets: &'a mut [Packet<'_>],
    verdicts: &[Verdict],
    plain: &mut Plain<'a>,
    addresses: &mut [u32; MAX_BURST],
) {
    let mut port = PortId(0);
    let mut mac = key(interfaces, port);
    let all = packets.iter_mut().zip(verdicts).zip(addresses);
    for (((packet, verdict), address), seat) in all.zip(&mut plain.seats) {
        if !verdict.is_undecided() {
            cold_path();
            continue;
        }
        if packet.port != port {
            cold_path();
            port = packet.port;
            mac = key(interfaces, port);
        }
        // What is in several frames is measured by the slow path.
        if packet.is_chained() || packet.offloads.intersects(UNUSUAL) {
            cold_path();
            continue;
        }
        let (data, layers) = packet.data_and_layers_mut();
        let Ok((head, rest)) = Head::split_mut(data) else {
            cold_path();
            continue;
        };
        if !head.is_plain(rest.len(), mac) {
            cold_path();
            continue;
        }
        *address = head.destination.get();
        *layers = PLAIN;
        if head.fragment.get() & FRAGMENT != 0 {
            *layers = head.fragment_layers();
        }
        seat.room = rest.len();
        seat.head = Some(head);
    }
}

/// What an interface's own frames begin with; [`NO_MAC`] of one that is not there.
#[inline(never)]
fn key(interfaces: &[Interface], port: PortId) -> u64 {
    let interface = interfaces.get(usize::from(port.0));
    interface.map_or(NO_MAC, |interface| interface.key)
}

/// Sends each plain packet by its hop. Those that fit no hop, and what is undecided and not plain,
/// get the verdict `slow`; gives how many those are.
#[inline(never)]
pub(super) fn rewrite(
    table: &Table<'_>,
    plain: &mut Plain<'_>,
    verdicts: &mut [Verdict],
    addresses: &[u32; MAX_BURST],
    answers: &[Option<NextHop>; MAX_BURST],
    slow: Verdict,
) -> usize {
    let mut others = 0;
    let hops = table.hops();
    let all = plain.seats.iter_mut().zip(verdicts);
    for (((seat, verdict), address), answer) in all.zip(addresses).zip(answers) {
        let Some(head) = &mut seat.head else {
            cold_path();
            if verdict.is_undecided() {
                *verdict = slow;
                others += 1;
            }
            continue;
        };
        // Padding counts: a frame too long for the link is cut by the slow path.
        let len = seat.room + HEADER_LEN;
        // Entry 0 is no hop: nothing fits it.
        let entry = answer.map_or(0, |hop| usize::from(hop.index()) + 1);
        *verdict = match hops.get(entry) {
            Some(hop) if len <= usize::from(hop.mtu) => {
                head.forward(hop);
                Verdict::send(hop.port)
            }
            Some(hop) => connected(table, hop, *address, head, len).unwrap_or_else(|| {
                others += 1;
                slow
            }),
            None => {
                cold_path();
                others += 1;
                slow
            }
        };
    }
    others
}

/// Sends a packet to a destination that is on the link itself, if its neighbour is known and the
/// packet fits.
#[inline(never)]
fn connected(
    table: &Table<'_>,
    hop: &Hop,
    address: u32,
    head: &mut Head,
    len: usize,
) -> Option<Verdict> {
    if !hop.is_connected() {
        return None;
    }
    let entry = table.find(Key::ipv4(hop.port, address))?;
    let hop = table.hop(entry);
    if len > usize::from(hop.mtu) {
        return None;
    }
    head.forward(&hop);
    Some(Verdict::send(hop.port))
}

/// An Ethernet and an IPv4 header without options, in the words in which they are read and
/// written.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Head {
    /// Destination address, and the first two bytes of the source.
    macs: little_endian::U64,
    macs_rest: little_endian::U32,
    /// Ethertype, version and header length, DSCP and ECN.
    kind: little_endian::U32,
    total_len: big_endian::U16,
    ident: [u8; 2],
    fragment: little_endian::U16,
    /// TTL, protocol, checksum.
    ttl_checksum: little_endian::U32,
    source: [u8; 4],
    destination: big_endian::U32,
}

static_assertions::assert_eq_size!(Head, [u8; 34]);

impl Header for Head {}

impl Head {
    /// It is for this Ethernet address (as [`Interface`] keeps it), and IPv4 that may be forwarded
    /// as far as RFC 1812 can tell from the header alone. `room` bytes follow it.
    #[inline(always)]
    fn is_plain(&self, room: usize, mac: u64) -> bool {
        // Branches, not a product of truths: each is one instruction, and nearly always not taken.
        if self.macs.get() << 16 != mac {
            return unlikely();
        }
        // 5.2.2 (3) and (4): version 4, and a header of 20 bytes.
        if self.kind.get() & KIND_MASK != KIND {
            return unlikely();
        }
        // (5) and (1): the total length has the header in it, and the frame has all of it.
        let payload = u32::from(self.total_len.get()).wrapping_sub(20);
        if payload as usize > room {
            return unlikely();
        }
        // 5.3.1: a TTL that would become zero is not forwarded.
        if self.ttl_checksum.get() as u8 <= 1 {
            return unlikely();
        }
        // (2): the header checksum.
        let bytes: &[u8; 34] = zerocopy::transmute_ref!(self);
        if !bytes.last_chunk().is_some_and(Sum::is_valid_20) {
            return unlikely();
        }
        // 5.3.7: martian addresses; and multicast and broadcast, which need more thought.
        let [source, ..] = self.source;
        let [destination, ..] = self.destination.to_bytes();
        if !UNICAST[usize::from(source)] {
            return unlikely();
        }
        if !UNICAST[usize::from(destination)] {
            return unlikely();
        }
        true
    }

    #[cold]
    fn fragment_layers(&self) -> Layers {
        let first = self.fragment.get() & OFFSET == 0;
        let kinds = Kinds::IPV4.union(Kinds::FRAGMENT);
        Layers::new(kinds, 14, if first { 5 } else { 0 })
    }

    /// One hop further: the hop's Ethernet addresses, and one less in the TTL.
    #[inline(always)]
    fn forward(&mut self, hop: &Hop) {
        self.macs.set(hop.macs);
        self.macs_rest.set(hop.macs_rest);
        // RFC 1624 equation 3: with 0x0100 less in its word, the checksum is 0x0100 more, with
        // the carry put back; as the bytes lie in memory, that is 1 more. A sum of 0xffff is
        // written as 0, which is why 0xfffe carries as well.
        let word = self.ttl_checksum.get();
        let (less, carried) = (word.wrapping_add(0xffff), word.wrapping_add(0x1_ffff));
        let carries = word >= 0xfffe_0000;
        self.ttl_checksum.set(if carries { carried } else { less });
    }
}

#[inline(always)]
fn unlikely() -> bool {
    cold_path();
    false
}

/// The first byte of an address is neither 0 nor 127, nor of multicast or what is beyond
/// (RFC 1812 section 5.3.7).
const fn is_unicast(first: u8) -> bool {
    first.wrapping_sub(1) < 223 && first != 127
}

/// [`is_unicast`] of each first byte: a look at it is shorter than the comparisons.
static UNICAST: [bool; 256] = {
    let mut table = [false; 256];
    let mut first = 0;
    while first < 256 {
        table[first] = is_unicast(first as u8);
        first += 1;
    }
    table
};

/// The layers of what is plain and no fragment.
const PLAIN: Layers = Layers::new(Kinds::IPV4, 14, 5);

/// What is not plain whatever the header says.
const UNUSUAL: Offloads = Offloads::L3_BAD
    .union(Offloads::VLAN_STRIPPED)
    .union(Offloads::VLAN_WANTED);

/// The mark of an interface that is not there, which no frame's destination matches.
const NO_MAC: u64 = u64::MAX;

/// Bytes of an IPv4 header without options.
const HEADER_LEN: usize = 20;

/// Ethertype 0x0800 and 0x45, as they lie in memory, and which bits those are.
const KIND: u32 = 0x0045_0008;
const KIND_MASK: u32 = 0x00ff_ffff;

/// More fragments, and the offset, as they lie in memory.
const FRAGMENT: u16 = 0xff3f;
const OFFSET: u16 = 0xff1f;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{IpProtocol, Ipv4Header};

    fn head(change: impl FnOnce(&mut [u8; 34])) -> Head {
        let mut bytes = [0; 34];
        bytes[..14].copy_from_slice(&[2, 0, 0, 0, 0, 1, 4, 0, 0, 0, 0, 2, 8, 0]);
        let (from, to) = ([192, 0, 2, 1].into(), [198, 51, 100, 1].into());
        let mut header = Ipv4Header::new(from, to, IpProtocol::UDP, 8).unwrap();
        header.fill_checksum();
        header.write(&mut bytes[14..]).unwrap();
        change(&mut bytes);
        zerocopy::transmute!(bytes)
    }

    /// Keeps the checksum right after `change`.
    fn head_with(change: impl FnOnce(&mut Ipv4Header)) -> Head {
        head(|bytes| {
            let (header, _) = Ipv4Header::split_mut(&mut bytes[14..]).unwrap();
            change(header);
            header.fill_checksum();
        })
    }

    const MAC: u64 = 0x0100_0000_0002 << 16;

    #[test]
    fn what_is_plain_and_what_is_not() {
        assert!(head(|_| {}).is_plain(8, MAC));
        assert!(head(|_| {}).is_plain(26, MAC), "padding is no fault");
        assert!(!head(|_| {}).is_plain(7, MAC), "cut off");
        assert!(!head(|_| {}).is_plain(8, MAC | 1 << 57));
        assert!(!head(|_| {}).is_plain(8, NO_MAC));
        for (at, value) in [
            (0, 3),
            (5, 9),
            (12, 9),
            (13, 6),
            (14, 0x46),
            (14, 0x65),
            (24, 0),
        ] {
            assert!(
                !head(|bytes| bytes[at] = value).is_plain(8, MAC),
                "byte {at}"
            );
        }
        for len in [0, 19, 29] {
            assert!(!head_with(|ip| ip.set_total_len(len)).is_plain(8, MAC));
        }
        for ttl in [0, 1] {
            assert!(!head_with(|ip| ip.set_ttl(ttl)).is_plain(8, MAC));
        }
    }

    #[test]
    fn which_networks_are_unicast() {
        for first in 0..=255 {
            let unicast = !matches!(first, 0 | 127 | 224..);
            let address = [first, 1, 2, 3].into();
            assert_eq!(
                head_with(|ip| ip.set_source(address)).is_plain(8, MAC),
                unicast
            );
            assert_eq!(
                head_with(|ip| ip.set_destination(address)).is_plain(8, MAC),
                unicast
            );
        }
    }

    #[test]
    fn forwarding_is_what_the_view_does_for_every_checksum() {
        let hop = Hop::new(
            [0xa, 0xb, 0xc, 0xd, 0xe, 0xf].into(),
            [1, 3, 5, 7, 9, 11].into(),
            PortId(3),
            1500,
        );
        for checksum in 0..=u16::MAX {
            for ttl in [2, 255] {
                let mut head = head(|bytes| {
                    bytes[22] = ttl;
                    bytes[24..26].copy_from_slice(&checksum.to_be_bytes());
                });
                let before: [u8; 34] = zerocopy::transmute!(head);
                head.forward(&hop);
                let after: [u8; 34] = zerocopy::transmute!(head);
                let (mut expected, _) = Ipv4Header::ref_from_prefix(&before[14..])
                    .map(|(header, rest)| (*header, rest))
                    .unwrap();
                expected.decrement_ttl().unwrap();
                assert_eq!(after[14..], *expected.as_bytes(), "{checksum:#06x}");
                assert_eq!(after[..12], [10, 11, 12, 13, 14, 15, 1, 3, 5, 7, 9, 11]);
                assert_eq!(after[12..14], before[12..14]);
            }
        }
    }

    #[test]
    fn layers_tell_of_fragments() {
        let layers = |offset, more| {
            let head = head_with(|ip| ip.set_fragment(offset, more));
            assert_ne!(head.fragment.get() & FRAGMENT, 0);
            head.fragment_layers()
        };
        for yes in [true, false] {
            let whole = head_with(|ip| ip.set_dont_fragment(yes));
            assert_eq!(whole.fragment.get() & FRAGMENT, 0);
        }
        let fragment = Kinds::IPV4 | Kinds::FRAGMENT;
        assert_eq!(layers(0, true), Layers::new(fragment, 14, 5));
        assert_eq!(layers(8, true), Layers::new(fragment, 14, 0));
        assert_eq!(layers(8, false), Layers::new(fragment, 14, 0));
        assert_eq!(layers(8 * 0x1f00, false), Layers::new(fragment, 14, 0));
    }
}

//! Whole UDP over IPv4 without options, as nearly all of it is, read and written by words.
//!
//! A packet is taken only if nothing about it is special, and becomes byte for byte what the
//! [general way](super::key) makes of it; all others are left to that.
//!
//! Words are little-endian numbers: a field's bytes stay in the order of the network, which swaps
//! the bytes of a checksum's sums and nothing else (RFC 1071 section 2B).

use core::hint::cold_path;
use core::net::IpAddr;

use zerocopy::byteorder::{big_endian, little_endian};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::rule::{Endpoint, Network, UdpRule};
use crate::lookup::Prefix4;
use crate::packet::PortId;
use crate::wire::checksum::{Sum, udp_checksum};
use crate::wire::{Header, Kinds, Layers, MacAddr, vxlan};

/// A rule in the words of a [`Head`]: which bits must be what, and which become what.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Words {
    /// The bits of the flow that count, and what they are.
    mask: [u64; 2],
    value: [u64; 2],
    /// The bits of the flow that stay, and those that are set.
    keep: [u64; 2],
    set: [u64; 2],
    /// The same of the frame's first 16 bytes.
    keep_front: [u64; 2],
    set_front: [u64; 2],
    /// Bits of the flow that no checksum has to be corrected for: they stay, or are the same in
    /// every packet that is taken.
    known: [u64; 2],
    /// What the rest of the change does to the header checksum, and to UDP's.
    change: u16,
    udp_change: u16,
    from: Option<PortId>,
}

/// Both addresses, both ports, and UDP's length and checksum.
#[derive(Clone, Copy)]
pub(super) struct Flow([u64; 2]);

/// The Ethernet, IPv4 and UDP headers.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct Head {
    /// Both Ethernet addresses, the ethertype, version and header length, DSCP and ECN.
    front: [little_endian::U64; 2],
    total_len: big_endian::U16,
    ident: [u8; 2],
    /// Fragment, TTL and protocol.
    middle: little_endian::U32,
    checksum: little_endian::U16,
    /// See [`Flow`].
    flow: [little_endian::U64; 2],
}

static_assertions::assert_eq_size!(Head, [u8; 42]);

impl Header for Head {}

impl Words {
    /// Of a rule that is for IPv4, or is not.
    pub(super) fn new(rule: &UdpRule, is_ipv4: bool) -> Self {
        let mask = flow(
            network(rule.source, bits),
            network(rule.destination, bits),
            rule.source.port.map(|_| !0),
            rule.destination.port.map(|_| !0),
        );
        let value = flow(
            network(rule.source, Prefix4::first),
            network(rule.destination, Prefix4::first),
            rule.source.port,
            rule.destination.port,
        );
        let set = flow(
            address(rule.new_source),
            address(rule.new_destination),
            rule.new_source_port,
            rule.new_destination_port,
        );
        let changed = flow(
            address(rule.new_source).map(|_| !0),
            address(rule.new_destination).map(|_| !0),
            rule.new_source_port.map(|_| !0),
            rule.new_destination_port.map(|_| !0),
        );
        let macs = [rule.new_destination_mac, rule.new_source_mac];
        let set_front = front(macs);
        let changed_front = front(macs.map(|mac| mac.map(|_| MacAddr([0xff; 6]))));
        let settled = [0, 1].map(|i| changed[i] & whole_lanes(mask[i]));
        let [addresses, ports] = [0, 1].map(|i| sum(set[i]).plus(sum(settled[i] & !value[i])));
        Self {
            mask: if is_ipv4 { mask } else { NOTHING },
            value: if is_ipv4 { value } else { [0; 2] },
            keep: changed.map(|bits| !bits),
            set,
            keep_front: changed_front.map(|bits| !bits),
            set_front,
            known: [0, 1].map(|i| settled[i] | !changed[i]),
            change: lane(addresses),
            udp_change: lane(addresses.plus(ports)),
            from: rule.from,
        }
    }

    /// Whether the rule takes a packet that came in by `port`.
    #[inline(always)]
    pub(super) fn takes(&self, Flow([low, high]): Flow, port: PortId) -> bool {
        let [low_value, high_value] = self.value;
        let [low_mask, high_mask] = self.mask;
        let differs = (low ^ low_value) & low_mask | (high ^ high_value) & high_mask;
        differs == 0 && self.from.is_none_or(|from| from == port)
    }
}

impl Flow {
    /// The port it goes to.
    #[inline(always)]
    pub(super) const fn destination_port(self) -> u16 {
        let Self([_, high]) = self;
        ((high >> 16) as u16).swap_bytes()
    }

    #[inline(always)]
    const fn udp_len(self) -> u16 {
        let Self([_, high]) = self;
        ((high >> 32) as u16).swap_bytes()
    }

    #[inline(always)]
    const fn udp_checksum(self) -> u16 {
        let Self([_, high]) = self;
        (high >> 48) as u16
    }
}

impl Head {
    /// The layers of what is plain.
    pub(super) const LAYERS: Layers = Layers::new(Kinds::IPV4.union(Kinds::UDP), 14, 5);

    /// The flow of what is, for the parser, a whole datagram over IPv4 without options, and nothing
    /// else. `rest` bytes follow the head.
    #[inline(always)]
    pub(super) fn plain(&self, rest: usize) -> Option<Flow> {
        let [_, front] = self.front;
        // Branches, not a product of truths: each is one instruction, and nearly always not taken.
        if (front.get() >> 24) as u32 & KIND_MASK != KIND {
            return unlikely();
        }
        if self.middle.get() & MIDDLE_MASK != MIDDLE {
            return unlikely();
        }
        let flow = Flow(self.flow.map(little_endian::U64::get));
        let udp_len = u32::from(flow.udp_len());
        // At least UDP's header, and at most what is there: less than 8 becomes a large number.
        if udp_len.wrapping_sub(8) as usize > rest {
            return unlikely();
        }
        // What is behind UDP's length is not UDP's, and rare (RFC 9868).
        if udp_len + 20 != u32::from(self.total_len.get()) {
            return unlikely();
        }
        // There may be more headers.
        if flow.destination_port() == vxlan::PORT {
            return unlikely();
        }
        let bytes: &[u8; 42] = zerocopy::transmute_ref!(self);
        let (_, ip) = bytes.split_at(14);
        if !ip.first_chunk().is_some_and(Sum::is_valid_20) {
            return unlikely();
        }
        Some(flow)
    }

    /// What the rule makes of it. Both checksums are updated as RFC 1624, equation 3 says: what does
    /// not change adds nothing.
    #[inline(always)]
    pub(super) fn rewrite(&mut self, flow: Flow, rule: &Words) {
        let (mut change, mut udp_change) = (0, 0);
        let [addresses, ports] = rule.known;
        let Flow([low, high]) = flow;
        if addresses != !0 {
            change = lane(sum(!(low | addresses)));
        }
        if ports != !0 {
            udp_change = lane(sum(!(high | ports)));
        }
        let checksum = self.checksum.get();
        self.checksum.set(less(less(checksum, rule.change), change));
        let mut checksum = flow.udp_checksum();
        if checksum != 0 {
            checksum = less(less(less(checksum, rule.udp_change), change), udp_change);
            checksum = udp_checksum(checksum);
        }
        for (i, word) in self.front.iter_mut().enumerate() {
            word.set(word.get() & rule.keep_front[i] | rule.set_front[i]);
        }
        let new = [0, 1].map(|i| flow.0[i] & rule.keep[i] | rule.set[i]);
        self.flow = new.map(little_endian::U64::new);
        let bytes: &mut [u8; 42] = zerocopy::transmute_mut!(self);
        if let Some(field) = bytes.last_chunk_mut() {
            *field = checksum.to_le_bytes();
        }
    }
}

/// A checksum after a change: one's complement, so that a borrow is taken off again. For `~(~HC + c)`
/// is `HC - c`.
#[inline(always)]
const fn less(checksum: u16, change: u16) -> u16 {
    let (less, borrow) = checksum.overflowing_sub(change);
    less.wrapping_sub(borrow as u16)
}

/// The sum of a word's four lanes of 16 bits.
#[inline(always)]
const fn sum(word: u64) -> Sum {
    Sum::of_8(&word.to_le_bytes())
}

/// A sum as it lies in memory.
#[inline(always)]
const fn lane(sum: Sum) -> u16 {
    sum.value().swap_bytes()
}

/// The lanes all of whose bits are set.
fn whole_lanes(word: u64) -> u64 {
    let lanes = [0, 16, 32, 48].map(|at| 0xffff << at);
    lanes.into_iter().filter(|lane| word & lane == *lane).sum()
}

/// Addresses and ports in their places, zero for what is not there.
fn flow(
    source: Option<u32>,
    destination: Option<u32>,
    source_port: Option<u16>,
    destination_port: Option<u16>,
) -> [u64; 2] {
    let address = |address: Option<u32>| u64::from(address.unwrap_or(0).swap_bytes());
    let port = |port: Option<u16>| u64::from(port.unwrap_or(0).swap_bytes());
    [
        address(source) | address(destination) << 32,
        port(source_port) | port(destination_port) << 16,
    ]
}

/// Ethernet addresses in their places, zero for what is not there.
fn front(macs: [Option<MacAddr>; 2]) -> [u64; 2] {
    let [to, from] = macs.map(|mac| {
        let [a, b, c, d, e, f] = mac.map_or([0; 6], |mac| mac.0);
        u64::from_le_bytes([a, b, c, d, e, f, 0, 0])
    });
    [to | from << 48, from >> 16]
}

/// What `of` makes of the endpoint's IPv4 network.
fn network(endpoint: Endpoint, of: impl Fn(Prefix4) -> u32) -> Option<u32> {
    match endpoint.network {
        Some(Network::V4(prefix)) => Some(of(prefix)),
        _ => None,
    }
}

/// The bits of an address that count.
fn bits(prefix: Prefix4) -> u32 {
    !u32::MAX.checked_shr(prefix.len().into()).unwrap_or(0)
}

/// A new address, if it is IPv4's.
fn address(new: Option<IpAddr>) -> Option<u32> {
    match new {
        Some(IpAddr::V4(new)) => Some(new.to_bits()),
        _ => None,
    }
}

#[inline(always)]
fn unlikely<T>() -> Option<T> {
    cold_path();
    None
}

/// With a value of zero it matches no flow, as none has a UDP length of zero.
const NOTHING: [u64; 2] = [0, 0xffff << 32];

/// Ethertype 0x0800 and 0x45, behind a byte that does not count.
const KIND: u32 = 0x4500_0800;
const KIND_MASK: u32 = 0xffff_ff00;

/// UDP, behind a TTL that does not count, behind no more fragments and no offset.
const MIDDLE: u32 = 17 << 24;
const MIDDLE_MASK: u32 = 0xff00_ff3f;

//! Whole UDP over IPv4 without options, as nearly all of it is, read and written by words.
//!
//! A packet is taken only if nothing about it is special, and becomes byte for byte what the
//! [general way](super::key) makes of it; all others are left to that.
//!
//! Words are little-endian numbers: a field's bytes stay in the order of the network, which swaps
//! the bytes of a checksum's sums and nothing else (RFC 1071 section 2B).

use core::hint::cold_path;
use core::net::IpAddr;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::rule::{Endpoint, Network, UdpRule};
use crate::lookup::Prefix4;
use crate::packet::PortId;
use crate::wire::checksum::Sum;
use crate::wire::{Header, Kinds, Layers, MacAddr, vxlan};

/// A rule in the words of a [`Head`]: which bits must be what, and which become what.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Words {
    /// The bits of the flow that count, and what they are.
    pub(super) mask: [u64; 2],
    pub(super) value: [u64; 2],
    /// The bits of the flow that stay, and those that are set.
    pub(super) keep: [u64; 2],
    pub(super) set: [u64; 2],
    /// The same of the frame's first 16 bytes.
    pub(super) keep_front: [u64; 2],
    pub(super) set_front: [u64; 2],
    /// Bits of the flow that no checksum has to be corrected for: they stay, or are the same in
    /// every packet that is taken.
    pub(super) known: [u64; 2],
    /// What the rest of the change does to checksums, by the flow's words of 32 bits: by the addresses,
    /// which both checksums count; nothing; by the ports, which only UDP's counts; by all.
    pub(super) change: [u32; 4],
    /// The bits of the port that count: none, if it may come in by any, or all; and what they are.
    pub(super) from_mask: u32,
    pub(super) from: u32,
    /// Where the packet came in matters, or it may go to [VXLAN's port](vxlan::PORT) and have more
    /// headers: one question in place of two.
    pub(super) is_special: bool,
}

/// Both addresses, both ports, and UDP's length and checksum.
#[derive(Clone, Copy)]
pub(super) struct Flow([u64; 2]);

/// The bytes of an Ethernet, an IPv4 and a UDP header, read and written by windows of 16 bytes.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(transparent)]
pub(super) struct Head([u8; 42]);

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
            change: [addresses, Sum::ZERO, ports, addresses.plus(ports)]
                .map(|sum| lane(sum).into()),
            from_mask: rule.from.map_or(0, |_| !0),
            from: rule.from.map_or(0, |from| from.0.into()),
            is_special: rule.from.is_some()
                || rule.destination.port.is_none_or(|port| port == vxlan::PORT),
        }
    }

    /// Whether the rule takes a packet that came in by `port`.
    #[inline(always)]
    pub(super) fn takes(&self, Flow(flow): Flow, port: PortId) -> bool {
        !differ(flow, self.value, self.mask) && (!self.is_special || self.elsewhere(port) == 0)
    }

    /// Zero, if the rule takes packets that came in by `port`.
    #[inline(always)]
    pub(super) const fn elsewhere(&self, PortId(port): PortId) -> u32 {
        (self.from ^ port as u32) & self.from_mask
    }
}

impl Flow {
    /// The port it goes to.
    #[inline(always)]
    pub(super) const fn destination_port(self) -> u16 {
        let Self([_, high]) = self;
        ((high >> 16) as u16).swap_bytes()
    }
}

impl Head {
    /// The layers of what is plain.
    pub(super) const LAYERS: Layers = Layers::new(Kinds::IPV4.union(Kinds::UDP), 14, 5);

    /// The flow of what is, for the parser, a whole datagram over IPv4 without options, and nothing
    /// else unless it goes to [VXLAN's port](vxlan::PORT). `rest` bytes follow the head.
    #[inline(always)]
    pub(super) fn plain(&self, rest: usize) -> Option<Flow> {
        // Branches, not a product of truths: each is one instruction, and nearly always not taken.
        if differ(self.window::<KIND>(), KIND_VALUE, KIND_MASK) {
            return unlikely();
        }
        let (total_len, udp_len) = (self.half::<16>(), self.half::<38>());
        // What is behind UDP's length is not UDP's, and rare (RFC 9868). As frames are shorter than
        // 64 KiB, what is below keeps this from wrapping.
        if total_len.wrapping_sub(udp_len) != 20 {
            return unlikely();
        }
        // At least UDP's header, and at most what is there: less than 8 becomes a large number.
        if usize::from(udp_len.wrapping_sub(8)) > rest {
            return unlikely();
        }
        let Self(bytes) = self;
        let (_, ip) = bytes.split_at(14);
        if !ip.first_chunk().is_some_and(Sum::is_valid_20) {
            return unlikely();
        }
        Some(self.flow())
    }

    /// What a rule is compared with.
    #[inline(always)]
    pub(super) fn flow(&self) -> Flow {
        Flow(self.window::<FLOW>())
    }

    /// What the rule makes of it. Both checksums are updated as RFC 1624, equation 3 says: what does
    /// not change adds nothing.
    #[inline(always)]
    pub(super) fn rewrite(&mut self, Flow(flow): Flow, rule: &Words) {
        let front = self.window::<FRONT>();
        self.set_window::<FRONT>(changed(front, rule.keep_front, rule.set_front));
        self.set_window::<FLOW>(changed(flow, rule.keep, rule.set));
        let ([low, high], [addresses, ports]) = (flow, rule.known);
        let [change, _, _, udp_change] = rule.change.map(|sum| sum as u16);
        let mut checksum = less(self.half::<24>().swap_bytes(), change);
        // One less, and at the end one more: what would come out as 0 is 0xffff then (RFC 768).
        let (udp_checksum, has_none) = ((high >> 48) as u16).overflowing_sub(1);
        let mut udp_checksum = less(udp_checksum, udp_change);
        if addresses != !0 {
            let change = lane(sum(!(low | addresses)));
            checksum = less(checksum, change);
            udp_checksum = less(udp_checksum, change);
        }
        self.set_half::<24>(checksum);
        if ports != !0 {
            udp_checksum = less(udp_checksum, lane(sum(!(high | ports))));
        }
        if !has_none {
            self.set_half::<40>(udp_checksum.wrapping_add(1));
        }
    }

    /// The 16 bytes from `AT` on.
    #[inline(always)]
    fn window<const AT: usize>(&self) -> [u64; 2] {
        let Self(bytes) = self;
        let (_, bytes) = bytes.split_at(AT);
        let words = bytes.as_chunks().0.first_chunk();
        words.map_or([0; 2], |words| words.map(u64::from_le_bytes))
    }

    #[inline(always)]
    fn set_window<const AT: usize>(&mut self, window: [u64; 2]) {
        let Self(bytes) = self;
        let (_, bytes) = bytes.split_at_mut(AT);
        if let Some(words) = bytes.as_chunks_mut().0.first_chunk_mut() {
            *words = window.map(u64::to_le_bytes);
        }
    }

    /// The number in the two bytes from `AT` on.
    #[inline(always)]
    fn half<const AT: usize>(&self) -> u16 {
        let Self(bytes) = self;
        let (_, bytes) = bytes.split_at(AT);
        bytes
            .first_chunk()
            .map_or(0, |bytes| u16::from_be_bytes(*bytes))
    }

    /// Writes a half word, in the order of memory.
    #[inline(always)]
    fn set_half<const AT: usize>(&mut self, half: u16) {
        let Self(bytes) = self;
        let (_, bytes) = bytes.split_at_mut(AT);
        if let Some(bytes) = bytes.first_chunk_mut() {
            *bytes = half.to_le_bytes();
        }
    }
}

/// Whether one of the bits that count is another.
#[inline(always)]
const fn differ(window: [u64; 2], value: [u64; 2], mask: [u64; 2]) -> bool {
    (window[0] ^ value[0]) & mask[0] | (window[1] ^ value[1]) & mask[1] != 0
}

/// Some of the bits kept, others set.
#[inline(always)]
const fn changed(window: [u64; 2], keep: [u64; 2], set: [u64; 2]) -> [u64; 2] {
    [window[0] & keep[0] | set[0], window[1] & keep[1] | set[1]]
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

/// The windows: both Ethernet addresses and the ethertype; the ethertype and most of IPv4; the
/// [`Flow`].
const FRONT: usize = 0;
const KIND: usize = 12;
const FLOW: usize = 26;

/// Ethertype 0x0800, version 4 with 20 bytes of header; no more fragments, no offset; UDP.
const KIND_VALUE: [u64; 2] = [0x45_0008, 17 << 24];
const KIND_MASK: [u64; 2] = [0xff_ffff, 0xff00_ff3f];

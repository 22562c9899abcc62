//! IPv4 as nearly all of it is: Ethernet, a header without options, a hop that is known.
//!
//! Whatever is not plain is left to the slow path, which does all of it again, by the book.
//!
//! [`find`] looks at the headers of a burst, four or eight at a time where there are vectors, notes what is
//! needed of those that are plain, and asks for what their look-ups will read. Then [`forward`] looks each up,
//! writes its headers, and decides; where there are vectors of 256 bits, [`pass()`] has both in one. Where look-ups are
//! cheaper together, or somebody wants to know what each step takes, they come between the two, and [`rewrite`]
//! has the rest.
//!
//! The headers of the next burst are asked for between those of this one, a few at a time: a row of
//! requests is one that the processor waits for.

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod eight;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod four;
mod head;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod look;
mod pass;

use core::hint::cold_path;

use super::neighbour::Key;
use super::table::Table;
use super::{Hop, Interface, MAX_BURST};
use crate::lookup::{Lpm, NextHop};
use crate::packet::{Offloads, Packet, PortId};
use crate::pipeline::{Ahead, Verdict};
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
use crate::platform::Avx2;
use crate::wire::Header;

use head::{Head, PLAIN};
pub(super) use pass::{Rules, pass};

/// What is noted of a burst's packets: of each a bit, or a number.
#[repr(align(64))]
pub(super) struct Found {
    /// Where it goes, if it is plain.
    destinations: [u32; MAX_BURST],
    /// TTL, protocol and checksum, one hop further, if it is plain.
    aged: [u32; MAX_BURST],
    bits: Bits,
}

/// A bit for each packet, the first one's lowest.
#[derive(Clone, Copy, Default)]
struct Bits {
    /// It is plain.
    plain: u32,
    /// It is plain, and a part of a packet.
    fragments: u32,
}

static_assertions::const_assert!(MAX_BURST == 32);

impl Found {
    pub(super) const fn new() -> Self {
        let bits = Bits {
            plain: 0,
            fragments: 0,
        };
        Self {
            destinations: [0; MAX_BURST],
            aged: [0; MAX_BURST],
            bits,
        }
    }

    /// Whether any packet is plain.
    pub(super) const fn any(&self) -> bool {
        self.bits.plain != 0
    }

    /// Where the plain ones go, and numbers for the others.
    pub(super) const fn destinations(&self) -> &[u32; MAX_BURST] {
        &self.destinations
    }
}

/// Finds out which undecided packets are plain. `from`: the port by which all came in, if that is known, as
/// it is of what a worker has received; others go packet by packet.
///
/// Not inlined, nor are the other passes: each loop keeps the registers to itself. For the same
/// reason nothing is counted or decided here.
#[inline(never)]
pub(super) fn find(
    routes: &impl Lpm<u32>,
    interfaces: &[Interface],
    from: Option<PortId>,
    packets: &mut [Packet<'_>],
    verdicts: &[Verdict],
    found: &mut Found,
    ahead: &mut Ahead<'_, '_>,
) {
    found.bits = Bits::default();
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    if let Some(port) = from {
        let mac = key(interfaces, port);
        let own = Own { interfaces, mac };
        if let Some(avx2) = Avx2::known() {
            let left = eight::find(avx2, routes, mac, packets, verdicts, found);
            if left != 0 || !packets.len().is_multiple_of(8) {
                find_left(routes, own, packets, verdicts, found, left);
            }
        } else {
            find_fours(routes, own, packets, verdicts, found, 0, ahead);
        }
        return;
    }
    let _ = from;
    packets.iter().for_each(|_| ahead.ask());
    find_each(routes, interfaces, packets, verdicts, found, 0);
}

/// Whom packets are for: the interfaces, and what frames begin with for that by which all came in.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
#[derive(Clone, Copy)]
struct Own<'a> {
    interfaces: &'a [Interface],
    mac: u64,
}

/// Likewise the eights whose packets have a bit in `left`, and what is behind the last eight.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
#[inline(never)]
fn find_left(
    routes: &impl Lpm<u32>,
    own: Own<'_>,
    packets: &[Packet<'_>],
    verdicts: &[Verdict],
    found: &mut Found,
    left: u32,
) {
    let mut at: usize = 0;
    for (packets, verdicts) in packets.chunks(8).zip(verdicts.chunks(8)) {
        if left >> (at % 32) & 1 != 0 || packets.len() < 8 {
            let none = &mut Ahead::default();
            find_fours(routes, own, packets, verdicts, found, at, none);
        }
        at = at.wrapping_add(8);
    }
}

/// Likewise four at a time, the first of them that `at`.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
#[inline(never)]
fn find_fours(
    routes: &impl Lpm<u32>,
    own: Own<'_>,
    packets: &[Packet<'_>],
    verdicts: &[Verdict],
    found: &mut Found,
    mut at: usize,
    ahead: &mut Ahead<'_, '_>,
) {
    let (fours, packets) = packets.as_chunks();
    let (their_verdicts, verdicts) = verdicts.as_chunks();
    // Taken out, so that it stays in registers.
    let mut next = core::mem::take(ahead);
    for (four, verdicts) in fours.iter().zip(their_verdicts) {
        next.ask_four();
        if !find_four(routes, own.mac, four, verdicts, found, at) {
            cold_path();
            find_each(routes, own.interfaces, four, verdicts, found, at);
        }
        at = at.wrapping_add(4);
    }
    *ahead = next;
    if !packets.is_empty() {
        packets.iter().for_each(|_| ahead.ask());
        find_each(routes, own.interfaces, packets, verdicts, found, at);
    }
}

/// Likewise four packets for this Ethernet address, the first of them that `at`; gives whether it may be that
/// all are plain. Otherwise nothing is noted.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
#[inline(always)]
fn find_four(
    routes: &impl Lpm<u32>,
    mac: u64,
    packets: &[Packet<'_>; 4],
    verdicts: &[Verdict; 4],
    found: &mut Found,
    at: usize,
) -> bool {
    let destinations = found.destinations.get_mut(at..);
    let destinations = destinations.and_then(<[_]>::first_chunk_mut::<4>);
    let aged = found.aged.get_mut(at..);
    let aged = aged.and_then(<[_]>::first_chunk_mut::<4>);
    let (Some(destinations), Some(aged)) = (destinations, aged) else {
        return false;
    };
    let Some(seen) = four::open(packets, verdicts, mac) else {
        return false;
    };
    found.bits.plain |= seen.plain << (at % 32);
    found.bits.fragments |= seen.fragments << (at % 32);
    *destinations = seen.destinations.into();
    *aged = seen.aged.into();
    for destination in destinations {
        routes.prefetch(*destination);
    }
    true
}

/// Likewise packet by packet, the first of them that `at`.
#[inline(never)]
fn find_each(
    routes: &impl Lpm<u32>,
    interfaces: &[Interface],
    packets: &[Packet<'_>],
    verdicts: &[Verdict],
    found: &mut Found,
    at: usize,
) {
    let mut last = (PortId(0), key(interfaces, PortId(0)));
    let mut bit = 1_u32.unbounded_shl(at as u32);
    let destinations = found.destinations.iter_mut().skip(at);
    let notes = destinations.zip(found.aged.iter_mut().skip(at));
    for ((packet, verdict), (destination, aged)) in packets.iter().zip(verdicts).zip(notes) {
        if packet.port != last.0 {
            last = (packet.port, key(interfaces, packet.port));
        }
        if let Some(head) = plain(packet, *verdict, last.1) {
            found.bits.plain |= bit;
            if head.is_fragment() {
                cold_path();
                found.bits.fragments |= bit;
            }
            routes.prefetch(head.destination());
            *destination = head.destination();
            *aged = head.aged();
        }
        bit <<= 1;
    }
}

/// The head of a packet that is plain.
#[inline(always)]
fn plain<'a>(packet: &'a Packet<'_>, verdict: Verdict, mac: u64) -> Option<&'a Head> {
    // What is in several frames is measured by the slow path.
    if !verdict.is_undecided() || packet.is_chained() || packet.offloads.intersects(UNUSUAL) {
        cold_path();
        return None;
    }
    let Ok((head, rest)) = Head::split(packet.data()) else {
        cold_path();
        return None;
    };
    // No frame has more than 65,535 bytes.
    if head.elsewhere(mac) != 0 || !head.is_ipv4() || !head.is_plain(rest.len() as u16) {
        cold_path();
        return None;
    }
    Some(head)
}

/// Looks up each plain packet, and sends it by the hop that was found. Those that fit no hop, and what
/// is undecided and not plain, get the verdict `slow`; gives how many those are.
#[inline(never)]
pub(super) fn forward(
    routes: &impl Lpm<u32>,
    table: &Table<'_>,
    packets: &mut [Packet<'_>],
    verdicts: &mut [Verdict],
    found: &Found,
    sent: u32,
    slow: Verdict,
) -> usize {
    let glance = |destination| routes.glance(destination);
    let hops = table.hops();
    let all = !u32::MAX.unbounded_shl(packets.len() as u32);
    let sent = match sent == all {
        true => all,
        false => send(hops, packets, verdicts, found, sent, glance),
    };
    if sent == all && found.bits.fragments == 0 {
        return 0;
    }
    let answer = |destination, _| routes.lookup(destination);
    finish(table, packets, verdicts, found, sent, answer, slow)
}

/// Likewise, where each was looked up before.
#[inline(never)]
pub(super) fn rewrite(
    table: &Table<'_>,
    packets: &mut [Packet<'_>],
    verdicts: &mut [Verdict],
    found: &Found,
    answers: &[Option<NextHop>; MAX_BURST],
    slow: Verdict,
) -> usize {
    let answer = |_, at: usize| answers.get(at).copied().flatten();
    finish(table, packets, verdicts, found, 0, answer, slow)
}

/// Sends the plain packets whose answer is at hand and is a hop that they fit, four at a time: those of a four with
/// another among them are left, as is what is behind the last four. Gives a bit for each that is sent, and those of `sent`,
/// which were before.
///
/// Nothing that is rare is in this loop, and no call, for the sake of the registers.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
#[inline(never)]
fn send(
    hops: &[Hop],
    packets: &mut [Packet<'_>],
    verdicts: &mut [Verdict],
    found: &Found,
    mut sent: u32,
    glance: impl Fn(u32) -> Option<Option<NextHop>>,
) -> u32 {
    let (fours, _) = packets.as_chunks_mut();
    let (their_verdicts, _) = verdicts.as_chunks_mut();
    let (destinations, _) = found.destinations.as_chunks();
    let (aged, _) = found.aged.as_chunks();
    let mut bits = 0xf;
    let each = fours.iter_mut().zip(their_verdicts);
    for ((packets, verdicts), (destinations, aged)) in each.zip(destinations.iter().zip(aged)) {
        if found.bits.plain & !sent & bits == bits
            && let Some(answers) = glance_four(destinations, &glance)
            && let Some(four) = four::write(hops, packets, aged, answers.map(entry))
        {
            *verdicts = four;
            sent |= bits;
        }
        bits <<= 4;
    }
    sent
}

/// What four look-ups give, if all answers are at hand.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
#[inline(always)]
fn glance_four(
    destinations: &[u32; 4],
    glance: impl Fn(u32) -> Option<Option<NextHop>>,
) -> Option<[Option<NextHop>; 4]> {
    let [a, b, c, d] = destinations.map(glance);
    // One branch for all four.
    match a.is_some() & b.is_some() & c.is_some() & d.is_some() {
        true => Some([a?, b?, c?, d?]),
        false => None,
    }
}

/// Sends the plain packets whose answer is at hand and is a hop that they fit; gives a bit for each, and those of `sent`.
///
/// Nothing that is rare is in this loop, and no call, for the sake of the registers.
#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
#[inline(always)]
fn send(
    hops: &[Hop],
    packets: &mut [Packet<'_>],
    verdicts: &mut [Verdict],
    found: &Found,
    mut sent: u32,
    glance: impl Fn(u32) -> Option<Option<NextHop>>,
) -> u32 {
    let mut bit = 1_u32;
    let plain = found.bits.plain;
    let each = found.destinations.iter().zip(&found.aged);
    let all = packets.iter_mut().zip(verdicts).zip(each);
    for ((packet, verdict), (destination, aged)) in all {
        if plain & bit != 0
            && let Some(answer) = glance(*destination)
            && let Some(port) = write(hops, packet, *aged, answer)
        {
            *verdict = port;
            sent |= bit;
        }
        bit <<= 1;
    }
    sent
}

/// The number of the hop that a look-up gave. Entry 0 is no hop: nothing fits it.
#[inline(always)]
fn entry(answer: Option<NextHop>) -> u16 {
    answer.map_or(0, |hop| hop.index().wrapping_add(1))
}

/// Writes the headers of a packet for the hop that the look-up gave; `None` if there is none that
/// it fits.
#[inline(always)]
fn write(
    hops: &[Hop],
    packet: &mut Packet<'_>,
    aged: u32,
    answer: Option<NextHop>,
) -> Option<Verdict> {
    let hop = hops.get(usize::from(entry(answer)))?;
    let (data, layers) = packet.data_and_layers_mut();
    let (head, rest) = Head::split_mut(data).ok()?;
    // Padding counts: a frame too long for the link is cut by the slow path.
    if (rest.len() as u16).wrapping_add(HEADER_LEN) > hop.mtu {
        return None;
    }
    *layers = PLAIN;
    head.forward(hop, aged);
    Some(Verdict::send(hop.port))
}

/// Decides what of the burst was not `sent`: what goes to a destination that is on the link itself, if its
/// neighbour is known and it fits, is sent, and the rest gets the verdict `slow`; gives how many those are.
#[inline(never)]
fn finish(
    table: &Table<'_>,
    packets: &mut [Packet<'_>],
    verdicts: &mut [Verdict],
    found: &Found,
    sent: u32,
    answer: impl Fn(u32, usize) -> Option<NextHop>,
    slow: Verdict,
) -> usize {
    let mut others = 0;
    let each = found.destinations.iter().zip(&found.aged);
    let all = packets.iter_mut().zip(verdicts).zip(each).enumerate();
    for (at, ((packet, verdict), (destination, aged))) in all {
        let is = |bits: u32| bits >> at & 1 != 0;
        if is(sent) || !verdict.is_undecided() {
            continue;
        }
        if is(found.bits.plain) {
            let answer = answer(*destination, at);
            let sent = write(table.hops(), packet, *aged, answer).or_else(|| {
                let neighbour = neighbour(table, *destination, answer)?;
                write(table.hops(), packet, *aged, Some(neighbour))
            });
            if let Some(sent) = sent {
                *verdict = sent;
                continue;
            }
        }
        *verdict = slow;
        others += 1;
    }
    if found.bits.fragments != 0 {
        cold_path();
        mark_fragments(packets, found);
    }
    others
}

/// The entry of a destination that is on the link that the answer stands for.
#[inline(never)]
fn neighbour(table: &Table<'_>, destination: u32, answer: Option<NextHop>) -> Option<NextHop> {
    let link = table.hops().get(usize::from(answer?.index()) + 1)?;
    if !link.is_connected() {
        return None;
    }
    let entry = table.find(Key::ipv4(link.port, destination))?;
    NextHop::new(u16::try_from(entry).ok()?.wrapping_sub(1)).ok()
}

/// Notes with each part of a packet that it is one.
#[inline(never)]
fn mark_fragments(packets: &mut [Packet<'_>], found: &Found) {
    for (at, packet) in packets.iter_mut().enumerate().take(MAX_BURST) {
        let (data, layers) = packet.data_and_layers_mut();
        if found.bits.fragments >> at & 1 == 1
            && let Ok((head, _)) = Head::split(data)
        {
            *layers = head.fragment_layers();
        }
    }
}

/// What an interface's own frames begin with; [`NO_MAC`] of one that is not there.
#[inline(never)]
fn key(interfaces: &[Interface], port: PortId) -> u64 {
    let interface = interfaces.get(usize::from(port.0));
    interface.map_or(NO_MAC, |interface| interface.key)
}

/// What is not plain whatever the header says.
const UNUSUAL: Offloads = Offloads::L3_BAD
    .union(Offloads::VLAN_STRIPPED)
    .union(Offloads::VLAN_WANTED);

/// The mark of an interface that is not there, which no frame's destination matches.
const NO_MAC: u64 = u64::MAX;

/// Bytes of an IPv4 header without options.
const HEADER_LEN: u16 = 20;

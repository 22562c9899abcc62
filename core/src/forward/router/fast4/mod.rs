//! IPv4 as nearly all of it is: Ethernet, a header without options, a hop that is known.
//!
//! Whatever is not plain is left to the slow path, which does all of it again, by the book.
//!
//! [`find`] finds the headers of a burst and asks for what the look-ups will read. Then [`finish`]
//! does the rest, packet by packet: check, look up, rewrite, decide. Where look-ups are cheaper
//! together, or somebody wants to know what each step takes, the same goes in passes over the burst:
//! [`check`], the look-up, [`rewrite`]. That stores and loads again what `finish` has in registers,
//! a tenth of the work.
//!
//! Either way the headers of the next burst are asked for between the checks, one by one: a row of
//! requests is one that the processor waits for.

mod head;

use core::hint::cold_path;

use super::table::{Key, Table};
use super::{Hop, Interface, MAX_BURST};
use crate::lookup::{Lpm, NextHop};
use crate::packet::{Offloads, Packet, PortId};
use crate::pipeline::{Ahead, Verdict};
use crate::wire::Header;

use head::{Head, PLAIN};

/// What the passes note of one packet: its headers, if it is plain as far as is known, and the bytes
/// of its frame behind them.
pub(super) struct Seat<'a> {
    head: Option<&'a mut Head>,
    room: u16,
}

impl Seat<'_> {
    /// Not plain.
    pub(super) const FREE: Self = Self {
        head: None,
        room: 0,
    };
}

/// Finds the headers of each undecided packet that may be plain, and asks for what the look-up of
/// its destination will read. `from`: the port by which all came in, if that is known.
///
/// Not inlined, nor are the other passes: each loop keeps the registers to itself. For the same
/// reason nothing is counted or decided here.
pub(super) fn find<'a>(
    routes: &impl Lpm<u32>,
    interfaces: &[Interface],
    from: Option<PortId>,
    packets: &'a mut [Packet<'_>],
    verdicts: &[Verdict],
    seats: &mut [Seat<'a>],
) {
    if let Some(port) = from {
        let mac = key(interfaces, port);
        return find_for(routes, |_| mac, packets, verdicts, seats);
    }
    let mut last = (PortId(0), key(interfaces, PortId(0)));
    let mac = |port| {
        if port != last.0 {
            last = (port, key(interfaces, port));
        }
        last.1
    };
    find_for(routes, mac, packets, verdicts, seats);
}

/// Likewise, where `mac` gives the key of the interface on a port.
#[inline(never)]
fn find_for<'a>(
    routes: &impl Lpm<u32>,
    mut mac: impl FnMut(PortId) -> u64,
    packets: &'a mut [Packet<'_>],
    verdicts: &[Verdict],
    seats: &mut [Seat<'a>],
) {
    let all = packets.iter_mut().zip(verdicts).zip(seats);
    for ((packet, verdict), seat) in all {
        if !verdict.is_undecided() {
            cold_path();
            continue;
        }
        let mac = mac(packet.port);
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
        if !head.is_ipv4_for(mac) {
            cold_path();
            continue;
        }
        routes.prefetch(head.destination());
        *layers = PLAIN;
        if head.is_fragment() {
            cold_path();
            *layers = head.fragment_layers();
        }
        // No frame has more than 65,535 bytes.
        seat.room = rest.len() as u16;
        seat.head = Some(head);
    }
}

/// Checks, looks up and sends what was found. Those that are not plain or fit no hop get the
/// verdict `slow`; gives how many those are.
#[inline(never)]
pub(super) fn finish(
    routes: &impl Lpm<u32>,
    table: &Table<'_>,
    seats: &mut [Seat<'_>],
    verdicts: &mut [Verdict],
    ahead: &mut Ahead<'_, '_>,
    slow: Verdict,
) -> usize {
    let mut others = 0;
    // Taken out, so that it stays in registers.
    let mut next = core::mem::take(ahead);
    for (seat, verdict) in seats.iter_mut().zip(verdicts) {
        next.ask();
        let room = seat.room;
        let sent = seat.head.as_deref_mut().and_then(|head| {
            if !head.is_plain(room) {
                cold_path();
                return None;
            }
            let answer = routes.lookup(head.destination());
            forward(table, head, room, answer)
        });
        decide(verdict, sent, slow, &mut others);
    }
    *ahead = next;
    others
}

/// Checks what was found, and leaves those that are not plain to the slow path; the destinations of
/// the others go into `addresses`. Gives whether there are others.
#[inline(never)]
pub(super) fn check(
    seats: &mut [Seat<'_>],
    addresses: &mut [u32],
    ahead: &mut Ahead<'_, '_>,
) -> bool {
    let mut any = false;
    let mut next = core::mem::take(ahead);
    for (seat, address) in seats.iter_mut().zip(addresses) {
        next.ask();
        match &seat.head {
            Some(head) if head.is_plain(seat.room) => {
                *address = head.destination();
                any = true;
            }
            _ => {
                cold_path();
                seat.head = None;
            }
        }
    }
    *ahead = next;
    any
}

/// Sends each plain packet by its hop. Those that fit no hop, and what is undecided and not plain,
/// get the verdict `slow`; gives how many those are.
#[inline(never)]
pub(super) fn rewrite(
    table: &Table<'_>,
    seats: &mut [Seat<'_>],
    verdicts: &mut [Verdict],
    answers: &[Option<NextHop>; MAX_BURST],
    slow: Verdict,
) -> usize {
    let mut others = 0;
    for ((seat, answer), verdict) in seats.iter_mut().zip(answers).zip(verdicts) {
        let (head, room) = (seat.head.as_deref_mut(), seat.room);
        let sent = head.and_then(|head| forward(table, head, room, *answer));
        decide(verdict, sent, slow, &mut others);
    }
    others
}

/// Writes the headers of a packet for the hop that the look-up gave; `None` if there is none that
/// it fits.
#[inline(always)]
fn forward(
    table: &Table<'_>,
    head: &mut Head,
    room: u16,
    answer: Option<NextHop>,
) -> Option<Verdict> {
    // Padding counts: a frame too long for the link is cut by the slow path.
    let len = room.wrapping_add(HEADER_LEN);
    // Entry 0 is no hop: nothing fits it.
    let entry = answer.map_or(0, |hop| usize::from(hop.index()) + 1);
    let Some(hop) = table.hops().get(entry) else {
        cold_path();
        return None;
    };
    if len > hop.mtu {
        cold_path();
        return connected(table, hop, head, len);
    }
    head.forward(hop);
    Some(Verdict::send(hop.port))
}

#[inline(always)]
fn decide(verdict: &mut Verdict, sent: Option<Verdict>, slow: Verdict, others: &mut usize) {
    if let Some(sent) = sent {
        *verdict = sent;
        return;
    }
    cold_path();
    if verdict.is_undecided() {
        *verdict = slow;
        *others += 1;
    }
}

/// Sends a packet to a destination that is on the link itself, if its neighbour is known and the
/// packet fits.
#[inline(never)]
fn connected(table: &Table<'_>, hop: &Hop, head: &mut Head, len: u16) -> Option<Verdict> {
    if !hop.is_connected() {
        return None;
    }
    let entry = table.find(Key::ipv4(hop.port, head.destination()))?;
    let hop = table.hop(entry);
    if len > hop.mtu {
        return None;
    }
    head.forward(&hop);
    Some(Verdict::send(hop.port))
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

//! IPv4 as nearly all of it is: Ethernet, a header without options, a hop that is known.
//!
//! Whatever is not plain is left to the slow path, which does all of it again, by the book.
//!
//! Straight-line code over the burst, in passes: [`find`] the headers and ask for what the look-ups
//! will read, [`check`] the headers meanwhile, look up, [`rewrite`]. The headers of the next burst
//! are asked for in the longest pass, one by one: a row of requests is one that the processor waits for.

mod head;

use core::hint::cold_path;

use super::table::{Key, Table};
use super::{Hop, Interface, MAX_BURST};
use crate::lookup::{Lpm, NextHop};
use crate::packet::{Offloads, Packet, PortId};
use crate::pipeline::{Ahead, Verdict};
use crate::wire::Header;

use head::Head;

/// The packets of a burst that are plain as far as is known, between the passes.
pub(super) struct Plain<'a> {
    seats: [Seat<'a>; MAX_BURST],
}

/// One packet's headers, if it is plain, and the bytes of its frame behind them.
struct Seat<'a> {
    head: Option<&'a mut Head>,
    room: usize,
}

impl Plain<'_> {
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

    /// Whether there is one.
    #[inline]
    pub(super) fn any(&self) -> bool {
        self.seats.iter().any(|seat| seat.head.is_some())
    }
}

/// Finds the headers of each undecided packet that may be plain, and asks for what the look-up of
/// its destination will read. They go into `plain`, the destinations into `addresses`.
///
/// Not inlined, nor are the other passes: each loop keeps the registers to itself. For the same
/// reason nothing is counted or decided here.
#[inline(never)]
pub(super) fn find<'a>(
    routes: &impl Lpm<u32>,
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
        if !head.is_ipv4_for(mac) {
            cold_path();
            continue;
        }
        *address = head.destination.get();
        routes.prefetch(*address);
        *layers = head.layers();
        seat.room = rest.len();
        seat.head = Some(head);
    }
}

/// Checks what was found, and leaves those that are not plain to the slow path. Between the
/// checks, asks for the headers of the next burst.
#[inline(never)]
pub(super) fn check(plain: &mut Plain<'_>, count: usize, ahead: &mut Ahead<'_, '_>) {
    // Taken out, so that it stays in registers.
    let mut next = core::mem::take(ahead);
    for seat in plain.seats.iter_mut().take(count) {
        next.ask();
        if let Some(head) = &seat.head
            && !head.is_plain(seat.room)
        {
            cold_path();
            seat.head = None;
        }
    }
    *ahead = next;
}

/// Sends each plain packet by its hop. Those that fit no hop, and what is undecided and not plain,
/// get the verdict `slow`; gives how many those are.
#[inline(never)]
pub(super) fn rewrite(
    table: &Table<'_>,
    plain: &mut Plain<'_>,
    verdicts: &mut [Verdict],
    answers: &[Option<NextHop>; MAX_BURST],
    slow: Verdict,
) -> usize {
    let mut others = 0;
    let hops = table.hops();
    for ((seat, verdict), answer) in plain.seats.iter_mut().zip(verdicts).zip(answers) {
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
            Some(hop) => connected(table, hop, head, len).unwrap_or_else(|| {
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
fn connected(table: &Table<'_>, hop: &Hop, head: &mut Head, len: usize) -> Option<Verdict> {
    if !hop.is_connected() {
        return None;
    }
    let entry = table.find(Key::ipv4(hop.port, head.destination.get()))?;
    let hop = table.hop(entry);
    if len > usize::from(hop.mtu) {
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
const HEADER_LEN: usize = 20;

//! Eight heads at a time, where the processor has vectors of 256 bits.
//!
//! As [four](super::four) at a time. Those among which one may not be plain, has no answer at hand, or does not fit its
//! hop, are left to fours.

use super::head::{Head, PLAIN};
use super::look::{ETHERNET_LEN, Seen, look};
use super::{Found, Hop, MAX_BURST, UNUSUAL, entry};
use crate::lookup::Lpm;
use crate::mempool::EightHeads;
use crate::packet::Packet;
use crate::pipeline::{Ahead, Verdict};
use crate::platform::{Avx2, Columns, Eight, Numbers, Work, entries};
use crate::wire::Layers;

/// Finds out which of eights of packets for this Ethernet address are plain. Gives a bit for each packet of an eight that
/// is left: nothing is noted of it.
#[inline(always)]
pub(super) fn find(
    avx2: Avx2,
    routes: &impl Lpm<u32>,
    mac: u64,
    packets: &mut [Packet<'_>],
    verdicts: &[Verdict],
    found: &mut Found,
) -> u32 {
    avx2.run(Find {
        avx2,
        routes,
        mac,
        packets,
        verdicts: Some(verdicts),
        found,
    })
}

/// What [`find`] does.
struct Find<'f, 'a, 'p, L> {
    avx2: Avx2,
    routes: &'f L,
    mac: u64,
    packets: &'a mut [Packet<'p>],
    /// None, if all packets are undecided.
    verdicts: Option<&'f [Verdict]>,
    found: &'f mut Found,
}

impl<L: Lpm<u32>> Work for Find<'_, '_, '_, L> {
    type Output = u32;

    #[inline(always)]
    fn work(self) -> u32 {
        let mut heads = [const { None }; EIGHTS];
        look_at(self, &mut heads)
    }
}

/// Looks at all eights.
#[inline(always)]
fn look_at<'a, 'p, L: Lpm<u32>>(
    find: Find<'_, 'a, 'p, L>,
    heads: &mut [Option<EightHeads<'a, 'p, 34>>; EIGHTS],
) -> u32 {
    let (eights, _) = find.packets.as_chunks_mut();
    let (destinations, _) = find.found.destinations.as_chunks_mut::<8>();
    let (aged, _) = find.found.aged.as_chunks_mut::<8>();
    let notes = destinations.iter_mut().zip(aged);
    let (mut plain, mut fragments, mut left, mut at) = (0, 0, 0, 0);
    let mut verdicts = find.verdicts.map(|verdicts| verdicts.as_chunks().0.iter());
    for ((packets, heads), (destinations, aged)) in eights.iter_mut().zip(heads).zip(notes) {
        let undecided = verdicts
            .as_mut()
            .is_none_or(|verdicts| verdicts.next().is_some_and(Verdict::are_undecided::<8>));
        *heads = if undecided {
            EightHeads::of(find.avx2, packets, UNUSUAL)
        } else {
            None
        };
        if let Some(heads) = heads
            && let Some(seen) = open(find.avx2, heads, find.mac)
        {
            plain |= seen.plain << (at % 32);
            fragments |= seen.fragments << (at % 32);
            *destinations = seen.destinations.into();
            *aged = seen.aged.into();
            for destination in destinations {
                find.routes.prefetch(*destination);
            }
        } else {
            left |= 0xff << (at % 32);
        }
        at += 8;
    }
    find.found.bits.plain = plain;
    find.found.bits.fragments = fragments;
    left
}

/// What is seen of eight packets for this Ethernet address that may all be plain.
#[inline(always)]
fn open(avx2: Avx2, heads: &EightHeads<'_, '_, 34>, mac: u64) -> Option<Seen<Eight>> {
    let frames = heads.lens();
    let heads: [&Head; 8] = heads
        .heads()
        .map(|bytes: &[u8; 34]| zerocopy::transmute_ref!(bytes));
    if Head::are_elsewhere(heads, mac) != 0 {
        return None;
    }
    let kinds = Eight::turn_ends(avx2, heads.map(Head::kinds_row));
    let rest = Eight::turn(avx2, heads.map(Head::rest));
    Some(look(kinds, rest, frames))
}

/// What is done in one go with a burst, where an answer is one load.
pub(super) struct Pass<'a, 'b, 'p, L> {
    pub(super) avx2: Avx2,
    pub(super) routes: &'a L,
    pub(super) hops: &'a [Hop],
    pub(super) mac: u64,
    pub(super) packets: &'a mut [Packet<'p>],
    pub(super) verdicts: &'a mut [Verdict],
    /// Verdicts say nothing, and all packets are undecided.
    pub(super) fresh: bool,
    pub(super) found: &'a mut Found,
    pub(super) next: Ahead<'b, 'p>,
}

/// What became of it: a bit for each packet.
pub(super) struct Passed<'b, 'p> {
    /// Nothing is noted of it.
    pub(super) left: u32,
    /// It is sent.
    pub(super) sent: u32,
    /// The verdict of all of them, if all are sent and it is one.
    pub(super) same: Option<Verdict>,
    pub(super) next: Ahead<'b, 'p>,
}

impl<'b, 'p, L: Lpm<u32>> Work for Pass<'_, 'b, 'p, L> {
    type Output = Passed<'b, 'p>;

    #[inline(always)]
    fn work(mut self) -> Self::Output {
        let all = !u32::MAX.unbounded_shl(self.packets.len() as u32);
        let mut heads = [const { None }; EIGHTS];
        let find = Find {
            avx2: self.avx2,
            routes: self.routes,
            mac: self.mac,
            packets: self.packets,
            verdicts: if self.fresh {
                None
            } else {
                Some(&*self.verdicts)
            },
            found: self.found,
        };
        let left = look_at(find, &mut heads);
        let (verdicts, _) = self.verdicts.as_chunks_mut();
        let (destinations, _) = self.found.destinations.as_chunks();
        let (aged, _) = self.found.aged.as_chunks();
        let notes = destinations.iter().zip(aged);
        let (mut sent, mut bits) = (0, 0xff);
        for ((heads, verdicts), (destinations, aged)) in
            heads.iter_mut().zip(verdicts.iter_mut()).zip(notes)
        {
            if self.found.bits.plain & bits == bits
                && let Some(heads) = heads
                && let Some(entries) = glance(self.routes, destinations)
                && let Some(eight) =
                    write(self.avx2, self.hops, heads, aged, entries, &mut self.next)
            {
                *verdicts = eight;
                sent |= bits;
            }
            bits <<= 8;
        }
        let same = if sent == all {
            Verdict::of_all(verdicts.as_flattened())
        } else {
            None
        };
        Passed {
            left,
            sent,
            same,
            next: self.next,
        }
    }
}

/// The entries that eight look-ups give, if all answers are at hand.
#[inline(always)]
fn glance(routes: &impl Lpm<u32>, destinations: &[u32; 8]) -> Option<[u16; 8]> {
    let answers = destinations.map(|destination| routes.glance(destination));
    // One branch for all.
    let all = answers
        .iter()
        .fold(true, |all, answer| all & answer.is_some());
    all.then(|| answers.map(|answer| entry(answer.flatten())))
}

/// Writes the headers of eight packets for these entries, and gives their verdicts; `None`, and nothing is written, if
/// one of them fits no hop.
#[inline(always)]
fn write(
    avx2: Avx2,
    hops: &[Hop],
    heads: &mut EightHeads<'_, '_, 34>,
    aged: &[u32; 8],
    places: [u16; 8],
    next: &mut Ahead<'_, '_>,
) -> Option<[Verdict; 8]> {
    let rows = entries(hops, places)?.map(Hop::row);
    let [_, ways] = Eight::turn_ends(avx2, rows);
    // Padding counts: a frame too long for the link is cut by the slow path.
    let packets = heads.lens() + ways.all(ETHERNET_LEN.wrapping_neg());
    if packets.exceeds(ways.right::<16>()).signs() != 0 {
        return None;
    }
    let heads = heads.heads_and_layers_mut();
    let each = heads.into_iter().zip(rows).zip(aged);
    // Between the packets: a row of requests is one that the processor waits for.
    match next.next_eight() {
        Some(next) => each.zip(next).for_each(|(((head, row), aged), next)| {
            next.ask();
            put(head, row, *aged);
        }),
        None => each.for_each(|((head, row), aged)| put(head, row, *aged)),
    }
    Some(Verdict::send_eight(ways))
}

/// Writes the headers of one.
#[inline(always)]
fn put((head, layers): (&mut [u8; 34], &mut Layers), row: Numbers, aged: u32) {
    let head: &mut Head = zerocopy::transmute_mut!(head);
    *layers = PLAIN;
    head.forward_by_row(row, aged);
}

const EIGHTS: usize = MAX_BURST / 8;

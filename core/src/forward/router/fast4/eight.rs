//! Eight heads at a time, where the processor has vectors of 256 bits.
//!
//! As [four](super::four) at a time. Those among which one may not be plain, has no answer at hand, or does not fit its
//! hop, are left to fours.

use super::head::{Head, PLAIN};
use super::look::{ETHERNET_LEN, Seen, look};
use super::{Found, Hop, UNUSUAL, entry};
use crate::lookup::Lpm;
use crate::packet::Packet;
use crate::pipeline::{Ahead, Verdict};
use crate::platform::{Avx2, Columns, Eight, Work};

/// Finds out which of eights of packets for this Ethernet address are plain. Gives a bit for each packet of an eight that
/// is left: nothing is noted of it.
#[inline(always)]
pub(super) fn find(
    avx2: Avx2,
    routes: &impl Lpm<u32>,
    mac: u64,
    packets: &[Packet<'_>],
    verdicts: &[Verdict],
    found: &mut Found,
) -> u32 {
    avx2.run(Find {
        avx2,
        routes,
        mac,
        packets,
        verdicts,
        found,
    })
}

/// Sends eights of plain packets whose answers are at hand, and are hops that they fit; gives a bit for each that is
/// sent.
///
/// Here the next headers are asked for, and not in [`find`], which asks for the entries of the table: the processor
/// has memory at work in both then.
#[inline(always)]
pub(super) fn send<'p>(
    routes: &impl Lpm<u32>,
    hops: &[Hop],
    packets: &mut [Packet<'p>],
    verdicts: &mut [Verdict],
    found: &Found,
    ahead: &mut Ahead<'_, 'p>,
) -> u32 {
    let Some(avx2) = Avx2::known() else {
        return 0;
    };
    // Taken out, so that it stays in registers.
    let (sent, next) = avx2.run(Send {
        avx2,
        routes,
        hops,
        packets,
        verdicts,
        found,
        next: core::mem::take(ahead),
    });
    *ahead = next;
    sent
}

/// What [`find`] does.
struct Find<'a, 'p, L> {
    avx2: Avx2,
    routes: &'a L,
    mac: u64,
    packets: &'a [Packet<'p>],
    verdicts: &'a [Verdict],
    found: &'a mut Found,
}

impl<L: Lpm<u32>> Work for Find<'_, '_, L> {
    type Output = u32;

    #[inline(always)]
    fn work(self) -> u32 {
        let (eights, _) = self.packets.as_chunks();
        let (verdicts, _) = self.verdicts.as_chunks();
        let (destinations, _) = self.found.destinations.as_chunks_mut::<8>();
        let (aged, _) = self.found.aged.as_chunks_mut::<8>();
        let notes = destinations.iter_mut().zip(aged);
        let (mut plain, mut fragments, mut left, mut at) = (0, 0, 0, 0);
        for ((packets, verdicts), (destinations, aged)) in eights.iter().zip(verdicts).zip(notes) {
            if let Some(seen) = open(self.avx2, packets, verdicts, self.mac) {
                plain |= seen.plain << (at % 32);
                fragments |= seen.fragments << (at % 32);
                *destinations = seen.destinations.into();
                *aged = seen.aged.into();
                for destination in destinations {
                    self.routes.prefetch(*destination);
                }
            } else {
                left |= 0xff << (at % 32);
            }
            at += 8;
        }
        self.found.bits.plain = plain;
        self.found.bits.fragments = fragments;
        left
    }
}

/// What is seen of eight packets for this Ethernet address that may all be plain.
#[inline(always)]
fn open(
    avx2: Avx2,
    packets: &[Packet<'_>; 8],
    verdicts: &[Verdict; 8],
    mac: u64,
) -> Option<Seen<Eight>> {
    let (heads, frames) = Packet::eight_heads(avx2, packets)?;
    let heads: [&Head; 8] = heads.map(|bytes: &[u8; 34]| zerocopy::transmute_ref!(bytes));
    let marks = packets.iter().map(Packet::port_and_offloads);
    let marks = marks.fold(0, |all, marks| all | marks);
    if marks & u32::from(UNUSUAL.bits()) << 16 != 0
        || !Verdict::are_undecided(verdicts)
        || Head::are_elsewhere(heads, mac) != 0
    {
        return None;
    }
    let kinds = Eight::turn_ends(avx2, heads.map(Head::kinds_row));
    let rest = Eight::turn(avx2, heads.map(Head::rest));
    Some(look(kinds, rest, frames))
}

/// What [`send`] does.
struct Send<'a, 'b, 'p, L> {
    avx2: Avx2,
    routes: &'a L,
    hops: &'a [Hop],
    packets: &'a mut [Packet<'p>],
    verdicts: &'a mut [Verdict],
    found: &'a Found,
    next: Ahead<'b, 'p>,
}

impl<'b, 'p, L: Lpm<u32>> Work for Send<'_, 'b, 'p, L> {
    type Output = (u32, Ahead<'b, 'p>);

    #[inline(always)]
    fn work(mut self) -> Self::Output {
        let (eights, _) = self.packets.as_chunks_mut();
        let (verdicts, _) = self.verdicts.as_chunks_mut();
        let (destinations, _) = self.found.destinations.as_chunks();
        let (aged, _) = self.found.aged.as_chunks();
        let notes = destinations.iter().zip(aged);
        let (mut sent, mut bits) = (0, 0xff);
        for ((packets, verdicts), (destinations, aged)) in
            eights.iter_mut().zip(verdicts).zip(notes)
        {
            self.next.ask_eight();
            if self.found.bits.plain & bits == bits
                && let Some(entries) = glance(self.routes, destinations)
                && let Some(eight) = write(self.avx2, self.hops, packets, aged, entries)
            {
                *verdicts = eight;
                sent |= bits;
            }
            bits <<= 8;
        }
        (sent, self.next)
    }
}

/// The entries that eight look-ups give, if all answers are at hand.
#[inline(always)]
fn glance(routes: &impl Lpm<u32>, destinations: &[u32; 8]) -> Option<[usize; 8]> {
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
    packets: &mut [Packet<'_>; 8],
    aged: &[u32; 8],
    [a, b, c, d, e, f, g, h]: [usize; 8],
) -> Option<[Verdict; 8]> {
    let hops = [
        hops.get(a)?,
        hops.get(b)?,
        hops.get(c)?,
        hops.get(d)?,
        hops.get(e)?,
        hops.get(f)?,
        hops.get(g)?,
        hops.get(h)?,
    ];
    let (heads, frames) = Packet::eight_heads_and_layers_mut(avx2, packets)?;
    let rows = hops.map(Hop::row);
    let [_, ways] = Eight::turn_ends(avx2, rows);
    // Padding counts: a frame too long for the link is cut by the slow path.
    let packets = frames + frames.all(ETHERNET_LEN.wrapping_neg());
    if packets.exceeds(ways.right::<16>()).signs() != 0 {
        return None;
    }
    for (((head, layers), row), aged) in heads.into_iter().zip(rows).zip(aged) {
        let head: &mut [u8; 34] = head;
        let head: &mut Head = zerocopy::transmute_mut!(head);
        *layers = PLAIN;
        head.forward_by_row(row, *aged);
    }
    Some(Verdict::send_eight(ways))
}

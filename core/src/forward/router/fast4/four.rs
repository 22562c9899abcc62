//! Four heads at a time.

use super::head::{Head, PLAIN};
use super::look::{ETHERNET_LEN, Seen, look};
use super::{Hop, UNUSUAL};
use crate::packet::Packet;
use crate::pipeline::Verdict;
use crate::platform::{Numbers, entries};

/// What is seen of four packets for this Ethernet address that may all be plain.
#[inline(always)]
pub(super) fn open(
    packets: &[Packet<'_>; 4],
    verdicts: &[Verdict; 4],
    mac: u64,
) -> Option<Seen<Numbers>> {
    let (heads, frames) = Packet::heads(packets)?;
    let heads: [&Head; 4] = heads.map(|bytes: &[u8; 34]| zerocopy::transmute_ref!(bytes));
    let [a, b, c, d] = packets.each_ref().map(Packet::port_and_offloads);
    let unusual = (a | b | c | d) & u32::from(UNUSUAL.bits()) << 16 != 0;
    if unusual || !Verdict::are_undecided(verdicts) {
        return None;
    }
    let [e, f, g, h] = heads;
    let elsewhere = e.elsewhere(mac) | f.elsewhere(mac) | g.elsewhere(mac) | h.elsewhere(mac);
    if elsewhere != 0 {
        return None;
    }
    let kinds = Numbers::turn_pairs(heads.map(Head::kinds));
    let rest = heads.map(|head| Numbers::from_le_bytes(head.rest()));
    Some(look(kinds, Numbers::turn(rest), frames))
}

/// Writes the headers of four packets for the entries that their look-ups gave, as [`write`](super::write) does, and
/// gives their verdicts; `None`, and nothing is written, if one of them fits no hop.
#[inline(always)]
pub(super) fn write(
    hops: &[Hop],
    packets: &mut [Packet<'_>; 4],
    aged: &[u32; 4],
    places: [u16; 4],
) -> Option<[Verdict; 4]> {
    let hops = entries(hops, places)?;
    let (heads, frames) = Packet::heads_and_layers_mut(packets)?;
    let ways = Numbers::from(hops.map(Hop::port_and_mtu));
    // Padding counts: a frame too long for the link is cut by the slow path.
    let packets = frames + Numbers::splat(ETHERNET_LEN.wrapping_neg());
    if packets.exceeds(ways.right::<16>()).signs() != 0 {
        return None;
    }
    for (((head, layers), hop), aged) in heads.into_iter().zip(hops).zip(aged) {
        let head: &mut [u8; 34] = head;
        let head: &mut Head = zerocopy::transmute_mut!(head);
        *layers = PLAIN;
        head.forward(hop, *aged);
    }
    Some(Verdict::send_four(ways))
}

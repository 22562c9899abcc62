//! Four heads at a time.
//!
//! ```text
//!   byte   0   2       6       10      14      18      22      26      30      34
//!   head   destination │ source  │type│version │ident.,│TTL,   │source │destin-│
//!                      │         │    │ length │offset │checks.│       │ation  │
//!   rows                       ├──── kinds ────┼───────────── rest ────────────┤
//! ```
//!
//! Two rows of each head are turned into columns, so that a rule is looked at for four packets in one
//! step, without a branch. The rules are those of [`Head::is_ipv4`] and [`Head::is_plain`], which are for
//! the packets that are left when fours are taken, and for processors without vectors.

use super::Hop;
use super::UNUSUAL;
use super::head::{FRAGMENT, Head, IPV4, PLAIN, VERSION_IHL};
use crate::packet::Packet;
use crate::pipeline::Verdict;
use crate::platform::Numbers;

/// What is known of four heads: a bit for each, and a number for each.
pub(super) struct Four {
    /// It is plain.
    pub(super) plain: u32,
    /// It is plain, and a part of a packet.
    pub(super) fragments: u32,
    /// Where it goes.
    pub(super) destinations: [u32; 4],
    /// TTL, protocol and checksum, one hop further.
    pub(super) aged: [u32; 4],
}

/// The heads of four packets for this Ethernet address that may all be plain, and their frames' lengths.
#[inline(always)]
pub(super) fn open<'a>(
    packets: &'a [Packet<'_>; 4],
    verdicts: &[Verdict; 4],
    mac: u64,
) -> Option<([&'a Head; 4], Numbers)> {
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
    Some((heads, frames))
}

/// Looks at four heads, in frames of these lengths.
#[inline(always)]
pub(super) fn look(heads: [&Head; 4], frames: Numbers) -> Four {
    let [types, lengths] = Numbers::turn_pairs(heads.map(Head::kinds));
    let rows = heads.map(|head| Numbers::from_le_bytes(head.rest()));
    let [offsets, ages, sources, destinations] = Numbers::turn(rows);
    let (byte, half) = (Numbers::splat(0xff), Numbers::splat(0xffff));

    // RFC 1812 section 5.2.2 (3) and (4): version 4, and a header of 20 bytes.
    let kinds = types.right::<16>() ^ Numbers::splat(IPV4.into());
    let versions = (lengths ^ Numbers::splat(VERSION_IHL.into())) & byte;
    // (2): the header checksum. Ten halves make less than 2^20; once folded, only 0xffff is a multiple of
    // 2^16 - 1 other than zero, which a version of 4 rules out.
    let sums = offsets.halves() + ages.halves() + sources.halves() + destinations.halves();
    let sums = sums + lengths.halves() + Numbers::splat(10 * Numbers::HALF);
    let sums = (sums.right::<16>() + (sums & half)) ^ half;
    let well = (kinds | versions | sums).equals(Numbers::splat(0));

    // (5) and (1): the total length has the header in it, and the frame has all of it.
    let lengths = lengths.right::<16>();
    let lengths = (lengths.left::<8>() & half) | lengths.right::<8>();
    // 5.3.1: a TTL that would become zero is not forwarded.
    let few = (lengths + Numbers::splat(ETHERNET_LEN)).exceeds(frames)
        | Numbers::splat(HEADER_LEN).exceeds(lengths)
        | Numbers::splat(2).exceeds(ages & byte);

    // 5.3.7: martian addresses; and multicast and broadcast, which need more thought. The first bytes
    // are neither 0 nor 127, nor 224 and above.
    let first = (sources & byte) | (destinations & byte).left::<8>();
    let within = first.clamp_bytes(Numbers::splat(0x0101), Numbers::splat(0xdfdf));
    let unicast = within.equals(first);
    let loopback = first.equals_by_bytes(Numbers::splat(0xffff_7f7f));
    let ordinary = unicast & loopback.equals(Numbers::splat(0));

    let plain = well & ordinary & few.equals(Numbers::splat(0));
    let whole = (offsets & Numbers::splat((FRAGMENT as u32) << 16)).equals(Numbers::splat(0));

    // As `Head::age`: with the carry where 0xfffe or 0xffff is above.
    let carry = (ages.right::<16>() | Numbers::splat(1)).equals(half) & Numbers::splat(0x1_0000);
    let aged = ages + half + carry;
    Four {
        plain: plain.signs(),
        fragments: plain.signs() & !whole.signs(),
        destinations: destinations.swap_bytes().into(),
        aged: aged.into(),
    }
}

/// Writes the headers of four packets for the entries that their look-ups gave, as [`write`](super::write) does, and
/// gives their verdicts; `None`, and nothing is written, if one of them fits no hop.
#[inline(always)]
pub(super) fn write(
    hops: &[Hop],
    packets: &mut [Packet<'_>; 4],
    aged: &[u32; 4],
    [a, b, c, d]: [usize; 4],
) -> Option<[Verdict; 4]> {
    let hops = [hops.get(a)?, hops.get(b)?, hops.get(c)?, hops.get(d)?];
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

/// Bytes of an Ethernet header, and of an IPv4 header without options.
const ETHERNET_LEN: u32 = 14;
const HEADER_LEN: u32 = 20;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::checksum::Sum;

    /// A head that is plain but for what `at` and `to` change of it, its checksum right unless they say so.
    fn head(at: usize, to: u8, room: u16, right: bool) -> Head {
        let mut bytes = [0; 34];
        bytes[12..16].copy_from_slice(&[8, 0, 0x45, 0]);
        bytes[16..18].copy_from_slice(&(20 + room).to_be_bytes());
        bytes[22..24].copy_from_slice(&[64, 17]);
        bytes[26..34].copy_from_slice(&[10, 1, 2, 3, 192, 0, 2, 77]);
        bytes[at] = to;
        if right {
            bytes[24..26].fill(0);
            let sum = Sum::of(&bytes[14..]).checksum();
            bytes[24..26].copy_from_slice(&sum.to_be_bytes());
        }
        zerocopy::transmute!(bytes)
    }

    fn agree(heads: [Head; 4], rooms: [u16; 4]) {
        let four = look(
            heads.each_ref(),
            rooms.map(|room| u32::from(room) + 34).into(),
        );
        for (lane, (head, room)) in heads.iter().zip(rooms).enumerate() {
            let plain = head.is_ipv4() && head.is_plain(room);
            assert_eq!(four.plain >> lane & 1 == 1, plain, "lane {lane}: {head:?}");
            let fragment = plain && head.is_fragment();
            assert_eq!(four.fragments >> lane & 1 == 1, fragment);
            assert_eq!(four.destinations[lane], head.destination());
            assert_eq!(four.aged[lane], head.aged());
        }
    }

    /// Every value of every byte, in every lane.
    #[test]
    fn each_byte_counts_as_it_does_alone() {
        for at in 0..34 {
            for to in 0..=255 {
                for right in [true, false] {
                    let odd = head(at, to, 30, right);
                    for lane in 0..4 {
                        let mut heads = [head(0, 0, 30, true); 4];
                        heads[lane] = odd;
                        agree(heads, [30; 4]);
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_count_as_they_do_alone(heads: [[[u8; 17]; 2]; 4], rooms: [u16; 4]) {
            agree(heads.map(|bytes| zerocopy::transmute!(bytes)), rooms.map(|room| room >> 1));
        }

        #[test]
        fn lengths_and_rooms_count_as_they_do_alone(
            heads in [(14..34usize, any::<u8>(), 0..80u16), (16..18usize, any::<u8>(), 0..80u16),
                (16..18usize, any::<u8>(), 65_400..65_501u16), (18..22usize, any::<u8>(), 0..80u16)],
            less in [-2..3i32, -2..3, -2..3, -2..3],
            right: bool,
        ) {
            let rooms = [0, 1, 2, 3].map(|lane: usize| {
                let (_, _, room) = heads[lane];
                (i32::from(room) + less[lane]).clamp(0, 65_501) as u16
            });
            agree(heads.map(|(at, to, room)| head(at, to, room, right)), rooms);
        }
    }
}

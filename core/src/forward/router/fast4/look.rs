//! What is looked at in several heads at a time.
//!
//! ```text
//!   byte   0   2       6       10      14      18      22      26      30      34
//!   head   destination │ source  │type│version │ident.,│TTL,   │source │destin-│
//!                      │         │    │ length │offset │checks.│       │ation  │
//!   rows                       ├──── kinds ────┼───────────── rest ────────────┤
//! ```
//!
//! Two rows of each head are turned into columns, so that a rule is looked at for four or eight packets in
//! one step, without a branch. The rules are those of [`Head::is_ipv4`](super::head::Head::is_ipv4) and
//! [`Head::is_plain`](super::head::Head::is_plain), which are for the packets that are left when fours are taken,
//! and for processors without vectors.

use super::head::{FRAGMENT, IPV4, VERSION_IHL};
use crate::platform::{Columns, HALF};

/// What is seen of several heads: a bit for each, and a number for each.
pub(super) struct Seen<C> {
    /// It is plain.
    pub(super) plain: u32,
    /// It is plain, and a part of a packet.
    pub(super) fragments: u32,
    /// Where it goes.
    pub(super) destinations: C,
    /// TTL, protocol and checksum, one hop further.
    pub(super) aged: C,
}

/// Looks at the columns of heads, in frames of these lengths.
#[inline(always)]
pub(super) fn look<C: Columns>(
    [types, lengths]: [C; 2],
    [offsets, ages, sources, destinations]: [C; 4],
    frames: C,
) -> Seen<C> {
    let all = |number| frames.all(number);
    let (byte, half) = (all(0xff), all(0xffff));

    // RFC 1812 section 5.2.2 (3) and (4): version 4, and a header of 20 bytes.
    let kinds = types.right::<16>() ^ all(IPV4.into());
    let versions = (lengths ^ all(VERSION_IHL.into())) & byte;
    // (2): the header checksum. Ten halves make less than 2^20; once folded, only 0xffff is a multiple of
    // 2^16 - 1 other than zero, which a version of 4 rules out.
    let sums = offsets.halves() + ages.halves() + sources.halves() + destinations.halves();
    let sums = sums + lengths.halves() + all(10 * HALF);
    let sums = (sums.right::<16>() + (sums & half)) ^ half;
    let well = (kinds | versions | sums).equals(all(0));

    // (5) and (1): the total length has the header in it, and the frame has all of it.
    let lengths = lengths.right::<16>();
    let lengths = (lengths.left::<8>() & half) | lengths.right::<8>();
    // 5.3.1: a TTL that would become zero is not forwarded.
    let few = (lengths + all(ETHERNET_LEN)).exceeds(frames)
        | all(HEADER_LEN).exceeds(lengths)
        | all(2).exceeds(ages & byte);

    // 5.3.7: martian addresses; and multicast and broadcast, which need more thought. The first bytes
    // are neither 0 nor 127, nor 224 and above.
    let first = (sources & byte) | (destinations & byte).left::<8>();
    let within = first.clamp_bytes(all(0x0101), all(0xdfdf));
    let unicast = within.equals(first);
    let loopback = first.equals_by_bytes(all(0xffff_7f7f));
    let ordinary = unicast & loopback.equals(all(0));

    let plain = well & ordinary & few.equals(all(0));
    let whole = (offsets & all((FRAGMENT as u32) << 16)).equals(all(0));

    // As `Head::age`: with the carry where 0xfffe or 0xffff is above.
    let carry = (ages.right::<16>() | all(1)).equals(half) & all(0x1_0000);
    let aged = ages + half + carry;
    Seen {
        plain: plain.signs(),
        fragments: plain.signs() & !whole.signs(),
        destinations: destinations.swap_bytes(),
        aged,
    }
}

/// Bytes of an Ethernet header, and of an IPv4 header without options.
pub(super) const ETHERNET_LEN: u32 = 14;
const HEADER_LEN: u32 = 20;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::head::Head;
    use super::*;
    use crate::platform::{Avx2, Eight, Numbers};
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

    /// Four at a time, and eight where the processor has what that takes.
    fn agree(heads: [Head; 8], rooms: [u16; 8]) {
        let frames = rooms.map(|room| u32::from(room) + 34);
        let fours = heads.as_chunks().0.iter().zip(rooms.as_chunks().0);
        for ((heads, rooms), frames) in fours.zip(frames.as_chunks::<4>().0) {
            let each: [&Head; 4] = heads.each_ref();
            let kinds = Numbers::turn_pairs(each.map(Head::kinds));
            let rest = Numbers::turn(each.map(|head| Numbers::from_le_bytes(head.rest())));
            let seen = look(kinds, rest, Numbers::from(*frames));
            let numbers = (seen.destinations.into(), seen.aged.into());
            agree_with(heads, rooms, seen.plain, seen.fragments, numbers);
        }
        let Some(avx2) = Avx2::known() else { return };
        let kinds = Eight::turn_ends(avx2, heads.each_ref().map(Head::kinds_row));
        let rest = Eight::turn(avx2, heads.each_ref().map(Head::rest));
        let [frames, _] = Eight::turn_ends(avx2, frames.map(|len| [0, 0, len, 0].into()));
        let seen = look(kinds, rest, frames);
        let numbers = (seen.destinations.into(), seen.aged.into());
        agree_with(&heads, &rooms, seen.plain, seen.fragments, numbers);
    }

    fn agree_with<const COUNT: usize>(
        heads: &[Head; COUNT],
        rooms: &[u16; COUNT],
        plains: u32,
        fragments: u32,
        (destinations, aged): ([u32; COUNT], [u32; COUNT]),
    ) {
        assert_eq!((plains | fragments) >> COUNT, 0);
        for (lane, (head, room)) in heads.iter().zip(rooms).enumerate() {
            let plain = head.is_ipv4() && head.is_plain(*room);
            assert_eq!(plains >> lane & 1 == 1, plain, "lane {lane}: {head:?}");
            let fragment = plain && head.is_fragment();
            assert_eq!(fragments >> lane & 1 == 1, fragment);
            assert_eq!(destinations[lane], head.destination());
            assert_eq!(aged[lane], head.aged());
        }
    }

    /// Every value of every byte, in every lane.
    #[test]
    fn each_byte_counts_as_it_does_alone() {
        for at in 0..34 {
            for to in 0..=255 {
                for right in [true, false] {
                    let odd = head(at, to, 30, right);
                    for lane in 0..8 {
                        let mut heads = [head(0, 0, 30, true); 8];
                        heads[lane] = odd;
                        agree(heads, [30; 8]);
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_count_as_they_do_alone(heads: [[[u8; 17]; 2]; 8], rooms: [u16; 8]) {
            agree(heads.map(|bytes| zerocopy::transmute!(bytes)), rooms.map(|room| room >> 1));
        }

        #[test]
        fn lengths_and_rooms_count_as_they_do_alone(
            odd in [(14..34usize, any::<u8>(), 0..80u16), (16..18usize, any::<u8>(), 0..80u16),
                (16..18usize, any::<u8>(), 65_400..65_501u16), (18..22usize, any::<u8>(), 0..80u16)],
            less: [[bool; 4]; 8],
            right: bool,
            turn in 0..8usize,
        ) {
            // Each kind in two places, by turns in all.
            let heads = [0, 1, 2, 3, 0, 1, 2, 3].map(|kind: usize| odd[(kind + turn) % 4]);
            let rooms = core::array::from_fn(|lane| {
                let less = less[lane].into_iter().map(i32::from).sum::<i32>() - 2;
                (i32::from(heads[lane].2) + less).clamp(0, 65_501) as u16
            });
            agree(heads.map(|(at, to, room)| head(at, to, room, right)), rooms);
        }
    }
}

//! The UDP forwarder's step by hand: whole UDP over IPv4 with a right header checksum, the rule of its destination
//! port, new addresses and port, both checksums updated (RFC 1624), a new Ethernet header.
//!
//! Four frames at a time: rows of sixteen bytes are turned into columns, and back when they are written. Which of
//! the two rules it is, is a mask. One frame after the other, by words, takes more than twice as long.
//!
//! ```text
//!   byte   0           10        14        18        22        26      30       34     38        42
//!          addresses   │ ─ type  │ version │ ident., │ TTL,    │ source│ destin-│ ports│ length, │
//!                      │         │ length  │ offset  │ checks. │       │ ation  │      │ checks. │
//! ```

use core::arch::x86_64::{
    __m128i, _mm_andnot_si128, _mm_cmpeq_epi32, _mm_movemask_epi8, _mm_setzero_si128,
    _mm_srli_epi32, _mm_sub_epi32,
};
use core::ptr::NonNull;

use linecard::platform::prefetch_read;

use super::columns::{
    HALF, add, and, folded, greater, halves, halves_of, or, row, splat, swapped, turn, words, xor,
};
use super::{Burst, FROM, Line, TO};
use crate::harness::Contender;
use crate::routing::FRAME;
use crate::udp::RULES;

/// A rule, or what one of the two has that the other has not, in columns of words as they lie in memory.
#[derive(Clone, Copy)]
struct Rule {
    /// Destination port, in the upper half; what it becomes.
    port: __m128i,
    new_port: __m128i,
    source: __m128i,
    destination: __m128i,
    /// What the new addresses add to a checksum's sum; what the ports do besides.
    addresses: __m128i,
    ports: __m128i,
}

/// The first, and in which bits the second differs.
struct Rules(Rule, Rule);

/// The loop over the headers of all flows, in the order of memory or shuffled.
pub(crate) fn contender(name: &'static str, shuffled: bool) -> Result<Contender, String> {
    super::contender(name, shuffled, loop_of_two()?)
}

/// The loop, where the processor has what it is made of.
fn loop_of_two() -> Result<impl FnMut(Burst<'_>) -> u32, String> {
    if !is_x86_feature_detected!("avx2") {
        return Err("wants AVX2".to_owned());
    }
    // SAFETY: the processor has AVX2, as was just asked; so below.
    #[allow(unsafe_code)]
    let rules = unsafe { Rules::new() };
    #[allow(unsafe_code)]
    // SAFETY: as above.
    Ok(move |burst: Burst<'_>| unsafe { forward(burst, &rules) })
}

impl Rules {
    #[target_feature(enable = "avx2")]
    fn new() -> Self {
        let [first, second] = RULES.each_ref().map(|rule| {
            let [port, new_port] = [rule.port, rule.new_port].map(u16::swap_bytes);
            let [source, destination] =
                [rule.source, rule.destination].map(|address| u32::from_le_bytes(address.octets()));
            let halves = |word: u32| (word >> 16) + (word & 0xffff);
            [
                u32::from(port) << 16,
                u32::from(new_port) << 16,
                source,
                destination,
                halves(source) + halves(destination),
                u32::from(!port) + u32::from(new_port),
            ]
        });
        let rule = |[port, new_port, source, destination, addresses, ports]: [u32; 6]| Rule {
            port: splat(port),
            new_port: splat(new_port),
            source: splat(source),
            destination: splat(destination),
            addresses: splat(addresses),
            ports: splat(ports),
        };
        let differ = core::array::from_fn(|at| first[at] ^ second[at]);
        Self(rule(first), rule(differ))
    }
}

/// One burst; gives how many are not to be forwarded.
#[inline(never)]
#[target_feature(enable = "avx2")]
fn forward((lines, next): Burst<'_>, rules: &Rules) -> u32 {
    let mut bad = 0;
    let (fours, _) = lines.as_chunks_mut::<4>();
    let mut next = next.as_chunks::<4>().0.iter();
    for four in fours {
        for line in next.next().into_iter().flatten() {
            prefetch_read(NonNull::from(&**line).cast());
        }
        bad += forward_four(four.each_mut().map(|line| &mut **line), rules);
    }
    bad
}

#[inline]
#[target_feature(enable = "avx2")]
fn forward_four(mut lines: [&mut Line; 4], Rules(first, differ): &Rules) -> u32 {
    let [types, versions, offsets, ages] = turn(lines.each_ref().map(|line| row::<10>(line)));
    let [sources, destinations, ports, ends] = turn(lines.each_ref().map(|line| row::<26>(line)));
    let (low, high) = (splat(0xffff), splat(0xffff_0000));

    // Ethertype 0x0800, version 4 with 20 bytes of header; UDP; no more fragments, no offset.
    let kinds = or(
        and(types, high),
        or(and(versions, splat(0xff)), and(ages, splat(0xff00))),
    );
    let kinds = or(
        xor(kinds, splat(0x0008_1145)),
        and(offsets, splat(0xff3f_0000)),
    );
    // The header checksum: the sum of ten halves, folded once, is 0xffff.
    let addresses = add(halves(sources), halves(destinations));
    let sums = add(
        add(halves(versions), halves(offsets)),
        add(halves(ages), addresses),
    );
    let sums = add(sums, splat(10 * HALF));
    let sums = xor(add(_mm_srli_epi32::<16>(sums), and(sums, low)), low);
    // UDP's length has its header in it, IPv4's has both, and the frame has all of it.
    let lengths = swapped(or(and(versions, high), and(ends, low)));
    let (length, udp_length) = (_mm_srli_epi32::<16>(lengths), and(lengths, low));
    let few = or(
        or(
            greater(splat(8), udp_length),
            greater(add(udp_length, splat(20)), length),
        ),
        greater(length, splat(FRAME as u32 - 14)),
    );
    let port = and(ports, high);
    let second = _mm_andnot_si128(_mm_cmpeq_epi32(port, first.port), splat(!0));
    let choose = |first: __m128i, differ: __m128i| xor(first, and(differ, second));
    let port = xor(port, choose(first.port, differ.port));
    let wrong = or(or(kinds, sums), or(few, port));
    let right = _mm_movemask_epi8(_mm_cmpeq_epi32(wrong, _mm_setzero_si128()));

    // RFC 1624, equation 3: `~(~HC + ~m + m')`. The halves of what goes, inverted, are 0xffff less them.
    let change = _mm_sub_epi32(
        add(
            choose(first.addresses, differ.addresses),
            splat(4 * 0xffff - 4 * HALF),
        ),
        addresses,
    );
    let sums = _mm_sub_epi32(add(change, splat(0xffff)), _mm_srli_epi32::<16>(ages));
    let ages = or(and(ages, low), xor(folded(sums), high));
    let old = _mm_srli_epi32::<16>(ends);
    let none = _mm_cmpeq_epi32(old, _mm_setzero_si128());
    // One more in the sum and at the end, so that it never comes out as 0 (RFC 768).
    let sums = add(change, choose(first.ports, differ.ports));
    let sums = _mm_sub_epi32(add(sums, splat(0x1_0000)), old);
    let new = _mm_andnot_si128(none, _mm_sub_epi32(_mm_setzero_si128(), folded(sums)));
    let ends = or(and(ends, low), new);
    let ports = or(and(ports, low), choose(first.new_port, differ.new_port));
    let sources = choose(first.source, differ.source);
    let destinations = choose(first.destination, differ.destination);

    let rows = turn([ages, sources, destinations, ports]);
    let ends = words(ends);
    for ((line, row), end) in lines.iter_mut().zip(rows).zip(ends) {
        line[..8].copy_from_slice(&TO.to_le_bytes());
        line[8..12].copy_from_slice(&FROM.to_le_bytes());
        let [low, high] = halves_of(row);
        line[22..30].copy_from_slice(&low.to_le_bytes());
        line[30..38].copy_from_slice(&high.to_le_bytes());
        line[38..42].copy_from_slice(&end.to_le_bytes());
    }
    4 - right.count_ones() / 4
}

#[cfg(test)]
mod tests {
    use super::super::tests::agrees;
    use super::*;
    use crate::udp::stage;

    #[test]
    fn it_sends_what_the_forwarder_sends() {
        // The ethertype, the version, the total length, fragments, the protocol, the checksum, the port, UDP's length.
        let looked_at = [12, 13, 14, 16, 20, 21, 23, 24, 25, 36, 37, 38];
        agrees(stage().unwrap(), loop_of_two().unwrap(), &looked_at);
    }
}

//! The routing step by hand: parse, the RFC 1812 checks with the header checksum verified, DIR-24-8, TTL and
//! checksum, a new Ethernet header.
//!
//! Four headers at a time: rows of sixteen bytes are turned into columns. What is noted of a four is used when the next
//! two have been looked at, so that the table's entries and the next burst's headers are on their way meanwhile: the
//! fastest of some orders that were tried. One header after the other, by words, takes half as long again.
//!
//! ```text
//!   byte   0           10        14        18        22        26      30       34
//!          addresses   │ ─ type  │ version │ ident., │ TTL,    │ source│ destin-│
//!                      │         │ length  │ offset  │ checks. │       │ ation  │
//! ```

use core::arch::x86_64::{
    _mm_cmpeq_epi32, _mm_max_epu8, _mm_min_epu8, _mm_movemask_epi8, _mm_setzero_si128,
    _mm_slli_epi32, _mm_srli_epi32,
};
use core::ptr::NonNull;

use linecard::lookup::Routes4;
use linecard::platform::prefetch_read;
use linecard_linux::memory::{PagePolicy, Table};

use super::columns::{HALF, add, and, greater, halves, or, row, splat, swapped, turn, words, xor};
use super::{BURST, Burst, FROM, Line, TO};
use crate::harness::Contender;
use crate::routing::{FRAME, GATEWAYS, ROUTES};

type Root = [u16; 1 << 24];
type Hops = [(u64, u32); 32];

/// What is known of four headers.
#[derive(Clone, Copy, Default)]
struct Four {
    destinations: [u32; 4],
    /// TTL, protocol and checksum, one hop further.
    aged: [u32; 4],
}

/// The loop over the headers of all flows, in the order of memory or shuffled.
pub(crate) fn contender(name: &'static str, shuffled: bool) -> Result<Contender, String> {
    super::contender(name, shuffled, loop_of_fours()?)
}

/// The loop, where the processor has what it is made of.
fn loop_of_fours() -> Result<impl FnMut(Burst<'_>) -> u32, String> {
    if !is_x86_feature_detected!("avx2") {
        return Err("wants AVX2".to_owned());
    }
    let root = root()?;
    // One hop a gateway: the Ethernet addresses that it writes, the first port's own before all.
    let hops = [(TO, FROM); 32];
    #[allow(unsafe_code)]
    // SAFETY: the processor has AVX2, as was just asked.
    Ok(move |burst: Burst<'_>| unsafe { forward(burst, root, &hops) })
}

/// DIR-24-8 without its second level: of the routes longer than 24 bits it knows the /24 alone.
fn root() -> Result<&'static Root, String> {
    let table = Table::new("floor", 1 << 24, PagePolicy::Prefer, |_| 0_u16);
    let table = table.map_err(|error| error.to_string())?.leak();
    let mut routes: Vec<_> = Routes4::new(1, GATEWAYS).take(ROUTES).collect();
    routes.sort_by_key(|(prefix, _)| prefix.len());
    for (prefix, hop) in routes {
        let first = (prefix.first() >> 8) as usize;
        table[first..][..1 << 24 >> prefix.len().min(24)].fill(hop.index() + 1);
    }
    (&*table).try_into().map_err(|_| "no root".to_owned())
}

/// One burst; gives how many are not to be forwarded.
#[inline(never)]
#[target_feature(enable = "avx2")]
fn forward((lines, next): Burst<'_>, root: &Root, hops: &Hops) -> u32 {
    let mut bad = 0;
    let mut notes = [Four::default(); BURST / 4];
    let (fours, _) = lines.as_chunks_mut::<4>();
    let mut next = next.as_chunks::<4>().0.iter();
    for at in 0..BURST / 4 + AHEAD {
        if let (Some(four), Some(note)) = (fours.get(at), notes.get_mut(at)) {
            bad += look(four.each_ref().map(|line| &**line), note);
            for destination in note.destinations {
                prefetch_read(NonNull::from(entry(root, destination)).cast());
            }
        }
        let Some(before) = at.checked_sub(AHEAD) else {
            continue;
        };
        for line in next.next().into_iter().flatten() {
            prefetch_read(NonNull::from(&**line).cast());
        }
        let note = notes[before];
        let notes = note.destinations.iter().zip(note.aged);
        for (line, (destination, aged)) in fours[before].iter_mut().zip(notes) {
            let (to_from, from) = hops[usize::from(*entry(root, *destination)) % 32];
            line[..8].copy_from_slice(&to_from.to_le_bytes());
            line[8..12].copy_from_slice(&from.to_le_bytes());
            line[22..26].copy_from_slice(&aged.to_le_bytes());
        }
    }
    bad
}

/// RFC 1812, section 5.2.2, as far as the headers alone tell; for us, in frames of [`FRAME`]. Gives how many are not to
/// be forwarded.
#[inline]
#[target_feature(enable = "avx2")]
fn look(lines: [&Line; 4], note: &mut Four) -> u32 {
    let [to_low, to_high, ..] = turn(lines.map(|line| row::<0>(line)));
    let [_, _, types, lengths] = turn(lines.map(|line| row::<2>(line)));
    let [offsets, ages, sources, destinations] = turn(lines.map(|line| row::<18>(line)));
    let (byte, low) = (splat(0xff), splat(0xffff));

    let to = or(
        xor(to_low, splat(TO as u32)),
        and(xor(to_high, splat((TO >> 32) as u32)), low),
    );
    // Ethertype 0x0800, version 4 with 20 bytes of header.
    let kinds = or(
        xor(_mm_srli_epi32::<16>(types), splat(0x0008)),
        and(xor(lengths, splat(0x45)), byte),
    );
    // The header checksum: the sum of ten halves, folded once, is 0xffff.
    let sums = add(
        add(halves(offsets), halves(ages)),
        add(halves(sources), halves(destinations)),
    );
    let sums = add(add(sums, halves(lengths)), splat(10 * HALF));
    let sums = xor(add(_mm_srli_epi32::<16>(sums), and(sums, low)), low);
    // The length has the header in it, and the frame has all of it; the TTL does not become zero.
    let length = _mm_srli_epi32::<16>(swapped(lengths));
    let few = or(
        or(
            greater(splat(20), length),
            greater(length, splat(FRAME as u32 - 14)),
        ),
        greater(splat(2), and(ages, byte)),
    );
    // The first bytes of both addresses are from 1 to 223.
    let first = or(
        and(sources, byte),
        _mm_slli_epi32::<8>(and(destinations, byte)),
    );
    let within = _mm_max_epu8(_mm_min_epu8(first, splat(0xdfdf)), splat(0x0101));
    let wrong = or(or(or(to, kinds), or(sums, few)), xor(within, first));
    let right = _mm_movemask_epi8(_mm_cmpeq_epi32(wrong, _mm_setzero_si128()));

    // RFC 1624: a TTL one less is a checksum one more in its first byte, with the carry.
    let carries = _mm_cmpeq_epi32(or(_mm_srli_epi32::<16>(ages), splat(1)), low);
    let aged = add(add(ages, low), and(carries, splat(0x1_0000)));
    note.aged = words(aged);
    let halves = swapped(destinations);
    let swapped = or(_mm_slli_epi32::<16>(halves), _mm_srli_epi32::<16>(halves));
    note.destinations = words(swapped);
    4 - right.count_ones() / 4
}

fn entry(root: &Root, destination: u32) -> &u16 {
    &root[(destination >> 8) as usize]
}

/// Fours between asking for entries of the table and reading them.
const AHEAD: usize = 2;

#[cfg(test)]
mod tests {
    use super::super::tests::agrees;
    use super::*;
    use crate::peer_router::same_mac;
    use crate::routing::router_stage;

    #[test]
    fn it_sends_what_the_router_sends() {
        // A destination, an ethertype, the version, the total length, the checksum, the TTL.
        let looked_at = [0, 5, 12, 13, 14, 16, 22, 24, 25];
        let stage = router_stage(same_mac).unwrap();
        agrees(stage, loop_of_fours().unwrap(), &looked_at);
    }
}

//! The Internet checksum, in full and incrementally.

use core::hint::black_box;
use core::net::Ipv4Addr;

use linecard::wire::checksum::{self, Delta, Sum};
use smoltcp::wire as smol;

use crate::harness::Contender;
use crate::headers::over;
use crate::peer_packets;

/// The checksum of `LEN` bytes, a unit being one checksum.
///
/// That of 20 bytes is IPv4's header's, whose length a program knows when it is built; the others
/// find it out. The bytes begin at a cache line for every contender, as they do in C.
///
/// # Errors
/// Never.
pub fn of<const LEN: usize>() -> Result<Vec<Contender>, String> {
    let packets: Vec<Vec<u8>> = (0..64)
        .map(|number| (0..LEN).map(|at| (at * 7 + number) as u8).collect())
        .collect();
    let mut contenders = Vec::new();
    if LEN == 20 {
        contenders.push(right("linecard, an IPv4 header", &packets, |bytes| {
            bytes
                .first_chunk()
                .map_or(0, |header| Sum::of_20(header).checksum())
        }));
    }
    contenders.push(right("linecard", &packets, checksum::checksum));
    contenders.push(right("etherparse", &packets, |bytes| {
        let sum = etherparse::checksum::Sum16BitWords::new().add_slice(bytes);
        u16::from_be(sum.ones_complement())
    }));
    contenders.push(right("internet-checksum", &packets, |bytes| {
        u16::from_be_bytes(internet_checksum::checksum(bytes))
    }));
    contenders.push(right("smoltcp", &packets, |bytes| {
        !smol::checksum::data(bytes)
    }));
    peer_packets::add_checksums(&mut contenders, &packets);
    Ok(contenders)
}

/// A checksum after a change of an IPv4 address, a unit being one change.
///
/// # Errors
/// Never.
pub fn incremental() -> Result<Vec<Contender>, String> {
    // The checksum, the old address, the new one.
    let changes: Vec<Vec<u8>> = (0..64u8)
        .map(|number| vec![7, number, 192, 0, 2, number, 198, 51, 100, number])
        .collect();
    fn parts(bytes: &[u8]) -> ([u8; 2], [u8; 4], [u8; 4]) {
        let [a, b, rest @ ..] = bytes else {
            return Default::default();
        };
        let (old, new) = rest.split_at(rest.len() / 2);
        let part = |part: &[u8]| part.first_chunk().copied().unwrap_or_default();
        ([*a, *b], part(old), part(new))
    }
    let ours = |bytes: &[u8]| {
        let (checksum, old, new) = parts(bytes);
        Delta::of_ipv4(Ipv4Addr::from(old), Ipv4Addr::from(new)).apply(u16::from_be_bytes(checksum))
    };
    let theirs = |bytes: &[u8]| {
        let (checksum, old, new) = parts(bytes);
        u16::from_be_bytes(internet_checksum::update(checksum, &old, &new))
    };
    for change in &changes {
        assert_eq!(ours(change), theirs(change), "{change:?}");
    }
    Ok(vec![
        over("linecard", &changes, move |bytes| ours(bytes).into()),
        over("internet-checksum", &changes, move |bytes| {
            theirs(bytes).into()
        }),
    ])
}

/// A contender that is right about all `packets`.
fn right(
    name: &'static str,
    packets: &[Vec<u8>],
    each: impl Fn(&[u8]) -> u16 + 'static,
) -> Contender {
    for packet in packets {
        assert_eq!(each(packet), checksum::checksum(packet), "{name}");
    }
    let packets: Vec<&[u8]> = packets.iter().map(|packet| on_lines(packet)).collect();
    Contender::timed(name, move |units| {
        let mut sum = 0_u32;
        for _ in 0..units.div_ceil(packets.len() as u64) {
            for packet in &packets {
                sum = sum.wrapping_add(each(black_box(*packet)).into());
            }
        }
        black_box(sum);
    })
}

/// The bytes, from a cache line on, for as long as the program runs.
fn on_lines(bytes: &[u8]) -> &'static [u8] {
    const LINE: usize = 64;
    let memory = vec![0; bytes.len() + LINE].leak();
    let at = memory.as_ptr().align_offset(LINE);
    let place = &mut memory[at..][..bytes.len()];
    place.copy_from_slice(bytes);
    place
}

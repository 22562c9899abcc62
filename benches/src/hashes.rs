//! The Toeplitz hash of so many bytes, a unit being one hash.

use core::hint::black_box;

use linecard::wire::rss::{
    MICROSOFT_KEY, RssHash, SYMMETRIC_KEY_WORD, Toeplitz, ToeplitzGfni, ToeplitzSmall,
    ToeplitzSymmetric,
};

use crate::harness::Contender;
use crate::peers::{PeerError, Peers, add_with};

/// Addresses and ports of IPv4.
pub fn toeplitz_12() -> Result<Vec<Contender>, String> {
    Ok(contenders::<12>())
}

/// Addresses and ports of IPv6.
pub fn toeplitz_36() -> Result<Vec<Contender>, String> {
    Ok(contenders::<36>())
}

fn contenders<const N: usize>() -> Vec<Contender> {
    let mut contenders = vec![
        matrices(
            "linecard, matrices, bulk",
            tuples::<N>(),
            |hash, tuples, hashes| {
                hash.hash_bulk(tuples, hashes);
            },
        ),
        matrices(
            "linecard, matrices",
            tuples::<N>(),
            |hash, tuples, hashes| {
                for (tuple, to) in tuples.iter().zip(hashes) {
                    *to = hash.hash(tuple);
                }
            },
        ),
        over("linecard, byte tables", &TABLES, tuples::<N>()),
        over("linecard, nibble tables", &SMALL, tuples::<N>()),
        over("linecard, symmetric key", &SYMMETRIC, tuples::<N>()),
    ];
    for (name, peer) in PEERS {
        add_with(&mut contenders, name, |peers| {
            check::<N>(peers, peer)?;
            Ok(vec![peers.contender(name, peer)])
        });
    }
    contenders
}

/// Libdpdk's functions: bit by bit, and by matrices where the processor multiplies these.
pub const PEERS: [(&str, &str); 3] = [
    ("rte_softrss_be", "hash_soft"),
    ("rte_thash_gfni", "hash_gfni"),
    ("rte_thash_gfni_bulk", "hash_gfni_bulk"),
];

/// Has a peer read our tuples of `N` bytes, and compares its hashes with ours.
///
/// # Errors
/// [`PeerError::Differs`], or as any question to the peers.
pub fn check<const N: usize>(peers: &Peers, peer: &str) -> Result<(), PeerError> {
    let tuples = tuples::<N>();
    let mut input = MICROSOFT_KEY.to_vec();
    input.extend(tuples.as_flattened());
    peers.prepare(peer, Some(&input))?;
    let ours: Vec<u8> = tuples
        .iter()
        .flat_map(|tuple| TABLES.hash(tuple).to_ne_bytes())
        .collect();
    match peers.answer(peer)? == ours {
        true => Ok(()),
        false => Err(PeerError::Differs(format!("{peer}, {N} bytes"))),
    }
}

/// All tuples at once, where the processor multiplies matrices.
fn matrices<const N: usize>(
    name: &'static str,
    tuples: Vec<[u8; N]>,
    work: fn(&ToeplitzGfni, &[[u8; N]], &mut [u32]),
) -> Contender {
    let Some(hash) = ToeplitzGfni::new(&MICROSOFT_KEY) else {
        return Contender::missing(name, "this processor has no GFNI with AVX-512");
    };
    Contender::timed(name, move |units| {
        let mut hashes = [0; TUPLES];
        for _ in 0..units.div_ceil(TUPLES as u64) {
            work(&hash, black_box(&tuples), &mut hashes);
            black_box(&hashes);
        }
    })
}

fn over<const N: usize>(
    name: &'static str,
    hash: &'static impl RssHash,
    tuples: Vec<[u8; N]>,
) -> Contender {
    Contender::timed(name, move |units| {
        for _ in 0..units.div_ceil(TUPLES as u64) {
            for tuple in &tuples {
                black_box(hash.hash(black_box(tuple)));
            }
        }
    })
}

/// As many as the other loops over packets go through in turn.
fn tuples<const N: usize>() -> Vec<[u8; N]> {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random >> 32) as u8
    };
    (0..TUPLES)
        .map(|_| core::array::from_fn(|_| next()))
        .collect()
}

const TUPLES: usize = 64;

static TABLES: Toeplitz = Toeplitz::new(&MICROSOFT_KEY);
static SMALL: ToeplitzSmall = ToeplitzSmall::new(&MICROSOFT_KEY);
static SYMMETRIC: ToeplitzSymmetric = ToeplitzSymmetric::new(SYMMETRIC_KEY_WORD);

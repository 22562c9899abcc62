//! Receive-side scaling: the Toeplitz hash that NICs spread flows by, in software.
//!
//! Each set bit of the input adds (by exclusive or) the 32 bits of the key that start at its place. The
//! input is the addresses and, for TCP, UDP and SCTP, the ports, as they stand in the packet:
//!
//! ```text
//! +----------------+---------------------+-------------+------------------+
//! | source address | destination address | source port | destination port |
//! +----------------+---------------------+-------------+------------------+
//! ```
//!
//! A port whose device gives no hash gets the same one from here, so that flows stay on their cores
//! whatever the driver. Four ways to compute it, for keys that are known when the program is built or
//! when it starts:
//!
//! | | table | look-ups for 12 bytes | keys |
//! |---|---|---|---|
//! | [`Toeplitz`] | 1 KiB per input byte | 12 | any |
//! | [`ToeplitzSmall`] | 128 bytes per input byte | 24 | any |
//! | [`ToeplitzSymmetric`] | 2 KiB | 2 | 16 bits, repeated |
//! | [`ToeplitzGfni`], where the processor can | 320 bytes of matrices | 2 products | any |
//!
//! A key that repeats every 16 bits gives both directions of a flow the same hash
//! ([Woo and Park, 2012](https://www.ndsl.kaist.edu/~kyoungsoo/papers/TR-symRSS.pdf)), as who looks at
//! both needs it. It is also the cheapest, because then all 16-bit words of the input can be added up
//! first.
//!
//! ```
//! use linecard::wire::rss::{MICROSOFT_KEY, RssHash, SYMMETRIC_KEY_WORD, Toeplitz, ToeplitzSymmetric};
//!
//! static AS_THE_NIC_DOES: Toeplitz = Toeplitz::new(&MICROSOFT_KEY);
//! static BOTH_WAYS: ToeplitzSymmetric = ToeplitzSymmetric::new(SYMMETRIC_KEY_WORD);
//!
//! let (server, client) = ([66, 9, 149, 187].into(), [161, 142, 100, 80].into());
//! assert_eq!(AS_THE_NIC_DOES.hash_ipv4(server, client), 0x323e_8fc2);
//! assert_eq!(
//!     BOTH_WAYS.hash_ipv4_l4(server, client, 443, 50_000),
//!     BOTH_WAYS.hash_ipv4_l4(client, server, 50_000, 443),
//! );
//! ```

mod gfni;

pub use gfni::ToeplitzGfni;

use core::net::{Ipv4Addr, Ipv6Addr};

use super::{Kinds, Layers};

/// Length of a key in bytes: 36 of input and 4 more.
pub const KEY_LEN: usize = 40;

/// The most input there is, in bytes: two IPv6 addresses and two ports.
pub const MAX_INPUT: usize = 36;

/// The key of the verification suite, which many devices have by default
/// ([Microsoft, Verifying the RSS Hash Calculation](https://learn.microsoft.com/windows-hardware/drivers/network/verifying-the-rss-hash-calculation)).
pub const MICROSOFT_KEY: [u8; KEY_LEN] = [
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0,
    0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c,
    0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
];

/// What the usual symmetric key repeats.
pub const SYMMETRIC_KEY_WORD: u16 = 0x6d5a;

/// The usual symmetric key, as a NIC is configured with it.
pub const SYMMETRIC_KEY: [u8; KEY_LEN] = {
    let [high, low] = SYMMETRIC_KEY_WORD.to_be_bytes();
    let mut key = [high; KEY_LEN];
    let mut at = 1;
    while at < KEY_LEN {
        key[at] = low;
        at += 2;
    }
    key
};

/// A hash over the addresses and ports of a flow.
///
/// ```
/// use linecard::wire::rss::{MICROSOFT_KEY, RssHash, ToeplitzSmall};
///
/// let hash = ToeplitzSmall::new(&MICROSOFT_KEY);
/// let (source, destination) = ("3ffe:2501:200:1fff::7".parse()?, "3ffe:2501:200:3::1".parse()?);
/// assert_eq!(hash.hash_ipv6_l4(source, destination, 2794, 1766), 0x4020_7d3d);
/// # Ok::<(), core::net::AddrParseError>(())
/// ```
pub trait RssHash {
    /// The hash of these bytes; those past the key's reach ([`MAX_INPUT`]) do not count.
    fn hash<const N: usize>(&self, input: &[u8; N]) -> u32;

    /// The hashes of a slice of inputs, as many as both slices hold; how many that was.
    ///
    /// ```
    /// use linecard::wire::rss::{MICROSOFT_KEY, RssHash, ToeplitzSmall};
    ///
    /// let hash = ToeplitzSmall::new(&MICROSOFT_KEY);
    /// let mut hashes = [0; 8];
    /// assert_eq!(hash.hash_bulk(&[[1; 12], [2; 12]], &mut hashes), 2);
    /// assert_eq!(hashes[..2], [hash.hash(&[1; 12]), hash.hash(&[2; 12])]);
    /// ```
    fn hash_bulk<const N: usize>(&self, inputs: &[[u8; N]], hashes: &mut [u32]) -> usize {
        for (input, hash) in inputs.iter().zip(hashes.iter_mut()) {
            *hash = self.hash(input);
        }
        inputs.len().min(hashes.len())
    }

    /// The hash over the addresses of IPv4.
    #[inline]
    fn hash_ipv4(&self, source: Ipv4Addr, destination: Ipv4Addr) -> u32 {
        self.hash(&concat::<4, 4, 8>(&source.octets(), &destination.octets()))
    }

    /// The hash over the addresses of IPv4 and the ports.
    #[inline]
    fn hash_ipv4_l4(
        &self,
        source: Ipv4Addr,
        destination: Ipv4Addr,
        source_port: u16,
        destination_port: u16,
    ) -> u32 {
        let addresses = concat::<4, 4, 8>(&source.octets(), &destination.octets());
        let ports = concat::<2, 2, 4>(&source_port.to_be_bytes(), &destination_port.to_be_bytes());
        self.hash(&concat::<8, 4, 12>(&addresses, &ports))
    }

    /// The hash over the addresses of IPv6.
    #[inline]
    fn hash_ipv6(&self, source: Ipv6Addr, destination: Ipv6Addr) -> u32 {
        self.hash(&concat::<16, 16, 32>(
            &source.octets(),
            &destination.octets(),
        ))
    }

    /// The hash over the addresses of IPv6 and the ports.
    #[inline]
    fn hash_ipv6_l4(
        &self,
        source: Ipv6Addr,
        destination: Ipv6Addr,
        source_port: u16,
        destination_port: u16,
    ) -> u32 {
        let addresses = concat::<16, 16, 32>(&source.octets(), &destination.octets());
        let ports = concat::<2, 2, 4>(&source_port.to_be_bytes(), &destination_port.to_be_bytes());
        self.hash(&concat::<32, 4, 36>(&addresses, &ports))
    }

    /// The hash of a packet that starts with `bytes` and has these `layers`; `None` if it is not IP.
    ///
    /// The ports count if the packet has TCP, UDP or SCTP and is no fragment: later fragments have no
    /// ports, and the first has to go where they go.
    ///
    /// ```
    /// use linecard::wire::rss::{MICROSOFT_KEY, RssHash, Toeplitz};
    /// use linecard::wire::{Kinds, Layers};
    ///
    /// let hash = Toeplitz::new(&MICROSOFT_KEY);
    /// let mut frame = [0; 42];
    /// frame[26..38].copy_from_slice(&[66, 9, 149, 187, 161, 142, 100, 80, 0x0a, 0xea, 0x06, 0xe6]);
    /// let layers = Layers::new(Kinds::IPV4 | Kinds::UDP, 14, 5);
    /// assert_eq!(hash.hash_layers(&frame, layers), Some(0x51cc_c178));
    /// assert_eq!(hash.hash_layers(&frame, Layers::default()), None);
    /// ```
    #[inline]
    fn hash_layers(&self, bytes: &[u8], layers: Layers) -> Option<u32> {
        let network = bytes.get(layers.l3_offset()..)?;
        let ports = match layers.l4_offset() {
            Some(l4) if has_ports(layers.kinds()) => bytes.get(l4..)?.first_chunk::<4>(),
            _ => None,
        };
        if layers.contains(Kinds::IPV4) {
            // Source and destination are next to each other in both versions.
            let addresses = network.get(12..)?.first_chunk::<8>()?;
            Some(match ports {
                Some(ports) => self.hash(&concat::<8, 4, 12>(addresses, ports)),
                None => self.hash(addresses),
            })
        } else if layers.contains(Kinds::IPV6) {
            let addresses = network.get(8..)?.first_chunk::<32>()?;
            Some(match ports {
                Some(ports) => self.hash(&concat::<32, 4, 36>(addresses, ports)),
                None => self.hash(addresses),
            })
        } else {
            None
        }
    }
}

/// The hash by one look-up per byte of input, for any key: 36 KiB of tables, of which IPv4 touches 12.
///
/// ```
/// use linecard::wire::rss::{MICROSOFT_KEY, RssHash, Toeplitz};
///
/// static HASH: Toeplitz = Toeplitz::new(&MICROSOFT_KEY);
/// let hash = HASH.hash_ipv4_l4([199, 92, 111, 2].into(), [65, 69, 140, 83].into(), 14230, 4739);
/// assert_eq!(hash, 0xc626_b0ea);
/// ```
#[derive(Debug, Clone)]
pub struct Toeplitz {
    /// What each byte adds at each place.
    tables: [[u32; 256]; MAX_INPUT],
}

impl Toeplitz {
    /// The tables for this key. Put them in a `static`: then the compiler makes them.
    #[must_use]
    pub const fn new(key: &[u8; KEY_LEN]) -> Self {
        let mut tables = [[0; 256]; MAX_INPUT];
        let mut at = 0;
        while at < MAX_INPUT {
            let mut byte = 1;
            while byte < 256 {
                // The lowest set bit adds its window to what the rest of the byte adds.
                let lowest = (byte as u8).trailing_zeros() as usize;
                let rest = byte & (byte - 1);
                tables[at][byte] = tables[at][rest] ^ window(key, at * 8 + 7 - lowest);
                byte += 1;
            }
            at += 1;
        }
        Self { tables }
    }
}

impl RssHash for Toeplitz {
    #[inline]
    fn hash<const N: usize>(&self, input: &[u8; N]) -> u32 {
        input
            .iter()
            .zip(&self.tables)
            .fold(0, |hash, (&byte, table)| hash ^ table[usize::from(byte)])
    }
}

/// The hash by two look-ups per byte of input, for any key: 4.5 KiB of tables.
///
/// ```
/// use linecard::wire::rss::{MICROSOFT_KEY, RssHash, ToeplitzSmall};
///
/// static HASH: ToeplitzSmall = ToeplitzSmall::new(&MICROSOFT_KEY);
/// let hash = HASH.hash_ipv4([38, 27, 205, 30].into(), [209, 142, 163, 6].into());
/// assert_eq!(hash, 0x8298_9176);
/// ```
#[derive(Debug, Clone)]
pub struct ToeplitzSmall {
    /// What the upper and the lower half of each byte add at each place.
    tables: [[[u32; 16]; 2]; MAX_INPUT],
}

impl ToeplitzSmall {
    /// The tables for this key.
    #[must_use]
    pub const fn new(key: &[u8; KEY_LEN]) -> Self {
        let mut tables = [[[0; 16]; 2]; MAX_INPUT];
        let mut at = 0;
        while at < MAX_INPUT * 2 {
            let mut nibble = 1;
            while nibble < 16 {
                let lowest = (nibble as u8).trailing_zeros() as usize;
                let rest = nibble & (nibble - 1);
                let table = &mut tables[at / 2][at % 2];
                table[nibble] = table[rest] ^ window(key, at * 4 + 3 - lowest);
                nibble += 1;
            }
            at += 1;
        }
        Self { tables }
    }
}

impl RssHash for ToeplitzSmall {
    #[inline]
    fn hash<const N: usize>(&self, input: &[u8; N]) -> u32 {
        // Two sums, so that the look-ups of one need not wait for those of the other.
        let (upper, lower) =
            input
                .iter()
                .zip(&self.tables)
                .fold((0, 0), |(high, low), (&byte, [upper, lower])| {
                    (
                        high ^ upper[usize::from(byte >> 4)],
                        low ^ lower[usize::from(byte & 0x0f)],
                    )
                });
        upper ^ lower
    }
}

/// The hash for a key that repeats a word of 16 bits: the same for both directions of a flow.
///
/// Two bits of the input that are 16 places apart add the same, so that the words of the input are
/// added up first and only their sum is looked up.
///
/// ```
/// use linecard::wire::rss::{RssHash, SYMMETRIC_KEY, SYMMETRIC_KEY_WORD, Toeplitz, ToeplitzSymmetric};
///
/// let input = [10, 0, 0, 1, 192, 168, 0, 7, 0x12, 0x34, 0x01, 0xbb];
/// let fast = ToeplitzSymmetric::new(SYMMETRIC_KEY_WORD).hash(&input);
/// assert_eq!(fast, Toeplitz::new(&SYMMETRIC_KEY).hash(&input));
/// ```
#[derive(Debug, Clone)]
pub struct ToeplitzSymmetric {
    /// What the first and the second byte of a word add.
    tables: [[u32; 256]; 2],
}

impl ToeplitzSymmetric {
    /// The tables for the key that repeats `word`.
    #[must_use]
    pub const fn new(word: u16) -> Self {
        let twice = (word as u32) << 16 | word as u32;
        let mut tables = [[0; 256]; 2];
        let mut at = 0;
        while at < 2 {
            let mut byte = 1;
            while byte < 256 {
                let lowest = (byte as u8).trailing_zeros();
                let rest = byte & (byte - 1);
                let place = at as u32 * 8 + 7 - lowest;
                tables[at][byte] = tables[at][rest] ^ twice.rotate_left(place);
                byte += 1;
            }
            at += 1;
        }
        Self { tables }
    }
}

impl RssHash for ToeplitzSymmetric {
    #[inline]
    fn hash<const N: usize>(&self, input: &[u8; N]) -> u32 {
        let bounded = input.get(..MAX_INPUT).unwrap_or(input);
        let (words, rest) = bounded.as_chunks::<4>();
        let sum = words
            .iter()
            .fold(0, |sum, word| sum ^ u32::from_be_bytes(*word));
        let mut last = [0; 4];
        for (place, &byte) in last.iter_mut().zip(rest) {
            *place = byte;
        }
        let sum = sum ^ u32::from_be_bytes(last);
        let [first, second] = ((sum >> 16 ^ sum) as u16).to_be_bytes();
        self.tables[0][usize::from(first)] ^ self.tables[1][usize::from(second)]
    }
}

/// The 32 bits of the key that start at bit `at`, the first bit being the highest of the first byte.
const fn window(key: &[u8; KEY_LEN], at: usize) -> u32 {
    let mut bits = 0u64;
    let mut byte = 0;
    while byte < 5 {
        // The last window of all ends with the key.
        let next = if at / 8 + byte < KEY_LEN {
            key[at / 8 + byte]
        } else {
            0
        };
        bits = bits << 8 | next as u64;
        byte += 1;
    }
    (bits >> (8 - at % 8)) as u32
}

/// Protocols whose header starts with two ports, in packets that have that header whole.
#[inline]
const fn has_ports(kinds: Kinds) -> bool {
    kinds.intersects(Kinds::TCP.union(Kinds::UDP).union(Kinds::SCTP))
        && !kinds.contains(Kinds::FRAGMENT)
}

/// Two arrays behind each other.
#[inline(always)]
fn concat<const A: usize, const B: usize, const N: usize>(a: &[u8; A], b: &[u8; B]) -> [u8; N] {
    const { assert!(A + B == N) };
    let mut both = [0; N];
    let (first, second) = both.split_at_mut(A);
    first.copy_from_slice(a);
    second.copy_from_slice(b);
    both
}

#[cfg(test)]
#[path = "tests/rss.rs"]
mod tests;

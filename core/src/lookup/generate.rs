//! Routes out of nothing: tables of any size that look like the Internet's, the same every time.
//!
//! For benches, demonstrations and tests where no real table is at hand. Lengths come in the
//! shares that they have in a full table of 901,899 IPv4 and 160,147 IPv6 prefixes; no
//! prefix comes twice.

use super::{NextHop, Prefix4, Prefix6};

/// Distinct IPv4 routes, none of them for private, loopback, link-local or multicast addresses.
///
/// ```
/// use linecard::lookup::Routes4;
///
/// let routes: Vec<_> = Routes4::new(1, 16).take(1000).collect();
/// assert!(routes.iter().all(|(_, hop)| hop.index() < 16));
/// let slash24s = routes.iter().filter(|(prefix, _)| prefix.len() == 24).count();
/// assert!((500..700).contains(&slash24s));
/// assert!(Routes4::new(1, 16).take(1000).eq(routes));
/// ```
#[derive(Clone, Debug)]
pub struct Routes4 {
    random: XorShift,
    hops: u16,
    /// By length: how many prefixes were passed or skipped.
    used: [u64; 33],
}

/// Distinct IPv6 routes: registries' blocks, in them networks of /32 and about, in every fourth
/// of those longer prefixes.
///
/// ```
/// use linecard::lookup::Routes6;
///
/// let routes: Vec<_> = Routes6::new(1, 4).take(1000).collect();
/// assert!(routes.iter().all(|(prefix, _)| prefix.first() >> 125 == 0b001 && prefix.len() <= 64));
/// let slash48s = routes.iter().filter(|(prefix, _)| prefix.len() == 48).count();
/// assert!((400..600).contains(&slash48s));
/// ```
#[derive(Clone, Debug)]
pub struct Routes6 {
    random: XorShift,
    hops: u16,
    used: [u64; 65],
}

impl Routes4 {
    /// Routes to next hops 0 to `hops - 1`, of which there are at least one; another `seed`
    /// gives others.
    pub const fn new(seed: u64, hops: u16) -> Self {
        Self {
            random: XorShift::new(seed),
            hops,
            used: [0; 33],
        }
    }

    fn prefix(&mut self, len: u8) -> Option<Prefix4> {
        let used = self.used.get_mut(usize::from(len))?;
        while *used >> len == 0 {
            let bits = shuffle(*used, u32::from(len)) as u32;
            *used += 1;
            let prefix = Prefix4::new(bits.checked_shl(32 - u32::from(len))?, len).ok()?;
            let reserved =
                |&(first, last): &(u32, u32)| prefix.first() <= last && first <= prefix.last();
            if !RESERVED.iter().any(reserved) {
                return Some(prefix);
            }
        }
        None
    }
}

impl Routes6 {
    /// Routes to next hops 0 to `hops - 1`, of which there are at least one; another `seed`
    /// gives others.
    pub const fn new(seed: u64, hops: u16) -> Self {
        Self {
            random: XorShift::new(seed),
            hops,
            used: [0; 65],
        }
    }

    /// A block's 12 bits, a network's 20, and for the longer ones some bits within it.
    fn prefix(&mut self, len: u8) -> Option<Prefix6> {
        let used = self.used.get_mut(usize::from(len))?;
        let index = *used;
        *used += 1;
        let block = BLOCKS.get(index as usize % BLOCKS.len())?;
        let index = index / BLOCKS.len() as u64;
        let bits = u32::from(len);
        let tail = if bits <= 32 {
            let free = bits.checked_sub(12)?;
            (index >> free == 0).then(|| shuffle(index, free) << (20 - free) << 32)?
        } else {
            // A few prefixes in each of 2^11 networks of the block, then more in each.
            let network = shuffle(shuffle(index % (1 << 11), 11), 20);
            let within = (bits - 32).min(12);
            let low = index >> 11;
            (low >> within == 0).then(|| network << 32 | shuffle(low, within) << (64 - bits))?
        };
        Prefix6::new(u128::from(block << 52 | tail) << 64, len).ok()
    }
}

impl Iterator for Routes4 {
    type Item = (Prefix4, NextHop);

    /// `None` when lengths drawn ten times in a row are used up, which takes millions of routes.
    fn next(&mut self) -> Option<Self::Item> {
        for _ in 0..10 {
            let len = self.random.draw(&LENGTHS4);
            if let Some(prefix) = self.prefix(len) {
                return Some((prefix, self.random.hop(self.hops)?));
            }
        }
        None
    }
}

impl Iterator for Routes6 {
    type Item = (Prefix6, NextHop);

    /// `None` when lengths drawn ten times in a row are used up, which takes millions of routes.
    fn next(&mut self) -> Option<Self::Item> {
        for _ in 0..10 {
            let len = self.random.draw(&LENGTHS6);
            if let Some(prefix) = self.prefix(len) {
                return Some((prefix, self.random.hop(self.hops)?));
            }
        }
        None
    }
}

/// xorshift64*: George Marsaglia, "Xorshift RNGs", with a multiplication at the end.
#[derive(Clone, Debug)]
struct XorShift(u64);

impl XorShift {
    const fn new(seed: u64) -> Self {
        Self(if seed == 0 { 1 } else { seed })
    }

    fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        ((high * u64::from(bound)) >> 32) as u32
    }

    /// A length by its share.
    fn draw(&mut self, lengths: &[(u8, u32)]) -> u8 {
        let mut left = self.below(lengths.iter().map(|(_, share)| share).sum());
        for (len, share) in lengths {
            match left.checked_sub(*share) {
                Some(rest) => left = rest,
                None => return *len,
            }
        }
        0
    }

    fn hop(&mut self, hops: u16) -> Option<NextHop> {
        NextHop::new(self.below(u32::from(hops.min(NextHop::MAX))) as u16).ok()
    }
}

/// A permutation of the numbers of `bits` bits: an odd multiplier and a shift-xor are each
/// invertible.
fn shuffle(index: u64, bits: u32) -> u64 {
    let mask = (1u64 << bits) - 1;
    let half = bits.div_ceil(2);
    let mut index = index.wrapping_mul(0x9e37_79b9_7f4a_7c15) & mask;
    index ^= index >> half;
    index = index.wrapping_mul(0xd6e8_feb8_6659_fd93) & mask;
    index ^ index >> half
}

/// Length and share of IPv4 prefixes: the number of them in a full table.
const LENGTHS4: [(u8, u32); 25] = [
    (8, 16),
    (9, 13),
    (10, 38),
    (11, 103),
    (12, 299),
    (13, 581),
    (14, 1_203),
    (15, 2_100),
    (16, 13_490),
    (17, 8_235),
    (18, 13_798),
    (19, 24_870),
    (20, 42_611),
    (21, 50_750),
    (22, 108_623),
    (23, 96_510),
    (24, 537_698),
    (25, 20),
    (26, 3),
    (27, 11),
    (28, 18),
    (29, 17),
    (30, 3),
    (31, 3),
    (32, 886),
];

/// The same for IPv6; the few between /49 and /63 and beyond /64 count as /64.
const LENGTHS6: [(u8, u32); 29] = [
    (20, 16),
    (21, 3),
    (22, 7),
    (23, 8),
    (24, 30),
    (25, 8),
    (26, 15),
    (27, 20),
    (28, 193),
    (29, 4_371),
    (30, 650),
    (31, 284),
    (32, 22_548),
    (33, 2_926),
    (34, 2_603),
    (35, 1_043),
    (36, 5_996),
    (37, 880),
    (38, 1_617),
    (39, 1_377),
    (40, 13_418),
    (41, 903),
    (42, 2_301),
    (43, 1_001),
    (44, 14_365),
    (45, 1_553),
    (46, 3_039),
    (48, 78_641),
    (64, 320),
];

/// First and last addresses that no public route is for: "this network", private, shared,
/// loopback, link-local, multicast and above (IANA IPv4 special-purpose registry).
const RESERVED: [(u32, u32); 8] = [
    (0x0000_0000, 0x00ff_ffff),
    (0x0a00_0000, 0x0aff_ffff),
    (0x6440_0000, 0x647f_ffff),
    (0x7f00_0000, 0x7fff_ffff),
    (0xa9fe_0000, 0xa9fe_ffff),
    (0xac10_0000, 0xac1f_ffff),
    (0xc0a8_0000, 0xc0a8_ffff),
    (0xe000_0000, 0xffff_ffff),
];

/// The blocks that the regional registries allocate from (IANA IPv6 unicast assignments), 12
/// bits each.
const BLOCKS: [u64; 6] = [0x240, 0x260, 0x280, 0x2a0, 0x2a1, 0x2c0];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_million_routes_are_distinct_and_public() {
        let mut seen = BTreeSet::new();
        for (prefix, hop) in Routes4::new(7, 200).take(1_000_000) {
            assert!(seen.insert(prefix), "{prefix} twice");
            assert!(hop.index() < 200);
            for (first, last) in RESERVED {
                assert!(
                    prefix.last() < first || last < prefix.first(),
                    "{prefix} is reserved"
                );
            }
        }
        assert_eq!(seen.len(), 1_000_000);
    }

    #[test]
    fn half_a_million_ipv6_routes_are_distinct() {
        let prefixes: BTreeSet<_> = Routes6::new(7, 200)
            .take(500_000)
            .map(|(prefix, _)| prefix)
            .collect();
        assert_eq!(prefixes.len(), 500_000);
    }

    #[test]
    fn shuffling_permutes() {
        for bits in [1, 2, 3, 8, 13] {
            let all: BTreeSet<_> = (0..1 << bits).map(|index| shuffle(index, bits)).collect();
            assert_eq!(all.len(), 1 << bits);
            assert_eq!(all.last(), Some(&((1 << bits) - 1)));
        }
    }
}

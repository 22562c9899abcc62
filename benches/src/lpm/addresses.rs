//! The addresses that are looked up.

use linecard::lookup::NextHop;

use super::Family;

/// Which addresses are looked up.
#[derive(Debug, Clone, Copy)]
pub enum Addresses {
    /// Any.
    Uniform,
    /// In a route.
    Routed,
    /// Few of those, some much more often than others.
    Zipf,
}

/// The addresses that are asked for, in a random order that is the same every time.
pub(super) fn draw<P: Family>(addresses: Addresses, routes: &[(P, NextHop)]) -> Vec<P::Address> {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random.wrapping_mul(0x2545_f491_4f6c_dd1d)
    };
    let below = |random: u64, bound: usize| (((random >> 32) * bound as u64) >> 32) as usize;
    let within = |route: usize, random: u64| routes[route].0.within(random);
    let destinations: Vec<(usize, u64)> = (0..DESTINATIONS)
        .map(|_| (below(next(), routes.len()), next()))
        .collect();
    let mut sum = 0.0;
    let shares: Vec<f64> = (1..=DESTINATIONS)
        .map(|rank| {
            sum += 1.0 / rank as f64;
            sum
        })
        .collect();
    (0..ASKED)
        .map(|_| match addresses {
            Addresses::Uniform => P::any(next()),
            Addresses::Routed => within(below(next(), routes.len()), next()),
            Addresses::Zipf => {
                let share = next() as f64 / u64::MAX as f64 * sum;
                let rank = shares.partition_point(|&up_to| up_to < share);
                let (route, host) = destinations[rank.min(DESTINATIONS - 1)];
                within(route, host)
            }
        })
        .collect()
}

/// Addresses that are asked for before they come again.
const ASKED: usize = 1 << 18;

/// Destinations of the Zipf distribution.
const DESTINATIONS: usize = 8192;

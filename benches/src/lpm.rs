//! Longest-prefix match: look-ups and updates, in tables of generated routes.
//!
//! | addresses | |
//! |---|---|
//! | uniform | any, as of a scan |
//! | routed | in a route, every route as often |
//! | zipf | 8,192 of those, the k-th one 1/k as often as the first |
//!
//! Every contender gives the same next hop for every address, which is made sure of first.

use core::hint::black_box;

use ip_network_table_deps_treebitmap::IpLookupTable;
use linecard::lookup::{
    CacheLine, Lpm4, Lpm4Config, Lpm6, Lpm6Config, NextHop, Prefix4, Prefix6, Routes4, Routes6,
};
use linecard_linux::memory::{PagePolicy, Table};
use prefix_trie::PrefixMap;

use crate::harness::Contender;
use crate::peer_lookups;

/// Routes of both tables, and where they lead.
const ROUTES_4: usize = 500_000;
const ROUTES_6: usize = 100_000;
const HOPS: u16 = 200;

/// Which addresses are looked up.
#[derive(Debug, Clone, Copy)]
enum Addresses {
    Uniform,
    Routed,
    Zipf,
}

/// IPv4, any address.
///
/// # Errors
/// There is no memory for the tables.
pub fn ipv4_uniform() -> Result<Vec<Contender>, String> {
    ipv4(Addresses::Uniform)
}

/// IPv4, addresses in routes.
///
/// # Errors
/// There is no memory for the tables.
pub fn ipv4_routed() -> Result<Vec<Contender>, String> {
    ipv4(Addresses::Routed)
}

/// IPv4, few destinations.
///
/// # Errors
/// There is no memory for the tables.
pub fn ipv4_zipf() -> Result<Vec<Contender>, String> {
    ipv4(Addresses::Zipf)
}

/// IPv6, addresses in routes.
///
/// # Errors
/// There is no memory for the tables.
pub fn ipv6_routed() -> Result<Vec<Contender>, String> {
    ipv6(Addresses::Routed)
}

/// IPv6, few destinations.
///
/// # Errors
/// There is no memory for the tables.
pub fn ipv6_zipf() -> Result<Vec<Contender>, String> {
    ipv6(Addresses::Zipf)
}

fn ipv4(addresses: Addresses) -> Result<Vec<Contender>, String> {
    let routes = routes_4();
    let (table, memory) = table_4(&routes)?;
    let reader = table.reader();
    let behind = |number: usize, random: u64| {
        let (prefix, _) = routes[number];
        let host = u32::MAX.checked_shr(prefix.len().into()).unwrap_or(0);
        prefix.first() | random as u32 & host
    };
    let asked = leak(draw(
        addresses,
        routes.len(),
        |random| random as u32,
        behind,
    ));
    let right: Vec<u32> = asked.iter().map(|at| hop(reader.lookup(*at))).collect();
    let mut bulk = [None; BULK];
    let name = format!("linecard, bulk 32, {} MiB", memory >> 20).leak();
    let ours = over(name, asked, &right, move |chunk, answers| {
        reader.lookup_bulk(chunk, &mut bulk);
        for (answer, hop_there) in answers.iter_mut().zip(&bulk) {
            *answer = hop(*hop_there);
        }
    });
    let single = over(
        "linecard, one by one",
        asked,
        &right,
        move |chunk, answers| {
            for (answer, address) in answers.iter_mut().zip(chunk) {
                *answer = hop(reader.lookup(*address));
            }
        },
    );
    let mut trie = PrefixMap::<(u32, u8), u32>::new();
    let mut bitmap = IpLookupTable::<core::net::Ipv4Addr, u32>::new();
    for (prefix, hop) in &routes {
        let (first, len, hop) = (prefix.first(), prefix.len(), u32::from(hop.index()) + 1);
        trie.insert((first, len), hop);
        bitmap.insert(first.into(), len.into(), hop);
    }
    let mut contenders = vec![
        ours,
        single,
        each("prefix-trie", asked, &right, move |address| {
            trie.get_lpm(&(address, 32)).map(|(_, hop)| *hop)
        }),
        each("treebitmap", asked, &right, move |address| {
            let found = bitmap.longest_match(address.into());
            found.map(|(_, _, hop)| *hop)
        }),
    ];
    peer_lookups::add4(&mut contenders, &routes, asked, |at| reader.lookup(at));
    Ok(contenders)
}

fn ipv6(addresses: Addresses) -> Result<Vec<Contender>, String> {
    let routes: Vec<_> = Routes6::new(1, HOPS).take(ROUTES_6).collect();
    let config = Lpm6Config {
        routes: ROUTES_6 + 16,
        wide_nodes: 2048,
        nodes: 100_000,
    };
    let lines = lines(config.lines())?;
    let mut table = Lpm6::new(config, lines).map_err(|error| error.to_string())?;
    for (prefix, hop) in &routes {
        table
            .insert(*prefix, *hop)
            .map_err(|error| error.to_string())?;
    }
    let reader = table.reader();
    let behind = |number: usize, random: u64| {
        let (prefix, _): (Prefix6, _) = routes[number];
        let host = u128::MAX.checked_shr(prefix.len().into()).unwrap_or(0);
        prefix.first() | (u128::from(random) << 64 | u128::from(random)) & host
    };
    let any = |random: u64| u128::from(random) << 64;
    let asked = leak(draw(addresses, routes.len(), any, behind));
    let right: Vec<u32> = asked.iter().map(|at| hop(reader.lookup(*at))).collect();
    let mut bulk = [None; BULK];
    let memory = config.lines() * CacheLine::SIZE;
    let name = format!("linecard, bulk 32, {} MiB", memory >> 20).leak();
    let ours = over(name, asked, &right, move |chunk, answers| {
        reader.lookup_bulk(chunk, &mut bulk);
        for (answer, hop_there) in answers.iter_mut().zip(&bulk) {
            *answer = hop(*hop_there);
        }
    });
    let mut trie = PrefixMap::<(u128, u8), u32>::new();
    let mut bitmap = IpLookupTable::<core::net::Ipv6Addr, u32>::new();
    for (prefix, hop) in &routes {
        let (first, len, hop) = (prefix.first(), prefix.len(), u32::from(hop.index()) + 1);
        trie.insert((first, len), hop);
        bitmap.insert(first.into(), len.into(), hop);
    }
    let mut contenders = vec![
        ours,
        each("prefix-trie", asked, &right, move |address| {
            trie.get_lpm(&(address, 128)).map(|(_, hop)| *hop)
        }),
        each("treebitmap", asked, &right, move |address| {
            let found = bitmap.longest_match(address.into());
            found.map(|(_, _, hop)| *hop)
        }),
    ];
    peer_lookups::add6(&mut contenders, &routes, asked, |at| reader.lookup(at));
    Ok(contenders)
}

/// A route out of the full IPv4 table and in again, a unit being both.
///
/// # Errors
/// There is no memory for the tables.
pub fn ipv4_update() -> Result<Vec<Contender>, String> {
    let routes: &'static [_] = leak(routes_4());
    let (mut table, _) = table_4(routes)?;
    let mut trie = PrefixMap::<(u32, u8), u32>::new();
    let mut bitmap = IpLookupTable::<core::net::Ipv4Addr, u32>::new();
    for (prefix, hop) in routes {
        let (first, len, hop) = (prefix.first(), prefix.len(), u32::from(hop.index()) + 1);
        trie.insert((first, len), hop);
        bitmap.insert(first.into(), len.into(), hop);
    }
    Ok(vec![
        flapping("linecard", routes, move |prefix, hop| {
            table.remove(prefix).is_ok() && table.insert(prefix, hop) == Ok(None)
        }),
        flapping("prefix-trie", routes, move |prefix, hop| {
            let key = (prefix.first(), prefix.len());
            let hop = u32::from(hop.index()) + 1;
            trie.remove(&key).is_some() && trie.insert(key, hop).is_none()
        }),
        flapping("treebitmap", routes, move |prefix, hop| {
            let (first, len) = (prefix.first().into(), prefix.len().into());
            let hop = u32::from(hop.index()) + 1;
            bitmap.remove(first, len).is_some() && bitmap.insert(first, len, hop).is_none()
        }),
    ])
}

fn flapping(
    name: &'static str,
    routes: &'static [(Prefix4, NextHop)],
    mut flap: impl FnMut(Prefix4, NextHop) -> bool + 'static,
) -> Contender {
    let mut next = routes.iter().step_by(FLAP_STRIDE).cycle();
    Contender::timed(name, move |units| {
        for _ in 0..units {
            let Some((prefix, hop)) = next.next() else {
                return;
            };
            assert!(flap(*prefix, *hop), "{name}: {prefix} was not there");
        }
    })
}

fn routes_4() -> Vec<(Prefix4, NextHop)> {
    Routes4::new(1, HOPS).take(ROUTES_4).collect()
}

/// The table of these routes, and its bytes.
fn table_4(routes: &[(Prefix4, NextHop)]) -> Result<(Lpm4<'static>, usize), String> {
    let config = Lpm4Config {
        routes: ROUTES_4 + 16,
        nodes: 8192,
    };
    let lines = lines(config.lines())?;
    let mut table = Lpm4::new(config, lines).map_err(|error| error.to_string())?;
    for (prefix, hop) in routes {
        table
            .insert(*prefix, *hop)
            .map_err(|error| error.to_string())?;
    }
    Ok((table, config.lines() * CacheLine::SIZE))
}

fn lines(count: usize) -> Result<&'static mut [CacheLine], String> {
    let lines = Table::new("routes", count, PagePolicy::Prefer, |_| CacheLine::ZERO);
    Ok(lines.map_err(|error| error.to_string())?.leak())
}

/// The addresses that are asked for, in a random order that is the same every time.
fn draw<A>(
    addresses: Addresses,
    routes: usize,
    any: impl Fn(u64) -> A,
    behind: impl Fn(usize, u64) -> A,
) -> Vec<A> {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random.wrapping_mul(0x2545_f491_4f6c_dd1d)
    };
    let below = |random: u64, bound: usize| (((random >> 32) * bound as u64) >> 32) as usize;
    let destinations: Vec<(usize, u64)> = (0..DESTINATIONS)
        .map(|_| (below(next(), routes), next()))
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
            Addresses::Uniform => any(next()),
            Addresses::Routed => behind(below(next(), routes), next()),
            Addresses::Zipf => {
                let share = next() as f64 / u64::MAX as f64 * sum;
                let rank = shares.partition_point(|&up_to| up_to < share);
                let (route, host) = destinations[rank.min(DESTINATIONS - 1)];
                behind(route, host)
            }
        })
        .collect()
}

/// A contender that answers for one address.
fn each<A: Copy>(
    name: &'static str,
    asked: &'static [A],
    right: &[u32],
    lookup: impl Fn(A) -> Option<u32> + 'static,
) -> Contender {
    over(name, asked, right, move |chunk, answers| {
        for (answer, address) in answers.iter_mut().zip(chunk) {
            *answer = lookup(*address).unwrap_or(0);
        }
    })
}

/// A contender that answers for 32 addresses, and gives what is right: next hops counted from 1,
/// 0 being none.
fn over<A: Copy>(
    name: &'static str,
    asked: &'static [A],
    right: &[u32],
    mut lookup: impl FnMut(&[A; BULK], &mut [u32; BULK]) + 'static,
) -> Contender {
    let (chunks, _) = asked.as_chunks::<BULK>();
    let mut answers = [0; BULK];
    for (chunk, right) in chunks.iter().zip(right.as_chunks::<BULK>().0) {
        lookup(chunk, &mut answers);
        assert_eq!(answers, *right, "{name}");
    }
    // A turn goes on where the last one ended: all addresses are asked for.
    let mut next = chunks.iter().cycle();
    Contender::timed(name, move |units| {
        for chunk in next.by_ref().take(units.div_ceil(BULK as u64) as usize) {
            lookup(black_box(chunk), &mut answers);
            black_box(&answers);
        }
    })
}

fn hop(answer: Option<NextHop>) -> u32 {
    answer.map_or(0, |hop| u32::from(hop.index()) + 1)
}

fn leak<T>(values: Vec<T>) -> &'static [T] {
    values.leak()
}

const BULK: usize = 32;

/// Addresses that are asked for before they come again.
const ASKED: usize = 1 << 18;

/// Destinations of the Zipf distribution.
const DESTINATIONS: usize = 8192;

/// Which routes go and come: each so many-th.
const FLAP_STRIDE: usize = 7;

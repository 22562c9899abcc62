//! Longest-prefix match: look-ups and updates.
//!
//! | addresses | |
//! |---|---|
//! | uniform | any, as of a scan |
//! | routed | in a route, every route as often |
//! | zipf | 8,192 of those, the k-th one 1/k as often as the first |
//!
//! Routes are generated, or the Internet's where `LINECARD_DATA` names the folder that has them. Every
//! contender gives the same next hop for every address, which is made sure of first.

mod addresses;
mod crates;
mod family;
mod ours;

use core::hint::black_box;

use linecard::lookup::{NextHop, Prefix4, Prefix6};

pub use self::addresses::Addresses;
use self::addresses::draw;
pub use self::family::{Family, Source};
use crate::harness::Contender;
use crate::peer_lookups;

/// Look-ups in a table of the family's: which addresses, in which routes.
///
/// # Errors
/// There is no memory for the tables, or no Internet table.
pub fn lookups<P: Family>(addresses: Addresses, source: Source) -> Result<Vec<Contender>, String> {
    let routes: &'static [(P, NextHop)] = source.routes::<P>()?.leak();
    let asked: &'static [P::Address] = draw::<P>(addresses, routes).leak();
    let ours = P::ours(routes)?;
    let Some(first) = ours.first() else {
        return Err("no table".to_owned());
    };
    let answers: Vec<Option<NextHop>> = asked.iter().map(|at| (first.lookup)(*at)).collect();
    let right: Vec<u32> = answers.iter().map(|answer| hop(*answer)).collect();
    let right: &'static [u32] = right.leak();
    let mut contenders = Vec::new();
    for table in ours {
        let (name, mib) = (table.name, table.bytes >> 20);
        let bulk = format!("{name}, bulk 32, {mib} MiB").leak();
        contenders.push(over(bulk, asked, right, table.bulk, hop));
        let single = format!("{name}, one by one").leak();
        contenders.push(over(single, asked, right, table.one_by_one, hop));
    }
    for (name, fill) in crates::lookups::<P>() {
        contenders.push(Contender::lazy(name, move || {
            Ok(over(name, asked, right, fill(routes), |hop| hop))
        }));
    }
    peer_lookups::add(&mut contenders, routes, asked, &answers);
    Ok(contenders)
}

/// A route out of a full table and in again, a unit being both.
///
/// # Errors
/// As [`lookups`].
pub fn updates<P: Family>(source: Source) -> Result<Vec<Contender>, String> {
    let routes: &'static [(P, NextHop)] = source.routes::<P>()?.leak();
    let mut contenders = Vec::new();
    for table in P::ours(routes)? {
        contenders.push(flapping(table.name, routes, table.flap));
    }
    for (name, fill) in crates::flaps::<P>() {
        contenders.push(Contender::lazy(name, move || {
            Ok(flapping(name, routes, fill(routes)))
        }));
    }
    peer_lookups::add_updating(&mut contenders, routes);
    Ok(contenders)
}

macro_rules! scenarios {
    ($($(#[$doc:meta])* $name:ident: $run:ident::<$family:ty>($($argument:expr),+);)+) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// There is no memory for the tables, or no Internet table.
        pub fn $name() -> Result<Vec<Contender>, String> {
            $run::<$family>($($argument),+)
        }
    )+};
}

scenarios! {
    /// IPv4, any address.
    ipv4_uniform: lookups::<Prefix4>(Addresses::Uniform, Source::Generated);
    /// IPv4, addresses in routes.
    ipv4_routed: lookups::<Prefix4>(Addresses::Routed, Source::Generated);
    /// IPv4, few destinations.
    ipv4_zipf: lookups::<Prefix4>(Addresses::Zipf, Source::Generated);
    /// IPv4, a route comes and goes.
    ipv4_update: updates::<Prefix4>(Source::Generated);
    /// The Internet's IPv4 routes, any address.
    internet4_uniform: lookups::<Prefix4>(Addresses::Uniform, Source::Internet);
    /// The Internet's IPv4 routes, addresses in them.
    internet4_routed: lookups::<Prefix4>(Addresses::Routed, Source::Internet);
    /// The Internet's IPv4 routes, few destinations.
    internet4_zipf: lookups::<Prefix4>(Addresses::Zipf, Source::Internet);
    /// The Internet's IPv4 routes, one comes and goes.
    internet4_update: updates::<Prefix4>(Source::Internet);
    /// IPv6, addresses in routes.
    ipv6_routed: lookups::<Prefix6>(Addresses::Routed, Source::Generated);
    /// IPv6, few destinations.
    ipv6_zipf: lookups::<Prefix6>(Addresses::Zipf, Source::Generated);
    /// IPv6, a route comes and goes.
    ipv6_update: updates::<Prefix6>(Source::Generated);
    /// The Internet's IPv6 routes, any address of 2000::/3.
    internet6_uniform: lookups::<Prefix6>(Addresses::Uniform, Source::Internet);
    /// The Internet's IPv6 routes, addresses in them.
    internet6_routed: lookups::<Prefix6>(Addresses::Routed, Source::Internet);
    /// The Internet's IPv6 routes, few destinations.
    internet6_zipf: lookups::<Prefix6>(Addresses::Zipf, Source::Internet);
    /// The Internet's IPv6 routes, one comes and goes.
    internet6_update: updates::<Prefix6>(Source::Internet);
}

/// Answers for 32 addresses, in the table's own form.
type Lookups<A, H> = Box<dyn FnMut(&[A; BULK], &mut [H; BULK])>;

/// Takes a route out and puts it in again; whether it was there.
type Flap<P> = Box<dyn FnMut(P, NextHop) -> bool>;

/// Look-ups by one that answers for one address.
fn each<A: Copy + 'static, H: 'static>(lookup: impl Fn(A) -> H + 'static) -> Lookups<A, H> {
    Box::new(move |chunk, answers| {
        for (answer, address) in answers.iter_mut().zip(chunk) {
            *answer = lookup(*address);
        }
    })
}

/// A contender that answers for 32 addresses, and gives what is right: next hops counted from 1, 0 being
/// none, as `hop` makes them of its answers.
fn over<A: Copy, H: Copy + Default + 'static>(
    name: &'static str,
    asked: &'static [A],
    right: &[u32],
    mut lookups: Lookups<A, H>,
    hop: impl Fn(H) -> u32,
) -> Contender {
    let (chunks, _) = asked.as_chunks::<BULK>();
    let mut answers = [H::default(); BULK];
    for (chunk, right) in chunks.iter().zip(right.as_chunks::<BULK>().0) {
        lookups(chunk, &mut answers);
        assert_eq!(answers.map(&hop), *right, "{name}");
    }
    // A turn goes on where the last one ended: all addresses are asked for.
    let mut next = chunks.iter().cycle();
    Contender::timed(name, move |units| {
        for chunk in next.by_ref().take(units.div_ceil(BULK as u64) as usize) {
            lookups(black_box(chunk), &mut answers);
            black_box(&answers);
        }
    })
}

fn flapping<P: Family>(
    name: &'static str,
    routes: &'static [(P, NextHop)],
    mut flap: Flap<P>,
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

fn hop(answer: Option<NextHop>) -> u32 {
    answer.map_or(0, |hop| u32::from(hop.index()) + 1)
}

const BULK: usize = 32;

/// Which routes go and come: each so many-th, as the peers in C have it.
const FLAP_STRIDE: usize = 7;

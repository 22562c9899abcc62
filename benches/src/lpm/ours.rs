//! Our tables, on huge pages where they can be had.

use linecard::lookup::{
    CacheLine, Lpm, Lpm4, Lpm4Compact, Lpm4CompactConfig, Lpm4Config, Lpm6, Lpm6Config, NextHop,
    Prefix4, Prefix6, RouteError,
};
use linecard_linux::memory::{PagePolicy, Table};

use super::{BULK, Family, Flap, Lookups, each, hop};

/// One of our tables, filled.
pub struct Ours<P: Family> {
    /// What it is.
    pub(super) name: &'static str,
    /// The memory that it was given.
    pub(super) bytes: usize,
    pub(super) lookup: Box<dyn Fn(P::Address) -> Option<NextHop>>,
    pub(super) bulk: Lookups<P::Address>,
    pub(super) one_by_one: Lookups<P::Address>,
    pub(super) flap: Flap<P>,
}

impl<P: Family> Ours<P> {
    fn new(
        name: &'static str,
        lines: usize,
        reader: impl Lpm<P::Address> + 'static,
        flap: impl FnMut(P, NextHop) -> bool + 'static,
    ) -> Self {
        let mut hops = [None; BULK];
        Self {
            name,
            bytes: lines * CacheLine::SIZE,
            lookup: Box::new(move |address| reader.lookup(address)),
            bulk: Box::new(move |chunk, answers| {
                reader.lookup_bulk(chunk, &mut hops);
                for (answer, there) in answers.iter_mut().zip(&hops) {
                    *answer = hop(*there);
                }
            }),
            one_by_one: each(move |address| hop(reader.lookup(address))),
            flap: Box::new(flap),
        }
    }
}

/// DIR-24-8.
pub(super) fn big4(routes: &[(Prefix4, NextHop)]) -> Result<Ours<Prefix4>, String> {
    let config = Lpm4Config {
        routes: routes.len() + 16,
        nodes: 8192,
    };
    let mut table = Lpm4::new(config, memory(config.lines())?).map_err(text)?;
    fill(routes, |prefix, hop| table.insert(prefix, hop))?;
    let reader = table.reader();
    Ok(Ours::new(
        "linecard",
        config.lines(),
        reader,
        move |prefix, hop| table.remove(prefix).is_ok() && table.insert(prefix, hop) == Ok(None),
    ))
}

/// The compact one: in 8 MiB if the routes fit. Generated ones are spread over all addresses, and do not.
pub(super) fn compact4(routes: &[(Prefix4, NextHop)]) -> Result<Ours<Prefix4>, String> {
    let wide = Lpm4CompactConfig {
        outer_routes: routes.len() / 4,
        cells: routes.len() * 3,
        nodes: 8192,
    };
    compact4_in(Lpm4CompactConfig::default(), routes).or_else(|_| compact4_in(wide, routes))
}

fn compact4_in(
    config: Lpm4CompactConfig,
    routes: &[(Prefix4, NextHop)],
) -> Result<Ours<Prefix4>, String> {
    let mut table = Lpm4Compact::new(config, memory(config.lines())?).map_err(text)?;
    fill(routes, |prefix, hop| table.insert(prefix, hop))?;
    let (name, reader) = ("linecard compact", table.reader());
    Ok(Ours::new(
        name,
        config.lines(),
        reader,
        move |prefix, hop| table.remove(prefix).is_ok() && table.insert(prefix, hop) == Ok(None),
    ))
}

/// The trie of IPv6.
pub(super) fn lpm6(routes: &[(Prefix6, NextHop)]) -> Result<Ours<Prefix6>, String> {
    let config = Lpm6Config {
        routes: routes.len() + 16,
        wide_nodes: 2048,
        nodes: 20_000,
        leaves: 100_000,
    };
    let mut table = Lpm6::new(config, memory(config.lines())?).map_err(text)?;
    fill(routes, |prefix, hop| table.insert(prefix, hop))?;
    let reader = table.reader();
    Ok(Ours::new(
        "linecard",
        config.lines(),
        reader,
        move |prefix, hop| table.remove(prefix).is_ok() && table.insert(prefix, hop) == Ok(None),
    ))
}

fn fill<P: Family>(
    routes: &[(P, NextHop)],
    mut insert: impl FnMut(P, NextHop) -> Result<Option<NextHop>, RouteError>,
) -> Result<(), String> {
    for (prefix, hop) in routes {
        insert(*prefix, *hop).map_err(text)?;
    }
    Ok(())
}

/// Never given back: the benches end with the process.
fn memory(lines: usize) -> Result<&'static mut [CacheLine], String> {
    let lines = Table::new("routes", lines, PagePolicy::Prefer, |_| CacheLine::ZERO);
    Ok(lines.map_err(text)?.leak())
}

fn text(error: impl ToString) -> String {
    error.to_string()
}

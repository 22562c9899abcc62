//! Our tables, on huge pages where they can be had.

use linecard::lookup::{
    CacheLine, Lpm, Lpm4, Lpm4Compact, Lpm4CompactConfig, Lpm4Config, Lpm6, Lpm6Config, NextHop,
    Prefix4, Prefix6, RouteError,
};
use linecard_linux::memory::{PagePolicy, Table};

use super::{Family, Flap, Lookups, each};

/// One of our tables, filled.
pub struct Ours<P: Family> {
    /// What it is.
    pub(super) name: &'static str,
    /// The memory that it was given.
    pub(super) bytes: usize,
    pub(super) lookup: Box<dyn Fn(P::Address) -> Option<NextHop>>,
    pub(super) bulk: Lookups<P::Address, Option<NextHop>>,
    pub(super) one_by_one: Lookups<P::Address, Option<NextHop>>,
    pub(super) flap: Flap<P>,
}

impl<P: Family> Ours<P> {
    fn new(
        name: &'static str,
        lines: usize,
        reader: impl Lpm<P::Address> + 'static,
        flap: impl FnMut(P, NextHop) -> bool + 'static,
    ) -> Self {
        Self {
            name,
            bytes: lines * CacheLine::SIZE,
            lookup: Box::new(move |address| reader.lookup(address)),
            bulk: Box::new(move |chunk, answers| {
                reader.lookup_bulk(chunk, answers);
            }),
            one_by_one: each(move |address| reader.lookup(address)),
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
    let table = Lpm4::new(config, memory(config.lines())?).map_err(text)?;
    let reader = table.reader();
    let by = (Lpm4::insert, Lpm4::remove);
    filled("linecard", config.lines(), table, reader, by, routes).map_err(text)
}

/// The compact one: in 8 MiB if the routes fit. Generated ones are spread over all addresses, and do not.
pub(super) fn compact4(routes: &[(Prefix4, NextHop)]) -> Result<Ours<Prefix4>, String> {
    let wide = Lpm4CompactConfig {
        outer_routes: routes.len() / 4,
        cells: routes.len() * 3,
        nodes: 8192,
    };
    let in_8_mib = compact4_in(Lpm4CompactConfig::default(), routes)?;
    match in_8_mib {
        Err(RouteError::TableFull(_)) => compact4_in(wide, routes)?,
        other => other,
    }
    .map_err(text)
}

fn compact4_in(
    config: Lpm4CompactConfig,
    routes: &[(Prefix4, NextHop)],
) -> Result<Result<Ours<Prefix4>, RouteError>, String> {
    let table = Lpm4Compact::new(config, memory(config.lines())?).map_err(text)?;
    let (name, reader) = ("linecard compact", table.reader());
    let by = (Lpm4Compact::insert, Lpm4Compact::remove);
    Ok(filled(name, config.lines(), table, reader, by, routes))
}

/// The trie of IPv6.
pub(super) fn lpm6(routes: &[(Prefix6, NextHop)]) -> Result<Ours<Prefix6>, String> {
    let config = Lpm6Config {
        routes: routes.len() + 16,
        wide_nodes: 2048,
        nodes: 20_000,
        leaves: 100_000,
    };
    let table = Lpm6::new(config, memory(config.lines())?).map_err(text)?;
    let reader = table.reader();
    let by = (Lpm6::insert, Lpm6::remove);
    filled("linecard", config.lines(), table, reader, by, routes).map_err(text)
}

/// Puts the routes into an empty table, by how that takes them up and gives them back.
fn filled<P: Family, T: 'static>(
    name: &'static str,
    lines: usize,
    mut table: T,
    reader: impl Lpm<P::Address> + 'static,
    (insert, remove): (
        impl Fn(&mut T, P, NextHop) -> Result<Option<NextHop>, RouteError> + 'static,
        impl Fn(&mut T, P) -> Result<NextHop, RouteError> + 'static,
    ),
    routes: &[(P, NextHop)],
) -> Result<Ours<P>, RouteError> {
    for (prefix, hop) in routes {
        insert(&mut table, *prefix, *hop)?;
    }
    let flap = move |prefix, hop| {
        remove(&mut table, prefix).is_ok() && insert(&mut table, prefix, hop) == Ok(None)
    };
    Ok(Ours::new(name, lines, reader, flap))
}

/// Never given back: the benches end with the process.
fn memory(lines: usize) -> Result<&'static mut [CacheLine], String> {
    let lines = Table::new("routes", lines, PagePolicy::Prefer, |_| CacheLine::ZERO);
    Ok(lines.map_err(text)?.leak())
}

fn text(error: impl ToString) -> String {
    error.to_string()
}

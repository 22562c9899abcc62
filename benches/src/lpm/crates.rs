//! The tables of others in Rust. Crate poptrie (0.2.1) is none of them: it takes minutes to take up half
//! a million routes.

use ip_network_table_deps_treebitmap::IpLookupTable;
use linecard::lookup::NextHop;
use prefix_trie::PrefixMap;

use super::{Family, Flap, Lookups, each, hop};

/// All of them by name, to be filled with routes and looked up in.
pub(super) fn lookups<P: Family>() -> [Named<P, Lookups<P::Address, u32>>; 2] {
    [
        ("prefix-trie", |routes| {
            let trie = prefix_trie(routes);
            each(move |address| {
                let found = trie.get_lpm(&P::key(address, bits::<P>()));
                found.map_or(0, |(_, hop)| *hop)
            })
        }),
        ("treebitmap", |routes| {
            let bitmap = treebitmap(routes);
            each(move |address| {
                let found = bitmap.longest_match(P::ip(address));
                found.map_or(0, |(_, _, hop)| *hop)
            })
        }),
    ]
}

/// All of them by name, to be filled with routes and changed.
pub(super) fn flaps<P: Family>() -> [Named<P, Flap<P>>; 2] {
    [
        ("prefix-trie", |routes| {
            let mut trie = prefix_trie(routes);
            Box::new(move |prefix, hop| {
                let (key, hop) = keyed(&(prefix, hop));
                trie.remove(&key).is_some() && trie.insert(key, hop).is_none()
            })
        }),
        ("treebitmap", |routes| {
            let mut bitmap = treebitmap(routes);
            Box::new(move |prefix: P, next| {
                let ((first, len), hop) = (prefix.parts(), hop(Some(next)));
                bitmap.remove(P::ip(first), len.into()).is_some()
                    && bitmap.insert(P::ip(first), len.into(), hop).is_none()
            })
        }),
    ]
}

/// A table's name, and what makes it of routes.
type Named<P, T> = (&'static str, fn(&[(P, NextHop)]) -> T);

fn prefix_trie<P: Family>(routes: &[(P, NextHop)]) -> PrefixMap<P::Key, u32> {
    let mut trie = PrefixMap::new();
    for (key, hop) in routes.iter().map(keyed) {
        trie.insert(key, hop);
    }
    trie
}

fn treebitmap<P: Family>(routes: &[(P, NextHop)]) -> IpLookupTable<P::Ip, u32> {
    let mut bitmap = IpLookupTable::new();
    for (prefix, next) in routes {
        let (first, len) = prefix.parts();
        bitmap.insert(P::ip(first), len.into(), hop(Some(*next)));
    }
    bitmap
}

fn keyed<P: Family>((prefix, next): &(P, NextHop)) -> (P::Key, u32) {
    let (first, len) = prefix.parts();
    (P::key(first, len), hop(Some(*next)))
}

/// Bits of an address.
const fn bits<P: Family>() -> u8 {
    size_of::<P::Address>() as u8 * 8
}

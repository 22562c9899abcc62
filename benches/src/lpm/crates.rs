//! The tables of others in Rust. Crate poptrie (0.2.1) is none of them: it takes minutes to take up half
//! a million routes.

use ip_network_table_deps_treebitmap::IpLookupTable;
use linecard::lookup::NextHop;
use prefix_trie::PrefixMap;

use super::{Family, Flap, Lookups, each, hop};

/// All of them with these routes, to be looked up in.
pub(super) fn lookups<P: Family>(
    routes: &[(P, NextHop)],
) -> Vec<(&'static str, Lookups<P::Address>)> {
    let (trie, bitmap) = (prefix_trie(routes), treebitmap(routes));
    let in_trie = each(move |address| {
        let found = trie.get_lpm(&P::key(address, bits::<P>()));
        found.map_or(0, |(_, hop)| *hop)
    });
    let in_bitmap = each(move |address| {
        let found = bitmap.longest_match(P::ip(address));
        found.map_or(0, |(_, _, hop)| *hop)
    });
    vec![("prefix-trie", in_trie), ("treebitmap", in_bitmap)]
}

/// All of them with these routes, to be changed.
pub(super) fn flaps<P: Family>(routes: &[(P, NextHop)]) -> Vec<(&'static str, Flap<P>)> {
    let mut trie = prefix_trie(routes);
    let mut bitmap = treebitmap(routes);
    let in_trie = move |prefix, hop| {
        let (key, hop) = keyed(&(prefix, hop));
        trie.remove(&key).is_some() && trie.insert(key, hop).is_none()
    };
    let in_bitmap = move |prefix: P, next| {
        let ((first, len), hop) = (prefix.parts(), hop(Some(next)));
        bitmap.remove(P::ip(first), len.into()).is_some()
            && bitmap.insert(P::ip(first), len.into(), hop).is_none()
    };
    vec![
        ("prefix-trie", Box::new(in_trie)),
        ("treebitmap", Box::new(in_bitmap)),
    ]
}

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

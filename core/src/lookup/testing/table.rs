//! The tests that every longest-prefix-match table passes.

use core::fmt::Debug;
use std::collections::BTreeMap;
use std::vec;
use std::vec::Vec;

use super::oracle::{Intervals, Range, boundaries, scan};
use super::{Random, hop};
use crate::lookup::{Full, NextHop, RouteError};

/// A table of either family, seen by its tests: addresses have 128 bits.
pub(in crate::lookup) trait Table {
    type Prefix: Range + Debug;

    /// The last address.
    const MAX: u128;

    fn insert(&mut self, prefix: Self::Prefix, hop: NextHop)
    -> Result<Option<NextHop>, RouteError>;
    fn remove(&mut self, prefix: Self::Prefix) -> Result<NextHop, RouteError>;
    fn route(&self, prefix: Self::Prefix) -> Option<NextHop>;
    fn all(&self) -> Vec<(Self::Prefix, NextHop)>;
    fn len(&self) -> usize;
    fn lookup(&self, address: u128) -> Option<NextHop>;
    fn lookup_bulk(&self, addresses: &[u128], answers: &mut [Option<NextHop>]) -> usize;

    /// Panics if anything is left in what should be an empty table.
    fn assert_pristine(&self);
}

#[derive(Clone, Copy, Debug)]
pub(in crate::lookup) enum Change<P> {
    Insert(P, u16),
    Remove(P),
    /// Removes the route that comes at or behind this prefix: one that exists.
    RemoveNear(P),
}

/// What a [`Table`] hands on to the table itself and to its reader. In bulk, the reader for any processor, as `plain` makes
/// it of the other, gives the same.
macro_rules! delegate {
    ($prefix:ty, $address:ty, $plain:expr) => {
        fn insert(&mut self, prefix: $prefix, hop: NextHop) -> Result<Option<NextHop>, RouteError> {
            self.insert(prefix, hop)
        }

        fn remove(&mut self, prefix: $prefix) -> Result<NextHop, RouteError> {
            self.remove(prefix)
        }

        fn route(&self, prefix: $prefix) -> Option<NextHop> {
            self.route(prefix)
        }

        fn all(&self) -> Vec<($prefix, NextHop)> {
            self.routes().collect()
        }

        fn len(&self) -> usize {
            self.len()
        }

        fn lookup(&self, address: u128) -> Option<NextHop> {
            self.reader().lookup(address as $address)
        }

        fn lookup_bulk(&self, addresses: &[u128], answers: &mut [Option<NextHop>]) -> usize {
            let addresses: Vec<$address> = addresses
                .iter()
                .map(|address| *address as $address)
                .collect();
            let mut plain = vec![None; answers.len()];
            let count = $plain(self.reader()).lookup_bulk(&addresses, &mut plain);
            assert_eq!(self.reader().lookup_bulk(&addresses, answers), count);
            assert_eq!(
                answers.split_at(count),
                (plain.split_at(count).0, answers.split_at(count).1)
            );
            count
        }
    };
}
pub(in crate::lookup) use delegate;

/// Does all `changes` to an empty table and to a map, compares what they answer on the way, and
/// removes what is left. `full` says which limit a new route would break.
pub(in crate::lookup) fn replay<T: Table>(
    table: &mut T,
    changes: Vec<Change<T::Prefix>>,
    full: impl Fn(&BTreeMap<T::Prefix, NextHop>, T::Prefix) -> Option<Full>,
) {
    let mut model = BTreeMap::new();
    for (step, change) in changes.into_iter().enumerate() {
        let prefix = match change {
            Change::Insert(prefix, next) => {
                let refusal = if model.contains_key(&prefix) {
                    None
                } else {
                    full(&model, prefix)
                };
                let expected = match refusal {
                    Some(full) => Err(RouteError::TableFull(full)),
                    None => Ok(model.insert(prefix, hop(next))),
                };
                assert_eq!(table.insert(prefix, hop(next)), expected, "{change:?}");
                prefix
            }
            Change::Remove(prefix) => {
                let expected = model.remove(&prefix).ok_or(RouteError::NoSuchRoute);
                assert_eq!(table.remove(prefix), expected, "{change:?}");
                prefix
            }
            Change::RemoveNear(near) => {
                let Some((prefix, next)) = model.range(near..).next() else {
                    continue;
                };
                let (prefix, next) = (*prefix, *next);
                model.remove(&prefix);
                assert_eq!(table.remove(prefix), Ok(next), "{change:?}");
                prefix
            }
        };
        assert_eq!(table.len(), model.len());
        assert_eq!(table.route(prefix), model.get(&prefix).copied());
        if step % 8 == 0 {
            compare(table, &model, prefix);
        }
    }
    let mut all = table.all();
    all.sort();
    assert_eq!(
        all,
        model
            .iter()
            .map(|(prefix, next)| (*prefix, *next))
            .collect::<Vec<_>>()
    );
    for prefix in model.keys() {
        assert!(table.remove(*prefix).is_ok());
    }
    table.assert_pristine();
}

/// Each boundary one by one and in bulk.
pub(in crate::lookup) fn compare<T: Table>(
    table: &T,
    model: &BTreeMap<T::Prefix, NextHop>,
    last: T::Prefix,
) {
    let mut addresses = boundaries(model.keys().copied().chain([last]), T::MAX);
    addresses.extend([0, T::MAX, T::MAX / 2]);
    let mut answers = vec![None; addresses.len()];
    assert_eq!(table.lookup_bulk(&addresses, &mut answers), addresses.len());
    for (address, answer) in addresses.into_iter().zip(answers) {
        let expected = scan(model, address);
        assert_eq!(answer, expected, "{address:#x} in bulk");
        assert_eq!(table.lookup(address), expected, "{address:#x}");
    }
}

/// Inserts `prefixes` in random order with some replacements, checks, removes a half, checks,
/// removes the rest.
pub(in crate::lookup) fn large<T: Table>(table: &mut T, prefixes: Vec<T::Prefix>) {
    let mut random = Random(4);
    let mut routes: Vec<(T::Prefix, NextHop)> = prefixes
        .into_iter()
        .map(|prefix| {
            (
                prefix,
                hop(random.below(u64::from(NextHop::MAX) + 1) as u16),
            )
        })
        .collect();
    for at in (1..routes.len()).rev() {
        routes.swap(at, random.below(at as u64 + 1) as usize);
    }
    for (prefix, next) in &routes {
        if random.below(16) == 0 {
            assert_eq!(table.insert(*prefix, hop(9)), Ok(None));
            assert_eq!(table.insert(*prefix, *next), Ok(Some(hop(9))));
        } else {
            assert_eq!(table.insert(*prefix, *next), Ok(None));
        }
    }
    compare_large(table, &routes, &mut random);
    let half = routes.len() / 2;
    for (prefix, next) in routes.drain(..half) {
        assert_eq!(table.remove(prefix), Ok(next));
    }
    compare_large(table, &routes, &mut random);
    for (prefix, next) in routes {
        assert_eq!(table.remove(prefix), Ok(next));
    }
    table.assert_pristine();
}

/// All boundaries, and addresses in random places of random routes and anywhere.
fn compare_large<T: Table>(table: &T, routes: &[(T::Prefix, NextHop)], random: &mut Random) {
    assert_eq!(table.len(), routes.len());
    let oracle = Intervals::new(routes);
    let mut addresses = boundaries(routes.iter().map(|(prefix, _)| *prefix), T::MAX);
    for _ in 0..200_000 {
        let anywhere = u128::from(random.next()) << 64 | u128::from(random.next());
        let (first, last) = routes[random.below(routes.len() as u64) as usize].0.ends();
        addresses.push(anywhere & T::MAX);
        addresses.push(first | anywhere & (last - first));
    }
    let mut answers = vec![None; addresses.len()];
    assert_eq!(table.lookup_bulk(&addresses, &mut answers), addresses.len());
    for (address, answer) in addresses.into_iter().zip(answers) {
        let expected = oracle.lookup(address);
        assert_eq!(answer, expected, "{address:#x} in bulk");
        assert_eq!(table.lookup(address), expected, "{address:#x}");
    }
}

/// `wide` and the longer `narrow` in it are inserted into an empty table; bulk look-ups then stop
/// at the end of the shorter slice.
pub(in crate::lookup) fn answers_up_to_the_shorter_slice<T: Table>(
    table: &mut T,
    wide: T::Prefix,
    narrow: T::Prefix,
) {
    table.insert(wide, hop(1)).unwrap();
    table.insert(narrow, hop(2)).unwrap();
    let at = narrow.ends().0;
    let addresses: Vec<u128> = (0..100).map(|index| at - 7 + index).collect();
    for (asked, room) in [
        (0, 5),
        (5, 0),
        (1, 1),
        (31, 40),
        (32, 32),
        (33, 100),
        (64, 64),
        (100, 65),
    ] {
        let mut answers = vec![Some(hop(7)); room];
        let count = table.lookup_bulk(&addresses[..asked], &mut answers);
        assert_eq!(count, asked.min(room));
        for (index, answer) in answers.into_iter().enumerate() {
            let expected = match index {
                _ if index >= count => 7,
                7 => 2,
                _ => 1,
            };
            assert_eq!(
                answer,
                Some(hop(expected)),
                "{index} of {asked} into {room}"
            );
        }
    }
}

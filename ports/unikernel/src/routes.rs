//! A table of few routes.

use core::ops::BitAnd;

use heapless::Vec;
use linecard::forward::router::IpPrefix;
use linecard::lookup::{Full, Lpm, NextHop, RouteError};

/// Up to `N` routes of one version, by where they begin, shorter prefixes first.
///
/// The big tables of the core answer from half a million routes as fast as from one, and take 33 and
/// 8 MiB for it. Here a look-up takes a binary search, and from what it finds one step outwards for each
/// route around that which the address is not in: with 128 routes 7 comparisons, and as many more as
/// prefixes are nested.
#[derive(Debug, Clone)]
struct Few<A, const N: usize> {
    routes: Vec<Route<A>, N>,
}

#[derive(Debug, Clone, Copy)]
struct Route<A> {
    first: A,
    mask: A,
    hop: NextHop,
    /// The next shorter route around this one, which stands before it; [`NONE`] if there is none.
    around: u16,
}

/// The place of no route.
const NONE: u16 = u16::MAX;

/// Both versions' routes, as the router looks them up.
///
/// ```
/// use linecard::lookup::{Lpm, NextHop};
/// use linecard_unikernel::routes::FewRoutes;
/// let mut table: FewRoutes = FewRoutes::new();
/// table.insert("10.0.0.0/8".parse()?, NextHop::new(3)?)?;
/// assert_eq!(Lpm::<u32>::lookup(&&table, 0x0a00_0001), Some(NextHop::new(3)?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct FewRoutes<const N: usize = 128> {
    ipv4: Few<u32, N>,
    ipv6: Few<u128, N>,
}

impl<const N: usize> FewRoutes<N> {
    /// No routes.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            ipv4: Few::NEW,
            ipv6: Few::NEW,
        }
    }

    /// Adds a route, or leads one that there is elsewhere; the next hop that it had.
    ///
    /// # Errors
    /// [`RouteError::TableFull`].
    pub fn insert(
        &mut self,
        prefix: IpPrefix,
        hop: NextHop,
    ) -> Result<Option<NextHop>, RouteError> {
        match prefix {
            IpPrefix::V4(prefix) => {
                let mask = u32::MAX
                    .checked_shl(32 - u32::from(prefix.len()))
                    .unwrap_or(0);
                self.ipv4.insert(prefix.first(), mask, hop)
            }
            IpPrefix::V6(prefix) => {
                let mask = u128::MAX
                    .checked_shl(128 - u32::from(prefix.len()))
                    .unwrap_or(0);
                self.ipv6.insert(prefix.first(), mask, hop)
            }
        }
    }
}

impl<const N: usize> Default for FewRoutes<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A, const N: usize> Few<A, N> {
    const NEW: Self = Self { routes: Vec::new() };
}

impl<A: Copy + Ord + BitAnd<Output = A>, const N: usize> Few<A, N> {
    fn insert(&mut self, first: A, mask: A, hop: NextHop) -> Result<Option<NextHop>, RouteError> {
        // A shorter prefix has the smaller mask.
        let order = |route: &Route<A>| (route.first, route.mask);
        let place = match self.routes.binary_search_by_key(&(first, mask), order) {
            Ok(at) => {
                let old = self.routes.get_mut(at).map(|route| &mut route.hop);
                return Ok(old.map(|old| core::mem::replace(old, hop)));
            }
            Err(place) => place,
        };
        let route = Route {
            first,
            mask,
            hop,
            around: NONE,
        };
        if usize::from(NONE) <= self.routes.len() || self.routes.insert(place, route).is_err() {
            return Err(RouteError::TableFull(Full::Routes));
        }
        for at in place..self.routes.len() {
            self.enclose(at);
        }
        Ok(None)
    }

    /// Finds the route around the one at `at`: its neighbour, or one that is around that.
    fn enclose(&mut self, at: usize) {
        let Some(&Route { first, .. }) = self.routes.get(at) else {
            return;
        };
        // Prefixes lie in each other or beside each other, and those before this one are done.
        let around = match at.checked_sub(1) {
            Some(neighbour) => self.outwards(neighbour as u16, first),
            None => NONE,
        };
        if let Some(route) = self.routes.get_mut(at) {
            route.around = around;
        }
    }

    /// From a place on, the first route outwards that has the address.
    #[inline]
    fn outwards(&self, mut at: u16, address: A) -> u16 {
        // What is around a route stands before it: this ends.
        while let Some(route) = self.routes.get(usize::from(at)) {
            if address & route.mask == route.first {
                break;
            }
            at = route.around;
        }
        at
    }

    #[inline]
    fn lookup(&self, address: A) -> Option<NextHop> {
        let behind = self.routes.partition_point(|route| route.first <= address);
        let last = behind.checked_sub(1)?;
        let found = self.outwards(last as u16, address);
        self.routes.get(usize::from(found)).map(|route| route.hop)
    }
}

impl<const N: usize> Lpm<u32> for &FewRoutes<N> {
    #[inline]
    fn lookup(&self, address: u32) -> Option<NextHop> {
        self.ipv4.lookup(address)
    }
}

impl<const N: usize> Lpm<u128> for &FewRoutes<N> {
    #[inline]
    fn lookup(&self, address: u128) -> Option<NextHop> {
        self.ipv6.lookup(address)
    }
}

#[cfg(test)]
mod tests {
    use linecard::lookup::Routes4;

    use super::*;

    #[test]
    fn the_longest_prefix_wins_whatever_the_order() {
        let hop = |n| NextHop::new(n).unwrap();
        let routes = [
            "0.0.0.0/0",
            "10.0.0.0/8",
            "10.1.0.0/16",
            "10.1.2.3/32",
            "::/0",
            "2001:db8::/32",
        ];
        for start in 0..routes.len() {
            let mut table: FewRoutes = FewRoutes::new();
            for at in 0..routes.len() {
                let at = (start + at) % routes.len();
                table
                    .insert(routes[at].parse().unwrap(), hop(at as u16))
                    .unwrap();
            }
            let four = |a: [u8; 4]| Lpm::<u32>::lookup(&&table, u32::from_be_bytes(a));
            assert_eq!(four([10, 1, 2, 3]), Some(hop(3)));
            assert_eq!(four([10, 1, 2, 4]), Some(hop(2)));
            assert_eq!(four([10, 2, 0, 0]), Some(hop(1)));
            assert_eq!(four([11, 0, 0, 0]), Some(hop(0)));
            let six = |a: &str| {
                Lpm::<u128>::lookup(&&table, a.parse::<core::net::Ipv6Addr>().unwrap().to_bits())
            };
            assert_eq!(six("2001:db8::1"), Some(hop(5)));
            assert_eq!(six("2001:db9::1"), Some(hop(4)));
        }
    }

    #[test]
    fn answers_are_those_of_a_plain_search() {
        let mut table: FewRoutes = FewRoutes::new();
        let routes: std::vec::Vec<_> = Routes4::new(7, 100)
            .take(100)
            .map(|(prefix, _)| prefix)
            .collect();
        for (n, prefix) in routes.iter().enumerate() {
            table
                .insert((*prefix).into(), NextHop::new(n as u16).unwrap())
                .unwrap();
        }
        for prefix in &routes {
            for address in [
                prefix.first(),
                prefix.last(),
                prefix.first().wrapping_sub(1),
            ] {
                let best = routes
                    .iter()
                    .filter(|p| p.contains(address))
                    .map(|p| p.len())
                    .max();
                let found = Lpm::<u32>::lookup(&&table, address);
                let number = |hop| (0..100).find(|&n| NextHop::new(n) == Ok(hop)).unwrap();
                let found = found.map(|hop| routes[usize::from(number(hop))].len());
                assert_eq!(found, best, "{address:#x}");
            }
        }
    }

    #[test]
    fn a_full_table_refuses_and_replaces() {
        let hop = |n| NextHop::new(n).unwrap();
        let mut table: FewRoutes<1> = FewRoutes::new();
        assert_eq!(
            table.insert("10.0.0.0/8".parse().unwrap(), hop(1)),
            Ok(None)
        );
        assert_eq!(
            table.insert("10.0.0.0/8".parse().unwrap(), hop(2)),
            Ok(Some(hop(1)))
        );
        let full = RouteError::TableFull(Full::Routes);
        assert_eq!(
            table.insert("10.0.0.0/9".parse().unwrap(), hop(2)),
            Err(full)
        );
    }
}

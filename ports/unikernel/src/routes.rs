//! A table of few routes.

use heapless::Vec;
use linecard::forward::router::IpPrefix;
use linecard::lookup::{Full, Lpm, NextHop, RouteError};

/// Up to `N` routes of one version, the longest prefix first.
///
/// The big tables of the core answer from half a million routes as fast as from one, and take 33 and
/// 8 MiB for it. What fits on a command line is looked through in less time than a cache miss takes.
#[derive(Debug, Clone)]
struct Few<A, const N: usize> {
    /// First address, mask, next hop.
    routes: Vec<(A, A, NextHop), N>,
}

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
            ipv4: Few { routes: Vec::new() },
            ipv6: Few { routes: Vec::new() },
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

impl<A: Copy + Ord, const N: usize> Few<A, N> {
    fn insert(&mut self, first: A, mask: A, hop: NextHop) -> Result<Option<NextHop>, RouteError> {
        let same = |route: &&mut (A, A, NextHop)| route.0 == first && route.1 == mask;
        if let Some(route) = self.routes.iter_mut().find(same) {
            return Ok(Some(core::mem::replace(&mut route.2, hop)));
        }
        // A longer prefix has the larger mask.
        let place = self.routes.iter().position(|route| route.1 < mask);
        let place = place.unwrap_or(self.routes.len());
        match self.routes.insert(place, (first, mask, hop)) {
            Ok(()) => Ok(None),
            Err(_) => Err(RouteError::TableFull(Full::Routes)),
        }
    }
}

impl<const N: usize> Lpm<u32> for &FewRoutes<N> {
    #[inline]
    fn lookup(&self, address: u32) -> Option<NextHop> {
        let mut routes = self.ipv4.routes.iter();
        let found = routes.find(|(first, mask, _)| address & mask == *first);
        found.map(|&(_, _, hop)| hop)
    }
}

impl<const N: usize> Lpm<u128> for &FewRoutes<N> {
    #[inline]
    fn lookup(&self, address: u128) -> Option<NextHop> {
        let mut routes = self.ipv6.routes.iter();
        let found = routes.find(|(first, mask, _)| address & mask == *first);
        found.map(|&(_, _, hop)| hop)
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

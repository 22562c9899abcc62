//! A table without routes.

use crate::lookup::{Lpm, NextHop};

/// No routes at all, for a router that speaks one version of IP only.
///
/// ```
/// use linecard::forward::router::NoRoutes;
/// use linecard::lookup::Lpm;
/// assert_eq!(Lpm::<u128>::lookup(&NoRoutes, 1), None);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct NoRoutes;

impl<A: Copy> Lpm<A> for NoRoutes {
    #[inline]
    fn lookup(&self, _: A) -> Option<NextHop> {
        None
    }
}

//! The tables of routes and the router's next hops, kept together.

use core::fmt;
use core::net::IpAddr;
use core::str::FromStr;

use super::{Router, RouterError, Target};
use crate::lookup::{Lpm, Lpm4, Lpm6, NextHop, ParsePrefixError, Prefix4, Prefix6, RouteError};
use crate::packet::PortId;

/// The writer's end of both tables: routes and addresses come and go here, while routers look up
/// in the tables' readers.
///
/// Each change is one of the tables and of one router, which counts how many routes lead to each of
/// its next hops.
///
/// An address of the router's own is reached by the route of its link. Where a longer route would
/// lead past it, it gets a route of its own, to itself.
///
/// ```
/// use linecard::forward::router::*;
/// use linecard::lookup::{CacheLine, Lpm4, Lpm4Config, Lpm6, Lpm6Config};
/// use linecard::packet::PortId;
/// use linecard::wire::MacAddr;
///
/// let (four, six) = (Lpm4Config { routes: 100, nodes: 16 }, Lpm6Config { routes: 100, wide_nodes: 4, nodes: 100, leaves: 100 });
/// let (mut a, mut b) = (vec![CacheLine::ZERO; four.lines()], vec![CacheLine::ZERO; six.lines()]);
/// let mut routes = Routes::new(Lpm4::new(four, &mut a)?, Lpm6::new(six, &mut b)?);
/// let mut store: RouterStore<'_> = RouterStore::new();
/// let (ipv4, ipv6) = routes.readers();
/// let mut router = Router::new(store.memory(), ipv4, ipv6, RouterConfig::default())?;
///
/// let lan = PortId(0);
/// router.set_interface(lan, InterfaceConfig::new(MacAddr([2, 0, 0, 0, 0, 1]), 1500))?;
/// routes.add_address(&mut router, lan, "192.0.2.1".parse()?, 24)?;
/// routes.add(&mut router, "0.0.0.0/0".parse()?, Target::Gateway(lan, "192.0.2.254".parse()?))?;
/// routes.remove(&mut router, "0.0.0.0/0".parse()?)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Routes<'m> {
    ipv4: Lpm4<'m>,
    ipv6: Lpm6<'m>,
}

/// A prefix of either version.
///
/// ```
/// use linecard::forward::router::IpPrefix;
/// use linecard::lookup::Prefix4;
/// let prefix: IpPrefix = "192.0.2.0/24".parse()?;
/// assert_eq!(prefix, "192.0.2.0/24".parse::<Prefix4>()?.into());
/// assert!(matches!("::/0".parse()?, IpPrefix::V6(_)));
/// # Ok::<(), linecard::lookup::ParsePrefixError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IpPrefix {
    /// Of IPv4.
    V4(Prefix4),
    /// Of IPv6.
    V6(Prefix6),
}

/// Why a route or an address was not added or removed; nothing is changed then.
///
/// ```
/// use linecard::forward::router::{ChangeError, RouterError};
/// let error = ChangeError::from(RouterError::TableFull);
/// assert_eq!(error.to_string(), RouterError::TableFull.to_string());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChangeError {
    /// The router refused.
    Router(RouterError),
    /// A table of routes refused.
    Table(RouteError),
}

impl<'m> Routes<'m> {
    /// Both tables, whatever is in them.
    pub const fn new(ipv4: Lpm4<'m>, ipv6: Lpm6<'m>) -> Self {
        Self { ipv4, ipv6 }
    }

    /// What a router looks up in.
    pub fn readers(&self) -> (crate::lookup::Lpm4Reader<'m>, crate::lookup::Lpm6Reader<'m>) {
        (self.ipv4.reader(), self.ipv6.reader())
    }

    /// The tables.
    pub const fn tables(&self) -> (&Lpm4<'m>, &Lpm6<'m>) {
        (&self.ipv4, &self.ipv6)
    }

    /// Adds a route, or leads one that there is elsewhere.
    ///
    /// # Errors
    ///
    /// [`ChangeError`].
    pub fn add<A: Lpm<u32>, B: Lpm<u128>>(
        &mut self,
        router: &mut Router<'_, '_, A, B>,
        prefix: IpPrefix,
        target: Target,
    ) -> Result<(), ChangeError> {
        let hop = router.next_hop(target)?;
        self.insert(router, prefix, hop)?;
        self.pin(router)
    }

    /// Removes a route.
    ///
    /// # Errors
    ///
    /// [`RouteError::NoSuchRoute`].
    pub fn remove<A: Lpm<u32>, B: Lpm<u128>>(
        &mut self,
        router: &mut Router<'_, '_, A, B>,
        prefix: IpPrefix,
    ) -> Result<(), ChangeError> {
        let hop = match prefix {
            IpPrefix::V4(prefix) => self.ipv4.remove(prefix)?,
            IpPrefix::V6(prefix) => self.ipv6.remove(prefix)?,
        };
        router.release(hop);
        self.pin(router)
    }

    /// Gives a port an address, and its link a route.
    ///
    /// # Errors
    ///
    /// [`ChangeError`].
    pub fn add_address<A: Lpm<u32>, B: Lpm<u128>>(
        &mut self,
        router: &mut Router<'_, '_, A, B>,
        port: PortId,
        address: IpAddr,
        len: u8,
    ) -> Result<(), ChangeError> {
        let prefix = IpPrefix::new(address, len)?;
        let hop = match address {
            IpAddr::V4(address) => router.add_ipv4(port, address, len)?,
            IpAddr::V6(address) => router.add_ipv6(port, address, len)?,
        };
        let inserted = self.insert(router, prefix, hop);
        if inserted.is_err() {
            router.remove_address(port, address)?;
        }
        inserted?;
        self.pin(router)
    }

    /// Takes an address from a port, and with the last of a link its route.
    ///
    /// # Errors
    ///
    /// [`RouterError::Unknown`], [`RouterError::NoSuchPort`].
    pub fn remove_address<A: Lpm<u32>, B: Lpm<u128>>(
        &mut self,
        router: &mut Router<'_, '_, A, B>,
        port: PortId,
        address: IpAddr,
    ) -> Result<(), ChangeError> {
        let interface = router.interface(port);
        let interface = interface.ok_or(RouterError::NoSuchPort(port))?;
        let all = || {
            let ipv4 = interface
                .ipv4()
                .map(|(own, link)| (own.into(), link.into()));
            let ipv6 = interface
                .ipv6()
                .map(|(own, link)| (own.into(), link.into()));
            ipv4.chain(ipv6)
        };
        let found = all().find(|&(own, _): &(IpAddr, IpPrefix)| own == address);
        let (_, link) = found.ok_or(RouterError::Unknown)?;
        let last = !all().any(|(own, prefix)| prefix == link && own != address);
        router.remove_address(port, address)?;
        // The address's own route, if it has one, and the link's; neither need be there.
        let host = Some(IpPrefix::host(address));
        for prefix in [host, last.then_some(link)].into_iter().flatten() {
            let hop = match prefix {
                IpPrefix::V4(prefix) => self.ipv4.remove(prefix),
                IpPrefix::V6(prefix) => self.ipv6.remove(prefix),
            };
            if let Ok(hop) = hop {
                router.release(hop);
            }
        }
        self.pin(router)
    }

    /// Inserts a route to a hop of which one more use is counted already.
    fn insert<A: Lpm<u32>, B: Lpm<u128>>(
        &mut self,
        router: &mut Router<'_, '_, A, B>,
        prefix: IpPrefix,
        hop: NextHop,
    ) -> Result<(), ChangeError> {
        let old = match prefix {
            IpPrefix::V4(prefix) => self.ipv4.insert(prefix, hop),
            IpPrefix::V6(prefix) => self.ipv6.insert(prefix, hop),
        };
        match old {
            Ok(Some(old)) => router.release(old),
            Ok(None) => {}
            Err(error) => {
                router.release(hop);
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// Sees to it that the router's own addresses are reached.
    fn pin<A: Lpm<u32>, B: Lpm<u128>>(
        &mut self,
        router: &mut Router<'_, '_, A, B>,
    ) -> Result<(), ChangeError> {
        let (ipv4, ipv6) = self.readers();
        for index in 0..router.ports() {
            let port = PortId(index as u16);
            let mut number = 0;
            while let Some(address) = router.own_address(port, number) {
                number += 1;
                let hop = match address {
                    IpAddr::V4(address) => ipv4.lookup(address.to_bits()),
                    IpAddr::V6(address) => ipv6.lookup(address.to_bits()),
                };
                if hop.is_some_and(|hop| router.reaches(hop, port)) {
                    continue;
                }
                let hop = router.next_hop(Target::Local(port))?;
                self.insert(router, IpPrefix::host(address), hop)?;
            }
        }
        Ok(())
    }
}

impl IpPrefix {
    /// The first `len` bits of an address.
    ///
    /// # Errors
    ///
    /// [`RouteError::BadPrefixLength`].
    pub const fn new(address: IpAddr, len: u8) -> Result<Self, RouteError> {
        match address {
            IpAddr::V4(address) => match Prefix4::new(address.to_bits(), len) {
                Ok(prefix) => Ok(Self::V4(prefix)),
                Err(error) => Err(error),
            },
            IpAddr::V6(address) => match Prefix6::new(address.to_bits(), len) {
                Ok(prefix) => Ok(Self::V6(prefix)),
                Err(error) => Err(error),
            },
        }
    }

    /// An address alone.
    pub fn host(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(address.into()),
            IpAddr::V6(address) => Self::V6(address.into()),
        }
    }
}

impl From<Prefix4> for IpPrefix {
    fn from(prefix: Prefix4) -> Self {
        Self::V4(prefix)
    }
}

impl From<Prefix6> for IpPrefix {
    fn from(prefix: Prefix6) -> Self {
        Self::V6(prefix)
    }
}

impl FromStr for IpPrefix {
    type Err = ParsePrefixError;

    fn from_str(text: &str) -> Result<Self, ParsePrefixError> {
        match text.contains(':') {
            true => text.parse().map(Self::V6),
            false => text.parse().map(Self::V4),
        }
    }
}

impl fmt::Display for IpPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(prefix) => prefix.fmt(f),
            Self::V6(prefix) => prefix.fmt(f),
        }
    }
}

impl From<RouterError> for ChangeError {
    fn from(error: RouterError) -> Self {
        Self::Router(error)
    }
}

impl From<RouteError> for ChangeError {
    fn from(error: RouteError) -> Self {
        Self::Table(error)
    }
}

impl fmt::Display for ChangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Router(error) => error.fmt(f),
            Self::Table(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ChangeError {}

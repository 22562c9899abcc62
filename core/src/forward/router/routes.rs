//! The tables of routes and the router's next hops, kept together.

use core::fmt;
use core::net::IpAddr;
use core::str::FromStr;

use super::{Interface, Router, RouterError, Target};
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
        let change = self.insert(router, prefix, hop)?;
        self.settle(router, None, [Some(change), None])
    }

    /// Removes a route.
    ///
    /// # Errors
    ///
    /// [`RouteError::NoSuchRoute`]. Where an address of the router's own now needs a route of its
    /// own for which there is no room, [`RouteError::TableFull`] and [`RouterError::TableFull`].
    pub fn remove<A: Lpm<u32>, B: Lpm<u128>>(
        &mut self,
        router: &mut Router<'_, '_, A, B>,
        prefix: IpPrefix,
    ) -> Result<(), ChangeError> {
        let before = self.take(prefix)?;
        let change = Change {
            prefix,
            before: Some(before),
            after: None,
        };
        self.settle(router, None, [Some(change), None])
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
        let own = |interface: &Interface| match address {
            IpAddr::V4(address) => interface.owns4(address.to_bits()),
            IpAddr::V6(address) => interface.owns6(address.to_bits()),
        };
        let new = !router.interface(port).is_some_and(own);
        let hop = match address {
            IpAddr::V4(address) => router.add_ipv4(port, address, len)?,
            IpAddr::V6(address) => router.add_ipv6(port, address, len)?,
        };
        let changed = self
            .insert(router, prefix, hop)
            .and_then(|change| self.settle(router, None, [Some(change), None]));
        if new && changed.is_err() {
            router.remove_address(port, address)?;
        }
        changed
    }

    /// Takes an address from a port, and with the last of a link its route.
    ///
    /// # Errors
    ///
    /// [`RouterError::Unknown`], [`RouterError::NoSuchPort`], and as [`remove`](Self::remove).
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
        // The address's own route, if it has one, and the link's; neither need be there.
        let changes = [Some(IpPrefix::host(address)), last.then_some(link)].map(|prefix| {
            let prefix = prefix?;
            let before = Some(self.take(prefix).ok()?);
            let after = None;
            Some(Change {
                prefix,
                before,
                after,
            })
        });
        self.settle(router, Some((port, address)), changes)?;
        Ok(router.remove_address(port, address)?)
    }

    /// Inserts a route to a hop of which one more use is counted already.
    fn insert<A: Lpm<u32>, B: Lpm<u128>>(
        &mut self,
        router: &mut Router<'_, '_, A, B>,
        prefix: IpPrefix,
        hop: NextHop,
    ) -> Result<Change, ChangeError> {
        match self.put(prefix, hop) {
            Ok(before) => Ok(Change {
                prefix,
                before,
                after: Some(hop),
            }),
            Err(error) => {
                router.release(hop);
                Err(error.into())
            }
        }
    }

    /// Ends a change: sees to it that the router's own addresses are reached, all but one that is
    /// going; if there is no room for that, everything is as it was.
    fn settle<A: Lpm<u32>, B: Lpm<u128>>(
        &mut self,
        router: &mut Router<'_, '_, A, B>,
        going: Option<(PortId, IpAddr)>,
        changes: [Option<Change>; 2],
    ) -> Result<(), ChangeError> {
        let mut replaced = None;
        let pinned = self.pin(router, going, &mut replaced);
        if pinned.is_err() {
            self.unpin(router);
        }
        // The last change comes first: the address's own route may be a change's, too.
        let all = replaced.into_iter().chain(changes.into_iter().flatten());
        for change in all {
            let gone = match pinned {
                Ok(()) => change.before,
                Err(_) => self.undo(change),
            };
            if let Some(gone) = gone {
                router.release(gone);
            }
        }
        pinned
    }

    /// Gives each of the router's own addresses that is not reached a route of its own. Which ones
    /// got one is noted at their ports; of a route in whose place one came there is one at most,
    /// only one address being new.
    fn pin<A: Lpm<u32>, B: Lpm<u128>>(
        &mut self,
        router: &mut Router<'_, '_, A, B>,
        going: Option<(PortId, IpAddr)>,
        replaced: &mut Option<Change>,
    ) -> Result<(), ChangeError> {
        router.clear_pins();
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
                if hop.is_some_and(|hop| router.reaches(hop, port))
                    || going == Some((port, address))
                {
                    continue;
                }
                let hop = router.next_hop(Target::Local(port))?;
                let change = self.insert(router, IpPrefix::host(address), hop)?;
                match (change.before, &replaced) {
                    (None, _) => router.note_pin(port, number - 1),
                    (Some(_), None) => *replaced = Some(change),
                    (Some(before), Some(_)) => router.release(before),
                }
            }
        }
        Ok(())
    }

    /// Takes out what [`pin`](Self::pin) put in.
    fn unpin<A: Lpm<u32>, B: Lpm<u128>>(&mut self, router: &mut Router<'_, '_, A, B>) {
        while let Some(address) = router.take_pin() {
            if let Ok(hop) = self.take(IpPrefix::host(address)) {
                router.release(hop);
            }
        }
    }

    /// Makes a route what it was before; the hop that it leads to no more.
    fn undo(&mut self, change: Change) -> Option<NextHop> {
        match change.before {
            // There was room for it.
            Some(before) => match self.put(change.prefix, before) {
                Ok(_) => change.after,
                Err(_) => Some(before),
            },
            None => self.take(change.prefix).ok(),
        }
    }

    fn put(&mut self, prefix: IpPrefix, hop: NextHop) -> Result<Option<NextHop>, RouteError> {
        match prefix {
            IpPrefix::V4(prefix) => self.ipv4.insert(prefix, hop),
            IpPrefix::V6(prefix) => self.ipv6.insert(prefix, hop),
        }
    }

    fn take(&mut self, prefix: IpPrefix) -> Result<NextHop, RouteError> {
        match prefix {
            IpPrefix::V4(prefix) => self.ipv4.remove(prefix),
            IpPrefix::V6(prefix) => self.ipv6.remove(prefix),
        }
    }
}

/// Where a route led before a change, and where it leads after it.
#[derive(Debug, Clone, Copy)]
struct Change {
    prefix: IpPrefix,
    before: Option<NextHop>,
    after: Option<NextHop>,
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

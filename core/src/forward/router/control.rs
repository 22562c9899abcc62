//! What is changed from outside: interfaces, addresses, next hops, static neighbours.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::interface::{Address4, Address6};
use super::neighbour::{Key, State};
use super::{Hop, Interface, InterfaceConfig, Router, RouterConfig, RouterError, RouterStats};
use crate::lookup::{Lpm, NextHop, Prefix4, Prefix6};
use crate::packet::PortId;
use crate::platform::Instant;
use crate::wire::MacAddr;

/// Where a route leads.
///
/// ```
/// use linecard::forward::router::Target;
/// use linecard::packet::PortId;
///
/// let gateway = Target::Gateway(PortId(1), "192.0.2.1".parse().unwrap());
/// assert_ne!(gateway, Target::Connected(PortId(1)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// To the destination itself, which is on this port's link.
    Connected(PortId),
    /// To this station on the port's link, of whichever IP version.
    Gateway(PortId, IpAddr),
    /// To the router itself: an address of its own.
    Local(PortId),
    /// Nowhere, and nobody is told.
    Blackhole,
    /// Nowhere, and the sender is told that the host is unreachable.
    Unreachable,
    /// Nowhere, and the sender is told that it is forbidden.
    Prohibited,
}

impl<'m, 'p, A: Lpm<u32>, B: Lpm<u128>> Router<'m, 'p, A, B> {
    /// Sets a port up for routing, or anew; its addresses stay.
    ///
    /// # Errors
    ///
    /// [`RouterError::NoSuchPort`] past those that there is memory for,
    /// [`RouterError::MtuTooSmall`], [`RouterError::NotUnicast`],
    /// [`RouterError::TooManyAddresses`] and [`RouterError::TableFull`] for the link-local address.
    pub fn set_interface(
        &mut self,
        port: PortId,
        config: InterfaceConfig,
    ) -> Result<(), RouterError> {
        let link_local = config.link_local.address(config.mac);
        let keeps_ipv6 = self.interface(port).is_some_and(Interface::has_wide6);
        let ipv6 = link_local.is_some() || keeps_ipv6;
        if config.mtu < 68 || ipv6 && config.mtu < MIN_MTU6 {
            return Err(RouterError::MtuTooSmall(config.mtu));
        }
        if !config.mac.is_unicast() || link_local.is_some_and(|own| !own.is_unicast_link_local()) {
            return Err(RouterError::NotUnicast);
        }
        let interface = self.place(port)?;
        let old = interface.ipv6.first().copied();
        let old = old.filter(|own| super::interface::is_link_local(own.address));
        if let Some(own) = old {
            interface.ipv6.remove(0);
            self.forget(Key::ipv6(port, own.address));
        }
        if let Some(address) = link_local {
            let own = Address6 {
                address: address.to_bits(),
                prefix: prefix6(address, 64)?,
            };
            let interface = self.place(port)?;
            let refused = interface.ipv6.insert(0, own).is_err();
            if refused {
                return Err(RouterError::TooManyAddresses);
            }
            self.own(Key::ipv6(port, own.address), State::Local)?;
        }
        self.place(port)?.configure(config);
        self.rebuild(port, config);
        self.listen(port);
        Ok(())
    }

    /// Gives a port an IPv4 address on a link of this prefix length; the next hop of the link,
    /// for a route to [`Prefix4::new(address, len)`](Prefix4::new). One that it has stays as it is.
    ///
    /// # Errors
    ///
    /// [`RouterError::NoSuchPort`], [`RouterError::NotUnicast`], [`RouterError::PrefixLength`],
    /// [`RouterError::OtherLink`], [`RouterError::TooManyAddresses`], [`RouterError::TableFull`].
    pub fn add_ipv4(
        &mut self,
        port: PortId,
        address: Ipv4Addr,
        len: u8,
    ) -> Result<NextHop, RouterError> {
        let own = Address4 {
            address: address.to_bits(),
            prefix: Prefix4::new(address.to_bits(), len)
                .map_err(|_| RouterError::PrefixLength(len))?,
        };
        let broadcasts = own.broadcasts();
        if !is_unicast4(address) || broadcasts.contains(&Some(own.address)) {
            return Err(RouterError::NotUnicast);
        }
        let interface = self.configured(port)?;
        let known = interface.ipv4.iter().find(|all| all.address == own.address);
        let new = known.is_none();
        if known.is_some_and(|known| known.prefix != own.prefix) {
            return Err(RouterError::OtherLink);
        }
        if new {
            let added = interface.ipv4.push(own);
            added.map_err(|_| RouterError::TooManyAddresses)?;
        }
        let mut broadcasts = broadcasts.into_iter().flatten();
        let added = self
            .own(Key::ipv4(port, own.address), State::Local)
            .and_then(|()| {
                broadcasts.try_for_each(|all| self.own(Key::ipv4(port, all), State::Broadcast))
            })
            .and_then(|()| self.next_hop(Target::Connected(port)));
        if new && added.is_err() {
            self.remove_address(port, address.into())?;
        }
        added
    }

    /// Gives a port an IPv6 address on a link of this prefix length; the next hop of the link,
    /// as [`add_ipv4`](Self::add_ipv4).
    ///
    /// # Errors
    ///
    /// As [`add_ipv4`](Self::add_ipv4), and [`RouterError::MtuTooSmall`].
    pub fn add_ipv6(
        &mut self,
        port: PortId,
        address: Ipv6Addr,
        len: u8,
    ) -> Result<NextHop, RouterError> {
        let own = Address6 {
            address: address.to_bits(),
            prefix: prefix6(address, len)?,
        };
        if !is_unicast6(address) {
            return Err(RouterError::NotUnicast);
        }
        let interface = self.configured(port)?;
        if interface.config.mtu < MIN_MTU6 {
            return Err(RouterError::MtuTooSmall(interface.config.mtu));
        }
        let known = interface.ipv6.iter().find(|all| all.address == own.address);
        let new = known.is_none();
        if known.is_some_and(|known| known.prefix != own.prefix) {
            return Err(RouterError::OtherLink);
        }
        if new {
            let added = interface.ipv6.push(own);
            added.map_err(|_| RouterError::TooManyAddresses)?;
        }
        let mut all = [Some(own.address), own.anycast()].into_iter().flatten();
        let added = all
            .try_for_each(|address| self.own(Key::ipv6(port, address), State::Local))
            .and_then(|()| self.next_hop(Target::Connected(port)));
        if new && added.is_err() {
            self.remove_address(port, address.into())?;
        } else if new {
            self.listen(port);
        }
        added
    }

    /// Takes an address from a port. Its route, and the use of the next hop that came with it, are
    /// the caller's to remove.
    ///
    /// # Errors
    ///
    /// [`RouterError::NoSuchPort`], [`RouterError::Unknown`].
    pub fn remove_address(&mut self, port: PortId, address: IpAddr) -> Result<(), RouterError> {
        let interface = self.configured(port)?;
        match address {
            IpAddr::V4(address) => {
                let address = address.to_bits();
                let all = &mut interface.ipv4;
                let at = all.iter().position(|own| own.address == address);
                let own = all.remove(at.ok_or(RouterError::Unknown)?);
                // Another address of the link may have them too.
                let broadcasts = own.broadcasts();
                let gone = broadcasts.map(|all| all.filter(|all| !interface.has4(*all)));
                self.forget(Key::ipv4(port, address));
                for broadcast in gone.into_iter().flatten() {
                    self.forget(Key::ipv4(port, broadcast));
                }
            }
            IpAddr::V6(address) => {
                let address = address.to_bits();
                let all = &mut interface.ipv6;
                let at = all.iter().position(|own| own.address == address);
                let own = all.remove(at.ok_or(RouterError::Unknown)?);
                let anycast = own.anycast().filter(|own| !interface.has6(*own));
                self.forget(Key::ipv6(port, address));
                if let Some(anycast) = anycast {
                    self.forget(Key::ipv6(port, anycast));
                }
            }
        }
        Ok(())
    }

    /// Ends the router, and frees the packets that wait for neighbours.
    ///
    /// They lie in the memory that it was given and would be freed with that; this is for memory
    /// that never is, such as a `static`.
    pub fn close(self) {
        self.parking.close();
    }

    /// The next hop for a route to `target`; the same for the same target. Each call is to be
    /// matched by one of [`release`](Self::release), when the route is gone.
    ///
    /// # Errors
    ///
    /// [`RouterError::NoSuchPort`], [`RouterError::NotUnicast`], [`RouterError::TableFull`].
    pub fn next_hop(&mut self, target: Target) -> Result<NextHop, RouterError> {
        let (key, state, hop) = match target {
            Target::Connected(port) => {
                self.configured(port)?;
                let key = Key::of_state(port, State::Connected);
                (key, State::Connected, Hop::connected(port))
            }
            Target::Gateway(port, address) => {
                self.configured(port)?;
                (unicast_key(port, address)?, State::Silent, Hop::NONE)
            }
            Target::Local(port) => of_state(port, State::Local),
            Target::Blackhole => of_state(PortId(0), State::Blackhole),
            Target::Unreachable => of_state(PortId(0), State::Unreachable),
            Target::Prohibited => of_state(PortId(0), State::Prohibited),
        };
        let entry = match self.table.find(key) {
            Some(entry) => entry,
            None => {
                let entry = self.table.insert(key, state);
                let entry = entry.ok_or(RouterError::TableFull)?;
                self.table.set_hop(entry, hop);
                entry
            }
        };
        let neighbour = self.table.get_mut(entry).ok_or(RouterError::TableFull)?;
        neighbour.uses = neighbour.uses.saturating_add(1);
        let number = u16::try_from(entry.wrapping_sub(1));
        let number = number.map_err(|_| RouterError::TableFull)?;
        NextHop::new(number).map_err(|_| RouterError::TableFull)
    }

    /// One route fewer leads to this next hop. With none left, its number may be given anew.
    pub fn release(&mut self, hop: NextHop) {
        let entry = usize::from(hop.index()) + 1;
        let Some(neighbour) = self.table.get_mut(entry) else {
            return;
        };
        neighbour.uses = neighbour.uses.saturating_sub(1);
        let keep = match neighbour.state {
            State::Asking | State::Reachable | State::Probing | State::Static => true,
            // These are found by the destinations that they are.
            State::Local | State::Broadcast => {
                neighbour.key != Key::of_state(neighbour.port(), State::Local)
            }
            _ => false,
        };
        if neighbour.uses == 0 && !keep {
            self.retire(entry);
        }
    }

    /// Makes a neighbour's Ethernet address known for good. Packets that wait for it leave at the
    /// next tick.
    ///
    /// # Errors
    ///
    /// [`RouterError::NoSuchPort`], [`RouterError::NotUnicast`], [`RouterError::TableFull`].
    pub fn set_neighbour(
        &mut self,
        port: PortId,
        address: IpAddr,
        mac: MacAddr,
    ) -> Result<(), RouterError> {
        let config = *self.configured(port)?.config();
        if !mac.is_unicast() {
            return Err(RouterError::NotUnicast);
        }
        let key = unicast_key(port, address)?;
        let entry = match self.table.find(key) {
            Some(entry) => entry,
            None => {
                let entry = self.table.insert(key, State::Silent);
                entry.ok_or(RouterError::TableFull)?
            }
        };
        let neighbour = self.table.get_mut(entry).ok_or(RouterError::TableFull)?;
        if matches!(neighbour.state, State::Local | State::Broadcast) {
            return Err(RouterError::NotUnicast);
        }
        neighbour.mac = mac;
        self.table.set_state(entry, State::Static);
        // Packets that wait for it are looked at by the timers.
        self.due = NOW;
        let hop = Hop::new(mac, config.mac, port, config.mtu);
        self.table.set_hop(entry, hop);
        Ok(())
    }

    /// What a neighbour's Ethernet address is, if it is known.
    pub fn neighbour(&self, port: PortId, address: IpAddr) -> Option<MacAddr> {
        let entry = self.table.find(unicast_key(port, address).ok()?)?;
        let neighbour = self.table.get(entry)?;
        neighbour.state.is_known().then_some(neighbour.mac)
    }

    /// All neighbours whose Ethernet address is known: the port, the address, and the Ethernet
    /// address.
    pub fn neighbours(&self) -> impl Iterator<Item = (PortId, IpAddr, MacAddr)> + '_ {
        let all = self.table.iter();
        let known = all.filter(|(_, neighbour)| neighbour.state.is_known());
        known.map(|(_, neighbour)| {
            let key = neighbour.key;
            let address = match key.is_ipv6() {
                true => IpAddr::V6(Ipv6Addr::from_bits(key.address())),
                false => IpAddr::V4(Ipv4Addr::from_bits(key.address() as u32)),
            };
            (key.port(), address, neighbour.mac)
        })
    }

    /// The interface of a port, if it is configured.
    pub fn interface(&self, port: PortId) -> Option<&Interface> {
        let interface = self.interfaces.get(usize::from(port.0))?;
        interface.is_configured().then_some(interface)
    }

    /// The tables in which next hops are looked up.
    pub const fn tables(&mut self) -> (&mut A, &mut B) {
        (&mut self.ipv4, &mut self.ipv6)
    }

    /// How it behaves.
    pub const fn config(&self) -> &RouterConfig {
        &self.config
    }

    /// What it counted.
    pub const fn stats(&self) -> &'m RouterStats {
        self.stats
    }

    /// How many packets wait for a neighbour.
    pub const fn waiting(&self) -> usize {
        self.parking.used()
    }

    /// How many ports there is memory for.
    pub(super) const fn ports(&self) -> usize {
        self.interfaces.len()
    }

    /// The addresses of a port by number, first IPv4's; none that is link-local, which routes do
    /// not concern.
    pub(super) fn own_address(&self, port: PortId, number: usize) -> Option<IpAddr> {
        let interface = self.interface(port)?;
        let ipv4 = interface.ipv4().map(|(own, _)| IpAddr::V4(own));
        let ipv6 = interface.ipv6().map(|(own, _)| own);
        let wide = ipv6.filter(|own| !own.is_unicast_link_local());
        ipv4.chain(wide.map(IpAddr::V6)).nth(number)
    }

    /// Whether a next hop leads to this port's own addresses: its link, or the router itself.
    pub(super) fn reaches(&self, hop: NextHop, port: PortId) -> bool {
        let entry = self.table.get(usize::from(hop.index()) + 1);
        entry.is_some_and(|entry| match entry.state {
            State::Connected => entry.port() == port,
            state => state == State::Local,
        })
    }

    /// Notes that an address, by its number, got a route of its own.
    pub(super) fn note_pin(&mut self, port: PortId, number: usize) {
        if let Some(interface) = self.interfaces.get_mut(usize::from(port.0)) {
            interface.pins |= 1_u8.checked_shl(number as u32).unwrap_or(0);
        }
    }

    /// One of the addresses noted, which is noted no more.
    pub(super) fn take_pin(&mut self) -> Option<IpAddr> {
        let index = self.interfaces.iter().position(|all| all.pins != 0)?;
        let interface = self.interfaces.get_mut(index)?;
        let number = interface.pins.trailing_zeros();
        interface.pins &= interface.pins.wrapping_sub(1);
        self.own_address(PortId(index as u16), number as usize)
    }

    pub(super) fn clear_pins(&mut self) {
        for interface in self.interfaces.iter_mut() {
            interface.pins = 0;
        }
    }

    /// An entry of the router's own, found by its address.
    fn own(&mut self, key: Key, state: State) -> Result<(), RouterError> {
        match self.table.find(key) {
            // Somebody else had it until now.
            Some(entry) => {
                self.table.set_state(entry, state);
                self.table.set_hop(entry, Hop::NONE);
                self.due = NOW;
                Ok(())
            }
            None => {
                let entry = self.table.insert(key, state);
                entry.map(drop).ok_or(RouterError::TableFull)
            }
        }
    }

    /// Takes an entry of the router's own out again.
    fn forget(&mut self, key: Key) {
        if let Some(entry) = self.table.find(key) {
            self.retire(entry);
        }
    }

    /// Takes an entry out; if packets wait for it or routes lead there, when those are gone.
    fn retire(&mut self, entry: usize) {
        let Some(neighbour) = self.table.get_mut(entry) else {
            return;
        };
        if neighbour.waiting == 0 && neighbour.uses == 0 {
            self.table.remove(entry);
            return;
        }
        neighbour.tries = u8::MAX;
        neighbour.deadline = NOW;
        self.table.set_state(entry, State::Asking);
        self.table.set_hop(entry, Hop::NONE);
        self.due = NOW;
    }

    /// Makes the hops of a port anew, after its address or MTU has changed.
    fn rebuild(&mut self, port: PortId, config: InterfaceConfig) {
        for entry in 1..=self.table.capacity() {
            let Some(neighbour) = self.table.get(entry) else {
                continue;
            };
            if neighbour.state.is_known() && neighbour.port() == port {
                let hop = Hop::new(neighbour.mac, config.mac, port, config.mtu);
                self.table.set_hop(entry, hop);
            }
        }
    }

    fn place(&mut self, port: PortId) -> Result<&mut Interface, RouterError> {
        let interface = self.interfaces.get_mut(usize::from(port.0));
        interface.ok_or(RouterError::NoSuchPort(port))
    }

    fn configured(&mut self, port: PortId) -> Result<&mut Interface, RouterError> {
        let interface = self.place(port)?;
        if !interface.is_configured() {
            return Err(RouterError::NoSuchPort(port));
        }
        Ok(interface)
    }
}

pub(super) const NOW: Instant = Instant::from_nanos(0);

/// What every link of IPv6 carries (RFC 8200 section 5).
const MIN_MTU6: u16 = 1280;

fn of_state(port: PortId, state: State) -> (Key, State, Hop) {
    (Key::of_state(port, state), state, Hop::NONE)
}

fn prefix6(address: Ipv6Addr, len: u8) -> Result<Prefix6, RouterError> {
    Prefix6::new(address.to_bits(), len).map_err(|_| RouterError::PrefixLength(len))
}

fn unicast_key(port: PortId, address: IpAddr) -> Result<Key, RouterError> {
    match address {
        IpAddr::V4(address) if is_unicast4(address) => Ok(Key::ipv4(port, address.to_bits())),
        IpAddr::V6(address) if is_unicast6(address) => Ok(Key::ipv6(port, address.to_bits())),
        _ => Err(RouterError::NotUnicast),
    }
}

/// An address that a station may have and a packet may come from (RFC 1812 section 5.3.7).
pub(super) const fn is_unicast4(address: Ipv4Addr) -> bool {
    !matches!(address.octets(), [0 | 127 | 224.., ..])
}

/// The same for IPv6 (RFC 4291 section 2).
pub(super) const fn is_unicast6(address: Ipv6Addr) -> bool {
    !address.is_multicast() && !address.is_unspecified() && !address.is_loopback()
}

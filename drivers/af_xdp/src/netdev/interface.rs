//! One interface: what it is, and how it is doing.

use core::ffi::CStr;
use std::ffi::CString;
use std::os::fd::AsFd;
use std::string::{String, ToString};
use std::vec::Vec;

use super::netlink::{GENERIC_HEAD, Request, Socket, attributes, u32_of, u64_of};
use crate::error::Error;
use crate::sys::call;
use crate::sys::errno::Errno;
use crate::sys::link::{
    FLAG_LOWER_UP, FLAG_UP, IFLA_ADDRESS, IFLA_IFNAME, IFLA_INFO_KIND, IFLA_LINKINFO, IFLA_MTU,
    IFLA_NUM_RX_QUEUES, IFLA_NUM_TX_QUEUES, IFLA_XDP, IFLA_XDP_ATTACHED, InterfaceInfo,
    NETDEV_A_DEV_IFINDEX, NETDEV_A_DEV_XDP_FEATURES, NETDEV_CMD_DEV_GET, RTM_GETLINK,
    XDP_ACT_BASIC, XDP_ACT_REDIRECT, XDP_ACT_RX_SG, XDP_ACT_XSK_ZEROCOPY,
};

bitflags::bitflags! {
    /// What an interface's driver can do with XDP, as it says itself (Linux 6.3 and newer).
    ///
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// use linecard_af_xdp::{Interface, XdpFeatures};
    ///
    /// let lo = Interface::find("lo").unwrap();
    /// if let Some(features) = lo.xdp_features() {
    ///     assert!(!features.contains(XdpFeatures::ZERO_COPY));
    /// }
    /// # }
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct XdpFeatures: u64 {
        /// Native programs.
        const BASIC = XDP_ACT_BASIC;
        /// Native redirect, which AF_XDP needs to be native.
        const REDIRECT = XDP_ACT_REDIRECT;
        /// AF_XDP without copies.
        const ZERO_COPY = XDP_ACT_XSK_ZEROCOPY;
        /// Packets of several fragments.
        const FRAGMENTS = XDP_ACT_RX_SG;
    }
}

/// What the kernel knows of an interface of the network namespace that the thread was in when it
/// [asked](Interface::find).
///
/// Nothing is changed by asking, no privilege is needed, and nothing has to be attached or bound:
/// this is the probe of what will work.
///
/// ```
/// # #[cfg(target_os = "linux")] {
/// use linecard_af_xdp::Interface;
///
/// let lo = Interface::find("lo").unwrap();
/// assert_eq!(lo.index(), 1);
/// assert!(!lo.is_ethernet());
/// assert!(Interface::find("no-such-thing0").is_err());
/// # }
/// ```
#[derive(Debug)]
pub struct Interface {
    route: Socket,
    name: String,
    index: u32,
    snapshot: Snapshot,
    driver: String,
    bus: String,
    features: Option<XdpFeatures>,
}

/// What one answer about a link says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Snapshot {
    index: u32,
    device_type: u16,
    flags: u32,
    name: String,
    mac: Option<[u8; 6]>,
    mtu: u32,
    kind: String,
    rx_queues: u32,
    tx_queues: u32,
    program: bool,
}

impl Interface {
    /// Finds an interface by name.
    ///
    /// # Errors
    ///
    /// [`Error::NoInterface`], or [`Error::System`] when the kernel cannot be asked.
    pub fn find(name: &str) -> Result<Self, Error> {
        let missing = || Error::NoInterface {
            interface: name.into(),
        };
        // A name that does not fit is no interface's (the kernel would answer ERANGE or EINVAL).
        if name.is_empty() || name.len() >= libc::IFNAMSIZ || name.contains('\0') {
            return Err(missing());
        }
        let route = Socket::route().map_err(Error::system("open a netlink socket"))?;
        let mut request = Request::link(RTM_GETLINK, 0);
        request.string(IFLA_IFNAME, name);
        let snapshot = match ask(&route, &request) {
            Ok(snapshot) => snapshot,
            Err(Errno::NODEV) => return Err(missing()),
            Err(errno) => return Err(Error::system("ask about an interface")(errno)),
        };
        let (driver, bus) = driver(&route, &snapshot);
        Ok(Self {
            features: features(snapshot.index).ok(),
            name: name.into(),
            index: snapshot.index,
            route,
            snapshot,
            driver,
            bus,
        })
    }

    /// Name, as asked for.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The kernel's number for it.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.index
    }

    /// MAC address, when it has one of six bytes.
    #[must_use]
    pub fn mac(&self) -> Option<[u8; 6]> {
        self.snapshot.mac
    }

    /// Whether it carries Ethernet frames.
    #[must_use]
    pub fn is_ethernet(&self) -> bool {
        self.snapshot.device_type == libc::ARPHRD_ETHER
    }

    /// Largest network-layer packet in bytes, when it was last [refreshed](Interface::refresh).
    #[must_use]
    pub fn mtu(&self) -> u32 {
        self.snapshot.mtu
    }

    /// Whether it was switched on, when it was last [refreshed](Interface::refresh).
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.snapshot.flags & FLAG_UP != 0
    }

    /// Whether it is on and the other end is there, when it was last
    /// [refreshed](Interface::refresh).
    #[must_use]
    pub fn has_carrier(&self) -> bool {
        self.snapshot.flags & (FLAG_UP | FLAG_LOWER_UP) == FLAG_UP | FLAG_LOWER_UP
    }

    /// Whether an XDP program is attached, when it was last [refreshed](Interface::refresh).
    #[must_use]
    pub fn has_program(&self) -> bool {
        self.snapshot.program
    }

    /// The driver's name (`veth`, `mlx5_core`), or nothing when it has none.
    #[must_use]
    pub fn driver(&self) -> &str {
        &self.driver
    }

    /// What its XDP can do; `None` when the kernel is too old to say.
    #[must_use]
    pub fn xdp_features(&self) -> Option<XdpFeatures> {
        self.features
    }

    /// How many queues can be opened, counted from 0: those that receive, in use now.
    #[must_use]
    pub fn queues(&self) -> u16 {
        self.queues_each_way().0
    }

    /// How many queues send, counted from 0, in use now.
    #[must_use]
    pub(crate) fn tx_queues(&self) -> u16 {
        self.queues_each_way().1
    }

    /// Receive and transmit queues.
    fn queues_each_way(&self) -> (u16, u16) {
        let name = self.c_name();
        let counted = name.and_then(|name| call::channels(self.route.as_fd(), &name).ok());
        let (rx, tx) = match counted {
            Some(counts) => (
                counts.rx.saturating_add(counts.combined),
                counts.tx.saturating_add(counts.combined),
            ),
            // No such request: as many as were allocated.
            None => (self.snapshot.rx_queues, self.snapshot.tx_queues),
        };
        let some = |queues: u32| u16::try_from(queues.max(1)).unwrap_or(u16::MAX);
        (some(rx), some(tx))
    }

    /// Whether packets may come in with transport checksums that nobody has filled in.
    ///
    /// The kernel leaves the checksum of a packet from a local socket to the device that sends it.
    /// Between two virtual interfaces there is none that would: the packet arrives with only the
    /// pseudo-header's sum in the checksum field. A packet from a wire is always complete. In
    /// `native` mode everything without a bus beneath it is taken for virtual; in generic mode
    /// everything is, as packets of the local host are seen there as well.
    #[must_use]
    pub fn leaves_checksums(&self, native: bool) -> bool {
        let para_virtual = matches!(self.driver.as_str(), "vif" | "hv_netvsc");
        !native || self.is_virtual() || para_virtual
    }

    /// Whether there is no bus beneath it: a veth, a bridge, a tap.
    #[must_use]
    pub fn is_virtual(&self) -> bool {
        self.bus.is_empty()
    }

    /// Whether the kernel merges received segments into packets larger than the MTU (GRO), which
    /// in generic mode happens before the redirect program sees them. `None` when it will not say.
    #[must_use]
    pub fn merges_segments(&self) -> Option<bool> {
        call::receive_merging(self.route.as_fd(), &self.c_name()?).ok()
    }

    /// Switches the merging of received segments on or off; needs CAP_NET_ADMIN.
    pub(crate) fn set_merging(&self, on: bool) -> Result<(), Errno> {
        let name = self.c_name().ok_or(Errno::NODEV)?;
        call::set_receive_merging(self.route.as_fd(), &name, on)
    }

    /// Another handle on the same interface, which keeps it in the same namespace.
    pub(crate) fn again(&self) -> Result<Self, Error> {
        let route = self
            .route
            .again()
            .map_err(Error::system("copy a netlink socket"))?;
        Ok(Self {
            route,
            name: self.name.clone(),
            snapshot: self.snapshot.clone(),
            driver: self.driver.clone(),
            bus: self.bus.clone(),
            ..*self
        })
    }

    /// Asks again for what can change: MTU, link, address, program.
    ///
    /// # Errors
    ///
    /// [`Error::NoInterface`] when it is gone, [`Error::System`] when the kernel cannot be asked.
    pub fn refresh(&mut self) -> Result<(), Error> {
        self.snapshot = self.look()?;
        Ok(())
    }

    /// The present state of the link; by index, so that a new interface of the same name is not
    /// taken for this one.
    fn look(&self) -> Result<Snapshot, Error> {
        match ask(&self.route, &Request::link(RTM_GETLINK, self.index)) {
            Ok(snapshot) => Ok(snapshot),
            Err(Errno::NODEV) => Err(Error::NoInterface {
                interface: self.name.clone(),
            }),
            Err(errno) => Err(Error::system("ask about an interface")(errno)),
        }
    }

    fn c_name(&self) -> Option<CString> {
        CString::new(self.name.as_str()).ok()
    }
}

/// Sends a question about one link.
fn ask(route: &Socket, request: &Request) -> Result<Snapshot, Errno> {
    Snapshot::parse(&route.ask(request)?).ok_or(Errno::INVAL)
}

impl Snapshot {
    fn parse(body: &[u8]) -> Option<Self> {
        let field = |at: usize| body.get(at..at + 4).and_then(u32_of);
        let device_type = field(0)?;
        let mut snapshot = Self {
            device_type: u16::from_ne_bytes(*device_type.to_ne_bytes().last_chunk::<2>()?),
            index: field(core::mem::offset_of!(InterfaceInfo, index))?,
            flags: field(core::mem::offset_of!(InterfaceInfo, flags))?,
            ..Self::default()
        };
        for (kind, value) in attributes(body.get(size_of::<InterfaceInfo>()..)?) {
            match kind {
                IFLA_IFNAME => snapshot.name = text(value),
                IFLA_ADDRESS => snapshot.mac = value.try_into().ok(),
                IFLA_MTU => snapshot.mtu = u32_of(value)?,
                IFLA_NUM_RX_QUEUES => snapshot.rx_queues = u32_of(value)?,
                IFLA_NUM_TX_QUEUES => snapshot.tx_queues = u32_of(value)?,
                IFLA_LINKINFO => {
                    let found = attributes(value).find(|(kind, _)| *kind == IFLA_INFO_KIND);
                    snapshot.kind = found.map(|(_, value)| text(value)).unwrap_or_default();
                }
                IFLA_XDP => {
                    let found = attributes(value).find(|(kind, _)| *kind == IFLA_XDP_ATTACHED);
                    snapshot.program = found.is_some_and(|(_, value)| value.first() != Some(&0));
                }
                _ => {}
            }
        }
        Some(snapshot)
    }
}

/// Driver and bus address; the kind of a virtual interface stands in for a driver that is silent.
fn driver(route: &Socket, snapshot: &Snapshot) -> (String, String) {
    let info = CString::new(snapshot.name.as_str())
        .ok()
        .and_then(|name| call::driver_info(route.as_fd(), &name).ok());
    match info {
        Some(info) => (text(&info.driver), text(&info.bus_info)),
        None => (snapshot.kind.clone(), String::new()),
    }
}

/// What the `netdev` family says of the XDP of interface `index`.
fn features(index: u32) -> Result<XdpFeatures, Errno> {
    let generic = Socket::generic()?;
    let family = generic.family("netdev")?;
    let mut request = Request::generic(family, NETDEV_CMD_DEV_GET, 1);
    request.number(NETDEV_A_DEV_IFINDEX, index);
    let body = generic.ask(&request)?;
    let found: Vec<_> = attributes(body.get(GENERIC_HEAD..).unwrap_or(&[])).collect();
    found
        .iter()
        .find(|(kind, _)| *kind == NETDEV_A_DEV_XDP_FEATURES)
        .and_then(|(_, value)| u64_of(value))
        .map(XdpFeatures::from_bits_truncate)
        .ok_or(Errno::NOENT)
}

/// A text up to its first zero.
fn text(bytes: &[u8]) -> String {
    match CStr::from_bytes_until_nul(bytes) {
        Ok(text) => text.to_string_lossy().into_owned(),
        Err(_) => String::from_utf8_lossy(bytes).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_loopback_interface_is_what_it_is() {
        let mut lo = Interface::find("lo").unwrap();
        assert_eq!((lo.name(), lo.index()), ("lo", 1));
        assert_eq!(lo.mac(), Some([0; 6]));
        assert!(!lo.is_ethernet());
        assert!(lo.mtu() >= 1500);
        assert!(lo.queues() >= 1);
        assert!(lo.leaves_checksums(true));
        lo.refresh().unwrap();
    }

    #[test]
    fn a_name_that_cannot_be_is_no_interface() {
        for name in [
            "",
            "no-such-thing0",
            "a-name-of-more-than-fifteen",
            "nul\0",
            "../lo",
            "lo ",
        ] {
            let error = Interface::find(name).unwrap_err();
            assert_eq!(
                error,
                Error::NoInterface {
                    interface: name.into()
                },
                "{name:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_answer_is_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Snapshot::parse(&bytes);
        }
    }
}

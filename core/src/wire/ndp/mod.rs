//! Neighbour discovery for IPv6: [RFC 4861](https://www.rfc-editor.org/rfc/rfc4861).
//!
//! Five messages of ICMPv6, each with options behind its fixed part:
//!
//! - [`RouterSolicitation`] and [`RouterAdvertisement`]: where is a router, and what holds on this
//!   link;
//! - [`Neighbor`]: solicitation and advertisement of a link-layer address, which have one shape;
//! - [`Redirect`]: there is a better first hop.
//!
//! [`Ndp`] tells them apart and checks what depends on the IPv6 header. Names are spelled as in the
//! RFC.

mod neighbor;
mod options;
mod redirect;
mod router;

use core::fmt;
use core::net::Ipv6Addr;

pub use neighbor::{
    Neighbor, NeighborFlags, NeighborHeader, NeighborMut, write_advertisement, write_solicitation,
};
pub use options::{NdpOption, NdpOptionKind, NdpOptions, PrefixFlags, PrefixInformation};
pub use redirect::{Redirect, RedirectHeader, RedirectMut};
pub use router::{
    RouterAdvertisement, RouterAdvertisementHeader, RouterAdvertisementMut, RouterFlags,
    RouterSolicitation, RouterSolicitationMut,
};

use super::{Header, Icmpv6Header, Icmpv6Type, Ipv6Header, WireError};

/// A message of neighbour discovery, checked.
///
/// ```
/// use core::net::Ipv6Addr;
/// use linecard::wire::{Ipv6Header, IpProtocol, MacAddr, checksum::PseudoHeader, ndp::{self, Ndp}};
///
/// let (host, target) = ("fe80::1".parse().unwrap(), "fe80::2".parse().unwrap());
/// let group = ndp::solicited_node(target);
/// let mut message = [0; 32];
/// let mac = MacAddr([2, 0, 0, 0, 0, 1]);
/// let pseudo = PseudoHeader::ipv6(host, group);
/// let len = ndp::write_solicitation(&mut message, target, Some(mac), &pseudo)?;
///
/// let mut ip = Ipv6Header::new(host, group, IpProtocol::ICMPV6, 32);
/// ip.set_hop_limit(255);
/// let Ndp::NeighborSolicitation(solicitation) = Ndp::new(&ip, &message[..len])? else {
///     panic!("another message");
/// };
/// assert_eq!(solicitation.target(), target);
/// assert_eq!(solicitation.source_mac(), Some(mac));
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Ndp<'a> {
    /// Is there a router?
    RouterSolicitation(RouterSolicitation<'a>),
    /// Here is a router.
    RouterAdvertisement(RouterAdvertisement<'a>),
    /// Who has this address?
    NeighborSolicitation(Neighbor<'a>),
    /// I have this address.
    NeighborAdvertisement(Neighbor<'a>),
    /// There is a better first hop.
    Redirect(Redirect<'a>),
}

impl<'a> Ndp<'a> {
    /// Views `bytes`, the upper layer of a packet with the header `ip`, and makes every check of
    /// RFC 4861 but that of the checksum ([`Icmpv6::checksum_ok`](super::Icmpv6::checksum_ok)).
    /// What fails here, a node "MUST silently discard".
    ///
    /// # Errors
    /// [`WireError::Unsupported`] with the ICMPv6 type if it is another message,
    /// [`WireError::BadValue`] with a hop limit that is not 255, and [`WireError::BadAddress`] if
    /// an address is one that this message may not have; else as the message's own view.
    pub fn new(ip: &Ipv6Header, bytes: &'a [u8]) -> Result<Self, WireError> {
        let message = Self::parse(bytes)?;
        // RFC 4861, 6.1.1 and so on: "The IP Hop Limit field has a value of 255, i.e., the packet
        // could not possibly have been forwarded by a router."
        if ip.hop_limit() != 255 {
            return Err(WireError::BadValue(ip.hop_limit().into()));
        }
        if message.addresses_ok(ip) {
            Ok(message)
        } else {
            Err(WireError::BadAddress)
        }
    }

    fn parse(bytes: &'a [u8]) -> Result<Self, WireError> {
        let (header, _) = Icmpv6Header::split(bytes)?;
        match header.kind() {
            Icmpv6Type::ROUTER_SOLICITATION => {
                RouterSolicitation::new(bytes).map(Self::RouterSolicitation)
            }
            Icmpv6Type::ROUTER_ADVERTISEMENT => {
                RouterAdvertisement::new(bytes).map(Self::RouterAdvertisement)
            }
            Icmpv6Type::NEIGHBOR_SOLICITATION => {
                Neighbor::new(bytes).map(Self::NeighborSolicitation)
            }
            Icmpv6Type::NEIGHBOR_ADVERTISEMENT => {
                Neighbor::new(bytes).map(Self::NeighborAdvertisement)
            }
            Icmpv6Type::REDIRECT => Redirect::new(bytes).map(Self::Redirect),
            other => Err(WireError::Unsupported(other.0.into())),
        }
    }

    fn addresses_ok(&self, ip: &Ipv6Header) -> bool {
        let (source, destination) = (ip.source(), ip.destination());
        match self {
            // 6.1.1: "If the IP source address is the unspecified address, there is no source
            // link-layer address option in the message."
            Self::RouterSolicitation(view) => {
                !source.is_unspecified() || view.source_mac().is_none()
            }
            // 7.1.1: the same, and "the IP destination address is a solicited-node multicast
            // address."
            Self::NeighborSolicitation(view) => {
                !source.is_unspecified()
                    || is_solicited_node(destination) && view.source_mac().is_none()
            }
            // 7.1.2: "If the IP Destination Address is a multicast address the Solicited flag is
            // zero."
            Self::NeighborAdvertisement(view) => {
                !destination.is_multicast() || !view.flags().contains(NeighborFlags::SOLICITED)
            }
            // 6.1.2 and 8.1: "IP Source Address is a link-local address."
            Self::RouterAdvertisement(_) | Self::Redirect(_) => source.is_unicast_link_local(),
        }
    }

    /// The options behind its fixed part.
    #[must_use]
    pub const fn options(&self) -> NdpOptions<'a> {
        match self {
            Self::RouterSolicitation(view) => view.options(),
            Self::RouterAdvertisement(view) => view.options(),
            Self::NeighborSolicitation(view) | Self::NeighborAdvertisement(view) => view.options(),
            Self::Redirect(view) => view.options(),
        }
    }
}

impl fmt::Display for Ndp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RouterSolicitation(view) => view.fmt(f),
            Self::RouterAdvertisement(view) => view.fmt(f),
            Self::NeighborSolicitation(view) | Self::NeighborAdvertisement(view) => view.fmt(f),
            Self::Redirect(view) => view.fmt(f),
        }
    }
}

/// The multicast group that whoever has `address` listens to: ff02::1:ff00:0/104 and its low 24
/// bits ([RFC 4291](https://www.rfc-editor.org/rfc/rfc4291#section-2.7.1), section 2.7.1).
///
/// ```
/// use core::net::Ipv6Addr;
/// use linecard::wire::ndp;
///
/// let address: Ipv6Addr = "2001:db8::12:3456".parse().unwrap();
/// assert_eq!(ndp::solicited_node(address).to_string(), "ff02::1:ff12:3456");
/// assert!(ndp::is_solicited_node(ndp::solicited_node(address)));
/// ```
#[inline]
#[must_use]
pub const fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., high, low] = address.segments();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | high & 0xff, low)
}

/// The address is one that [`solicited_node`] gives.
#[inline]
#[must_use]
pub const fn is_solicited_node(address: Ipv6Addr) -> bool {
    matches!(
        address.segments(),
        [0xff02, 0, 0, 0, 0, 1, 0xff00..=0xffff, _]
    )
}

/// Every message has code zero (RFC 4861, 6.1 to 8.1: "ICMP Code is 0.") and options that fill the
/// rest.
#[inline]
fn check(code: u8, options: &[u8]) -> Result<(), WireError> {
    if code != 0 {
        return Err(WireError::BadValue(code.into()));
    }
    NdpOptions::new(options).check()
}

/// A kind that is not the view's own.
#[inline]
fn expect(kind: Icmpv6Type, expected: Icmpv6Type) -> Result<(), WireError> {
    if kind == expected {
        Ok(())
    } else {
        Err(WireError::Unsupported(kind.0.into()))
    }
}

#[cfg(test)]
#[path = "../tests/ndp.rs"]
mod tests;

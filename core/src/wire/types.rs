//! Values that several protocols share: MAC addresses, EtherTypes, IP protocol numbers.

use core::fmt;
use core::str::FromStr;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A 48-bit MAC address, in the order of the wire.
///
/// ```
/// use linecard::wire::MacAddr;
///
/// let mac: MacAddr = "02:00:00:00:00:01".parse()?;
/// assert_eq!(mac, MacAddr([2, 0, 0, 0, 0, 1]));
/// assert!(mac.is_unicast() && !mac.is_universal());
/// assert_eq!(mac.to_string(), "02:00:00:00:00:01");
/// assert!(MacAddr::BROADCAST.is_multicast());
/// # Ok::<(), linecard::wire::ParseMacError>(())
/// ```
#[derive(
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    FromBytes,
    IntoBytes,
    KnownLayout,
    Immutable,
    Unaligned,
)]
#[repr(transparent)]
pub struct MacAddr(pub [u8; 6]);

impl MacAddr {
    /// All bits zero: no address, as in an ARP request's target.
    pub const ZERO: Self = Self([0; 6]);
    /// All stations of the link.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// The individual/group bit (the lowest of the first byte) is set; true for broadcast as well.
    #[inline]
    #[must_use]
    pub const fn is_multicast(self) -> bool {
        self.0[0] & 1 != 0
    }

    /// Neither multicast nor zero: may be the source of a frame.
    #[inline]
    #[must_use]
    pub const fn is_unicast(self) -> bool {
        !self.is_multicast() && !self.is_zero()
    }

    /// All bits set.
    #[inline]
    #[must_use]
    pub const fn is_broadcast(self) -> bool {
        matches!(self.0, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff])
    }

    /// All bits zero.
    #[inline]
    #[must_use]
    pub const fn is_zero(self) -> bool {
        matches!(self.0, [0, 0, 0, 0, 0, 0])
    }

    /// Assigned by the maker and not locally: the second lowest bit of the first byte is clear.
    #[inline]
    #[must_use]
    pub const fn is_universal(self) -> bool {
        self.0[0] & 2 == 0
    }

    /// Where an IPv4 multicast packet goes: 01:00:5e and the low 23 bits of the group
    /// ([RFC 1112](https://www.rfc-editor.org/rfc/rfc1112#section-6.4), section 6.4).
    #[inline]
    #[must_use]
    pub const fn for_ipv4_multicast(group: core::net::Ipv4Addr) -> Self {
        let [_, b, c, d] = group.octets();
        Self([0x01, 0x00, 0x5e, b & 0x7f, c, d])
    }

    /// Where an IPv6 multicast packet goes: 33:33 and the low 32 bits of the group
    /// ([RFC 2464](https://www.rfc-editor.org/rfc/rfc2464#section-7), section 7).
    #[inline]
    #[must_use]
    pub const fn for_ipv6_multicast(group: core::net::Ipv6Addr) -> Self {
        let [.., a, b, c, d] = group.octets();
        Self([0x33, 0x33, a, b, c, d])
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<[u8; 6]> for MacAddr {
    #[inline]
    fn from(bytes: [u8; 6]) -> Self {
        Self(bytes)
    }
}

impl FromStr for MacAddr {
    type Err = ParseMacError;

    /// Reads six pairs of hexadecimal digits between colons, or between dashes.
    fn from_str(text: &str) -> Result<Self, ParseMacError> {
        let separator = if text.contains('-') { '-' } else { ':' };
        let mut mac = [0; 6];
        let mut parts = text.split(separator);
        for byte in &mut mac {
            let part = parts.next().ok_or(ParseMacError)?;
            // `from_str_radix` would take "+1".
            if part.len() != 2 || !part.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(ParseMacError);
            }
            *byte = u8::from_str_radix(part, 16).map_err(|_| ParseMacError)?;
        }
        parts
            .next()
            .is_none()
            .then_some(Self(mac))
            .ok_or(ParseMacError)
    }
}

/// The text is not a MAC address.
///
/// ```
/// use linecard::wire::{MacAddr, ParseMacError};
///
/// assert_eq!("02:00:00:00:00".parse::<MacAddr>(), Err(ParseMacError));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseMacError;

impl fmt::Display for ParseMacError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a MAC address is six pairs of hexadecimal digits, as 02:00:00:00:00:01")
    }
}

impl core::error::Error for ParseMacError {}

/// Which protocol a frame carries
/// ([IANA, IEEE 802 numbers](https://www.iana.org/assignments/ieee-802-numbers)).
///
/// ```
/// use linecard::wire::EtherType;
///
/// assert_eq!(EtherType::IPV6.0, 0x86dd);
/// assert_eq!(EtherType::IPV6.to_string(), "IPv6 (0x86dd)");
/// assert_eq!(EtherType(0x1234).to_string(), "0x1234");
/// assert!(EtherType(46).is_length());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct EtherType(pub u16);

impl EtherType {
    /// IPv4 (RFC 894).
    pub const IPV4: Self = Self(0x0800);
    /// ARP (RFC 826).
    pub const ARP: Self = Self(0x0806);
    /// Transparent Ethernet bridging: a whole frame in GRE (RFC 1701).
    pub const TRANSPARENT_ETHERNET: Self = Self(0x6558);
    /// Customer VLAN tag (IEEE 802.1Q).
    pub const VLAN: Self = Self(0x8100);
    /// IPv6 (RFC 2464).
    pub const IPV6: Self = Self(0x86dd);
    /// Flow control and the like (IEEE 802.3, MAC control).
    pub const MAC_CONTROL: Self = Self(0x8808);
    /// MPLS (RFC 5332).
    pub const MPLS: Self = Self(0x8847);
    /// MPLS with an upstream-assigned label (RFC 5332).
    pub const MPLS_UPSTREAM: Self = Self(0x8848);
    /// Service VLAN tag (IEEE 802.1ad, "QinQ").
    pub const QINQ: Self = Self(0x88a8);
    /// Link layer discovery (IEEE 802.1AB).
    pub const LLDP: Self = Self(0x88cc);
    /// Outer VLAN tag of old equipment, before IEEE 802.1ad settled on 0x88a8.
    pub const QINQ_LEGACY: Self = Self(0x9100);

    /// The smallest value that is a type
    /// ([RFC 7042](https://www.rfc-editor.org/rfc/rfc7042#section-3.1), section 3.1).
    pub const MIN_TYPE: Self = Self(0x0600);

    /// At most 1500: the field is the length of an IEEE 802.3 frame and not a type. Values between
    /// that and [`MIN_TYPE`](Self::MIN_TYPE) are neither.
    #[inline]
    #[must_use]
    pub const fn is_length(self) -> bool {
        self.0 <= 1500
    }

    /// A tag of four bytes follows: [`VLAN`](Self::VLAN), [`QINQ`](Self::QINQ) or
    /// [`QINQ_LEGACY`](Self::QINQ_LEGACY).
    #[inline]
    #[must_use]
    pub const fn is_vlan(self) -> bool {
        matches!(self, Self::VLAN | Self::QINQ | Self::QINQ_LEGACY)
    }

    const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::IPV4 => "IPv4",
            Self::ARP => "ARP",
            Self::TRANSPARENT_ETHERNET => "TEB",
            Self::VLAN => "802.1Q",
            Self::IPV6 => "IPv6",
            Self::MAC_CONTROL => "MAC control",
            Self::MPLS => "MPLS",
            Self::MPLS_UPSTREAM => "MPLS upstream",
            Self::QINQ => "802.1ad",
            Self::LLDP => "LLDP",
            Self::QINQ_LEGACY => "802.1Q-9100",
            _ => return None,
        })
    }
}

impl fmt::Display for EtherType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({:#06x})", self.0),
            None => write!(f, "{:#06x}", self.0),
        }
    }
}

impl fmt::Debug for EtherType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What follows an IP header: a transport protocol, or an IPv6 extension header
/// ([IANA, protocol numbers](https://www.iana.org/assignments/protocol-numbers)).
///
/// ```
/// use linecard::wire::IpProtocol;
///
/// assert_eq!(IpProtocol::UDP.0, 17);
/// assert_eq!(IpProtocol::UDP.to_string(), "UDP");
/// assert_eq!(IpProtocol(253).to_string(), "protocol 253");
/// assert!(IpProtocol::FRAGMENT.is_ipv6_extension());
/// ```
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    FromBytes,
    IntoBytes,
    KnownLayout,
    Immutable,
    Unaligned,
)]
#[repr(transparent)]
pub struct IpProtocol(pub u8);

impl IpProtocol {
    /// IPv6 hop-by-hop options (RFC 8200).
    pub const HOP_BY_HOP: Self = Self(0);
    /// ICMP for IPv4 (RFC 792).
    pub const ICMP: Self = Self(1);
    /// IGMP (RFC 3376).
    pub const IGMP: Self = Self(2);
    /// IPv4 in IP (RFC 2003).
    pub const IPV4: Self = Self(4);
    /// TCP (RFC 9293).
    pub const TCP: Self = Self(6);
    /// UDP (RFC 768).
    pub const UDP: Self = Self(17);
    /// IPv6 in IP (RFC 2473).
    pub const IPV6: Self = Self(41);
    /// IPv6 routing header (RFC 8200).
    pub const ROUTING: Self = Self(43);
    /// IPv6 fragment header (RFC 8200).
    pub const FRAGMENT: Self = Self(44);
    /// GRE (RFC 2784).
    pub const GRE: Self = Self(47);
    /// IPsec encapsulating security payload (RFC 4303).
    pub const ESP: Self = Self(50);
    /// IPsec authentication header (RFC 4302).
    pub const AH: Self = Self(51);
    /// ICMP for IPv6 (RFC 4443).
    pub const ICMPV6: Self = Self(58);
    /// Nothing follows an IPv6 header (RFC 8200).
    pub const NO_NEXT: Self = Self(59);
    /// IPv6 destination options (RFC 8200).
    pub const DESTINATION: Self = Self(60);
    /// OSPF (RFC 5340).
    pub const OSPF: Self = Self(89);
    /// SCTP (RFC 9260).
    pub const SCTP: Self = Self(132);
    /// IPv6 mobility header (RFC 6275).
    pub const MOBILITY: Self = Self(135);
    /// UDP-Lite (RFC 3828).
    pub const UDP_LITE: Self = Self(136);
    /// MPLS in IP (RFC 4023).
    pub const MPLS: Self = Self(137);
    /// A whole Ethernet frame (RFC 8986).
    pub const ETHERNET: Self = Self(143);

    /// One of the extension headers that the iterator over IPv6 headers follows: hop-by-hop,
    /// routing, fragment, destination options, AH. ESP is none: what follows it is encrypted.
    #[inline]
    #[must_use]
    pub const fn is_ipv6_extension(self) -> bool {
        matches!(
            self,
            Self::HOP_BY_HOP | Self::ROUTING | Self::FRAGMENT | Self::AH | Self::DESTINATION
        )
    }

    const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::HOP_BY_HOP => "hop-by-hop",
            Self::ICMP => "ICMP",
            Self::IGMP => "IGMP",
            Self::IPV4 => "IPv4",
            Self::TCP => "TCP",
            Self::UDP => "UDP",
            Self::IPV6 => "IPv6",
            Self::ROUTING => "routing",
            Self::FRAGMENT => "fragment",
            Self::GRE => "GRE",
            Self::ESP => "ESP",
            Self::AH => "AH",
            Self::ICMPV6 => "ICMPv6",
            Self::NO_NEXT => "no next header",
            Self::DESTINATION => "destination",
            Self::OSPF => "OSPF",
            Self::SCTP => "SCTP",
            Self::MOBILITY => "mobility",
            Self::UDP_LITE => "UDP-Lite",
            Self::MPLS => "MPLS",
            Self::ETHERNET => "Ethernet",
            _ => return None,
        })
    }
}

impl fmt::Display for IpProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "protocol {}", self.0),
        }
    }
}

impl fmt::Debug for IpProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use core::net::{Ipv4Addr, Ipv6Addr};
    use std::string::ToString;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn mac_text_that_is_refused() {
        for text in [
            "",
            "02",
            "02:00:00:00:00",
            "02:00:00:00:00:01:02",
            "2:0:0:0:0:1",
            "+2:00:00:00:00:01",
            "0g:00:00:00:00:01",
            "02-00:00-00:00-01",
        ] {
            assert_eq!(text.parse::<MacAddr>(), Err(ParseMacError), "{text:?}");
        }
        assert_eq!(
            "AA-bb-00-11-22-33".parse(),
            Ok(MacAddr([0xaa, 0xbb, 0, 0x11, 0x22, 0x33]))
        );
    }

    #[test]
    fn multicast_addresses() {
        let mdns = MacAddr::for_ipv4_multicast(Ipv4Addr::new(224, 128, 0, 251));
        assert_eq!(mdns.to_string(), "01:00:5e:00:00:fb");
        let routers =
            MacAddr::for_ipv6_multicast(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff12, 0x3456));
        assert_eq!(routers.to_string(), "33:33:ff:12:34:56");
        assert!(mdns.is_multicast() && routers.is_multicast());
        assert!(!MacAddr::ZERO.is_unicast());
    }

    #[test]
    fn ethertype_or_length() {
        assert!(EtherType(1500).is_length());
        assert!(!EtherType(1501).is_length());
        assert!(EtherType::MIN_TYPE > EtherType(1500));
    }

    proptest! {
        #[test]
        fn mac_text_round_trips(bytes: [u8; 6]) {
            prop_assert_eq!(MacAddr(bytes).to_string().parse(), Ok(MacAddr(bytes)));
        }

        #[test]
        fn mac_text_never_panics(text in "\\PC{0,20}") {
            let _ = text.parse::<MacAddr>();
        }
    }
}

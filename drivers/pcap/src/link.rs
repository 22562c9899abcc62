//! Link types, and how the packets of some of them become Ethernet frames.

use core::fmt;

/// What the packets of a capture start with, as numbered in the registry of link types
/// (<https://www.tcpdump.org/linktypes.html>).
///
/// ```
/// use linecard_pcap::LinkType;
///
/// assert_eq!(LinkType::ETHERNET.to_string(), "Ethernet");
/// assert_eq!(LinkType(105).to_string(), "link type 105");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LinkType(pub u32);

impl LinkType {
    /// BSD loopback: a protocol family of four bytes in the capturing machine's byte order.
    pub const NULL: Self = Self(0);
    /// Ethernet from the destination address on, without the frame check sequence.
    pub const ETHERNET: Self = Self(1);
    /// An IPv4 or IPv6 packet.
    pub const RAW: Self = Self(101);
    /// OpenBSD loopback: a protocol family of four bytes in network byte order.
    pub const LOOP: Self = Self(108);
    /// Linux "cooked" capture, version 1.
    pub const LINUX_SLL: Self = Self(113);
    /// An IPv4 packet.
    pub const IPV4: Self = Self(228);
    /// An IPv6 packet.
    pub const IPV6: Self = Self(229);
    /// Linux "cooked" capture, version 2.
    pub const LINUX_SLL2: Self = Self(276);
    /// `DLT_RAW` of most systems, written into files by old programs.
    const OLD_RAW: Self = Self(12);
    /// `DLT_RAW` of OpenBSD.
    const OLD_RAW_OPENBSD: Self = Self(14);
}

impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::NULL => "BSD loopback",
            Self::ETHERNET => "Ethernet",
            Self::RAW | Self::OLD_RAW | Self::OLD_RAW_OPENBSD => "raw IP",
            Self::LOOP => "OpenBSD loopback",
            Self::LINUX_SLL => "Linux cooked v1",
            Self::IPV4 => "raw IPv4",
            Self::IPV6 => "raw IPv6",
            Self::LINUX_SLL2 => "Linux cooked v2",
            Self(other) => return write!(f, "link type {other}"),
        })
    }
}

impl fmt::Debug for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LinkType({}, {self})", self.0)
    }
}

/// A captured packet as an Ethernet frame: a header that the capture did not have, and its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ethernet<'a> {
    /// Empty or 14 bytes long.
    pub(crate) header: Header,
    /// The rest of the frame.
    pub(crate) rest: &'a [u8],
}

/// A header to put in front: nothing, or 14 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    bytes: [u8; 14],
    length: usize,
}

impl Header {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or(&[])
    }
}

impl<'a> Ethernet<'a> {
    /// Makes a frame of `data`, addressed to `to` where the link had no addresses. `None` when
    /// the link is not one of those above, or when its header is cut off.
    pub(crate) fn of(link: LinkType, data: &'a [u8], to: [u8; 6]) -> Option<Self> {
        let (ether_type, rest) = match link {
            LinkType::ETHERNET => {
                return Some(Self {
                    header: Header {
                        bytes: [0; 14],
                        length: 0,
                    },
                    rest: data,
                });
            }
            LinkType::RAW
            | LinkType::OLD_RAW
            | LinkType::OLD_RAW_OPENBSD
            | LinkType::IPV4
            | LinkType::IPV6 => match data.first()? >> 4 {
                4 => (IPV4, data),
                6 => (IPV6, data),
                _ => return None,
            },
            LinkType::NULL | LinkType::LOOP => {
                let (family, rest) = data.split_first_chunk::<4>()?;
                // Families are below 256, so that the one byte which is not 0 tells in any order.
                let family = match *family {
                    [0, 0, 0, family] | [family, 0, 0, 0] => family,
                    _ => return None,
                };
                match family {
                    2 => (IPV4, rest),
                    // Linux; NetBSD and OpenBSD; FreeBSD; macOS.
                    10 | 24 | 28 | 30 => (IPV6, rest),
                    _ => return None,
                }
            }
            LinkType::LINUX_SLL => {
                let (header, rest) = data.split_first_chunk::<16>()?;
                (header.last_chunk().copied()?, rest)
            }
            LinkType::LINUX_SLL2 => {
                let (header, rest) = data.split_first_chunk::<20>()?;
                (header.first_chunk().copied()?, rest)
            }
            _ => return None,
        };
        // Below 0x600 the cooked protocols are Linux's own numbers, and an EtherType is a length.
        if u16::from_be_bytes(ether_type) < 0x600 {
            return None;
        }
        let mut bytes = [0; 14];
        let (addresses, last) = bytes.split_last_chunk_mut::<2>()?;
        *addresses.first_chunk_mut()? = to;
        *addresses.last_chunk_mut()? = SYNTHETIC_SOURCE;
        *last = ether_type;
        Some(Self {
            header: Header { bytes, length: 14 },
            rest,
        })
    }
}

const IPV4: [u8; 2] = [0x08, 0x00];
const IPV6: [u8; 2] = [0x86, 0xdd];

/// The source address of headers that we make: locally administered, "pcap" and a zero.
const SYNTHETIC_SOURCE: [u8; 6] = [0x02, b'p', b'c', b'a', b'p', 0];

#[cfg(test)]
mod tests {
    use super::*;

    const TO: [u8; 6] = [2, 0, 0, 0, 0, 9];

    fn ether_type(link: LinkType, data: &[u8]) -> Option<(u16, &[u8])> {
        let frame = Ethernet::of(link, data, TO)?;
        let header = frame.header.as_bytes();
        assert_eq!(header.len(), 14);
        assert_eq!(header[..6], TO);
        Some((u16::from_be_bytes([header[12], header[13]]), frame.rest))
    }

    #[test]
    fn ethernet_passes_untouched() {
        let frame = Ethernet::of(LinkType::ETHERNET, b"any", TO).unwrap();
        assert_eq!(frame.header.as_bytes(), b"");
        assert_eq!(frame.rest, b"any");
    }

    #[test]
    fn raw_goes_by_the_version() {
        for link in [101, 12, 14, 228, 229].map(LinkType) {
            assert_eq!(
                ether_type(link, b"\x45rest"),
                Some((0x0800, &b"\x45rest"[..]))
            );
            assert_eq!(
                ether_type(link, b"\x60rest"),
                Some((0x86dd, &b"\x60rest"[..]))
            );
            assert_eq!(ether_type(link, b"\x50rest"), None);
            assert_eq!(ether_type(link, b""), None);
        }
    }

    #[test]
    fn loopback_families_of_either_order() {
        for link in [LinkType::NULL, LinkType::LOOP] {
            assert_eq!(ether_type(link, b"\x02\0\0\0x"), Some((0x0800, &b"x"[..])));
            assert_eq!(ether_type(link, b"\0\0\0\x02x"), Some((0x0800, &b"x"[..])));
            assert_eq!(ether_type(link, b"\x1e\0\0\0x"), Some((0x86dd, &b"x"[..])));
            assert_eq!(ether_type(link, b"\x07\0\0\0x"), None);
            assert_eq!(ether_type(link, b"\x02\0\0"), None);
        }
    }

    #[test]
    fn cooked_headers_carry_the_ether_type() {
        let mut v1 = [0; 17];
        v1[14..].copy_from_slice(&[0x08, 0x06, b'x']);
        assert_eq!(
            ether_type(LinkType::LINUX_SLL, &v1),
            Some((0x0806, &b"x"[..]))
        );
        assert_eq!(ether_type(LinkType::LINUX_SLL, &v1[..15]), None);
        v1[14..16].copy_from_slice(&[0, 4]); // 802.2
        assert_eq!(ether_type(LinkType::LINUX_SLL, &v1), None);
        let mut v2 = [0; 21];
        v2[..2].copy_from_slice(&[0x86, 0xdd]);
        assert_eq!(
            ether_type(LinkType::LINUX_SLL2, &v2),
            Some((0x86dd, &[0][..]))
        );
    }

    #[test]
    fn other_links_are_refused() {
        assert_eq!(Ethernet::of(LinkType(105), &[0; 64], TO), None);
    }
}

//! UDP flows, their frames, and the stamp by which a frame can be told from every other.

use core::net::{IpAddr, SocketAddr};

use linecard::wire::checksum::{PseudoHeader, Sum};
use linecard::wire::{EtherType, IpProtocol, Ipv4Header, MacAddr, WireError};

/// One UDP flow: where its packets come from, and where they go to. Both are of one family.
///
/// ```
/// use linecard_linux::port::Flow;
/// use linecard::wire::MacAddr;
///
/// let flow = Flow::new("192.0.2.1:1000".parse()?, "198.51.100.1:2000".parse()?).unwrap();
/// let frame = flow.frame(60, MacAddr([2, 0, 0, 0, 0, 1]), MacAddr([2, 0, 0, 0, 0, 2])).unwrap();
/// assert_eq!(frame.len(), 60);
/// # Ok::<(), core::net::AddrParseError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Flow {
    source: SocketAddr,
    destination: SocketAddr,
}

/// Which frame of which flow this is: written into the payload by a generator, read by a test.
///
/// It is 14 bytes long: the flow (4, network order), the number (8), and a word that makes the
/// sum of all seven 0xffff. So the UDP checksum is right whatever the stamp says.
///
/// ```
/// use linecard_linux::port::Stamp;
///
/// let stamp = Stamp { flow: 7, number: 1_000_000 };
/// assert_eq!(Stamp::read(&stamp.to_bytes()), Some(stamp));
/// assert_eq!(Stamp::read(&[0; 14]), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// The flow, by its place among the generator's.
    pub flow: u32,
    /// The number of the frame in its flow, from zero.
    pub number: u64,
}

impl Flow {
    /// A flow; `None` if one end is IPv4 and the other IPv6.
    #[must_use]
    pub fn new(source: SocketAddr, destination: SocketAddr) -> Option<Self> {
        (source.is_ipv4() == destination.is_ipv4()).then_some(Self {
            source,
            destination,
        })
    }

    /// Where its packets come from.
    #[must_use]
    pub fn source(&self) -> SocketAddr {
        self.source
    }

    /// Where they go to.
    #[must_use]
    pub fn destination(&self) -> SocketAddr {
        self.destination
    }

    /// Bytes of headers: Ethernet, IPv4 or IPv6, UDP.
    #[must_use]
    pub fn header_len(&self) -> usize {
        ETHERNET + if self.source.is_ipv4() { IPV4 } else { IPV6 } + UDP
    }

    /// A frame of `size` bytes with every checksum right: zeros as payload, in front of them a
    /// [`Stamp`] if there is room. `None` if the headers alone are longer, or the packet would be
    /// longer than IP can say.
    #[must_use]
    pub fn frame(&self, size: usize, to: MacAddr, from: MacAddr) -> Option<Vec<u8>> {
        let udp_len = size.checked_sub(self.header_len())? + UDP;
        let mut frame = Vec::with_capacity(size);
        frame.extend_from_slice(&to.0);
        frame.extend_from_slice(&from.0);
        let (ethertype, header, pseudo) = match (self.source.ip(), self.destination.ip()) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let header = ipv4(source, destination, udp_len).ok()?;
                let pseudo = PseudoHeader::ipv4(source, destination);
                (EtherType::IPV4, header, pseudo)
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let mut header = vec![0x60, 0, 0, 0];
                header.extend_from_slice(&u16::try_from(udp_len).ok()?.to_be_bytes());
                header.extend_from_slice(&[IpProtocol::UDP.0, HOP_LIMIT]);
                header.extend_from_slice(&source.octets());
                header.extend_from_slice(&destination.octets());
                let pseudo = PseudoHeader::ipv6(source, destination);
                (EtherType::IPV6, header, pseudo)
            }
            _ => return None,
        };
        frame.extend_from_slice(&ethertype.0.to_be_bytes());
        frame.extend_from_slice(&header);
        let udp = frame.len();
        frame.extend_from_slice(&self.source.port().to_be_bytes());
        frame.extend_from_slice(&self.destination.port().to_be_bytes());
        frame.extend_from_slice(&u16::try_from(udp_len).ok()?.to_be_bytes());
        frame.extend_from_slice(&[0; 2]);
        frame.resize(size, 0);
        let (_, segment) = frame.split_at_mut(udp);
        if let Some(payload) = segment.get_mut(UDP..UDP + Stamp::LEN) {
            let first = Stamp { flow: 0, number: 0 };
            payload.copy_from_slice(&first.to_bytes());
        }
        let checksum = pseudo.checksum(IpProtocol::UDP, segment, UDP_CHECKSUM);
        segment[UDP_CHECKSUM..UDP].copy_from_slice(&checksum.to_be_bytes());
        Some(frame)
    }
}

impl Stamp {
    /// Bytes of a stamp.
    pub const LEN: usize = 14;

    /// The stamp as it is written.
    #[inline]
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let [a, b, c, d] = self.flow.to_be_bytes();
        let [e, f, g, h, i, j, k, l] = self.number.to_be_bytes();
        let low = self.number as u32;
        let sum = Sum::of_u32(self.flow)
            .plus(Sum::of_u32(low))
            .plus(Sum::of_u32((self.number >> 32) as u32));
        let [m, n] = sum.checksum().to_be_bytes();
        [a, b, c, d, e, f, g, h, i, j, k, l, m, n]
    }

    /// Reads a stamp from the front of a payload; `None` if there is none, or it was changed.
    #[must_use]
    pub fn read(payload: &[u8]) -> Option<Self> {
        let bytes = payload.first_chunk::<{ Self::LEN }>()?;
        let (flow, rest) = bytes.split_first_chunk::<4>()?;
        let stamp = Self {
            flow: u32::from_be_bytes(*flow),
            number: u64::from_be_bytes(*rest.first_chunk::<8>()?),
        };
        (stamp.to_bytes() == *bytes).then_some(stamp)
    }
}

/// `count` different flows in random order: flow *n* goes to `destination(n)`, from addresses of
/// the benchmarking networks 198.18.0.0/15 (RFC 2544) and 2001:2::/48 (RFC 5180). The same every
/// time.
///
/// ```
/// use linecard_linux::port::flows;
///
/// let flows = flows(100, |n| ([192, 0, 2, n as u8], 53).into());
/// assert_eq!(flows.len(), 100);
/// ```
#[must_use]
pub fn flows(count: u32, mut destination: impl FnMut(u32) -> SocketAddr) -> Vec<Flow> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let flow = |number: u32| {
        let destination = destination(number);
        // Different by address and, past the network's end, by port.
        let (host, port) = (
            number & 0xffff,
            FIRST_PORT.wrapping_add((number >> 16) as u16),
        );
        let source: IpAddr = if destination.is_ipv4() {
            [198, 18, (host >> 8) as u8, host as u8].into()
        } else {
            [0x2001, 2, 0, 0, 0, 0, 1, host as u16].into()
        };
        Flow {
            source: SocketAddr::new(source, port),
            destination,
        }
    };
    let mut flows: Vec<Flow> = (0..count).map(flow).collect();
    // Fisher and Yates.
    for last in (1..flows.len()).rev() {
        flows.swap(last, random.below(last as u64 + 1) as usize);
    }
    flows
}

fn ipv4(
    source: core::net::Ipv4Addr,
    destination: core::net::Ipv4Addr,
    payload_len: usize,
) -> Result<Vec<u8>, WireError> {
    use zerocopy::IntoBytes;
    let len = u16::try_from(payload_len).map_err(|_| WireError::BadTotalLength(u16::MAX))?;
    let mut header = Ipv4Header::new(source, destination, IpProtocol::UDP, len)?;
    header.fill_checksum();
    Ok(header.as_bytes().to_vec())
}

/// xorshift64*: good enough to shuffle, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let value = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d);
        ((u128::from(value) * u128::from(bound)) >> 64) as u64
    }
}

const ETHERNET: usize = 14;
const IPV4: usize = 20;
const IPV6: usize = 40;
const UDP: usize = 8;
/// Where in the UDP header its checksum is.
const UDP_CHECKSUM: usize = 6;
const HOP_LIMIT: u8 = 64;
const FIRST_PORT: u16 = 1024;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use linecard::wire::checksum;

    use super::*;

    const TO: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
    const FROM: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);

    #[test]
    fn frames_are_what_etherparse_takes_them_for() {
        for (source, destination) in [
            ("192.0.2.1:1000", "198.51.100.1:2000"),
            ("[2001:db8::1]:1000", "[2001:db8::2]:2000"),
        ] {
            let flow = Flow::new(source.parse().unwrap(), destination.parse().unwrap()).unwrap();
            for size in [flow.header_len(), 62, 100, 1514] {
                let frame = flow.frame(size, TO, FROM).unwrap();
                assert_eq!(frame.len(), size);
                let packet = etherparse::PacketHeaders::from_ethernet_slice(&frame).unwrap();
                let udp = packet.transport.unwrap().udp().unwrap();
                assert_eq!((udp.source_port, udp.destination_port), (1000, 2000));
                let payload = packet.payload.slice();
                let expected = match packet.net.unwrap() {
                    etherparse::NetHeaders::Ipv4(ip, _) => {
                        assert_eq!(ip.header_checksum, ip.calc_header_checksum());
                        udp.calc_checksum_ipv4(&ip, payload)
                    }
                    etherparse::NetHeaders::Ipv6(ip, _) => udp.calc_checksum_ipv6(&ip, payload),
                    other => panic!("{other:?}"),
                };
                assert_eq!(udp.checksum, expected.unwrap());
            }
        }
    }

    #[test]
    fn frames_that_cannot_be() {
        let flow = flows(1, |_| ([192, 0, 2, 1], 53).into())[0];
        assert_eq!(flow.frame(flow.header_len() - 1, TO, FROM), None);
        assert_eq!(flow.frame(14 + 65_536, TO, FROM), None);
        assert_eq!(Flow::new(flow.source(), "[::1]:1".parse().unwrap()), None);
    }

    #[test]
    fn every_stamp_sums_to_the_same() {
        let mut random = Random(1);
        for _ in 0..1000 {
            let stamp = Stamp {
                flow: random.below(1 << 32) as u32,
                number: random.below(u64::MAX),
            };
            let bytes = stamp.to_bytes();
            assert!(checksum::is_valid(&bytes));
            assert_eq!(Stamp::read(&bytes), Some(stamp));
            let mut changed = bytes;
            changed[random.below(14) as usize] ^= 1;
            assert_eq!(Stamp::read(&changed), None);
        }
        assert_eq!(Stamp::read(&[0xff; 13]), None);
    }

    #[test]
    fn flows_differ_and_are_shuffled() {
        let flows = flows(70_000, |_| ([192, 0, 2, 1], 53).into());
        assert_eq!(flows.iter().collect::<HashSet<_>>().len(), 70_000);
        let ascending = flows
            .windows(2)
            .filter(|pair| pair[0].source() < pair[1].source())
            .count();
        assert!((30_000..40_000).contains(&ascending), "{ascending}");
    }
}

//! A packet or more for each [`Difference`].

use linecard_harness::parse::Difference;
use linecard_harness::parse::Start::{self, Ethernet, Ip};

const UDP: [u8; 8] = [0, 53, 0, 53, 0, 8, 0, 0];

fn frame(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [&[2; 12][..], &ethertype.to_be_bytes(), payload].concat()
}

fn ipv4(protocol: u8, fragment: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0; 20];
    packet[0] = 0x45;
    packet[2..4].copy_from_slice(&(20 + payload.len() as u16).to_be_bytes());
    packet[6..8].copy_from_slice(&fragment.to_be_bytes());
    packet[9] = protocol;
    packet.extend(payload);
    packet
}

fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0; 40];
    packet[0] = 0x60;
    packet[4..6].copy_from_slice(&(payload.len() as u16).to_be_bytes());
    packet[6] = next;
    packet.extend(payload);
    packet
}

/// Ethernet, IPv4, UDP, and nothing that could be seen another way.
pub(crate) fn udp_frame() -> Vec<u8> {
    frame(0x0800, &ipv4(17, 0, &UDP))
}

pub(crate) fn of(difference: Difference) -> Vec<(Start, Vec<u8>)> {
    match difference {
        Difference::Llc => {
            let snap = |ethertype: [u8; 2], packet: &[u8]| {
                let bytes = [&[0xaa, 0xaa, 3, 0, 0, 0][..], &ethertype, packet].concat();
                (Ethernet, frame(bytes.len() as u16, &bytes))
            };
            vec![
                (Ethernet, frame(3, &[0x42, 0x42, 3, 9])),
                (Ethernet, frame(2, &[0x42, 0x42, 3])),
                (Ethernet, frame(9, &[0x42, 0x42, 3])),
                snap([8, 0], &ipv4(17, 0, &UDP)),
                snap([0x86, 0xdd], &ipv6(6, &UDP)),
                snap([0, 9], &[]),
            ]
        }
        Difference::Mpls => {
            let stack = |packet: &[u8]| {
                let bytes = [&[0, 1, 0, 64, 0, 2, 1, 64][..], packet].concat();
                (Ethernet, frame(0x8847, &bytes))
            };
            vec![
                stack(&ipv4(17, 0, &UDP)),
                stack(&ipv6(17, &UDP)),
                stack(&[0; 8]),
                stack(&[]),
                (Ethernet, frame(0x8848, &[0; 80])),
                (Ethernet, frame(0x8848, &[0; 5])),
            ]
        }
        Difference::Macsec => vec![
            (Ethernet, frame(0x88e5, &[0, 0, 0, 0, 0, 1, 8, 0])),
            (Ethernet, frame(0x88e5, &[0])),
        ],
        Difference::FourTags => {
            let tags = |count: usize| {
                let mut bytes = [0, 7, 0x81, 0].repeat(count - 1);
                bytes.extend([0, 7, 8, 0]);
                bytes.extend(ipv4(17, 0, &UDP));
                (Ethernet, frame(0x8100, &bytes))
            };
            vec![tags(4), tags(5)]
        }
        Difference::ArpOfOtherKind => {
            let mut ieee = vec![0, 6, 8, 0, 6, 4, 0, 1];
            ieee.resize(28, 0);
            let mut long = vec![0, 1, 0x86, 0xdd, 6, 16, 0, 1];
            long.resize(52, 0);
            vec![
                (Ethernet, frame(0x0806, &ieee)),
                (Ethernet, frame(0x0806, &long)),
                (Ethernet, frame(0x0806, &[0; 20])),
            ]
        }
        Difference::ShortAndBadHeaderLength => vec![(Ip, vec![0x44; 19]), (Ip, vec![0x40])],
        Difference::ZeroPayloadLength => {
            let mut zero = ipv6(6, &[0x50; 20]);
            zero[4..6].fill(0);
            vec![(Ip, zero.clone()), (Ethernet, frame(0x86dd, &zero))]
        }
        Difference::Jumbogram => {
            let jumbo = |len: u32, payload: usize, next: u8| {
                let mut packet = ipv6(0, &[next, 0, 0xc2, 4, 0, 0, 0, 0]);
                packet[44..48].copy_from_slice(&len.to_be_bytes());
                packet[4..6].fill(0);
                packet.resize(40 + payload, 0);
                packet
            };
            let mut fragment = jumbo(0x1_0000, 0x1_0000, 44);
            fragment[48..52].copy_from_slice(&[59, 0, 0, 1]);
            vec![
                (Ip, jumbo(0xffff, 0xffff, 59)),
                (Ip, jumbo(0x1_0001, 0x1_0000, 59)),
                (Ip, fragment),
            ]
        }
        Difference::SecondAh => {
            let mut chain = vec![0; 24];
            (chain[0], chain[1]) = (51, 1);
            (chain[12], chain[13]) = (17, 1);
            let cut = ipv4(51, 0, &chain[..20]);
            chain.extend(UDP);
            let fragment = ipv4(51, 0x2000, &chain);
            vec![(Ip, ipv4(51, 0, &chain)), (Ip, cut), (Ip, fragment)]
        }
        Difference::ManyExtensions => {
            let chain = [60, 0, 1, 4, 0, 0, 0, 0].repeat(8);
            let last = [17, 0, 1, 4, 0, 0, 0, 0];
            vec![(Ip, ipv6(60, &[&chain[..], &last, &UDP].concat()))]
        }
        Difference::LongExtensions => {
            let mut long = vec![0; 1000];
            (long[0], long[1]) = (17, 124);
            long.extend(UDP);
            vec![(Ip, ipv6(60, &long))]
        }
        Difference::BehindLaterFragment => {
            let later = |next| [next, 0, 0, 8, 0, 0, 0, 1];
            vec![
                (Ip, ipv6(44, &[&later(60)[..], &[1, 2, 3]].concat())),
                (Ip, ipv6(44, &[&later(0)[..], &[0; 8]].concat())),
                (Ip, ipv6(44, &[&later(51)[..], &[0; 12]].concat())),
                (Ip, ipv4(51, 0x2001, &[17, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])),
                (Ip, ipv4(51, 0x0001, &[17])),
            ]
        }
        Difference::FirstFragment => {
            let first = [17, 0, 0, 1, 0, 0, 0, 1];
            vec![
                (Ip, ipv4(17, 0x2000, &UDP)),
                (Ip, ipv4(6, 0x2000, &UDP)),
                (Ip, ipv4(99, 0x2000, &UDP)),
                (Ip, ipv6(44, &[&first[..], &UDP].concat())),
            ]
        }
        Difference::ZeroUdpLength => {
            let mut udp = UDP;
            udp[5] = 0;
            vec![(Ip, ipv4(17, 0, &udp)), (Ip, ipv6(17, &udp))]
        }
        Difference::TimestampLength => vec![
            (Ip, ipv4(1, 0, &[13, 0, 0, 0, 0, 0, 0, 0])),
            (Ip, ipv4(1, 0, &[&[14][..], &[0; 20]].concat())),
        ],
        Difference::IcmpOfOtherVersion => vec![
            (Ip, ipv6(1, &[8, 0, 0, 0, 0, 0, 0, 0])),
            (Ip, ipv4(58, 0, &[128, 0, 0, 0, 0, 0, 0, 0])),
            (Ip, ipv4(58, 0, &[])),
            (Ip, ipv6(1, &[13, 0, 0, 0, 0, 0, 0, 0])),
        ],
        Difference::Igmp => vec![
            (Ip, ipv4(2, 0, &[0x16, 0, 0, 0, 224, 0, 0, 9])),
            (Ip, ipv4(2, 0, &[0x16])),
        ],
    }
}

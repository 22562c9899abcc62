//! Packet sets: what a parser is given.

use linecard::wire::checksum;

/// The packets of a set, by its name.
///
/// ```text
/// udp              Ethernet, IPv4, UDP: 64 bytes with the FCS
/// vlan-tcp         802.1Q, IPv4, TCP with timestamps
/// qinq-udp         802.1ad, 802.1Q, IPv4, UDP
/// ipv4-options     IPv4 with a router alert, UDP
/// ipv6-udp         IPv6, UDP
/// ipv6-extensions  IPv6 with hop-by-hop and destination options, TCP
/// tcp-timestamps   IPv4, TCP with timestamps
/// mix              all of them, in random order
/// ```
///
/// Fixed sets are as large as stays in L1. The mix is larger than what a branch predictor could
/// learn by heart.
///
/// # Panics
/// There is no such set.
pub fn set(name: &str) -> Vec<Vec<u8>> {
    if name == "mix" {
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        return (0..MIXED)
            .map(|number| {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                packet(KINDS[(random % KINDS.len() as u64) as usize], number)
            })
            .collect();
    }
    (0..PACKETS).map(|number| packet(name, number)).collect()
}

/// The names of all sets of one kind.
pub const KINDS: [&str; 7] = [
    "udp",
    "vlan-tcp",
    "qinq-udp",
    "ipv4-options",
    "ipv6-udp",
    "ipv6-extensions",
    "tcp-timestamps",
];

fn packet(kind: &str, number: u16) -> Vec<u8> {
    match kind {
        "udp" => frame(&[], 0x0800, ipv4(&[], 17, number, udp(number))),
        "vlan-tcp" => frame(&[0x8100], 0x0800, ipv4(&[], 6, number, tcp(number))),
        "qinq-udp" => frame(
            &[0x88a8, 0x8100],
            0x0800,
            ipv4(&[], 17, number, udp(number)),
        ),
        "ipv4-options" => frame(&[], 0x0800, ipv4(&ROUTER_ALERT, 17, number, udp(number))),
        "ipv6-udp" => frame(&[], 0x86dd, ipv6(&[], 17, number, udp(number))),
        "ipv6-extensions" => frame(&[], 0x86dd, ipv6(&EXTENSIONS, 0, number, tcp(number))),
        "tcp-timestamps" => frame(&[], 0x0800, ipv4(&[], 6, number, tcp(number))),
        other => panic!("no packets of kind {other}"),
    }
}

fn frame(tags: &[u16], ethertype: u16, packet: Vec<u8>) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    for tag in tags {
        frame.extend(tag.to_be_bytes());
        frame.extend([0, 100]);
    }
    frame.extend(ethertype.to_be_bytes());
    frame.extend(packet);
    frame
}

fn ipv4(options: &[u8], protocol: u8, number: u16, payload: Vec<u8>) -> Vec<u8> {
    let header_len = 20 + options.len();
    let total_len = (header_len + payload.len()) as u16;
    let [high, low] = number.to_be_bytes();
    let mut packet = vec![0x40 | (header_len / 4) as u8, 0];
    packet.extend(total_len.to_be_bytes());
    packet.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
    packet.extend([192, 0, high, low, 198, 51, high, low]);
    packet.extend(options);
    let checksum = checksum::checksum(&packet);
    packet[10..12].copy_from_slice(&checksum.to_be_bytes());
    packet.extend(payload);
    packet
}

fn ipv6(extensions: &[u8], next: u8, number: u16, payload: Vec<u8>) -> Vec<u8> {
    let payload_len = (extensions.len() + payload.len()) as u16;
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend(payload_len.to_be_bytes());
    packet.extend([next, 64]);
    for host in [number, number.wrapping_add(1)] {
        packet.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        packet.extend(host.to_be_bytes());
    }
    packet.extend(extensions);
    packet.extend(payload);
    packet
}

/// A checksum of zero says that there is none, which nobody here looks at.
fn udp(number: u16) -> Vec<u8> {
    let mut datagram = (1024 + number).to_be_bytes().to_vec();
    datagram.extend([0, 53, 0, 26, 0, 0]);
    datagram.extend([number as u8; 18]);
    datagram
}

fn tcp(number: u16) -> Vec<u8> {
    let mut segment = (1024 + number).to_be_bytes().to_vec();
    segment.extend([
        1,
        187,
        0,
        0,
        0,
        7,
        0,
        0,
        0,
        9,
        8 << 4,
        0x10,
        1,
        0,
        0,
        0,
        0,
        0,
    ]);
    segment.extend([1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
    segment.extend([number as u8; 18]);
    segment
}

/// RFC 2113.
const ROUTER_ALERT: [u8; 4] = [0x94, 4, 0, 0];

/// Hop-by-hop options, then destination options, then TCP; in each six bytes of padding.
const EXTENSIONS: [u8; 16] = [60, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0];

/// Packets of one kind.
const PACKETS: u16 = 64;

/// Packets of the mix.
const MIXED: u16 = 4096;

//! Packets to test with: any stack of the headers that `wire` knows, right in every length, and then
//! perhaps cut off and damaged.

use linecard::wire::checksum::checksum;
use proptest::prelude::*;

/// Layer 2 and what it announces, up to where layer 3 starts.
fn link() -> impl Strategy<Value = Vec<Shim>> {
    let vlan = (
        prop::sample::select(vec![0x8100u16, 0x88a8, 0x9100]),
        any::<u16>(),
    )
        .prop_map(|(tpid, tci)| Shim::Vlan(tpid, tci));
    let labels = prop::collection::vec(any::<u32>(), 1..4).prop_map(Shim::Mpls);
    let tags = |count| prop::collection::vec(vlan.clone(), count);
    prop_oneof![
        6 => Just(vec![]),
        3 => tags(1..3),
        1 => tags(3..7),
        1 => Just(vec![Shim::Snap]),
        1 => (tags(0..2), labels).prop_map(|(mut tags, labels)| {
            tags.push(labels);
            tags
        }),
        1 => tags(1..2).prop_map(|mut tags| {
            tags.push(Shim::Snap);
            tags
        }),
    ]
}

#[derive(Debug, Clone)]
enum Shim {
    Vlan(u16, u16),
    Mpls(Vec<u32>),
    Snap,
}

/// Puts these in front of a packet that `ethertype` announces, and the addresses in front of all.
fn frame(shims: &[Shim], mut ethertype: u16, mut packet: Vec<u8>) -> Vec<u8> {
    for shim in shims.iter().rev() {
        let head = match shim {
            Shim::Vlan(tpid, tci) => {
                let head = [tci.to_be_bytes(), ethertype.to_be_bytes()].concat();
                ethertype = *tpid;
                head
            }
            Shim::Mpls(labels) => {
                // The first nibble is all that says what it is.
                if let (false, Some(first)) =
                    (matches!(ethertype, 0x0800 | 0x86dd), packet.first_mut())
                {
                    *first &= 0x0f;
                }
                ethertype = 0x8847;
                let last = labels.len() - 1;
                let entries = labels.iter().enumerate();
                entries
                    .flat_map(|(i, label)| {
                        (label & !0x100 | u32::from(i == last) << 8).to_be_bytes()
                    })
                    .collect()
            }
            // What is longer than IEEE 802.3 allows goes without.
            Shim::Snap if packet.len() > 1400 => continue,
            Shim::Snap => {
                let mut head = vec![0xaa, 0xaa, 3, 0, 0, 0];
                head.extend(ethertype.to_be_bytes());
                ethertype = (head.len() + packet.len()) as u16;
                head
            }
        };
        packet.splice(0..0, head);
    }
    [&[2; 12][..], &ethertype.to_be_bytes(), &packet].concat()
}

/// IPv4 with these options, or IPv6 with these extension headers, around layer 4.
fn ipv4(protocol: u8, options: &[u8], fragment: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0; 20];
    packet.extend(options);
    packet.resize(packet.len().next_multiple_of(4), 0);
    let header_len = packet.len();
    packet[0] = 0x40 | (header_len / 4) as u8;
    packet[2..4].copy_from_slice(&((header_len + payload.len()) as u16).to_be_bytes());
    packet[6..8].copy_from_slice(&fragment.to_be_bytes());
    packet[8..10].copy_from_slice(&[64, protocol]);
    packet[12..20].copy_from_slice(&[10, 0, 0, 1, 192, 0, 2, 1]);
    let sum = checksum(&packet);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet.extend(payload);
    packet
}

fn ipv6(chain: &[Extension], protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x20; 40];
    let nexts = chain.iter().map(|extension| extension.kind);
    let mut nexts = nexts.chain([protocol]);
    packet[0] = 0x60;
    packet[6] = nexts.next().unwrap();
    for (extension, next) in chain.iter().zip(nexts) {
        let units = extension.units;
        let mut bytes = match extension.kind {
            51 => vec![0; (usize::from(units.saturating_add(1)) + 2) * 4],
            44 => vec![0; 8],
            _ => vec![0; (usize::from(units) + 1) * 8],
        };
        bytes[0] = next;
        match extension.kind {
            51 => bytes[1] = units.saturating_add(1),
            44 => bytes[2..4].copy_from_slice(&extension.fragment.to_be_bytes()),
            _ => bytes[1] = units,
        }
        packet.extend(bytes);
    }
    let len = (packet.len() - 40 + payload.len()) as u16;
    packet[4..6].copy_from_slice(&len.to_be_bytes());
    packet.extend(payload);
    packet
}

#[derive(Debug, Clone)]
struct Extension {
    kind: u8,
    units: u8,
    fragment: u16,
}

fn extension() -> impl Strategy<Value = Extension> {
    let kind = prop_oneof![
        2 => Just(60),
        2 => Just(43),
        2 => Just(44),
        1 => Just(51),
        1 => Just(0),
    ];
    let units = prop_oneof![9 => 0..3u8, 1 => any::<u8>()];
    (kind, units, fragment_field(3)).prop_map(|(kind, units, fragment)| Extension {
        kind,
        units,
        fragment,
    })
}

/// A fragment field with this many bits below the offset: mostly whole, else first or later.
fn fragment_field(shift: u8) -> impl Strategy<Value = u16> {
    prop_oneof![
        4 => Just(0u16),
        1 => Just(1),
        1 => (1..100u16).prop_map(move |offset| offset << shift),
        1 => (1..100u16).prop_map(move |offset| offset << shift | 1),
    ]
}

/// Layer 4: a protocol number and its bytes.
fn transport() -> impl Strategy<Value = (u8, Vec<u8>)> {
    let payload = prop::collection::vec(any::<u8>(), 0..40);
    let udp = (any::<[u16; 2]>(), payload.clone(), 0..3usize).prop_map(|(ports, payload, more)| {
        let mut bytes = ports.map(u16::to_be_bytes).concat();
        bytes.extend((8 + payload.len() as u16).to_be_bytes());
        bytes.extend([0, 0]);
        bytes.extend(payload);
        // What UDP does not count.
        bytes.resize(bytes.len() + more, 0xee);
        (17, bytes)
    });
    let tcp =
        (any::<[u8; 20]>(), 5..16u8, payload.clone()).prop_map(|(mut head, words, payload)| {
            head[12] = words << 4;
            let mut bytes = head.to_vec();
            bytes.resize(usize::from(words) * 4, 1);
            bytes.extend(payload);
            (6, bytes)
        });
    let gre = (0..8u16, 0..40usize).prop_map(|(fields, payload)| {
        let flags = (fields & 1) << 15 | (fields & 6) << 11;
        let fields = fields.count_ones() as usize * 4;
        let head = [&flags.to_be_bytes()[..], &[8, 0]].concat();
        (47, [head, vec![7; fields + payload]].concat())
    });
    let vxlan = (any::<[u8; 8]>(), payload.clone()).prop_map(|(head, payload)| {
        let len = 16 + payload.len() as u8;
        let udp = [0xc0, 0, 0x12, 0xb5, 0, len, 0, 0];
        (17, [&udp[..], &head, &payload].concat())
    });
    let icmp = (
        prop::sample::select(vec![1, 1, 1, 58, 58, 58, 2]),
        prop_oneof![any::<u8>(), 13..15u8],
        prop::collection::vec(prop_oneof![Just(0), any::<u8>()], 7..40),
    )
        .prop_map(|(protocol, kind, rest)| (protocol, [&[kind][..], &rest].concat()));
    let other = (any::<u8>(), payload.clone());
    let sctp = prop::collection::vec(any::<u8>(), 12..40).prop_map(|bytes| (132, bytes));
    prop_oneof![
        4 => udp,
        4 => tcp,
        2 => icmp,
        1 => gre,
        1 => vxlan,
        1 => sctp,
        1 => other,
        1 => Just((59, vec![])),
    ]
}

/// Layer 3 with its payload: an ethertype and the bytes.
fn network() -> impl Strategy<Value = (u16, Vec<u8>)> {
    let options = prop_oneof![
        2 => Just(vec![]),
        1 => prop::collection::vec(prop_oneof![Just(1), any::<u8>()], 1..41),
    ];
    let v4 = (options, fragment_field(0), transport()).prop_map(
        |(options, fragment, (protocol, payload))| {
            // The flag is the other way round from IPv6's.
            let field = fragment >> 1 | (fragment & 1) << 13;
            (0x0800, ipv4(protocol, &options, field, &payload))
        },
    );
    let chain = prop_oneof![
        2 => prop::collection::vec(extension(), 0..1),
        2 => prop::collection::vec(extension(), 1..4),
        1 => prop::collection::vec(extension(), 4..11),
    ];
    let v6 =
        (chain, any::<bool>(), transport()).prop_map(|(mut chain, first, (protocol, payload))| {
            // Mostly where it may be.
            if first {
                chain.retain(|extension| extension.kind != 0);
            }
            (0x86dd, ipv6(&chain, protocol, &payload))
        });
    let v4_ah = (0..3u8, transport()).prop_map(|(units, (protocol, payload))| {
        let mut bytes = vec![0; (usize::from(units) + 3) * 4];
        bytes[..2].copy_from_slice(&[protocol, units + 1]);
        bytes.extend(payload);
        (0x0800, ipv4(51, &[], 0, &bytes))
    });
    let arp = (any::<[u8; 20]>(), any::<[u8; 8]>(), 0..8u8).prop_map(|(rest, head, odd)| {
        let head = if odd == 0 {
            head
        } else {
            [0, 1, 8, 0, 6, 4, 0, 1]
        };
        (0x0806, [&head[..], &rest].concat())
    });
    let unknown = prop::sample::select(vec![
        0x88cc_u16, 0x88e5, 0x8808, 0x22f0, 0x6558, 0xffff, 1501,
    ]);
    let other = (unknown, prop::collection::vec(any::<u8>(), 0..60));
    prop_oneof![8 => v4, 8 => v6, 1 => v4_ah, 1 => arp, 1 => other]
}

/// A frame whose every length is right.
pub(crate) fn good_frame() -> impl Strategy<Value = Vec<u8>> {
    (link(), network(), 0..20usize).prop_map(|(shims, (ethertype, packet), padding)| {
        let mut frame = frame(&shims, ethertype, packet);
        frame.resize(frame.len() + padding, 0);
        frame
    })
}

/// A packet that starts with its IP header, whose every length is right.
pub(crate) fn good_ip_packet() -> impl Strategy<Value = Vec<u8>> {
    network().prop_filter_map("ARP", |(ethertype, packet)| {
        matches!(ethertype, 0x0800 | 0x86dd).then_some(packet)
    })
}

/// What one of these becomes when bytes of it change, mostly among the first 80, and when it is cut off.
pub(crate) fn damaged(frame: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let at = prop_oneof![3 => 0..80usize, 1 => any::<usize>()];
    let value = prop_oneof![
        any::<u8>().prop_map(Change::Set),
        prop::sample::select(vec![0, 1, 4, 6, 17, 44, 51, 60, 0x45, 0x60, 0xff])
            .prop_map(Change::Set),
        (0..8u8).prop_map(Change::Flip),
    ];
    let cut = prop_oneof![2 => Just(usize::MAX), 1 => any::<usize>()];
    (frame, prop::collection::vec((at, value), 0..4), cut).prop_map(|(mut frame, changes, cut)| {
        for (at, change) in changes {
            if frame.is_empty() {
                break;
            }
            let at = at % frame.len();
            frame[at] = match change {
                Change::Set(value) => value,
                Change::Flip(bit) => frame[at] ^ 1 << bit,
            };
        }
        if cut != usize::MAX {
            frame.truncate(cut % (frame.len() + 1));
        }
        frame
    })
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Set(u8),
    Flip(u8),
}

//! What a device finds out, and what is asked of it, from the mbuf's flags into the packet's and back.

use core::time::Duration;
use std::time::Instant;

use linecard::device::{Device, Features, RxQueue, TxQueue};
use linecard::mempool::Cache;
use linecard::packet::{Burst, Offloads};
use linecard_conformance::{Harness, Setup};
use linecard_dpdk::{Checksum, Config, Found, RingPort};
use linecard_testnet::PacketSocket;

use crate::eal::{memory, unique};
use crate::tap::{INTERFACE, Tap};

#[test]
fn what_a_device_found_out_is_in_the_packet() {
    let memory = memory(1024);
    let name = unique("found");
    let (mut port, mut far) = RingPort::new(&memory, &name, 64, Config::default()).expect("a port");
    let mut cache = Cache::new(memory.pool(), "test", 64).expect("a cache");
    let (mut rx, tx) = port.open(0, &mut cache).expect("queues");
    let sums = [
        (Checksum::Unknown, Offloads::empty(), Offloads::empty()),
        (Checksum::Good, Offloads::L3_GOOD, Offloads::L4_GOOD),
        (Checksum::Bad, Offloads::L3_BAD, Offloads::L4_BAD),
    ];
    let found = Found::default();
    let mut cases = vec![(
        Found {
            l4: Checksum::Unfinished,
            ..found
        },
        Offloads::L4_WANTED,
    )];
    for (l3, l3_said, _) in sums {
        for (l4, _, l4_said) in sums {
            for (hash, hash_said) in [
                (None, Offloads::empty()),
                (Some(0x89ab_cdef), Offloads::HASH),
            ] {
                for (vlan, vlan_said) in [
                    (None, Offloads::empty()),
                    (Some(0xa123), Offloads::VLAN_STRIPPED),
                ] {
                    let found = Found { l3, l4, hash, vlan };
                    cases.push((found, l3_said | l4_said | hash_said | vlan_said));
                }
            }
        }
    }
    assert_eq!(cases.len(), 37);
    let mut burst = Burst::<'_, 1>::new();
    for (found, said) in cases {
        assert!(far.put_found(&[7; 60], found));
        assert_eq!(rx.rx_burst(&mut cache, &mut burst), 1);
        for packet in burst.drain() {
            assert_eq!(packet.offloads, said, "{found:?}");
            assert_eq!(packet.data(), [7; 60]);
            if let Some(hash) = found.hash {
                assert_eq!(packet.hash, hash);
            }
            if let Some(vlan) = found.vlan {
                assert_eq!(packet.vlan_tci, vlan);
            }
            cache.free(packet.into_frame());
        }
    }
    // Nothing of one packet is left in its frame for the next.
    assert!(far.put(&[7; 60], usize::MAX));
    assert_eq!(rx.rx_burst(&mut cache, &mut burst), 1);
    assert_eq!(burst.as_slice()[0].offloads, Offloads::empty());
    burst.free(&mut cache);
    drop((rx, tx, cache));
    memory.pool().audit().expect("every frame is back");
}

#[test]
fn a_device_checks_and_finishes_checksums_of_real_packets() {
    let Some(mut tap) = Tap::new(&Setup::default()) else {
        return;
    };
    let far = PacketSocket::on(INTERFACE, 0x0800);
    let mut cache = Cache::new(tap.pool, "test", 64).expect("a cache");
    let wanted = Features::RX_CHECKSUM | Features::TX_CHECKSUM;
    let features = tap.port.capabilities().features;
    assert!(features.contains(wanted), "{features:?}");
    let (mut rx, mut tx) = tap.port.open(0, &mut cache).expect("queues");
    let mut burst = Burst::<'_, 1>::new();
    let good = datagram();
    let (mut bad_payload, mut bad_header) = (good, good);
    bad_payload[45] ^= 1;
    // The time to live is in no sum but the header's.
    bad_header[22] ^= 1;
    for (frame, said) in [
        (good, Offloads::L3_GOOD | Offloads::L4_GOOD),
        (bad_payload, Offloads::L3_GOOD | Offloads::L4_BAD),
        (bad_header, Offloads::L3_BAD | Offloads::L4_GOOD),
    ] {
        send(&far, &frame);
        let deadline = Instant::now() + PATIENCE;
        while rx.rx_burst(&mut cache, &mut burst) == 0 {
            assert!(Instant::now() < deadline, "nothing comes");
        }
        let packet = &burst.as_slice()[0];
        assert_eq!((packet.data(), packet.offloads), (&frame[..], said));
        burst.free(&mut cache);
    }

    // The pseudo-header's sum alone, which the device completes.
    let mut unfinished = good;
    let pseudo = fold(words(&good[26..34]) + 17 + 12);
    unfinished[40..42].copy_from_slice(&pseudo.to_be_bytes());
    burst.alloc(&mut cache, 1);
    for packet in &mut burst {
        packet
            .append(60)
            .expect("room")
            .copy_from_slice(&unfinished);
        packet.offloads = Offloads::L4_WANTED;
    }
    assert_eq!(tx.tx_burst(&mut cache, &mut burst), 1);
    far.set_timeout(PATIENCE);
    assert_eq!(far.receive().as_deref(), Some(&good[..]));
    assert_eq!(tx.stats().dropped(), 0);
    drop((rx, tx, cache));
    tap.pool.audit().expect("every frame is back");
}

/// As soon as the interface, which the port has brought up, takes it.
fn send(far: &PacketSocket, frame: &[u8]) {
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = far.send_now(frame) {
        assert!(Instant::now() < deadline, "not sent: {error}");
    }
}

/// UDP from 192.0.2.1 to 192.0.2.2 with four bytes in it, both sums right, and zeros behind it.
fn datagram() -> [u8; 60] {
    let mut frame = [0; 60];
    frame[..14].copy_from_slice(&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]);
    frame[14..34].copy_from_slice(&[
        0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2,
    ]);
    frame[34..46].copy_from_slice(&[0, 53, 0, 53, 0, 12, 0, 0, 1, 2, 3, 4]);
    let header = !fold(words(&frame[14..34]));
    frame[24..26].copy_from_slice(&header.to_be_bytes());
    let sum = !fold(words(&frame[26..46]) + 17 + 12);
    frame[40..42].copy_from_slice(&sum.to_be_bytes());
    frame
}

/// RFC 1071: the sum of 16-bit words, before it is folded.
fn words(bytes: &[u8]) -> u32 {
    let pairs = bytes.chunks_exact(2);
    pairs
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]))
        .sum()
}

fn fold(sum: u32) -> u16 {
    let sum = (sum & 0xffff) + (sum >> 16);
    ((sum & 0xffff) + (sum >> 16)) as u16
}

const PATIENCE: Duration = Duration::from_secs(20);

//! Packets there and back.

use linecard::device::{Device, RxQueue, TxQueue};
use linecard::mempool::Cache;
use linecard::packet::{Burst, Offloads};

use super::*;
use crate::net::Header;

#[test]
fn packets_come_back_as_they_were_sent_on_every_kind_of_ring() {
    for kind in kinds() {
        with_port(offer(kind), accept_all(), |port, handle, pool| {
            assert_eq!(port.features(), kind);
            let mut cache = Cache::new(pool, "test", 64).unwrap();
            let (mut rx, mut tx) = port.open(0, &mut cache).unwrap();
            let lens = [14, 60, 64, 1000, 1514, 1518, 59];
            let received = exchange(&mut rx, &mut tx, &mut cache, &lens);
            let expected: Vec<_> = (0..)
                .zip(lens)
                .map(|(seed, len)| bytes(len, seed))
                .collect();
            assert_eq!(received, expected, "{kind:?}");
            assert_eq!(rx.stats().packets, 7);
            assert_eq!(rx.stats().bytes, tx.stats().bytes);
            assert_eq!(tx.reclaim(&mut cache), 7);
            assert_eq!(tx.stats().completed, 7);
            assert_eq!(handle.rings(1), 1, "one doorbell a burst");
        });
    }
}

#[test]
fn many_laps_round_every_kind_of_ring_in_order() {
    for kind in kinds() {
        for start in [0, 0xffe0] {
            let settings = Config {
                start,
                depth: 64,
                ..accept_all()
            };
            with_port(offer(kind), settings, |port, _, pool| {
                let mut cache = Cache::new(pool, "test", 64).unwrap();
                let (mut rx, mut tx) = port.open(0, &mut cache).unwrap();
                let (mut sent, mut expected) = (0u64, 0u64);
                let mut burst: Burst = Burst::new();
                while expected < 3000 {
                    for _ in 0..(sent % 29) + 1 {
                        burst
                            .push(packet(&mut cache, 60 + (sent % 7) as usize, sent))
                            .unwrap();
                        sent += 1;
                    }
                    while !burst.is_empty() {
                        tx.tx_burst(&mut cache, &mut burst);
                        let mut back: Burst = Burst::new();
                        rx.rx_burst(&mut cache, &mut back);
                        for packet in back.drain() {
                            let len = 60 + (expected % 7) as usize;
                            assert_eq!(packet.data(), bytes(len, expected), "{kind:?}");
                            expected += 1;
                        }
                    }
                    let ledger = pool.ledger();
                    assert_eq!(
                        ledger.posted
                            + ledger.completing
                            + ledger.cached
                            + ledger.free
                            + ledger.held,
                        ledger.total
                    );
                }
            });
        }
    }
}

#[test]
fn what_cannot_be_sent_is_taken_and_counted() {
    with_port(offer(Features::empty()), accept_all(), |port, _, pool| {
        let mut cache = Cache::new(pool, "test", 64).unwrap();
        let (mut rx, mut tx) = port.open(0, &mut cache).unwrap();
        assert_eq!(port.capabilities().max_frame, 1518);
        let received = exchange(&mut rx, &mut tx, &mut cache, &[0, 1, 13, 60, 1519, 61]);
        assert_eq!(received, [bytes(60, 3), bytes(61, 5)]);
        let mut burst: Burst = Burst::new();
        burst.push(packet(&mut cache, 60, 0)).unwrap();
        burst.as_mut_slice()[0].offloads = Offloads::VLAN_WANTED;
        assert_eq!(tx.tx_burst(&mut cache, &mut burst), 1);
        let stats = tx.stats();
        assert_eq!(
            (stats.undersize, stats.oversize, stats.unsupported),
            (3, 1, 1)
        );
        assert_eq!(stats.packets, 2);
    });
}

#[test]
fn a_full_ring_leaves_the_rest_in_order_with_the_caller() {
    for kind in kinds() {
        with_port(
            offer(kind),
            Config {
                depth: 32,
                ..accept_all()
            },
            |port, handle, pool| {
                let mut cache = Cache::new(pool, "test", 64).unwrap();
                let (mut rx, mut tx) = port.open(0, &mut cache).unwrap();
                handle.hold(true);
                let mut burst = Burst::<64>::new();
                for seed in 0..40 {
                    burst.push(packet(&mut cache, 60, seed)).unwrap();
                }
                assert_eq!(tx.tx_burst(&mut cache, &mut burst), 32);
                assert_eq!((burst.len(), tx.stats().full), (8, 1));
                assert_eq!(burst.as_slice()[0].data(), bytes(60, 32));
                assert_eq!(tx.tx_burst(&mut cache, &mut burst), 0);
                handle.hold(false);
                handle.step();
                assert_eq!(tx.tx_burst(&mut cache, &mut burst), 8);
                let mut all = Burst::<64>::new();
                while all.len() < 40 {
                    rx.rx_burst(&mut cache, &mut all);
                }
                for (seed, packet) in (0..).zip(all.drain()) {
                    assert_eq!(packet.data(), bytes(60, seed));
                }
            },
        );
    }
}

#[test]
fn packets_of_several_frames_are_sent_and_received() {
    for kind in kinds() {
        let config = FakeConfig {
            mtu: 9000,
            ..offer(kind | Features::MRG_RXBUF | Features::MTU)
        };
        with_port(config, accept_all(), |port, _, pool| {
            assert_eq!(port.mtu(), 9000);
            let mut cache = Cache::new(pool, "test", 64).unwrap();
            let (mut rx, mut tx) = port.open(0, &mut cache).unwrap();
            for turn in 0..300 {
                let mut burst: Burst = Burst::new();
                let mut sent = Vec::new();
                for seed in 0..4 {
                    let mut head = packet(&mut cache, 100 + turn, seed);
                    for part in 0..seed {
                        let tail = packet(&mut cache, 1500, seed + part).into_frame();
                        head.frame_mut().chain(tail).unwrap();
                    }
                    sent.push(whole(&head));
                    burst.push(head).unwrap();
                }
                assert_eq!(tx.tx_burst(&mut cache, &mut burst), 4);
                let mut back = Vec::new();
                while back.len() < 4 {
                    back.extend(receive(&mut rx, &mut cache, &mut burst));
                }
                assert_eq!(back, sent, "{kind:?}");
            }
            tx.reclaim(&mut cache);
            assert_eq!(tx.stats().completed, 1200);
        });
    }
}

#[test]
fn a_packet_without_headroom_gets_a_header_of_its_own() {
    for kind in kinds() {
        with_port(offer(kind), accept_all(), |port, _, pool| {
            let mut cache = Cache::new(pool, "test", 64).unwrap();
            let (mut rx, mut tx) = port.open(0, &mut cache).unwrap();
            for room in [0, 5, 11, 12] {
                let mut full = packet(&mut cache, 60, 9);
                let headroom = full.headroom();
                full.prepend(headroom - room).unwrap().fill(room as u8);
                let sent = whole(&full);
                let mut burst: Burst = Burst::new();
                burst.push(full).unwrap();
                assert_eq!(tx.tx_burst(&mut cache, &mut burst), 1);
                assert_eq!(receive(&mut rx, &mut cache, &mut burst), [sent]);
            }
        });
    }
}

#[test]
fn a_packet_of_another_pool_is_copied() {
    let other = pool(16);
    with_port(offer(Features::empty()), accept_all(), |port, _, pool| {
        let mut cache = Cache::new(pool, "test", 64).unwrap();
        let mut theirs = Cache::new(other, "test", 8).unwrap();
        let (mut rx, mut tx) = port.open(0, &mut cache).unwrap();
        let mut burst: Burst = Burst::new();
        burst.push(packet(&mut cache, 60, 1)).unwrap();
        burst.push(packet(&mut theirs, 61, 2)).unwrap();
        burst.push(packet(&mut cache, 62, 3)).unwrap();
        assert_eq!(tx.tx_burst(&mut cache, &mut burst), 3);
        let expected = [bytes(60, 1), bytes(61, 2), bytes(62, 3)];
        assert_eq!(receive(&mut rx, &mut cache, &mut burst), expected);
        assert_eq!(tx.stats().copied, 1);
    });
    other.audit().unwrap();
}

/// Ethernet, IPv4, UDP with a checksum left to the device.
fn unfinished(cache: &mut Cache<'static>) -> linecard::packet::Packet<'static> {
    let mut packet = packet(cache, 60, 0);
    let data = packet.data_mut();
    data[12..14].copy_from_slice(&[8, 0]);
    data[14] = 0x45;
    data[16..18].copy_from_slice(&46u16.to_be_bytes());
    data[20..22].fill(0);
    data[23] = 17;
    data[38..40].copy_from_slice(&26u16.to_be_bytes());
    packet.offloads = Offloads::L4_WANTED;
    packet
}

#[test]
fn a_checksum_is_left_to_the_device_or_finished_here() {
    for both in [true, false] {
        let checksum = if both {
            Features::CSUM | Features::GUEST_CSUM
        } else {
            Features::empty()
        };
        with_port(offer(checksum), accept_all(), |port, _, pool| {
            let mut cache = Cache::new(pool, "test", 64).unwrap();
            let (mut rx, mut tx) = port.open(0, &mut cache).unwrap();
            let mut finished = unfinished(&mut cache);
            finished.finish_checksum();
            assert_ne!(finished.data(), unfinished(&mut cache).data());
            let mut burst: Burst = Burst::new();
            burst.push(unfinished(&mut cache)).unwrap();
            assert_eq!(tx.tx_burst(&mut cache, &mut burst), 1);
            assert_eq!(rx.rx_burst(&mut cache, &mut burst), 1);
            let packet = &mut burst.as_mut_slice()[0];
            assert_eq!(packet.offloads.contains(Offloads::L4_WANTED), both);
            packet.finish_checksum();
            assert_eq!(packet.data(), finished.data());
        });
    }
}

#[test]
fn the_checksum_of_several_frames_is_finished_here() {
    let features = Features::MRG_RXBUF | Features::MTU;
    with_port(offer(features), accept_all(), |port, _, pool| {
        let mut cache = Cache::new(pool, "test", 64).unwrap();
        let (mut rx, mut tx) = port.open(0, &mut cache).unwrap();
        let mut finished = unfinished(&mut cache);
        finished.finish_checksum();
        // Cut at an odd place, behind the headers.
        let mut head = unfinished(&mut cache);
        let rest = head.data()[45..].to_vec();
        head.trim_back(rest.len()).unwrap();
        let mut tail = packet(&mut cache, rest.len(), 0);
        tail.data_mut().copy_from_slice(&rest);
        head.frame_mut().chain(tail.into_frame()).unwrap();
        let mut burst: Burst = Burst::new();
        burst.push(head).unwrap();
        assert_eq!(tx.tx_burst(&mut cache, &mut burst), 1);
        assert_eq!((tx.stats().packets, tx.stats().unsupported), (1, 0));
        assert_eq!(
            receive(&mut rx, &mut cache, &mut burst),
            [finished.data().to_vec()]
        );
    });
}

#[test]
fn verdict_and_hash_come_with_a_packet_where_negotiated() {
    let features = Features::GUEST_CSUM | Features::HASH_REPORT | Features::CTRL_VQ;
    with_port(offer(features), accept_all(), |port, handle, pool| {
        let mut cache = Cache::new(pool, "test", 64).unwrap();
        let (mut rx, _tx) = port.open(0, &mut cache).unwrap();
        let good = Header {
            flags: Header::DATA_VALID,
            ..Header::default()
        };
        handle.inject_with(good, &[1; 60]);
        let mut burst: Burst = Burst::new();
        assert_eq!(rx.rx_burst(&mut cache, &mut burst), 1);
        let packet = &burst.as_slice()[0];
        assert_eq!(packet.offloads, Offloads::L4_GOOD | Offloads::HASH);
        assert_eq!((packet.hash, packet.len()), (60, 60));
    });
}

#[test]
fn without_frames_nothing_is_received_until_there_are_some() {
    with_port(
        offer(Features::empty()),
        accept_all(),
        |port, handle, pool| {
            let mut cache = Cache::new(pool, "test", 64).unwrap();
            let mut held = Vec::new();
            while let Some(frame) = cache.alloc() {
                held.push(frame);
            }
            let (mut rx, _tx) = port.open(0, &mut cache).unwrap();
            assert_eq!(rx.stats().no_frames, 1);
            handle.inject(&[7; 60]);
            let mut burst: Burst = Burst::new();
            assert_eq!(rx.rx_burst(&mut cache, &mut burst), 0);
            drop(held);
            assert_eq!(rx.rx_burst(&mut cache, &mut burst), 0);
            handle.step();
            assert_eq!(rx.rx_burst(&mut cache, &mut burst), 1);
        },
    );
}

#[test]
fn a_device_that_polls_is_not_rung() {
    for packed in [Features::empty(), Features::RING_PACKED] {
        for event in [Features::empty(), Features::EVENT_IDX] {
            let config = FakeConfig {
                polls: true,
                ..offer(packed | event)
            };
            with_port(config, accept_all(), |port, handle, pool| {
                let mut cache = Cache::new(pool, "test", 64).unwrap();
                let (mut rx, mut tx) = port.open(0, &mut cache).unwrap();
                let rung = (handle.rings(0), handle.rings(1));
                for _ in 0..100 {
                    let none = exchange(&mut rx, &mut tx, &mut cache, &[60; 4]);
                    assert!(none.is_empty(), "it was not stepped");
                    handle.step();
                    let mut burst: Burst = Burst::new();
                    assert_eq!(receive(&mut rx, &mut cache, &mut burst).len(), 4);
                }
                let rings = (handle.rings(0) - rung.0, handle.rings(1) - rung.1);
                assert!(rings.0 + rings.1 <= 1, "{rings:?} {packed:?} {event:?}");
            });
        }
    }
}

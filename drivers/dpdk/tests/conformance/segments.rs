//! Packets in several mbufs, both ways, and those that cannot be taken.

use linecard::device::{Device, Features, RxQueue, TxQueue};
use linecard::mempool::Cache;
use linecard::packet::{Burst, Offloads};
use linecard_dpdk::{Checksum, Config, Found, RingPort};

use crate::eal::{memory, unique};

#[test]
fn packets_of_several_mbufs_are_chains_of_frames_both_ways() {
    let memory = memory(1024);
    let name = unique("segments");
    let (mut port, mut far) = RingPort::new(&memory, &name, 64, Config::default()).expect("a port");
    let features = port.capabilities().features;
    assert!(features.contains(Features::RX_CHAINED | Features::TX_CHAINED));
    let mut cache = Cache::new(memory.pool(), "test", 64).expect("a cache");
    let (mut rx, mut tx) = port.open(0, &mut cache).expect("queues");
    let bytes: Vec<u8> = (0..1514_u32).map(|at| at as u8).collect();
    let mut burst = Burst::<'_, 4>::new();
    for (len, part, parts) in [(100, 100, 1), (100, 99, 2), (1000, 200, 5), (1514, 190, 8)] {
        assert!(far.put(&bytes[..len], part));
        assert_eq!(rx.rx_burst(&mut cache, &mut burst), 1);
        let packet = &burst.as_slice()[0];
        let segments: Vec<&[u8]> = packet.frame().segments().collect();
        assert_eq!(segments.len(), parts, "{len} bytes in mbufs of {part}");
        assert!(
            segments[..parts - 1]
                .iter()
                .all(|segment| segment.len() == part)
        );
        assert_eq!(segments.concat(), bytes[..len]);
        // It is sent on as it is.
        assert_eq!(tx.tx_burst(&mut cache, &mut burst), 1);
        assert_eq!(far.take().as_deref(), Some(&bytes[..len]));
    }
    // More than any device takes (`SEGMENTS` in src/tx/unlike.rs): received, and not sent.
    assert!(far.put(&bytes[..900], 100));
    assert_eq!(rx.rx_burst(&mut cache, &mut burst), 1);
    assert_eq!(tx.tx_burst(&mut cache, &mut burst), 1);
    assert_eq!((tx.stats().packets, tx.stats().unsupported), (4, 1));
    assert_eq!(far.take(), None);
    let stats = rx.stats();
    assert_eq!(
        (stats.packets, stats.bytes),
        (5, 100 + 100 + 1000 + 1514 + 900)
    );
    assert_eq!(stats.dropped(), 0, "{stats}");
    drop((rx, tx, cache));
    assert_eq!(memory.invalid(), 0);
    memory.pool().audit().expect("every frame is back");
}

#[test]
fn a_packet_partly_of_another_pool_is_refused_and_lost_by_nobody() {
    let (memory, other) = (memory(1024), memory(64));
    let name = unique("mixed");
    let (mut port, mut far) = RingPort::new(&memory, &name, 64, Config::default()).expect("a port");
    let mut cache = Cache::new(memory.pool(), "test", 64).expect("a cache");
    let (mut rx, tx) = port.open(0, &mut cache).expect("queues");
    let mut burst = Burst::<'_, 4>::new();
    // The second mbuf is the other pool's, or the second and the fourth of five.
    for (round, (len, part)) in [(100, 60), (250, 50)].into_iter().enumerate() {
        assert!(far.put_mixed(&[1; 250][..len], part, &other));
        assert!(far.put(&[2; 60], usize::MAX));
        assert_eq!(rx.rx_burst(&mut cache, &mut burst), 1, "the one behind it");
        assert_eq!(burst.as_slice()[0].data(), [2; 60]);
        burst.free(&mut cache);
        let stats = rx.stats();
        let refused = round as u64 + 1;
        assert_eq!(
            (stats.packets, stats.unsupported, stats.dropped()),
            (refused, refused, refused)
        );
        assert_eq!(other.pool().free_frames(), 64, "{}", other.pool().ledger());
    }
    drop((rx, tx, cache));
    assert_eq!((memory.invalid(), other.invalid()), (0, 0));
    memory.pool().audit().expect("every frame is back");
    other
        .pool()
        .audit()
        .expect("so is every one of the other pool");
}

#[test]
fn packets_of_all_kinds_keep_their_order_in_a_burst() {
    let (memory, other) = (memory(1024), memory(64));
    let name = unique("kinds");
    let (mut port, mut far) = RingPort::new(&memory, &name, 64, Config::default()).expect("a port");
    let mut cache = Cache::new(memory.pool(), "test", 64).expect("a cache");
    let (mut rx, tx) = port.open(0, &mut cache).expect("queues");
    let longest = memory.max_receive();
    let bytes = vec![7; longest];
    let good = Found {
        l4: Checksum::Good,
        ..Found::default()
    };
    // Those that are received at once, and between them each kind that is looked at with care.
    for round in 0..3 {
        let lens = [60, 61, 62, longest, longest - 1, 63, 400, 64, 65];
        for (at, &len) in lens.iter().enumerate() {
            let put = match at {
                1 => far.put_found(&bytes[..len], good),
                6 => far.put(&bytes[..len], 100),
                7 => far.put_mixed(&bytes[..len], 32, &other),
                _ => far.put(&bytes[..len], usize::MAX),
            };
            assert!(put, "{len} bytes");
        }
        let mut burst = Burst::<'_, 16>::new();
        assert_eq!(rx.rx_burst(&mut cache, &mut burst), 8);
        let came: Vec<_> = burst.iter().map(|packet| packet.total_len()).collect();
        assert_eq!(came, [60, 61, 62, longest, longest - 1, 63, 400, 65]);
        for (at, packet) in burst.iter().enumerate() {
            let said = [Offloads::empty(), Offloads::L4_GOOD][usize::from(at == 1)];
            assert_eq!(packet.offloads, said, "{at}");
            let segments: Vec<&[u8]> = packet.frame().segments().collect();
            assert!(segments.concat().iter().all(|&byte| byte == 7), "{at}");
        }
        burst.free(&mut cache);
        let sum: u64 = came.iter().map(|&len| len as u64).sum();
        let (stats, rounds) = (rx.stats(), round + 1);
        assert_eq!((stats.packets, stats.bytes), (8 * rounds, sum * rounds));
        assert_eq!((stats.unsupported, stats.dropped()), (rounds, rounds));
    }
    drop((rx, tx, cache));
    assert_eq!((memory.invalid(), other.invalid()), (0, 0));
    memory.pool().audit().expect("every frame is back");
    other.pool().audit().expect("of the other pool, too");
}

//! When packets were received, of the driver that says it: `net_pcap`; and what devices count.

use std::path::PathBuf;

use linecard::device::{Device, RxQueue, TxQueue};
use linecard::mempool::Cache;
use linecard::packet::{Burst, Offloads, Packet};
use linecard_dpdk::{Config, Port, RingPort};

use crate::eal::{memory, unique};

/// A file that goes away with the test.
struct Capture(PathBuf);

impl Capture {
    /// Packets of 60 bytes, captured at these seconds and microseconds.
    fn new(times: &[(u32, u32)]) -> Self {
        let name = format!("linecard-{}-{}.pcap", unique("stamps"), std::process::id());
        let path = std::env::temp_dir().join(name);
        // Version 2.4, no limit worth speaking of, Ethernet.
        let mut words = vec![0xa1b2_c3d4, 4 << 16 | 2, 0, 0, 65_535, 1];
        for &(seconds, micros) in times {
            words.extend([seconds, micros, 60, 60]);
            words.extend([0; 15]);
        }
        let bytes: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
        std::fs::write(&path, bytes).expect("a file");
        Self(path)
    }

    /// What the driver is told.
    fn device(&self) -> String {
        format!("{},rx_pcap={}", unique("net_pcap"), self.0.display())
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn the_time_of_a_capture_is_read_from_its_packets() {
    let memory = memory(1024);
    let mut cache = Cache::new(memory.pool(), "test", 64).expect("a cache");
    let capture = Capture::new(&[(1_000_000_000, 0), (1_700_000_000, 999_999)]);
    for asked in [true, false] {
        let config = Config {
            timestamps: asked,
            ..Config::default()
        };
        let mut port = Port::new(&memory, &capture.device(), config).expect("a port");
        let (mut rx, tx) = port.open(0, &mut cache).expect("a queue");
        let mut burst: Burst = Burst::new();
        while burst.len() < 2 {
            rx.rx_burst(&mut cache, &mut burst);
        }
        let marked = burst
            .iter()
            .filter(|packet| packet.offloads.contains(Offloads::TIMESTAMP));
        assert_eq!(marked.count(), if asked { 2 } else { 0 });
        assert_eq!(port.timestamps().is_some(), asked);
        let Some(times) = port.timestamps() else {
            burst.free(&mut cache);
            drop((rx, tx));
            continue;
        };
        let read: Vec<_> = burst.iter().map(|packet| times.of(packet)).collect();
        let micros = [1_000_000_000_000_000, 1_700_000_000_999_999];
        assert_eq!(read, micros.map(Some));
        // What is made on a frame has none, whatever was received in it, and whoever marks it.
        let frame = burst.pop().expect("a packet").into_frame();
        let mut made = Packet::new(frame);
        assert_eq!(times.of(&made), None);
        let other = linecard_conformance::pool(64);
        made.offloads |= Offloads::TIMESTAMP;
        assert!(
            times.of(&made).is_some(),
            "it is the frame's until that is sent"
        );
        let mut foreign = Packet::new(other.alloc().expect("a frame"));
        foreign.offloads |= Offloads::TIMESTAMP;
        assert_eq!(times.of(&foreign), None, "of another pool");
        cache.free(made.into_frame());
        burst.free(&mut cache);
        drop((rx, tx));
    }
    // Packets of a device that has none are not marked.
    let config = Config {
        timestamps: true,
        ..Config::default()
    };
    let mut port = Port::new(&memory, &unique("net_null"), config).expect("a port");
    let times = port.timestamps().expect("there is room for the field");
    let (mut rx, tx) = port.open(0, &mut cache).expect("a queue");
    let mut burst: Burst = Burst::new();
    assert!(rx.rx_burst(&mut cache, &mut burst) > 0);
    assert!(burst.iter().all(|packet| times.of(packet).is_none()));
    burst.free(&mut cache);
    drop((rx, tx, port, cache));
    memory.pool().audit().expect("every frame is back");
}

#[test]
fn what_a_device_counts_is_read_by_name() {
    let memory = memory(1024);
    let mut cache = Cache::new(memory.pool(), "test", 64).expect("a cache");
    let name = unique("counted");
    let (mut port, mut far) = RingPort::new(&memory, &name, 64, Config::default()).expect("a port");
    let (mut rx, mut tx) = port.open(0, &mut cache).expect("a queue");
    let mut burst: Burst = Burst::new();
    for _ in 0..5 {
        assert!(far.put(&[0; 60], usize::MAX));
    }
    rx.rx_burst(&mut cache, &mut burst);
    assert_eq!(rx.stats().packets, 5);
    for packet in burst.drain_front(2) {
        cache.free(packet.into_frame());
    }
    assert_eq!(tx.tx_burst(&mut cache, &mut burst), 3);
    let counted = port.xstats();
    let value = |name: &str| {
        let found = counted.iter().find(|(known, _)| known == name);
        found.map(|&(_, value)| value)
    };
    assert_eq!(value("rx_good_packets"), Some(5), "{counted:?}");
    assert_eq!(value("tx_good_packets"), Some(3), "{counted:?}");
    assert_eq!(value("rx_q0_packets"), Some(5), "{counted:?}");
    assert_eq!((value("rx_errors"), value("tx_errors")), (Some(0), Some(0)));
    assert_eq!(value("no_such_statistic"), None);
    assert_eq!((rx.stats().dropped(), tx.stats().dropped()), (0, 0));
    while far.take().is_some() {}
    drop((rx, tx, port, far, cache));
}

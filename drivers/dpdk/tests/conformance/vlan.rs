//! VLAN tags that are asked for: put on by a device that does so, or by its transmit queue.

use core::time::Duration;
use std::time::Instant;

use linecard::device::{Device, Features, RxQueue, TxQueue};
use linecard::mempool::Cache;
use linecard::packet::{Burst, Offloads, Packet};
use linecard_dpdk::{Config, Port, RingPort};
use linecard_testnet::VethPair;

use crate::eal::{large_memory, memory, unique};

#[test]
fn a_device_puts_a_tag_on_the_wire_and_another_takes_it_off() {
    let Some(net) = VethPair::new() else { return };
    let memory = large_memory(1024);
    let mut cache = Cache::new(memory.pool(), "test", 64).expect("a cache");
    let port = |interface: &str, vlan_strip| {
        let device = format!("{},iface={interface}", unique("net_af_packet"));
        let config = Config {
            vlan_strip,
            ..Config::default()
        };
        Port::new(&memory, &device, config).expect("a port")
    };
    let mut near = port("lc0", false);
    let mut far = net.peer.inside(|| port("lc1", true));
    let puts_on = near.capabilities().features;
    assert!(puts_on.contains(Features::TX_VLAN), "{puts_on:?}");
    let takes_off = far.capabilities().features;
    assert!(takes_off.contains(Features::RX_VLAN_STRIP), "{takes_off:?}");
    let (near_rx, mut tx) = near.open(0, &mut cache).expect("queues");
    let (mut rx, far_tx) = net.peer.inside(|| far.open(0, &mut cache).expect("queues"));

    let bytes = frame(60);
    let mut burst = Burst::<'_, 8>::new();
    burst.push(asking(&mut cache, &bytes)).expect("room");
    assert_eq!(tx.tx_burst(&mut cache, &mut burst), 1);
    let deadline = Instant::now() + PATIENCE;
    // The interfaces have traffic of the kernel's own.
    loop {
        assert!(Instant::now() < deadline, "the packet does not come");
        rx.rx_burst(&mut cache, &mut burst);
        if let Some(packet) = burst.iter().find(|packet| packet.data() == bytes) {
            assert!(packet.offloads.contains(Offloads::VLAN_STRIPPED));
            assert_eq!(packet.vlan_tci, TCI);
            break;
        }
        burst.free(&mut cache);
    }
    burst.free(&mut cache);

    // The driver would lose it: there is no room for the tag.
    let mut full = asking(&mut cache, &bytes);
    let room = full.headroom();
    full.prepend(room).expect("all of it")[..60].copy_from_slice(&bytes);
    burst.push(full).expect("room");
    assert_eq!(tx.tx_burst(&mut cache, &mut burst), 1);
    assert_eq!((tx.stats().packets, tx.stats().unsupported), (1, 1));
    drop((near_rx, tx, rx, far_tx, near, far, cache));
    memory.pool().audit().expect("every frame is back");
}

#[test]
fn a_tag_that_the_device_does_not_put_on_is_put_on_by_the_queue() {
    let (memory, other) = (memory(1024), memory(64));
    let name = unique("tags");
    let (mut port, mut far) = RingPort::new(&memory, &name, 64, Config::default()).expect("a port");
    let features = port.capabilities().features;
    assert!(!features.intersects(Features::TX_VLAN | Features::TX_CHECKSUM));
    let longest = port.capabilities().max_frame;
    let mut cache = Cache::new(memory.pool(), "test", 64).expect("a cache");
    let mut elsewhere = Cache::new(other.pool(), "test", 16).expect("a cache");
    let (rx, mut tx) = port.open(0, &mut cache).expect("queues");
    let mut burst = Burst::<'_, 8>::new();
    let mut tagged = |packet: Packet<'static>, cache: &mut Cache<'static>| {
        burst.push(packet).expect("room");
        assert_eq!(tx.tx_burst(cache, &mut burst), 1);
        far.take()
    };

    // A tag is not counted in what is too long.
    for len in [14, 60, longest] {
        let packet = asking(&mut cache, &frame(len));
        assert_eq!(tagged(packet, &mut cache), Some(with_tag(&frame(len))));
    }
    let mut chain = asking(&mut cache, &frame(60));
    let tail = asking(&mut cache, &[9; 30]).into_frame();
    chain.frame_mut().chain(tail).expect("of one pool");
    let whole = [frame(60), vec![9; 30]].concat();
    assert_eq!(tagged(chain, &mut cache), Some(with_tag(&whole)));
    // Copied into this port's pool on the way.
    let foreign = asking(&mut elsewhere, &frame(60));
    assert_eq!(tagged(foreign, &mut cache), Some(with_tag(&frame(60))));
    // Two things asked for.
    let mut both = asking(&mut cache, &unfinished());
    both.offloads |= Offloads::L4_WANTED;
    let sent = tagged(both, &mut cache).expect("a packet");
    let mut finished = unfinished();
    finished[40..42].copy_from_slice(&[0x77, 0x62]);
    assert_eq!(sent, with_tag(&finished));

    // No room for it.
    let mut full = asking(&mut cache, &frame(60));
    let room = full.headroom();
    full.prepend(room).expect("all of it").fill(0);
    assert_eq!(tagged(full, &mut cache), None);
    let stats = tx.stats();
    assert_eq!(
        (stats.packets, stats.unsupported, stats.copied),
        (6, 1, 1),
        "{stats}"
    );
    drop((rx, tx, cache, elsewhere));
    memory.pool().audit().expect("every frame is back");
    other.pool().audit().expect("the other pool's too");
}

/// A packet of these bytes that asks for a tag.
fn asking(cache: &mut Cache<'static>, bytes: &[u8]) -> Packet<'static> {
    let mut packet = Packet::new(cache.alloc().expect("a frame"));
    let room = packet.append(bytes.len()).expect("room");
    room.copy_from_slice(bytes);
    packet.offloads = Offloads::VLAN_WANTED;
    packet.vlan_tci = TCI;
    packet
}

/// To all, of an EtherType for experiments (IEEE 802, 9.2.4).
fn frame(len: usize) -> Vec<u8> {
    let mut frame: Vec<u8> = (0..len).map(|at| at as u8).collect();
    frame[..14].copy_from_slice(&[
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x88, 0xb5,
    ]);
    frame
}

/// As on the wire (IEEE 802.1Q, 9.6).
fn with_tag(frame: &[u8]) -> Vec<u8> {
    let [high, low] = TCI.to_be_bytes();
    [&frame[..12], &[0x81, 0x00, high, low], &frame[12..]].concat()
}

/// UDP from 192.0.2.1 to 192.0.2.2 with four bytes in it, and the pseudo-header's sum alone.
fn unfinished() -> Vec<u8> {
    let mut frame = frame(60);
    frame[12..34].copy_from_slice(&[
        8, 0, 0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0xf6, 0xc9, 192, 0, 2, 1, 192, 0, 2, 2,
    ]);
    // 0xc000 + 0x0201 + 0xc000 + 0x0202 + 17 + 12, folded.
    frame[34..46].copy_from_slice(&[0, 53, 0, 53, 0, 12, 0x84, 0x21, 1, 2, 3, 4]);
    frame
}

/// Priority 5, and VLAN 291 (IEEE 802.1Q, 9.6).
const TCI: u16 = 5 << 13 | 291;

const PATIENCE: Duration = Duration::from_secs(20);

//! Packets that are longer than a frame, from one side to the other: several buffers at either end.

use std::time::{Duration, Instant};

use linecard::device::{Device, Features as Can, RxQueue, TxQueue};
use linecard::mempool::{Cache, Pool};
use linecard::packet::{Burst, Offloads, Packet};
use linecard_conformance::pool;
use linecard_virtio::Features;
use linecard_virtio::vhost_user::{Server, ServerConfig};

use super::guest::plug_with;
use super::socket;

/// A packet of frames with 1,500 bytes each, with numbers in it, whose checksum is not finished.
fn packet(cache: &mut Cache<'static>, len: usize) -> Packet<'static> {
    let mut bytes = (0..len).map(|at| (at / 3 + len) as u8);
    let mut packet: Option<Packet<'static>> = None;
    for left in (0..len).rev().step_by(1500) {
        let mut frame = cache.alloc().unwrap();
        let room = frame.append((left + 1).min(1500)).unwrap();
        room.iter_mut()
            .zip(&mut bytes)
            .for_each(|(to, byte)| *to = byte);
        match &mut packet {
            Some(packet) => packet.frame_mut().chain(frame).unwrap(),
            None => packet = Some(Packet::new(frame)),
        }
    }
    let mut packet = packet.unwrap();
    // TCP over IPv4, as far as a device looks.
    packet.data_mut()[..34].copy_from_slice(&HEADERS);
    packet
}

/// Sends one packet from here to there; gives what it is there, and how many frames that took.
fn pass(
    (tx, from): (&mut impl TxQueue<'static>, &mut Cache<'static>),
    (rx, to): (&mut impl RxQueue<'static>, &mut Cache<'static>),
    packet: Packet<'static>,
) -> Option<(Vec<u8>, usize, Offloads)> {
    let mut burst = Burst::<'static, 1>::new();
    burst.push(packet).unwrap();
    let mut got = Burst::<'static, 1>::new();
    let deadline = Instant::now() + Duration::from_secs(10);
    while got.is_empty() {
        tx.tx_burst(from, &mut burst);
        rx.rx_burst(to, &mut got);
        let gone = burst.is_empty() && (tx.stats().dropped() > 0 || rx.stats().dropped() > 0);
        if gone || Instant::now() > deadline {
            return None;
        }
    }
    let packet = got.drain().next()?;
    let parts = packet.frame().segments().count();
    let whole = packet.frame().segments().flatten().copied().collect();
    let offloads = packet.offloads;
    to.free(packet.into_frame());
    Some((whole, parts, offloads))
}

fn long(packed: bool) {
    let mtu = 9000;
    let config = ServerConfig {
        mtu,
        packed,
        ..ServerConfig::new(socket())
    };
    let mut server = Server::new(config).unwrap();
    assert!(server.capabilities().features.contains(Can::RX_CHAINED));
    let back_pool: &'static Pool<'static> = pool(64);
    let mut back = Cache::new(back_pool, "back end", 8).unwrap();
    let (mut server_rx, mut server_tx) = server.open(0, &mut back).unwrap();
    let (mut port, front_pool) = plug_with(server.path(), 0, mtu as u16 + 100);
    let agreed = port.features();
    assert!(agreed.contains(Features::MRG_RXBUF | Features::CSUM | Features::GUEST_CSUM));
    assert_eq!(agreed.contains(Features::RING_PACKED), packed);
    let mut front = Cache::new(front_pool, "front end", 8).unwrap();
    let (mut port_rx, mut port_tx) = port.open(0, &mut front).unwrap();
    for len in [1514, 1900, 3584, 3585, 4000, 9014] {
        let sent = packet(&mut front, len);
        let bytes: Vec<u8> = sent.frame().segments().flatten().copied().collect();
        let there = pass(
            (&mut port_tx, &mut front),
            (&mut server_rx, &mut back),
            sent,
        );
        let (whole, parts, _) = there.expect("it arrives");
        assert!(whole == bytes, "{len}, to the back end");
        assert_eq!(parts > 1, len > 1792, "{len}: {parts}");

        let mut sent = packet(&mut back, len);
        sent.offloads = Offloads::L4_GOOD;
        let bytes: Vec<u8> = sent.frame().segments().flatten().copied().collect();
        let there = pass(
            (&mut server_tx, &mut back),
            (&mut port_rx, &mut front),
            sent,
        );
        let (whole, _, offloads) = there.expect("it arrives");
        assert!(whole == bytes, "{len}, to the front end");
        assert_eq!(offloads, Offloads::L4_GOOD);
    }
    // Longer than the back end is set up for: two tags come on top of the MTU.
    let most = mtu + 22;
    for (len, oversize) in [(most, 0), (most + 1, 1)] {
        let sent = packet(&mut front, len);
        let there = pass(
            (&mut port_tx, &mut front),
            (&mut server_rx, &mut back),
            sent,
        );
        let known = server_rx.stats().oversize;
        assert_eq!((there.is_some(), known), (oversize == 0, oversize), "{len}");
    }
    // A pool that has run dry leaves the packet with the guest, whole.
    let mut held = Vec::new();
    while back_pool.ledger().free + back_pool.ledger().cached > 2 {
        held.push(back.alloc().unwrap());
    }
    let sent = packet(&mut front, 9000);
    let mut burst = Burst::<'static, 1>::new();
    burst.push(sent).unwrap();
    port_tx.tx_burst(&mut front, &mut burst);
    assert!(burst.is_empty());
    let mut got = Burst::<'static, 4>::new();
    for _ in 0..3 {
        assert_eq!(server_rx.rx_burst(&mut back, &mut got), 0);
    }
    assert!(server_rx.stats().no_frames > 0);
    held.into_iter().for_each(|frame| back.free(frame));
    assert_eq!(server_rx.rx_burst(&mut back, &mut got), 1);
    assert_eq!(got.as_slice()[0].total_len(), 9000);
    got.free(&mut back);
    drop((port_rx, port_tx, port, front));
    drop((server_rx, server_tx, server, back));
    back_pool.audit().unwrap();
    front_pool.audit().unwrap();
}

#[test]
fn long_packets_by_split_rings() {
    long(false);
}

#[test]
fn long_packets_by_packed_rings() {
    long(true);
}

/// Ethernet and IPv4, of no particular length.
const HEADERS: [u8; 34] = [
    2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 192, 0, 2,
    1, 192, 0, 2, 2,
];

//! `net_ring`: mbufs go over as they are, in memory.

use linecard::device::{Device, TxQueue};
use linecard::mempool::{Cache, Pool};
use linecard::packet::{Burst, Offloads, Packet};
use linecard_conformance::{Harness, Injected, Limits, Profile, Setup, Wire};
use linecard_dpdk::{Config, Port, RingPort};

use crate::eal::{memory, unique};

linecard_conformance::suite!(Ring);

/// A port on two rings, and their other ends.
struct Ring {
    port: Port<'static>,
    far: RingPort,
    pool: &'static Pool<'static>,
}

impl Harness for Ring {
    type Device = Port<'static>;

    fn profile() -> Profile {
        Profile {
            limits: Limits {
                shortest: 14,
                window: PLACES as usize,
                ..Limits::default()
            },
            // The far side allocates, not the port.
            posts: false,
            ..Profile::default()
        }
    }

    fn new(_setup: &Setup) -> Option<Self> {
        let memory = memory(1024);
        let config = Config {
            ring: PLACES as u16,
            ..Config::default()
        };
        let (port, far) = RingPort::new(&memory, &unique("ring"), PLACES, config).expect("a port");
        Some(Self {
            port,
            far,
            pool: memory.pool(),
        })
    }

    fn device(&mut self) -> &mut Port<'static> {
        &mut self.port
    }

    fn pool(&self) -> &'static Pool<'static> {
        self.pool
    }
}

impl Wire for Ring {
    fn inject(&mut self, frame: &[u8]) -> Injected {
        match self.far.put(frame, usize::MAX) {
            true => Injected::Taken,
            false => Injected::Busy,
        }
    }

    fn collect(&mut self, frame: &mut Vec<u8>) -> bool {
        let Some(packet) = self.far.take() else {
            return false;
        };
        *frame = packet;
        true
    }
}

#[test]
fn a_checksum_left_to_the_device_is_finished() {
    // UDP from 192.0.2.1 to 192.0.2.2 with four bytes in it, and the pseudo-header's sum alone.
    let mut frame = [0; 60];
    frame[12..14].copy_from_slice(&[0x08, 0x00]);
    frame[14..34].copy_from_slice(&[
        0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2,
    ]);
    frame[34..46].copy_from_slice(&[0, 53, 0, 53, 0, 12, 0x84, 0x21, 1, 2, 3, 4]);
    let mut right = frame;
    right[40..42].copy_from_slice(&[0x77, 0x62]);
    let memory = memory(1024);
    let config = Config {
        ring: PLACES as u16,
        ..Config::default()
    };
    let name = unique("finish");
    let (mut port, mut far) = RingPort::new(&memory, &name, PLACES, config).expect("a port");
    let mut cache = Cache::new(memory.pool(), "test", 64).expect("a cache");
    let (rx, mut tx) = port.open(0, &mut cache).expect("queues");
    let mut burst = Burst::<'_, 4>::new();
    burst.alloc(&mut cache, 2);
    for (packet, offloads) in burst
        .iter_mut()
        .zip([Offloads::empty(), Offloads::L4_WANTED])
    {
        packet.append(60).expect("room").copy_from_slice(&frame);
        packet.offloads = offloads;
    }
    assert_eq!(tx.tx_burst(&mut cache, &mut burst), 2);
    assert_eq!((tx.stats().packets, tx.stats().dropped()), (2, 0));
    assert_eq!(far.take().as_deref(), Some(&frame[..]), "nobody asked");
    assert_eq!(far.take().as_deref(), Some(&right[..]));
    assert_eq!(far.take(), None);
    drop((rx, tx, cache));
}

#[test]
fn a_packet_of_another_pool_stays_what_it_is_until_its_copy_goes() {
    let (memory, other) = (memory(1024), memory(64));
    let config = Config {
        ring: PLACES as u16,
        ..Config::default()
    };
    let name = unique("foreign");
    let (mut port, mut far) = RingPort::new(&memory, &name, PLACES, config).expect("a port");
    let mut cache = Cache::new(memory.pool(), "test", 64).expect("a cache");
    let (rx, mut tx) = port.open(0, &mut cache).expect("queues");
    let mut burst = Burst::<'_, 1>::new();
    loop {
        burst.alloc(&mut cache, 1);
        burst.as_mut_slice()[0].append(60).expect("room").fill(1);
        if tx.tx_burst(&mut cache, &mut burst) == 0 {
            break;
        }
    }
    burst.free(&mut cache);
    let mut foreign = Packet::new(other.pool().alloc().expect("a frame"));
    foreign.append(60).expect("room").fill(2);
    burst.push(foreign).expect("room");

    assert_eq!(tx.tx_burst(&mut cache, &mut burst), 0, "the ring is full");
    let left = &burst.as_slice()[0];
    assert!(core::ptr::eq(left.frame().pool(), other.pool()));
    assert_eq!((left.data(), tx.stats().copied), (&[2; 60][..], 0));

    assert!(far.take().is_some());
    assert_eq!(tx.tx_burst(&mut cache, &mut burst), 1);
    assert_eq!(tx.stats().copied, 1);
    let last = core::iter::from_fn(|| far.take()).last();
    assert_eq!(last.as_deref(), Some(&[2; 60][..]));
    drop((rx, tx, cache));
    other.pool().audit().expect("the other pool has its frame");
}

const PLACES: u32 = 64;

//! Packets and bursts on a real pool.

use std::vec;
use std::vec::Vec;

use super::*;
use crate::mempool::{Cache, Pool, PoolConfig, Region, Slot};
use crate::wire::{EtherType, Kinds, Layers, VlanTci, vlan};

fn with_pool(frames: usize, test: impl FnOnce(&Pool<'_>)) {
    let mut memory = vec![0u8; frames * 2048 + 63];
    let slots: Vec<Slot> = (0..frames).map(|_| Slot::new()).collect();
    let config = PoolConfig {
        track: true,
        ..PoolConfig::default()
    };
    let pool = Pool::new(Region::from_slice(&mut memory), &slots, config).expect("a pool");
    test(&pool);
    pool.audit().expect("every frame is back");
}

#[test]
fn layers_move_with_the_front() {
    with_pool(4, |pool| {
        let mut packet = Packet::new(pool.alloc().expect("a frame"));
        packet.append(60).expect("room");
        packet.layers = Layers::new(Kinds::IPV4, 14, 5);
        packet.prepend(4).expect("room");
        assert_eq!(packet.layers.l3_offset(), 18);
        packet.trim_front(18).expect("data");
        assert_eq!(packet.layers, Layers::new(Kinds::IPV4, 0, 5));
        packet.trim_front(1).expect("data");
        assert_eq!(
            packet.layers,
            Layers::default(),
            "the header is cut: nothing is known"
        );
        assert_eq!(packet.len(), 45);
        assert_eq!(packet.trim_front(46).expect_err("too much").room, 45);
    });
}

#[test]
fn a_burst_allocates_what_fits_and_what_there_is() {
    with_pool(40, |pool| {
        let mut cache = Cache::new(pool, "test", 64).expect("an account");
        let mut first: Burst<'_> = Burst::new();
        let mut second: Burst<'_> = Burst::new();
        assert_eq!(first.alloc(&mut cache, 100), 32);
        assert_eq!(second.alloc(&mut cache, 32), 8, "the pool has 40");
        let view: &mut BurstView<'_> = &mut first;
        assert_eq!((view.len(), view.room(), view.capacity()), (32, 0, 32));
        let refused = view.push(second.pop().expect("8 are there"));
        drop(refused.expect_err("the burst is full"));
        assert_eq!(first.drain_front(5).count(), 5);
        assert_eq!(first.len(), 27);
        assert_eq!(first.free(&mut cache), 27);
        assert_eq!(second.free(&mut cache), 7);
    });
}

#[test]
fn draining_keeps_order() {
    with_pool(16, |pool| {
        let mut cache = Cache::new(pool, "test", 64).expect("an account");
        let mut burst: Burst<'_, 16> = Burst::new();
        burst.alloc(&mut cache, 16);
        for (number, packet) in burst.iter_mut().enumerate() {
            packet.mark = number as u16;
        }
        let front: Vec<u16> = burst.drain_front(4).map(|packet| packet.mark).collect();
        let rest: Vec<u16> = burst.drain().map(|packet| packet.mark).collect();
        assert_eq!(front, [0, 1, 2, 3]);
        assert_eq!(rest, (4..16).collect::<Vec<u16>>());
    });
}

/// Bursts of any capacity, and as views.
#[test]
fn packets_begin_at_a_cache_line() {
    fn check(burst: &mut BurstView<'_>) {
        assert_eq!(burst.as_slice().as_ptr().addr() % 64, 0);
        assert_eq!(burst.capacity(), burst.room());
    }
    let mut bursts = (
        Burst::<'_, 1>::new(),
        0_u8,
        Burst::<'_, 7>::new(),
        Burst::<'_, 32>::new(),
    );
    check(&mut bursts.0);
    check(&mut bursts.2);
    check(&mut bursts.3);
}

#[test]
fn lengths_are_those_of_all_frames() {
    with_pool(12, |pool| {
        let mut cache = Cache::new(pool, "test", 12).expect("an account");
        let mut burst: Burst<'_> = Burst::new();
        assert_eq!(burst.total_len(), 0);
        assert_eq!(burst.alloc_with_len(&mut cache, 3, 60), 3);
        assert_eq!(burst.alloc_with_len(&mut cache, 6, pool.room()), 6);
        assert_eq!(burst.alloc_with_len(&mut cache, 1, pool.room() + 1), 0);
        assert!(burst.iter().take(3).all(|packet| packet.data().len() == 60));
        assert_eq!(burst.total_len(), 180 + 6 * pool.room());
        assert_eq!(burst.total_len_from(8), pool.room());
        assert_eq!(burst.total_len_from(10), 0);

        let mut tail = cache.alloc().expect("a frame");
        tail.append(7).expect("room");
        let first = burst.iter_mut().next().expect("a packet");
        first.frame_mut().chain(tail).expect("of the same pool");
        assert_eq!(burst.total_len(), 187 + 6 * pool.room());
        burst.free(&mut cache);
    });
}

#[test]
fn a_checksum_is_finished_behind_what_was_put_in_front_of_it() {
    with_pool(1, |pool| {
        let mut packet = Packet::new(pool.alloc().expect("a frame"));
        // UDP from 192.0.2.1 to 192.0.2.2 with four bytes in it, and the pseudo-header's sum alone.
        let room = packet.append(46).expect("room");
        room.fill(0);
        room[12..34].copy_from_slice(&[
            8, 0, 0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0xf6, 0xc9, 192, 0, 2, 1, 192, 0, 2, 2,
        ]);
        room[34..].copy_from_slice(&[0, 53, 0, 53, 0, 12, 0x84, 0x21, 1, 2, 3, 4]);
        packet.offloads = Offloads::L4_WANTED;
        packet.prepend(4).expect("room");
        vlan::push(packet.data_mut(), EtherType::VLAN, VlanTci(291)).expect("a frame");
        packet.finish_checksum();
        assert_eq!(packet.data()[44..46], [0x77, 0x62], "nobody had parsed it");
    });
}

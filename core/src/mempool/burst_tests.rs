//! Bursts to and from a cache, by the quick way and by every way around it, tracked and not.

use std::vec;
use std::vec::Vec;

use super::*;
use crate::packet::{Burst, Packet};

const FRAMES: usize = 64;

/// Two pools, tracking or not, for `check`.
fn with_pools(track: bool, check: impl Fn(&Pool<'_>, &Pool<'_>)) {
    let slots: Vec<Slot> = (0..2 * FRAMES).map(|_| Slot::new()).collect();
    let mut memory = vec![vec![0u8; FRAMES * 2048 + 63]; 2];
    let config = PoolConfig {
        track,
        ..PoolConfig::default()
    };
    let pools: Vec<Pool<'_>> = memory
        .iter_mut()
        .zip(slots.chunks(FRAMES))
        .map(|(bytes, slots)| Pool::new(Region::from_slice(bytes), slots, config).expect("a pool"))
        .collect();
    check(&pools[0], &pools[1]);
    for pool in &pools {
        pool.audit().expect("all are back, once");
        assert_eq!(pool.free_frames(), FRAMES);
    }
}

#[test]
fn every_frame_comes_once_in_bursts_of_any_length() {
    for track in [false, true] {
        for (limit, count) in [(1, 1), (1, 32), (5, 3), (32, 32), (64, 7), (512, 32)] {
            with_pools(track, |pool, _| {
                let mut cache = Cache::new(pool, "cache", limit).expect("an account");
                for _ in 0..3 {
                    let mut bursts: Vec<Burst<'_>> = Vec::new();
                    loop {
                        let mut burst = Burst::new();
                        match burst.alloc(&mut cache, count) {
                            0 => break,
                            got => assert_eq!(got, burst.len()),
                        }
                        bursts.push(burst);
                    }
                    let held = bursts.iter().flatten();
                    let mut indices: Vec<u32> =
                        held.map(|packet| packet.frame().index().0).collect();
                    indices.sort_unstable();
                    assert_eq!(indices, (0..FRAMES as u32).collect::<Vec<_>>());
                    assert_eq!(pool.ledger().held, FRAMES);
                    for mut burst in bursts {
                        let len = burst.len();
                        assert_eq!(burst.free(&mut cache), len);
                        assert!(burst.is_empty());
                    }
                    assert_eq!(pool.ledger().held, 0);
                    assert!(cache.len() <= limit, "{} of {limit}", cache.len());
                }
            });
        }
    }
}

#[test]
fn a_burst_with_a_foreign_or_chained_packet_goes_home_whole() {
    for track in [false, true] {
        for odd in 0..8 {
            with_pools(track, |pool, other| {
                let mut cache = Cache::new(pool, "cache", 32).expect("an account");
                let mut burst: Burst<'_, 8> = Burst::new();
                burst.alloc(&mut cache, 8);
                let foreign = Packet::new(other.alloc().expect("a frame"));
                let own = core::mem::replace(&mut burst.as_mut_slice()[odd], foreign);
                assert_eq!(burst.free(&mut cache), 8);
                assert_eq!(other.free_frames(), FRAMES, "at once, to its own pool");
                assert_eq!(pool.ledger().held, 1);

                burst.alloc(&mut cache, 8);
                let packet = &mut burst.as_mut_slice()[odd];
                packet
                    .frame_mut()
                    .chain(own.into_frame())
                    .expect("of one pool");
                assert_eq!(burst.free(&mut cache), 8);
                assert_eq!(pool.ledger().held, 0);
            });
        }
    }
}

#[test]
fn frames_go_home_whole_whoever_is_among_them() {
    for track in [false, true] {
        with_pools(track, |pool, other| {
            let mut cache = Cache::new(pool, "cache", 4).expect("an account");
            let mut frames: heapless::Vec<Frame<'_>, 9> = heapless::Vec::new();
            for foreign in [false, true] {
                assert_eq!(cache.alloc_into(&mut frames, 8), 8);
                if foreign {
                    let frame = other.alloc().expect("a frame");
                    assert!(frames.push(frame).is_ok());
                }
                cache.free_all(&mut frames);
                assert!(frames.is_empty());
                assert_eq!(pool.ledger().held, 0);
                assert_eq!(other.free_frames(), FRAMES);
            }
        });
    }
}

#[test]
fn a_burst_that_the_cache_has_no_room_for_spills() {
    for track in [false, true] {
        with_pools(track, |pool, _| {
            let mut from = Cache::new(pool, "from", 64).expect("an account");
            let mut to = Cache::new(pool, "to", 20).expect("an account");
            let mut frames: heapless::Vec<Frame<'_>, FRAMES> = heapless::Vec::new();
            assert_eq!(from.alloc_into(&mut frames, 99), FRAMES);
            assert_eq!(from.alloc_into(&mut frames, 1), 0);
            let mut burst: Burst<'_> = Burst::new();
            while let Some(frame) = frames.pop() {
                let _ = burst.push(Packet::new(frame));
                if burst.room() == 0 {
                    burst.free(&mut to);
                    assert!((10..=20).contains(&to.len()), "{}", to.len());
                }
            }
            assert_eq!(pool.ledger().held, 0);
        });
    }
}

#[test]
fn made_up_numbers_among_completions_are_passed_over() {
    for track in [false, true] {
        for bad in 0..=8 {
            with_pools(track, |pool, _| {
                let mut cache = Cache::new(pool, "cache", 32).expect("an account");
                let queue = Account::register(pool, "queue").expect("an account");
                let mut posted = [FrameIndex(0); 8];
                assert_eq!(queue.post(&mut cache, &mut posted), 8);
                let mut back = posted.to_vec();
                back.insert(bad, FrameIndex(FRAMES as u32));
                // SAFETY: all but the made-up one were posted above; no device has them.
                let freed = unsafe { queue.unpost(&mut cache, &back) };
                assert_eq!((freed, queue.posted()), (8, 0));
            });
        }
    }
}

#[test]
fn frames_sent_in_place_are_counted_and_come_back_once() {
    for track in [false, true] {
        with_pools(track, |pool, other| {
            let queue = Account::register(pool, "queue").expect("an account");
            let mut cache = Cache::new(pool, "cache", 8).expect("an account");
            let mut burst: Burst<'_> = Burst::new();
            burst.alloc(&mut cache, 5);
            let mut sending = queue.sending();
            let mut sent = Vec::new();
            for packet in &burst {
                let frame = packet.frame();
                let at = sending.region_offset(frame).expect("it is plain");
                assert_eq!(at, frame.region_offset());
                assert_eq!(at / pool.frame_size(), frame.index().0 as usize);
                // SAFETY: the burst owns the frame, and all of it is forgotten below.
                unsafe { sending.send_in_place(frame.index()) };
                sent.push(frame.index());
            }
            burst.drain_front(5).for_each(core::mem::forget);
            let foreign = other.alloc().expect("one is free");
            assert_eq!(sending.region_offset(&foreign), None, "of another pool");
            let mut chain = pool.alloc().expect("one is free");
            let tail = pool.alloc().expect("one is free");
            chain.chain(tail).expect("of one pool");
            assert_eq!(sending.region_offset(&chain), None, "in two frames");
            let mut past = pool.alloc().expect("one is free");
            let room = past.tailroom();
            past.append(room).expect("as much as there is");
            past.trim_front(room).expect("all of it");
            assert_eq!(sending.region_offset(&past), None, "behind its last byte");
            drop(sending);
            drop((chain, past));
            assert_eq!((queue.completing(), pool.ledger().held), (5, 0));
            // SAFETY: they were sent above, and are completed once.
            assert_eq!(unsafe { queue.complete(&mut cache, &sent) }, 5);
        });
    }
}

#[test]
fn what_a_device_fills_is_taken_back_by_where_it_lies() {
    for track in [false, true] {
        with_pools(track, |pool, _| {
            let mut cache = Cache::new(pool, "cache", 4).expect("an account");
            let queue = Account::register(pool, "queue").expect("an account");
            let mut posted = Vec::new();
            assert_eq!(
                queue.post_each(&mut cache, 8, |index| posted.push(u64::from(index.0))),
                8
            );
            assert_eq!(queue.posted(), 8);
            let mut receive = |at: u64, len: u32| {
                let known = |number: u64| {
                    let place = posted.iter().position(|posted| *posted == number);
                    place.map(|place| posted.swap_remove(place)).is_some()
                };
                // SAFETY: `known` are those that were posted above, each once; no device has them.
                unsafe { queue.receiving().receive_at(at, len, known) }
            };
            // A window that is not inside, and a frame that was not posted, change nothing.
            let first = 2048 * u64::from(pool.frames() as u32 - 1);
            for at in [0, first] {
                assert!(receive(at + 256, 2048 - 255).is_none());
                assert!(receive(at, u32::MAX).is_none());
            }
            for at in [2048 * FRAMES as u64, u64::MAX] {
                assert!(receive(at, 0).is_none());
            }
            assert_eq!(queue.posted(), 8);
            let mut received = 0;
            for index in 0..FRAMES as u64 {
                let Some(frame) = receive(2048 * index + 300, 2048 - 300) else {
                    continue;
                };
                assert_eq!(
                    (u64::from(frame.index().0), frame.offset(), frame.len()),
                    (index, 300, 1748)
                );
                assert!(receive(2048 * index + 300, 60).is_none(), "twice");
                cache.free(frame);
                received += 1;
            }
            assert_eq!((received, queue.posted()), (8, 0));
        });
    }
}

//! Frames that go by one thread and come back by another.

use std::sync::mpsc;
use std::thread;
use std::vec::Vec;

use super::SharedAccount;
use crate::mempool::{AuditError, Cache, FrameIndex, Place, Pool, PoolConfig, Region, Slot};

const FRAMES: usize = 256;

fn with_pool(test: impl FnOnce(&Pool<'_>)) {
    let mut memory = std::vec![0u8; FRAMES * 2048 + 63];
    let slots: Vec<Slot> = (0..FRAMES).map(|_| Slot::new()).collect();
    let config = PoolConfig {
        private: 192,
        track: true,
        ..PoolConfig::default()
    };
    let pool = Pool::new(Region::from_slice(&mut memory), &slots, config).unwrap();
    test(&pool);
}

/// A frame out of the shared list, counted.
fn one(account: &SharedAccount<'_>) -> FrameIndex {
    let mut taken = None;
    assert_eq!(account.take(None, 1, |index| taken = Some(index)), 1);
    account.count(1, 0);
    taken.unwrap()
}

/// The address at which a frame begins.
fn start(pool: &Pool<'_>, index: FrameIndex) -> usize {
    pool.base().addr().get() + index.0 as usize * pool.frame_size()
}

#[test]
fn frames_taken_by_one_thread_are_received_by_another() {
    with_pool(|pool| {
        let here = SharedAccount::register(pool, "here").unwrap();
        let there = SharedAccount::register(pool, "there").unwrap();
        let (sender, receiver) = mpsc::channel::<FrameIndex>();
        thread::scope(|scope| {
            let (here, there) = (&here, &there);
            scope.spawn(move || {
                let mut cache = Cache::new(pool, "poster", 32).unwrap();
                for _ in 0..10_000 {
                    here.count(1, 0);
                    let taken = here.take(Some(&mut cache), 1, |index| sender.send(index).unwrap());
                    here.count(taken as i32 - 1, 0);
                }
            });
            scope.spawn(move || {
                let mut cache = Cache::new(pool, "receiver", 32).unwrap();
                for index in receiver {
                    let at = start(pool, index);
                    // SAFETY: the other thread took it, each is sent here once, there is no
                    // device.
                    let frame = unsafe { there.receiver().receive(at, at + 192, 64) };
                    there.came_in([index]);
                    assert_eq!(here.take_posted(1), 1, "it was counted before it was sent");
                    cache.free(frame.expect("the window is behind the private area"));
                }
            });
        });
        assert_eq!((here.posted(), there.posted()), (0, 0));
        drop((here, there));
        pool.audit().unwrap();
    });
}

#[test]
fn lent_frames_are_given_come_in_again_or_are_taken_back() {
    with_pool(|pool| {
        let account = SharedAccount::register(pool, "library").unwrap();
        let other = SharedAccount::register(pool, "another queue").unwrap();
        let mut cache = Cache::new(pool, "core 0", 8).unwrap();
        let frames: Vec<_> = (0..3).map(|_| pool.alloc().unwrap()).collect();
        let indices: Vec<_> = frames.iter().map(|frame| frame.index()).collect();
        // SAFETY: held in `frames`, which is not touched until the third is taken back.
        unsafe { account.lend(indices.iter().copied()) };
        account.count(0, 3);
        let sent = Place::Completing(account.id());
        assert!(indices.iter().all(|&i| pool.place_of(i) == Some(sent)));

        // SAFETY: lent above, still in `frames`, no device.
        unsafe { account.unlend(indices[2]) };
        account.count(0, -1);
        assert_eq!(pool.place_of(indices[2]), Some(Place::Held));
        let mut frames = frames.into_iter();
        frames.by_ref().take(2).for_each(core::mem::forget);
        drop(frames);
        // SAFETY: lent above and forgotten, no device.
        unsafe { account.give(Some(&mut cache), indices[..1].iter().copied()) };
        account.count(0, -1);
        assert_eq!((account.completing(), cache.len()), (1, 1));
        let at = start(pool, indices[1]);
        // SAFETY: as above; by whichever queue.
        let again = unsafe { other.receiver().receive(at + 2047, at + 192, 60) };
        other.came_in([indices[1]]);
        assert_eq!(again.unwrap().len(), 60);
        assert_eq!(
            (account.take_completing(2), other.take_completing(1)),
            (1, 0)
        );
        assert_eq!(account.completing(), 0);
        drop((cache, account, other));
        pool.audit().unwrap();
    });
}

#[test]
fn what_is_outside_a_frame_is_refused() {
    with_pool(|pool| {
        let account = SharedAccount::register(pool, "library").unwrap();
        let index = one(&account);
        let frame = start(pool, index);
        for (of, data, len) in [
            (frame, frame, 10),
            (frame, frame + 191, 10),
            (frame, frame - 1, 0),
            (frame, frame - 1, 2),
            (frame, frame + 2000, 49),
            (frame, frame + 2049, 0),
            (frame, frame + 192, u16::MAX),
            (frame, frame + 2048 + 192, 10),
            (frame - 1, frame + 192, 10),
            (frame, 0, 10),
            (frame, usize::MAX, 10),
            (start(pool, FrameIndex(FRAMES as u32)), frame + 192, 10),
            (pool.base().addr().get() - 1, frame + 192, 10),
        ] {
            // SAFETY: taken above where it is of the pool, and there is no device.
            let refused = unsafe { account.receiver().receive(of, data, len) };
            assert!(refused.is_none(), "{len} bytes at {data:#x} of {of:#x}");
        }
        // SAFETY: the first is none; the second was taken above, and there is no device.
        let freed = unsafe { account.give(None, [FrameIndex(u32::MAX), index].into_iter()) };
        assert_eq!((freed, account.posted()), (1, 1));
        account.count(-1, 0);
        drop(account);
        pool.audit().unwrap();
    });
}

#[test]
fn frames_never_given_back_are_named_with_the_account() {
    with_pool(|pool| {
        let account = SharedAccount::register(pool, "library").unwrap();
        one(&account);
        drop(account);
        match pool.audit() {
            Err(AuditError::Kept(entry)) => {
                assert_eq!((entry.name.as_str(), entry.posted), ("library", 1))
            }
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn a_cache_of_another_pool_is_left_alone() {
    with_pool(|pool| {
        with_pool(|other| {
            // Both live until the end of the inner closure.
            let account = SharedAccount::register(pool, "library").unwrap();
            let mut cache = Cache::new(other, "elsewhere", 8).unwrap();
            let mut taken = Vec::new();
            account.take(Some(&mut cache), 2, |index| taken.push(index));
            assert_eq!(
                (taken.len(), cache.len(), pool.free_frames()),
                (2, 0, FRAMES - 2)
            );
            // SAFETY: taken above, no device.
            unsafe { account.give(Some(&mut cache), taken.into_iter()) };
            assert_eq!((cache.len(), pool.free_frames()), (0, FRAMES));
        });
        pool.audit().unwrap();
    });
}

#[test]
fn what_is_counted_by_all_is_what_is_counted_by_each() {
    with_pool(|pool| {
        let account = SharedAccount::register(pool, "library").unwrap();
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..10_000).for_each(|_| account.count_shared(2, 1)));
            }
            for _ in 0..20_000 {
                account.count(1, -1);
                account.take_posted(1);
            }
        });
        account.count_cached(7);
        account.count_cached(-5);
        let left = 40_000 + 20_000 - 20_000;
        assert_eq!(
            (account.posted(), account.completing(), account.cached()),
            (left, 0, 2)
        );
        // Nothing of that was a frame.
        account.count(-(left as i32), 0);
        account.count_cached(-2);
    });
}

#[test]
fn who_receives_what_a_queue_sends_counts_it_off_once() {
    with_pool(|pool| {
        let account = SharedAccount::register(pool, "a ring").unwrap();
        account.count(0, 5);
        assert_eq!(account.take_returned(2), 2);
        assert_eq!((account.completing(), pool.ledger().completing), (3, 3));
        assert_eq!(account.take_completing(2), 2, "of what is left");
        assert_eq!(account.take_returned(9), 1);
        assert_eq!(
            (account.take_returned(1), account.take_completing(1)),
            (0, 0)
        );
        account.count(0, 1);
        assert_eq!((account.completing(), account.take_completing(9)), (1, 1));
        drop(account);
        pool.audit().unwrap();
    });
}

#[test]
fn the_ledger_is_right_where_two_threads_counted_the_same_off() {
    with_pool(|pool| {
        let [here, there] =
            ["here", "there"].map(|name| SharedAccount::register(pool, name).unwrap());
        let frames: Vec<_> = (0..3).map(|_| pool.alloc().unwrap()).collect();
        there.count(0, 3);
        // By whom had looked before the other wrote.
        here.count_shared(0, -3);
        let ledger = pool.ledger();
        assert_eq!((ledger.completing, ledger.held, ledger.surplus), (0, 3, 0));
        assert_eq!((here.completing(), there.completing()), (0, 3));
        here.count_shared(0, 3);
        there.count(0, -3);
        drop((here, there, frames));
        pool.audit().unwrap();
    });
}

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

#[test]
fn frames_posted_by_one_thread_are_received_by_another() {
    with_pool(|pool| {
        let account = SharedAccount::register(pool, "library").unwrap();
        let (sender, receiver) = mpsc::channel::<FrameIndex>();
        thread::scope(|scope| {
            let account = &account;
            scope.spawn(move || {
                let mut cache = Cache::new(pool, "poster", 32).unwrap();
                for _ in 0..10_000 {
                    let mut moves = account.moves();
                    while let Some(index) = moves.post(&mut cache) {
                        sender.send(index).unwrap();
                    }
                }
            });
            scope.spawn(move || {
                let mut cache = Cache::new(pool, "receiver", 32).unwrap();
                for index in receiver {
                    // SAFETY: the other thread posted it, each is sent here once, there is no
                    // device.
                    let frame = unsafe { account.moves().receive(index, 192, 64) };
                    cache.free(frame.expect("the window is behind the private area"));
                }
            });
        });
        assert_eq!((account.posted(), account.completing()), (0, 0));
        drop(account);
        pool.audit().unwrap();
    });
}

#[test]
fn lent_frames_complete_come_in_again_or_are_taken_back() {
    with_pool(|pool| {
        let account = SharedAccount::register(pool, "library").unwrap();
        let mut cache = Cache::new(pool, "core 0", 8).unwrap();
        let frames: Vec<_> = (0..3).map(|_| pool.alloc().unwrap()).collect();
        let indices: Vec<_> = frames.iter().map(|frame| frame.index()).collect();
        let mut moves = account.moves();
        for &index in &indices {
            // SAFETY: held in `frames`, which is not touched until the third is taken back.
            unsafe { moves.lend(index) };
        }
        drop(moves);
        assert_eq!(account.completing(), 3);
        let sent = Place::Completing(account.id());
        assert!(indices.iter().all(|&i| pool.place_of(i) == Some(sent)));

        // SAFETY: lent above, still in `frames`, no device.
        unsafe { account.moves().unlend(indices[2]) };
        assert_eq!(pool.place_of(indices[2]), Some(Place::Held));
        let mut frames = frames.into_iter();
        frames.by_ref().take(2).for_each(core::mem::forget);
        drop(frames);
        // SAFETY: lent above and forgotten, no device.
        unsafe { account.moves().complete(Some(&mut cache), indices[0]) };
        // SAFETY: as above.
        let again = unsafe { account.moves().receive_sent(indices[1], 192, 60) };
        assert_eq!(again.unwrap().len(), 60);
        assert_eq!(account.completing(), 0);
        drop((cache, account));
        pool.audit().unwrap();
    });
}

#[test]
fn what_is_outside_a_frame_is_refused_and_stays_posted() {
    with_pool(|pool| {
        let account = SharedAccount::register(pool, "library").unwrap();
        let index = account.moves().post_shared().unwrap();
        for (index, offset, len) in [
            (index, 191, 10),
            (index, 2000, 49),
            (index, usize::MAX, 1),
            (FrameIndex(FRAMES as u32), 192, 10),
        ] {
            // SAFETY: posted above where it is of the pool, and there is no device.
            assert!(unsafe { account.moves().receive(index, offset, len) }.is_none());
        }
        // SAFETY: no such frame.
        unsafe { account.moves().unpost(None, FrameIndex(u32::MAX)) };
        assert_eq!(account.posted(), 1);
        // SAFETY: posted above, no device.
        unsafe { account.moves().unpost(None, index) };
        assert_eq!(account.posted(), 0);
        drop(account);
        pool.audit().unwrap();
    });
}

#[test]
fn frames_never_given_back_are_named_with_the_account() {
    with_pool(|pool| {
        let account = SharedAccount::register(pool, "library").unwrap();
        assert!(account.moves().post_shared().is_some());
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
fn a_cache_of_another_pool_posts_nothing() {
    with_pool(|pool| {
        with_pool(|other| {
            // Both live until the end of the inner closure.
            let account = SharedAccount::register(pool, "library").unwrap();
            let mut cache = Cache::new(other, "elsewhere", 8).unwrap();
            assert_eq!(account.moves().post(&mut cache), None);
            let index = account.moves().post_shared().unwrap();
            // SAFETY: posted above, no device.
            unsafe { account.moves().unpost(Some(&mut cache), index) };
            assert_eq!((account.posted(), cache.len()), (0, 0));
        });
        pool.audit().unwrap();
    });
}

//! The shared free list under loom: every order of the atomics of two threads.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test -p linecard --release --test loom_mempool`.
//!
//! What it does not prove: loom explores the C11 memory model up to its bound on preemptions, and
//! three frames are not three thousand. That a popped frame's bytes are seen whole by its next
//! owner rests on the same release and acquire as the slots' contents, which these tests read.
#![cfg(loom)]

use std::boxed::Box;

use linecard::mempool::{Cache, Pool, PoolConfig, Region, Slot};
use loom::thread;

fn pool(frames: usize) -> &'static Pool<'static> {
    let memory = Box::leak(vec![0u8; frames * 2048 + 63].into_boxed_slice());
    let slots = Box::leak(
        (0..frames)
            .map(|_| Slot::new())
            .collect::<Vec<_>>()
            .into_boxed_slice(),
    );
    let config = PoolConfig::default();
    Box::leak(Box::new(
        Pool::new(Region::from_slice(memory), slots, config).expect("a pool"),
    ))
}

fn model(test: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(test);
}

/// Two threads take and give back; no frame is had twice, none is lost.
#[test]
fn two_threads_take_and_give_back() {
    model(|| {
        let pool = pool(2);
        let work = move || {
            let one = pool.alloc();
            let two = pool.alloc();
            if let (Some(one), Some(two)) = (&one, &two) {
                assert_ne!(one.index(), two.index());
            }
            drop(one);
            drop(two);
        };
        let other = thread::spawn(work);
        work();
        other.join().expect("no panic");
        pool.audit().expect("both are back, once");
    });
}

/// A stale reader of the top meets frames that went and came back: the ABA that the tag is for.
#[test]
fn a_frame_that_comes_back_does_not_fool_a_slow_thread() {
    model(|| {
        let pool = pool(3);
        let other = thread::spawn(move || {
            let (a, b) = (pool.alloc(), pool.alloc());
            drop(a);
            drop(b);
        });
        let mine = pool.alloc();
        let index = mine.as_ref().map(|frame| frame.index());
        let again = pool.alloc();
        if let (Some(index), Some(again)) = (index, &again) {
            assert_ne!(index, again.index());
        }
        drop((mine, again));
        other.join().expect("no panic");
        pool.audit().expect("all are back, once");
    });
}

/// What one thread wrote into a frame, the next owner reads.
#[test]
fn a_cache_gives_whole_batches_to_another_thread() {
    model(|| {
        let pool = pool(2);
        let other = thread::spawn(move || {
            let mut cache = Cache::new(pool, "other", 2).expect("an account");
            if let Some(mut frame) = cache.alloc() {
                frame.append(1).expect("room").fill(7);
                cache.free(frame);
            }
        });
        let mut cache = Cache::new(pool, "this", 2).expect("an account");
        let got = cache.alloc_burst(2, |frame| drop(frame));
        assert!(got <= 2);
        drop(cache);
        other.join().expect("no panic");
        pool.audit().expect("both are back, once");
    });
}

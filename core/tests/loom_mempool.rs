//! The shared free list and the caches under loom: every schedule of a few operations of two
//! threads, and every value that the memory model allows a load to return.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test -p linecard --release --test loom_mempool
//! ```
//!
//! There is no bound on preemptions: with one, loom misses schedules that matter. Each frame has a
//! loom cell that its owner touches, so that two owners at a time fail the test, and so does an
//! owner who need not see what the one before wrote.
//!
//! Each of these was weakened once, and a test failed: the release of `FreeList::put`, the two
//! acquires of `FreeList::get` (its first load, its failed swap) and the tag.
//!
//! What it does not prove:
//!
//! - That the successful swap of `get` must acquire and release. With a tag that does not repeat
//!   it takes from the very put that the load before it has synchronised with, so that no test of
//!   these can fail without; it is kept as a second line.
//! - That the tag does not repeat: the doc of `mempool::free_list` computes when it would.
//! - Three threads at once, or more than four frames. Batches are of 3 frames here, not of 15.
//! - That the ledger is exact while frames move; it does not promise that.
#![cfg(loom)]
#![allow(missing_docs, unsafe_code)]

use linecard::mempool::{Cache, Frame, Pool, PoolConfig, Region, Slot};
use loom::cell::UnsafeCell;
use loom::thread;

/// A pool, and a cell beside each of its frames.
struct Rig {
    pool: Pool<'static>,
    cells: Vec<UnsafeCell<()>>,
}

impl Rig {
    /// What an owner may do: nobody else is at the frame, and whoever was before is done.
    fn touch(&self, frame: &Frame<'_>) {
        let at = frame.index().0 as usize;
        self.cells[at].with_mut(|_| ());
    }

    /// One frame, touched.
    fn alloc(&'static self) -> Option<Frame<'static>> {
        let frame = self.pool.alloc();
        frame.iter().for_each(|frame| self.touch(frame));
        frame
    }

    /// One frame from a cache, touched.
    fn alloc_from(&self, cache: &mut Cache<'static>) -> Option<Frame<'static>> {
        let frame = cache.alloc();
        frame.iter().for_each(|frame| self.touch(frame));
        frame
    }

    fn cache(&'static self, size: usize) -> Cache<'static> {
        Cache::new(&self.pool, "test", size).expect("an account")
    }

    /// All frames, one by one, so that each is a batch of its own when it comes back.
    fn alloc_all(&'static self) -> Vec<Frame<'static>> {
        core::iter::from_fn(|| self.alloc()).collect()
    }
}

/// Tries `test` in every schedule, each time on a new pool, which must be whole in the end.
fn model(frames: usize, test: impl Fn(&'static Rig) + Send + Sync + 'static) {
    loom::model(move || {
        let memory = Box::into_raw(vec![0u8; frames * 2048 + 63].into_boxed_slice());
        let slots: Box<[Slot]> = (0..frames).map(|_| Slot::new()).collect();
        let slots = Box::into_raw(slots);
        // SAFETY: made two lines above, and freed at the end only.
        let region = Region::from_slice(unsafe { &mut *memory });
        // SAFETY: as for the memory.
        let table = unsafe { &*slots };
        let rig = Box::into_raw(Box::new(Rig {
            pool: Pool::new(region, table, PoolConfig::default()).expect("a pool"),
            cells: (0..frames).map(|_| UnsafeCell::new(())).collect(),
        }));
        // SAFETY: made above, and freed below only, when `test` has joined its threads.
        let shared = unsafe { &*rig };
        test(shared);
        shared.pool.audit().expect("every frame is back, once");
        // SAFETY: made by `Box::into_raw`; `test` has returned, and so has everything that borrowed.
        drop(unsafe { Box::from_raw(rig) });
        // SAFETY: as above; the pool that borrowed it is gone.
        drop(unsafe { Box::from_raw(slots) });
        // SAFETY: as above.
        drop(unsafe { Box::from_raw(memory) });
    });
}

/// Release of the put, acquire of the get: the next owner sees what the one before did.
#[test]
fn a_frame_given_back_is_seen_whole_by_its_next_owner() {
    model(1, |rig| {
        let other = thread::spawn(move || drop(rig.alloc()));
        drop(rig.alloc());
        other.join().unwrap();
    });
}

/// A batch is split: one frame is taken, the rest is put back while the other thread looks.
#[test]
fn two_threads_take_from_one_batch() {
    model(2, |rig| {
        let other = thread::spawn(move || rig.alloc());
        let mine = rig.alloc();
        let theirs = other.join().unwrap();
        if let (Some(mine), Some(theirs)) = (&mine, &theirs) {
            assert_ne!(mine.index(), theirs.index());
        }
        assert!(mine.is_some() || theirs.is_some());
    });
}

/// A slow reader of the top meets a frame that went and came back with another follower: what the
/// tag is for, and why the link is read after an acquire.
#[test]
fn a_frame_that_comes_back_does_not_fool_a_slow_thread() {
    model(2, |rig| {
        // Two batches of a frame each, one behind the other.
        drop(rig.alloc_all());
        let other = thread::spawn(move || {
            let first = rig.alloc();
            let second = rig.alloc();
            // The first comes back alone; a link to the second is from before.
            drop(first);
            second
        });
        let mine = [rig.alloc(), rig.alloc()];
        let theirs = other.join().unwrap();
        for mine in mine.iter().flatten() {
            let twice = theirs.as_ref().is_some_and(|t| t.index() == mine.index());
            assert!(!twice, "{:?} has two owners", mine.index());
        }
    });
}

/// Two batches are put at once: whoever comes between finds both or none.
#[test]
fn a_put_of_two_batches_shows_at_once() {
    model(4, |rig| {
        let mut cache = rig.cache(4);
        let mut frames: Vec<Frame<'static>> = Vec::new();
        assert_eq!(cache.alloc_burst(4, |frame| frames.push(frame)), 4);
        frames.iter().for_each(|frame| rig.touch(frame));
        cache.free_burst(frames);
        let other = thread::spawn(move || {
            // Its four frames go back together.
            cache.flush();
        });
        let mut mine = rig.cache(4);
        let mut got = 0;
        mine.alloc_burst(4, |frame| {
            rig.touch(&frame);
            got += 1;
        });
        assert!(got == 0 || got == 4, "{got} of 4 at once");
        other.join().unwrap();
    });
}

/// Two threads put: no frame of either is left out.
#[test]
fn two_threads_give_back() {
    model(2, |rig| {
        let mut both = rig.alloc_all().into_iter();
        let (mine, theirs) = (both.next(), both.next());
        let other = thread::spawn(move || drop(theirs));
        drop(mine);
        other.join().unwrap();
    });
}

/// A cache refills and spills while another thread takes from the shared list.
#[test]
fn a_cache_refills_and_spills_beside_another_thread() {
    model(2, |rig| {
        let mut cache = rig.cache(1);
        let other = thread::spawn(move || {
            // A refill brings the whole batch, if it is there.
            let frame = rig.alloc_from(&mut cache);
            let second = rig.alloc_from(&mut cache);
            // The second to come back is one too many: it, or the first, is spilt.
            frame.into_iter().chain(second).for_each(|f| cache.free(f));
        });
        drop(rig.alloc());
        other.join().unwrap();
    });
}

/// Two caches, each of which has what the other needs.
#[test]
fn what_one_cache_spills_another_finds() {
    model(2, |rig| {
        let [mut left, mut right] = [rig.cache(2), rig.cache(2)];
        let frame = rig.alloc_from(&mut left).expect("all are free");
        let other = thread::spawn(move || {
            left.free(frame);
            drop(left);
        });
        let mine = rig.alloc_from(&mut right);
        other.join().unwrap();
        let last = rig.alloc_from(&mut right);
        assert!(mine.is_some() || last.is_some(), "both were given back");
        mine.into_iter().chain(last).for_each(|f| right.free(f));
    });
}

//! The pool against an oracle of plain vectors, and its ledger against every way to lose a frame.

use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;

/// Memory for a pool, for as long as a test needs it.
struct Memory {
    bytes: Vec<u8>,
    slots: Vec<Slot>,
}

impl Memory {
    fn new(frames: usize) -> Self {
        Self {
            bytes: vec![0; frames * 2048 + 63],
            slots: (0..frames).map(|_| Slot::new()).collect(),
        }
    }

    fn pool(&mut self) -> Pool<'_> {
        let config = PoolConfig {
            track: true,
            ..PoolConfig::default()
        };
        Pool::new(Region::from_slice(&mut self.bytes), &self.slots, config).expect("a pool")
    }
}

#[test]
fn every_frame_is_handed_out_once() {
    let mut memory = Memory::new(100);
    let pool = memory.pool();
    let mut cache = Cache::new(&pool, "test", 40).expect("an account");
    let mut frames = Vec::new();
    while let Some(frame) = cache.alloc() {
        frames.push(frame);
    }
    let mut indices: Vec<u32> = frames.iter().map(|frame| frame.index().0).collect();
    indices.sort_unstable();
    assert_eq!(indices, (0..100).collect::<Vec<u32>>());
    assert!(pool.alloc().is_none(), "exhaustion is an answer");
    assert_eq!(pool.ledger().held, 100);
    cache.free_burst(frames);
    assert_eq!(pool.ledger().held, 0);
    drop(cache);
    pool.audit().expect("all are back");
    assert_eq!(pool.free_frames(), 100);
}

#[test]
fn colours_spread_the_headers() {
    let mut memory = Memory::new(4096);
    let pool = memory.pool();
    let frames: Vec<Frame<'_>> = core::iter::from_fn(|| pool.alloc()).collect();
    for frame in &frames {
        assert_eq!(frame.as_ptr().addr().get() % 64, 0);
        assert!(frame.tailroom() >= 1600 && frame.headroom() >= 256);
    }
    // How many lines fall into each set of a cache with so many, and how many sets have any.
    let crowding = |frames: &[Frame<'_>], sets: usize| {
        let mut lines = vec![0; sets];
        for frame in frames {
            let line = (frame.index().0 as usize * 2048 + frame.offset()) / 64;
            lines[line % sets] += 1;
        }
        let used = lines.iter().filter(|&&count| count > 0).count();
        (used, lines.into_iter().max().unwrap_or(0))
    };
    let mut ordered: Vec<Frame<'_>> = frames;
    ordered.sort_by_key(Frame::index);
    // L1: 64 sets. Two bursts, as a worker has under way: at most 8 in a set, of 8 ways.
    for burst in ordered.chunks_exact(64) {
        assert_eq!(crowding(burst, 64), (8, 8));
    }
    // L2: 2,048 sets of 8 ways (1 MiB) keep the headers of as many frames as they can.
    assert_eq!(crowding(&ordered[..2048], 2048), (256, 8));
}

#[test]
fn wrong_layouts_are_named() {
    let mut memory = Memory::new(4);
    let mut attempt = |config| {
        Pool::new(Region::from_slice(&mut memory.bytes), &memory.slots, config).map(|_| ())
    };
    let good = PoolConfig::default();
    assert_eq!(attempt(good), Ok(()));
    let size = |frame_size| PoolConfig { frame_size, ..good };
    assert_eq!(attempt(size(1024)), Err(PoolError::FrameSize(1024)));
    assert_eq!(attempt(size(3000)), Err(PoolError::FrameSize(3000)));
    assert_eq!(attempt(size(65536)), Err(PoolError::FrameSize(65536)));
    assert!(matches!(
        attempt(size(16384)),
        Err(PoolError::RegionTooSmall(_))
    ));
    assert_eq!(
        attempt(PoolConfig { private: 1, ..good }),
        Err(PoolError::Layout)
    );
    assert_eq!(
        attempt(PoolConfig {
            headroom: 2048,
            ..good
        }),
        Err(PoolError::Layout)
    );
    assert_eq!(
        attempt(PoolConfig { colours: 3, ..good }),
        Err(PoolError::Layout)
    );
    let few = Pool::new(
        Region::from_slice(&mut memory.bytes),
        &memory.slots[..3],
        good,
    );
    assert_eq!(
        few.map(|_| ()),
        Err(PoolError::TooFewSlots {
            frames: 4,
            slots: 3
        })
    );
    let pages = [0x1000; 1];
    let region = Region::from_slice(&mut memory.bytes).with_dma(DmaMap::Paged {
        pages: &pages,
        shift: 12,
    });
    assert_eq!(
        Pool::new(region, &memory.slots, good).map(|_| ()),
        Err(PoolError::DmaPages)
    );
}

#[test]
fn device_addresses_follow_the_map() {
    let mut memory = Memory::new(4);
    let region = Region::from_slice(&mut memory.bytes).with_dma(DmaMap::Linear(0x10_0000));
    let pool = Pool::new(region, &memory.slots, PoolConfig::default()).expect("a pool");
    assert_eq!(
        pool.device_address(FrameIndex(3), 17),
        Some(DeviceAddress(0x10_0000 + 6161))
    );
    assert_eq!(pool.device_address(FrameIndex(4), 0), None);
    assert_eq!(pool.device_address(FrameIndex(0), 2048), None);
    assert_eq!(pool.locate(6161), Some((FrameIndex(3), 17)));
    assert_eq!(pool.locate(8192), None);
}

#[test]
fn the_audit_finds_a_lost_frame() {
    let mut memory = Memory::new(20);
    let pool = memory.pool();
    core::mem::forget(pool.alloc());
    assert_eq!(pool.audit(), Err(AuditError::Held(1)));
}

#[test]
fn the_audit_finds_a_frame_given_back_twice() {
    let mut memory = Memory::new(20);
    let pool = memory.pool();
    let frame = pool.alloc().expect("a frame");
    let index = frame.index();
    pool.put(&[index.0]);
    assert_eq!(pool.place_of(index), Some(Place::Held));
    drop(frame);
    assert!(matches!(pool.audit(), Err(AuditError::Twice(twice)) if twice == index));
}

#[test]
fn the_audit_names_the_queue_that_kept_frames() {
    let mut memory = Memory::new(20);
    let pool = memory.pool();
    let mut cache = Cache::new(&pool, "test", 20).expect("an account");
    let queue = Account::register(&pool, "lossy nic, queue 7").expect("an account");
    let mut posted = [FrameIndex::default(); 3];
    assert_eq!(queue.post(&mut cache, &mut posted), 3);
    assert_eq!(pool.place_of(posted[0]), Some(Place::Posted(queue.id())));
    // SAFETY: both were posted above, and nobody has taken them since.
    unsafe { queue.unpost(&mut cache, &posted[..2]) };
    drop((queue, cache));
    let Err(AuditError::Kept(entry)) = pool.audit() else {
        panic!("one frame is missing")
    };
    assert_eq!(
        (entry.name.as_str(), entry.posted),
        ("lossy nic, queue 7", 1)
    );
    assert!(entry.closed);
}

#[test]
fn a_completion_that_comes_twice_is_seen() {
    let mut memory = Memory::new(20);
    let pool = memory.pool();
    let mut cache = Cache::new(&pool, "test", 20).expect("an account");
    let queue = Account::register(&pool, "queue").expect("an account");
    let sent = queue
        .send(pool.alloc().expect("a frame"))
        .expect("of this pool");
    // SAFETY: it was sent above.
    unsafe { queue.complete(&mut cache, &[sent]) };
    // A driver that breaks its contract: the ledger is there to show it.
    // SAFETY: none, on purpose; nothing reads or writes the frame before the pool is dropped.
    unsafe { queue.complete(&mut cache, &[sent]) };
    assert_eq!(pool.ledger().violations, 1);
    drop((queue, cache));
    assert!(pool.audit().is_err());
}

#[test]
fn a_window_outside_the_frame_is_refused() {
    let mut memory = Memory::new(4);
    let config = PoolConfig {
        private: 64,
        ..PoolConfig::default()
    };
    let pool = Pool::new(Region::from_slice(&mut memory.bytes), &memory.slots, config);
    let pool = pool.expect("a pool");
    let mut cache = Cache::new(&pool, "test", 4).expect("an account");
    let queue = Account::register(&pool, "queue").expect("an account");
    let mut posted = [FrameIndex::default(); 1];
    queue.post(&mut cache, &mut posted);
    let bad = [
        (posted[0], 64, 1985),
        (posted[0], 63, 1),
        (FrameIndex(4), 64, 1),
    ];
    for (index, offset, len) in bad.into_iter().chain([(posted[0], usize::MAX, 2)]) {
        // SAFETY: the frame is posted and no device has it; what is wrong is refused.
        let refused = unsafe { queue.receive(index, offset, len) };
        assert!(refused.is_none(), "{offset}+{len}");
    }
    assert_eq!(queue.posted(), 1, "a refused frame stays posted");
    // SAFETY: it was posted above.
    let frame = unsafe { queue.receive(posted[0], 64, 1984) }.expect("exactly to the end");
    assert_eq!((frame.headroom(), frame.tailroom()), (0, 0));
}

#[test]
fn chains_keep_order_and_come_apart() {
    let mut memory = Memory::new(8);
    let pool = memory.pool();
    let mut cache = Cache::new(&pool, "test", 8).expect("an account");
    let mut make = |text: &[u8]| {
        let mut frame = cache.alloc().expect("a frame");
        frame
            .append(text.len())
            .expect("room")
            .copy_from_slice(text);
        frame
    };
    let mut head = make(b"a");
    for text in [b"bc", b"de", b"fg"] {
        head.chain(make(text)).expect("of one pool");
    }
    let mut other = make(b"h");
    other.chain(make(b"i")).expect("of one pool");
    head.chain(other).expect("a chain on a chain");
    assert_eq!(head.segments().collect::<Vec<_>>().concat(), b"abcdefghi");
    assert_eq!((head.len(), head.total_len()), (1, 9));
    let rest = head.unchain().expect("five follow");
    assert!(!head.is_chained() && rest.is_chained());
    assert_eq!(rest.segments().collect::<Vec<_>>().concat(), b"bcdefghi");
    cache.free(rest);
    drop(head);
    drop(cache);
    pool.audit().expect("every frame of the chain is back");
}

#[test]
fn a_frame_of_another_pool_goes_home() {
    let (mut here, mut there) = (Memory::new(4), Memory::new(4));
    let (here, there) = (here.pool(), there.pool());
    let mut cache = Cache::new(&here, "test", 4).expect("an account");
    let queue = Account::register(&here, "queue").expect("an account");
    let foreign = there.alloc().expect("a frame");
    let foreign = queue.send(foreign).expect_err("not of this pool");
    let mut own = here.alloc().expect("a frame");
    let foreign = own.chain(foreign).expect_err("not of this pool");
    cache.free(foreign);
    drop((own, queue, cache));
    here.audit().expect("nothing strange came in");
    there.audit().expect("it went home");
}

#[test]
fn accounts_run_out_and_come_back() {
    let mut memory = Memory::new(4);
    let pool = memory.pool();
    let accounts: Vec<_> = (0..64)
        .map(|_| Account::register(&pool, "a").expect("64"))
        .collect();
    assert_eq!(
        Cache::new(&pool, "b", 4).map(|_| ()),
        Err(PoolError::TooManyAccounts)
    );
    drop(accounts);
    Cache::new(&pool, "a name of more than 24 bytes", 4).expect("they are free again");
    assert!(pool.ledger().entries.is_empty());
}

#[test]
fn threads_allocate_here_and_free_there() {
    let mut memory = Memory::new(256);
    let pool = &memory.pool();
    let (to, from) = std::sync::mpsc::sync_channel::<Vec<Frame<'_>>>(4);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut cache = Cache::new(pool, "allocates", 64).expect("an account");
            for round in 0..20_000_usize {
                let mut frames = Vec::new();
                cache.alloc_burst(1 + round % 33, |mut frame| {
                    frame
                        .append(8)
                        .expect("room")
                        .copy_from_slice(&round.to_ne_bytes());
                    frames.push(frame);
                });
                to.send(frames).expect("the other thread listens");
            }
        });
        scope.spawn(move || {
            let mut cache = Cache::new(pool, "frees", 32).expect("an account");
            for (round, frames) in from.into_iter().enumerate() {
                for frame in &frames {
                    assert_eq!(
                        frame.data(),
                        round.to_ne_bytes(),
                        "nobody else has the frame"
                    );
                }
                if round % 7 == 0 {
                    drop(frames)
                } else {
                    cache.free_burst(frames)
                }
            }
        });
        scope.spawn(move || {
            for _ in 0..20_000 {
                let frames: Vec<_> = core::iter::from_fn(|| pool.alloc()).take(3).collect();
                drop(frames);
            }
        });
    });
    pool.audit().expect("every frame is back, once");
}

/// What a program can do with a pool, on one thread.
#[derive(Debug, Clone)]
enum Step {
    Alloc(usize),
    AllocShared,
    Free(usize),
    Drop(usize),
    Chain(usize, usize),
    Post(usize),
    Receive(usize),
    Unpost(usize),
    Send(usize),
    Complete(usize),
    Flush,
}

fn step() -> impl Strategy<Value = Step> {
    let any = 0..64usize;
    prop_oneof![
        (0..48usize).prop_map(Step::Alloc),
        Just(Step::AllocShared),
        any.clone().prop_map(Step::Free),
        any.clone().prop_map(Step::Drop),
        (any.clone(), any.clone()).prop_map(|(a, b)| Step::Chain(a, b)),
        (0..20usize).prop_map(Step::Post),
        any.clone().prop_map(Step::Receive),
        any.clone().prop_map(Step::Unpost),
        any.clone().prop_map(Step::Send),
        any.prop_map(Step::Complete),
        Just(Step::Flush),
    ]
}

/// Takes the element that `at` means in a vector of whatever length.
fn pick<T>(from: &mut Vec<T>, at: usize) -> Option<T> {
    let len = from.len();
    (len > 0).then(|| from.swap_remove(at % len))
}

proptest! {
    #[test]
    fn the_ledger_follows_every_step(
        frames in 1..80usize,
        size in 1..64usize,
        steps in prop::collection::vec(step(), 0..200),
    ) {
        let mut memory = Memory::new(frames);
        let pool = memory.pool();
        let mut cache = Cache::new(&pool, "cache", size).expect("an account");
        let queue = Account::register(&pool, "queue").expect("an account");
        // Held frames with the length of their chain; numbers of posted and of sent ones.
        let mut held: Vec<(Frame<'_>, usize)> = Vec::new();
        let (mut posted, mut sent) = (Vec::new(), Vec::new());
        for step in steps {
            match step {
                Step::Alloc(count) => {
                    let before = pool.ledger();
                    let got = cache.alloc_burst(count, |frame| held.push((frame, 1)));
                    prop_assert_eq!(got, count.min(before.free + before.cached));
                }
                Step::AllocShared => held.extend(pool.alloc().map(|frame| (frame, 1))),
                Step::Free(at) => if let Some((frame, _)) = pick(&mut held, at) {
                    cache.free(frame);
                },
                Step::Drop(at) => drop(pick(&mut held, at)),
                Step::Chain(a, b) => if held.len() > 1 {
                    let (tail, more) = pick(&mut held, a).expect("two are there");
                    let at = b % held.len();
                    held[at].0.chain(tail).expect("of one pool");
                    held[at].1 += more;
                },
                Step::Post(count) => {
                    let mut out = vec![FrameIndex::default(); count];
                    let got = queue.post(&mut cache, &mut out);
                    posted.extend_from_slice(&out[..got]);
                }
                Step::Receive(at) => if let Some(index) = pick(&mut posted, at) {
                    // SAFETY: it was posted, and is taken out of `posted` here.
                    let frame = unsafe { queue.receive(index, 256, 64) };
                    held.push((frame.expect("inside the frame"), 1));
                },
                Step::Unpost(at) => if let Some(index) = pick(&mut posted, at) {
                    // SAFETY: as above.
                    prop_assert_eq!(unsafe { queue.unpost(&mut cache, &[index]) }, 1);
                },
                Step::Send(at) => if let Some((frame, chained)) = pick(&mut held, at) {
                    match queue.send(frame) {
                        Ok(index) => sent.push(index),
                        Err(frame) => {
                            prop_assert!(chained > 1, "only a chain is refused");
                            held.push((frame, chained));
                        }
                    }
                },
                Step::Complete(at) => if let Some(index) = pick(&mut sent, at) {
                    // SAFETY: it was sent, and is taken out of `sent` here.
                    prop_assert_eq!(unsafe { queue.complete(&mut cache, &[index]) }, 1);
                },
                Step::Flush => cache.flush(),
            }
            let ledger = pool.ledger();
            let in_chains: usize = held.iter().map(|(_, chained)| chained).sum();
            prop_assert_eq!(ledger.held, in_chains);
            prop_assert_eq!((ledger.posted, ledger.completing), (posted.len(), sent.len()));
            prop_assert_eq!(ledger.cached, cache.len());
            prop_assert_eq!((ledger.surplus, ledger.violations), (0, 0));
        }
        // SAFETY: these are the frames that are still posted and sent.
        unsafe { queue.unpost(&mut cache, &posted) };
        // SAFETY: as above.
        unsafe { queue.complete(&mut cache, &sent) };
        drop((held, cache, queue));
        pool.audit().expect("every frame is back, once");
    }
}

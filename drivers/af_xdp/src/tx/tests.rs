//! Sending to a kernel that does not keep the rules.

use core::sync::atomic::Ordering;
use std::boxed::Box;
use std::sync::Arc;
use std::vec::Vec;

use linecard::device::TxQueue;
use linecard::mempool::{Account, Cache, Pool, PoolConfig, Region, Slot};
use linecard::packet::{Burst, Packet};
use proptest::prelude::*;

use super::{Kick, Tx};
use crate::channel::{Channel, PortState};
use crate::ring::fake::Memory;
use crate::ring::{Consumer, Producer};
use crate::sys::errno::Errno;
use crate::sys::if_xdp::Desc;
use crate::umem::Umem;

const FRAMES: usize = 256;
const RING: u32 = 64;

fn pool() -> &'static Pool<'static> {
    let memory: &'static mut [u8] = std::vec![0; FRAMES * 2048 + 4096].leak();
    let start = memory.as_ptr().align_offset(4096);
    let slots: &'static [Slot] = (0..FRAMES).map(|_| Slot::new()).collect::<Vec<_>>().leak();
    let region = Region::from_slice(&mut memory[start..start + FRAMES * 2048]);
    let config = PoolConfig {
        track: true,
        ..PoolConfig::default()
    };
    Box::leak(Box::new(Pool::new(region, slots, config).unwrap()))
}

/// A queue whose rings are plain memory, with counters that stand at `start`.
struct Fake {
    tx: Tx<'static>,
    cache: Cache<'static>,
    ring: Memory<Desc>,
    completion: Memory<u64>,
    pool: &'static Pool<'static>,
}

impl Fake {
    fn new(start: u32) -> Self {
        let pool = pool();
        let umem = Umem::new(pool).unwrap();
        let state = PortState::default();
        state.max_frame.store(1518, Ordering::Relaxed);
        let channel = Arc::new(Channel::new(umem, Arc::new(state), 0, None));
        let (ring, completion) = (Memory::new(RING, start), Memory::new(RING, start));
        let tx = Tx::new(
            channel,
            Producer::new(ring.layout()),
            Consumer::new(completion.layout()),
            Account::register(pool, "tx").unwrap(),
            RING,
        );
        let cache = Cache::new(pool, "test", 64).unwrap();
        Self {
            tx,
            cache,
            ring,
            completion,
            pool,
        }
    }

    /// Hands over `count` packets of 60 bytes; gives how many were taken.
    fn send(&mut self, count: usize) -> usize {
        let mut burst = Burst::<'_, 256>::new();
        for _ in 0..count {
            let mut packet = Packet::new(self.cache.alloc().expect("a frame"));
            packet.append(60).expect("room").fill(1);
            burst.push(packet).expect("room");
        }
        let taken = self.tx.tx_burst(&mut self.cache, &mut burst);
        assert_eq!(taken + burst.len(), count);
        burst.free(&mut self.cache);
        taken
    }

    fn close(self) {
        drop((self.tx, self.cache));
        self.pool.audit().expect("every frame is back");
    }
}

#[test]
fn the_completion_ring_can_never_be_full() {
    for start in [0, u32::MAX - 100] {
        let mut fake = Fake::new(start);
        // The kernel takes descriptors and completes nothing: no more than the completion ring can
        // return are ever with it.
        assert_eq!(fake.send(150), 64);
        let taken: Vec<Desc> = core::iter::from_fn(|| fake.ring.take()).collect();
        assert_eq!(taken.len(), 64);
        assert_eq!(
            fake.send(10),
            0,
            "the transmit ring is empty, and still there is no room"
        );
        assert_eq!(fake.tx.stats().full, 2);
        // It completes some, and as many go.
        for desc in &taken[..20] {
            assert!(fake.completion.give(desc.addr));
        }
        assert_eq!(fake.send(150), 20);
        for desc in &taken[20..] {
            assert!(fake.completion.give(desc.addr));
        }
        assert_eq!(fake.tx.reclaim(&mut fake.cache), 44);
        assert_eq!(fake.tx.stats().completed, 64);
        fake.close();
    }
}

#[test]
fn a_completion_of_what_was_not_sent_is_counted_and_skipped() {
    let mut fake = Fake::new(0);
    assert_eq!(fake.send(1), 1);
    let sent = fake.ring.take().expect("a descriptor");
    assert_eq!((sent.len, sent.options), (60, 0));
    let held = fake.pool.alloc().expect("a frame");
    let never = held.index().offset(2048) as u64;
    for addr in [never, (FRAMES * 2048) as u64, u64::MAX] {
        assert!(fake.completion.give(addr));
    }
    assert_eq!(fake.tx.reclaim(&mut fake.cache), 0);
    assert_eq!(fake.tx.stats().invalid, 3);
    // Anywhere in the frame; and twice frees it once.
    assert!(fake.completion.give(sent.addr & !2047));
    assert!(fake.completion.give(sent.addr));
    assert_eq!(fake.tx.reclaim(&mut fake.cache), 1);
    assert_eq!((fake.tx.stats().invalid, fake.tx.stats().completed), (4, 1));
    drop(held);
    fake.close();
}

#[test]
fn answers_to_a_kick_are_told_apart() {
    assert_eq!(Kick::from(Ok(())), Kick::Moved);
    for (errno, kick) in [
        (Errno::AGAIN, Kick::Moved),
        (Errno::BUSY, Kick::Dropped),
        (Errno::NOBUFS, Kick::Busy),
        (Errno::NOMEM, Kick::Busy),
        (Errno::NETDOWN, Kick::Down),
        (Errno::NXIO, Kick::Gone),
    ] {
        assert_eq!(Kick::from(Err(errno)), kick);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Any completions at all, between honest ones: no frame is lost and none has two owners.
    #[test]
    fn no_completion_breaks_the_ledger(
        start: u32,
        steps in proptest::collection::vec((0usize..40, 0u64..(FRAMES as u64 + 8) * 2048, any::<bool>()), 1..100),
    ) {
        let mut fake = Fake::new(start);
        for (count, lie, honest) in steps {
            fake.send(count);
            for _ in 0..count {
                let taken = fake.ring.take();
                if let Some(desc) = taken.filter(|_| honest) {
                    fake.completion.give(desc.addr);
                }
            }
            fake.completion.give(lie);
            let ledger = fake.pool.ledger();
            prop_assert_eq!((ledger.surplus, ledger.violations, ledger.held), (0, 0, 0));
        }
        fake.close();
    }
}

//! Receiving from a kernel that does not keep the rules.

use std::boxed::Box;
use std::sync::Arc;
use std::vec::Vec;

use linecard::device::RxQueue;
use linecard::mempool::{Account, Cache, Pool, PoolConfig, Region, Slot};
use linecard::packet::{Burst, Offloads};
use proptest::prelude::*;

use super::Rx;
use crate::channel::{Channel, PortState};
use crate::ring::fake::Memory;
use crate::ring::{Consumer, Producer};
use crate::sys::if_xdp::{Desc, PKT_CONTD};
use crate::umem::Umem;

const FRAMES: usize = 96;
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
    rx: Rx<'static>,
    cache: Cache<'static>,
    fill: Memory<u64>,
    ring: Memory<Desc>,
    pool: &'static Pool<'static>,
}

impl Fake {
    fn new(start: u32) -> Self {
        let pool = pool();
        let umem = Umem::new(pool).unwrap();
        let channel = Arc::new(Channel::new(umem, Arc::new(PortState::default()), 0, None));
        let (fill, ring) = (Memory::new(RING, start), Memory::new(RING, start));
        let account = Account::register(pool, "rx").unwrap();
        let mut cache = Cache::new(pool, "test", 32).unwrap();
        let mut rx = Rx::new(
            channel,
            Producer::new(fill.layout()),
            Consumer::new(ring.layout()),
            account,
            RING,
            Offloads::L4_DOUBTFUL,
        );
        assert_eq!(rx.refill(&mut cache), 0);
        Self {
            rx,
            cache,
            fill,
            ring,
            pool,
        }
    }

    fn burst(&mut self) -> Burst<'static, 32> {
        let mut burst = Burst::new();
        self.rx.rx_burst(&mut self.cache, &mut burst);
        burst
    }

    /// The kernel receives 60 bytes into the next posted frame, as it does.
    fn receive(&self) -> u64 {
        let frame = self.fill.take().expect("a posted frame");
        let addr = frame + 256;
        assert!(self.ring.give(Desc {
            addr,
            len: 60,
            options: 0
        }));
        addr
    }

    fn close(self) {
        drop((self.rx, self.cache));
        self.pool.audit().expect("every frame is back");
    }
}

#[test]
fn what_the_kernel_keeps_to_is_received() {
    for start in [0, u32::MAX - 100] {
        let mut fake = Fake::new(start);
        for _ in 0..300 {
            let addr = fake.receive();
            let mut burst = fake.burst();
            let packet = burst.pop().expect("one packet");
            assert_eq!((packet.len(), packet.headroom()), (60, 256));
            assert_eq!(packet.frame().index().offset(2048) as u64 + 256, addr);
            assert_eq!(packet.offloads, Offloads::L4_DOUBTFUL);
            fake.cache.free(packet.into_frame());
        }
        assert_eq!((fake.rx.stats().packets, fake.rx.stats().invalid), (300, 0));
        fake.close();
    }
}

#[test]
fn what_cannot_be_is_counted_and_skipped() {
    let mut fake = Fake::new(0);
    let posted = fake.fill.take().expect("a posted frame");
    let held = fake.pool.alloc().expect("a frame");
    let never = held.index().offset(2048) as u64;
    let desc = |addr, len, options| Desc { addr, len, options };
    for wrong in [
        desc((FRAMES * 2048) as u64, 60, 0),
        desc(u64::MAX, 60, 0),
        // Not posted: the program has it.
        desc(never + 256, 60, 0),
    ] {
        assert!(fake.ring.give(wrong));
    }
    assert_eq!(fake.burst().len(), 0);
    assert_eq!(fake.rx.stats().invalid, 3);
    // The frame was posted, the window is not in it: the frame is free again.
    for (len, options) in [(2048, 0), (u32::MAX, 0), (60, PKT_CONTD)] {
        let addr = fake.fill.take().expect("a posted frame") + 256;
        assert!(fake.ring.give(desc(addr, len, options)));
    }
    let posted_before = fake.pool.ledger().posted;
    assert_eq!(fake.burst().len(), 0);
    assert_eq!(fake.rx.stats().invalid, 6);
    assert_eq!(fake.pool.ledger().posted, posted_before - 3);
    // The same frame twice: once.
    for _ in 0..2 {
        assert!(fake.ring.give(desc(posted + 256, 60, 0)));
    }
    let mut burst = fake.burst();
    assert_eq!((burst.len(), fake.rx.stats().invalid), (1, 7));
    burst.free(&mut fake.cache);
    drop(held);
    fake.close();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Any descriptors at all, between honest ones: no frame is lost, none has two owners, and what
    /// is received is inside its frame.
    #[test]
    fn no_descriptor_breaks_the_ledger(
        start: u32,
        descs in proptest::collection::vec((0u64..(FRAMES as u64 + 8) * 2048, 0u32..4096, 0u32..4, any::<bool>()), 1..300),
    ) {
        let mut fake = Fake::new(start);
        let mut held = Vec::new();
        for (addr, len, options, honest) in descs {
            if honest && fake.fill.words()[0] .load(core::sync::atomic::Ordering::Relaxed)
                != fake.fill.words()[1].load(core::sync::atomic::Ordering::Relaxed)
            {
                fake.receive();
            } else {
                fake.ring.give(Desc { addr, len, options });
            }
            for packet in fake.burst().drain() {
                prop_assert!(packet.frame().offset() + packet.len() <= 2048);
                held.push(packet);
            }
            if held.len() > 8 {
                for packet in held.drain(..) {
                    fake.cache.free(packet.into_frame());
                }
            }
        }
        let ledger = fake.pool.ledger();
        prop_assert_eq!((ledger.surplus, ledger.violations, ledger.held), (0, 0, held.len()));
        drop(held);
        fake.close();
    }
}

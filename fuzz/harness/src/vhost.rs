//! The device's side of virtqueues, and a guest that writes any byte of its memory at any moment.

use std::collections::VecDeque;

use linecard_virtio::queue::device::{
    Chain, DeviceQueue, GuestFault, HeapGuest, PackedQueue, Position, RingAddresses, RingConfig,
    Segments, SplitQueue,
};

use crate::input::Input;

/// A split queue under a hostile guest.
pub fn split(bytes: &[u8]) {
    run(bytes, |memory, config| {
        SplitQueue::new(memory, RINGS, config)
    });
}

/// A packed queue under a hostile guest.
pub fn packed(bytes: &[u8]) {
    run(bytes, |memory, config| {
        PackedQueue::new(memory, RINGS, config)
    });
}

/// Pokes, pops, puts and publishes as the bytes say. Every segment that is given lies in the
/// guest's memory whole; what was popped never takes up more than the ring; and once the queue has
/// a fault, it keeps it.
fn run<Q: DeviceQueue>(
    bytes: &[u8],
    make: impl Fn(HeapGuest, RingConfig) -> Result<Q, GuestFault>,
) {
    let mut input = Input::new(bytes);
    let guest = HeapGuest::new(BASE, LEN);
    let flags = input.u8();
    let config = RingConfig {
        size: u16::from(input.u8()),
        event_idx: flags & 1 != 0,
        indirect: flags & 2 != 0,
        in_order: flags & 4 != 0,
        start: Position {
            index: input.u16(),
            wrap: flags & 8 != 0,
        },
    };
    let Ok(mut queue) = make(guest.clone(), config) else {
        return;
    };
    let mut segments = Segments::<SEGMENTS>::new();
    let mut out: VecDeque<Chain> = VecDeque::new();
    while let Some(operation) = input.operation() {
        match operation % 8 {
            0 => {
                let at = BASE + u64::from(input.u16()) % LEN as u64;
                let count = usize::from(operation >> 3) % 9;
                guest.poke(at, input.bytes(count));
            }
            1 | 2 => descriptor(&guest, &mut input),
            3 | 4 => {
                segments.clear();
                let before = queue.fault();
                queue.prefetch(operation & 1 != 0, usize::from(operation >> 3));
                assert_eq!(queue.fault(), before);
                match queue.pop(&mut segments) {
                    Ok(Some(chain)) => {
                        assert_eq!(before, None);
                        check(&guest, &segments, &chain);
                        out.push_back(chain);
                        assert!(out.len() <= usize::from(queue.size()));
                    }
                    Ok(None) => assert_eq!(before, None),
                    Err(fault) => {
                        assert_eq!(queue.fault(), Some(fault));
                        assert!(before.is_none_or(|before| before == fault));
                        assert_eq!(segments.room(), SEGMENTS);
                    }
                }
            }
            5 if operation & 8 != 0 => {
                for chain in out.drain(..) {
                    queue.put(chain, 0);
                }
                singles(&guest, &mut queue, operation & 16 != 0, input.u8());
            }
            5 => {
                if let Some(chain) = out.pop_front() {
                    queue.put(chain, u32::from(input.u16()));
                }
            }
            6 => {
                let fault = queue.fault();
                let called = queue.publish();
                assert!(fault.is_none() || !called);
            }
            _ if operation & 8 != 0 => {
                if let Some(chain) = out.pop_back() {
                    queue.unpop(chain);
                }
            }
            _ => {
                let _ = queue.set_notify(operation & 16 != 0);
            }
        }
    }
}

/// Takes singles, gives back some as if they had not been taken, and the others as used.
fn singles<Q: DeviceQueue>(guest: &HeapGuest, queue: &mut Q, writable: bool, count: u8) {
    let before = queue.fault();
    let (most, unwanted) = (usize::from(count >> 4), usize::from(count & 15));
    let mut taken = Vec::new();
    let popped = queue.pop_singles(writable, most, |single| {
        assert_eq!(single.segment().is_writable(), writable);
        assert!(guest.touch(single.segment()));
        taken.push(single);
        true
    });
    assert_eq!(taken.len(), popped);
    assert!(popped <= most.min(usize::from(queue.size())));
    assert!(before.is_none() || popped == 0);
    let kept = popped.saturating_sub(unwanted);
    queue.unpop_singles(popped - kept);
    let done = taken.into_iter().take(kept);
    queue.put_singles(writable, done.map(|single| (single, u32::from(count))));
}

/// Writes a descriptor that may be right: into the ring, or wherever a table may be.
fn descriptor(guest: &HeapGuest, input: &mut Input<'_>) {
    let at = BASE + 16 * (u64::from(input.u8()) % (LEN as u64 / 16));
    let address = BASE + u64::from(input.u16()) % LEN as u64;
    guest.poke(at, &address.to_le_bytes());
    guest.poke(at + 8, &u32::from(input.u8()).to_le_bytes());
    guest.poke(at + 12, input.bytes(4));
    // And makes it available, if this is a split ring.
    guest.poke(RINGS.driver + 2, &[input.u8()]);
}

fn check(guest: &HeapGuest, segments: &Segments<SEGMENTS>, chain: &Chain) {
    let all = segments.of(chain);
    assert!(all.iter().all(|segment| guest.touch(segment)));
    let sum = |writable| -> usize {
        all.iter()
            .filter(|segment| segment.is_writable() == writable)
            .map(|segment| segment.len())
            .sum()
    };
    let sums = (sum(false), sum(true));
    if chain.is_truncated() {
        assert!(sums.0 <= chain.readable() && sums.1 <= chain.writable());
    } else {
        assert_eq!(sums, (chain.readable(), chain.writable()));
    }
    assert!(all.is_sorted_by_key(|segment| segment.is_writable()));
}

/// The guest's memory begins somewhere, and is small: addresses fall outside of it easily.
const BASE: u64 = 0x10_0000;
const LEN: usize = 2048;
const SEGMENTS: usize = 8;

/// Rings of up to 64 entries, one behind the other; the last part of a larger one is outside.
const RINGS: RingAddresses = RingAddresses {
    descriptors: BASE,
    driver: BASE + 1024,
    device: BASE + 1280,
};

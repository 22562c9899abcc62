//! A device that dies at any moment, and the next one, which is told to begin where that one was
//! told to.

use std::rc::Rc;
use std::vec::Vec;

use proptest::prelude::*;

use super::guest::{BUFFERS, Buffer, Guest, Memory, PackedGuest, RINGS, TABLES};
use super::{DeviceQueue, PackedQueue, Position, RingConfig, Segments};

/// How often each device serves a burst before it dies, and how long the bursts are.
type Lives = Vec<(u8, u8)>;

fn config(size: u16) -> RingConfig {
    RingConfig {
        size,
        indirect: true,
        ..RingConfig::default()
    }
}

/// A guest whose device dies again and again, with chains popped and not put back, gets back each
/// chain once, and the next device always begins where the front end believes that the first did.
fn lives(size: u16, full: bool, lives: &Lives) {
    let memory = Memory::new();
    let mut guest = PackedGuest::new(size, Position::START.to_packed() as u16);
    let (mut id, mut out) = (0_u16, 0_u16);
    let mut back = 0_u16;
    let mut post = |guest: &mut PackedGuest, out: &mut u16, most: u16| {
        while *out < most {
            let buffer: [Buffer; 2] = [(BUFFERS, 60, false), (BUFFERS + 64, 2, false)];
            let table = TABLES + 64 * u64::from(id % 64);
            guest.post(&memory, id, &buffer, Some(table));
            id = id.wrapping_add(1);
            *out += 1;
        }
    };
    // Before there is any device.
    post(&mut guest, &mut out, if full { size } else { 0 });
    for &(bursts, len) in lives {
        let queue = PackedQueue::resume(Rc::clone(&memory), RINGS, config(size));
        let mut queue = queue.unwrap();
        queue.set_notify(false);
        let mut segments = Segments::<64>::new();
        for _ in 0..bursts {
            let most = if full { size } else { u16::from(len).min(size) };
            post(&mut guest, &mut out, most);
            segments.clear();
            for _ in 0..len.min(20) {
                let Some(chain) = queue.pop(&mut segments).unwrap() else {
                    break;
                };
                assert_eq!(chain.readable(), 62);
                queue.put(chain, 0);
            }
            let _ = queue.publish();
            for (got, _) in guest.used(&memory) {
                assert_eq!(got, back, "each once, in order");
                back = back.wrapping_add(1);
                out -= 1;
            }
        }
        // It dies with some chains in its hands.
        segments.clear();
        for _ in 0..len % 3 {
            let _lost = queue.pop(&mut segments).unwrap();
        }
    }
    // The last device clears the ring.
    let mut queue = PackedQueue::resume(Rc::clone(&memory), RINGS, config(size)).unwrap();
    let mut segments = Segments::<64>::new();
    loop {
        segments.clear();
        let Some(chain) = queue.pop(&mut segments).unwrap() else {
            break;
        };
        queue.put(chain, 0);
        let _ = queue.publish();
    }
    out -= guest.used(&memory).len() as u16;
    assert_eq!(out, 0, "nothing is left in the ring");
}

proptest! {
    #[test]
    fn the_next_device_goes_on_where_the_last_one_died(
        size in 1..40_u16,
        full: bool,
        bursts in proptest::collection::vec((0..6_u8, 0..60_u8), 1..12),
    ) {
        lives(size, full, &bursts);
    }
}

/// A ring of eight, its flags as given; event suppression with this position, or off.
fn start(flags: [u16; 8], written: Option<u16>, base: Position) -> Position {
    let memory = Memory::new();
    for (at, flags) in flags.into_iter().enumerate() {
        memory.set(16 * at + 14, flags);
    }
    if let Some(written) = written {
        memory.set(RINGS.device as usize, written);
        memory.set(RINGS.device as usize + 2, 1);
    }
    let config = RingConfig {
        start: base,
        ..config(8)
    };
    PackedQueue::resume(memory, RINGS, config)
        .unwrap()
        .position()
}

/// Used and available in a round with wrap counter 1, and with 0.
const U1: u16 = 0x8080;
const A1: u16 = 0x0080;
const U0: u16 = 0;
const A0: u16 = 0x8000;

fn at(index: u16, wrap: bool) -> Position {
    Position { index, wrap }
}

#[test]
fn a_front_end_that_is_right_is_believed() {
    let first = Position::START;
    for stale in [None, Some(0), Some(0x8003), Some(3), Some(7), Some(0x7fff)] {
        assert_eq!(start([U0; 8], stale, first), first, "new");
        assert_eq!(start([A1; 8], stale, first), first, "new and full");
        assert_eq!(start([A1, A1, U0, U0, U0, U0, U0, U0], stale, first), first);
        let ring = [U1, U1, U1, A1, A1, U0, U0, U0];
        assert_eq!(start(ring, stale, at(3, true)), at(3, true));
        let ring = [U0, U0, U0, A0, U1, U1, U1, U1];
        assert_eq!(start(ring, stale, at(3, false)), at(3, false));
        let full = [A0, A0, A0, A1, A1, A1, A1, A1];
        assert_eq!(start(full, stale, at(3, true)), at(3, true));
    }
}

#[test]
fn what_was_written_down_is_taken_where_the_front_end_is_wrong() {
    let (first, here) = (Position::START, at(3, true));
    let ring = [U1, U1, U1, A1, A1, U0, U0, U0];
    assert_eq!(start(ring, Some(0x8003), first), here);
    assert_eq!(
        start(ring, Some(0x8001), first),
        here,
        "it died before it was written"
    );
    assert_eq!(start(ring, None, first), first, "nothing is");
    assert_eq!(
        start(ring, Some(0x8006), first),
        first,
        "nothing was there yet"
    );
    assert_eq!(start(ring, Some(0x8009), first), first, "that is no place");
    let ring = [U0, U0, U0, A0, U1, U1, U1, U1];
    assert_eq!(start(ring, Some(3), first), at(3, false), "a round later");
    assert_eq!(start(ring, Some(3), at(6, true)), at(3, false));
    assert_eq!(
        start([U1; 8], Some(0), first),
        at(0, false),
        "everything is used"
    );
}

#[test]
fn any_ring_gives_a_place_in_it() {
    let all = [U0, A0, A1, U1];
    for pattern in 0..1 << 16_u32 {
        let flags: [u16; 8] = core::array::from_fn(|n| all[(pattern >> (2 * n) & 3) as usize]);
        let base = at((pattern % 8) as u16, pattern & 64 != 0);
        let place = start(flags, Some((pattern % 9) as u16 | 0x8000), base);
        assert!(place.index < 8);
    }
}

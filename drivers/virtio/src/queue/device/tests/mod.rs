mod guest;
mod hostile;
mod random;
mod resume;

use std::rc::Rc;
use std::vec;
use std::vec::Vec;

use self::guest::{BUFFERS, Buffer, Guest, LEN, Memory, PackedGuest, RINGS, SplitGuest, TABLES};
use super::{
    Chain, DeviceQueue, GuestFault, PackedQueue, Position, RingConfig, Segments, Single, SplitQueue,
};

/// How a queue of one form is made.
type Make<Q> = fn(Rc<Memory>, RingConfig) -> Result<Q, GuestFault>;

fn split(memory: Rc<Memory>, config: RingConfig) -> Result<SplitQueue<Rc<Memory>>, GuestFault> {
    SplitQueue::new(memory, RINGS, config)
}

fn packed(memory: Rc<Memory>, config: RingConfig) -> Result<PackedQueue<Rc<Memory>>, GuestFault> {
    PackedQueue::new(memory, RINGS, config)
}

/// Each test for both forms of ring.
macro_rules! both {
    ($($name:ident),* $(,)?) => {
        mod of_split { $(#[test] fn $name() { super::$name::<super::SplitGuest, _>(super::split) })* }
        mod of_packed { $(#[test] fn $name() { super::$name::<super::PackedGuest, _>(super::packed) })* }
    };
}
use both;

both!(
    a_chain_goes_there_and_back,
    a_chain_that_was_not_popped_is_there_again,
    an_indirect_table_is_one_descriptor_of_the_ring,
    rings_wrap_from_any_start,
    used_chains_are_seen_only_when_published,
    no_call_is_made_that_was_not_asked_for,
    a_guest_is_called_when_its_event_is_passed,
    a_guest_notifies_when_asked_to,
    a_long_chain_is_truncated_and_goes_back_whole,
    a_full_ring_is_popped_once,
    singles_are_left_that_nobody_wants,
);

/// A queue of 8, and its guest.
fn start<G: Guest, Q: DeviceQueue>(make: Make<Q>, config: RingConfig) -> (Rc<Memory>, G, Q) {
    let memory = Memory::new();
    let start = match G::PACKED {
        true => config.start.to_packed() as u16,
        false => config.start.index,
    };
    if !G::PACKED {
        memory.set(RINGS.driver as usize + 2, start);
        memory.set(RINGS.device as usize + 2, start);
    } else {
        // Before the start everything was used in this round, behind it in the one before.
        for at in 0..config.size {
            let wrap = config.start.wrap == (at < config.start.index);
            memory.set(16 * usize::from(at) + 14, if wrap { 0x8080 } else { 0 });
        }
    }
    let guest = G::new(config.size, start);
    let queue = make(Rc::clone(&memory), config).unwrap();
    (memory, guest, queue)
}

fn config() -> RingConfig {
    RingConfig {
        size: 8,
        indirect: true,
        ..RingConfig::default()
    }
}

fn pop<Q: DeviceQueue>(queue: &mut Q, segments: &mut Segments<32>) -> Option<Chain> {
    queue.pop(segments).unwrap()
}

fn a_chain_goes_there_and_back<G: Guest, Q: DeviceQueue>(make: Make<Q>) {
    let (memory, mut guest, mut queue) = start::<G, Q>(make, config());
    let mut segments = Segments::new();
    assert!(pop(&mut queue, &mut segments).is_none());
    memory.write(BUFFERS as usize, b"hello");
    let chain: [Buffer; 3] = [
        (BUFFERS, 5, false),
        (BUFFERS + 100, 2, true),
        (BUFFERS + 200, 4, true),
    ];
    guest.post(&memory, 3, &chain, None);
    let chain = pop(&mut queue, &mut segments).unwrap();
    assert_eq!((chain.readable(), chain.writable()), (5, 6));
    let [a, b, c] = segments.of(&chain) else {
        panic!()
    };
    assert_eq!([a, b, c].map(|s| s.is_writable()), [false, true, true]);
    let mut copy = [0; 9];
    // SAFETY: the queue lives.
    assert_eq!(unsafe { a.read(1, &mut copy) }, 4);
    assert_eq!(&copy[..4], b"ello");
    // SAFETY: the queue lives.
    assert_eq!(unsafe { a.write(0, b"no") }, 0, "it is not writable");
    // SAFETY: the queue lives.
    assert_eq!(unsafe { b.write(0, b"abc") }, 2);
    // SAFETY: the queue lives.
    assert_eq!(unsafe { c.write(4, b"abc") }, 0);
    queue.put(chain, 2);
    assert!(queue.publish(), "nobody said that no call is wanted");
    assert_eq!(guest.used(&memory), [(3, 2)]);
    assert_eq!(&memory.read::<2>(BUFFERS as usize + 100), b"ab");
    assert!(!queue.publish(), "nothing new");
}

fn a_chain_that_was_not_popped_is_there_again<G: Guest, Q: DeviceQueue>(make: Make<Q>) {
    let (memory, mut guest, mut queue) = start::<G, Q>(make, config());
    for id in 0..3 {
        guest.post(&memory, id, &[(BUFFERS, 1, true), (BUFFERS, 1, true)], None);
    }
    let mut segments = Segments::new();
    let first = pop(&mut queue, &mut segments).unwrap();
    let id = first.id();
    let second = pop(&mut queue, &mut segments).unwrap();
    let before = queue.position();
    let third = pop(&mut queue, &mut segments).unwrap();
    queue.unpop(third);
    assert_eq!(queue.position(), before);
    queue.unpop(second);
    queue.unpop(first);
    segments.clear();
    let first = pop(&mut queue, &mut segments).unwrap();
    assert_eq!(first.id(), id);
    queue.put(first, 1);
    let _ = queue.publish();
    assert_eq!(guest.used(&memory), [(0, 1)]);
}

fn an_indirect_table_is_one_descriptor_of_the_ring<G: Guest, Q: DeviceQueue>(make: Make<Q>) {
    let (memory, mut guest, mut queue) = start::<G, Q>(make, config());
    let chain: Vec<Buffer> = (0..20).map(|n| (BUFFERS + 16 * n, 16, n >= 10)).collect();
    for id in 0..8 {
        // Nobody says that a table is aligned.
        guest.post(&memory, id, &chain, Some(TABLES + 512 * u64::from(id) + 1));
    }
    let mut segments = Segments::<32>::new();
    for _ in 0..8 {
        segments.clear();
        let chain = pop(&mut queue, &mut segments).unwrap();
        assert_eq!((chain.readable(), chain.writable()), (160, 160));
        assert_eq!(segments.of(&chain).len(), 20);
        queue.put(chain, 7);
    }
    let _ = queue.publish();
    assert_eq!(guest.used(&memory).len(), 8);
}

fn rings_wrap_from_any_start<G: Guest, Q: DeviceQueue>(make: Make<Q>) {
    let starts: &[u16] = match G::PACKED {
        true => &[0, 1, 7],
        false => &[0, 7, 0x7ffe, 0xfff0, 0xffff],
    };
    for &index in starts {
        for wrap in [true, false] {
            let start = Position { index, wrap };
            let (memory, mut guest, mut queue) =
                self::start::<G, Q>(make, RingConfig { start, ..config() });
            let mut segments = Segments::<32>::new();
            for round in 0..20_u16 {
                for id in 0..3 {
                    guest.post(&memory, 3 * round + id, &[(BUFFERS, 60, false)], None);
                }
                for _ in 0..3 {
                    segments.clear();
                    let chain = pop(&mut queue, &mut segments).expect("three were posted");
                    queue.put(chain, 0);
                }
                assert!(pop(&mut queue, &mut segments).is_none());
                let _ = queue.publish();
                let ids: Vec<u16> = guest.used(&memory).iter().map(|used| used.0).collect();
                assert_eq!(ids, [3 * round, 3 * round + 1, 3 * round + 2]);
            }
        }
    }
}

fn used_chains_are_seen_only_when_published<G: Guest, Q: DeviceQueue>(make: Make<Q>) {
    for in_order in [false, true] {
        let (memory, mut guest, mut queue) = start::<G, Q>(
            make,
            RingConfig {
                in_order,
                ..config()
            },
        );
        let mut segments = Segments::new();
        for id in 0..4 {
            guest.post(&memory, id, &[(BUFFERS, 60, false)], None);
        }
        for _ in 0..4 {
            let chain = pop(&mut queue, &mut segments).unwrap();
            queue.put(chain, 0);
            assert_eq!(guest.used(&memory), []);
        }
        let _ = queue.publish();
        assert_eq!(guest.used(&memory), [(0, 0), (1, 0), (2, 0), (3, 0)]);
    }
}

fn no_call_is_made_that_was_not_asked_for<G: Guest, Q: DeviceQueue>(make: Make<Q>) {
    let (memory, mut guest, mut queue) = start::<G, Q>(make, config());
    let mut segments = Segments::new();
    for wanted in [false, true, false, false, true] {
        guest.call(&memory, wanted);
        guest.post(&memory, 0, &[(BUFFERS, 60, true)], None);
        let chain = pop(&mut queue, &mut segments).unwrap();
        queue.put(chain, 60);
        assert_eq!(queue.publish(), wanted);
        assert_eq!(guest.used(&memory), [(0, 60)]);
    }
}

fn a_guest_is_called_when_its_event_is_passed<G: Guest, Q: DeviceQueue>(make: Make<Q>) {
    let index = if G::PACKED { 5 } else { 0xfffe };
    let config = RingConfig {
        event_idx: true,
        start: Position { index, wrap: true },
        ..config()
    };
    let (memory, mut guest, mut queue) = start::<G, Q>(make, config);
    let mut segments = Segments::<32>::new();
    // Bursts of three, with the event two entries further on: a call in the first burst that
    // covers it, over every wrap.
    for _ in 0..50 {
        guest.call_after(&memory, 4);
        for burst in 0..2 {
            for id in 0..3 {
                guest.post(&memory, id, &[(BUFFERS, 60, true)], None);
            }
            for _ in 0..3 {
                segments.clear();
                let chain = pop(&mut queue, &mut segments).unwrap();
                queue.put(chain, 60);
            }
            assert_eq!(queue.publish(), burst == 1);
            assert_eq!(guest.used(&memory).len(), 3);
        }
    }
}

fn a_guest_notifies_when_asked_to<G: Guest, Q: DeviceQueue>(make: Make<Q>) {
    for event_idx in [false, true] {
        let (memory, mut guest, mut queue) = start::<G, Q>(
            make,
            RingConfig {
                event_idx,
                ..config()
            },
        );
        let mut segments = Segments::<32>::new();
        for round in 0..20 {
            // Off: with an event index, one that lies behind.
            assert!(!queue.set_notify(false));
            if round > 0 {
                assert!(!guest.must_notify(&memory, event_idx), "round {round}");
            }
            guest.post(&memory, 0, &[(BUFFERS, 60, false)], None);
            assert!(queue.set_notify(true), "one came before it was asked for");
            segments.clear();
            let chain = pop(&mut queue, &mut segments).unwrap();
            queue.put(chain, 0);
            let _ = queue.publish();
            assert_eq!(guest.used(&memory).len(), 1);
            assert!(!queue.set_notify(true));
            assert!(guest.must_notify(&memory, event_idx));
            guest.post(&memory, 0, &[(BUFFERS, 60, false)], None);
            let chain = pop(&mut queue, &mut segments).unwrap();
            queue.put(chain, 0);
            let _ = queue.publish();
            assert_eq!(guest.used(&memory).len(), 1);
        }
    }
}

fn a_long_chain_is_truncated_and_goes_back_whole<G: Guest, Q: DeviceQueue>(make: Make<Q>) {
    let (memory, mut guest, mut queue) = start::<G, Q>(make, config());
    let chain: Vec<Buffer> = (0..40).map(|n| (BUFFERS + n, 1, false)).collect();
    guest.post(&memory, 1, &chain, Some(TABLES));
    let mut segments = Segments::<32>::new();
    let chain = pop(&mut queue, &mut segments).unwrap();
    assert!(chain.is_truncated());
    assert_eq!((chain.readable(), segments.of(&chain).len()), (40, 32));
    queue.put(chain, 0);
    let _ = queue.publish();
    assert_eq!(guest.used(&memory), [(1, 0)]);
}

fn a_full_ring_is_popped_once<G: Guest, Q: DeviceQueue>(make: Make<Q>) {
    let (memory, mut guest, mut queue) = start::<G, Q>(make, config());
    for id in 0..8 {
        guest.post(&memory, id, &[(BUFFERS, 1, true)], None);
    }
    let mut segments = Segments::new();
    let chains: Vec<Chain> = core::iter::from_fn(|| pop(&mut queue, &mut segments)).collect();
    assert_eq!(chains.len(), 8);
    assert!(pop(&mut queue, &mut segments).is_none());
    for chain in chains {
        queue.put(chain, 1);
    }
    let _ = queue.publish();
    assert_eq!(guest.used(&memory).len(), 8);
}

fn singles_are_left_that_nobody_wants<G: Guest, Q: DeviceQueue>(make: Make<Q>) {
    let (memory, mut guest, mut queue) = start::<G, Q>(make, config());
    for (id, len) in (0..).zip([60, 61, 62, 63]) {
        guest.post(&memory, id, &[(BUFFERS, len, false)], None);
    }
    guest.post(&memory, 4, &[(BUFFERS, 60, true)], None);
    guest.post(&memory, 5, &[(LEN as u64, 60, true)], None);
    // The lengths of those that were looked at, the last of which it did not want.
    let wanted = |queue: &mut Q, out: &mut Vec<Single>, writable, most, until| {
        let mut lengths = Vec::new();
        let count = queue.pop_singles(writable, most, |single| {
            lengths.push(single.segment().len());
            let wants = single.segment().len() != until;
            if wants {
                out.push(single);
            }
            wants
        });
        (count, lengths)
    };
    let (mut read, mut written) = (Vec::new(), Vec::new());
    let (none, first) = (vec![], vec![60]);
    assert_eq!(wanted(&mut queue, &mut written, true, 8, 0), (0, none));
    assert_eq!(wanted(&mut queue, &mut read, false, 1, 0), (1, first));
    assert_eq!(
        wanted(&mut queue, &mut read, false, 8, 62),
        (1, vec![61, 62])
    );
    assert_eq!(
        wanted(&mut queue, &mut read, false, 8, 0),
        (2, vec![62, 63])
    );
    queue.unpop_singles(3);
    read.truncate(1);
    assert_eq!(
        wanted(&mut queue, &mut read, false, 8, 0),
        (3, vec![61, 62, 63])
    );
    queue.put_singles(false, read.into_iter().map(|single| (single, 0)));
    // The one behind it is nowhere.
    assert_eq!(wanted(&mut queue, &mut written, true, 8, 0), (1, vec![60]));
    assert_eq!(queue.fault(), None);
    queue.put_singles(true, written.iter().map(|single| (*single, 60)));
    assert!(queue.publish());
    let used = [(0, 0), (1, 0), (2, 0), (3, 0), (4, 60)];
    assert_eq!(guest.used(&memory), used);
    assert!(queue.pop(&mut Segments::<32>::new()).is_err());
    assert_eq!(wanted(&mut queue, &mut written, true, 8, 0), (0, vec![]));
}

#[test]
fn a_packed_ring_shows_singles_line_by_line() {
    let start = Position {
        index: 3,
        wrap: true,
    };
    let (memory, mut guest, mut queue) =
        self::start::<PackedGuest, _>(packed, RingConfig { start, ..config() });
    for id in 0..8 {
        guest.post(&memory, id, &[(BUFFERS, 60, true)], None);
    }
    let mut singles = Vec::new();
    assert_eq!(
        queue.pop_singles(true, 8, |single| {
            singles.push(single);
            true
        }),
        8
    );
    let mut seen = Vec::new();
    let done = singles.into_iter().map(|single| {
        seen.push(guest.used(&memory).len());
        (single, 60)
    });
    queue.put_singles(true, done);
    // From 3 to the line's end, a line, and what is left of the first one, once more round.
    assert_eq!(seen, [0, 1, 0, 0, 0, 4, 0, 0]);
    assert_eq!(guest.used(&memory).len(), 3);
    assert!(queue.publish(), "nobody was called yet");
}

#[test]
fn a_packed_ring_offers_whole_lines_and_still_calls() {
    let (memory, mut guest, mut queue) = start::<PackedGuest, _>(packed, config());
    guest.call(&memory, true);
    let mut segments = Segments::new();
    // Twice round the ring, so that it ends where the guest was last told: that is news all the same.
    for _ in 0..2 {
        for id in 0..8 {
            guest.post(&memory, id, &[(BUFFERS, 60, true)], None);
        }
        for used in 1..=8 {
            segments.clear();
            let chain = pop(&mut queue, &mut segments).unwrap();
            queue.put(chain, 60);
            queue.offer();
            let seen = guest.used(&memory).len();
            assert_eq!(seen, if used % 4 == 0 { 4 } else { 0 }, "{used}");
        }
    }
    assert!(queue.publish());
    assert!(!queue.publish());
}

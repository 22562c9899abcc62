//! A device that breaks the rules.

use super::*;

fn filled<V: Make>(size: u16, in_order: bool) -> Rig<V> {
    let options = Options {
        in_order,
        ..Options::default()
    };
    let mut rig = V::make(size, options);
    for token in 0..4 {
        assert!(push(&mut rig.queue, &[buffer(1, 64, true)], token));
    }
    rig.queue.publish();
    rig.device.take_all();
    rig
}

/// What comes out before the fault, and the fault; it is the same ever after.
fn outcome(queue: &mut impl Virtqueue) -> (Vec<u32>, Option<Fault>) {
    let mut tokens = Vec::new();
    let fault = loop {
        match queue.refresh().and_then(|()| queue.pop()) {
            Ok(Some(used)) => tokens.push(used.token),
            Ok(None) => break None,
            Err(fault) => break Some(fault),
        }
    };
    assert_eq!(queue.fault(), fault);
    if let Some(fault) = fault {
        assert_eq!(queue.refresh(), Err(fault));
        assert_eq!(queue.pop(), Ok(None));
    }
    let mut left = Vec::new();
    queue.abandon(|token| left.push(token));
    assert_eq!(
        left.len() + tokens.len(),
        4,
        "nothing is lost, nothing doubled"
    );
    (tokens, fault)
}

#[test]
fn a_burst_ends_at_the_lie() {
    fn check<V: Make>() {
        for in_order in [false, true] {
            let mut rig = filled::<V>(8, in_order);
            rig.device.use_one(0, 5);
            rig.device.use_one(0, 6);
            rig.device.put(&lie(6), 0, 0, 1);
            rig.queue.refresh().unwrap();
            let mut out = [Used {
                token: 9,
                written: 9,
            }; 8];
            assert_eq!(rig.queue.pop_burst(&mut out), 2);
            assert_eq!(
                out[..2]
                    .iter()
                    .map(|used| (used.token, used.written))
                    .collect::<Vec<_>>(),
                [(0, 5), (1, 6)]
            );
            assert_eq!(rig.queue.fault(), Some(Fault::NotPosted(6)));
            assert_eq!(rig.queue.pop_burst(&mut out), 0);
            let mut left = Vec::new();
            rig.queue.abandon(|token| left.push(token));
            assert_eq!(left, [2, 3]);
        }
    }
    check::<SplitQueue<64>>();
    check::<PackedQueue<64>>();
}

fn lie(id: u16) -> Taken {
    Taken {
        id,
        slots: 1,
        parts: Vec::new(),
    }
}

#[test]
fn ids_that_cannot_be_end_the_queue() {
    fn check<V: Make>() {
        for (id, fault) in [
            (8, Fault::Id(8)),
            (0xffff, Fault::Id(0xffff)),
            (5, Fault::NotPosted(5)),
        ] {
            for in_order in [false, true] {
                let mut rig = filled::<V>(8, in_order);
                rig.device.put(&lie(id), 0, 0, 1);
                assert_eq!(outcome(&mut rig.queue), (Vec::new(), Some(fault)));
            }
        }
        // Twice the same, behind one that was sound.
        let mut rig = filled::<V>(8, false);
        let first = rig.device.use_one(1, 0);
        rig.device.put(&first, 0, 0, 1);
        let twice = Fault::NotPosted(first.id);
        assert_eq!(outcome(&mut rig.queue), (std::vec![1], Some(twice)));
    }
    check::<SplitQueue<64>>();
    check::<PackedQueue<64>>();
}

#[test]
fn an_index_that_jumps_ends_a_split_queue() {
    for moved in [5, 8, 0x8000, 0xffff] {
        let mut rig = filled::<SplitQueue<64>>(8, false);
        let index = rig.device.parts.device + 2;
        rig.device.u16(index).store(moved, Ordering::Relaxed);
        let jumped = Fault::Index {
            moved,
            in_flight: 4,
        };
        assert_eq!(outcome(&mut rig.queue), (Vec::new(), Some(jumped)));
    }
}

#[test]
fn what_was_not_published_cannot_be_used() {
    let mut rig = filled::<SplitQueue<64>>(8, false);
    assert!(push(&mut rig.queue, &[buffer(1, 64, true)], 9));
    let index = rig.device.parts.device + 2;
    rig.device.u16(index).store(5, Ordering::Relaxed);
    let jumped = Fault::Index {
        moved: 5,
        in_flight: 4,
    };
    assert_eq!(rig.queue.refresh(), Err(jumped));
}

#[test]
fn flags_of_descriptors_that_the_device_does_not_have_mean_nothing() {
    let mut rig = PackedQueue::<64>::make(8, Options::default());
    for place in 0..8 {
        rig.device
            .u16(16 * place + 14)
            .store(0x8080, Ordering::Relaxed);
    }
    rig.queue.refresh().unwrap();
    assert_eq!(rig.queue.pop(), Ok(None));
}

#[test]
fn the_middle_of_a_chain_is_no_buffer() {
    let mut rig = SplitQueue::<64>::make(8, Options::default());
    assert!(push(&mut rig.queue, &[buffer(1, 64, false); 3], 1));
    rig.queue.publish();
    rig.device.put(&lie(1), 0, 0, 1);
    rig.queue.refresh().unwrap();
    assert_eq!(rig.queue.pop(), Err(Fault::NotPosted(1)));
}

#[test]
fn a_batch_that_does_not_end_is_out_of_order() {
    fn check<V: Make>(expected: &[u32]) {
        let mut rig = filled::<V>(8, true);
        // Says that it used the last of four, and that this were two.
        let last = rig.device.has.back().unwrap().clone();
        rig.device.put(&last, 0, 1, 2);
        let (tokens, fault) = outcome(&mut rig.queue);
        assert_eq!(tokens, expected);
        assert_eq!(fault.is_some(), !V::PACKED);
    }
    check::<SplitQueue<64>>(&[0]);
    // A packed ring knows a batch by its last buffer alone.
    check::<PackedQueue<64>>(&[0, 1, 2, 3]);
}

#[test]
fn sizes_and_starts_that_cannot_be_are_refused() {
    let mut memory = Box::new(Memory([0; 8192]));
    let at = NonNull::from(&mut *memory).cast();
    let start = |start| Options {
        start: Some(start),
        ..Options::default()
    };
    for (size, options) in [
        (0, Options::default()),
        (3, Options::default()),
        (128, Options::default()),
    ] {
        // SAFETY: the memory is long enough for any of these, and used by nobody else.
        assert!(unsafe { SplitQueue::<64>::new(at, size, options) }.is_none());
    }
    for (size, options) in [
        (0, Options::default()),
        (65, Options::default()),
        (8, start(8)),
        (8, start(0x8008)),
    ] {
        // SAFETY: as above.
        assert!(unsafe { PackedQueue::<64>::new(at, size, options) }.is_none());
    }
}

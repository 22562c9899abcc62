//! Any sequence of operations beside a model.

use std::vec;

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Operation {
    /// Pushes a buffer of so many parts.
    Push(u8),
    /// So many of one part each, at once.
    PushBurst(u8),
    Publish,
    /// The device uses one of those that it has, by this choice.
    Use(u8, u32),
    /// The device uses so many in order, by one entry.
    Batch(u8),
    Pop,
    /// So many at once.
    PopBurst(u8),
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let operation = prop_oneof![
        5 => Just(Operation::Push(1)),
        1 => (2..6u8).prop_map(Operation::Push),
        2 => (0..20u8).prop_map(Operation::PushBurst),
        3 => Just(Operation::Publish),
        5 => (any::<u8>(), any::<u32>()).prop_map(|(which, len)| Operation::Use(which, len >> 1)),
        2 => (1..8u8).prop_map(Operation::Batch),
        2 => Just(Operation::Pop),
        4 => (0..9u8).prop_map(Operation::PopBurst),
    ];
    prop::collection::vec(operation, 0..400)
}

/// What is known of a buffer that was pushed.
#[derive(Debug, Clone, PartialEq)]
struct Pushed {
    token: u32,
    parts: Vec<(u64, u32, bool)>,
}

/// With `tokens` what was used is taken without asking how much was written.
fn run<V: Make>(size: u16, options: Options, tokens: bool, operations: &[Operation]) {
    let Rig {
        mut queue,
        mut device,
        _memory,
    } = V::make(size, options);
    let mut count = 0u32;
    // Pushed and not published; published; used and not popped.
    let (mut pushed, mut published) = (Vec::<Pushed>::new(), VecDeque::<Pushed>::new());
    let mut used = VecDeque::<(u32, u32)>::new();
    let mut free = size;
    let mut slots = std::collections::HashMap::new();
    for operation in operations {
        match *operation {
            Operation::Push(parts) => {
                count += 1;
                let parts: Vec<_> = (0..parts)
                    .map(|part| buffer(u64::from(count) << 32 | u64::from(part), count, part > 2))
                    .collect();
                let fits = parts.len() <= usize::from(free);
                assert_eq!(push(&mut queue, &parts, count), fits);
                if fits {
                    free -= parts.len() as u16;
                    slots.insert(count, parts.len() as u16);
                    let parts = parts
                        .iter()
                        .map(|part| (part.addr.0, part.len, part.writable));
                    pushed.push(Pushed {
                        token: count,
                        parts: parts.collect(),
                    });
                }
            }
            Operation::PushBurst(many) => {
                queue.prepare(usize::from(many));
                let first = count + 1;
                let buffer = |count| buffer(u64::from(count) << 32, count, count % 3 == 0);
                let mut buffers =
                    (first..first + u32::from(many)).map(|count| (buffer(count), count));
                // SAFETY: the test's device reads no buffer.
                let added = unsafe { queue.push_burst(&mut buffers) };
                assert_eq!(added, usize::from(many).min(usize::from(free)));
                assert_eq!(buffers.count(), usize::from(many) - added, "left in it");
                for token in first..first + added as u32 {
                    let Buffer {
                        addr,
                        len,
                        writable,
                    } = buffer(token);
                    slots.insert(token, 1);
                    pushed.push(Pushed {
                        token,
                        parts: vec![(addr.0, len, writable)],
                    });
                }
                count += added as u32;
                free -= added as u16;
            }
            Operation::Publish => {
                queue.publish();
                published.extend(pushed.drain(..));
            }
            Operation::Use(which, len) => {
                device.take_all();
                let has: Vec<_> = device.has.iter().map(|taken| taken.parts.clone()).collect();
                see(&device, &mut pushed, &mut published);
                let expected: Vec<_> = published
                    .iter()
                    .map(|pushed| pushed.parts.clone())
                    .collect();
                assert_eq!(
                    has, expected,
                    "the device finds what was published, in order"
                );
                if !has.is_empty() {
                    let which = if options.in_order {
                        0
                    } else {
                        usize::from(which) % has.len()
                    };
                    device.use_one(which, len);
                    let pushed = published.remove(which).unwrap();
                    used.push_back((pushed.token, len));
                }
            }
            Operation::Batch(many) => {
                device.take_all();
                see(&device, &mut pushed, &mut published);
                let many = usize::from(many).min(device.has.len());
                if options.in_order && many > 0 {
                    device.use_batch(many, 7);
                    for (index, pushed) in published.drain(..many).enumerate() {
                        let last = index + 1 == many;
                        used.push_back((pushed.token, if last { 7 } else { Used::ALL }));
                    }
                }
            }
            Operation::Pop | Operation::PopBurst(_) if tokens => {
                queue.refresh().unwrap();
                let mut out = [0; 40];
                let out = match *operation {
                    Operation::PopBurst(most) => &mut out[..usize::from(most)],
                    _ => &mut out[..],
                };
                let expected = used.len().min(out.len());
                assert_eq!(queue.pop_tokens(out), expected);
                for token in &out[..expected] {
                    assert_eq!(used.pop_front().map(|used| used.0), Some(*token));
                    free += slots[token];
                }
            }
            Operation::Pop => {
                queue.refresh().unwrap();
                while let Some(Used { token, written }) = queue.pop().unwrap() {
                    assert_eq!(used.pop_front(), Some((token, written)));
                    free += slots[&token];
                }
                assert!(used.is_empty());
            }
            Operation::PopBurst(most) => {
                queue.refresh().unwrap();
                let mut out = [Used {
                    token: 0,
                    written: 0,
                }; 8];
                let out = &mut out[..usize::from(most).min(8)];
                let expected = used.len().min(out.len());
                assert_eq!(queue.pop_burst(out), expected);
                for popped in &out[..expected] {
                    assert_eq!(used.pop_front(), Some((popped.token, popped.written)));
                    free += slots[&popped.token];
                }
            }
        }
        assert_eq!(queue.free(), free);
        assert_eq!(
            usize::from(queue.in_flight()),
            pushed.len() + published.len() + used.len()
        );
    }
    // After a reset everything that was in it comes out once.
    let mut left = Vec::new();
    queue.abandon(|token| left.push(token));
    left.sort_unstable();
    let mut expected: Vec<_> = pushed
        .iter()
        .chain(&published)
        .map(|pushed| pushed.token)
        .collect();
    expected.extend(used.iter().map(|(token, _)| token));
    expected.sort_unstable();
    assert_eq!(left, expected);
    queue.abandon(|_| panic!("a token came out twice"));
}

/// Of bursts that were not published the device may see the first portions.
fn see(device: &Device, pushed: &mut Vec<Pushed>, published: &mut VecDeque<Pushed>) {
    let ahead = device.has.len() - published.len();
    published.extend(pushed.drain(..ahead));
}

fn options() -> impl Strategy<Value = Options> {
    (any::<bool>(), any::<bool>()).prop_map(|(event_idx, in_order)| Options {
        event_idx,
        in_order,
        start: None,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn split(
        options in options(), tokens: bool, shift in 1..7u32, start: u16, near: bool,
        operations in operations(),
    ) {
        // Near the end of the counters in half of the cases.
        let start = if near { 0xffff - start % 64 } else { start };
        let options = Options { start: Some(start), ..options };
        run::<SplitQueue<64>>(1 << shift, options, tokens, &operations);
    }

    #[test]
    fn packed(
        options in options(), tokens: bool, size in 1..=64u16, start: u16,
        operations in operations(),
    ) {
        let start = ((start & 0x7fff) % size) | (start & 0x8000);
        let options = Options { start: Some(start), ..options };
        run::<PackedQueue<64>>(size, options, tokens, &operations);
    }
}

#[test]
fn in_order_a_split_ring_writes_its_available_entries_once() {
    let Rig {
        mut queue,
        mut device,
        _memory,
    } = SplitQueue::<64>::make(8, Options::default());
    let entries = |device: &Device| -> Vec<u16> {
        let at = device.parts.driver + 4;
        (0..8)
            .map(|place| device.u16(at + 2 * place).load(Ordering::Relaxed))
            .collect()
    };
    let first = entries(&device);
    for token in 0..100 {
        assert!(push(&mut queue, &[buffer(1, 1, false)], token));
        queue.publish();
        device.take_all();
        device.use_one(0, 0);
        queue.refresh().unwrap();
        assert_eq!(queue.pop().unwrap().map(|used| used.token), Some(token));
        assert_eq!(entries(&device), first);
    }
}

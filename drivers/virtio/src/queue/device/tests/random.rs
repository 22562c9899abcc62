//! Any sequence of operations beside a model, and any bytes in the rings.

use std::collections::VecDeque;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Operation {
    /// A chain of so many readable and writable buffers; in a table or not.
    Post(u8, u8, bool),
    Pop,
    Unpop,
    Put(u32),
    /// Singles of this direction, so many at most, of which as many go back unused as there are up to
    /// the last number; what was popped before goes back first.
    Singles(bool, usize, usize),
    Publish,
}

/// What the guest posted: its id, bytes to read and to write, slots, and whether it is in a table.
type Posted = (u16, u32, u32, usize, bool);

/// Whether it is one buffer of this direction in one descriptor.
fn is_single(&(_, readable, writable, _, table): &Posted, written: bool) -> bool {
    let direction = if written { (0, 10) } else { (10, 0) };
    !table && (readable, writable) == direction
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => (0..3_u8, 0..3_u8, any::<bool>()).prop_map(|(r, w, t)| Operation::Post(r, w, t)),
        4 => Just(Operation::Pop),
        1 => Just(Operation::Unpop),
        3 => (0..2000_u32).prop_map(Operation::Put),
        2 => (any::<bool>(), 0..9_usize, 0..3_usize).prop_map(|(w, m, b)| Operation::Singles(w, m, b)),
        2 => Just(Operation::Publish),
    ]
}

/// Everything that is posted is popped in order, and everything that is put comes back once, in
/// order, with its length, when it is published.
fn model<G: Guest, Q: DeviceQueue>(make: Make<Q>, config: RingConfig, operations: &[Operation]) {
    let (memory, mut guest, mut queue) = start::<G, Q>(make, config);
    let mut free = usize::from(config.size);
    let mut id = 0_u16;
    // Posted; popped; put; each with its buffers and slots.
    let mut posted: VecDeque<Posted> = VecDeque::new();
    let mut popped: VecDeque<(Chain, Posted)> = VecDeque::new();
    let mut put: Vec<(u16, u32, usize)> = Vec::new();
    for operation in operations {
        match *operation {
            Operation::Post(readable, writable, table) => {
                let count = usize::from(readable + writable);
                let slots = if table { 1 } else { count };
                if count == 0 || slots > free {
                    continue;
                }
                let chain: Vec<Buffer> = (0..count)
                    .map(|n| (BUFFERS + n as u64, 10, n >= usize::from(readable)))
                    .collect();
                // A table of its own for each: 64 bytes.
                let at = table.then(|| TABLES + 64 * u64::from(id % 64));
                guest.post(&memory, id, &chain, at);
                let (readable, writable) = (u32::from(readable) * 10, u32::from(writable) * 10);
                posted.push_back((id, readable, writable, slots, table));
                free -= slots;
                id = id.wrapping_add(1);
            }
            Operation::Pop => {
                let mut segments = Segments::<32>::new();
                // More than there are, or none: it changes nothing.
                queue.prefetch(id & 1 == 0, usize::from(id) % 70);
                let chain = queue.pop(&mut segments).unwrap();
                assert_eq!(chain.is_some(), !posted.is_empty());
                let Some(chain) = chain else { continue };
                let expected = posted.pop_front().unwrap();
                assert_eq!(chain.readable(), expected.1 as usize);
                assert_eq!(chain.writable(), expected.2 as usize);
                popped.push_back((chain, expected));
            }
            Operation::Unpop => {
                if let Some((chain, expected)) = popped.pop_back() {
                    queue.unpop(chain);
                    posted.push_front(expected);
                }
            }
            Operation::Put(written) => {
                if let Some((chain, (id, _, writable, slots, _))) = popped.pop_front() {
                    let written = written.min(writable);
                    queue.put(chain, written);
                    if written % 2 == 0 {
                        queue.offer();
                    }
                    put.push((id, written, slots));
                }
            }
            Operation::Singles(writable, most, unwanted) => {
                for (chain, (id, _, _, slots, _)) in popped.drain(..) {
                    queue.put(chain, 0);
                    put.push((id, 0, slots));
                }
                queue.prefetch(writable, most);
                let mut singles = Vec::new();
                let count = queue.pop_singles(writable, most, |single| {
                    let segment = single.segment();
                    assert_eq!((segment.len(), segment.is_writable()), (10, writable));
                    singles.push(single);
                    true
                });
                let expected = posted.iter().take(most);
                let expected = expected.take_while(|chain| is_single(chain, writable));
                let expected = expected.count();
                // What came since it last looked may have to wait.
                assert!(count <= expected && (count > 0) == (expected > 0));
                assert_eq!(singles.len(), count);
                let unwanted = unwanted.min(count);
                queue.unpop_singles(unwanted);
                singles.truncate(count - unwanted);
                let written = u32::from(writable) * 7;
                queue.put_singles(writable, singles.iter().map(|single| (*single, written)));
                let done = posted.drain(..singles.len());
                put.extend(done.map(|(id, _, _, slots, _)| (id, written, slots)));
            }
            Operation::Publish => {
                let called = queue.publish();
                assert_eq!(called, !put.is_empty());
                let expected: Vec<(u16, u32)> = put.iter().map(|&(i, w, _)| (i, w)).collect();
                assert_eq!(guest.used(&memory), expected);
                free += put.drain(..).map(|(_, _, slots)| slots).sum::<usize>();
            }
        }
    }
}

proptest! {
    #[test]
    fn split_rings_keep_every_chain(
        operations in proptest::collection::vec(operation(), 0..300),
        index: u16,
        in_order: bool,
    ) {
        let start = Position { index, wrap: true };
        let config = RingConfig { start, in_order, ..config() };
        model::<SplitGuest, _>(split, config, &operations);
    }

    #[test]
    fn packed_rings_keep_every_chain(
        operations in proptest::collection::vec(operation(), 0..300),
        (size, index) in (1..9_u16).prop_flat_map(|size| (Just(size), 0..size)),
        in_order: bool,
    ) {
        let start = Position { index, wrap: true };
        let config = RingConfig { size, start, in_order, ..config() };
        model::<PackedGuest, _>(packed, config, &operations);
    }
}

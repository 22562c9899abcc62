//! A frame's window against an oracle of two numbers, up to both of the frame's ends: behind its last
//! byte is the first one of the next frame, whose it must not be taken for.

use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;

/// What can be done with a window.
#[derive(Debug, Clone, Copy)]
enum Step {
    Prepend(usize),
    Append(usize),
    TrimFront(usize),
    TrimBack(usize),
    /// Gives the frame to a device, and takes it back with the same window.
    Unsend,
    /// Chains it behind another frame, and takes it off.
    Chain,
    Reset,
}

fn step() -> impl Strategy<Value = Step> {
    // Up to more than a frame has, and the numbers at which something ends more often than others.
    let count = || {
        prop_oneof![
            0..2200_usize,
            Just(0),
            Just(1),
            Just(64),
            Just(1984),
            Just(2048)
        ]
    };
    prop_oneof![
        count().prop_map(Step::Prepend),
        count().prop_map(Step::Append),
        count().prop_map(Step::TrimFront),
        count().prop_map(Step::TrimBack),
        Just(Step::TrimFront(usize::MAX)),
        Just(Step::Append(usize::MAX)),
        Just(Step::Prepend(usize::MAX)),
        Just(Step::Unsend),
        Just(Step::Chain),
        Just(Step::Reset),
    ]
}

/// As many as there are, if all are asked for.
fn up_to(count: usize, there: usize) -> usize {
    if count == usize::MAX { there } else { count }
}

proptest! {
    #[test]
    fn a_window_moves_as_two_numbers_do(
        steps in proptest::collection::vec(step(), 1..40),
        private in prop_oneof![Just(0_usize), Just(64)],
        headroom in prop_oneof![Just(0_usize), Just(256)],
    ) {
        const SIZE: usize = 2048;
        let mut memory = vec![0_u8; 4 * SIZE + 63];
        let slots: Vec<Slot> = (0..4).map(|_| Slot::new()).collect();
        let config = PoolConfig { private, headroom, colours: 1, track: true, ..PoolConfig::default() };
        let pool = Pool::new(Region::from_slice(&mut memory), &slots, config).expect("a pool");
        let queue = Account::register(&pool, "queue").expect("an account");
        let mut frame = pool.alloc().expect("four frames");
        let number = frame.index();
        let (mut offset, mut len) = (private + headroom, 0);
        for step in steps {
            match step {
                Step::Prepend(count) => {
                    let count = up_to(count, offset - private);
                    let fits = count <= offset - private;
                    prop_assert_eq!(frame.prepend(count).is_ok(), fits);
                    if fits {
                        (offset, len) = (offset - count, len + count);
                    }
                }
                Step::Append(count) => {
                    let count = up_to(count, SIZE - offset - len);
                    let fits = count <= SIZE - offset - len;
                    prop_assert_eq!(frame.append(count).is_ok(), fits);
                    len += if fits { count } else { 0 };
                }
                Step::TrimFront(count) => {
                    let count = up_to(count, len);
                    prop_assert_eq!(frame.trim_front(count).is_ok(), count <= len);
                    if count <= len {
                        (offset, len) = (offset + count, len - count);
                    }
                }
                Step::TrimBack(count) => {
                    prop_assert_eq!(frame.trim_back(count).is_ok(), count <= len);
                    len -= if count <= len { count } else { 0 };
                }
                Step::Unsend => {
                    let index = queue.send(frame).expect("one frame, of this pool");
                    prop_assert_eq!(index, number);
                    // SAFETY: it was sent above, and no device has it.
                    frame = unsafe { queue.unsend(index, offset, len) }.expect("the same window");
                }
                Step::Chain => {
                    let mut head = pool.alloc().expect("four frames");
                    head.chain(frame).expect("of one pool");
                    prop_assert_eq!(head.segments().map(<[u8]>::len).collect::<Vec<_>>(), [0, len]);
                    frame = head.unchain().expect("it was chained");
                }
                Step::Reset => {
                    frame.reset();
                    (offset, len) = (private + headroom, 0);
                }
            }
            prop_assert_eq!((frame.index(), frame.offset(), frame.len()), (number, offset, len));
            prop_assert_eq!(frame.region_offset(), number.offset(SIZE) + offset);
            prop_assert_eq!((frame.headroom(), frame.tailroom()), (offset - private, SIZE - offset - len));
            prop_assert_eq!(frame.data().len(), len);
            let private_at = pool.base().addr().get() + number.offset(SIZE);
            prop_assert_eq!(frame.private_ptr().addr().get(), private_at);
            prop_assert!(core::ptr::eq(frame.pool(), &raw const pool));
        }
        drop((frame, queue));
        pool.audit().expect("the frame went back as itself");
    }
}

/// A frame that was filled to its end, and of which all was taken off.
fn spent<'p>(cache: &mut Cache<'p>) -> Frame<'p> {
    let mut frame = cache.alloc().expect("a frame is free");
    frame.append(frame.tailroom()).expect("all there is");
    frame.trim_front(frame.len()).expect("all there is");
    frame
}

/// Each way in which a frame goes back, of a frame whose window is empty at its very end.
#[test]
fn a_frame_with_nothing_left_at_its_end_goes_back_as_itself() {
    let mut memory = vec![0_u8; 8 * 2048 + 63];
    let slots: Vec<Slot> = (0..8).map(|_| Slot::new()).collect();
    for track in [true, false] {
        let config = PoolConfig {
            track,
            ..PoolConfig::default()
        };
        let pool = Pool::new(Region::from_slice(&mut memory), &slots, config).expect("a pool");
        let mut cache = Cache::new(&pool, "cache", 8).expect("an account");
        let queue = Account::register(&pool, "queue").expect("an account");
        let frame = spent(&mut cache);
        cache.free(frame);
        let frames = [spent(&mut cache), spent(&mut cache)];
        cache.free_burst(frames);
        let mut frames: heapless::Vec<Frame<'_>, 4> = heapless::Vec::new();
        assert!(frames.push(spent(&mut cache)).is_ok());
        cache.free_all(&mut frames);
        drop(spent(&mut cache));
        let frame = spent(&mut cache);
        let number = frame.index();
        let sent = queue
            .sending()
            .send(frame)
            .expect("one frame, of this pool");
        assert_eq!(sent, number);
        // SAFETY: it was sent above, and no device has it.
        unsafe { queue.complete(&mut cache, &[sent]) };

        let mut posted = [FrameIndex::default()];
        queue.post(&mut cache, &mut posted);
        // SAFETY: it was posted above, and no device has it.
        let mut frame = unsafe { queue.receiving().receive(posted[0], 2048, 0) }.expect("inside");
        assert_eq!((frame.index(), frame.offset()), (posted[0], 2048));
        let back = frame.prepend(9).expect("headroom");
        assert_eq!(back.len(), 9);
        assert_eq!((frame.index(), frame.offset()), (posted[0], 2039));
        drop((frame, queue, cache));
        pool.audit().expect("each went back as itself");
    }
}

#[test]
fn only_a_frame_of_that_pool_alone_and_inside_has_a_length_in_it() {
    let mut memory = vec![0u8; 2 * (4 * 2048 + 63)];
    let (one, other) = memory.split_at_mut(4 * 2048 + 63);
    let slots: Vec<Slot> = (0..8).map(|_| Slot::new()).collect();
    let (some, more) = slots.split_at(4);
    let config = PoolConfig::default();
    let pool = Pool::new(Region::from_slice(one), some, config).unwrap();
    let other = Pool::new(Region::from_slice(other), more, config).unwrap();
    let mut frame = pool.alloc().unwrap();
    assert_eq!(frame.len_in(pool.tag()), 0);
    let room = frame.tailroom();
    frame.append(room).unwrap();
    assert_eq!(frame.len_in(pool.tag()), room as u64);
    assert!(frame.len_in(other.tag()) > LONGEST);
    frame.trim_front(room - 1).unwrap();
    assert_eq!(frame.len_in(pool.tag()), 1);
    frame.trim_front(1).unwrap();
    assert!(frame.len_in(pool.tag()) > LONGEST, "behind the last byte");
    frame.reset();
    frame.chain(pool.alloc().unwrap()).unwrap();
    assert!(frame.len_in(pool.tag()) > LONGEST, "two of them");
    drop(frame.unchain());
    assert_eq!(frame.len_in(pool.tag()), 0);
}

const LONGEST: u64 = u16::MAX as u64;

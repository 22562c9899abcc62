//! Who wants to be told.

use super::*;

const SUPPRESS: usize = 0;

fn publish_one(queue: &mut impl Virtqueue, device: &mut Device) -> bool {
    assert!(push(queue, &[buffer(1, 1, false)], 0));
    let wanted = queue.publish();
    device.take_all();
    device.use_one(0, 0);
    queue.refresh().unwrap();
    assert!(queue.pop().unwrap().is_some());
    wanted
}

#[test]
fn a_split_ring_goes_by_the_flag() {
    let Rig {
        mut queue,
        mut device,
        _memory,
    } = SplitQueue::<64>::make(8, Options::default());
    assert!(!queue.publish(), "nothing is new");
    assert!(publish_one(&mut queue, &mut device));
    let flags = device.parts.device;
    device.u16(flags).store(1, Ordering::Relaxed);
    assert!(!publish_one(&mut queue, &mut device));
    device.u16(flags).store(0, Ordering::Relaxed);
    assert!(publish_one(&mut queue, &mut device));
    assert_eq!(
        device.u16(device.parts.driver).load(Ordering::Relaxed),
        1,
        "the driver polls"
    );
}

#[test]
fn a_split_ring_goes_by_the_event_index_round_the_end() {
    let options = Options {
        event_idx: true,
        start: Some(0xfffa),
        ..Options::default()
    };
    let Rig {
        mut queue,
        mut device,
        _memory,
    } = SplitQueue::<64>::make(8, options);
    assert_eq!(device.u16(device.parts.driver).load(Ordering::Relaxed), 0);
    let event = device.parts.device + 4 + 8 * 8;
    for asked in [0xfffau16, 0xfffd, 0, 3] {
        device.u16(event).store(asked, Ordering::Relaxed);
        let start = queue.notification() >> 16;
        for index in start as u16..=asked.max(start as u16) {
            assert_eq!(
                publish_one(&mut queue, &mut device),
                index == asked,
                "{index} {asked}"
            );
        }
    }
}

#[test]
fn one_question_covers_a_whole_burst() {
    let options = Options {
        event_idx: true,
        start: Some(0xfffe),
        ..Options::default()
    };
    let Rig {
        mut queue,
        device,
        _memory,
    } = SplitQueue::<64>::make(8, options);
    let event = device.parts.device + 4 + 8 * 8;
    device.u16(event).store(1, Ordering::Relaxed);
    for token in 0..5 {
        assert!(push(&mut queue, &[buffer(1, 1, false)], token));
    }
    assert!(queue.publish(), "entry 1 is among the five from 0xfffe");
}

fn is_shown_in_portions<V: Make>() {
    let options = Options {
        event_idx: !V::PACKED,
        start: (!V::PACKED).then_some(0xfff8),
        ..Options::default()
    };
    let Rig {
        mut queue,
        mut device,
        _memory,
    } = V::make(64, options);
    // One that was pushed before comes with the first portion.
    assert!(push(&mut queue, &[buffer(1, 1, false)], 0));
    let buffers = |count| (1..=count).map(|token| (buffer(1, 1, false), token));
    // SAFETY: the test's device reads no buffer.
    assert_eq!(unsafe { queue.push_burst(buffers(20)) }, 20);
    device.take_all();
    assert_eq!(device.has.len(), 1 + 2 * usize::from(PORTION));
    // It may use them, and they come back, before it is asked whether it waits.
    for _ in 0..9 {
        device.use_one(0, 0);
    }
    queue.refresh().unwrap();
    let mut out = [0; 32];
    assert_eq!(queue.pop_tokens(&mut out), 9);
    assert_eq!(
        out[..9],
        core::array::from_fn::<u32, 9, _>(|token| token as u32)
    );
    if !V::PACKED {
        // It wants to be told of the second that was pushed: long since seen, and asked for now.
        let event = device.parts.device + 4 + 8 * 64;
        device.u16(event).store(0xfff9, Ordering::Relaxed);
    }
    assert!(queue.publish());
    device.take_all();
    assert_eq!(device.has.len(), 21 - 9);
    assert!(!queue.publish(), "nothing is new");
    // A last portion that is whole is left for `publish`, too.
    // SAFETY: as above.
    assert_eq!(unsafe { queue.push_burst(buffers(u32::from(PORTION))) }, 8);
    device.take_all();
    assert_eq!(device.has.len(), 21 - 9);
    queue.publish();
    device.take_all();
    assert_eq!(device.has.len(), 21 - 9 + usize::from(PORTION));
}

#[test]
fn a_burst_is_shown_in_portions() {
    is_shown_in_portions::<SplitQueue<64>>();
    is_shown_in_portions::<PackedQueue<64>>();
}

fn packed(size: u16, event_idx: bool, start: u16) -> Rig<PackedQueue<64>> {
    let options = Options {
        event_idx,
        start: Some(start),
        ..Options::default()
    };
    PackedQueue::make(size, options)
}

#[test]
fn a_packed_ring_goes_by_the_device_suppression() {
    let Rig {
        mut queue,
        mut device,
        _memory,
    } = packed(5, false, 0x8000);
    let suppress = device.parts.device + SUPPRESS;
    assert!(publish_one(&mut queue, &mut device));
    device.u16(suppress + 2).store(1, Ordering::Relaxed);
    assert!(!publish_one(&mut queue, &mut device));
    device.u16(suppress + 2).store(0, Ordering::Relaxed);
    assert!(publish_one(&mut queue, &mut device));
    assert_eq!(
        device.u16(device.parts.driver + 2).load(Ordering::Relaxed),
        1,
        "the driver polls"
    );
}

#[test]
fn a_packed_ring_goes_by_the_descriptor_in_each_lap() {
    for size in [5, 8] {
        let Rig {
            mut queue,
            mut device,
            _memory,
        } = packed(size, true, 0x8000);
        let suppress = device.parts.device + SUPPRESS;
        device.u16(suppress + 2).store(2, Ordering::Relaxed);
        for asked in 0..4 * size {
            // Descriptor `asked % size` of lap `asked / size`; the wrap counter begins with 1.
            let wrap = if (asked / size).is_multiple_of(2) {
                0x8000
            } else {
                0
            };
            device
                .u16(suppress)
                .store((asked % size) | wrap, Ordering::Relaxed);
            assert!(publish_one(&mut queue, &mut device), "{asked} of {size}");
        }
    }
}

#[test]
fn a_packed_ring_is_quiet_until_the_descriptor_that_was_asked_for() {
    let size = 8;
    for ahead in 0..8u16 {
        for first in 0..8u16 {
            let Rig {
                mut queue,
                mut device,
                _memory,
            } = packed(size, true, 0x8000 | first);
            let suppress = device.parts.device + SUPPRESS;
            let at = first + ahead;
            let wrap = if at < size { 0x8000 } else { 0 };
            device
                .u16(suppress)
                .store((at % size) | wrap, Ordering::Relaxed);
            device.u16(suppress + 2).store(2, Ordering::Relaxed);
            for index in 0..8 {
                let wanted = publish_one(&mut queue, &mut device);
                assert_eq!(wanted, index == ahead, "{first} {ahead} {index}");
            }
        }
    }
}

#[test]
fn a_notification_says_how_far_the_queue_has_come() {
    let options = Options {
        start: Some(0xffff),
        ..Options::default()
    };
    let Rig {
        mut queue,
        mut device,
        _memory,
    } = SplitQueue::<64>::make(8, options);
    assert_eq!(queue.notification(), 0xffff_0000);
    publish_one(&mut queue, &mut device);
    assert_eq!(queue.notification(), 0);
    let Rig {
        mut queue,
        mut device,
        _memory,
    } = packed(5, false, 0x8004);
    assert_eq!(queue.notification(), 0x8004_0000);
    publish_one(&mut queue, &mut device);
    assert_eq!(
        queue.notification(),
        0,
        "the next lap, whose wrap counter is 0"
    );
}

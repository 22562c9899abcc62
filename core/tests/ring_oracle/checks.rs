//! One operation on a ring and on the `VecDeque`.

use std::collections::VecDeque;

use linecard::ring::{BulkError, spsc};
use proptest::prelude::*;

use crate::Item;
use crate::operations::SpscOp;
use crate::{Maker, numbers};

/// The common operations, on handles of either kind.
macro_rules! check_common {
    ($op:expr, $producer:ident, $consumer:ident, $model:ident, $maker:ident, $capacity:ident) => {{
        let room = $capacity - $model.len();
        match $op {
            Op::Enqueue => {
                let item = $maker.item();
                let number = item.number;
                match $producer.enqueue(item) {
                    Ok(()) => {
                        prop_assert!(room > 0);
                        $model.push_back(number);
                    }
                    Err(back) => {
                        prop_assert_eq!(room, 0);
                        prop_assert_eq!(back.number, number);
                    }
                }
            }
            Op::EnqueueBulk(wanted) => {
                let mut items = $maker.items(wanted);
                let sent = numbers(&items);
                let expected = if wanted <= room {
                    Ok(())
                } else {
                    Err(BulkError::NoRoom { wanted, room })
                };
                prop_assert_eq!($producer.enqueue_bulk(&mut items), expected);
                if expected.is_ok() {
                    prop_assert!(items.is_empty());
                    $model.extend(sent);
                } else {
                    prop_assert_eq!(numbers(&items), sent);
                }
            }
            Op::EnqueueBurst(wanted) => {
                let mut items = $maker.items(wanted);
                let mut sent = numbers(&items);
                let count = $producer.enqueue_burst(&mut items);
                prop_assert_eq!(count, wanted.min(room));
                prop_assert_eq!(numbers(&items), sent.split_off(count));
                $model.extend(sent);
            }
            Op::Dequeue => {
                let item = $consumer.dequeue().map(|item| item.number);
                prop_assert_eq!(item, $model.pop_front());
            }
            Op::DequeueBulk { count, spare } => {
                let mut out = $maker.items(MOST - spare);
                let held = $model.len();
                let result = $consumer.dequeue_bulk(&mut out, count);
                if count > held
                    && (count <= spare || matches!(result, Err(BulkError::TooFew { .. })))
                {
                    prop_assert_eq!(
                        result,
                        Err(BulkError::TooFew {
                            wanted: count,
                            held
                        })
                    );
                } else if count > spare {
                    prop_assert_eq!(
                        result,
                        Err(BulkError::NoSpare {
                            wanted: count,
                            spare
                        })
                    );
                } else {
                    prop_assert_eq!(result, Ok(()));
                }
                let moved = out.len() - (MOST - spare);
                prop_assert_eq!(moved, if result.is_ok() { count } else { 0 });
                let expected: Vec<u32> = $model.drain(..moved).collect();
                prop_assert_eq!(numbers(&out[MOST - spare..]), expected);
            }
            Op::DequeueBurst { max, spare } => {
                let mut out = $maker.items(MOST - spare);
                let count = $consumer.dequeue_burst(&mut out, max);
                prop_assert_eq!(count, max.min(spare).min($model.len()));
                let expected: Vec<u32> = $model.drain(..count).collect();
                prop_assert_eq!(numbers(&out[MOST - spare..]), expected);
            }
            Op::DequeueUninit(max) => {
                let mut places = [const { MaybeUninit::<Item>::uninit() }; MOST];
                let mut spare = places.as_mut_slice();
                let count = $consumer.dequeue_burst(&mut spare, max);
                prop_assert_eq!(spare.len(), MOST - count);
                let expected: Vec<u32> = $model.drain(..count).collect();
                let got: Vec<Item> = places[..count]
                    .iter()
                    // SAFETY: the burst has filled the first `count` places; each is read once.
                    .map(|place| unsafe { place.assume_init_read() })
                    .collect();
                prop_assert_eq!(numbers(&got), expected);
            }
            Op::Counts => {
                prop_assert_eq!($producer.room(), room);
                prop_assert_eq!($producer.is_full(), room == 0);
                prop_assert_eq!($consumer.len(), $model.len());
                prop_assert_eq!($consumer.is_empty(), $model.is_empty());
                prop_assert_eq!($producer.capacity(), $capacity);
                prop_assert_eq!($consumer.capacity(), $capacity);
                prop_assert!(!$producer.is_abandoned());
                prop_assert!(!$consumer.is_abandoned());
            }
            Op::Only(_) | Op::Renew => {}
        }
    }};
}

pub(crate) fn check_spsc_only(
    op: SpscOp,
    producer: &mut spsc::Producer<'_, Item>,
    consumer: &mut spsc::Consumer<'_, Item>,
    model: &mut VecDeque<u32>,
    maker: &mut Maker,
    leaked: &mut usize,
) -> Result<(), TestCaseError> {
    let room = producer.capacity() - model.len();
    match op {
        SpscOp::EnqueueFrom(wanted) => {
            let items = maker.items(wanted);
            let sent = numbers(&items);
            let mut items = items.into_iter();
            let count = producer.enqueue_from(&mut items);
            prop_assert_eq!(count, wanted.min(room));
            prop_assert_eq!(items.count(), wanted - count);
            model.extend(&sent[..count]);
        }
        SpscOp::ReserveBulk {
            count,
            push,
            commit,
        } => match producer.reserve_bulk(count) {
            Ok(mut slots) => {
                prop_assert!(count <= room);
                prop_assert_eq!(slots.capacity(), count);
                let mut sent = Vec::new();
                for item in maker.items(push) {
                    let number = item.number;
                    if slots.push(item).is_ok() {
                        sent.push(number);
                    }
                }
                prop_assert_eq!(sent.len(), push.min(count));
                prop_assert_eq!(slots.len(), sent.len());
                if commit {
                    prop_assert_eq!(slots.commit(), sent.len());
                    model.extend(sent);
                }
            }
            Err(error) => {
                prop_assert_eq!(
                    error,
                    BulkError::NoRoom {
                        wanted: count,
                        room
                    }
                );
                prop_assert!(count > room);
            }
        },
        SpscOp::ReserveBurst {
            count,
            fill,
            commit,
        } => {
            let mut slots = producer.reserve_burst(count);
            prop_assert_eq!(slots.capacity(), count.min(room));
            let items = maker.items(fill);
            let sent = numbers(&items);
            slots.fill(items);
            let written = slots.len();
            prop_assert_eq!(written, fill.min(count).min(room));
            prop_assert_eq!(slots.is_empty(), written == 0);
            if commit {
                prop_assert_eq!(slots.commit(), written);
                model.extend(&sent[..written]);
            }
        }
        SpscOp::ReserveInPlace { count, write } => {
            let mut slots = producer.reserve_burst(count);
            let mut written = 0;
            let (first, second) = slots.spare();
            prop_assert_eq!(first.len() + second.len(), count.min(room));
            for place in first.iter_mut().chain(second).take(write) {
                let item = maker.item();
                model.push_back(item.number);
                place.write(item);
                written += 1;
            }
            // SAFETY: the first `written` places of `spare` were just written.
            unsafe { slots.assume_written(written) };
            prop_assert_eq!(slots.commit(), written);
        }
        SpscOp::Drain { max, take } => {
            let mut drain = consumer.drain(max);
            prop_assert_eq!(drain.len(), max.min(model.len()));
            for _ in 0..take.min(drain.len()) {
                let item = drain.next().map(|item| item.number);
                prop_assert_eq!(item, model.pop_front());
            }
        }
        SpscOp::ForgetDrain { max, take } => {
            let count = max.min(model.len());
            let mut drain = consumer.drain(max);
            let taken = take.min(count);
            for _ in 0..taken {
                prop_assert_eq!(drain.next().map(|item| item.number), model.pop_front());
            }
            core::mem::forget(drain);
            // The slots come back with the consumer's next operation.
            prop_assert_eq!(consumer.release(0), 0);
            *leaked += count - taken;
            model.drain(..count - taken);
        }
        SpscOp::Peek => {
            let item = consumer.peek().map(|item| item.number);
            prop_assert_eq!(item, model.front().copied());
        }
        SpscOp::PeekBurst(max) => {
            let (first, second) = consumer.peek_burst(max);
            let expected: Vec<u32> = model.iter().copied().take(max).collect();
            prop_assert_eq!(numbers(first.iter().chain(second)), expected);
        }
        SpscOp::PeekBurstMut(max) => {
            let (first, second) = consumer.peek_burst_mut(max);
            for (item, model) in first.iter_mut().chain(second).zip(model) {
                prop_assert_eq!(item.number, *model);
                item.number += 1_000_000;
                *model += 1_000_000;
            }
        }
        SpscOp::Release(count) => {
            let count = count.min(model.len());
            prop_assert_eq!(consumer.release(count), count);
            model.drain(..count);
        }
    }
    Ok(())
}

pub(crate) use check_common;

//! Both rings under any sequence of operations, beside a queue.

use std::collections::VecDeque;

use linecard::ring::{BulkError, Inline, mpmc, spsc};

use crate::input::Input;

const CAPACITY: usize = 8;

/// On the heap, so that the address sanitizer sees one that is lost, dropped twice or read late.
type Item = Box<u32>;
type Items = heapless::Vec<Item, 16>;

/// The single-producer ring: moves items by every way there is, from counters that start anywhere.
pub fn spsc(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut ring = spsc::Ring::<Inline<Item, CAPACITY>>::new();
    ring.start_at(start(&mut input));
    let (mut producer, mut consumer) = ring.split();
    let mut model = Model::default();
    while let Some(operation) = input.operation() {
        let count = input.below(0..13);
        match operation % 12 {
            0 => model.enqueued_one(|item| producer.enqueue(item)),
            1 => model.enqueued_bulk(count, |items| producer.enqueue_bulk(items)),
            2 => model.enqueued_burst(count, |items| producer.enqueue_burst(items)),
            3 => {
                let taken = producer.enqueue_from((0..count).map(|_| model.make()));
                // Items that did not fit were never made.
                model.settle(taken);
            }
            4 => {
                let mut place = producer.reserve_burst(count);
                let room = CAPACITY - model.queue.len();
                assert_eq!(place.capacity(), count.min(room));
                for _ in 0..input.below(0..CAPACITY + 1) {
                    let full = place.len() == place.capacity();
                    assert_eq!(place.push(model.make()).is_err(), full);
                }
                let kept = match input.u8() % 2 {
                    0 => place.commit(),
                    _ => {
                        drop(place);
                        0
                    }
                };
                model.settle(kept);
            }
            5 => assert_eq!(consumer.dequeue(), model.queue.pop_front()),
            6 => model.dequeued_bulk(count, |items| consumer.dequeue_bulk(items, count)),
            7 => model.dequeued_burst(count, |items| consumer.dequeue_burst(items, count)),
            8 => {
                let took = input.below(0..CAPACITY + 1);
                let items: Vec<_> = consumer.drain(count).take(took).collect();
                // What a drain was not asked for stays.
                let wanted: Vec<_> = model.queue.drain(..items.len()).collect();
                assert_eq!(items, wanted);
            }
            9 => {
                let (first, second) = consumer.peek_burst(count);
                let shown = first.iter().chain(second);
                assert!(shown.eq(model.queue.iter().take(count)));
            }
            10 => {
                let released = consumer.release(count);
                assert_eq!(released, count.min(model.queue.len()));
                model.queue.drain(..released);
            }
            _ => assert_eq!(consumer.peek(), model.queue.front()),
        }
        assert_eq!(consumer.len(), model.queue.len());
        assert_eq!(producer.room(), CAPACITY - model.queue.len());
    }
}

/// The many-producer ring, by two handles of each kind.
pub fn mpmc(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut ring = mpmc::Ring::<Inline<Item, CAPACITY>>::new();
    ring.start_at(start(&mut input));
    let mut producers = [ring.producer(), ring.producer()];
    let mut consumers = [ring.consumer(), ring.consumer()];
    let mut model = Model::default();
    while let Some(operation) = input.operation() {
        let count = input.below(0..13);
        let which = usize::from(operation >> 7);
        let (producer, consumer) = (&mut producers[which], &mut consumers[which]);
        match operation % 6 {
            0 => model.enqueued_one(|item| producer.enqueue(item)),
            1 => model.enqueued_bulk(count, |items| producer.enqueue_bulk(items)),
            2 => model.enqueued_burst(count, |items| producer.enqueue_burst(items)),
            3 => assert_eq!(consumer.dequeue(), model.queue.pop_front()),
            4 => model.dequeued_bulk(count, |items| consumer.dequeue_bulk(items, count)),
            _ => model.dequeued_burst(count, |items| consumer.dequeue_burst(items, count)),
        }
        assert_eq!(consumer.len(), model.queue.len());
        assert_eq!(producer.room(), CAPACITY - model.queue.len());
    }
}

/// Counters that wrap soon, at once, or not at all.
fn start(input: &mut Input<'_>) -> usize {
    match input.u8() {
        0 => 0,
        before => usize::MAX - usize::from(before) + 1,
    }
}

/// What the ring must hold.
#[derive(Default)]
struct Model {
    queue: VecDeque<Item>,
    /// Made and not yet known to be in the ring.
    made: VecDeque<Item>,
    next: u32,
}

impl Model {
    /// An item, of which the model keeps a copy.
    fn make(&mut self) -> Item {
        self.next += 1;
        self.made.push_back(Box::new(self.next));
        Box::new(self.next)
    }

    fn batch(&mut self, count: usize) -> Items {
        (0..count).map(|_| self.make()).collect()
    }

    /// The first `count` that were made since the last time are in the ring, the others gone.
    fn settle(&mut self, count: usize) {
        self.queue.extend(self.made.drain(..count));
        self.made.clear();
    }

    fn enqueued_one(&mut self, enqueue: impl FnOnce(Item) -> Result<(), Item>) {
        let fits = self.queue.len() < CAPACITY;
        match enqueue(self.make()) {
            Ok(()) => assert!(fits),
            Err(item) => assert!(!fits && *item == self.next),
        }
        self.settle(usize::from(fits));
    }

    fn enqueued_bulk(
        &mut self,
        wanted: usize,
        enqueue: impl FnOnce(&mut Items) -> Result<(), BulkError>,
    ) {
        let (mut items, room) = (self.batch(wanted), CAPACITY - self.queue.len());
        let answer = enqueue(&mut items);
        if wanted <= room {
            assert_eq!((answer, items.len()), (Ok(()), 0));
            self.settle(wanted);
        } else {
            assert_eq!(answer, Err(BulkError::NoRoom { wanted, room }));
            assert!(items.iter().eq(&self.made), "all are left, in order");
            self.settle(0);
        }
    }

    fn enqueued_burst(&mut self, count: usize, enqueue: impl FnOnce(&mut Items) -> usize) {
        let mut items = self.batch(count);
        let taken = enqueue(&mut items);
        assert_eq!(taken, count.min(CAPACITY - self.queue.len()));
        assert!(
            items.iter().eq(self.made.iter().skip(taken)),
            "the rest is left, in order"
        );
        self.settle(taken);
    }

    fn dequeued_bulk(
        &mut self,
        count: usize,
        dequeue: impl FnOnce(&mut Items) -> Result<(), BulkError>,
    ) {
        let mut items = Items::new();
        let answer = dequeue(&mut items);
        if count <= self.queue.len() {
            assert_eq!(answer, Ok(()));
            self.came(items, count);
        } else {
            assert!(answer.is_err());
            assert!(items.is_empty());
        }
    }

    fn dequeued_burst(&mut self, max: usize, dequeue: impl FnOnce(&mut Items) -> usize) {
        let mut items = Items::new();
        let count = dequeue(&mut items);
        assert_eq!(count, max.min(self.queue.len()));
        self.came(items, count);
    }

    fn came(&mut self, items: Items, count: usize) {
        assert_eq!(items.len(), count);
        assert!(items.into_iter().eq(self.queue.drain(..count)));
    }
}

//! An SPSC producer is used by one thread at a time.

use linecard::ring::{Inline, spsc::Ring};

fn main() {
    let mut ring = Ring::<Inline<u32, 8>>::new();
    let (mut producer, _consumer) = ring.split();
    std::thread::scope(|scope| {
        scope.spawn(|| producer.enqueue(1));
        scope.spawn(|| producer.enqueue(2));
    });
}

//! A ring that is split stays borrowed until its handles are gone.

use linecard::ring::{Inline, spsc::Ring};

fn main() {
    let mut ring = Ring::<Inline<u32, 8>>::new();
    let (mut producer, _consumer) = ring.split();
    let (_producer, _consumer) = ring.split();
    _ = producer.enqueue(1);
}

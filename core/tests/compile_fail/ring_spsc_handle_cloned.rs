//! There is one producer and one consumer in an SPSC ring.

use linecard::ring::{Inline, spsc::Ring};

fn main() {
    let mut ring = Ring::<Inline<u32, 8>>::new();
    let (producer, consumer) = ring.split();
    let _second = producer.clone();
    let _second = consumer.clone();
}

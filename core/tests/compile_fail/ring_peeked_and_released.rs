//! Slots that are looked at in place are not given back meanwhile.

use linecard::ring::{Inline, spsc::Ring};

fn main() {
    let mut ring = Ring::<Inline<u32, 8>>::new();
    let (_producer, mut consumer) = ring.split();
    let (first, _) = consumer.peek_burst(4);
    consumer.release(4);
    println!("{first:?}");
}

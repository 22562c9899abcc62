//! A producer of `'static` items cannot pass for one of shorter-lived ones: what it put in would come out
//! as `'static`.

use linecard::ring::{mpmc, spsc};

fn spsc<'i, 'r>(producer: spsc::Producer<'r, &'static str>) -> spsc::Producer<'r, &'i str> {
    producer
}

fn mpmc<'i, 'r>(producer: mpmc::Producer<'r, &'static str>) -> mpmc::Producer<'r, &'i str> {
    producer
}

fn main() {}

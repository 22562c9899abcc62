//! Items that may not change threads can be in a ring, but its handles may not change threads then.

use std::rc::Rc;

use linecard::ring::{mpmc, spsc};

fn to_another_thread<H: Send>(_handle: H) {}

fn spsc(producer: spsc::Producer<'_, Rc<u32>>, consumer: spsc::Consumer<'_, Rc<u32>>) {
    to_another_thread(producer);
    to_another_thread(consumer);
}

fn mpmc(producer: mpmc::Producer<'_, Rc<u32>>, consumer: mpmc::Consumer<'_, Rc<u32>>) {
    to_another_thread(producer);
    to_another_thread(consumer);
}

fn main() {}

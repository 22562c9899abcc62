//! A packet's bytes are not to be had after it was freed.

use linecard::mempool::Cache;
use linecard::packet::Packet;

fn peek<'p>(cache: &mut Cache<'p>, packet: Packet<'p>) {
    let data = packet.data();
    cache.free(packet.into_frame());
    println!("{}", data.len());
}

fn main() {}

//! A packet is freed once.

use linecard::mempool::Cache;
use linecard::packet::Packet;

fn free<'p>(cache: &mut Cache<'p>, packet: Packet<'p>) {
    cache.free(packet.into_frame());
    drop(packet);
}

fn main() {}

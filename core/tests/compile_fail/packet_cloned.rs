//! A packet has one owner.

use linecard::packet::Packet;

fn twice<'p>(packet: Packet<'p>) -> [Packet<'p>; 2] {
    [packet.clone(), packet]
}

fn main() {}

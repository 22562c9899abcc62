//! A packet does not outlive its pool.

use linecard::mempool::{Pool, PoolConfig, Region, Slot};
use linecard::packet::Packet;

fn main() {
    let mut memory = vec![0u8; 8192];
    let slots = [const { Slot::new() }; 4];
    let packet;
    {
        let region = Region::from_slice(&mut memory);
        let pool = Pool::new(region, &slots, PoolConfig::default()).unwrap();
        packet = Packet::new(pool.alloc().unwrap());
    }
    println!("{}", packet.len());
}

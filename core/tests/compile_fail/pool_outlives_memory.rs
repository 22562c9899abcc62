//! A pool does not outlive the memory it was given.

use linecard::mempool::{Pool, PoolConfig, Region, Slot};

fn main() {
    let slots = [const { Slot::new() }; 4];
    let mut memory = vec![0u8; 8192];
    let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default()).unwrap();
    drop(memory);
    println!("{}", pool.frames());
}

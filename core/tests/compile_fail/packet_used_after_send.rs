//! A packet that was put into a burst to be sent is the burst's.

use linecard::device::TxQueue;
use linecard::mempool::{Cache, Pool};
use linecard::packet::{Burst, Packet};

fn send<'p>(pool: &'p Pool<'p>, cache: &mut Cache<'p>, tx: &mut impl TxQueue<'p>) {
    let packet = Packet::new(pool.alloc().unwrap());
    let mut burst: Burst<'p> = Burst::new();
    burst.push(packet).unwrap();
    tx.tx_burst(cache, &mut burst);
    println!("{}", packet.len());
}

fn main() {}

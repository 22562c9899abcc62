//! Numbered packets, sent and received again.

use std::thread;
use std::time::{Duration, Instant};

use linecard::device::{RxQueue, TxQueue};
use linecard::mempool::Cache;
use linecard::packet::Burst;

/// A stream of numbered packets that goes out by a port and comes back by it.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    /// The number of the next packet.
    pub(crate) next: u64,
    /// Packets that the port took.
    pub(crate) sent: u64,
    /// Packets that came back.
    pub(crate) received: u64,
    /// The number that the next one to come back has, if none is lost.
    pub(crate) expected: u64,
    /// Numbers that were passed over.
    pub(crate) skipped: u64,
    /// Packets that came back out of order, or twice.
    pub(crate) disorder: u64,
    /// Packets that came back changed.
    pub(crate) corrupt: u64,
}

impl Traffic {
    /// Packets under way, as far as is known.
    pub(crate) fn under_way(&self) -> u64 {
        // More came back than went out: another stream's.
        self.next.saturating_sub(self.expected)
    }

    /// One turn: sends a burst unless `window` packets are under way, and receives one. Gives how
    /// many came back.
    pub(crate) fn turn<'p>(
        &mut self,
        rx: &mut impl RxQueue<'p>,
        tx: &mut impl TxQueue<'p>,
        cache: &mut Cache<'p>,
        limit: u64,
        window: u64,
    ) -> usize {
        let mut burst = Burst::<'p, 32>::new();
        let room = window.saturating_sub(self.under_way());
        let count = (limit - self.next).min(room).min(32) as usize;
        if count > 0 {
            let got = burst.alloc(cache, count);
            for (number, packet) in (self.next..).zip(&mut burst) {
                let length = length(number);
                let data = packet.append(length).unwrap();
                fill(data, number);
            }
            self.sent += tx.tx_burst(cache, &mut burst) as u64;
            // What the port did not take is made again, under the same number.
            self.next += (got - burst.len()) as u64;
            burst.free(cache);
        } else {
            tx.reclaim(cache);
        }
        let got = rx.rx_burst(cache, &mut burst);
        for packet in &burst {
            self.received += 1;
            let data = packet.data();
            let number = u64::from_le_bytes(data[16..24].try_into().unwrap());
            self.corrupt += u64::from(data.len() != length(number) || !is_whole(data, number));
            if number < self.expected {
                self.disorder += 1;
            } else {
                self.skipped += number - self.expected;
                self.expected = number + 1;
            }
        }
        burst.free(cache);
        got
    }

    /// Sends up to packet `limit`, and waits until everything is back or nothing comes any more.
    ///
    /// The other end may drop packets, and says how many: those that are not back after a long
    /// silence are given up, or nothing would be sent any more.
    pub(crate) fn run<'p>(
        &mut self,
        rx: &mut impl RxQueue<'p>,
        tx: &mut impl TxQueue<'p>,
        cache: &mut Cache<'p>,
        limit: u64,
        window: u64,
    ) {
        let mut quiet = Instant::now();
        let mut idle = 0_u32;
        let mut silences = 0;
        while self.next < limit || self.expected < limit {
            if self.turn(rx, tx, cache, limit, window) > 0 {
                idle = 0;
                continue;
            }
            idle += 1;
            if idle == 1 {
                quiet = Instant::now();
            } else if idle.is_multiple_of(1024) {
                // The other end may want this core.
                thread::yield_now();
                if quiet.elapsed() > Duration::from_secs(2) {
                    silences += 1;
                    if self.next >= limit || silences > SILENCES {
                        return;
                    }
                    self.skipped += self.under_way();
                    self.expected = self.next;
                    idle = 0;
                }
            }
        }
    }
}

/// Sends `count` packets by each queue pair, of whatever comes back by the same, and asserts that
/// none was lost unaccounted, changed or reordered. `stop` stops the other end, and gives how many
/// packets it has dropped.
pub(crate) fn there_and_back<'p>(
    name: &str,
    queues: &mut [(impl RxQueue<'p>, impl TxQueue<'p>)],
    cache: &mut Cache<'p>,
    count: u64,
    stop: impl FnOnce() -> u64,
) {
    let pairs = queues.len() as u64;
    let mut streams: Vec<Traffic> = queues.iter().map(|_| Traffic::default()).collect();
    let began = Instant::now();
    // By turns, so that none is ever empty for long.
    let parts = if pairs > 1 { 20 } else { 1 };
    for limit in (1..=parts).map(|part| count * part / parts) {
        for (stream, (rx, tx)) in streams.iter_mut().zip(queues.iter_mut()) {
            stream.run(rx, tx, cache, limit, 192 / pairs);
        }
    }
    let took = began.elapsed();
    let dropped = stop();
    let received: u64 = streams.iter().map(|stream| stream.received).sum();
    println!(
        "{name}: {received} packets there and back in {took:.2?}: {:.2} Mpps each way, {dropped} dropped",
        received as f64 / took.as_secs_f64() / 1e6
    );
    for (stream, (rx, tx)) in streams.iter().zip(queues.iter()) {
        println!("{stream:?}\n{}\n{}", rx.stats(), tx.stats());
        assert_eq!((stream.disorder, stream.corrupt), (0, 0));
        assert_eq!((stream.sent, tx.stats().packets), (count, count));
        assert_eq!(stream.received, rx.stats().packets);
    }
    assert_eq!(received + dropped, pairs * count, "lost unaccounted");
}

/// Silences that are waited out: after more of them the other end is not there.
const SILENCES: u32 = 5;

/// Mostly 60 bytes, and now and then something longer.
fn length(number: u64) -> usize {
    match number % 64 {
        7 => 1514,
        21 => 600,
        _ => 60,
    }
}

/// Ethernet, local experimental (IEEE 802 type 0x88b5), the number, and bytes that go with it.
fn fill(data: &mut [u8], number: u64) {
    data[..12].copy_from_slice(&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2]);
    data[12..16].copy_from_slice(&[0x88, 0xb5, 0, 0]);
    data[16..24].copy_from_slice(&number.to_le_bytes());
    let tail = data.len() - 8;
    data[24..tail].fill(number as u8);
    data[tail..].copy_from_slice(&(!number).to_le_bytes());
}

fn is_whole(data: &[u8], number: u64) -> bool {
    let (body, tail) = data.split_at(data.len() - 8);
    data[12..14] == [0x88, 0xb5]
        && tail == (!number).to_le_bytes()
        && body[24] == number as u8
        && body[body.len() - 1] == number as u8
}

//! The virtio driver over a device that costs next to nothing: what it takes to receive a packet, send
//! it on, and have both buffers go round, in one thread.
//!
//! The device uses each buffer where it is as soon as it is there, and says of those to receive into
//! that it wrote a header and 64 bytes; nobody reads or writes packets. What other processors do to
//! the rings' cache lines is [`vhost`](crate::vhost)'s to measure; here instructions can be counted.

use linecard::device::{Device, RxQueue, TxQueue};
use linecard::mempool::Cache;
use linecard::packet::Burst;
use linecard_virtio::Features;
use linecard_virtio::fake::{Fake, FakeConfig, FakeHandle, HostMemory, RawQueue};
use linecard_virtio::net::{Adapter, Config, Header, Net, NetRx, NetTx};
use linecard_virtio::queue::layout::DescFlags;

use crate::harness::Contender;
use crate::ports::{self, LEN, text};

/// Split rings.
///
/// # Errors
/// What is missing.
pub fn split() -> Result<Vec<Contender>, String> {
    contenders(false)
}

/// Packed rings.
///
/// # Errors
/// What is missing.
pub fn packed() -> Result<Vec<Contender>, String> {
    contenders(true)
}

fn contenders(packed: bool) -> Result<Vec<Contender>, String> {
    let mut port = Port::new(packed)?;
    let run = move |units| {
        let mut done = 0;
        while done < units {
            let came = port.bounce();
            assert!(came > 0, "the device gives what it gets");
            done += came as u64;
        }
    };
    let [mut rx, mut tx] = Port::new(packed)?.lanes;
    let alone = move |units| {
        let mut done = 0;
        while done < units {
            // What the driver does, but for the driver.
            rx.rewind();
            tx.rewind();
            done += u64::from(rx.turn(BURST));
            tx.turn(BURST);
        }
    };
    Ok(vec![
        Contender::timed("linecard", run),
        Contender::timed("    of which the device", alone),
    ])
}

type Card = Adapter<'static, Fake, HostMemory, DEPTH, 1>;

/// A port, and the device's side of its queues.
struct Port {
    rx: NetRx<'static, 'static, Fake, HostMemory, DEPTH, 1>,
    tx: NetTx<'static, 'static, Fake, HostMemory, DEPTH, 1>,
    cache: Cache<'static>,
    burst: Burst<'static>,
    lanes: [Lane; 2],
}

impl Port {
    fn new(packed: bool) -> Result<Self, String> {
        let mut offer = FakeConfig {
            polls: true,
            ..FakeConfig::default()
        };
        offer.offer.set(Features::RING_PACKED, packed);
        let (fake, handle) = Fake::new(offer);
        let adapter: &'static Card = Box::leak(Box::new(Adapter::new(fake, HostMemory)));
        let mut cache = ports::cache()?;
        let config = Config::default();
        let mut net = Net::new(adapter, cache.pool(), "bench", config).map_err(text)?;
        let (rx, mut tx) = net.open(0, &mut cache).map_err(text)?;
        ports::prime(&mut tx, &mut cache)?;
        let lanes = [Lane::new(&handle, 0)?, Lane::new(&handle, 1)?];
        Ok(Self {
            rx,
            tx,
            cache,
            burst: Burst::new(),
            lanes,
        })
    }

    /// The device receives as many packets as were sent, and the program sends them on; gives how
    /// many.
    fn bounce(&mut self) -> usize {
        let [rx, tx] = &mut self.lanes;
        let sent = tx.turn(BURST);
        rx.turn(sent);
        let came = self.rx.rx_burst(&mut self.cache, &mut self.burst);
        self.tx.tx_burst(&mut self.cache, &mut self.burst);
        came
    }
}

/// The device's side of a queue whose buffers are in one descriptor each. The driver gives their ids
/// first in, first out: used in order, each is for ever where it was at first.
struct Lane {
    queue: RawQueue,
    /// The next descriptor to use: counted freely in split rings.
    next: u16,
    /// Whether the lap of a packed ring is an odd one.
    lap: bool,
}

impl Lane {
    fn new(handle: &FakeHandle, queue: u16) -> Result<Self, String> {
        let queue = handle.raw(queue).ok_or("the queue is not enabled")?;
        Ok(Self {
            queue,
            next: 0,
            lap: true,
        })
    }

    /// Uses up to so many buffers; gives how many.
    #[inline(always)]
    fn turn(&mut self, most: u16) -> u16 {
        let mut count = 0;
        if !self.queue.is_packed() {
            count = self.queue.avail_index().wrapping_sub(self.next).min(most);
            for _ in 0..count {
                self.queue
                    .set_used(self.next, u32::from(self.next % SIZE), WRITTEN);
                self.next = self.next.wrapping_add(1);
            }
            self.queue.set_index(0, self.next);
            return count;
        }
        while count < most {
            let flags = self.queue.flags(self.next);
            if flags & TURNS != if self.lap { AVAIL } else { USED } {
                break;
            }
            self.queue
                .set_used(self.next, u32::from(self.next), WRITTEN);
            let used = if self.lap { TURNS } else { 0 };
            self.queue.set_index(self.next, used);
            self.next += 1;
            if self.next == SIZE {
                self.next = 0;
                self.lap = !self.lap;
            }
            count += 1;
        }
        count
    }

    /// Makes the next burst available, as cheaply as can be.
    #[inline(always)]
    fn rewind(&mut self) {
        if !self.queue.is_packed() {
            self.next = self.queue.avail_index().wrapping_sub(BURST);
            return;
        }
        for ahead in 0..BURST {
            let place = self.next + ahead;
            let lap = self.lap ^ (place >= SIZE);
            let flags = if lap { AVAIL } else { USED };
            self.queue.set_index(place % SIZE, flags);
        }
    }
}

/// Descriptors of a queue, as many as `net_virtio_user` has.
const DEPTH: usize = 256;
const SIZE: u16 = DEPTH as u16;
const BURST: u16 = 32;
const WRITTEN: u32 = (Header::LEN + LEN) as u32;
const AVAIL: u16 = DescFlags::AVAIL.bits();
const USED: u16 = DescFlags::USED.bits();
const TURNS: u16 = AVAIL | USED;

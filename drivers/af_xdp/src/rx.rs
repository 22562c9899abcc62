//! The receiving half of a queue.

use core::sync::atomic::{Ordering, fence};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use linecard::device::{RxQueue, RxStats};
use linecard::mempool::{Account, Cache, Pool};
use linecard::packet::{BurstView, Offloads, Packet};

use crate::channel::Channel;
use crate::posted::Way;
use crate::ring::{Consumer, Producer};
use crate::sys::call;
use crate::sys::if_xdp::{Desc, PKT_CONTD};

/// Receives the packets of one queue.
///
/// It keeps the fill ring stocked with free frames and takes packets from the receive ring; see
/// the [crate](crate) for who owns a frame when. Dropped, it gives the interface's packets back to
/// the kernel, and its frames to the pool as soon as the [sending half](crate::Tx) is dropped too.
///
/// ```no_run
/// use linecard::device::{Device, RxQueue};
/// use linecard::mempool::Cache;
/// use linecard::packet::Burst;
///
/// # fn example(mut port: linecard_af_xdp::Port<'_>) -> Result<(), Box<dyn std::error::Error>> {
/// let mut cache = Cache::new(port.umem().pool(), "core 0", 256)?;
/// let (mut rx, _tx) = port.open(0, &mut cache)?;
/// let mut burst = Burst::<'_, 32>::new();
/// while rx.rx_burst(&mut cache, &mut burst) == 0 {}
/// println!("{:02x?}", burst.as_slice()[0].data());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Rx<'p> {
    fill: Producer<u64>,
    ring: Consumer<Desc>,
    channel: Arc<Channel<'p>>,
    pool: &'p Pool<'p>,
    /// Taken when the queue is dropped.
    account: Option<Account<'p>>,
    /// What is known of every packet that comes in.
    offloads: Offloads,
    zero_copy: bool,
    /// Frames to be with the kernel.
    target: usize,
    stats: RxStats,
}

impl<'p> Rx<'p> {
    pub(crate) fn new(
        channel: Arc<Channel<'p>>,
        fill: Producer<u64>,
        ring: Consumer<Desc>,
        account: Account<'p>,
        target: u32,
        offloads: Offloads,
    ) -> Self {
        let zero_copy = channel
            .socket()
            .is_some_and(crate::socket::Socket::zero_copy);
        Self {
            fill,
            ring,
            pool: account.pool(),
            account: Some(account),
            channel,
            offloads,
            zero_copy,
            target: target as usize,
            stats: RxStats::default(),
        }
    }

    /// The socket, to wait on with `poll` or `epoll`: readable when packets are there. (`None`
    /// only of queues that tests make.)
    #[must_use]
    pub fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.channel.socket().map(AsFd::as_fd)
    }

    /// The queue's number.
    pub(crate) fn queue(&self) -> u16 {
        self.channel.queue
    }

    /// Posts free frames until the kernel has as many as it is meant to have; gives how many are
    /// missing because the pool had no more.
    pub(crate) fn refill(&mut self, cache: &mut Cache<'p>) -> usize {
        let Some(account) = &self.account else {
            return 0;
        };
        let mut missing = self.target.saturating_sub(account.posted());
        if missing == 0 {
            return 0;
        }
        while missing > 0 {
            // Places are never short, as no more than `target` frames are with the kernel, which is
            // the ring's size; unless its counter cannot be believed.
            let places = self.fill.room(BATCH as u32) as usize;
            let want = missing.min(BATCH).min(places);
            let (posted, size) = (self.channel.posted.table(), self.pool.frame_size());
            let mut places = self.fill.writer();
            let taken = account.post_each(cache, want, |frame| {
                posted.put(frame, Way::Fill);
                places.push(frame.offset(size) as u64);
            });
            drop(places);
            missing = missing.saturating_sub(taken);
            if taken < want {
                self.stats.no_frames = self.stats.no_frames.wrapping_add(1);
            }
            if taken < BATCH {
                break;
            }
        }
        self.fill.publish();
        self.wake_if_asleep();
        missing
    }

    /// Wakes a driver that ran out of frames and went to sleep (zero-copy mode only: a copy finds
    /// new frames by itself).
    fn wake_if_asleep(&mut self) {
        // Between the published entries and the flag, as `Producer::needs_wakeup` asks.
        fence(Ordering::SeqCst);
        if self.fill.needs_wakeup() {
            self.wake();
        }
    }

    /// Tells the kernel to look at the fill ring.
    pub(crate) fn wake(&mut self) {
        if let Some(socket) = self.channel.socket() {
            self.stats.kicks = self.stats.kicks.wrapping_add(1);
            // Refused when the link is down or the interface gone; then nothing is received
            // anyhow, and the flag stays up for the next attempt.
            let _ = call::wake_rx(socket.as_fd());
        }
    }

    /// Takes back what the kernel returned against its rules: counts it, and frees the frame if
    /// there is one that it had.
    #[cold]
    fn reject(&mut self, desc: Desc, cache: &mut Cache<'p>) {
        self.stats.invalid = self.stats.invalid.wrapping_add(1);
        let Some((frame, _)) = self.pool.locate(desc.addr) else {
            return;
        };
        if let Some(account) = &self.account
            && self.channel.posted.take(frame, Way::Fill)
        {
            // SAFETY: the table says that this frame was posted through this account and not
            // received since; the kernel has given it back with this descriptor.
            unsafe { account.unpost(cache, &[frame]) };
        }
    }

    /// Receives up to `count` packets that are there, up to the first that cannot be right, whose
    /// descriptor is given as well.
    #[inline]
    fn receive(&mut self, out: &mut BurstView<'p>, count: u32) -> (usize, Option<Desc>) {
        let Some(account) = &self.account else {
            return (0, None);
        };
        let (mut burst, posted) = (account.receiving(), self.channel.posted.table());
        let (mut given, mut bytes, mut wrong) = (0, 0, None);
        let offloads = self.offloads;
        let packets = out.as_vec_mut();
        let mut places = packets.spare_capacity_mut().iter_mut();
        self.ring.pop_while(count, |desc| {
            let accepted = match desc.options & PKT_CONTD {
                // SAFETY: of the pool's frames, the table says yes of those alone that were posted
                // through this queue's account and not received since; the kernel has given the
                // frame back with this descriptor.
                0 => unsafe {
                    burst.receive_at(desc.addr, desc.len, |number| posted.take(number, Way::Fill))
                },
                // A fragment, which was not asked for.
                _ => None,
            };
            // There are as many places as entries are asked for.
            let (Some(frame), Some(place)) = (accepted, places.next()) else {
                wrong = Some(desc);
                return false;
            };
            let mut packet = Packet::new(frame);
            packet.offloads = offloads;
            place.write(packet);
            bytes += u64::from(desc.len);
            given += 1;
            true
        });
        let len = packets.len() + given;
        // SAFETY: as many places behind the packets have been written.
        unsafe { packets.set_len(len) };
        self.stats.packets = self.stats.packets.wrapping_add(given as u64);
        self.stats.bytes = self.stats.bytes.wrapping_add(bytes);
        (given, wrong)
    }
}

impl<'p> RxQueue<'p> for Rx<'p> {
    #[inline]
    fn rx_burst(&mut self, cache: &mut Cache<'p>, out: &mut BurstView<'p>) -> usize {
        let room = u32::try_from(out.room()).unwrap_or(u32::MAX);
        let mut left = self.ring.available(room).min(room);
        let mut given = 0;
        self.ring.ask_ahead(left);
        self.fill.ask_ahead(left);
        // Once, unless the kernel returns what it did not have.
        while left > 0 {
            let (received, wrong) = self.receive(out, left);
            given += received;
            let Some(desc) = wrong else { break };
            self.reject(desc, cache);
            left = left.saturating_sub(received as u32 + 1);
        }
        if given > 0 || left > 0 {
            self.ring.release();
        }
        let posted = self.account.as_ref().map_or(usize::MAX, Account::posted);
        if posted.saturating_add(REFILL_AT) <= self.target || posted == 0 {
            self.refill(cache);
        } else if self.fill.needs_wakeup() {
            self.wake();
        }
        given
    }

    /// The kernel's own statistics are among these, which costs a system call.
    fn stats(&self) -> RxStats {
        let mut stats = self.stats;
        if let Some(socket) = self.channel.socket() {
            let kernel = socket.statistics();
            if self.zero_copy {
                // An empty fill ring makes the driver wait; what it drops it counts itself.
                stats.missed = kernel.rx_ring_full;
                stats.oversize = kernel.rx_dropped;
            } else {
                // A packet that found no free frame is in both counters.
                stats.missed = kernel
                    .rx_ring_full
                    .wrapping_add(kernel.rx_fill_ring_empty_descs);
                stats.oversize = kernel
                    .rx_dropped
                    .saturating_sub(kernel.rx_fill_ring_empty_descs);
            }
            stats.invalid = stats.invalid.wrapping_add(kernel.rx_invalid_descs);
        }
        let broken = u64::from(self.fill.is_broken()) + u64::from(self.ring.is_broken());
        stats.invalid = stats.invalid.wrapping_add(broken);
        stats
    }
}

impl Drop for Rx<'_> {
    fn drop(&mut self) {
        self.channel.end_rx(self.account.take());
    }
}

/// Frames posted at a time.
const BATCH: usize = 64;

/// Frames that may be missing before more are posted: a burst.
const REFILL_AT: usize = 32;

#[cfg(test)]
#[path = "rx_tests.rs"]
mod tests;

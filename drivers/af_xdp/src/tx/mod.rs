//! The sending half of a queue.

mod closer;

use core::sync::atomic::{Ordering, fence};
use core::time::Duration;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use linecard::device::{TxQueue, TxStats};
use linecard::mempool::{Account, Cache, FrameIndex, Pool};
use linecard::packet::{BurstView, Offloads, Packet};

use crate::channel::Channel;
use crate::posted::Way;
use crate::ring::{Consumer, Producer};
use crate::sys::call;
use crate::sys::errno::Errno;
use crate::sys::if_xdp::Desc;
use closer::NOT_OFFERED;

/// Sends packets through one queue.
///
/// It hands frames to the transmit ring, tells the kernel about them, and takes back what the
/// completion ring returns; see the [crate](crate) for who owns a frame when. Dropped, it sends
/// what it was given for at most 50 ms more, and gives its frames to the pool as soon as the
/// [receiving half](crate::Rx) is dropped too.
///
/// ```no_run
/// use linecard::device::{Device, TxQueue};
/// use linecard::mempool::Cache;
/// use linecard::packet::Burst;
///
/// # fn example(mut port: linecard_af_xdp::Port<'_>) -> Result<(), Box<dyn std::error::Error>> {
/// let mut cache = Cache::new(port.umem().pool(), "core 0", 256)?;
/// let (_rx, mut tx) = port.open(0, &mut cache)?;
/// let mut burst = Burst::<'_, 32>::new();
/// burst.alloc(&mut cache, 1);
/// for packet in &mut burst {
///     packet.append(60)?.fill(0xff);
/// }
/// assert_eq!(tx.tx_burst(&mut cache, &mut burst), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Tx<'p> {
    ring: Producer<Desc>,
    completion: Consumer<u64>,
    channel: Arc<Channel<'p>>,
    pool: &'p Pool<'p>,
    /// Taken when the queue is dropped.
    account: Option<Account<'p>>,
    zero_copy: bool,
    /// Frames to be with the kernel at most.
    limit: usize,
    stats: TxStats,
    /// Packets that the kernel took and said that it did not send.
    refused: u64,
}

/// What the kernel answered to a kick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kick {
    /// It has begun, or finished; perhaps not with all.
    Moved,
    /// It dropped one packet; the others wait.
    Dropped,
    /// It cannot just now.
    Busy,
    /// The interface is switched off; packets wait in the ring.
    Down,
    /// The interface is gone.
    Gone,
}

impl From<Result<(), Errno>> for Kick {
    fn from(answer: Result<(), Errno>) -> Self {
        match answer {
            // EAGAIN: the budget is used up, the completion ring or the socket's memory is full, or
            // the device's queue is. What can be done about it (reaping) is done between kicks.
            Ok(()) | Err(Errno::AGAIN | Errno::INTR) => Self::Moved,
            Err(Errno::BUSY) => Self::Dropped,
            Err(Errno::NETDOWN) => Self::Down,
            Err(Errno::NXIO | Errno::NODEV | Errno::BADF) => Self::Gone,
            // ENOBUFS, ENOMEM: the kernel has no memory for an skb.
            Err(_) => Self::Busy,
        }
    }
}

impl<'p> Tx<'p> {
    pub(crate) fn new(
        channel: Arc<Channel<'p>>,
        ring: Producer<Desc>,
        completion: Consumer<u64>,
        account: Account<'p>,
        limit: u32,
    ) -> Self {
        let zero_copy = channel
            .socket()
            .is_some_and(crate::socket::Socket::zero_copy);
        Self {
            ring,
            completion,
            pool: account.pool(),
            account: Some(account),
            channel,
            zero_copy,
            limit: limit as usize,
            stats: TxStats::default(),
            refused: 0,
        }
    }

    /// Frees the frames that the completion ring returns; gives how many.
    fn reap(&mut self, cache: &mut Cache<'p>) -> usize {
        let Some(account) = &self.account else {
            return 0;
        };
        let posted = self.channel.posted.table();
        let shift = self.pool.frame_size().trailing_zeros();
        let mut total = 0;
        loop {
            let count = self.completion.available(BATCH as u32).min(BATCH as u32);
            if count == 0 {
                break;
            }
            let mut frames = [FrameIndex::default(); BATCH];
            let mut valid = 0;
            self.completion.pop_while(count, |addr| {
                // The address is the one that was sent, anywhere in the frame.
                let number = addr >> shift;
                if let Some(place) = frames.get_mut(valid)
                    && posted.take(number, Way::Transmit)
                {
                    *place = FrameIndex(number as u32);
                    valid += 1;
                }
                true
            });
            let invalid = u64::from(count).wrapping_sub(valid as u64);
            self.stats.invalid = self.stats.invalid.wrapping_add(invalid);
            // SAFETY: the table says of each that it was sent through this account and not
            // completed since; the kernel has given it back with this entry.
            total += unsafe { account.complete(cache, frames.get(..valid).unwrap_or(&[])) };
            self.completion.release();
        }
        self.stats.completed = self.stats.completed.wrapping_add(total as u64);
        total
    }

    /// Places for packets: never more frames than the completion ring can return are with the
    /// kernel, so it can never be full and stop the kernel.
    fn room(&mut self) -> usize {
        let sent = self
            .account
            .as_ref()
            .map_or(usize::MAX, Account::completing);
        let within = self.limit.saturating_sub(sent);
        let wanted = u32::try_from(within).unwrap_or(u32::MAX);
        within.min(self.ring.room(wanted) as usize)
    }

    /// Hands over packets from the front, of which `room` have places, up to the first that needs a
    /// closer look; gives how many.
    #[inline]
    fn hand_over_plain(&mut self, packets: &mut BurstView<'p>, room: usize) -> usize {
        let Some(account) = &self.account else {
            return 0;
        };
        let (mut burst, posted) = (account.sending(), self.channel.posted.table());
        let longest = self.channel.state.max_frame.load(Ordering::Relaxed) as usize;
        let spread = longest.saturating_sub(ETHERNET_HEADER);
        let shift = self.pool.frame_size().trailing_zeros();
        let (mut sent, mut bytes) = (0, 0);
        let mut places = self.ring.writer();
        for packet in packets.iter().take(room) {
            let len = packet.len();
            if packet.offloads.intersects(CLOSER_LOOK) || len.wrapping_sub(ETHERNET_HEADER) > spread
            {
                break;
            }
            let Some(at) = burst.region_offset(packet.frame()) else {
                break;
            };
            let frame = FrameIndex((at >> shift) as u32);
            // SAFETY: the burst of packets owns it, that is where it lies, and below it is forgotten as
            // one of the first `sent`.
            unsafe { burst.send_in_place(frame) };
            posted.put(frame, Way::Transmit);
            places.push(Desc {
                addr: at as u64,
                len: len as u32,
                options: 0,
            });
            sent += 1;
            bytes += len as u64;
        }
        drop(places);
        packets.drain_front(sent).for_each(core::mem::forget);
        self.stats.packets = self.stats.packets.wrapping_add(sent as u64);
        self.stats.bytes = self.stats.bytes.wrapping_add(bytes);
        sent
    }

    #[inline]
    fn owns(&self, packet: &Packet<'p>) -> bool {
        core::ptr::eq(packet.frame().pool(), self.pool)
    }

    /// Tells the kernel about what waits in the ring, until it has taken everything or will not
    /// take more just now.
    ///
    /// One call moves 32 descriptors, or as many as the budget was raised to, and an error stops it
    /// half-way; so what counts is not the answer but whether the ring is empty. What is left after
    /// a few calls waits for the next burst or [`reclaim`](TxQueue::reclaim).
    fn kick(&mut self, cache: &mut Cache<'p>) {
        for _ in 0..KICKS {
            let held = self.ring.held();
            if held == 0 {
                return;
            }
            // Between the published entries and the flag, as `Producer::needs_wakeup` asks.
            fence(Ordering::SeqCst);
            if !self.ring.needs_wakeup() {
                return;
            }
            let Some(socket) = self.channel.socket() else {
                return;
            };
            self.stats.kicks = self.stats.kicks.wrapping_add(1);
            let answer = Kick::from(call::wake_tx(socket.as_fd()));
            match answer {
                Kick::Moved => {}
                Kick::Dropped => self.refused = self.refused.wrapping_add(1),
                Kick::Busy | Kick::Down => self.stats.busy = self.stats.busy.wrapping_add(1),
                Kick::Gone => self.channel.state.set_gone(),
            }
            let reaped = self.reap(cache);
            // In zero-copy mode the call only wakes the driver, which then takes its time.
            if self.zero_copy || matches!(answer, Kick::Busy | Kick::Down | Kick::Gone) {
                return;
            }
            if answer == Kick::Moved && reaped == 0 && self.ring.held() == held {
                self.stats.busy = self.stats.busy.wrapping_add(1);
                return;
            }
        }
    }

    /// Frees packets that can never be sent, because the interface is gone.
    #[cold]
    fn free_all(&mut self, cache: &mut Cache<'p>, packets: &mut BurstView<'p>) -> usize {
        let count = packets.free(cache);
        self.stats.link_down = self.stats.link_down.wrapping_add(count as u64);
        count
    }
}

impl<'p> TxQueue<'p> for Tx<'p> {
    #[inline]
    fn tx_burst(&mut self, cache: &mut Cache<'p>, packets: &mut BurstView<'p>) -> usize {
        self.reap(cache);
        if self.channel.state.is_gone() {
            return self.free_all(cache, packets);
        }
        let mut taken = 0;
        let mut room = self.room();
        loop {
            let plain = self.hand_over_plain(packets, room);
            taken += plain;
            room = room.saturating_sub(plain);
            let Some(first) = packets.as_slice().first().filter(|_| room > 0) else {
                break;
            };
            let others = match self.owns(first) {
                true => {
                    self.hand_over(cache, packets.drain_front(1));
                    1
                }
                false => self.take_foreign(cache, packets, room),
            };
            if others == 0 {
                break;
            }
            taken += others;
            room = self.room();
        }
        self.ring.publish();
        self.kick(cache);
        if !packets.is_empty() {
            self.stats.full = self.stats.full.wrapping_add(1);
        }
        taken
    }

    #[inline]
    fn reclaim(&mut self, cache: &mut Cache<'p>) -> usize {
        let before = self.stats.completed;
        self.reap(cache);
        self.kick(cache);
        self.stats.completed.wrapping_sub(before) as usize
    }

    fn link_up(&self) -> bool {
        !self.channel.state.down.load(Ordering::Relaxed)
    }

    /// The kernel's own statistics are among these, which costs a system call.
    ///
    /// A packet that the kernel took and then did not send is in `errors` and no longer in
    /// `packets`; its bytes, which the kernel does not tell, stay counted.
    fn stats(&self) -> TxStats {
        let mut stats = self.stats;
        let invalid = self
            .channel
            .socket()
            .map_or(0, |socket| socket.statistics().tx_invalid_descs);
        let unsent = self.refused.wrapping_add(invalid);
        stats.packets = stats.packets.saturating_sub(unsent);
        stats.errors = stats.errors.wrapping_add(unsent);
        let broken = u64::from(self.ring.is_broken()) + u64::from(self.completion.is_broken());
        stats.invalid = stats.invalid.wrapping_add(broken);
        stats
    }
}

impl Drop for Tx<'_> {
    fn drop(&mut self) {
        let in_flight = match Cache::new(self.pool, "af_xdp, closing", BATCH) {
            Ok(mut cache) => self.drain(&mut cache),
            // No account left for a cache: as if all that the kernel took were still out there.
            Err(_) => self.in_flight(),
        };
        self.channel.end_tx(self.account.take(), in_flight);
    }
}

impl<'p> Tx<'p> {
    /// Sends and reaps until nothing is left, or it leads nowhere; gives how many frames the
    /// kernel has taken and not returned.
    fn drain(&mut self, cache: &mut Cache<'p>) -> u32 {
        let start = Instant::now();
        loop {
            let waiting = self.stats.busy;
            self.reclaim(cache);
            let sent = self.account.as_ref().map_or(0, Account::completing);
            // Down, gone, or out of memory: what is in the ring stays there, untouched.
            let stuck = self.stats.busy != waiting || self.channel.state.is_gone();
            let in_flight = self.in_flight();
            if sent == 0 || (stuck && in_flight == 0) || start.elapsed() > DRAIN_PATIENCE {
                return in_flight;
            }
            thread::sleep(DRAIN_EVERY);
        }
    }

    /// Frames that the kernel has taken from the ring and not returned.
    fn in_flight(&mut self) -> u32 {
        let sent = self.account.as_ref().map_or(0, Account::completing);
        u32::try_from(sent)
            .unwrap_or(u32::MAX)
            .saturating_sub(self.ring.held())
    }
}

/// Marks of packets that are not sent as they are.
const CLOSER_LOOK: Offloads = NOT_OFFERED.union(Offloads::L4_UNFINISHED);

/// `ETH_HLEN` in `include/uapi/linux/if_ether.h`: the kernel sends nothing shorter.
const ETHERNET_HEADER: usize = 14;

/// Completions read at a time.
const BATCH: usize = 64;

/// System calls that one burst may make to send.
const KICKS: usize = 4;

const DRAIN_PATIENCE: Duration = Duration::from_millis(50);
const DRAIN_EVERY: Duration = Duration::from_micros(200);

#[cfg(test)]
mod tests;

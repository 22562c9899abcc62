//! The sending half of a queue.

use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr;
use core::sync::atomic::Ordering;
use std::sync::Arc;

use linecard::device::{Features, TxQueue, TxStats};
use linecard::mempool::{Cache, SharedAccount};
use linecard::packet::{BurstView, Packet};

use crate::eal;
use crate::ffi::{self, Mbuf};
use crate::lender::Lender;
use crate::mbuf::{self, Meta};
use crate::memory::Shared;
use crate::scope::Scope;
use crate::state::{Half, PortState};
use crate::xstats::Counters;
use deal::Dealt;
use unlike::Fate;

mod deal;
mod unlike;

/// Sends packets through one queue.
///
/// A packet's window is written into the mbuf of its frame, and the frame is the driver's until
/// that frees it.
///
/// ```no_run
/// use linecard::device::{Device, TxQueue};
/// use linecard::mempool::Cache;
/// use linecard::packet::Burst;
///
/// # fn example(mut port: linecard_dpdk::Port<'static>) -> Result<(), Box<dyn std::error::Error>> {
/// let mut cache = Cache::new(port.memory().pool(), "core 0", 256)?;
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
    state: Arc<PortState>,
    shared: &'static Shared,
    account: &'static SharedAccount<'static>,
    port: u16,
    queue: u16,
    lender: Lender,
    /// Whether the pool tracks each frame.
    tracks: bool,
    features: Features,
    max_frame: usize,
    stats: TxStats,
    before: Counters,
    _pool: PhantomData<&'p ()>,
}

impl<'p> Tx<'p> {
    pub(crate) fn new(
        state: Arc<PortState>,
        account: &'static SharedAccount<'static>,
        queue: u16,
    ) -> Self {
        let shared = state.memory.shared();
        Self {
            shared,
            port: state.id,
            lender: Lender::new(shared.pool(), shared.frames(), state.max_frame),
            tracks: shared.pool().config().track,
            before: state.counters(),
            features: state.features,
            max_frame: state.max_frame,
            state,
            account,
            queue,
            stats: TxStats::default(),
            _pool: PhantomData,
        }
    }

    /// Hands the packets at the front to the driver, up to the first that cannot go; gives how
    /// many it took, and what is to be done with the one behind them, if that is why it ended.
    #[inline]
    fn burst(
        &mut self,
        cache: &mut Cache<'p>,
        packets: &mut BurstView<'p>,
    ) -> (usize, Option<Fate>) {
        let mut mbufs = [const { MaybeUninit::<*mut Mbuf>::uninit() }; BURST];
        let (mut count, mut bytes) = self.lender.prepare_all(packets.as_slice(), &mut mbufs);
        let (mut more, mut fate) = (0, None);
        if count < packets.len().min(BURST) {
            let done = (count, bytes);
            (count, bytes, fate) =
                self.prepare_rest(packets.as_slice(), &mut mbufs, done, &mut more);
            if count == 0 {
                return (0, fate);
            }
        }
        if self.tracks {
            // SAFETY: the frames are held by the packets, which are forgotten, or unlended, below.
            unsafe { self.lend(packets.as_slice().get(..count).unwrap_or(&[])) };
        }
        // Before anybody can have received them.
        self.account.count(0, (count as i32).wrapping_add(more));
        let mut scope = Scope::new(self.shared, cache);
        let (port, queue) = (self.port, self.queue);
        let first = mbufs.as_mut_ptr().cast();
        // SAFETY: the port is started while a half of a queue lives (`PortState::end`), this is
        // the only sending half of the queue (`Port::open`), and so many mbufs were written above.
        let (sent, mut gone) = scope.burst(|mempool, kept| unsafe {
            ffi::lc_dpdk_tx_burst(port, queue, first, count as u16, mempool, kept)
        });
        let sent = sent.min(count);
        if sent < count {
            let left = packets.as_slice().get(sent..count).unwrap_or(&[]);
            // SAFETY: they were lent above, and are behind what the driver says that it took.
            let (frames, len) = unsafe { self.unlend_all(left) };
            gone += frames;
            bytes = bytes.wrapping_sub(len);
        }
        if gone != 0 {
            self.shared
                .settle_completing(self.account, gone.wrapping_neg());
        }
        // The driver has them.
        if sent == packets.len() {
            // SAFETY: none is none too many, and those that were there are forgotten.
            unsafe { packets.as_vec_mut().set_len(0) };
        } else {
            packets.drain_front(sent).for_each(core::mem::forget);
        }
        self.stats.packets = self.stats.packets.wrapping_add(sent as u64);
        self.stats.bytes = self.stats.bytes.wrapping_add(bytes as u64);
        (sent, fate.filter(|_| sent == count))
    }

    /// Writes the mbufs of packets from the first on that is not like most, behind those that are `done`, with
    /// so many bytes; gives how many that makes, their bytes, and what is to be done with the one behind them,
    /// and adds the frames that they have beside the first.
    #[cold]
    #[inline(never)]
    fn prepare_rest(
        &self,
        packets: &[Packet<'p>],
        mbufs: &mut [MaybeUninit<*mut Mbuf>],
        done: (usize, usize),
        more: &mut i32,
    ) -> (usize, usize, Option<Fate>) {
        let (mut count, mut bytes) = done;
        loop {
            let (Some(packet), Some(place)) = (packets.get(count), mbufs.get_mut(count)) else {
                return (count, bytes, None);
            };
            match self.prepare_otherwise(packet, more) {
                Ok((mbuf, len)) => {
                    place.write(mbuf);
                    bytes += len;
                    count += 1;
                }
                Err(why) => return (count, bytes, Some(why)),
            }
            let rest = packets.get(count..).unwrap_or(&[]);
            let places = mbufs.get_mut(count..).unwrap_or_default();
            let (like, len) = self.lender.prepare_all(rest, places);
            count += like;
            bytes += len;
        }
    }

    /// Takes back a packet that the driver did not take; gives how many frames it has.
    ///
    /// # Safety
    ///
    /// It was lent, and the driver does not have it.
    #[cold]
    unsafe fn unlend(&self, packet: &Packet<'p>) -> i32 {
        let frames = self.shared.frames();
        if !packet.is_chained() {
            let index = packet.frame().index();
            // SAFETY: the caller's promise.
            unsafe { self.account.unlend(index) };
            // SAFETY: the frame is the packet's again.
            unsafe { mbuf::mark(frames.mbuf(index), mbuf::OURS) };
            return 1;
        }
        let mut count = 0;
        for (index, offset, len) in self.segments(packet) {
            // SAFETY: the caller's promise.
            unsafe { self.account.unlend(index) };
            let mbuf = frames.mbuf(index);
            let at = offset - frames.buffer_offset(index);
            // As an mbuf must be when its frame is freed, by whichever way.
            // SAFETY: the frame is the packet's again.
            unsafe { Meta::segment(at as u16, len).ours().write(mbuf) };
            // SAFETY: as above.
            unsafe { mbuf::set_next(mbuf, ptr::null_mut()) };
            count += 1;
        }
        count
    }

    /// Writes down that the frames of packets go to the driver, where the pool tracks.
    ///
    /// # Safety
    ///
    /// As for [`SharedAccount::lend`].
    #[cold]
    #[inline(never)]
    unsafe fn lend(&self, packets: &[Packet<'p>]) {
        let frames = packets.iter().flat_map(|packet| self.frames_of(packet));
        // SAFETY: the caller's promise.
        unsafe { self.account.lend(frames) };
    }

    /// [`unlend`](Self::unlend)s packets; gives how many frames they have, and how many bytes.
    ///
    /// # Safety
    ///
    /// As for [`unlend`](Self::unlend), of each.
    #[cold]
    #[inline(never)]
    unsafe fn unlend_all(&self, packets: &[Packet<'p>]) -> (i32, usize) {
        packets.iter().fold((0, 0), |(frames, bytes), packet| {
            // SAFETY: the caller's promise.
            let count = unsafe { self.unlend(packet) };
            (frames + count, bytes.wrapping_add(packet.total_len()))
        })
    }
}

impl<'p> TxQueue<'p> for Tx<'p> {
    #[inline]
    fn tx_burst(&mut self, cache: &mut Cache<'p>, packets: &mut BurstView<'p>) -> usize {
        eal::enlist();
        let mut taken = 0;
        while !packets.is_empty() {
            let (sent, fate) = self.burst(cache, packets);
            taken += sent;
            match fate {
                None if sent == BURST => {}
                None => break,
                Some(fate) => match self.deal_with(fate, cache, packets) {
                    Dealt::Done => taken += 1,
                    Dealt::Changed => {}
                    Dealt::Wait => break,
                },
            }
        }
        if !packets.is_empty() {
            self.stats.full = self.stats.full.wrapping_add(1);
        }
        taken
    }

    fn reclaim(&mut self, cache: &mut Cache<'p>) -> usize {
        eal::enlist();
        let mut scope = Scope::new(self.shared, cache);
        let (port, queue) = (self.state.id, self.queue);
        // SAFETY: as in `burst`. Drivers that cannot be asked answer so.
        let (_, freed) = scope
            .burst(|mempool, kept| unsafe { ffi::lc_dpdk_tx_done(port, queue, mempool, kept) });
        if freed != 0 {
            self.shared
                .settle_completing(self.account, freed.wrapping_neg());
        }
        usize::try_from(freed).unwrap_or(0)
    }

    fn link_up(&self) -> bool {
        !self.state.down.load(Ordering::Relaxed)
    }

    /// The device's own counters are among these, under queue 0: what it took and did not send is
    /// in `errors` and no longer in `packets`.
    fn stats(&self) -> TxStats {
        let mut stats = self.stats;
        let done = stats
            .packets
            .saturating_sub(self.account.completing() as u64);
        stats.completed = done;
        if self.queue == 0 {
            let errors = self.state.counters().since(&self.before).tx_errors;
            stats.packets = stats.packets.saturating_sub(errors);
            stats.errors = stats.errors.wrapping_add(errors);
        }
        stats
    }
}

impl Drop for Tx<'_> {
    fn drop(&mut self) {
        self.state.end(self.queue, Half::Tx);
    }
}

/// Mbufs that are handed over at a time.
const BURST: usize = 64;

/// Bytes of an Ethernet header (IEEE 802.3, 3.2): nothing shorter is a frame.
pub(crate) const ETHERNET_HEADER: usize = 14;

//! The sending half of a queue.

use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr;
use core::sync::atomic::Ordering;
use std::sync::Arc;

use linecard::device::{Features, TxQueue, TxStats};
use linecard::mempool::{Cache, FrameIndex, SharedAccount};
use linecard::packet::{Burst, BurstView, Offloads, Packet};

use crate::eal;
use crate::ffi::{self, Mbuf};
use crate::lender::Lender;
use crate::mbuf::{self, Meta};
use crate::memory::Shared;
use crate::scope::Scope;
use crate::state::{Half, PortState};
use crate::tag::{self, TAG};
use crate::xstats::Counters;

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

/// What is to be done with a packet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Copy,
    /// A checksum that the device does not finish.
    Finish,
    /// A VLAN tag that the device does not put on.
    Tag,
    Oversize,
    Undersize,
    Unsupported,
}

impl Fate {
    /// Does in the device's place what was asked of it, which is asked no more; false if it cannot be
    /// done.
    fn amend(self, packet: &mut Packet<'_>) -> bool {
        match self {
            Self::Tag => tag::put_on(packet),
            Self::Finish => {
                packet.finish_checksum();
                true
            }
            _ => false,
        }
    }
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

    /// As `Lender::prepare`, for packets that are not like most; gives the length of the whole packet,
    /// and adds the frames that it has beside the first.
    #[cold]
    #[inline(never)]
    fn prepare_otherwise(
        &self,
        packet: &Packet<'p>,
        more: &mut i32,
    ) -> Result<(*mut Mbuf, usize), Fate> {
        let frame = packet.frame();
        if !ptr::eq(frame.pool(), self.shared.pool()) {
            return Err(self.fate_of_foreign(packet));
        }
        let prepared = match packet.is_chained() {
            true => self.prepare_chain(packet)?,
            false => self.prepare_one(packet)?,
        };
        *more += self.frames_of(packet).count() as i32 - 1;
        Ok(prepared)
    }

    /// Writes the mbuf of a packet of one frame that is longer than most, or asks for something.
    fn prepare_one(&self, packet: &Packet<'p>) -> Result<(*mut Mbuf, usize), Fate> {
        let (frame, len) = (packet.frame(), packet.len());
        if len < ETHERNET_HEADER {
            return Err(Fate::Undersize);
        }
        if len > self.max_frame && !self.is_tagged(packet, len) {
            return Err(Fate::Oversize);
        }
        let (frames, index) = (self.shared.frames(), frame.index());
        let mbuf = frames.mbuf(index);
        let offset = frame.offset() - frames.buffer_offset(index);
        let mut meta = Meta::segment(offset as u16, len as u16);
        let asked = meta.ask(packet, self.features);
        let lengths = asked.ok_or_else(|| self.fate_of_asking(packet))?;
        // SAFETY: the frame is the program's: the packet is borrowed.
        unsafe { meta.write(mbuf) };
        // SAFETY: as above.
        unsafe { mbuf::write_lengths(mbuf, lengths) };
        Ok((mbuf, len))
    }

    /// Whether a packet is too long by no more than its VLAN tag, which an MTU does not count.
    #[cold]
    fn is_tagged(&self, packet: &Packet<'p>, len: usize) -> bool {
        packet.data().get(12..14) == Some(&[0x81, 0x00]) && len <= self.max_frame + TAG
    }

    /// What the device was not set up for: it is done here, once, and whatever else is asked is asked
    /// again afterwards. The tag first, which is in no checksum: the device may finish that yet.
    #[cold]
    fn fate_of_asking(&self, packet: &Packet<'p>) -> Fate {
        if packet.offloads.contains(Offloads::VLAN_WANTED) && !mbuf::tags(packet, self.features) {
            Fate::Tag
        } else if packet.offloads.contains(Offloads::L4_WANTED) {
            Fate::Finish
        } else {
            Fate::Unsupported
        }
    }

    /// A packet of another pool is copied if that can help.
    #[cold]
    fn fate_of_foreign(&self, packet: &Packet<'p>) -> Fate {
        let room = self.shared.pool().frame_size() - self.shared.pool().data_offset();
        match packet.len() {
            _ if packet.is_chained() => Fate::Unsupported,
            len if len < ETHERNET_HEADER => Fate::Undersize,
            len if len > self.max_frame.min(room) => Fate::Oversize,
            _ => Fate::Copy,
        }
    }

    /// Links the mbufs of a chain.
    #[cold]
    fn prepare_chain(&self, packet: &Packet<'p>) -> Result<(*mut Mbuf, usize), Fate> {
        let total = packet.total_len();
        if !self.features.contains(Features::TX_CHAINED) || packet.len() < ETHERNET_HEADER {
            return Err(Fate::Unsupported);
        }
        if total > self.max_frame && !self.is_tagged(packet, total) {
            return Err(Fate::Oversize);
        }
        let parts = packet.frame().segments().count();
        let count = u16::try_from(parts).ok().filter(|&count| count <= SEGMENTS);
        let count = count.ok_or(Fate::Unsupported)?;
        let frames = self.shared.frames();
        let mut head: *mut Mbuf = ptr::null_mut();
        let mut last: *mut Mbuf = ptr::null_mut();
        for (index, offset, len) in self.segments(packet) {
            let mbuf = frames.mbuf(index);
            let mut meta = Meta::segment((offset - frames.buffer_offset(index)) as u16, len);
            if head.is_null() {
                head = mbuf;
                meta.nb_segs = count;
                meta.pkt_len = total as u32;
                let asked = meta.ask(packet, self.features);
                let lengths = asked.ok_or_else(|| self.fate_of_asking(packet))?;
                // SAFETY: the frames of the chain are the packet's, which is borrowed.
                unsafe { mbuf::write_lengths(mbuf, lengths) };
            } else {
                // SAFETY: as above.
                unsafe { mbuf::set_next(last, mbuf) };
            }
            // SAFETY: as above.
            unsafe { meta.write(mbuf) };
            last = mbuf;
        }
        Ok((head, total))
    }

    /// The frames of a packet, and where in each the data is.
    #[inline]
    fn segments<'a>(
        &'a self,
        packet: &'a Packet<'p>,
    ) -> impl Iterator<Item = (FrameIndex, usize, u16)> + 'a {
        let base = self.shared.pool().base().addr().get();
        packet.frame().segments().filter_map(move |data| {
            let at = data.as_ptr().addr().wrapping_sub(base) as u64;
            let (index, offset) = self.shared.pool().locate(at)?;
            Some((index, offset, data.len() as u16))
        })
    }

    /// As [`segments`](Self::segments), also of a packet in one frame that has no data.
    #[inline]
    fn frames_of<'a>(&'a self, packet: &'a Packet<'p>) -> impl Iterator<Item = FrameIndex> + 'a {
        let one = (!packet.is_chained()).then(|| packet.frame().index());
        let chain = packet.is_chained().then(|| self.segments(packet));
        let chain = chain.into_iter().flatten().map(|(index, ..)| index);
        one.into_iter().chain(chain)
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

    /// Deals with the first packet, which cannot be sent as it is; false if it has to wait.
    #[cold]
    fn deal_with(
        &mut self,
        fate: Fate,
        cache: &mut Cache<'p>,
        packets: &mut BurstView<'p>,
    ) -> Dealt {
        let count = match fate {
            Fate::Copy => return self.copy(cache, packets),
            Fate::Finish | Fate::Tag => {
                let first = packets.as_mut_slice().first_mut();
                if first.is_some_and(|packet| fate.amend(packet)) {
                    return Dealt::Changed;
                }
                &mut self.stats.unsupported
            }
            Fate::Oversize => &mut self.stats.oversize,
            Fate::Undersize => &mut self.stats.undersize,
            Fate::Unsupported => &mut self.stats.unsupported,
        };
        *count = count.wrapping_add(1);
        if let Some(packet) = packets.drain_front(1).next() {
            cache.free(packet.into_frame());
        }
        Dealt::Done
    }

    /// Sends a copy in a frame of this pool in the place of the first packet, which is the caller's for
    /// as long as the driver has not taken that.
    fn copy(&mut self, cache: &mut Cache<'p>, packets: &mut BurstView<'p>) -> Dealt {
        let Some(copy) = packets
            .as_slice()
            .first()
            .and_then(|first| self.copy_of(first, cache))
        else {
            return Dealt::Wait;
        };
        let mut alone = Burst::<'p, 1>::new();
        // There is room for one.
        let _ = alone.push(copy);
        let mut end = self.burst(cache, &mut alone);
        // Once for each thing that was asked for.
        while let (0, Some(fate)) = end
            && alone.iter_mut().all(|copy| fate.amend(copy))
        {
            end = self.burst(cache, &mut alone);
        }
        alone.free(cache);
        match end {
            (0, None) => Dealt::Wait,
            (0, Some(_)) => self.deal_with(Fate::Unsupported, cache, packets),
            _ => {
                self.stats.copied = self.stats.copied.wrapping_add(1);
                if let Some(original) = packets.drain_front(1).next() {
                    cache.free(original.into_frame());
                }
                Dealt::Done
            }
        }
    }

    /// `None` when there is no frame.
    fn copy_of(&self, packet: &Packet<'p>, cache: &mut Cache<'p>) -> Option<Packet<'p>> {
        let pool = self.shared.pool();
        let frame = match ptr::eq(cache.pool(), pool) {
            true => cache.alloc(),
            false => pool.alloc(),
        };
        let mut copy = Packet::new(frame?);
        // It was looked at before: there is room.
        copy.append(packet.len())
            .ok()?
            .copy_from_slice(packet.data());
        copy.offloads = packet.offloads;
        copy.layers = packet.layers;
        copy.vlan_tci = packet.vlan_tci;
        Some(copy)
    }
}

/// What was done with a packet that could not be sent as it was.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dealt {
    /// Taken: sent, or freed and counted.
    Done,
    /// It is another now.
    Changed,
    /// Nothing: there is no frame to copy it into.
    Wait,
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

/// Mbufs of one packet at most: what every driver takes that takes several.
const SEGMENTS: u16 = 8;

/// Bytes of an Ethernet header (IEEE 802.3, 3.2): nothing shorter is a frame.
pub(crate) const ETHERNET_HEADER: usize = 14;

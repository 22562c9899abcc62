//! The receiving half of a queue pair.

use core::fmt;
use core::ptr::NonNull;

use linecard::device::{RxQueue, RxStats};
use linecard::mempool::{Cache, Frame, FrameIndex, Receiving};
use linecard::packet::{BurstView, Offloads, Packet};
use linecard::platform::Dma;

use super::adapter::Adapter;
use super::frames::Frames;
use super::header::{self, Header};
use super::ring::for_each_kind;
use crate::queue::{Fault, Used, Virtqueue};
use crate::{Doorbell, Transport};
use layout::frame_of;
use receiver::Partial;
use refill::Port;

mod layout;
mod receiver;
mod refill;

pub(super) use layout::{Layout, header_len};
pub(super) use receiver::Receiver;

/// Receives the packets of one queue.
///
/// It keeps the queue stocked with free frames, and gives those that the device filled. A device that
/// breaks the rules ends with a [fault](Self::fault), and nothing more is taken from it until
/// [`reset`](linecard::device::Device::reset). Dropped, its frames go back to the pool as soon as
/// the device has let go of them: see [`Adapter`].
///
/// ```
/// # #[cfg(feature = "test-utils")] {
/// use linecard::{device::RxQueue, mempool::Cache, packet::Burst};
/// use linecard_virtio::{Transport, net::NetRx};
/// use linecard::platform::Dma;
///
/// fn first<'p, T: Transport, D: Dma>(rx: &mut NetRx<'_, 'p, T, D>, cache: &mut Cache<'p>) -> usize {
///     let mut burst: Burst = Burst::new();
///     while rx.rx_burst(cache, &mut burst) == 0 && rx.fault().is_none() {}
///     let received = burst.len();
///     burst.free(cache);
///     received
/// }
/// # }
/// ```
pub struct NetRx<'d, 'p, T: Transport, D: Dma, const N: usize = 256, const Q: usize = 1> {
    adapter: &'d Adapter<'p, T, D, N, Q>,
    frames: Frames<'p, 'd, D>,
    pair: u16,
    /// Taken when the queue is dropped.
    inner: Option<Receiver<'p, T::Doorbell, N>>,
    stats: RxStats,
}

impl<'p, B: Doorbell, D: Dma> Port<'_, 'p, '_, B, D> {
    /// Takes what the device has filled.
    #[inline(always)]
    fn receive<V: Virtqueue>(
        self,
        queue: &mut V,
        partial: &mut Option<Partial<'p>>,
        cache: &mut Cache<'p>,
        out: &mut BurstView<'p>,
        stats: &mut RxStats,
    ) -> usize {
        if queue.fault().is_some() {
            return 0;
        }
        if queue.refresh().is_err() {
            stats.invalid = stats.invalid.wrapping_add(1);
            return 0;
        }
        let (held, mut bytes) = (out.len(), 0);
        // Copies: the compiler would look again after each access to a packet.
        let (layout, frames) = (*self.layout, *self.frames);
        loop {
            let want = out.room().min(BATCH);
            let mut batch = [Used {
                token: 0,
                written: 0,
            }; BATCH];
            let batch = batch.get_mut(..want).unwrap_or(&mut []);
            let count = queue.pop_burst(batch);
            if count == 0 {
                break;
            }
            let batch = batch.get(..count).unwrap_or(&[]);
            // They are refilled next.
            queue.prepare(BATCH);
            for &Used { token, .. } in batch {
                frames.prefetch(frame_of(token), layout.offset(token));
            }
            let mut rest = batch.iter();
            while !rest.as_slice().is_empty() {
                if partial.is_none() {
                    let mut burst = self.account.receiving();
                    for &used in rest.as_slice() {
                        let Some(frame) = accept_plain(&layout, &frames, &mut burst, used) else {
                            break;
                        };
                        rest.next();
                        bytes += frame.len();
                        // There is room: for each no more than one was taken.
                        let _ = out.push(Packet::new(frame));
                    }
                }
                if let Some(&used) = rest.next()
                    && let Some(packet) = self.accept_or_refuse(queue, used, partial, cache, stats)
                {
                    bytes += packet.total_len();
                    let _ = out.push(packet);
                }
            }
            if count < want {
                break;
            }
        }
        if queue.fault().is_some() {
            stats.invalid = stats.invalid.wrapping_add(1);
        }
        let given = out.len().wrapping_sub(held);
        stats.packets = stats.packets.wrapping_add(given as u64);
        stats.bytes = stats.bytes.wrapping_add(bytes as u64);
        given
    }

    /// The packet of any buffer, or what is wrong with it.
    #[inline(never)]
    fn accept_or_refuse<V: Virtqueue>(
        self,
        queue: &mut V,
        used: Used,
        partial: &mut Option<Partial<'p>>,
        cache: &mut Cache<'p>,
        stats: &mut RxStats,
    ) -> Option<Packet<'p>> {
        match self.accept(used, partial) {
            Ok(packet) => Some(packet),
            Err(refusal) => {
                self.refuse(queue, used, refusal, cache, stats);
                None
            }
        }
    }

    /// Makes a packet of a buffer that the device has filled.
    fn accept(self, used: Used, partial: &mut Option<Partial<'p>>) -> Result<Packet<'p>, Refusal> {
        let Layout { header, room, .. } = *self.layout;
        let (index, offset) = (frame_of(used.token), self.layout.offset(used.token));
        let written = match used.written {
            Used::ALL => room,
            written => written,
        };
        if written > room {
            return Err(Refusal::Posted(Fault::Length { written, room }));
        }
        if partial.is_some() {
            return self.accept_more(index, offset, written, partial);
        }
        if (written as usize) < header {
            return Err(Refusal::Posted(Fault::NoHeader(written)));
        }
        self.frames.take_over(index, offset, written as usize);
        let Some(start) = self.frames.pool().frame_start(index) else {
            return Err(Refusal::Posted(Fault::NoHeader(written)));
        };
        // SAFETY: inside the frame, as the buffer is (`Layout::new`), which has room for a header.
        let at = unsafe { start.add(offset) };
        // SAFETY: as above; frames and offsets in them are multiples of 4, and it is posted through
        // this account.
        let head = unsafe { header_at(at) };
        self.accept_unusual(index, offset, written, &head, partial)
    }

    /// Takes a frame from the device, with its data from `offset`.
    #[inline(always)]
    fn take(self, index: FrameIndex, offset: usize, len: u32) -> Result<Frame<'p>, Refusal> {
        // SAFETY: the token came out of the queue, so this frame was posted through this account and
        // not received since (the queue gives a token once), and the device has given it back.
        let frame = unsafe { self.account.receive(index, offset, len as usize) };
        // It is of the pool, and the window inside the buffer.
        let room = self.layout.room;
        frame.ok_or(Refusal::Posted(Fault::Length { written: len, room }))
    }

    /// A packet with a checksum verdict, a hash, or several buffers.
    fn accept_unusual(
        self,
        index: FrameIndex,
        offset: usize,
        written: u32,
        head: &[u8; Header::LEN],
        partial: &mut Option<Partial<'p>>,
    ) -> Result<Packet<'p>, Refusal> {
        let head = Header::read(head);
        // Segments were not negotiated, and may be longer than anybody expects.
        if head.gso_type != 0 {
            return Err(Refusal::Segment);
        }
        let buffers = if self.layout.merge {
            head.num_buffers
        } else {
            1
        };
        if buffers > MOST_BUFFERS {
            return Err(Refusal::Posted(Fault::Buffers(buffers)));
        }
        let mut frame = self.take(index, offset, written)?;
        let hash = match self.layout.header {
            Header::LEN_WITH_HASH => frame.data().first_chunk().and_then(header::hash),
            _ => None,
        };
        // It is there: looked at before.
        let _ = frame.trim_front(self.layout.header);
        let mut packet = Packet::new(frame);
        if self.layout.checksum {
            packet.offloads = head.offloads();
        }
        if let Some(hash) = hash {
            packet.hash = hash;
            packet.offloads |= Offloads::HASH;
        }
        if buffers <= 1 {
            return Ok(packet);
        }
        *partial = Some(Partial {
            packet,
            missing: buffers - 1,
        });
        Err(Refusal::MoreToCome)
    }

    /// A further buffer of a packet. It has no header.
    fn accept_more(
        self,
        index: FrameIndex,
        offset: usize,
        written: u32,
        partial: &mut Option<Partial<'p>>,
    ) -> Result<Packet<'p>, Refusal> {
        self.frames.take_over(index, offset, written as usize);
        let frame = self.take(index, offset, written)?;
        let Some(mut under_way) = partial.take() else {
            return Err(Refusal::MoreToCome);
        };
        // It is of the same pool, so it is taken.
        let _ = under_way.packet.frame_mut().chain(frame);
        under_way.missing = under_way.missing.saturating_sub(1);
        if under_way.missing == 0 {
            return Ok(under_way.packet);
        }
        *partial = Some(under_way);
        Err(Refusal::MoreToCome)
    }

    /// Counts what cannot be, and puts the queue out of service where it can no longer be
    /// understood.
    #[cold]
    #[inline(never)]
    fn refuse<V: Virtqueue>(
        self,
        queue: &mut V,
        used: Used,
        refusal: Refusal,
        cache: &mut Cache<'p>,
        stats: &mut RxStats,
    ) {
        match refusal {
            Refusal::MoreToCome => return,
            Refusal::Segment => stats.invalid = stats.invalid.wrapping_add(1),
            Refusal::Posted(fault) => queue.fail(fault),
        }
        // SAFETY: its token came out of the queue, so the frame was posted through this account, and it
        // was not received since: refusals are made before. The device has given it back.
        unsafe { self.account.unpost(cache, &[frame_of(used.token)]) };
    }
}

/// The frame of a buffer of which there is nothing to say, as of nearly all; otherwise it is still
/// posted.
#[inline(always)]
fn accept_plain<'p, D: Dma>(
    layout: &Layout,
    frames: &Frames<'p, '_, D>,
    burst: &mut Receiving<'_, 'p>,
    used: Used,
) -> Option<Frame<'p>> {
    let (index, offset) = (frame_of(used.token), layout.offset(used.token));
    let len = used.written.checked_sub(Header::LEN as u32)?;
    // Not `Used::ALL` either.
    if layout.header != Header::LEN || used.written > layout.room {
        return None;
    }
    frames.take_over(index, offset, used.written as usize);
    // SAFETY: inside the frame, as the buffer is (`Layout::new`), which has room for a header.
    let at = unsafe { burst.frame_start(index)?.add(offset) };
    // SAFETY: as above; frames and offsets in them are multiples of 4, and it is posted through this account.
    let [flags, gso_type, .., low, high] = unsafe { header_at(at) };
    let several = layout.merge && u16::from_le_bytes([low, high]) > 1;
    if flags | gso_type != 0 || several {
        return None;
    }
    // SAFETY: the token came out of the queue, so this frame was posted through this account and not
    // received since (the queue gives a token once), and the device has given it back.
    unsafe { burst.receive(index, offset + Header::LEN, len as usize) }
}

/// A copy of a buffer's header.
///
/// # Safety
///
/// It is at `at`, a multiple of 4, in a frame that the program has no reference to.
#[inline(always)]
unsafe fn header_at(at: NonNull<u8>) -> [u8; Header::LEN] {
    let at = at.cast::<u32>();
    let mut header = [0; Header::LEN];
    for (index, part) in header.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        // SAFETY: one of the header's three words: the caller's promise.
        let word = unsafe { at.add(index) };
        // SAFETY: as above; should the device still write, what was read is as good as anything, and is
        // looked at in the copy alone.
        *part = unsafe { word.read_volatile() }.to_ne_bytes();
    }
    header
}

/// Why a buffer makes no packet.
#[derive(Debug, Clone, Copy)]
enum Refusal {
    /// It was one of several, and was received.
    MoreToCome,
    /// It is a segment. The frame is still posted.
    Segment,
    /// The device broke a rule. The frame is still posted.
    Posted(Fault),
}

impl<'d, 'p, T: Transport, D: Dma, const N: usize, const Q: usize> NetRx<'d, 'p, T, D, N, Q> {
    pub(super) fn new(
        adapter: &'d Adapter<'p, T, D, N, Q>,
        frames: Frames<'p, 'd, D>,
        pair: u16,
        inner: Receiver<'p, T::Doorbell, N>,
    ) -> Self {
        Self {
            adapter,
            frames,
            pair,
            inner: Some(inner),
            stats: RxStats::default(),
        }
    }

    /// What the device did that put this queue out of service.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        self.inner.as_ref().and_then(|inner| inner.ring.fault())
    }

    /// The number of the queue pair.
    #[must_use]
    pub fn pair(&self) -> u16 {
        self.pair
    }

    /// Posts free frames; at set-up.
    pub(super) fn stock(&mut self, cache: &mut Cache<'p>) {
        let Some(inner) = &mut self.inner else { return };
        let port = Port {
            bell: &inner.bell,
            account: &inner.account,
            layout: &inner.layout,
            frames: &self.frames,
        };
        for_each_kind!(&mut inner.ring, queue => {
            port.refill(queue, cache, &mut self.stats);
        });
    }
}

impl<'p, T: Transport, D: Dma, const N: usize, const Q: usize> RxQueue<'p>
    for NetRx<'_, 'p, T, D, N, Q>
{
    #[inline]
    fn rx_burst(&mut self, cache: &mut Cache<'p>, out: &mut BurstView<'p>) -> usize {
        let Some(inner) = &mut self.inner else {
            return 0;
        };
        let port = Port {
            bell: &inner.bell,
            account: &inner.account,
            layout: &inner.layout,
            frames: &self.frames,
        };
        for_each_kind!(&mut inner.ring, queue => {
            let given = port.receive(queue, &mut inner.partial, cache, out, &mut self.stats);
            // The device waits for packets rather than for buffers: those are posted when nothing has
            // come, unless a good part of them is gone.
            let enough = match given {
                0 => REFILL_AT.min(queue.size() / 2),
                _ => queue.size() / 4,
            };
            let short = queue.free() >= enough || queue.in_flight() == 0;
            if short && queue.fault().is_none() {
                port.refill(queue, cache, &mut self.stats);
            }
            given
        })
    }

    fn stats(&self) -> RxStats {
        self.stats
    }
}

impl<T: Transport, D: Dma, const N: usize, const Q: usize> Drop for NetRx<'_, '_, T, D, N, Q> {
    fn drop(&mut self) {
        if let Some(inner) = self.inner.take() {
            self.adapter.park_rx(self.pair, inner);
        }
    }
}

impl<T: Transport, D: Dma, const N: usize, const Q: usize> fmt::Debug
    for NetRx<'_, '_, T, D, N, Q>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetRx")
            .field("pair", &self.pair)
            .field("fault", &self.fault())
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}

/// Buffers taken, or frames posted, at a time.
const BATCH: usize = 32;

/// Buffers that one packet may be in: more than the 64 KiB that an IP packet can have, in the
/// smallest of frames.
pub(super) const MOST_BUFFERS: u16 = 64;

/// Descriptors that are free before frames are posted in a quiet moment: a burst.
const REFILL_AT: u16 = 32;

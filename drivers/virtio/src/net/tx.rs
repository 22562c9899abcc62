//! The sending half of a queue pair.

use core::fmt;
use core::ptr::NonNull;
use core::sync::atomic::Ordering;

use linecard::device::{TxQueue, TxStats};
use linecard::mempool::{Account, Cache, DeviceAddress, FrameIndex, Sending};
use linecard::packet::{BurstView, Offloads, Packet};
use linecard::platform::Dma;

use super::adapter::Adapter;
use super::chains::Chains;
use super::frames::Frames;
use super::header::Header;
use super::ring::{Bell, Ring, for_each_kind};
use super::special;
use crate::queue::{Buffer, Fault, Virtqueue};
use crate::{Doorbell, Transport};

/// Sends packets through one queue.
///
/// A packet in one frame goes out in one descriptor, its header written into its headroom; one in
/// several frames as a chain, or as one descriptor with a table where that was negotiated. A device
/// that breaks the rules ends with a [fault](Self::fault), and takes nothing more until
/// [`reset`](linecard::device::Device::reset). Dropped, its frames go back to the pool as soon as
/// the device has let go of them: see [`Adapter`].
///
/// ```
/// use linecard::{device::TxQueue, mempool::Cache, packet::Burst, platform::Dma};
/// use linecard_virtio::{Transport, net::NetTx};
///
/// fn send_all<'p, T: Transport, D: Dma>(
///     tx: &mut NetTx<'_, 'p, T, D>,
///     cache: &mut Cache<'p>,
///     burst: &mut Burst<'p>,
/// ) {
///     while !burst.is_empty() && tx.fault().is_none() {
///         tx.tx_burst(cache, burst);
///     }
/// }
/// ```
pub struct NetTx<'d, 'p, T: Transport, D: Dma, const N: usize = 256, const Q: usize = 1> {
    adapter: &'d Adapter<'p, T, D, N, Q>,
    frames: Frames<'p, 'd, D>,
    pair: u16,
    /// Taken when the queue is dropped.
    inner: Option<Sender<'p, T::Doorbell, N>>,
    stats: TxStats,
}

/// What outlives a dropped handle, until the device has let go of the queue.
#[derive(Debug)]
pub(super) struct Sender<'p, B, const N: usize> {
    pub(super) ring: Ring<N>,
    pub(super) bell: Bell<B>,
    pub(super) account: Account<'p>,
    pub(super) chains: Chains,
    pub(super) limits: Limits,
}

/// What packets have to be like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The longest frame in bytes, without header.
    pub(super) longest: usize,
    /// Bytes of header in front of a packet.
    pub(super) header: usize,
    /// From a frame's start to the first place for the data of a packet: private area and header.
    pub(super) front: usize,
    /// `VIRTIO_NET_F_CSUM`.
    pub(super) checksum: bool,
}

impl<'p, B: Doorbell, const N: usize> Sender<'p, B, N> {
    /// Gives all frames to the pool's shared list.
    ///
    /// # Safety
    ///
    /// The device has let go of the queue and its buffers.
    pub(super) unsafe fn release(mut self) {
        let (account, chains) = (&self.account, &mut self.chains);
        self.ring.abandon(|token| {
            let free = |frames: &[FrameIndex]| {
                // SAFETY: the token was in the queue, so the frames were sent through this account
                // and not completed since; the device has let go of them (the caller's promise).
                unsafe { account.complete_shared(frames) };
            };
            match place_of(token) {
                Some(place) => free(&chains.give_back(place)),
                None => free(&[FrameIndex(token)]),
            }
        });
    }
}

/// What a burst needs besides the ring.
pub(super) struct Port<'a, 'p, 'd, B, D> {
    pub(super) bell: &'a Bell<B>,
    pub(super) account: &'a Account<'p>,
    pub(super) chains: &'a mut Chains,
    pub(super) limits: Limits,
    pub(super) frames: &'a Frames<'p, 'd, D>,
    pub(super) stats: &'a mut TxStats,
}

impl<'p, B: Doorbell, D: Dma> Port<'_, 'p, '_, B, D> {
    /// Frees what the device has sent; gives how many frames.
    #[inline]
    pub(super) fn reap<V: Virtqueue>(&mut self, queue: &mut V, cache: &mut Cache<'p>) -> usize {
        if queue.fault().is_some() {
            return 0;
        }
        if queue.refresh().is_err() {
            self.stats.invalid = self.stats.invalid.wrapping_add(1);
            return 0;
        }
        let (mut packets, mut freed) = (0, 0);
        loop {
            let mut tokens = [0; BATCH];
            let count = queue.pop_tokens(&mut tokens);
            let tokens = tokens.get(..count).unwrap_or(&[]);
            let mut done = [FrameIndex::default(); BATCH];
            let mut frames = count;
            for (slot, &token) in done.iter_mut().zip(tokens) {
                *slot = FrameIndex(token);
            }
            // Hardly ever: a pass of its own.
            if tokens.iter().fold(0, |all, token| all | token) & PLACE != 0 {
                frames = 0;
                for &token in tokens {
                    match place_of(token) {
                        None => {
                            if let Some(slot) = done.get_mut(frames) {
                                *slot = FrameIndex(token);
                                frames += 1;
                            }
                        }
                        Some(place) => freed += self.free_chain(place, cache),
                    }
                }
            }
            // SAFETY: the tokens came out of the queue, so these frames were sent through this
            // account and not completed since (the queue gives a token once), and the device has
            // given them back.
            freed += unsafe {
                self.account
                    .complete(cache, done.get(..frames).unwrap_or(&[]))
            };
            packets += count as u64;
            if count < BATCH {
                break;
            }
        }
        if queue.fault().is_some() {
            self.stats.invalid = self.stats.invalid.wrapping_add(1);
        }
        self.stats.completed = self.stats.completed.wrapping_add(packets);
        freed
    }

    #[cold]
    fn free_chain(&mut self, place: u8, cache: &mut Cache<'p>) -> usize {
        let frames = self.chains.give_back(place);
        // SAFETY: as in `reap`: the place's frames were sent together under the one token.
        unsafe { self.account.complete(cache, &frames) }
    }

    /// Sends the packets in front that are [plain](place_if_plain), as many as there is room for; gives how many.
    #[inline(always)]
    fn send<V: Virtqueue>(&mut self, queue: &mut V, packets: &mut BurstView<'p>) -> usize {
        // Copies: the compiler would look again after each access to the ring.
        let (limits, frames) = (self.limits, *self.frames);
        let mut burst = self.account.sending();
        let mut bytes = 0;
        let buffers = packets.as_mut_slice().iter_mut().map_while(|packet| {
            let at = place_if_plain(packet, &limits, &frames, &burst)?;
            let frame = packet.frame_mut();
            let len = frame.len();
            let (at, whole) = (
                at.wrapping_sub(limits.header),
                len.wrapping_add(limits.header),
            );
            let address = frames.address_at(at, whole)?;
            // SAFETY: `place_if_plain` has seen that there is as much headroom behind the private area,
            // and the frame is borrowed exclusively.
            unsafe { clear(frame.as_ptr(), limits.header) };
            let (index, offset) = frames.place(at);
            frames.hand_over(index, offset, whole);
            // SAFETY: the frame is the burst's, whose packets in front are forgotten below, as many as
            // were asked for here: the queue takes each.
            unsafe { burst.send_in_place(index) };
            bytes += len as u64;
            let buffer = Buffer {
                addr: DeviceAddress(address),
                len: whole as u32,
                writable: false,
            };
            Some((buffer, index.0))
        });
        // SAFETY: the frames are the device's from here on, before it is told of them, until their tokens
        // come back, or the queue is released after a reset; the buffers are their windows.
        let sent = unsafe { queue.push_burst(buffers) };
        packets.drain_front(sent).for_each(core::mem::forget);
        self.stats.packets = self.stats.packets.wrapping_add(sent as u64);
        self.stats.bytes = self.stats.bytes.wrapping_add(bytes);
        sent
    }

    /// Takes packets from the front, as many as there is room for.
    #[inline(always)]
    fn send_burst<V: Virtqueue>(
        &mut self,
        queue: &mut V,
        cache: &mut Cache<'p>,
        packets: &mut BurstView<'p>,
    ) -> usize {
        let mut taken = 0;
        loop {
            taken += self.send(queue, packets);
            // What stopped it is not plain, or there is no room.
            if packets.is_empty()
                || usize::from(queue.free()) == 0
                || !special::send(self, queue, cache, packets)
            {
                break;
            }
            taken += 1;
        }
        if queue.publish() {
            self.stats.kicks = self.stats.kicks.wrapping_add(1);
            self.bell.ring(queue);
        }
        if !packets.is_empty() {
            self.stats.full = self.stats.full.wrapping_add(1);
        }
        taken
    }
}

/// Bytes from the region's start to the data of a packet that goes out as it is: one frame of this pool
/// with room for the header, of a length that the device takes, and nothing asked of the device.
#[inline(always)]
fn place_if_plain<'p, D: Dma>(
    packet: &Packet<'p>,
    limits: &Limits,
    frames: &Frames<'p, '_, D>,
    burst: &Sending<'_, 'p>,
) -> Option<usize> {
    let Limits { longest, front, .. } = *limits;
    let frame = packet.frame();
    let at = burst.region_offset(frame)?;
    let plain = !packet.offloads.intersects(ASKS)
        && frame.len().wrapping_sub(ETHERNET_HEADER) <= longest.wrapping_sub(ETHERNET_HEADER)
        && frames.place(at).1 >= front;
    plain.then_some(at)
}

/// Writes the header of a packet of which there is nothing to say, in front of its data. Where that is
/// there, as it is in most frames that were received, nothing is written: the device's processor
/// keeps the line.
///
/// # Safety
///
/// The `header` bytes in front of `data`, at least those of a [`Header`], are of one frame, which the
/// caller has to itself.
#[inline(always)]
unsafe fn clear(data: NonNull<u8>, header: usize) {
    // SAFETY: inside the frame, as the caller vouches.
    let at = unsafe { data.sub(header) };
    let plain = at.cast::<[u8; Header::LEN]>();
    // SAFETY: the caller has these bytes to itself; the pool's are initialised (`Region::from_raw`).
    if unsafe { plain.read() } != [0; Header::LEN] {
        // SAFETY: as above.
        unsafe { plain.write([0; Header::LEN]) };
    }
    for offset in Header::LEN..header {
        // SAFETY: between the header's first byte and the data.
        let byte = unsafe { at.add(offset) };
        // SAFETY: as above.
        unsafe { byte.write(0) };
    }
}

impl<'d, 'p, T: Transport, D: Dma, const N: usize, const Q: usize> NetTx<'d, 'p, T, D, N, Q> {
    pub(super) fn new(
        adapter: &'d Adapter<'p, T, D, N, Q>,
        frames: Frames<'p, 'd, D>,
        pair: u16,
        inner: Sender<'p, T::Doorbell, N>,
    ) -> Self {
        Self {
            adapter,
            frames,
            pair,
            inner: Some(inner),
            stats: TxStats::default(),
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
}

impl<'p, T: Transport, D: Dma, const N: usize, const Q: usize> TxQueue<'p>
    for NetTx<'_, 'p, T, D, N, Q>
{
    #[inline]
    fn tx_burst(&mut self, cache: &mut Cache<'p>, packets: &mut BurstView<'p>) -> usize {
        if self.adapter.gone.load(Ordering::Relaxed) {
            return self.free_all(cache, packets);
        }
        let Some(inner) = &mut self.inner else {
            return 0;
        };
        let mut port = Port {
            bell: &inner.bell,
            account: &inner.account,
            chains: &mut inner.chains,
            limits: inner.limits,
            frames: &self.frames,
            stats: &mut self.stats,
        };
        for_each_kind!(&mut inner.ring, queue => {
            if usize::from(queue.free()) < packets.len() {
                port.reap(queue, cache);
            }
            let taken = match queue.fault() {
                None => port.send_burst(queue, cache, packets),
                Some(_) => 0,
            };
            // In large portions, so that the device's cache lines are asked for now and then and
            // not at every burst; before they are needed, and while the device has its work.
            if queue.free() < queue.size() / 2 {
                port.reap(queue, cache);
            }
            // For the next burst.
            queue.prepare(PREPARED);
            taken
        })
    }

    #[inline]
    fn reclaim(&mut self, cache: &mut Cache<'p>) -> usize {
        let Some(inner) = &mut self.inner else {
            return 0;
        };
        let mut port = Port {
            bell: &inner.bell,
            account: &inner.account,
            chains: &mut inner.chains,
            limits: inner.limits,
            frames: &self.frames,
            stats: &mut self.stats,
        };
        for_each_kind!(&mut inner.ring, queue => port.reap(queue, cache))
    }

    fn stats(&self) -> TxStats {
        self.stats
    }
}

impl<'p, T: Transport, D: Dma, const N: usize, const Q: usize> NetTx<'_, 'p, T, D, N, Q> {
    /// Frees packets that can never be sent, because the device is gone.
    #[cold]
    fn free_all(&mut self, cache: &mut Cache<'p>, packets: &mut BurstView<'p>) -> usize {
        let count = packets.free(cache);
        self.stats.link_down = self.stats.link_down.wrapping_add(count as u64);
        count
    }
}

impl<T: Transport, D: Dma, const N: usize, const Q: usize> Drop for NetTx<'_, '_, T, D, N, Q> {
    fn drop(&mut self) {
        if let Some(inner) = self.inner.take() {
            self.adapter.park_tx(self.pair, inner);
        }
    }
}

impl<T: Transport, D: Dma, const N: usize, const Q: usize> fmt::Debug
    for NetTx<'_, '_, T, D, N, Q>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetTx")
            .field("pair", &self.pair)
            .field("fault", &self.fault())
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}

/// The place among the [`Chains`] that a token stands for; otherwise it is a frame's number.
#[inline(always)]
pub(super) const fn place_of(token: u32) -> Option<u8> {
    match token & PLACE {
        0 => None,
        _ => Some(token as u8),
    }
}

/// The token of a place.
pub(super) const fn token_of(place: u8) -> u32 {
    PLACE | place as u32
}

/// In a token: it is a place's. Frames are numbered up to 2^28.
const PLACE: u32 = 1 << 30;

/// What a packet may ask of a device.
const ASKS: Offloads = Offloads::L4_WANTED.union(Offloads::VLAN_WANTED);

/// The shortest frame in bytes: an Ethernet header.
pub(super) const ETHERNET_HEADER: usize = 14;

/// Descriptors whose cache lines are asked for ahead: a burst.
const PREPARED: usize = 32;

/// Frames freed at a time.
const BATCH: usize = 64;

//! The packet descriptor.

use core::fmt;
use core::mem::offset_of;

use bitflags::bitflags;
use static_assertions::const_assert_eq;

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
use crate::mempool::{EightHeads, eight_starts_mut, heads, heads_mut};
use crate::mempool::{Frame, RoomError};
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
use crate::platform::{Avx2, Eight, Numbers};
use crate::wire::{Layers, checksum, parse};

/// A port's number in its forwarder.
///
/// ```
/// use linecard::packet::PortId;
/// assert_eq!(PortId(3).to_string(), "port 3");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct PortId(pub u16);

bitflags! {
    /// What a device found out about a packet, and what it is asked to do.
    ///
    /// A checksum that is neither good nor bad is unknown: the device did not look.
    ///
    /// ```
    /// use linecard::packet::Offloads;
    /// let offloads = Offloads::L3_GOOD | Offloads::HASH;
    /// assert!(!offloads.intersects(Offloads::L4_GOOD | Offloads::L4_BAD), "layer 4 is unknown");
    /// ```
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct Offloads: u16 {
        /// The device checked the IPv4 header checksum, and it is right.
        const L3_GOOD = 1 << 0;
        /// The device checked the IPv4 header checksum, and it is wrong.
        const L3_BAD = 1 << 1;
        /// The device checked the layer-4 checksum, and it is right.
        const L4_GOOD = 1 << 2;
        /// The device checked the layer-4 checksum, and it is wrong.
        const L4_BAD = 1 << 3;
        /// The layer-4 checksum field has the pseudo-header's sum only. On receive: the sender left
        /// it to the device, and a worker [finishes](Packet::finish_checksum) it before any stage
        /// sees the packet. On transmit: a stage leaves it to the port, whose
        /// [transmit queue](crate::device::TxQueue::tx_burst) sends no packet without it.
        const L4_WANTED = 1 << 4;
        /// The layer-4 checksum may be unfinished: the port cannot tell, and its peers are known
        /// to leave checksums to the device (veth).
        const L4_DOUBTFUL = 1 << 5;
        /// The device took off a VLAN tag; [`Packet::vlan_tci`] has it.
        const VLAN_STRIPPED = 1 << 6;
        /// The device is to put on the VLAN tag of [`Packet::vlan_tci`].
        const VLAN_WANTED = 1 << 7;
        /// [`Packet::hash`] is the device's receive hash, or one computed since.
        const HASH = 1 << 8;
        /// The device wrote down when it received the packet, beside its bytes; its driver says
        /// where. A packet that takes over another's marks leaves this one out.
        const TIMESTAMP = 1 << 9;
    }
}

impl Offloads {
    /// Marks of a packet whose layer-4 checksum is unfinished, or may be.
    pub const L4_UNFINISHED: Self = Self::L4_WANTED.union(Self::L4_DOUBTFUL);
}

/// A packet: an owned descriptor of 32 bytes. Its bytes stay where the device put them.
///
/// ```text
/// | private | headroom | data: eth, ip, udp, ... | tailroom |     the frame, in the pool's region
///                        ^ offset, len
/// ```
///
/// It is not `Clone`. Sending, dropping and handing to another core are moves, so that using a
/// packet after it was sent does not compile. Dropping it gives its frame back to the pool;
/// [`BurstView::free`](super::BurstView::free) and [`Cache::free`](crate::mempool::Cache::free)
/// do so more cheaply.
///
/// ```
/// # use linecard::mempool::{Pool, PoolConfig, Region, Slot};
/// # let mut memory = vec![0u8; 4 * 2048 + 63];
/// # let slots = [const { Slot::new() }; 4];
/// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default()).unwrap();
/// use linecard::packet::{Packet, PortId};
///
/// let mut packet = Packet::new(pool.alloc().unwrap());
/// packet.append(5)?.copy_from_slice(b"hello");
/// packet.port = PortId(1);
/// packet.prepend(1)?.copy_from_slice(b">");
/// assert_eq!(packet.data(), b">hello");
/// # Ok::<(), linecard::mempool::RoomError>(())
/// ```
#[repr(C)]
pub struct Packet<'p> {
    frame: Frame<'p>,
    /// The receive hash, if [`Offloads::HASH`] is set.
    pub hash: u32,
    /// Which headers it has and where, once somebody has parsed it.
    pub layers: Layers,
    /// The port it came in by.
    pub port: PortId,
    /// What the device found out, or is asked to do.
    pub offloads: Offloads,
    /// The VLAN tag (IEEE 802.1Q tag control information) beside the data, if
    /// [`Offloads::VLAN_STRIPPED`] or [`Offloads::VLAN_WANTED`] is set.
    pub vlan_tci: u16,
    /// The forwarder's own: a class, a queue, the number of a flow.
    pub mark: u16,
}

/// A packet's first `N` bytes, and its layers.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
pub(crate) type HeadMut<'a, const N: usize> = (&'a mut [u8; N], &'a mut Layers);

const_assert_eq!(size_of::<Packet<'static>>(), 32);
const_assert_eq!(size_of::<Option<Packet<'static>>>(), 32);
// It is written as words: there is none without a byte of a field.
const_assert_eq!(offset_of!(Packet<'static>, frame), 0);
const_assert_eq!(offset_of!(Packet<'static>, hash), 16);
const_assert_eq!(offset_of!(Packet<'static>, layers), 20);
const_assert_eq!(offset_of!(Packet<'static>, port), 24);
const_assert_eq!(offset_of!(Packet<'static>, offloads), 26);
const_assert_eq!(offset_of!(Packet<'static>, mark), 30);

impl<'p> Packet<'p> {
    /// A packet on this frame, of which nothing is known yet.
    #[inline]
    pub const fn new(frame: Frame<'p>) -> Self {
        Self {
            frame,
            hash: 0,
            layers: Layers::new(crate::wire::Kinds::empty(), 0, 0),
            port: PortId(0),
            offloads: Offloads::empty(),
            vlan_tci: 0,
            mark: 0,
        }
    }

    /// A packet on this frame that came in by `port`.
    #[inline]
    pub const fn received(frame: Frame<'p>, port: PortId) -> Self {
        let mut packet = Self::new(frame);
        packet.port = port;
        packet
    }

    /// The frame, without what was known.
    #[inline]
    pub fn into_frame(self) -> Frame<'p> {
        self.frame
    }

    /// The frame.
    #[inline]
    pub const fn frame(&self) -> &Frame<'p> {
        &self.frame
    }

    /// The frame, to be changed; [`layers`](Self::layers) stays as it is.
    #[inline]
    pub const fn frame_mut(&mut self) -> &mut Frame<'p> {
        &mut self.frame
    }

    /// The data of the packet's first frame, which for nearly all packets is all of it.
    #[inline]
    pub fn data(&self) -> &[u8] {
        self.frame.data()
    }

    /// The data of the first frame, to be changed.
    #[inline]
    pub fn data_mut(&mut self) -> &mut [u8] {
        self.frame.data_mut()
    }

    /// The data of the first frame and the known layers, both to be changed.
    #[inline]
    pub fn data_and_layers_mut(&mut self) -> (&mut [u8], &mut Layers) {
        (self.frame.data_mut(), &mut self.layers)
    }

    /// The first `N` bytes of each of four packets, and their lengths; `None` if one has fewer or is
    /// [chained](Self::is_chained).
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    #[inline(always)]
    pub(crate) fn heads<const N: usize>(four: &[Self; 4]) -> Option<([&[u8; N]; 4], Numbers)> {
        heads(four.each_ref().map(|packet| &packet.frame))
    }

    /// Likewise with their layers, all to be changed.
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    #[inline(always)]
    pub(crate) fn heads_and_layers_mut<const N: usize>(
        four: &mut [Self; 4],
    ) -> Option<([HeadMut<'_, N>; 4], Numbers)> {
        let [a, b, c, d] = four;
        let frames = [&mut a.frame, &mut b.frame, &mut c.frame, &mut d.frame];
        let ([e, f, g, h], lens) = heads_mut(frames)?;
        let heads = [
            (e, &mut a.layers),
            (f, &mut b.layers),
            (g, &mut c.layers),
            (h, &mut d.layers),
        ];
        Some((heads, lens))
    }

    /// As [`heads_and_layers_mut`](Self::heads_and_layers_mut), of eight packets.
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    #[inline(always)]
    pub(crate) fn eight_heads_and_layers_mut<const N: usize>(
        avx2: Avx2,
        eight: &mut [Self; 8],
    ) -> Option<([HeadMut<'_, N>; 8], Eight)> {
        let heads = EightHeads::of(avx2, eight, Offloads::empty())?;
        let lens = heads.lens();
        Some((heads.into_heads_and_layers(), lens))
    }

    /// The frame and the known layers, both to be changed.
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    #[inline(always)]
    pub(crate) const fn frame_and_layers_mut(&mut self) -> (&mut Frame<'p>, &mut Layers) {
        (&mut self.frame, &mut self.layers)
    }

    /// The first `N` bytes of each of eight packets, in several frames or not, to be changed; `None` if the first
    /// frame of one has fewer.
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    #[inline(always)]
    pub(crate) fn eight_starts_mut<const N: usize>(
        avx2: Avx2,
        eight: &mut [Self; 8],
    ) -> Option<[&mut [u8; N]; 8]> {
        eight_starts_mut(avx2, eight)
    }

    /// The port below, what is [known](Self::offloads) above: both in one load.
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    #[inline(always)]
    pub(crate) const fn port_and_offloads(&self) -> u32 {
        self.port.0 as u32 | (self.offloads.bits() as u32) << 16
    }

    /// Bytes of data in the first frame.
    #[inline]
    pub const fn len(&self) -> usize {
        self.frame.len()
    }

    /// Whether the first frame has no data.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.frame.is_empty()
    }

    /// Bytes of data in all frames.
    #[inline]
    pub fn total_len(&self) -> usize {
        self.frame.total_len()
    }

    /// Whether the packet is in several frames.
    #[inline]
    pub const fn is_chained(&self) -> bool {
        self.frame.is_chained()
    }

    /// Bytes that can be prepended.
    #[inline]
    pub fn headroom(&self) -> usize {
        self.frame.headroom()
    }

    /// Bytes that can be appended to the first frame.
    #[inline]
    pub fn tailroom(&self) -> usize {
        self.frame.tailroom()
    }

    /// Takes `count` bytes of headroom into the data and gives them, holding anything. The known
    /// layers move along.
    ///
    /// # Errors
    ///
    /// [`RoomError`] if the headroom is less.
    #[inline]
    pub fn prepend(&mut self, count: usize) -> Result<&mut [u8], RoomError> {
        let new = self.frame.prepend(count)?;
        self.layers = u8::try_from(count)
            .ok()
            .and_then(|n| self.layers.moved_back(n))
            .unwrap_or_default();
        Ok(new)
    }

    /// Takes `count` bytes of tailroom into the data and gives them, holding anything.
    ///
    /// # Errors
    ///
    /// [`RoomError`] if the tailroom is less.
    #[inline]
    pub fn append(&mut self, count: usize) -> Result<&mut [u8], RoomError> {
        self.frame.append(count)
    }

    /// Takes `count` bytes off the front. The known layers move along, or are forgotten if they
    /// began there.
    ///
    /// # Errors
    ///
    /// [`RoomError`] if the first frame has fewer.
    #[inline]
    pub fn trim_front(&mut self, count: usize) -> Result<(), RoomError> {
        self.frame.trim_front(count)?;
        self.layers = u8::try_from(count)
            .ok()
            .and_then(|n| self.layers.moved_forward(n))
            .unwrap_or_default();
        Ok(())
    }

    /// Finishes the layer-4 checksum if its sender left it to the device
    /// ([`Offloads::L4_WANTED`]) or may have ([`Offloads::L4_DOUBTFUL`]), and takes both marks off.
    ///
    /// A worker does this to every received packet, so that no stage meets an unfinished checksum;
    /// a program with a loop of its own does it before it changes a packet or sends it on. Of a packet in
    /// several frames, all headers are in the first one.
    ///
    /// ```
    /// # use linecard::mempool::{Pool, PoolConfig, Region, Slot};
    /// # let mut memory = vec![0u8; 4 * 2048 + 63];
    /// # let slots = [const { Slot::new() }; 4];
    /// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default()).unwrap();
    /// use linecard::packet::{Offloads, Packet};
    ///
    /// let mut packet = Packet::new(pool.alloc().unwrap());
    /// packet.offloads = Offloads::L4_DOUBTFUL;
    /// packet.finish_checksum();
    /// assert!(packet.offloads.is_empty());
    /// ```
    #[inline]
    pub fn finish_checksum(&mut self) {
        if self.offloads.intersects(Offloads::L4_UNFINISHED) {
            self.finish_checksum_now();
        }
    }

    #[cold]
    fn finish_checksum_now(&mut self) {
        let layers = match self.layers == Layers::default() {
            true => parse::parse_first::<{ parse::TRUST }>(self.data(), self.total_len()).layers,
            false => self.layers,
        };
        let doubtful = !self.offloads.contains(Offloads::L4_WANTED);
        self.offloads.remove(Offloads::L4_UNFINISHED);
        if self.is_chained() {
            return self.finish_chained(layers, doubtful);
        }
        // What finishing answers says nothing that anybody here wants to know.
        let _ = match doubtful {
            true => checksum::finish_doubtful(self.data_mut(), layers),
            false => checksum::finish(self.data_mut(), layers),
        };
    }

    fn finish_chained(&mut self, layers: Layers, doubtful: bool) {
        let right = checksum::finish_chained(self.frame().segments(), layers, doubtful);
        if let Some((at, right)) = right
            && let Some(field) = self.data_mut().get_mut(at..)
            && let Some(field) = field.first_chunk_mut()
        {
            *field = right;
        }
    }

    /// Takes `count` bytes off the end.
    ///
    /// # Errors
    ///
    /// [`RoomError`] if the first frame has fewer.
    #[inline]
    pub fn trim_back(&mut self, count: usize) -> Result<(), RoomError> {
        self.frame.trim_back(count)
    }
}

impl fmt::Debug for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packet")
            .field("frame", &self.frame)
            .field("port", &self.port.0)
            .field("hash", &self.hash)
            .field("layers", &self.layers)
            .field("offloads", &self.offloads)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for PortId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "port {}", self.0)
    }
}

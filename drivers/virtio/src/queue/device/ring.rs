//! What both ring formats offer.

use super::{Chain, GuestFault, Segments, Single};

/// Where a guest put the three parts of a queue: its own addresses.
///
/// ```
/// use linecard_virtio::queue::device::RingAddresses;
/// let rings = RingAddresses { descriptors: 0x1000, driver: 0x2000, device: 0x3000 };
/// assert_eq!(rings.driver, 0x2000);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RingAddresses {
    /// The descriptor table, or the packed ring itself.
    pub descriptors: u64,
    /// The driver area: the available ring, or the driver's event suppression.
    pub driver: u64,
    /// The device area: the used ring, or the device's event suppression.
    pub device: u64,
}

/// How a queue was set up.
///
/// ```
/// use linecard_virtio::queue::device::{Position, RingConfig};
/// let config = RingConfig { size: 512, event_idx: true, ..RingConfig::default() };
/// assert_eq!(config.start, Position::START);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RingConfig {
    /// Entries, up to 32,768; of a split ring a power of two.
    pub size: u16,
    /// `VIRTIO_F_EVENT_IDX`: who wants to be told says from where on.
    pub event_idx: bool,
    /// `VIRTIO_F_INDIRECT_DESC`: chains may lie in tables outside of the ring.
    pub indirect: bool,
    /// `VIRTIO_F_IN_ORDER`: chains are given back in the order in which they came, so that a
    /// packed ring can say many at once.
    pub in_order: bool,
    /// Where to begin.
    pub start: Position,
}

impl Default for RingConfig {
    /// 256 entries, nothing negotiated, at the beginning.
    fn default() -> Self {
        Self {
            size: 256,
            event_idx: false,
            indirect: false,
            in_order: false,
            start: Position::START,
        }
    }
}

/// Where a queue stands: what vhost-user calls its base.
///
/// ```
/// use linecard_virtio::queue::device::Position;
/// assert_eq!(Position::packed(0x8003), Position { index: 3, wrap: true });
/// assert_eq!(Position { index: 3, wrap: true }.to_packed(), 0x8003_8003);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The next available entry: of a split ring free-running, of a packed one in the ring.
    pub index: u16,
    /// The wrap counter of a packed ring (a split one has none).
    pub wrap: bool,
}

impl Position {
    /// Where every queue begins.
    pub const START: Self = Self {
        index: 0,
        wrap: true,
    };

    /// A packed ring's, as vhost-user writes it: the index in bits 0 to 14, the wrap counter in
    /// bit 15. (Bits 16 to 31 are the same for used entries, which are the same here: a queue
    /// that stands has put back all chains.)
    pub const fn packed(base: u32) -> Self {
        Self {
            index: (base & 0x7fff) as u16,
            wrap: base & 0x8000 != 0,
        }
    }

    /// As vhost-user writes it of a packed ring, in both halves.
    pub const fn to_packed(self) -> u32 {
        let half = self.index as u32 & 0x7fff | (self.wrap as u32) << 15;
        half | half << 16
    }
}

/// The device's side of a virtqueue.
///
/// Chains go back in the order in which they were popped; see the [module](super) for an example.
pub trait DeviceQueue {
    /// Asks the processor for what [`pop`](Self::pop) and [`put`](Self::put) of the next `most` chains
    /// are going to touch of the rings, as far as they are available.
    ///
    /// Whether the chains are `writable` says what becomes of the ring: those that were only read may be
    /// said to be used by one word for all. A hint: nothing else changes by it, and what the guest does
    /// meanwhile does not matter.
    fn prefetch(&mut self, writable: bool, most: usize) {
        let _ = (writable, most);
    }

    /// Takes the next chain that the guest has made available, its segments behind those that
    /// `segments` has already; none if there is nothing.
    ///
    /// # Errors
    ///
    /// The [`GuestFault`] by which the queue is out of service, now and ever after.
    fn pop<const N: usize>(
        &mut self,
        segments: &mut Segments<N>,
    ) -> Result<Option<Chain>, GuestFault>;

    /// Takes chains for as long as each is one buffer in one descriptor, which the device writes if it
    /// is to be `writable` and reads otherwise, `take` wants it, and there are fewer than `most`; gives
    /// how many. What it stops at, [`pop`](Self::pop) takes, or finds to be a fault.
    fn pop_singles(
        &mut self,
        writable: bool,
        most: usize,
        take: impl FnMut(Single) -> bool,
    ) -> usize {
        let _ = (writable, most, take);
        0
    }

    /// Gives back the last `count` chains that [`pop_singles`](Self::pop_singles) took, as if they had
    /// not been.
    fn unpop_singles(&mut self, count: usize) {
        let _ = count;
    }

    /// Gives back chains that [`pop_singles`](Self::pop_singles) took, in their order, with how many bytes
    /// of each were written, as [`put`](Self::put) does; they are all `writable`, or none is. It may show
    /// them to the guest, as [`offer`](Self::offer) does, but no chain before the iterator has given it.
    fn put_singles(&mut self, writable: bool, done: impl Iterator<Item = (Single, u32)>) {
        let _ = writable;
        done.for_each(drop);
    }

    /// Gives back the chain that was popped last, as if it had not been.
    fn unpop(&mut self, chain: Chain);

    /// Gives back a chain as used, of which `written` bytes were written. The guest learns of it
    /// by [`publish`](Self::publish), or by [`offer`](Self::offer).
    fn put(&mut self, chain: Chain, written: u32);

    /// Between two packets of a burst: may show the guest what was put, without calling it, where the
    /// ring has a cache line full of that. A guest that polls goes on with it meanwhile.
    fn offer(&mut self) {}

    /// Shows the guest all chains that were put, at once; gives whether it wants to be called.
    #[must_use = "whether the guest wants to be called"]
    fn publish(&mut self) -> bool;

    /// Asks the guest to notify, or not to, when it makes chains available; gives whether there
    /// are some now, which were perhaps made available without a notification.
    fn set_notify(&mut self, wanted: bool) -> bool;

    /// Why the queue is out of service, if it is.
    fn fault(&self) -> Option<GuestFault>;

    /// Where to go on later: the first chain that was not popped.
    fn position(&self) -> Position;

    /// Entries of the ring.
    fn size(&self) -> u16;
}

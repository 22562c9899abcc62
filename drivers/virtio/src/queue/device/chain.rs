//! What a guest hands over: chains of buffers.

use core::ptr::NonNull;

use linecard::platform::{prefetch_read, prefetch_write};

use super::GuestFault;
use super::copy::copy;

/// One buffer of a chain, found in this program's memory.
///
/// It borrows nothing: the queue that gave it keeps the guest's memory, and the two `unsafe`
/// functions ask that it still lives.
///
/// ```
/// use linecard_virtio::queue::device::Segment;
///
/// /// The first bytes of a chain, of a queue that lives.
/// fn header(segments: &[Segment]) -> Option<[u8; 12]> {
///     let (mut header, first) = ([0; 12], segments.first()?);
///     // SAFETY: the queue that gave the segment lives.
///     let read = unsafe { first.read(0, &mut header) };
///     (read == 12).then_some(header)
/// }
/// assert_eq!(header(&[]), None);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Segment {
    at: NonNull<u8>,
    len: u32,
    writable: bool,
}

// SAFETY: a pointer into memory that belongs to the process; it is followed only by the `unsafe`
// functions, whose contract does not depend on the thread.
unsafe impl Send for Segment {}

impl Segment {
    pub(super) const fn new(at: NonNull<u8>, len: u32, writable: bool) -> Self {
        Self { at, len, writable }
    }

    /// Its first byte, for a prefetch.
    #[inline]
    pub const fn as_ptr(&self) -> NonNull<u8> {
        self.at
    }

    /// Asks the processor for the lines of the first bytes, up to 128, to be read.
    #[inline(always)]
    pub fn prefetch(&self) {
        prefetch_read(self.at);
        prefetch_read(self.near(self.len().wrapping_sub(1)));
    }

    /// Asks the processor for the lines of a packet of `len` bytes that is going to be
    /// [written](Self::write) behind a header of `header` bytes, up to 128: the header's own to be
    /// compared, the others to be written.
    #[inline(always)]
    pub fn prefetch_write(&self, header: usize, len: usize) {
        prefetch_read(self.at);
        prefetch_write(self.near(header));
        prefetch_write(self.near(header.saturating_add(len).wrapping_sub(1)));
    }

    /// The byte at `offset`, or the last one of those that a prefetch asks for.
    #[inline(always)]
    fn near(&self, offset: usize) -> NonNull<u8> {
        let last = self.len().wrapping_sub(1).min(PREFETCHED - 1);
        // SAFETY: `len` bytes from `at` are in one allocation (`GuestMemory`'s contract), and this is
        // one of them: segments are not empty.
        unsafe { self.at.add(offset.min(last)) }
    }

    /// Bytes in it.
    #[inline]
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether it has no bytes. Such segments are left out of chains.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether the device may write it, and not read it.
    #[inline]
    pub const fn is_writable(&self) -> bool {
        self.writable
    }

    /// Copies from `offset` on into `out`, as many bytes as there are; gives how many.
    ///
    /// The guest may change the bytes meanwhile: what is in `out` afterwards is what counts.
    ///
    /// # Safety
    ///
    /// The queue that gave this segment has not been dropped.
    #[inline(always)]
    pub unsafe fn read(&self, offset: usize, out: &mut [u8]) -> usize {
        let count = self.len().saturating_sub(offset).min(out.len());
        if count == 0 {
            return 0;
        }
        // SAFETY: `offset` is less than `len` (or `count` would be 0), and `len` bytes from `at`
        // are the guest's memory, in one allocation (`GuestMemory`'s contract).
        let from = unsafe { self.at.add(offset) };
        // SAFETY: `count` bytes are mapped and initialised at `from` (`GuestMemory`'s contract,
        // which holds while the queue lives: the caller's promise), and `out` has as many. They do
        // not overlap: no reference to guest memory exists. That the guest may write meanwhile is
        // outside of what the compiler can see, as with a device.
        unsafe { copy(from.as_ptr(), out.as_mut_ptr(), count) };
        count
    }

    /// Copies `bytes` to `offset`, as many as there is room for; gives how many. None if the
    /// segment is not writable.
    ///
    /// # Safety
    ///
    /// The queue that gave this segment has not been dropped.
    #[inline(always)]
    pub unsafe fn write(&self, offset: usize, bytes: &[u8]) -> usize {
        let count = self.len().saturating_sub(offset).min(bytes.len());
        if count == 0 || !self.writable {
            return 0;
        }
        // SAFETY: as in `read`.
        let to = unsafe { self.at.add(offset) };
        // SAFETY: as in `read`, the other way round.
        unsafe { copy(bytes.as_ptr(), to.as_ptr(), count) };
        count
    }

    /// The first `N` bytes, if there are as many.
    ///
    /// # Safety
    ///
    /// The queue that gave this segment has not been dropped.
    #[inline(always)]
    pub unsafe fn first<const N: usize>(&self) -> Option<[u8; N]> {
        if self.len() < N {
            return None;
        }
        // SAFETY: `N` bytes are mapped and initialised at `at`, as in `read`.
        Some(unsafe { self.at.cast::<[u8; N]>().read_unaligned() })
    }

    /// Writes a header of twelve bytes, in two numbers, to the beginning, but only if something else
    /// is there: a line that nobody writes is not carried from one processor to the other. Nothing
    /// happens if there is no room for it, or the segment is not writable.
    ///
    /// Numbers, because a processor that reads at once what was just written in pieces waits until
    /// every store before that is done, those to the guest's memory too.
    ///
    /// # Safety
    ///
    /// The queue that gave this segment has not been dropped.
    #[cfg(feature = "vhost-user")]
    #[inline(always)]
    pub(crate) unsafe fn update(&self, first: u64, last: u32) {
        if self.len() < 12 || !self.writable {
            return;
        }
        let low = self.at.cast::<u64>();
        // SAFETY: twelve bytes are in the segment, which is in one allocation.
        let high = unsafe { self.at.add(8) }.cast::<u32>();
        // SAFETY: eight bytes are mapped and initialised there, as in `read`.
        let there = unsafe { low.read_unaligned() };
        // SAFETY: four bytes are mapped and initialised there, as in `read`.
        let behind = unsafe { high.read_unaligned() };
        if (there, behind) != (first.to_le(), last.to_le()) {
            // SAFETY: as of the reads, the other way round.
            unsafe { low.write_unaligned(first.to_le()) };
            // SAFETY: as above.
            unsafe { high.write_unaligned(last.to_le()) };
        }
    }
}

/// Bytes that are asked for ahead at most: of longer packets the processor sees where they go on.
const PREFETCHED: usize = 128;

/// A chain of buffers that was taken from a queue, and is owed to it: it goes back by
/// [`put`](super::DeviceQueue::put) or [`unpop`](super::DeviceQueue::unpop).
///
/// ```
/// use linecard_virtio::queue::device::{Chain, DeviceQueue};
///
/// /// Gives a chain back without having looked at it.
/// fn skip<Q: DeviceQueue>(queue: &mut Q, chain: Chain) -> usize {
///     let bytes = chain.readable();
///     queue.put(chain, 0);
///     bytes
/// }
/// # let _ = skip::<linecard_virtio::queue::device::SplitQueue<NoGuest>>;
/// # struct NoGuest;
/// # // SAFETY: it gives nothing.
/// # unsafe impl linecard_virtio::queue::device::GuestMemory for NoGuest {
/// #     fn translate(&self, _: u64, _: usize) -> Option<core::ptr::NonNull<u8>> { None }
/// # }
/// ```
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a chain that is not put back is lost to the guest"]
pub struct Chain {
    /// What the guest knows it by.
    pub(super) id: u16,
    /// Descriptors of the ring that it takes up.
    pub(super) slots: u16,
    pub(super) first: u16,
    pub(super) count: u16,
    pub(super) readable: u32,
    pub(super) writable: u32,
    pub(super) truncated: bool,
}

impl Chain {
    /// What the guest knows it by: the head's number (split), the buffer's id (packed).
    #[inline]
    pub const fn id(&self) -> u16 {
        self.id
    }

    /// Bytes that the device may read.
    #[inline]
    pub const fn readable(&self) -> usize {
        self.readable as usize
    }

    /// Bytes that the device may write.
    #[inline]
    pub const fn writable(&self) -> usize {
        self.writable as usize
    }

    /// Whether it had more segments than there was room for: only some of it can be reached.
    #[inline]
    pub const fn is_truncated(&self) -> bool {
        self.truncated
    }
}

/// A chain that is one buffer in one descriptor, as nearly all are; owed to its queue like any
/// [`Chain`].
///
/// ```
/// use linecard_virtio::queue::device::Single;
///
/// /// Whether a packet of 64 bytes fits, with its header.
/// fn fits(single: &Single) -> bool {
///     single.segment().is_writable() && single.segment().len() >= 12 + 64
/// }
/// # let _ = fits;
/// ```
#[derive(Debug, Clone, Copy)]
#[must_use = "a chain that is not put back is lost to the guest"]
pub struct Single {
    segment: Segment,
    id: u16,
}

impl Single {
    pub(super) const fn new(segment: Segment, id: u16) -> Self {
        Self { segment, id }
    }

    /// Its buffer.
    #[inline(always)]
    pub const fn segment(&self) -> &Segment {
        &self.segment
    }

    /// What the guest knows it by: the descriptor's number (split), the buffer's id (packed).
    #[inline(always)]
    pub const fn id(&self) -> u16 {
        self.id
    }
}

/// The segments of the chains of one burst: room for `N`.
///
/// ```
/// use linecard_virtio::queue::device::Segments;
/// assert_eq!(Segments::<64>::new().room(), 64);
/// ```
#[derive(Debug)]
pub struct Segments<const N: usize> {
    list: heapless::Vec<Segment, N>,
}

impl<const N: usize> Segments<N> {
    /// Room for `N` segments, none of it taken.
    pub const fn new() -> Self {
        Self {
            list: heapless::Vec::new(),
        }
    }

    /// Segments that it has room for.
    #[inline]
    pub fn room(&self) -> usize {
        N.saturating_sub(self.list.len())
    }

    /// Forgets all segments.
    #[inline]
    pub fn clear(&mut self) {
        self.list.clear();
    }

    /// The segments of a chain that was popped into this list since it was cleared.
    #[inline]
    pub fn of(&self, chain: &Chain) -> &[Segment] {
        let first = usize::from(chain.first);
        let end = first.wrapping_add(usize::from(chain.count));
        self.list.get(first..end).unwrap_or(&[])
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    #[inline]
    pub(super) fn truncate(&mut self, len: usize) {
        self.list.truncate(len);
    }

    #[inline]
    fn push(&mut self, segment: Segment) -> bool {
        self.list.push(segment).is_ok()
    }
}

impl<const N: usize> Default for Segments<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// A chain under way: what is common to both ring formats.
#[derive(Debug)]
pub(super) struct Builder {
    pub(super) chain: Chain,
    started: usize,
}

impl Builder {
    #[inline(always)]
    pub(super) fn new<const N: usize>(segments: &Segments<N>) -> Self {
        let started = segments.len();
        Self {
            chain: Chain {
                id: 0,
                slots: 1,
                first: started as u16,
                count: 0,
                readable: 0,
                writable: 0,
                truncated: false,
            },
            started,
        }
    }

    /// Adds a buffer behind the others.
    #[inline(always)]
    pub(super) fn add<const N: usize>(
        &mut self,
        segments: &mut Segments<N>,
        segment: Segment,
    ) -> Result<(), GuestFault> {
        let chain = &mut self.chain;
        if segment.is_writable() {
            chain.writable = chain.writable.saturating_add(segment.len);
        } else if chain.writable > 0 {
            return Err(GuestFault::Order);
        } else {
            chain.readable = chain.readable.saturating_add(segment.len);
        }
        if segments.push(segment) {
            chain.count = chain.count.wrapping_add(1);
        } else {
            chain.truncated = true;
        }
        Ok(())
    }

    /// Takes back what was added, because of a fault.
    #[cold]
    pub(super) fn undo<const N: usize>(&self, segments: &mut Segments<N>) {
        segments.truncate(self.started);
    }
}

//! Where the parts of a ring lie in memory.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::mapping::Mapping;
use crate::sys::errno::Errno;
use crate::sys::if_xdp::{RING_NEED_WAKEUP, RingOffset};

/// The parts of one ring with entries of type `T`.
///
/// All are raw pointers to memory that the kernel writes as well: the words are used as atomics,
/// the entries are read and written whole, and no reference to either lives longer than one such
/// access.
#[derive(Debug)]
pub(crate) struct Layout<T> {
    producer: NonNull<AtomicU32>,
    consumer: NonNull<AtomicU32>,
    flags: NonNull<AtomicU32>,
    entries: NonNull<T>,
    size: u32,
}

// SAFETY: the pointers are into memory shared between processes (or between the program and the
// kernel), for which threads make no difference; `T` is a plain integer or structure.
unsafe impl<T: Copy + Send> Send for Layout<T> {}

impl<T: Copy> Layout<T> {
    /// Bytes that a mapping of a ring of `size` entries needs.
    pub(crate) fn bytes(offsets: &RingOffset, size: u32) -> usize {
        (offsets.desc as usize).saturating_add((size as usize).saturating_mul(size_of::<T>()))
    }

    /// The parts of a ring of `size` entries in `mapping`.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`] when `size` is not a power of two, or a part lies outside the mapping or is
    /// not aligned (a kernel that says so is not one to share memory with).
    ///
    /// # Safety
    ///
    /// The mapping outlives every use of the result.
    pub(crate) unsafe fn of_mapping(
        mapping: &Mapping,
        offsets: &RingOffset,
        size: u32,
    ) -> Result<Self, Errno> {
        let part = |offset: u64, len: usize, align: usize| {
            let offset = usize::try_from(offset).ok()?;
            let fits = offset.checked_add(len)? <= mapping.len() && offset.is_multiple_of(align);
            fits.then_some(offset)
        };
        let word = |offset| part(offset, size_of::<u32>(), align_of::<u32>());
        let entries = (size as usize).saturating_mul(size_of::<T>());
        let (Some(producer), Some(consumer), Some(flags), Some(entries), true) = (
            word(offsets.producer),
            word(offsets.consumer),
            word(offsets.flags),
            part(offsets.desc, entries, align_of::<T>()),
            size.is_power_of_two(),
        ) else {
            return Err(Errno::INVAL);
        };
        let base = mapping.base();
        // SAFETY: `part` has checked that the word lies in the mapping.
        let producer = unsafe { base.add(producer) }.cast();
        // SAFETY: likewise.
        let consumer = unsafe { base.add(consumer) }.cast();
        // SAFETY: likewise.
        let flags = unsafe { base.add(flags) }.cast();
        // SAFETY: `part` has checked that all entries lie in the mapping.
        let entries = unsafe { base.add(entries) }.cast();
        // SAFETY: all are checked, aligned (a mapping is page-aligned, the offsets were checked),
        // and live as long as the caller promises of the mapping.
        Ok(unsafe { Self::new(producer, consumer, flags, entries, size) })
    }

    /// A ring of parts.
    ///
    /// # Safety
    ///
    /// `size` is a power of two; `entries` is of that many; all pointers are aligned and valid for
    /// reads and writes for as long as the result is used; and nobody in this process accesses
    /// what they point at other than through one [`Producer`](super::Producer) or
    /// [`Consumer`](super::Consumer) (or, for the other side, as the ring's protocol says).
    pub(crate) unsafe fn new(
        producer: NonNull<AtomicU32>,
        consumer: NonNull<AtomicU32>,
        flags: NonNull<AtomicU32>,
        entries: NonNull<T>,
        size: u32,
    ) -> Self {
        Self {
            producer,
            consumer,
            flags,
            entries,
            size,
        }
    }

    /// Entries.
    pub(crate) fn size(&self) -> u32 {
        self.size
    }

    pub(super) fn producer(&self) -> &AtomicU32 {
        // SAFETY: valid and aligned for as long as `self` is used (`new`); an atomic may be shared
        // with whoever writes it meanwhile.
        unsafe { self.producer.as_ref() }
    }

    pub(super) fn consumer(&self) -> &AtomicU32 {
        // SAFETY: as for `producer`.
        unsafe { self.consumer.as_ref() }
    }

    /// Whether the kernel sleeps and wants a system call.
    pub(super) fn needs_wakeup(&self) -> bool {
        // SAFETY: as for `producer`.
        let flags = unsafe { self.flags.as_ref() };
        flags.load(Ordering::Relaxed) & RING_NEED_WAKEUP != 0
    }

    /// The entry that counter `position` stands for.
    pub(super) fn read(&self, position: u32) -> T {
        let entry = self.entry(position);
        // Volatile, so that it is read once: what is checked afterwards is what is used.
        // SAFETY: `entry` is valid and aligned (`new`). The kernel has finished with it, or what is
        // read here is garbage of a plain type, which the caller checks before it is used.
        unsafe { entry.read_volatile() }
    }

    /// Sets the entry that counter `position` stands for.
    pub(super) fn write(&self, position: u32, value: T) {
        let entry = self.entry(position);
        // SAFETY: `entry` is valid and aligned (`new`), and it is this side's turn to write it.
        unsafe { entry.write(value) };
    }

    /// Asks by `ask` for each cache line of the `count` entries from counter `position` on.
    #[inline(always)]
    pub(super) fn ask_ahead(&self, position: u32, count: u32, ask: impl Fn(NonNull<u8>)) {
        let step = LINE / size_of::<T>();
        for at in (0..count).step_by(step.max(1)) {
            ask(self.entry(position.wrapping_add(at)).cast());
        }
    }

    fn entry(&self, position: u32) -> NonNull<T> {
        // `size` is a power of two, so the difference is its mask.
        let index = position & self.size.wrapping_sub(1);
        // SAFETY: `index` is below `size`, and `entries` is of `size` entries (`new`).
        unsafe { self.entries.add(index as usize) }
    }
}

/// Bytes of a cache line, or a part of one.
const LINE: usize = 64;

//! A device's registers, as a stretch of bytes that is read and written at given widths.

use core::ptr::NonNull;

use linecard::platform::barrier;

/// Registers, by their offset in bytes. A test puts a device of its own behind it.
///
/// Reads and writes are of the width named, happen once each and in program order. Offsets are
/// checked by the implementer: past the end a read gives all ones, as from a device that is gone,
/// and a write does nothing.
///
/// ```
/// use core::cell::Cell;
/// use linecard_virtio::transport::Window;
///
/// /// One register that counts how often it is read.
/// struct Counter(Cell<u32>);
/// impl Window for Counter {
///     fn len(&self) -> usize { 4 }
///     fn read8(&self, _: usize) -> u8 { 0xff }
///     fn read16(&self, _: usize) -> u16 { 0xffff }
///     fn read32(&self, at: usize) -> u32 {
///         if at != 0 { return u32::MAX; }
///         self.0.set(self.0.get() + 1);
///         self.0.get()
///     }
///     fn write8(&self, _: usize, _: u8) {}
///     fn write16(&self, _: usize, _: u16) {}
///     fn write32(&self, _: usize, value: u32) { self.0.set(value) }
/// }
/// let counter = Counter(Cell::new(0));
/// assert_eq!((counter.read32(0), counter.read32(0), counter.read32(4)), (1, 2, u32::MAX));
/// ```
pub trait Window {
    /// Bytes that it covers.
    fn len(&self) -> usize;

    /// Whether it covers none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads a register of one byte.
    fn read8(&self, at: usize) -> u8;
    /// Reads a register of two bytes, little-endian.
    fn read16(&self, at: usize) -> u16;
    /// Reads a register of four bytes, little-endian.
    fn read32(&self, at: usize) -> u32;
    /// Writes a register of one byte.
    fn write8(&self, at: usize, value: u8);
    /// Writes a register of two bytes, little-endian.
    fn write16(&self, at: usize, value: u16);
    /// Writes a register of four bytes, little-endian.
    fn write32(&self, at: usize, value: u32);

    /// Reads a field of the configuration space: 2, 4 and 8 bytes at once (8 as two halves, which
    /// is what the specification asks for, sections 4.1.3.1 and 4.2.2.2), other lengths byte by byte.
    fn read_field(&self, at: usize, out: &mut [u8]) {
        match out {
            [a, b] if at.is_multiple_of(2) => [*a, *b] = self.read16(at).to_le_bytes(),
            [..] if matches!(out.len(), 4 | 8) && at.is_multiple_of(4) => {
                for (offset, four) in (at..).step_by(4).zip(out.chunks_exact_mut(4)) {
                    four.copy_from_slice(&self.read32(offset).to_le_bytes());
                }
            }
            _ => {
                for (offset, byte) in (at..).zip(out) {
                    *byte = self.read8(offset);
                }
            }
        }
    }

    /// Writes a field of the configuration space, as [`read_field`](Self::read_field) reads it.
    fn write_field(&self, at: usize, bytes: &[u8]) {
        match *bytes {
            [a, b] if at.is_multiple_of(2) => self.write16(at, u16::from_le_bytes([a, b])),
            [a, b, c, d] if at.is_multiple_of(4) => {
                self.write32(at, u32::from_le_bytes([a, b, c, d]));
            }
            _ => {
                for (offset, &byte) in (at..).zip(bytes) {
                    self.write8(offset, byte);
                }
            }
        }
    }
}

/// Registers at an address: memory-mapped I/O.
///
/// ```no_run
/// use core::ptr::NonNull;
/// use linecard_virtio::transport::{Mapped, Mmio};
///
/// // QEMU's microvm has its first virtio-mmio device here.
/// let registers = NonNull::new(0xfeb0_0000 as *mut u8).unwrap();
/// // SAFETY: the page tables map it uncached, and nobody else uses it.
/// let device = Mmio::new(unsafe { Mapped::new(registers, 0x200) })?;
/// # Ok::<(), linecard_virtio::TransportError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Mapped {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: a window is an address and a length; whoever made it promised that the registers may be
// accessed for as long as the program runs, from whatever thread has the window.
unsafe impl Send for Mapped {}

impl Mapped {
    /// The `len` bytes of registers at `base`.
    ///
    /// # Safety
    ///
    /// - They are mapped for the rest of the program's life, as device memory: uncached, and not
    ///   write-combining; `base` is aligned to 4 bytes.
    /// - Reads and writes of them have no effect on the program's memory but what the device's
    ///   specification says; nobody else uses them.
    /// - The device behind them reaches memory by the addresses that the
    ///   [`Dma`](linecard::platform::Dma) gives with which it is used, and only by those that it
    ///   was given.
    pub const unsafe fn new(base: NonNull<u8>, len: usize) -> Self {
        Self { base, len }
    }

    /// A part of it, if it has one from `offset` with so many bytes.
    #[must_use]
    pub fn part(&self, offset: usize, len: usize) -> Option<Self> {
        if offset.checked_add(len)? > self.len || !offset.is_multiple_of(4) {
            return None;
        }
        // SAFETY: `offset` is at most `self.len`, all of which is mapped (`new`).
        let base = unsafe { self.base.add(offset) };
        Some(Self { base, len })
    }

    /// The register of `T` at `at`, if all of it is in the window and aligned.
    #[inline]
    fn register<T>(&self, at: usize) -> Option<NonNull<T>> {
        let width = size_of::<T>();
        if at.checked_add(width)? > self.len || !at.is_multiple_of(width) {
            return None;
        }
        // SAFETY: `at` is less than `self.len`, all of which is mapped (`new`).
        Some(unsafe { self.base.add(at) }.cast())
    }
}

macro_rules! access {
    ($read:ident, $write:ident, $type:ty) => {
        #[inline]
        fn $read(&self, at: usize) -> $type {
            let Some(register) = self.register::<$type>(at) else {
                return <$type>::MAX;
            };
            // SAFETY: `register` is in the window and aligned, and its maker promised that it may
            // be read (`new`).
            let value = <$type>::from_le(unsafe { register.read_volatile() });
            // What the register says comes before what is read from memory because of it.
            barrier::read();
            value
        }

        #[inline]
        fn $write(&self, at: usize, value: $type) {
            let Some(register) = self.register::<$type>(at) else {
                return;
            };
            // What was written to memory is there when the device hears of it.
            barrier::mmio();
            // SAFETY: as in the read; its maker promised that it may be written.
            unsafe { register.write_volatile(value.to_le()) };
        }
    };
}

impl Window for Mapped {
    fn len(&self) -> usize {
        self.len
    }

    access!(read8, write8, u8);
    access!(read16, write16, u16);
    access!(read32, write32, u32);
}

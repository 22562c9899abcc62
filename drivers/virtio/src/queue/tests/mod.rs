//! The driver's side against a device that uses buffers in any order, and one that lies.

mod lies;
mod notify;
mod random;

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::boxed::Box;
use std::collections::VecDeque;
use std::vec::Vec;

use linecard::mempool::DeviceAddress;

use super::layout::{DescFlags, Parts};
use super::packed::PackedQueue;
use super::split::SplitQueue;
use super::*;

/// A queue's memory, aligned as it must be.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Memory([u8; 8192]);

/// Both sides of a queue of up to 64 descriptors.
pub(super) struct Rig<V> {
    pub(super) queue: V,
    pub(super) device: Device,
    _memory: Box<Memory>,
}

pub(super) trait Make: Virtqueue + Sized {
    fn make(size: u16, options: Options) -> Rig<Self>;
}

macro_rules! make {
    ($queue:ty, $packed:literal) => {
        impl Make for $queue {
            fn make(size: u16, options: Options) -> Rig<Self> {
                let mut memory = Box::new(Memory([0xa5; 8192]));
                let at = NonNull::from(&mut *memory).cast();
                assert!(Parts::of(size, $packed).is_some_and(|parts| parts.len <= 8192));
                // SAFETY: the memory is aligned and long enough, stays where it is in its box, and is
                // touched by the queue and the test's device alone, by atomics.
                let queue = unsafe { <$queue>::new(at, size, options) }.unwrap();
                let start = queue.start();
                Rig {
                    queue,
                    device: Device::new(at, size, $packed, start),
                    _memory: memory,
                }
            }
        }
    };
}

make!(SplitQueue<64>, false);
make!(PackedQueue<64>, true);

/// A buffer that the device has: what it is known by, and its parts.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    pub(super) id: u16,
    pub(super) slots: u16,
    /// Address, length, writable.
    pub(super) parts: Vec<(u64, u32, bool)>,
}

/// A device that sees the rings as they are, and does what it is told.
#[derive(Debug)]
pub(super) struct Device {
    at: NonNull<u8>,
    pub(super) parts: Parts,
    size: u16,
    packed: bool,
    /// Where it is in the available entries: free-running, or the place in a packed ring.
    next: u16,
    next_wrap: bool,
    /// The same of used entries.
    used: u16,
    used_wrap: bool,
    /// Taken, and not used yet.
    pub(super) has: VecDeque<Taken>,
}

impl Device {
    fn new(at: NonNull<u8>, size: u16, packed: bool, start: u16) -> Self {
        let (place, wrap) = match packed {
            true => (start & 0x7fff, start & 0x8000 != 0),
            false => (start, true),
        };
        Self {
            at,
            parts: Parts::of(size, packed).unwrap(),
            size,
            packed,
            next: place,
            next_wrap: wrap,
            used: place,
            used_wrap: wrap,
            has: VecDeque::new(),
        }
    }

    pub(super) fn u16(&self, offset: usize) -> &AtomicU16 {
        assert!(offset + 2 <= self.parts.len);
        // SAFETY: inside the memory.
        let at = unsafe { self.at.add(offset) };
        // SAFETY: as above, aligned, alive as long as the rig, and atomics on both sides.
        unsafe { AtomicU16::from_ptr(at.cast().as_ptr()) }
    }

    pub(super) fn u32(&self, offset: usize) -> &AtomicU32 {
        assert!(offset + 4 <= self.parts.len);
        // SAFETY: inside the memory.
        let at = unsafe { self.at.add(offset) };
        // SAFETY: as in `u16`.
        unsafe { AtomicU32::from_ptr(at.cast().as_ptr()) }
    }

    fn desc(&self, index: u16) -> (u64, u32, u16, u16) {
        let at = 16 * usize::from(index);
        let load = |offset| self.u32(at + offset).load(Ordering::Relaxed);
        let addr = u64::from(load(0)) | u64::from(load(4)) << 32;
        let last = load(12);
        (addr, load(8), last as u16, (last >> 16) as u16)
    }

    /// Takes all that is available.
    pub(super) fn take_all(&mut self) {
        while let Some(taken) = if self.packed {
            self.take_packed()
        } else {
            self.take_split()
        } {
            self.has.push_back(taken);
        }
    }

    fn take_split(&mut self) -> Option<Taken> {
        let driver = self.parts.driver;
        if self.u16(driver + 2).load(Ordering::Acquire) == self.next {
            return None;
        }
        let entry = driver + 4 + 2 * usize::from(self.next % self.size);
        let id = self.u16(entry).load(Ordering::Relaxed);
        let mut taken = Taken {
            id,
            slots: 0,
            parts: Vec::new(),
        };
        let mut at = id;
        loop {
            let (addr, len, flags, next) = self.desc(at);
            let flags = DescFlags::from_bits_retain(flags);
            taken
                .parts
                .push((addr, len, flags.contains(DescFlags::WRITE)));
            taken.slots += 1;
            assert!(taken.slots <= self.size, "a loop");
            if !flags.contains(DescFlags::NEXT) {
                break;
            }
            at = next;
        }
        self.next = self.next.wrapping_add(1);
        Some(taken)
    }

    fn take_packed(&mut self) -> Option<Taken> {
        let mut taken = Taken {
            id: 0,
            slots: 0,
            parts: Vec::new(),
        };
        let (mut place, mut wrap) = (self.next, self.next_wrap);
        loop {
            let (addr, len, id, flags) = self.desc(place);
            let flags = DescFlags::from_bits_retain(flags);
            let available =
                flags.contains(DescFlags::AVAIL) == wrap && flags.contains(DescFlags::USED) != wrap;
            if !available {
                assert!(taken.parts.is_empty(), "a chain was published in part");
                return None;
            }
            taken
                .parts
                .push((addr, len, flags.contains(DescFlags::WRITE)));
            taken.slots += 1;
            taken.id = id;
            place += 1;
            if place == self.size {
                (place, wrap) = (0, !wrap);
            }
            if !flags.contains(DescFlags::NEXT) {
                break;
            }
        }
        (self.next, self.next_wrap) = (place, wrap);
        Some(taken)
    }

    /// Gives one back as used, which stands for `batch` more before it.
    pub(super) fn put(&mut self, taken: &Taken, written: u32, batch: u16, slots: u16) {
        if self.packed {
            let flags = match self.used_wrap {
                true => (DescFlags::AVAIL | DescFlags::USED).bits(),
                false => 0,
            };
            let at = 16 * usize::from(self.used);
            self.u32(at + 8).store(written, Ordering::Relaxed);
            self.u16(at + 12).store(taken.id, Ordering::Relaxed);
            self.u16(at + 14).store(flags, Ordering::Release);
            self.used += slots;
            if self.used >= self.size {
                self.used -= self.size;
                self.used_wrap = !self.used_wrap;
            }
        } else {
            let at = self.parts.device + 4 + 8 * usize::from(self.used % self.size);
            self.u32(at).store(taken.id.into(), Ordering::Relaxed);
            self.u32(at + 4).store(written, Ordering::Relaxed);
            self.used = self.used.wrapping_add(1 + batch);
            self.u16(self.parts.device + 2)
                .store(self.used, Ordering::Release);
        }
    }

    /// Uses one of those that it has.
    pub(super) fn use_one(&mut self, which: usize, written: u32) -> Taken {
        let taken = self.has.remove(which).unwrap();
        self.put(&taken, written, 0, taken.slots);
        taken
    }

    /// Uses the first so many at once, by one entry for the last.
    pub(super) fn use_batch(&mut self, count: usize, written: u32) -> Vec<Taken> {
        let batch: Vec<_> = self.has.drain(..count).collect();
        let slots = batch.iter().map(|taken| taken.slots).sum();
        self.put(batch.last().unwrap(), written, count as u16 - 1, slots);
        batch
    }
}

pub(super) fn buffer(addr: u64, len: u32, writable: bool) -> Buffer {
    Buffer {
        addr: DeviceAddress(addr),
        len,
        writable,
    }
}

/// Pushes a buffer that no device reads.
pub(super) fn push(queue: &mut impl Virtqueue, parts: &[Buffer], token: u32) -> bool {
    match parts {
        // SAFETY: the test's device does not follow addresses.
        [one] => unsafe { queue.push(*one, token) },
        // SAFETY: as above.
        several => unsafe { queue.push_chain(several, token) },
    }
}

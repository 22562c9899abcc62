//! A guest that keeps to the rules, unless told otherwise: it writes the rings by hand.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::boxed::Box;
use std::rc::Rc;
use std::vec;
use std::vec::Vec;

use super::super::{GuestMemory, RingAddresses};

/// Memory from address 0 on.
#[derive(Debug)]
pub(super) struct Memory {
    words: Box<[Line]>,
}

#[derive(Debug, Default)]
#[repr(align(16))]
#[expect(dead_code, reason = "it is reached by pointers")]
struct Line([AtomicU64; 2]);

// SAFETY: what is given lies in the box, which stays where it is and is not touched by reference
// but for one access at a time, on this thread.
unsafe impl GuestMemory for Rc<Memory> {
    fn translate(&self, address: u64, len: usize) -> Option<NonNull<u8>> {
        let at = usize::try_from(address).ok()?;
        (at.checked_add(len)? <= LEN).then(|| self.at(at))
    }
}

impl Memory {
    pub(super) fn new() -> Rc<Self> {
        // From a 16-byte boundary, as rings must be.
        let words = (0..LEN / 16).map(|_| Line::default()).collect();
        Rc::new(Self { words })
    }

    fn at(&self, at: usize) -> NonNull<u8> {
        let base = self.words.as_ptr().cast::<u8>().cast_mut();
        NonNull::new(base.wrapping_add(at)).unwrap()
    }

    pub(super) fn write(&self, at: usize, bytes: &[u8]) {
        assert!(at + bytes.len() <= LEN);
        let to = self.at(at).as_ptr();
        // SAFETY: in the box (above), to which no reference exists.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
    }

    pub(super) fn read<const N: usize>(&self, at: usize) -> [u8; N] {
        assert!(at + N <= LEN);
        // SAFETY: in the box (above), to which no reference exists.
        unsafe { self.at(at).cast::<[u8; N]>().read() }
    }

    pub(super) fn u16(&self, at: usize) -> u16 {
        let cell = self.at(at).cast::<AtomicU16>();
        // SAFETY: in the box, aligned as callers choose their addresses.
        unsafe { cell.as_ref() }.load(Ordering::Acquire)
    }

    pub(super) fn set(&self, at: usize, value: u16) {
        self.write(at, &value.to_le_bytes());
    }
}

/// A buffer: address, length, whether the device writes it.
pub(super) type Buffer = (u64, u32, bool);

/// What both forms of guest do.
pub(super) trait Guest {
    const PACKED: bool;
    fn new(size: u16, start: u16) -> Self;
    /// Makes a chain available; `indirect` by a table at that address.
    fn post(&mut self, memory: &Memory, id: u16, chain: &[Buffer], indirect: Option<u64>);
    /// What came back: ids and lengths.
    fn used(&mut self, memory: &Memory) -> Vec<(u16, u32)>;
    /// Says from which entry on it wants to be called: at once, or after so many more.
    fn call_after(&mut self, memory: &Memory, more: u16);
    /// Wants to be called always, or never (without `EVENT_IDX`).
    fn call(&mut self, memory: &Memory, wanted: bool);
    /// Whether the device wants to know of the chain that is posted next.
    fn must_notify(&self, memory: &Memory, event_idx: bool) -> bool;
}

#[derive(Debug)]
pub(super) struct SplitGuest {
    size: u16,
    idx: u16,
    used: u16,
    free: Vec<u16>,
    /// By head: the guest's own id, and descriptors.
    out: Vec<(u16, Vec<u16>)>,
}

impl Guest for SplitGuest {
    const PACKED: bool = false;

    fn new(size: u16, start: u16) -> Self {
        Self {
            size,
            idx: start,
            used: start,
            free: (0..size).rev().collect(),
            out: vec![(0, Vec::new()); usize::from(size)],
        }
    }

    fn post(&mut self, memory: &Memory, id: u16, chain: &[Buffer], indirect: Option<u64>) {
        let table = indirect.map(|at| {
            for (index, &(address, len, writable)) in chain.iter().enumerate() {
                let more = index + 1 < chain.len();
                let flags = u16::from(more) | u16::from(writable) << 1;
                let entry = descriptor(address, len, flags, index as u16 + 1);
                memory.write(at as usize + 16 * index, &entry);
            }
            (at, 16 * chain.len() as u32)
        });
        let count = if table.is_some() { 1 } else { chain.len() };
        let slots: Vec<u16> = (0..count).map(|_| self.free.pop().unwrap()).collect();
        if let Some((address, len)) = table {
            memory.write(16 * usize::from(slots[0]), &descriptor(address, len, 4, 0));
        } else {
            for (index, &(address, len, writable)) in chain.iter().enumerate() {
                let next = slots.get(index + 1).copied();
                let flags = u16::from(next.is_some()) | u16::from(writable) << 1;
                let entry = descriptor(address, len, flags, next.unwrap_or(0));
                memory.write(16 * usize::from(slots[index]), &entry);
            }
        }
        let head = slots[0];
        let place = RINGS.driver as usize + 4 + 2 * usize::from(self.idx % self.size);
        memory.set(place, head);
        self.idx = self.idx.wrapping_add(1);
        memory.set(RINGS.driver as usize + 2, self.idx);
        self.out[usize::from(head)] = (id, slots);
    }

    fn used(&mut self, memory: &Memory) -> Vec<(u16, u32)> {
        let now = memory.u16(RINGS.device as usize + 2);
        let mut all = Vec::new();
        while self.used != now {
            let place = RINGS.device as usize + 4 + 8 * usize::from(self.used % self.size);
            let head = u32::from_le_bytes(memory.read(place));
            let len = u32::from_le_bytes(memory.read(place + 4));
            let (id, slots) = core::mem::take(&mut self.out[head as usize]);
            assert!(!slots.is_empty(), "used twice, or never posted");
            self.free.extend(slots);
            self.used = self.used.wrapping_add(1);
            all.push((id, len));
        }
        all
    }

    fn call_after(&mut self, memory: &Memory, more: u16) {
        let place = RINGS.driver as usize + 4 + 2 * usize::from(self.size);
        memory.set(place, self.used.wrapping_add(more));
    }

    fn call(&mut self, memory: &Memory, wanted: bool) {
        memory.set(RINGS.driver as usize, u16::from(!wanted));
    }

    fn must_notify(&self, memory: &Memory, event_idx: bool) -> bool {
        let place = RINGS.device as usize + 4 + 8 * usize::from(self.size);
        match event_idx {
            true => memory.u16(place) == self.idx,
            false => memory.u16(RINGS.device as usize) & 1 == 0,
        }
    }
}

#[derive(Debug)]
pub(super) struct PackedGuest {
    size: u16,
    next: (u16, bool),
    used: (u16, bool),
    /// By id: descriptors.
    slots: Vec<u16>,
    /// Ids in the order in which they were posted: a device that keeps to it may skip some.
    order: std::collections::VecDeque<u16>,
}

impl PackedGuest {
    fn step((index, wrap): (u16, bool), by: u16, size: u16) -> (u16, bool) {
        let index = index + by;
        if index >= size {
            (index - size, !wrap)
        } else {
            (index, wrap)
        }
    }
}

impl Guest for PackedGuest {
    const PACKED: bool = true;

    fn new(size: u16, start: u16) -> Self {
        let start = (start & 0x7fff, start & 0x8000 != 0);
        Self {
            size,
            next: start,
            used: start,
            slots: vec![0; 1 << 16],
            order: std::collections::VecDeque::new(),
        }
    }

    fn post(&mut self, memory: &Memory, id: u16, chain: &[Buffer], indirect: Option<u64>) {
        let mut entries: Vec<(u64, u32, u16)> = Vec::new();
        if let Some(at) = indirect {
            for (index, &(address, len, writable)) in chain.iter().enumerate() {
                let entry = descriptor(address, len, 0, u16::from(writable) << 1);
                memory.write(at as usize + 16 * index, &entry);
            }
            entries.push((at, 16 * chain.len() as u32, 4));
        } else {
            for (index, &(address, len, writable)) in chain.iter().enumerate() {
                let more = index + 1 < chain.len();
                entries.push((address, len, u16::from(more) | u16::from(writable) << 1));
            }
        }
        let first = self.next;
        let mut first_flags = 0;
        for (index, &(address, len, flags)) in entries.iter().enumerate() {
            let (at, wrap) = self.next;
            let flags = flags | if wrap { 1 << 7 } else { 1 << 15 };
            if index == 0 {
                first_flags = flags;
            }
            // The first one's flags come last.
            let flags = if index == 0 {
                memory.u16(16 * usize::from(at) + 14)
            } else {
                flags
            };
            memory.write(16 * usize::from(at), &descriptor(address, len, id, flags));
            self.next = Self::step(self.next, 1, self.size);
        }
        memory.set(16 * usize::from(first.0) + 14, first_flags);
        self.slots[usize::from(id)] = entries.len() as u16;
        self.order.push_back(id);
    }

    fn used(&mut self, memory: &Memory) -> Vec<(u16, u32)> {
        let mut all = Vec::new();
        loop {
            let (at, wrap) = self.used;
            let at = 16 * usize::from(at);
            let flags = memory.u16(at + 14);
            if (flags & 1 << 7 != 0) != wrap || (flags & 1 << 15 != 0) != wrap {
                return all;
            }
            let id = memory.u16(at + 12);
            let len = u32::from_le_bytes(memory.read(at + 8));
            assert_eq!(
                flags & 2 != 0,
                len > 0,
                "the length says whether it was written"
            );
            // All up to this id, by a device that keeps to the order; otherwise just this one.
            loop {
                let done = self.order.pop_front().expect("never posted, or used twice");
                let by = self.slots[usize::from(done)];
                self.used = Self::step(self.used, by, self.size);
                all.push((done, if done == id { len } else { 0 }));
                if done == id {
                    break;
                }
            }
        }
    }

    fn call_after(&mut self, memory: &Memory, more: u16) {
        let (index, wrap) = Self::step(self.used, more, self.size);
        memory.set(RINGS.driver as usize, index | u16::from(wrap) << 15);
        memory.set(RINGS.driver as usize + 2, 2);
    }

    fn call(&mut self, memory: &Memory, wanted: bool) {
        memory.set(RINGS.driver as usize + 2, u16::from(!wanted));
    }

    fn must_notify(&self, memory: &Memory, _: bool) -> bool {
        let next = self.next.0 | u16::from(self.next.1) << 15;
        match memory.u16(RINGS.device as usize + 2) {
            0 => true,
            2 => memory.u16(RINGS.device as usize) == next,
            _ => false,
        }
    }
}

/// Sixteen bytes of a descriptor.
pub(super) fn descriptor(address: u64, len: u32, third: u16, fourth: u16) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&address.to_le_bytes());
    bytes[8..12].copy_from_slice(&len.to_le_bytes());
    bytes[12..14].copy_from_slice(&third.to_le_bytes());
    bytes[14..].copy_from_slice(&fourth.to_le_bytes());
    bytes
}

/// The rings lie in the first 16 KiB, buffers behind.
pub(super) const RINGS: RingAddresses = RingAddresses {
    descriptors: 0,
    driver: 4096,
    device: 8192,
};
pub(super) const TABLES: u64 = 12288;
pub(super) const BUFFERS: u64 = 16384;
pub(super) const LEN: usize = 65536;

//! One piece after the other, from a chain's segments or into them.

use crate::queue::device::Segment;

/// A place in a chain's segments, which goes on as bytes are read or written.
#[derive(Debug)]
pub(super) struct Cursor<'s> {
    segments: &'s [Segment],
    /// In the first of them.
    offset: usize,
}

impl<'s> Cursor<'s> {
    /// At the beginning.
    ///
    /// # Safety
    ///
    /// The queue that gave the segments outlives the cursor.
    pub(super) const unsafe fn new(segments: &'s [Segment]) -> Self {
        Self {
            segments,
            offset: 0,
        }
    }

    /// Fills `out`, as far as there are bytes.
    pub(super) fn read(&mut self, mut out: &mut [u8]) {
        while let Some((segment, offset, count)) = self.step(out.len()) {
            let Some((piece, rest)) = out.split_at_mut_checked(count) else {
                return;
            };
            // SAFETY: the promise of whoever made the cursor.
            unsafe { segment.read(offset, piece) };
            out = rest;
        }
    }

    /// Writes `bytes`, as far as there is room.
    pub(super) fn write(&mut self, mut bytes: &[u8]) {
        while let Some((segment, offset, count)) = self.step(bytes.len()) {
            let Some((piece, rest)) = bytes.split_at_checked(count) else {
                return;
            };
            // SAFETY: the promise of whoever made the cursor.
            unsafe { segment.write(offset, piece) };
            bytes = rest;
        }
    }

    /// Passes over the next piece, of `most` bytes at most: where it is, and how long. None if there
    /// is none, or none is wanted.
    fn step(&mut self, most: usize) -> Option<(&'s Segment, usize, usize)> {
        loop {
            let (segment, rest) = self.segments.split_first()?;
            let (offset, left) = (self.offset, segment.len().saturating_sub(self.offset));
            if left == 0 {
                self.segments = rest;
                self.offset = 0;
                continue;
            }
            let count = left.min(most);
            self.offset = offset.wrapping_add(count);
            return (count > 0).then_some((segment, offset, count));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::queue::device::{
        DeviceQueue, HeapGuest, RingAddresses, RingConfig, Segments, SplitQueue,
    };

    /// A chain of buffers of 3, 1 and 4 bytes, all for the device to write or all for it to read.
    fn with_chain(writable: bool, then: impl FnOnce(&HeapGuest, &[Segment])) {
        const LENGTHS: [u64; 3] = [3, 1, 4];
        let guest = HeapGuest::new(0, 4096);
        for (index, len) in (0..).zip(LENGTHS) {
            let flags = u64::from(writable) << 1 | u64::from(index < 2);
            guest.poke(index * 16, &(2048 + index * 64).to_le_bytes());
            let rest = len | flags << 32 | (index + 1) << 48;
            guest.poke(index * 16 + 8, &rest.to_le_bytes());
        }
        // Available: descriptor 0.
        guest.poke(256, &[0, 0, 1, 0, 0, 0]);
        let rings = RingAddresses {
            descriptors: 0,
            driver: 256,
            device: 512,
        };
        let config = RingConfig {
            size: 16,
            ..RingConfig::default()
        };
        let mut queue = SplitQueue::new(guest.clone(), rings, config).unwrap();
        let mut segments = Segments::<32>::new();
        let chain = queue.pop(&mut segments).unwrap().expect("one is there");
        assert_eq!(chain.readable() + chain.writable(), 8);
        then(&guest, segments.of(&chain));
        queue.put(chain, 0);
    }

    fn byte(guest: &HeapGuest, at: u64) -> u8 {
        let [byte] = guest.peek(at).unwrap();
        byte
    }

    #[test]
    fn pieces_are_written_over_the_ends_of_segments_and_no_further() {
        for split in 0..=10 {
            with_chain(true, |guest, segments| {
                let bytes: Vec<u8> = (1..=10).collect();
                // SAFETY: the queue lives until `with_chain` returns.
                let mut cursor = unsafe { Cursor::new(segments) };
                cursor.write(&bytes[..split]);
                cursor.write(&bytes[split..]);
                let places = [(2048, 3), (2112, 1), (2176, 4)];
                let there: Vec<u8> = places
                    .iter()
                    .flat_map(|&(at, len)| (at..at + len).map(|at| byte(guest, at)))
                    .collect();
                assert_eq!(there, bytes[..8], "{split}");
                assert!(places.iter().all(|&(at, len)| byte(guest, at + len) == 0));
            });
        }
    }

    #[test]
    fn pieces_are_read_over_the_ends_of_segments_and_no_further() {
        for split in 0..=10 {
            with_chain(false, |guest, segments| {
                guest.poke(2048, &[1, 2, 3, 99]);
                guest.poke(2112, &[4, 99]);
                guest.poke(2176, &[5, 6, 7, 8, 99]);
                // SAFETY: the queue lives until `with_chain` returns.
                let mut cursor = unsafe { Cursor::new(segments) };
                let mut out = [0; 10];
                let (first, last) = out.split_at_mut(split);
                cursor.read(first);
                cursor.read(last);
                assert_eq!(out, [1, 2, 3, 4, 5, 6, 7, 8, 0, 0], "{split}");
            });
        }
    }
}

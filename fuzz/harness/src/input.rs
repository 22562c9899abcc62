//! Taking decisions out of bytes.

use core::cell::Cell;
use core::ops::Range;

/// The bytes of one run, consumed from the front. When they are used up everything is zero.
#[derive(Debug)]
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next operation, until the bytes are used up.
    pub(crate) fn operation(&mut self) -> Option<u8> {
        let operation = self.next()?;
        OPERATIONS.set(OPERATIONS.get() + 1);
        Some(operation)
    }

    pub(crate) fn u8(&mut self) -> u8 {
        self.next().unwrap_or(0)
    }

    fn next(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    pub(crate) fn u16(&mut self) -> u16 {
        u16::from_be_bytes([self.u8(), self.u8()])
    }

    pub(crate) fn u32(&mut self) -> u32 {
        u32::from(self.u16()) << 16 | u32::from(self.u16())
    }

    /// A number in a range that is not empty.
    pub(crate) fn below(&mut self, range: Range<usize>) -> usize {
        range.start + usize::from(self.u16()) % range.len()
    }

    /// Up to `count` bytes.
    pub(crate) fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// All that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.0)
    }
}

/// Operations that harnesses have carried out on this thread: how much was tried is told in these,
/// not in runs.
///
/// ```
/// let before = linecard_harness::operations();
/// linecard_harness::rings::spsc(&[0; 10]);
/// assert!(linecard_harness::operations() > before);
/// ```
#[must_use]
pub fn operations() -> u64 {
    OPERATIONS.get()
}

thread_local! {
    static OPERATIONS: Cell<u64> = const { Cell::new(0) };
}

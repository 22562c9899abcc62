//! Memory, handed out once and for ever: there is no heap.

use core::fmt;
use core::ptr::NonNull;

use linecard::platform::Region;

/// A stretch of addresses.
///
/// ```
/// use linecard_unikernel::memory::Span;
/// let span = Span::of(0x1000, 0x1000);
/// assert_eq!((span.start, span.end), (0x1000, 0x2000));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

impl Span {
    /// No bytes.
    pub const NONE: Self = Self { start: 0, end: 0 };

    /// `len` bytes from `start`; cut short at the end of the address space.
    pub const fn of(start: usize, len: usize) -> Self {
        Self {
            start,
            end: start.saturating_add(len),
        }
    }

    /// Bytes in it.
    pub const fn len(self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// RAM that nobody uses: what is taken from it stays with the program until it ends.
///
/// ```
/// use linecard_unikernel::memory::Ram;
/// let mut ram = Ram::from_slice(vec![0u8; 4096].leak());
/// let counters = ram.slice("counters", 100, |_| 0u64)?;
/// counters[99] += 1;
/// let refused = ram.slice("frames", 2, |_| [0u8; 2048]).unwrap_err();
/// assert_eq!((refused.purpose, refused.wanted), ("frames", 4096));
/// # Ok::<(), linecard_unikernel::memory::OutOfMemory>(())
/// ```
#[derive(Debug)]
pub struct Ram {
    free: Span,
}

/// There is not enough memory: so much was wanted for this, and so much is left.
///
/// ```
/// use linecard_unikernel::memory::OutOfMemory;
/// let error = OutOfMemory { purpose: "frames", wanted: 4096, left: 100 };
/// assert_eq!(error.to_string(), "frames want 4096 bytes of memory, 100 are left");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfMemory {
    /// What the memory is for, in the plural.
    pub purpose: &'static str,
    /// Bytes wanted.
    pub wanted: usize,
    /// Bytes left.
    pub left: usize,
}

impl Ram {
    /// None at all.
    #[cfg(feature = "image")]
    pub(crate) const EMPTY: Self = Self { free: Span::NONE };

    /// Offers usable memory: the largest piece of it that is free of the image and of what is
    /// `taken` becomes what is handed out, if it is larger than what there is.
    #[cfg(feature = "image")]
    pub(crate) fn offer(&mut self, span: Span, taken: &[Span]) {
        // Everything below the image is left to the firmware and to what it left there.
        let image = image();
        let best = largest_gap(
            Span {
                start: span.start.max(image.end),
                ..span
            },
            taken,
        );
        if best.len() > self.free.len() {
            self.free = best;
        }
    }

    /// Memory of a host program, for tests.
    ///
    /// ```
    /// use linecard_unikernel::memory::Ram;
    /// let mut ram = Ram::from_slice(vec![0u8; 4096].leak());
    /// let numbers = ram.slice("numbers", 10, |n| n * n)?;
    /// assert_eq!(numbers[9], 81);
    /// # Ok::<(), linecard_unikernel::memory::OutOfMemory>(())
    /// ```
    pub fn from_slice(memory: &'static mut [u8]) -> Self {
        let start = memory.as_mut_ptr().expose_provenance();
        Self {
            free: Span::of(start, memory.len()),
        }
    }

    /// Bytes that are left.
    pub const fn left(&self) -> usize {
        self.free.len()
    }

    /// `count` items, made one by one.
    ///
    /// # Errors
    /// [`OutOfMemory`]; nothing is taken then.
    // It borrows nothing: what is taken is the caller's for ever.
    #[allow(clippy::mut_from_ref)]
    pub fn slice<T>(
        &mut self,
        purpose: &'static str,
        count: usize,
        mut make: impl FnMut(usize) -> T,
    ) -> Result<&'static mut [T], OutOfMemory> {
        let len = count.saturating_mul(size_of::<T>());
        let at: NonNull<T> = self.take(purpose, len, align_of::<T>())?.cast();
        for index in 0..count {
            // SAFETY: `take` gave room for `count` items, aligned for them.
            let place = unsafe { at.add(index) };
            // SAFETY: as above; nobody else has the memory.
            unsafe { place.write(make(index)) };
        }
        // SAFETY: all `count` items were just made, in memory that is nobody else's for ever.
        Ok(unsafe { NonNull::slice_from_raw_parts(at, count).as_mut() })
    }

    /// One item that is all zero bytes or needs none: made in place by `make`.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    #[allow(clippy::mut_from_ref)]
    pub fn item<T>(
        &mut self,
        purpose: &'static str,
        make: impl FnOnce() -> T,
    ) -> Result<&'static mut T, OutOfMemory> {
        let at: NonNull<T> = self.take(purpose, size_of::<T>(), align_of::<T>())?.cast();
        // SAFETY: `take` gave room for it, aligned, and nobody else has the memory.
        unsafe { at.write(make()) };
        // SAFETY: it was just made.
        Ok(unsafe { &mut *at.as_ptr() })
    }

    /// A region of `len` bytes for frames or rings, on a page.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn region(
        &mut self,
        purpose: &'static str,
        len: usize,
    ) -> Result<Region<'static>, OutOfMemory> {
        let at = self.take(purpose, len, 4096)?;
        // SAFETY: `take` gave `len` bytes on a page, which are nobody else's for ever. The machine
        // or its firmware wrote them once: they are initialised as far as the program can tell.
        Ok(unsafe { Region::from_raw(at, len) })
    }

    /// Bytes that nobody else has or will have, mapped and writable: `free` is made of such by
    /// `offer` and `from_slice`, and what is taken is not given again. Whatever was last in them is
    /// still there.
    fn take(
        &mut self,
        purpose: &'static str,
        len: usize,
        align: usize,
    ) -> Result<NonNull<u8>, OutOfMemory> {
        let refused = OutOfMemory {
            purpose,
            wanted: len,
            left: self.left(),
        };
        let start = self
            .free
            .start
            .checked_next_multiple_of(align)
            .ok_or(refused)?;
        let end = start.checked_add(len).ok_or(refused)?;
        if end > self.free.end {
            return Err(refused);
        }
        let at: *mut u8 = core::ptr::with_exposed_provenance_mut(start);
        let at = NonNull::new(at).ok_or(refused)?;
        self.free.start = end;
        Ok(at)
    }
}

impl fmt::Display for OutOfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            purpose,
            wanted,
            left,
        } = self;
        write!(
            f,
            "{purpose} want {wanted} bytes of memory, {left} are left"
        )
    }
}

impl core::error::Error for OutOfMemory {}

/// The largest piece of `span` that has nothing of `taken` in it.
#[cfg_attr(not(feature = "image"), allow(dead_code))]
fn largest_gap(span: Span, taken: &[Span]) -> Span {
    let mut best = Span::NONE;
    let starts = taken.iter().map(|taken| taken.end).chain([span.start]);
    for start in starts.filter(|start| (span.start..=span.end).contains(start)) {
        let inside = taken
            .iter()
            .any(|t| !t.is_empty() && (t.start..t.end).contains(&start));
        if inside {
            continue;
        }
        let next = taken.iter().filter(|t| !t.is_empty() && t.start >= start);
        let end = next.map(|t| t.start).fold(span.end, usize::min);
        let gap = Span { start, end };
        if gap.len() > best.len() {
            best = gap;
        }
    }
    best
}

/// Where the image is, with its zeroed memory and its stack.
#[cfg(feature = "image")]
fn image() -> Span {
    unsafe extern "C" {
        static __image_start: [u8; 0];
        static __image_end: [u8; 0];
    }
    Span {
        start: (&raw const __image_start).addr(),
        end: (&raw const __image_end).addr(),
    }
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    #[test]
    fn the_largest_gap_is_found() {
        let span = Span::of(100, 900);
        assert_eq!(largest_gap(span, &[]), span);
        assert_eq!(largest_gap(span, &[Span::NONE]), span);
        let taken = [Span::of(0, 150), Span::of(700, 50), Span::of(990, 100)];
        assert_eq!(
            largest_gap(span, &taken),
            Span {
                start: 150,
                end: 700
            }
        );
        let overlapping = [Span::of(100, 500), Span::of(300, 600)];
        let gap = largest_gap(span, &overlapping);
        assert_eq!(
            gap,
            Span {
                start: 900,
                end: 1000
            }
        );
        assert_eq!(largest_gap(span, &[Span::of(0, 2000)]).len(), 0);
    }

    #[test]
    fn what_is_taken_is_apart_and_aligned() {
        let mut ram = Ram::from_slice(vec![0xaa; 64 * 1024].leak());
        let bytes = ram.slice("bytes", 3, |n| n as u8).unwrap();
        let words = ram.slice("words", 4, |n| n as u64).unwrap();
        let region = ram.region("frames", 8192).unwrap();
        assert_eq!((&*bytes, &*words), (&[0, 1, 2][..], &[0, 1, 2, 3][..]));
        assert_eq!(region.base().addr().get() % 4096, 0);
        assert_eq!(region.len(), 8192);
        let left = ram.left();
        let refused = ram.region("more frames", left + 1).unwrap_err();
        assert_eq!((refused.wanted, refused.left), (left + 1, left));
        assert_eq!(ram.left(), left, "a refusal takes nothing");
        assert!(ram.slice("too many", usize::MAX, |_| 0u64).is_err());
    }
}

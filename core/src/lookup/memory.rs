//! The memory that a caller gives to a table, and how it is divided.

use core::mem;

use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

use super::MemoryError;

/// 64 bytes on a 64-byte boundary: the unit in which tables take their memory.
///
/// A table lives in a slice of these, wherever the caller has it from: huge pages for speed, a
/// `static` on bare metal, a `Vec` in a test.
///
/// ```
/// use linecard::lookup::{CacheLine, Lpm4, Lpm4Config};
///
/// let config = Lpm4Config { routes: 1000, nodes: 16 };
/// let mut memory = vec![CacheLine::ZERO; config.lines()];
/// let table = Lpm4::new(config, &mut memory)?;
/// assert!(table.is_empty());
/// # Ok::<(), linecard::lookup::MemoryError>(())
/// ```
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C, align(64))]
pub struct CacheLine([u8; CacheLine::SIZE]);

impl CacheLine {
    /// Bytes of a line.
    pub const SIZE: usize = 64;

    /// A line of zeroes.
    pub const ZERO: Self = Self([0; Self::SIZE]);

    /// Sees bytes as lines, as a port does with pages that it mapped.
    ///
    /// `None` unless `bytes` starts on a 64-byte boundary and is a multiple of 64 long.
    ///
    /// ```
    /// use linecard::lookup::CacheLine;
    /// use zerocopy::IntoBytes;
    ///
    /// let mut page = [CacheLine::ZERO; 64];
    /// let bytes = page.as_mut_bytes();
    /// assert_eq!(CacheLine::slice(&mut *bytes).map(|lines| lines.len()), Some(64));
    /// assert!(CacheLine::slice(&mut bytes[1..65]).is_none());
    /// ```
    pub fn slice(bytes: &mut [u8]) -> Option<&mut [Self]> {
        <[Self]>::mut_from_bytes(bytes).ok()
    }
}

/// Lines that `count` values of `T` fill.
pub(super) const fn lines_of<T>(count: usize) -> usize {
    size_of::<T>()
        .saturating_mul(count)
        .div_ceil(CacheLine::SIZE)
}

/// Divides memory into typed parts, each on a cache line of its own and zeroed.
pub(super) struct Carver<'m> {
    rest: &'m mut [CacheLine],
    error: MemoryError,
}

impl<'m> Carver<'m> {
    /// Over `memory`, which must have at least `needed` lines.
    pub(super) fn new(memory: &'m mut [CacheLine], needed: usize) -> Result<Self, MemoryError> {
        let error = MemoryError {
            needed,
            given: memory.len(),
        };
        if memory.len() < needed {
            return Err(error);
        }
        Ok(Self {
            rest: memory,
            error,
        })
    }

    /// The next `count` values of `T`, whose alignment is at most a line's.
    pub(super) fn take<T>(&mut self, count: usize) -> Result<&'m mut [T], MemoryError>
    where
        T: FromBytes + IntoBytes + KnownLayout,
    {
        let (lines, rest) = mem::take(&mut self.rest)
            .split_at_mut_checked(lines_of::<T>(count))
            .ok_or(self.error)?;
        self.rest = rest;
        lines.zero();
        match <[T]>::mut_from_prefix_with_elems(lines.as_mut_bytes(), count) {
            Ok((values, _)) => Ok(values),
            Err(_) => Err(self.error),
        }
    }

    /// The next value of `T`.
    pub(super) fn take_one<T>(&mut self) -> Result<&'m mut T, MemoryError>
    where
        T: FromBytes + IntoBytes + KnownLayout,
    {
        self.take(1)?.first_mut().ok_or(self.error)
    }
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    #[test]
    fn parts_are_aligned_zeroed_and_apart() {
        let mut memory = vec![CacheLine([0xff; 64]); 5];
        let mut carver = Carver::new(&mut memory, 5).unwrap();
        let words = carver.take::<u64>(9).unwrap();
        let halves = carver.take::<u16>(1).unwrap();
        assert!(words.iter().all(|word| *word == 0));
        assert_eq!(halves, [0]);
        assert_eq!(words.as_ptr() as usize % 64, 0);
        assert_eq!(halves.as_ptr() as usize - words.as_ptr() as usize, 128);
        let error = MemoryError {
            needed: 5,
            given: 5,
        };
        assert_eq!(carver.take::<u64>(17).unwrap_err(), error);
    }

    #[test]
    fn too_little_memory_is_refused_at_once() {
        let mut memory = vec![CacheLine::ZERO; 2];
        let error = Carver::new(&mut memory, 3).err();
        assert_eq!(
            error,
            Some(MemoryError {
                needed: 3,
                given: 2
            })
        );
    }
}

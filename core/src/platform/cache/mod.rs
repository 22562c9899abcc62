//! Cache maintenance, for devices that do not see the processor's caches.

use core::fmt;
use core::ptr::NonNull;

#[cfg_attr(all(target_arch = "x86_64", not(miri)), path = "x86_64.rs")]
#[cfg_attr(all(target_arch = "aarch64", not(miri)), path = "aarch64.rs")]
#[cfg_attr(
    any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))),
    path = "none.rs"
)]
mod arch;

/// The instruction that writes a cache line back to memory.
///
/// ```
/// use linecard::platform::{CacheInstruction, CacheMaintenance};
/// for instruction in CacheInstruction::ALL {
///     let here = CacheMaintenance::with(instruction).is_some();
///     println!("{instruction}: {}", if here { "yes" } else { "not on this processor" });
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CacheInstruction {
    /// x86-64 `CLWB`: writes the line back and may keep it. Ordered by `SFENCE`.
    Clwb,
    /// x86-64 `CLFLUSHOPT`: writes the line back and drops it. Ordered by `SFENCE`.
    ClflushOpt,
    /// x86-64 `CLFLUSH`: as `CLFLUSHOPT`, one after the other. Every x86-64 has it.
    Clflush,
    /// aarch64 `DC CVAC` and `DC CIVAC`, by virtual address to the point of coherency.
    DcVac,
    /// None is needed or known: the platform is coherent, or is not one of these.
    Nothing,
}

impl CacheInstruction {
    /// All of them, the one that costs least first.
    pub const ALL: [Self; 5] = [
        Self::Nothing,
        Self::Clwb,
        Self::ClflushOpt,
        Self::Clflush,
        Self::DcVac,
    ];
}

impl fmt::Display for CacheInstruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Clwb => "CLWB",
            Self::ClflushOpt => "CLFLUSHOPT",
            Self::Clflush => "CLFLUSH",
            Self::DcVac => "DC CVAC",
            Self::Nothing => "nothing",
        })
    }
}

/// How lines are written back and dropped here: chosen once, by what the processor says of itself.
///
/// ```
/// use core::ptr::NonNull;
/// use linecard::platform::{CacheInstruction, CacheMaintenance};
/// let cache = CacheMaintenance::detect();
/// if cfg!(target_arch = "x86_64") {
///     assert_ne!(cache.instruction(), CacheInstruction::Nothing);
/// }
/// let mut frame = [1u8; 256];
/// let at = NonNull::from(&mut frame).cast();
/// // SAFETY: `frame` is mapped.
/// unsafe { cache.write_back(at, 256) };
/// assert_eq!(frame, [1; 256]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheMaintenance {
    instruction: CacheInstruction,
    /// Bytes of a line, a power of two.
    line: usize,
}

impl CacheMaintenance {
    /// The best that this processor has: `CLWB` before `CLFLUSHOPT` before `CLFLUSH`, `DC` on
    /// aarch64 with the smallest line of any of its caches.
    pub fn detect() -> Self {
        let best = [
            CacheInstruction::Clwb,
            CacheInstruction::ClflushOpt,
            CacheInstruction::Clflush,
            CacheInstruction::DcVac,
        ];
        best.into_iter()
            .find_map(Self::with)
            .unwrap_or(Self::NOTHING)
    }

    /// This instruction, or `None` if the processor does not have it.
    pub fn with(instruction: CacheInstruction) -> Option<Self> {
        if instruction == CacheInstruction::Nothing {
            return Some(Self::NOTHING);
        }
        let line = arch::line(instruction)?;
        line.is_power_of_two().then_some(Self { instruction, line })
    }

    /// The instruction used.
    pub const fn instruction(&self) -> CacheInstruction {
        self.instruction
    }

    /// Bytes of a cache line, a power of two.
    pub const fn line(&self) -> usize {
        self.line
    }

    /// Writes every line that holds one of the `len` bytes at `at` back to memory, and waits until
    /// it is there.
    ///
    /// # Safety
    ///
    /// The bytes are mapped: the instructions fault as a load would. Their contents do not change.
    #[inline]
    pub unsafe fn write_back(&self, at: NonNull<u8>, len: usize) {
        if self.instruction == CacheInstruction::Nothing {
            return;
        }
        // SAFETY: the caller promises that the bytes are mapped, so their lines are; `with` saw
        // that the processor has the instruction.
        self.each_line(at, len, |line| unsafe {
            arch::write_back(self.instruction, line);
        });
        arch::written_back();
    }

    /// Drops every line that holds one of the `len` bytes at `at`, so that a later load sees what a
    /// device wrote to memory. A line that the processor changed is written back first.
    ///
    /// # Safety
    ///
    /// As for [`write_back`](Self::write_back).
    #[inline]
    pub unsafe fn invalidate(&self, at: NonNull<u8>, len: usize) {
        if self.instruction == CacheInstruction::Nothing {
            return;
        }
        // SAFETY: as in `write_back`.
        self.each_line(at, len, |line| unsafe {
            arch::invalidate(self.instruction, line);
        });
        arch::invalidated();
    }

    #[inline(always)]
    fn each_line(&self, at: NonNull<u8>, len: usize, mut work: impl FnMut(*mut u8)) {
        let first = at.addr().get() & !(self.line - 1);
        let end = at.addr().get().saturating_add(len);
        let mut line = first;
        while line < end {
            work(at.as_ptr().with_addr(line));
            line = match line.checked_add(self.line) {
                Some(next) => next,
                None => return,
            };
        }
    }

    /// No maintenance, in steps of a line of 64 bytes.
    const NOTHING: Self = Self {
        instruction: CacheInstruction::Nothing,
        line: 64,
    };
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    #[test]
    fn every_line_is_visited_once() {
        let cache = CacheMaintenance {
            instruction: CacheInstruction::Nothing,
            line: 64,
        };
        for (offset, len, lines) in [
            (0, 0, 0),
            (0, 1, 1),
            (63, 1, 1),
            (63, 2, 2),
            (0, 64, 1),
            (0, 65, 2),
            (1, 128, 3),
        ] {
            let mut seen = vec![];
            let at = NonNull::new(core::ptr::without_provenance_mut(0x1000 + offset)).unwrap();
            cache.each_line(at, len, |line| seen.push(line.addr()));
            let expected: vec::Vec<_> = (0..lines).map(|line| 0x1000 + line * 64).collect();
            assert_eq!(seen, expected, "{offset} {len}");
        }
    }

    #[test]
    fn the_last_line_of_the_address_space_ends_the_walk() {
        let at = NonNull::new(core::ptr::without_provenance_mut(usize::MAX)).unwrap();
        let mut lines = 0;
        CacheMaintenance::NOTHING.each_line(at, 64, |_| lines += 1);
        assert_eq!(lines, 1);
    }

    #[test]
    fn what_is_written_stays() {
        let mut frame = vec![0u8; 4096];
        for instruction in CacheInstruction::ALL {
            let Some(cache) = CacheMaintenance::with(instruction) else {
                continue;
            };
            assert_eq!(cache.instruction(), instruction);
            for (at, byte) in frame.iter_mut().enumerate() {
                *byte = at as u8;
            }
            let at = NonNull::from(&mut frame[..]).cast();
            // SAFETY: `frame` is mapped for 4096 bytes.
            unsafe { cache.write_back(at, 4096) };
            // SAFETY: as above.
            unsafe { cache.invalidate(at, 4096) };
            let kept = frame.iter().enumerate();
            assert!(kept.into_iter().all(|(at, &byte)| byte == at as u8));
        }
    }

    #[test]
    #[cfg(all(target_arch = "x86_64", target_os = "linux", not(miri)))]
    fn the_choice_is_what_the_kernel_says_of_the_processor() {
        let Ok(text) = std::fs::read_to_string("/proc/cpuinfo") else {
            return;
        };
        let flags = text.lines().find(|line| line.starts_with("flags")).unwrap();
        let has = |flag| flags.split_ascii_whitespace().any(|word| word == flag);
        let expected = if has("clwb") {
            CacheInstruction::Clwb
        } else if has("clflushopt") {
            CacheInstruction::ClflushOpt
        } else {
            CacheInstruction::Clflush
        };
        assert_eq!(CacheMaintenance::detect().instruction(), expected);
    }
}

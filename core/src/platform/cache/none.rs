//! No cache maintenance: an interpreter, or an architecture that has none of ours.

use super::CacheInstruction;

pub(super) fn line(_: CacheInstruction) -> Option<usize> {
    None
}

/// # Safety
/// None is needed: it does nothing.
pub(super) unsafe fn write_back(_: CacheInstruction, _: *mut u8) {}

/// # Safety
/// None is needed: it does nothing.
pub(super) unsafe fn invalidate(_: CacheInstruction, _: *mut u8) {}

pub(super) fn written_back() {}

pub(super) fn invalidated() {}

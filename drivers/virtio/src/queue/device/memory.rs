//! A guest's memory, as the device finds it.

use core::ptr::NonNull;

/// From a guest's addresses to this program's.
///
/// # Safety
///
/// For every pointer that [`translate`](Self::translate) gives, `len` bytes from it are mapped
/// readable and writable, lie in one allocation, and are initialised, for as long as the value
/// lives, wherever it is moved to. No reference to any of those bytes exists in this program in
/// the meantime: the guest writes them when it likes.
///
/// See the [module](super) for an example with `HeapGuest`, which is one.
pub unsafe trait GuestMemory {
    /// Where `len` bytes at the guest's `address` are; `None` if any of them is not the guest's.
    ///
    /// `address` and `len` come from the guest: they may be anything.
    fn translate(&self, address: u64, len: usize) -> Option<NonNull<u8>>;
}

// SAFETY: what the memory behind the reference gives is valid while that lives, and it outlives the
// reference.
unsafe impl<M: GuestMemory + ?Sized> GuestMemory for &M {
    #[inline]
    fn translate(&self, address: u64, len: usize) -> Option<NonNull<u8>> {
        (**self).translate(address, len)
    }
}

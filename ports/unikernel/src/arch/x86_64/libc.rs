//! What compilers call without being asked: `memcpy` and its kin. The compiler's own are left out
//! of the library that comes with a hosted target, which expects them from the C library.
//!
//! The string instructions do the copying: every processor of the last ten years does them at the
//! width of its cache lines, and no loop is there for the compiler to turn into the very call that
//! this is. Packets are not copied on their way, so this is for set-up and small structures.

use core::arch::asm;

/// Copies `len` bytes between places that do not overlap.
///
/// # Safety
/// That of C.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    // SAFETY: the caller promises `len` bytes at both, and that they do not overlap.
    unsafe { copy_forward(to, from, len) };
    to
}

/// Copies `len` bytes between places that may overlap.
///
/// # Safety
/// That of C.
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    if to.addr().wrapping_sub(from.addr()) >= len {
        // SAFETY: the caller promises `len` bytes at both; going forward, what is written was read.
        unsafe { copy_forward(to, from, len) };
    } else {
        // SAFETY: as above, going backward.
        unsafe { copy_backward(to, from, len) };
    }
    to
}

/// Fills `len` bytes.
///
/// # Safety
/// That of C.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, len: usize) -> *mut u8 {
    // SAFETY: the caller promises `len` bytes.
    unsafe {
        asm!("rep stosb", inout("rcx") len => _, inout("rdi") to => _, in("al") byte as u8,
            options(nostack, preserves_flags));
    }
    to
}

/// Compares `len` bytes: below, above or equal to 0.
///
/// # Safety
/// That of C.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, len: usize) -> i32 {
    let mut at = 0;
    while at < len {
        // Volatile, so that this is not made the call that it is.
        // SAFETY: the caller promises `len` bytes there, and `at` is less.
        let x = unsafe { a.wrapping_add(at).read_volatile() };
        // SAFETY: as above.
        let y = unsafe { b.wrapping_add(at).read_volatile() };
        if x != y {
            return i32::from(x) - i32::from(y);
        }
        at += 1;
    }
    0
}

/// Compares `len` bytes: equal or not.
///
/// # Safety
/// That of C.
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(a: *const u8, b: *const u8, len: usize) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { memcmp(a, b, len) }
}

/// The length of a string that ends in a zero.
///
/// # Safety
/// That of C.
#[unsafe(no_mangle)]
unsafe extern "C" fn strlen(text: *const u8) -> usize {
    let mut len = 0;
    // SAFETY: the caller promises that the string ends.
    while unsafe { text.wrapping_add(len).read_volatile() } != 0 {
        len += 1;
    }
    len
}

#[inline(always)]
unsafe fn copy_forward(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: the caller promises `len` bytes at both; the direction flag is clear, as the ABI has it.
    unsafe {
        asm!("rep movsb", inout("rcx") len => _, inout("rdi") to => _, inout("rsi") from => _,
            options(nostack, preserves_flags));
    }
}

#[inline(always)]
unsafe fn copy_backward(to: *mut u8, from: *const u8, len: usize) {
    let last = len.wrapping_sub(1);
    // SAFETY: the caller promises `len` bytes at both; the direction flag is cleared again.
    unsafe {
        asm!("std", "rep movsb", "cld", inout("rcx") len => _,
            inout("rdi") to.wrapping_add(last) => _, inout("rsi") from.wrapping_add(last) => _,
            options(nostack));
    }
}

//! Short copies in place: most packets are short, and a call for each costs more than the copy.

/// Copies `len` bytes, as `copy_nonoverlapping` does.
///
/// Up to 128 of them go by a few moves of a size that the compiler knows, the last of which overlaps
/// the one before: some bytes may be read twice, and whichever was read last counts.
///
/// # Safety
///
/// As of [`copy_nonoverlapping`](core::ptr::copy_nonoverlapping) for `len` bytes.
#[inline(always)]
pub(super) unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    match len {
        // SAFETY: the caller's promise; `len` is 8 to 16.
        8..=16 => unsafe { ends::<8>(from, to, len) },
        // SAFETY: as above, of 17 to 32.
        17..=32 => unsafe { ends::<16>(from, to, len) },
        // SAFETY: as above, of 33 to 64.
        33..=64 => unsafe { ends::<32>(from, to, len) },
        // SAFETY: as above, of 65 to 128.
        65..=128 => unsafe { ends::<64>(from, to, len) },
        // SAFETY: the caller's promise.
        _ => unsafe { core::ptr::copy_nonoverlapping(from, to, len) },
    }
}

/// Copies the first `N` bytes and the last `N`.
///
/// # Safety
///
/// As of [`copy`]; `len` is `N` to `2 * N`.
#[inline(always)]
unsafe fn ends<const N: usize>(from: *const u8, to: *mut u8, len: usize) {
    let last = len.wrapping_sub(N);
    // SAFETY: `N` is at most `len`.
    unsafe { core::ptr::copy_nonoverlapping(from, to, N) };
    // SAFETY: `last` is at most `len`, within both.
    let from = unsafe { from.add(last) };
    // SAFETY: as above.
    let to = unsafe { to.add(last) };
    // SAFETY: `last + N` is `len`.
    unsafe { core::ptr::copy_nonoverlapping(from, to, N) };
}

#[cfg(test)]
mod tests {
    use super::copy;

    #[test]
    fn every_length_is_copied_whole_and_nothing_beside_it() {
        let from: [u8; 160] = core::array::from_fn(|index| index as u8 + 1);
        for len in 0..=from.len() {
            let mut to = [0; 162];
            // SAFETY: both have `len` bytes from there on, and are different arrays.
            unsafe { copy(from.as_ptr(), to[1..].as_mut_ptr(), len) };
            assert_eq!(to[1..=len], from[..len], "{len}");
            assert!(
                to[0] == 0 && to[len + 1..].iter().all(|&byte| byte == 0),
                "{len}"
            );
        }
    }
}

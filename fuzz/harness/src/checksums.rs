//! Checksums.

use linecard::wire::checksum::{self, Delta, Sum};

use crate::input::Input;

/// The sum of RFC 1071 as its text has it: 16 bits at a time, the carry folded in at the end.
fn slow(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2);
    let sum = words.fold(0u64, |sum, word| {
        let low = word.get(1).copied().unwrap_or(0);
        sum + u64::from(u16::from_be_bytes([word[0], low]))
    });
    match sum % 0xffff {
        // Ones' complement has two zeros: only bytes of nothing but zeros sum up to the positive one.
        0 if sum > 0 => 0xffff,
        sum => sum as u16,
    }
}

/// Sums of any bytes, at once and in parts, equal the slow sum; a change of any part told
/// incrementally equals the sum of the whole.
pub fn sums(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (cut, at, new) = (input.u16(), input.u16(), input.u16());
    let bytes = input.rest();
    assert_eq!(checksum::checksum(bytes), !slow(bytes));
    assert_eq!(Sum::of(bytes).value(), slow(bytes));
    assert_eq!(checksum::is_valid(bytes), slow(bytes) == 0xffff);

    let (front, back) = bytes.split_at(usize::from(cut) % (bytes.len() + 1));
    let parts = Sum::of(front).plus(Sum::of(back).at(front.len()));
    assert_eq!(parts.value(), slow(bytes), "cut at {}", front.len());

    if let Some(header) = bytes.first_chunk::<20>() {
        assert_eq!(Sum::of_20(header).value(), slow(header));
        let mut without = *header;
        without[10..12].fill(0);
        assert_eq!(Sum::of_20_except::<10>(header).value(), slow(&without));
    }
    if bytes.len() >= 2 {
        change(bytes, usize::from(at) % (bytes.len() / 2) * 2, new);
    }
}

/// Changes the 16 bits at `at`, an even offset.
fn change(bytes: &[u8], at: usize, new: u16) {
    let mut without = bytes.to_vec();
    without[at..at + 2].fill(0);
    assert_eq!(Sum::of_except(bytes, at).value(), slow(&without));

    let old = u16::from_be_bytes([bytes[at], bytes[at + 1]]);
    let mut changed = bytes.to_vec();
    changed[at..at + 2].copy_from_slice(&new.to_be_bytes());
    let (before, after) = (!slow(bytes), !slow(&changed));
    let delta = Delta::of_u16(old, new);
    // The two zeros of ones' complement are one value (RFC 1624, section 3).
    let same = |a: u16, b: u16| a == b || a ^ b == 0xffff && (a == 0 || b == 0);
    assert!(
        same(delta.apply(before), after),
        "{old:04x} to {new:04x} at {at}"
    );
    let whole = Delta::of_bytes(bytes, &changed);
    assert!(same(whole.apply(before), after));
    // RFC 768: a transmitted zero means that there is no checksum, and stays.
    assert_eq!(delta.apply_udp(0), 0);
    if before != 0 {
        assert!(delta.apply_udp(before) != 0);
        assert!(same(delta.apply_udp(before), after));
    }
}

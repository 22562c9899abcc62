//! Numbers with units, and where a device is.

use core::time::Duration;

/// A length of time with its unit: `50us`, `10ms`, `5s`, `2m`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    match unit {
        "us" => Some(Duration::from_micros(number)),
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        _ => None,
    }
}

/// Address and size of `SIZE@ADDRESS:IRQ[:ID]` (Linux, `drivers/virtio/virtio_mmio.c`).
pub(super) fn mmio_device(text: &str) -> Option<(u64, u64)> {
    let (size, place) = text.split_once('@')?;
    let (address, _) = place.split_once(':')?;
    Some((number(address)?, number(size)?))
}

/// A number as C writes it, with the kernel's `K` and `M`.
fn number(text: &str) -> Option<u64> {
    let (text, shift) = match text.strip_suffix(['K', 'k']) {
        Some(text) => (text, 10),
        None => match text.strip_suffix(['M', 'm']) {
            Some(text) => (text, 20),
            None => (text, 0),
        },
    };
    let number = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok()?,
        None => text.parse().ok()?,
    };
    number.checked_mul(1 << shift)
}

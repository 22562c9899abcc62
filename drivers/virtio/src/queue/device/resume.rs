//! Where a packed ring goes on after the device that served it has died.
//!
//! A split ring says how far the device came: its used index is in the guest's memory. A packed one
//! does not, so that whoever starts the next device must know; and the front ends of vhost-user learn
//! it from the device alone (`GET_VRING_BASE`), which a dead one does not answer. QEMU then starts the
//! next device where the last one was started, which is behind the guest: nothing moves any more.
//!
//! So a [`PackedQueue`](super::PackedQueue) that polls writes down where it stands, in the guest's
//! memory: in `desc_event_off_wrap` of the device's event suppression, which has the form of a
//! position, and which drivers do not read while `desc_event_flags` say that no notification is
//! wanted (VIRTIO 1.2, 2.8.14). The next device believes the front end, unless the ring contradicts
//! it and agrees with what was written down.

use core::sync::atomic::Ordering;

use super::packed::{AVAILABLE, Cursor, EVENT_FLAGS, EVENT_OFFSET, FLAGS, USED};
use super::window::Window;
use crate::queue::layout::SUPPRESS_DISABLE;

/// Where the ring goes on, for a front end that says `start`.
pub(super) fn position(ring: &Window, device: &Window, size: u16, start: Cursor) -> Cursor {
    let flags = |at: Cursor| ring.read16(at.offset().wrapping_add(FLAGS), Ordering::Acquire);
    if fits(flags, size, start) {
        return start;
    }
    written_down(flags, device, size).unwrap_or(start)
}

/// Whether everything before `start` is used, and what is there is not.
fn fits(flags: impl Fn(Cursor) -> u16, size: u16, start: Cursor) -> bool {
    let before = start.back(1, size);
    let (here, last) = (flags(start), flags(before));
    // Zeros, of a ring that has just been made, are as good as used in the round before the first.
    // A guest that fills the ring to the brim has made the last one available again.
    let full = before.forward(size, size).available(last) && start.available(here);
    !is_used(start, here) && (is_used(before, last) || full)
}

/// What the device before this one wrote down, if it is possible.
fn written_down(flags: impl Fn(Cursor) -> u16, device: &Window, size: u16) -> Option<Cursor> {
    if device.read16(EVENT_FLAGS, Ordering::Acquire) & 3 != SUPPRESS_DISABLE {
        return None;
    }
    let mut at = Cursor::from_bits(device.read16(EVENT_OFFSET, Ordering::Relaxed));
    if at.index >= size {
        return None;
    }
    // It may have died between showing the guest used descriptors and writing that down.
    for _ in 0..size {
        if !is_used(at, flags(at)) {
            break;
        }
        at = at.forward(1, size);
    }
    // The one before was not left alone since the round before.
    let before = at.back(1, size);
    let passed = !is_used(before.forward(size, size), flags(before));
    (passed && !is_used(at, flags(at))).then_some(at)
}

/// Whether a descriptor with these flags was used in this round.
fn is_used(at: Cursor, flags: u16) -> bool {
    flags & (AVAILABLE | USED) == at.used()
}

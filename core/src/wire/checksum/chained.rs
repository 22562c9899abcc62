//! Finishing what a sender left to its device in a packet that lies in several buffers.

use super::Sum;
use super::finish::Transport;
use crate::wire::Layers;

/// What belongs into the TCP or UDP checksum field of a packet in several buffers, and where the field is
/// in the first of them; `None` when there is nothing to be written.
///
/// As [`finish`](super::finish()) of the packet in one piece does, and where it is `doubtful` whether the
/// sender left the checksum, as [`finish_doubtful`](super::finish_doubtful). All headers are in the first
/// buffer, for which `layers` are. The CRC32c of SCTP and checksums inside a tunnel are not looked for.
///
/// ```
/// use linecard::wire::{checksum::finish_chained, parse};
///
/// // UDP from 192.0.2.1 to 192.0.2.2 with four bytes in it, of which three are in a second buffer.
/// let mut first = [0; 43];
/// first[12..14].copy_from_slice(&[0x08, 0x00]);
/// first[14..34].copy_from_slice(&[
///     0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2,
/// ]);
/// first[34..43].copy_from_slice(&[0, 53, 0, 53, 0, 12, 0x84, 0x21, 1]);
/// let layers = parse::parse_first::<{ parse::TRUST }>(&first, 46).layers;
/// let buffers = [&first[..], &[2, 3, 4]];
/// assert_eq!(finish_chained(buffers.into_iter(), layers, false), Some((40, [0x77, 0x62])));
/// ```
#[cold]
#[must_use]
pub fn finish_chained<'a>(
    buffers: impl Iterator<Item = &'a [u8]> + Clone,
    layers: Layers,
    doubtful: bool,
) -> Option<(usize, [u8; 2])> {
    let total = buffers
        .clone()
        .fold(0usize, |total, buffer| total.saturating_add(buffer.len()));
    let first = buffers.clone().next()?;
    let transport = Transport::of(first, total, layers)?;
    if doubtful && !transport.looks_unfinished() {
        return None;
    }
    let at = transport.start.checked_add(transport.field)?;
    let field = first.get(at..)?.first_chunk::<2>()?;
    // The field's complement takes it out of the sum (RFC 1071 section 2A): it starts at an even
    // distance from the header.
    let all = sum(buffers, transport.start, transport.end);
    if doubtful && (transport.pseudo + all).is_valid() {
        return None;
    }
    let without = all + Sum::of_u16(!u16::from_be_bytes(*field));
    Some((at, transport.checksum(without).to_be_bytes()))
}

/// The sum of the bytes from `start` to `end` of the whole, as it counts from `start`.
fn sum<'a>(buffers: impl Iterator<Item = &'a [u8]>, start: usize, end: usize) -> Sum {
    let (mut sum, mut before) = (Sum::default(), 0usize);
    for buffer in buffers {
        let from = start.saturating_sub(before).min(buffer.len());
        let to = end.saturating_sub(before).min(buffer.len());
        if let Some(part) = buffer.get(from..to) {
            let offset = before.wrapping_add(from).wrapping_sub(start);
            sum = sum.plus(Sum::of(part).at(offset));
        }
        before = before.saturating_add(buffer.len());
    }
    sum
}

#[cfg(test)]
#[path = "chained_tests.rs"]
mod tests;

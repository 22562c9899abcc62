//! The classic format: a file header of 24 bytes, then records of 16 bytes and a packet.
//!
//! ```text
//!  0               4       6       8               12              16
//! +---------------+-------+-------+---------------+---------------+
//! | magic         | major | minor | reserved      | reserved      |
//! +---------------+-------+-------+---------------+---------------+
//! | snap length   | link type     |
//! +---------------+---------------+---------------+---------------+
//! | seconds       | fraction      | captured      | original      | captured bytes ...
//! +---------------+---------------+---------------+---------------+
//! ```
//!
//! <https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-06.html>

use super::order::{Order, take};
use super::{Capture, Entry, Fault, FaultKind};
use crate::LinkType;

/// Which variant of the format a file is written in, by its first four bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Variant {
    order: Order,
    /// Nanoseconds per unit of a timestamp's fraction.
    unit: u64,
    /// The length of a record's header.
    header: u64,
}

impl Variant {
    /// `None` when the magic, read in big-endian order, is not that of a classic capture.
    pub(super) fn of(magic: u32) -> Option<Self> {
        let variant = |order, unit, header| {
            Some(Self {
                order,
                unit,
                header,
            })
        };
        match magic {
            MICROSECONDS => variant(Order::Big, 1_000, RECORD_HEADER),
            NANOSECONDS => variant(Order::Big, 1, RECORD_HEADER),
            PATCHED => variant(Order::Big, 1_000, PATCHED_RECORD_HEADER),
            _ => match magic.swap_bytes() {
                MICROSECONDS => variant(Order::Little, 1_000, RECORD_HEADER),
                NANOSECONDS => variant(Order::Little, 1, RECORD_HEADER),
                PATCHED => variant(Order::Little, 1_000, PATCHED_RECORD_HEADER),
                _ => None,
            },
        }
    }
}

/// Reads the whole file; calls `found` for every record. `Err` is where reading ended early, and
/// before any record when the file header itself is at fault.
pub(super) fn read(
    bytes: &[u8],
    variant: Variant,
    mut found: impl FnMut(Entry),
) -> Result<(), Fault> {
    let order = variant.order;
    let header = take(bytes, 0, FILE_HEADER)?;
    let field = |at| order.u16(header, at).unwrap_or(0);
    let (major, minor) = (field(4), field(6));
    if major != 2 {
        return Err(Fault {
            offset: 0,
            kind: FaultKind::UnknownVersion { major, minor },
        });
    }
    // The upper six bits say whether frames end in a check sequence.
    let link = LinkType(order.u32(header, 20).unwrap_or(0) & 0x03ff_ffff);

    let mut offset = FILE_HEADER as usize;
    while offset < bytes.len() {
        let header = take(bytes, offset, variant.header)?;
        let field = |at| order.u32(header, at).unwrap_or(0);
        let (mut captured, mut original) = (field(8), field(12));
        // Writers of versions before 2.3, and some of 2.3, had the two the other way round.
        if minor < 3 || (minor == 3 && captured > original) {
            core::mem::swap(&mut captured, &mut original);
        }
        if captured > Capture::MAX_CAPTURED {
            return Err(Fault {
                offset,
                kind: FaultKind::AbsurdLength { captured },
            });
        }
        let whole = take(bytes, offset, variant.header + u64::from(captured))?;
        found(Entry {
            // The fraction may be invalid (a million microseconds); the sum still is a time.
            at: u64::from(field(0)) * 1_000_000_000 + u64::from(field(4)) * variant.unit,
            start: offset + variant.header as usize,
            captured,
            original,
            link,
        });
        offset += whole.len();
    }
    Ok(())
}

/// Microsecond timestamps.
const MICROSECONDS: u32 = 0xa1b2_c3d4;
/// Nanosecond timestamps.
const NANOSECONDS: u32 = 0xa1b2_3c4d;
/// Written by a patched libpcap of the nineties; its record header has eight more bytes.
const PATCHED: u32 = 0xa1b2_cd34;
const FILE_HEADER: u64 = 24;
const RECORD_HEADER: u64 = 16;
const PATCHED_RECORD_HEADER: u64 = 24;

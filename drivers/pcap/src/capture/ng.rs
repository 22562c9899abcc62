//! The next-generation format: sections of blocks, each of which says its length twice.
//!
//! ```text
//!  0               4               8                        length - 4
//! +---------------+---------------+------------------------+---------------+
//! | block type    | total length  | body, padded to 4      | total length  |
//! +---------------+---------------+------------------------+---------------+
//! ```
//!
//! A section header resets the byte order and the list of interfaces; an interface description
//! gives the link type and the unit of the timestamps of the packet blocks that name it. Blocks
//! of other types are stepped over.
//!
//! <https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-05.html>

use super::order::{Order, take};
use super::{Capture, Entry, Fault, FaultKind};
use crate::LinkType;

/// Reads the whole file; calls `found` for every record. `Err` is where reading ended early.
pub(super) fn read(bytes: &[u8], mut found: impl FnMut(Entry)) -> Result<(), Fault> {
    let mut section = Section {
        order: Order::Little,
        interfaces: Vec::new(),
        last: 0,
    };
    let mut offset = 0;
    while offset < bytes.len() {
        let block = Block::read(bytes, offset, &mut section)?;
        match block.kind {
            // `Block::read` has taken the byte order.
            SECTION_HEADER => section.interfaces.clear(),
            INTERFACE => {
                let interface = Interface::read(&block, section.order)?;
                section.interfaces.push(interface);
            }
            ENHANCED_PACKET | OBSOLETE_PACKET | SIMPLE_PACKET => {
                let entry = section.packet(&block)?;
                section.last = entry.at;
                found(entry);
            }
            _ => {}
        }
        offset += block.length;
    }
    Ok(())
}

/// What packet blocks depend on.
struct Section {
    order: Order,
    interfaces: Vec<Interface>,
    /// The timestamp of the packet before, for blocks that have none.
    last: u64,
}

/// A block whose two lengths agree and lie in the file.
struct Block<'a> {
    kind: u32,
    /// Where it starts in the file.
    offset: usize,
    /// Total length with both length fields.
    length: usize,
    body: &'a [u8],
}

/// What an interface description block says.
#[derive(Clone, Copy)]
struct Interface {
    link: LinkType,
    /// Longest captured length; 0 is no limit.
    snap: u32,
    resolution: Resolution,
    /// Added to each timestamp, in seconds.
    shift: i64,
}

/// The unit of a timestamp: 10^-n or 2^-n seconds.
#[derive(Clone, Copy)]
enum Resolution {
    Ten(u8),
    Two(u8),
}

impl<'a> Block<'a> {
    fn read(bytes: &'a [u8], offset: usize, section: &mut Section) -> Result<Self, Fault> {
        let fault = |kind| Fault { offset, kind };
        let header = take(bytes, offset, 8)?;
        // The type of a section header reads the same in both orders; what follows gives the order.
        let is_section = section.order.u32(header, 0) == Some(SECTION_HEADER);
        if is_section {
            let magic = take(bytes, offset, 12)?;
            section.order = match Order::Big.u32(magic, 8) {
                Some(BYTE_ORDER) => Order::Big,
                Some(magic) if magic.swap_bytes() == BYTE_ORDER => Order::Little,
                _ => return Err(fault(FaultKind::NoSection)),
            };
        } else if offset == 0 {
            return Err(fault(FaultKind::NoSection));
        }
        let order = section.order;
        let kind = order.u32(header, 0).unwrap_or(0);
        let length = order.u32(header, 4).unwrap_or(0);
        let least = if is_section { 28 } else { 12 };
        if length < least || !length.is_multiple_of(4) {
            return Err(fault(FaultKind::BadBlockLength {
                block: kind,
                length,
            }));
        }
        let whole = take(bytes, offset, u64::from(length))?;
        let end = whole.len() - 4;
        let last = order.u32(whole, end).unwrap_or(0);
        if last != length {
            return Err(fault(FaultKind::LengthsDiffer {
                first: length,
                last,
            }));
        }
        if is_section {
            let field = |at| order.u16(whole, at).unwrap_or(0);
            let (major, minor) = (field(12), field(14));
            if major != 1 {
                return Err(fault(FaultKind::UnknownVersion { major, minor }));
            }
        }
        Ok(Self {
            kind,
            offset,
            length: whole.len(),
            body: whole.get(8..end).unwrap_or(&[]),
        })
    }

    /// The fault that the block is too short for its own fields.
    fn too_short(&self) -> Fault {
        self.fault(FaultKind::BadBlockLength {
            block: self.kind,
            length: self.length as u32,
        })
    }

    fn fault(&self, kind: FaultKind) -> Fault {
        Fault {
            offset: self.offset,
            kind,
        }
    }
}

impl Interface {
    fn read(block: &Block<'_>, order: Order) -> Result<Self, Fault> {
        let body = block.body;
        let (Some(link), Some(snap)) = (order.u16(body, 0), order.u32(body, 4)) else {
            return Err(block.too_short());
        };
        let mut interface = Self {
            link: LinkType(link.into()),
            snap,
            resolution: Resolution::Ten(6),
            shift: 0,
        };
        let mut at = 8;
        while let (Some(code), Some(length)) = (order.u16(body, at), order.u16(body, at + 2)) {
            at += 4;
            let length = usize::from(length);
            let Some(value) = body.get(at..at + length) else {
                return Err(block.fault(FaultKind::PastBlock {
                    block: block.kind,
                    length: length as u32,
                }));
            };
            match (code, value) {
                (OPTION_END, _) => break,
                (OPTION_RESOLUTION, &[value, ..]) => {
                    let exponent = value & 0x7f;
                    interface.resolution = match value & 0x80 {
                        0 => Resolution::Ten(exponent),
                        _ => Resolution::Two(exponent),
                    };
                }
                (OPTION_SHIFT, value) => {
                    interface.shift = order.u64(value, 0).unwrap_or(0).cast_signed();
                }
                _ => {}
            }
            at += length.next_multiple_of(4);
        }
        Ok(interface)
    }

    /// A timestamp in nanoseconds since 1970; what lies outside of 1970 to 2554 is moved to the
    /// nearer end.
    fn nanoseconds(&self, high: u32, low: u32) -> u64 {
        let ticks = u128::from(high) << 32 | u128::from(low);
        let time = match self.resolution {
            Resolution::Ten(n @ 0..=9) => ticks * 10u128.pow(u32::from(9 - n)),
            Resolution::Ten(n) => match 10u128.checked_pow(u32::from(n - 9)) {
                Some(divisor) => ticks / divisor,
                None => 0,
            },
            Resolution::Two(n) => (ticks * 1_000_000_000) >> n,
        };
        let shifted = time.cast_signed() + i128::from(self.shift) * 1_000_000_000;
        u64::try_from(shifted.max(0)).unwrap_or(u64::MAX)
    }
}

impl Section {
    /// The record in a packet block of any of the three kinds.
    fn packet(&self, block: &Block<'_>) -> Result<Entry, Fault> {
        let (order, body) = (self.order, block.body);
        let field = |at| order.u32(body, at).ok_or_else(|| block.too_short());
        let number = match block.kind {
            ENHANCED_PACKET => field(0)?,
            OBSOLETE_PACKET => u32::from(order.u16(body, 0).ok_or_else(|| block.too_short())?),
            _ => 0,
        };
        let interface = usize::try_from(number)
            .ok()
            .and_then(|number| self.interfaces.get(number))
            .ok_or(block.fault(FaultKind::NoInterface { interface: number }))?;
        let (at, captured, original, skip) = if block.kind == SIMPLE_PACKET {
            // It has neither a time nor a captured length.
            let original = field(0)?;
            let captured = match interface.snap {
                0 => original,
                snap => original.min(snap),
            };
            (self.last, captured, original, 4)
        } else {
            let at = interface.nanoseconds(field(4)?, field(8)?);
            (at, field(12)?, field(16)?, 20)
        };
        if captured > Capture::MAX_CAPTURED {
            return Err(block.fault(FaultKind::AbsurdLength { captured }));
        }
        if captured as usize > body.len().saturating_sub(skip) {
            return Err(block.fault(FaultKind::PastBlock {
                block: block.kind,
                length: captured,
            }));
        }
        Ok(Entry {
            at,
            start: block.offset + 8 + skip,
            captured,
            original,
            link: interface.link,
        })
    }
}

/// The type of a section header block, the first of every file; a palindrome of bytes.
pub(super) const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
const OPTION_END: u16 = 0;
/// `if_tsresol`
const OPTION_RESOLUTION: u16 = 9;
/// `if_tsoffset`
const OPTION_SHIFT: u16 = 14;

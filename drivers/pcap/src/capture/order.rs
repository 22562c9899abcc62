//! Reading numbers of either byte order out of a slice, at offsets that may be out of range.

use super::{Fault, FaultKind};

/// The byte order of a file or a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

impl Order {
    pub(super) fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let field = array(bytes, at)?;
        Some(match self {
            Self::Little => u16::from_le_bytes(field),
            Self::Big => u16::from_be_bytes(field),
        })
    }

    pub(super) fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let field = array(bytes, at)?;
        Some(match self {
            Self::Little => u32::from_le_bytes(field),
            Self::Big => u32::from_be_bytes(field),
        })
    }

    pub(super) fn u64(self, bytes: &[u8], at: usize) -> Option<u64> {
        let field = array(bytes, at)?;
        Some(match self {
            Self::Little => u64::from_le_bytes(field),
            Self::Big => u64::from_be_bytes(field),
        })
    }
}

/// The `length` bytes at `offset`, or the fault that says how many there are.
pub(super) fn take(bytes: &[u8], offset: usize, length: u64) -> Result<&[u8], Fault> {
    let rest = bytes.get(offset..).unwrap_or(&[]);
    usize::try_from(length)
        .ok()
        .and_then(|length| rest.get(..length))
        .ok_or(Fault {
            offset,
            kind: FaultKind::CutOff {
                wanted: length,
                left: rest.len(),
            },
        })
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

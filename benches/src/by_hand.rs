//! Parsing as one would write it in C: for Ethernet, VLAN tags, IP, TCP and UDP, and nothing else.
//!
//! No names for what is wrong, no fragments, no tunnels: a figure to compare with, not a parser.

use linecard::wire::checksum::Sum;

use crate::headers::Found;

/// Where the headers are; `None` for anything that is cut off, wrong or unknown.
#[inline(never)]
pub(crate) fn parse<const VERIFY: bool>(frame: &[u8]) -> Option<Found> {
    let mut l3 = 14;
    let mut ethertype = be16(frame, 12)?;
    while matches!(ethertype, 0x8100 | 0x88a8) && l3 < 22 {
        ethertype = be16(frame, l3 + 2)?;
        l3 += 4;
    }
    match ethertype {
        0x0800 => {
            let header: &[u8; 20] = frame.get(l3..)?.first_chunk()?;
            let header_len = usize::from(header[0] & 15) * 4;
            let total_len = usize::from(u16::from_be_bytes([header[2], header[3]]));
            if header[0] >> 4 != 4 || header_len < 20 || total_len < header_len {
                return None;
            }
            let packet = frame.get(l3..l3 + total_len)?;
            if VERIFY {
                let valid = match header_len {
                    20 => Sum::is_valid_20(header),
                    len => Sum::of(packet.get(..len)?).is_valid(),
                };
                if !valid {
                    return None;
                }
            }
            transport(packet, l3, header_len, header[9], 4)
        }
        0x86dd => {
            let header: &[u8; 40] = frame.get(l3..)?.first_chunk()?;
            let payload_len = usize::from(u16::from_be_bytes([header[4], header[5]]));
            if header[0] >> 4 != 6 {
                return None;
            }
            let packet = frame.get(l3..l3 + 40 + payload_len)?;
            let (mut next, mut len) = (header[6], 40);
            while matches!(next, 0 | 43 | 60) && len < 256 {
                let extension = packet.get(len..)?.first_chunk::<8>()?;
                next = extension[0];
                len += usize::from(extension[1]) * 8 + 8;
            }
            transport(packet, l3, len, next, 6)
        }
        _ => None,
    }
}

#[inline(always)]
fn transport(packet: &[u8], l3: usize, len: usize, protocol: u8, version: u8) -> Option<Found> {
    let segment = packet.get(len..)?;
    let header_len = match protocol {
        17 => usize::from(be16(segment, 4)?).max(8),
        6 => usize::from(segment.first_chunk::<20>()?[12] >> 4) * 4,
        _ => return None,
    };
    if segment.len() < header_len {
        return None;
    }
    Some(Found::new(l3, l3 + len, protocol, version))
}

#[inline(always)]
fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_be_bytes(*bytes))
}

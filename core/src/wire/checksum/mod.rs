//! The Internet checksum (RFC 1071): in full, incrementally, and with both pseudo-headers.
//!
//! All of it is arithmetic on the one's complement sum of 16-bit words, so it comes in three types
//! that add up:
//!
//! - [`Sum`]: the sum over some bytes, from any number of pieces at even or odd offsets;
//! - [`Delta`]: what changing some fields does to a checksum (RFC 1624), computed once and applied to
//!   every checksum that covers those fields;
//! - [`PseudoHeader`]: the addresses of IPv4 or IPv6, as UDP, TCP and ICMPv6 sum them up.
//!
//! # Two zeros
//!
//! One's complement has two zeros, 0x0000 and 0xffff, and each rule about them is kept here:
//!
//! - A sum is 0x0000 only when every byte summed is zero; otherwise zero comes out as 0xffff
//!   (RFC 1624 section 3). So a header with anything in it never gets the checksum 0xffff.
//! - UDP keeps the checksum 0x0000 for "none was computed": a checksum that comes out as zero is sent
//!   as 0xffff, and one that was zero stays zero whatever changes (RFC 768). That is
//!   [`udp_checksum`] and [`Delta::apply_udp`]. Over IPv6 zero is an error (RFC 8200 section 8.1).
//!
//! ```
//! use linecard::wire::checksum::{self, Delta, Sum};
//!
//! // The example of RFC 1071 section 3.
//! let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
//! assert_eq!(Sum::of(&bytes).value(), 0xddf2);
//! assert_eq!(checksum::checksum(&bytes), 0x220d);
//!
//! // The example of RFC 1624 section 4: a field goes from 0x5555 to 0x3285.
//! assert_eq!(Delta::of_u16(0x5555, 0x3285).apply(0xdd2f), 0x0000);
//! ```

mod chained;
mod delta;
mod finish;
mod pseudo;
mod sum;
mod words;

pub use chained::finish_chained;
pub use delta::Delta;
pub use finish::{Finish, finish, finish_doubtful};
pub use pseudo::PseudoHeader;
pub use sum::Sum;

/// The checksum over `bytes`: the complement of their one's complement sum.
///
/// ```
/// use linecard::wire::checksum::checksum;
///
/// assert_eq!(checksum(&[0x12, 0x34]), !0x1234);
/// // An odd last byte counts as if a zero followed it.
/// assert_eq!(checksum(&[0x12, 0x34, 0x56]), !(0x1234 + 0x5600));
/// ```
#[inline]
#[must_use]
pub fn checksum(bytes: &[u8]) -> u16 {
    Sum::of(bytes).checksum()
}

/// Whether `bytes`, which have their checksum somewhere among them, add up.
///
/// ```
/// use linecard::wire::checksum;
///
/// assert!(checksum::is_valid(&[0x12, 0x34, 0xed, 0xcb]));
/// assert!(!checksum::is_valid(&[0x12, 0x35, 0xed, 0xcb]));
/// ```
#[inline]
#[must_use]
pub fn is_valid(bytes: &[u8]) -> bool {
    Sum::of(bytes).is_valid()
}

/// What UDP sends for this computed checksum: 0xffff in place of zero (RFC 768).
///
/// ```
/// use linecard::wire::checksum::udp_checksum;
///
/// assert_eq!(udp_checksum(0x0000), 0xffff);
/// assert_eq!(udp_checksum(0x1234), 0x1234);
/// ```
#[inline]
#[must_use]
pub const fn udp_checksum(computed: u16) -> u16 {
    match computed {
        0 => 0xffff,
        other => other,
    }
}

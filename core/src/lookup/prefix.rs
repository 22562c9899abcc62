//! Prefixes: an address, and how many of its leading bits count.

use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

use super::RouteError;

macro_rules! prefix {
    ($name:ident, $bits:ty, $address:ty, $example:literal, $other:literal, $doc:literal) => {
        #[doc = $doc]
        ///
        /// Bits past the length are cleared when it is made, so that two ways to write one prefix
        /// compare equal. Addresses are in host order (`to_bits` of `core::net`).
        ///
        /// ```
        #[doc = concat!("use linecard::lookup::", stringify!($name), ";\n")]
        #[doc = concat!("let prefix: ", stringify!($name), " = \"", $example, "\".parse()?;")]
        #[doc = concat!("assert!(prefix.contains(prefix.first()) && prefix.contains(prefix.last()));")]
        #[doc = concat!("assert!(!prefix.contains(\"", $other, "\".parse::<core::net::", stringify!($address), ">()?.to_bits()));")]
        #[doc = concat!("assert_eq!(prefix.to_string(), \"", $example, "\");")]
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name {
            bits: $bits,
            len: u8,
        }

        impl $name {
            /// Bits of an address.
            pub const MAX_LEN: u8 = <$bits>::BITS as u8;

            /// The prefix that matches every address.
            pub const DEFAULT: Self = Self { bits: 0, len: 0 };

            /// The first `len` bits of `address` (host order).
            ///
            /// # Errors
            /// [`RouteError::BadPrefixLength`] when `len` exceeds [`Self::MAX_LEN`].
            pub const fn new(address: $bits, len: u8) -> Result<Self, RouteError> {
                if len > Self::MAX_LEN {
                    return Err(RouteError::BadPrefixLength);
                }
                Ok(Self { bits: address & Self::mask(len), len })
            }

            /// The first address, host order; the bits past the length are zero.
            #[inline]
            pub const fn first(self) -> $bits {
                self.bits
            }

            /// The last address, host order.
            #[inline]
            pub const fn last(self) -> $bits {
                self.bits | !Self::mask(self.len)
            }

            /// How many leading bits count.
            #[inline]
            #[allow(clippy::len_without_is_empty)]
            pub const fn len(self) -> u8 {
                self.len
            }

            /// Whether `address` (host order) starts with this prefix.
            #[inline]
            pub const fn contains(self, address: $bits) -> bool {
                address & Self::mask(self.len) == self.bits
            }

            /// Whether every address of `other` is one of this prefix.
            #[inline]
            pub const fn covers(self, other: Self) -> bool {
                self.len <= other.len && self.contains(other.bits)
            }

            /// Ones in the first `len` bits.
            const fn mask(len: u8) -> $bits {
                match <$bits>::MAX.checked_shl(Self::MAX_LEN.saturating_sub(len) as u32) {
                    Some(mask) => mask,
                    None => 0,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}/{}", <$address>::from_bits(self.bits), self.len)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = ParsePrefixError;

            /// `address/length`; a bare address is a prefix of full length.
            fn from_str(text: &str) -> Result<Self, ParsePrefixError> {
                let (address, len) = match text.split_once('/') {
                    Some((address, len)) => {
                        (address, len.parse().map_err(|_| ParsePrefixError::Length)?)
                    }
                    None => (text, Self::MAX_LEN),
                };
                let address: $address = address.parse().map_err(|_| ParsePrefixError::Address)?;
                Self::new(address.to_bits(), len).map_err(|_| ParsePrefixError::Length)
            }
        }

        impl From<$address> for $name {
            fn from(address: $address) -> Self {
                Self { bits: address.to_bits(), len: Self::MAX_LEN }
            }
        }
    };
}

prefix!(
    Prefix4,
    u32,
    Ipv4Addr,
    "198.51.100.0/22",
    "198.51.104.0",
    "An IPv4 prefix."
);
prefix!(
    Prefix6,
    u128,
    Ipv6Addr,
    "2001:db8::/32",
    "2001:db9::",
    "An IPv6 prefix."
);

/// Why a text is no prefix.
///
/// ```
/// use linecard::lookup::{ParsePrefixError, Prefix4};
///
/// assert_eq!("10.0.0/8".parse::<Prefix4>(), Err(ParsePrefixError::Address));
/// assert_eq!("10.0.0.0/33".parse::<Prefix4>(), Err(ParsePrefixError::Length));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ParsePrefixError {
    /// What stands before the slash is no address of this family.
    Address,
    /// What stands after the slash is no number, or longer than the address.
    Length,
}

impl fmt::Display for ParsePrefixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => "not an address of this family",
            Self::Length => "not a prefix length",
        })
    }
}

impl core::error::Error for ParsePrefixError {}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn host_bits_are_cleared_and_both_ends_are_right() {
        let prefix = Prefix4::new(0xc633_64ff, 22).unwrap();
        assert_eq!(prefix.to_string(), "198.51.100.0/22");
        assert_eq!((prefix.first(), prefix.last()), (0xc633_6400, 0xc633_67ff));
        assert_eq!(Prefix4::new(u32::MAX, 0).unwrap(), Prefix4::DEFAULT);
        assert_eq!(Prefix4::DEFAULT.last(), u32::MAX);
        assert_eq!(Prefix6::DEFAULT.last(), u128::MAX);
        let host = Prefix6::new(u128::MAX, 128).unwrap();
        assert_eq!((host.first(), host.last()), (u128::MAX, u128::MAX));
    }

    #[test]
    fn covering_is_by_bits_and_length() {
        let wide: Prefix6 = "2001:db8::/32".parse().unwrap();
        let narrow: Prefix6 = "2001:db8:1::/48".parse().unwrap();
        assert!(wide.covers(narrow) && wide.covers(wide) && Prefix6::DEFAULT.covers(wide));
        assert!(!narrow.covers(wide));
        assert!(!wide.covers("2001:db9::/48".parse().unwrap()));
    }

    #[test]
    fn texts_that_are_no_prefix_say_why() {
        assert_eq!(
            "10.0.0.0/-1".parse::<Prefix4>(),
            Err(ParsePrefixError::Length)
        );
        assert_eq!(
            "10.0.0.0/300".parse::<Prefix4>(),
            Err(ParsePrefixError::Length)
        );
        assert_eq!("::/129".parse::<Prefix6>(), Err(ParsePrefixError::Length));
        assert_eq!(
            "10.0.0.0/8".parse::<Prefix6>(),
            Err(ParsePrefixError::Address)
        );
        assert_eq!("".parse::<Prefix4>(), Err(ParsePrefixError::Address));
        assert_eq!(
            "10.1.2.3".parse(),
            Ok(Prefix4::from(Ipv4Addr::new(10, 1, 2, 3)))
        );
    }
}

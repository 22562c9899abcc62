//! How a header is laid over bytes: the one place where it happens.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::WireError;

/// The fixed part of a protocol header, exactly as it is on the wire.
///
/// What `zerocopy` derives for an implementor says, checked by the compiler, that every bit pattern
/// is a value, that there is no padding, and that it may lie at any address. So the only thing that
/// can be wrong with bytes is their number, and that is all that these methods check; the
/// protocol's own rules are checked by its view.
///
/// A protocol that Linecard does not have is added the same way:
///
/// ```
/// use linecard::wire::{Header, WireError};
/// use zerocopy::byteorder::network_endian::U16;
/// use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};
///
/// #[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
/// #[repr(C)]
/// struct Tagged {
///     tag: U16,
///     ethertype: U16,
/// }
/// impl Header for Tagged {}
///
/// let mut bytes = [0x12, 0x34, 0x08, 0x00, 0xff];
/// let (tagged, rest) = Tagged::split(&bytes)?;
/// assert_eq!((tagged.tag.get(), rest), (0x1234, &[0xff][..]));
///
/// let (tagged, _) = Tagged::split_mut(&mut bytes)?;
/// tagged.tag.set(7);
/// assert_eq!(bytes[..2], [0, 7]);
///
/// let header = Tagged { tag: 1.into(), ethertype: 0x86dd.into() };
/// let rest = header.write(&mut bytes)?;
/// assert_eq!(rest, [0xff]);
/// assert_eq!(bytes, [0, 1, 0x86, 0xdd, 0xff]);
/// assert_eq!(header.write(&mut bytes[..3]), Err(WireError::NoRoom { needed: 4 }));
/// # Ok::<(), WireError>(())
/// ```
pub trait Header:
    FromBytes + IntoBytes + KnownLayout + Immutable + Unaligned + Copy + 'static
{
    /// Its length in bytes.
    const LEN: usize = size_of::<Self>();

    /// Takes the first bytes as this header; gives it and the bytes behind it.
    ///
    /// # Errors
    /// [`WireError::Truncated`] if there are fewer bytes than [`LEN`](Self::LEN).
    #[inline]
    fn split(bytes: &[u8]) -> Result<(&Self, &[u8]), WireError> {
        Self::ref_from_prefix(bytes).map_err(|_| WireError::truncated(Self::LEN))
    }

    /// As [`split`](Self::split), for writing in place.
    ///
    /// # Errors
    /// [`WireError::Truncated`] if there are fewer bytes than [`LEN`](Self::LEN).
    #[inline]
    fn split_mut(bytes: &mut [u8]) -> Result<(&mut Self, &mut [u8]), WireError> {
        Self::mut_from_prefix(bytes).map_err(|_| WireError::truncated(Self::LEN))
    }

    /// Writes this header to the start of `out`; gives the bytes behind it, where the next one
    /// goes.
    ///
    /// # Errors
    /// [`WireError::NoRoom`] if `out` is shorter than [`LEN`](Self::LEN); nothing is written then.
    #[inline]
    fn write<'a>(&self, out: &'a mut [u8]) -> Result<&'a mut [u8], WireError> {
        match Self::mut_from_prefix(out) {
            Ok((place, rest)) => {
                *place = *self;
                Ok(rest)
            }
            Err(_) => Err(WireError::no_room(Self::LEN)),
        }
    }
}

/// Splits at `at`, with `bytes` being short told as what it is.
#[inline]
pub(super) fn split_at(bytes: &[u8], at: usize) -> Result<(&[u8], &[u8]), WireError> {
    bytes.split_at_checked(at).ok_or(WireError::truncated(at))
}

/// As [`split_at`], for writing in place.
#[inline]
pub(super) fn split_at_mut(
    bytes: &mut [u8],
    at: usize,
) -> Result<(&mut [u8], &mut [u8]), WireError> {
    bytes
        .split_at_mut_checked(at)
        .ok_or(WireError::truncated(at))
}

/// Copies as much as both hold; unlike `copy_from_slice` it cannot panic.
#[inline]
pub(super) fn copy_to(place: &mut [u8], bytes: &[u8]) {
    for (to, from) in place.iter_mut().zip(bytes) {
        *to = *from;
    }
}

/// Makes a pair of views, each with a field `header`, give the header's methods and its `Display`.
macro_rules! views_deref_to_header {
    ($view:ident, $view_mut:ident, $header:ty) => {
        impl core::ops::Deref for $view<'_> {
            type Target = $header;

            #[inline]
            fn deref(&self) -> &$header {
                self.header
            }
        }

        impl core::ops::Deref for $view_mut<'_> {
            type Target = $header;

            #[inline]
            fn deref(&self) -> &$header {
                self.header
            }
        }

        impl core::ops::DerefMut for $view_mut<'_> {
            #[inline]
            fn deref_mut(&mut self) -> &mut $header {
                self.header
            }
        }

        impl core::fmt::Display for $view<'_> {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                self.header.fmt(f)
            }
        }

        impl core::fmt::Display for $view_mut<'_> {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                self.header.fmt(f)
            }
        }
    };
}
pub(super) use views_deref_to_header;

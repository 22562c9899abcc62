//! The fixed part of the header.

use core::fmt;
use core::net::Ipv4Addr;

use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::wire::checksum::Sum;
use crate::wire::{Header, IpProtocol, WireError};

/// The 20 bytes that each IPv4 header starts with.
///
/// ```
/// use core::net::Ipv4Addr;
/// use linecard::wire::{Header, IpProtocol, Ipv4Header};
///
/// let (a, b) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
/// let mut header = Ipv4Header::new(a, b, IpProtocol::UDP, 8)?;
/// header.set_ttl(1);
/// header.fill_checksum();
/// assert_eq!(header.total_len(), 28);
/// assert_eq!(header.to_string(), "10.0.0.1 > 10.0.0.2: UDP, ttl 1, id 0, DF, length 28");
///
/// let mut packet = [0; 28];
/// let payload = header.write(&mut packet)?;
/// assert_eq!(payload.len(), 8);
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct Ipv4Header {
    version_ihl: u8,
    dscp_ecn: u8,
    total_len: U16,
    ident: U16,
    fragment: U16,
    ttl: u8,
    protocol: IpProtocol,
    checksum: U16,
    source: [u8; 4],
    destination: [u8; 4],
}

impl Header for Ipv4Header {}

impl Ipv4Header {
    /// A header without options, not to be fragmented, of [`DEFAULT_TTL`](Self::DEFAULT_TTL), in
    /// front of a payload of `payload_len` bytes. Its checksum is zero: fill it in when the other
    /// fields are settled.
    ///
    /// # Errors
    /// [`WireError::BadTotalLength`] if header and payload together are more than 65535 bytes.
    #[inline]
    pub const fn new(
        source: Ipv4Addr,
        destination: Ipv4Addr,
        protocol: IpProtocol,
        payload_len: u16,
    ) -> Result<Self, WireError> {
        let Some(total_len) = payload_len.checked_add(Self::LEN as u16) else {
            return Err(WireError::BadTotalLength(payload_len));
        };
        Ok(Self {
            version_ihl: 0x45,
            dscp_ecn: 0,
            total_len: U16::new(total_len),
            ident: U16::new(0),
            fragment: U16::new(DONT_FRAGMENT),
            ttl: Self::DEFAULT_TTL,
            protocol,
            checksum: U16::new(0),
            source: source.octets(),
            destination: destination.octets(),
        })
    }

    /// The TTL to send with: 64
    /// ([IANA, IP parameters](https://www.iana.org/assignments/ip-parameters), recommended
    /// default).
    pub const DEFAULT_TTL: u8 = 64;

    /// The version field: 4 in each view.
    #[inline]
    #[must_use]
    pub const fn version(&self) -> u8 {
        self.version_ihl >> 4
    }

    /// Length of the header with its options in bytes: 20 to 60 in each view.
    #[inline]
    #[must_use]
    pub const fn header_len(&self) -> u8 {
        (self.version_ihl & 0x0f) << 2
    }

    /// Differentiated services code point, 6 bits
    /// ([RFC 2474](https://www.rfc-editor.org/rfc/rfc2474#section-3)).
    #[inline]
    #[must_use]
    pub const fn dscp(&self) -> u8 {
        self.dscp_ecn >> 2
    }

    /// Explicit congestion notification, 2 bits
    /// ([RFC 3168](https://www.rfc-editor.org/rfc/rfc3168#section-5)).
    #[inline]
    #[must_use]
    pub const fn ecn(&self) -> u8 {
        self.dscp_ecn & 0x03
    }

    /// Length of header and payload in bytes.
    #[inline]
    #[must_use]
    pub fn total_len(&self) -> u16 {
        self.total_len.get()
    }

    /// What the fragments of one packet have in common.
    #[inline]
    #[must_use]
    pub fn ident(&self) -> u16 {
        self.ident.get()
    }

    /// Routers must not fragment it.
    #[inline]
    #[must_use]
    pub fn dont_fragment(&self) -> bool {
        self.fragment.get() & DONT_FRAGMENT != 0
    }

    /// A fragment, and not the last.
    #[inline]
    #[must_use]
    pub fn more_fragments(&self) -> bool {
        self.fragment.get() & MORE_FRAGMENTS != 0
    }

    /// Where in the original payload this one belongs, in bytes: a multiple of 8.
    #[inline]
    #[must_use]
    pub fn fragment_offset(&self) -> u16 {
        (self.fragment.get() & OFFSET_MASK) << 3
    }

    /// Only a part of a packet: more follows, or the offset is not zero.
    #[inline]
    #[must_use]
    pub fn is_fragment(&self) -> bool {
        self.fragment.get() & (MORE_FRAGMENTS | OFFSET_MASK) != 0
    }

    /// Time to live, in hops.
    #[inline]
    #[must_use]
    pub const fn ttl(&self) -> u8 {
        self.ttl
    }

    /// What the payload is.
    #[inline]
    #[must_use]
    pub const fn protocol(&self) -> IpProtocol {
        self.protocol
    }

    /// The header checksum as it stands.
    #[inline]
    #[must_use]
    pub fn checksum(&self) -> u16 {
        self.checksum.get()
    }

    /// Who sent it.
    #[inline]
    #[must_use]
    pub const fn source(&self) -> Ipv4Addr {
        let [a, b, c, d] = self.source;
        Ipv4Addr::new(a, b, c, d)
    }

    /// Whom it is for.
    #[inline]
    #[must_use]
    pub const fn destination(&self) -> Ipv4Addr {
        let [a, b, c, d] = self.destination;
        Ipv4Addr::new(a, b, c, d)
    }

    /// Sets the differentiated services code point; the two highest bits are ignored.
    #[inline]
    pub fn set_dscp(&mut self, dscp: u8) {
        self.dscp_ecn = dscp << 2 | self.ecn();
    }

    /// Sets explicit congestion notification; only the two lowest bits count.
    #[inline]
    pub fn set_ecn(&mut self, ecn: u8) {
        self.dscp_ecn = self.dscp_ecn & !0x03 | ecn & 0x03;
    }

    /// Sets the length of the header with its options: `words` of 4 bytes, of which only the four
    /// lowest bits count.
    #[inline]
    pub fn set_header_words(&mut self, words: u8) {
        self.version_ihl = 0x40 | words & 0x0f;
    }

    /// Sets the length of header and payload in bytes.
    #[inline]
    pub fn set_total_len(&mut self, bytes: u16) {
        self.total_len.set(bytes);
    }

    /// Sets what the fragments of one packet have in common.
    #[inline]
    pub fn set_ident(&mut self, ident: u16) {
        self.ident.set(ident);
    }

    /// Sets whether routers must not fragment it.
    #[inline]
    pub fn set_dont_fragment(&mut self, yes: bool) {
        let rest = self.fragment.get() & !DONT_FRAGMENT;
        self.fragment
            .set(if yes { rest | DONT_FRAGMENT } else { rest });
    }

    /// Sets where a fragment belongs (`offset` in bytes, rounded down to a multiple of 8) and
    /// whether more follow.
    #[inline]
    pub fn set_fragment(&mut self, offset: u16, more: bool) {
        let keep = self.fragment.get() & !(MORE_FRAGMENTS | OFFSET_MASK);
        let more = if more { MORE_FRAGMENTS } else { 0 };
        self.fragment.set(keep | more | offset >> 3);
    }

    /// Sets the time to live. The checksum is left as it is; see
    /// [`decrement_ttl`](Self::decrement_ttl).
    #[inline]
    pub fn set_ttl(&mut self, ttl: u8) {
        self.ttl = ttl;
    }

    /// Sets what the payload is.
    #[inline]
    pub fn set_protocol(&mut self, protocol: IpProtocol) {
        self.protocol = protocol;
    }

    /// Sets the header checksum.
    #[inline]
    pub fn set_checksum(&mut self, checksum: u16) {
        self.checksum.set(checksum);
    }

    /// Computes the checksum of a header without options and puts it in; one with options is filled
    /// in by [`Ipv4Mut::fill_checksum`](super::Ipv4Mut::fill_checksum).
    #[inline]
    pub fn fill_checksum(&mut self) {
        self.set_checksum(0);
        self.set_checksum(self.sum().checksum());
    }

    /// Sets who sent it.
    #[inline]
    pub fn set_source(&mut self, address: Ipv4Addr) {
        self.source = address.octets();
    }

    /// Sets whom it is for.
    #[inline]
    pub fn set_destination(&mut self, address: Ipv4Addr) {
        self.destination = address.octets();
    }

    /// One hop less, with the checksum kept right by
    /// [RFC 1624](https://www.rfc-editor.org/rfc/rfc1624#section-3); gives the new time to live.
    ///
    /// `None`, and nothing is changed, if the packet may not be forwarded: its time to live is 0
    /// or 1. [RFC 1812](https://www.rfc-editor.org/rfc/rfc1812#section-5.3.1): "If the TTL is
    /// reduced to zero (or less), the packet MUST be discarded".
    ///
    /// ```
    /// use linecard::wire::{Header, Ipv4Header};
    ///
    /// let mut bytes = *b"\x45\0\0\x14\0\0\0\0\x02\x11\xa4\xd7\x0a\0\0\x01\x0a\0\0\x02";
    /// let (header, _) = Ipv4Header::split_mut(&mut bytes)?;
    /// assert_eq!((header.decrement_ttl(), header.checksum()), (Some(1), 0xa5d7));
    /// assert_eq!((header.decrement_ttl(), header.checksum()), (None, 0xa5d7));
    /// # Ok::<(), linecard::wire::WireError>(())
    /// ```
    #[inline]
    pub fn decrement_ttl(&mut self) -> Option<u8> {
        if self.ttl <= 1 {
            return None;
        }
        self.ttl -= 1;
        // HC' = ~(~HC + ~m + m'), where m is the word of TTL and protocol and m' is 0x0100 less, so
        // that ~m + m' = 0xfeff. The sum is at most 0x1fefe: one fold is enough.
        let sum = u32::from(!self.checksum.get()) + 0xfeff;
        self.checksum.set(!((sum & 0xffff) + (sum >> 16)) as u16);
        Some(self.ttl)
    }

    /// The sum over these 20 bytes.
    #[inline]
    pub(super) fn sum(&self) -> Sum {
        Sum::of_20(zerocopy::transmute_ref!(self))
    }

    /// Checks the fields that the parts of a view are cut by; gives the lengths of header and
    /// packet.
    #[inline]
    pub(super) fn lengths(&self) -> Result<(usize, usize), WireError> {
        // RFC 1812, 5.2.2 (3): "The IP version number must be 4."
        if self.version() != 4 {
            return Err(WireError::BadVersion(self.version()));
        }
        // (4): "The IP header length field must be large enough to hold the minimum length legal IP
        // datagram (20 bytes = 5 words)."
        let header_len = self.header_len();
        if usize::from(header_len) < Self::LEN {
            return Err(WireError::BadHeaderLength(header_len.into()));
        }
        // (5): "The IP total length field must be large enough to hold the IP datagram header,
        // whose length is specified in the IP header length field."
        let total_len = self.total_len();
        if total_len < header_len.into() {
            return Err(WireError::BadTotalLength(total_len));
        }
        Ok((header_len.into(), total_len.into()))
    }
}

impl fmt::Display for Ipv4Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (source, destination) = (self.source(), self.destination());
        write!(
            f,
            "{source} > {destination}: {}, ttl {}, id {}",
            self.protocol,
            self.ttl,
            self.ident()
        )?;
        if self.dont_fragment() {
            f.write_str(", DF")?;
        }
        if self.is_fragment() {
            let more = if self.more_fragments() { "+" } else { "" };
            write!(f, ", fragment at {}{more}", self.fragment_offset())?;
        }
        write!(f, ", length {}", self.total_len())
    }
}

const DONT_FRAGMENT: u16 = 0x4000;
const MORE_FRAGMENTS: u16 = 0x2000;
const OFFSET_MASK: u16 = 0x1fff;

static_assertions::assert_eq_size!(Ipv4Header, [u8; 20]);

//! TCP: [RFC 9293](https://www.rfc-editor.org/rfc/rfc9293#section-3.1).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |          source port          |       destination port        |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                        sequence number                        |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                     acknowledgment number                     |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  data |       |C|E|U|A|P|R|S|F|                               |
//! | offset| rsrvd |W|C|R|C|S|S|Y|I|            window             |
//! |       |       |R|E|G|K|H|T|N|N|                               |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |           checksum            |        urgent pointer         |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                 options, 0 to 40 bytes ...
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```
//!
//! Options are in [`tcp_options`](super::tcp_options).

use core::fmt;

use bitflags::bitflags;
use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::checksum::{Delta, PseudoHeader, Sum};
use super::header::{split_at, split_at_mut, views_deref_to_header};
use super::tcp_options::TcpOptions;
use super::{Header, IpProtocol, WireError};

bitflags! {
    /// The control bits.
    ///
    /// ```
    /// use linecard::wire::TcpFlags;
    ///
    /// let flags = TcpFlags::SYN | TcpFlags::ACK;
    /// assert_eq!(flags.to_string(), "SYN|ACK");
    /// assert_eq!(flags.bits(), 0x12);
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct TcpFlags: u8 {
        /// No more data from the sender.
        const FIN = 0x01;
        /// Synchronizes sequence numbers: the first segment from each side.
        const SYN = 0x02;
        /// Resets the connection.
        const RST = 0x04;
        /// To be handed to the application at once.
        const PSH = 0x08;
        /// The acknowledgment number counts.
        const ACK = 0x10;
        /// The urgent pointer counts.
        const URG = 0x20;
        /// Congestion was experienced on the way (RFC 3168).
        const ECE = 0x40;
        /// The congestion window was reduced (RFC 3168).
        const CWR = 0x80;
    }
}

impl fmt::Display for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        for (i, (name, _)) in self.iter_names().enumerate() {
            if i > 0 {
                f.write_str("|")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

/// The 20 bytes that each segment starts with.
///
/// ```
/// use linecard::wire::{Header, TcpFlags, TcpHeader};
///
/// let mut header = TcpHeader::new(40_000, 443, TcpFlags::SYN);
/// header.set_sequence(7);
/// header.set_window(65_535);
/// assert_eq!(header.to_string(), "TCP 40000 > 443: SYN, seq 7, ack 0, win 65535");
/// let mut segment = [0; 20];
/// header.write(&mut segment)?;
/// assert_eq!(segment[12..14], [0x50, 0x02]);
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct TcpHeader {
    source_port: U16,
    destination_port: U16,
    sequence: U32,
    acknowledgment: U32,
    offset: u8,
    flags: u8,
    window: U16,
    checksum: U16,
    urgent: U16,
}

impl Header for TcpHeader {}

impl TcpHeader {
    /// A header without options, of which all else is zero.
    #[inline]
    #[must_use]
    pub const fn new(source_port: u16, destination_port: u16, flags: TcpFlags) -> Self {
        Self {
            source_port: U16::new(source_port),
            destination_port: U16::new(destination_port),
            sequence: U32::new(0),
            acknowledgment: U32::new(0),
            offset: 5 << 4,
            flags: flags.bits(),
            window: U16::new(0),
            checksum: U16::new(0),
            urgent: U16::new(0),
        }
    }

    /// The sender's port.
    #[inline]
    #[must_use]
    pub fn source_port(&self) -> u16 {
        self.source_port.get()
    }

    /// The receiver's port.
    #[inline]
    #[must_use]
    pub fn destination_port(&self) -> u16 {
        self.destination_port.get()
    }

    /// Number of the first byte of the payload, or of SYN.
    #[inline]
    #[must_use]
    pub fn sequence(&self) -> u32 {
        self.sequence.get()
    }

    /// Number of the next byte that the sender expects; counts with [`TcpFlags::ACK`].
    #[inline]
    #[must_use]
    pub fn acknowledgment(&self) -> u32 {
        self.acknowledgment.get()
    }

    /// Length of the header with its options in bytes: 20 to 60 in each view.
    #[inline]
    #[must_use]
    pub const fn header_len(&self) -> u8 {
        self.offset >> 4 << 2
    }

    /// The control bits.
    #[inline]
    #[must_use]
    pub const fn flags(&self) -> TcpFlags {
        TcpFlags::from_bits_retain(self.flags)
    }

    /// The four reserved bits beside the data offset.
    #[inline]
    #[must_use]
    pub const fn reserved(&self) -> u8 {
        self.offset & 0x0f
    }

    /// How many bytes the sender would take, before window scaling.
    #[inline]
    #[must_use]
    pub fn window(&self) -> u16 {
        self.window.get()
    }

    /// The checksum as it stands.
    #[inline]
    #[must_use]
    pub fn checksum(&self) -> u16 {
        self.checksum.get()
    }

    /// Where urgent data ends; counts with [`TcpFlags::URG`].
    #[inline]
    #[must_use]
    pub fn urgent(&self) -> u16 {
        self.urgent.get()
    }

    /// Sets the sender's port; the checksum is left as it is.
    #[inline]
    pub fn set_source_port(&mut self, port: u16) {
        self.source_port.set(port);
    }

    /// Sets the receiver's port; the checksum is left as it is.
    #[inline]
    pub fn set_destination_port(&mut self, port: u16) {
        self.destination_port.set(port);
    }

    /// Sets the number of the first byte.
    #[inline]
    pub fn set_sequence(&mut self, number: u32) {
        self.sequence.set(number);
    }

    /// Sets the number of the next byte that is expected.
    #[inline]
    pub fn set_acknowledgment(&mut self, number: u32) {
        self.acknowledgment.set(number);
    }

    /// Sets the length of the header with its options: `words` of 4 bytes, of which only the four
    /// lowest bits count. The reserved bits stay.
    #[inline]
    pub fn set_header_words(&mut self, words: u8) {
        self.offset = words << 4 | self.reserved();
    }

    /// Sets the control bits.
    #[inline]
    pub fn set_flags(&mut self, flags: TcpFlags) {
        self.flags = flags.bits();
    }

    /// Sets how many bytes the sender would take.
    #[inline]
    pub fn set_window(&mut self, bytes: u16) {
        self.window.set(bytes);
    }

    /// Sets the checksum.
    #[inline]
    pub fn set_checksum(&mut self, checksum: u16) {
        self.checksum.set(checksum);
    }

    /// Sets where urgent data ends.
    #[inline]
    pub fn set_urgent(&mut self, pointer: u16) {
        self.urgent.set(pointer);
    }

    /// Brings the checksum up to date with a change of ports, addresses, numbers or options.
    #[inline]
    pub fn update_checksum(&mut self, change: Delta) {
        self.checksum.set(change.apply(self.checksum.get()));
    }

    /// Checks the data offset; gives the length of header and options in bytes.
    #[inline]
    fn checked_len(&self) -> Result<usize, WireError> {
        match self.header_len() {
            short @ 0..20 => Err(WireError::BadHeaderLength(short.into())),
            len => Ok(len.into()),
        }
    }

    /// The sum of everything that the checksum covers but the checksum itself.
    #[inline]
    fn sum(&self, pseudo: &PseudoHeader, options: &[u8], payload: &[u8]) -> Sum {
        // Longer than 4 GiB is not a segment; its checksum need only be some number.
        let len = (Self::LEN + options.len() + payload.len()) as u32;
        pseudo.sum(IpProtocol::TCP, len)
            + Sum::of_except(self.as_bytes(), CHECKSUM)
            + Sum::of(options)
            + Sum::of(payload)
    }
}

impl fmt::Display for TcpHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "TCP {} > {}: {}, seq {}, ack {}, win {}",
            self.source_port(),
            self.destination_port(),
            self.flags(),
            self.sequence(),
            self.acknowledgment(),
            self.window()
        )
    }
}

/// A segment, checked.
///
/// ```
/// use linecard::wire::{Tcp, TcpOption, WireError};
///
/// let mut bytes = [0; 26];
/// bytes[12] = 6 << 4;
/// bytes[20..24].copy_from_slice(&[2, 4, 0x05, 0xb4]);
/// let tcp = Tcp::new(&bytes)?;
/// assert_eq!(tcp.options().next(), Some(Ok(TcpOption::MaxSegmentSize(1460))));
/// assert_eq!(tcp.payload.len(), 2);
///
/// bytes[12] = 4 << 4;
/// assert_eq!(Tcp::new(&bytes).unwrap_err(), WireError::BadHeaderLength(16));
/// bytes[12] = 7 << 4;
/// assert_eq!(Tcp::new(&bytes).unwrap_err(), WireError::Truncated { needed: 28 });
/// # Ok::<(), WireError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Tcp<'a> {
    /// The first 20 bytes.
    pub header: &'a TcpHeader,
    /// The options as bytes, padded to a multiple of 4; [`options`](Self::options) walks them.
    pub options: &'a [u8],
    /// What follows the header.
    pub payload: &'a [u8],
}

impl<'a> Tcp<'a> {
    /// Views `bytes`, the upper layer of an IP packet, as a segment.
    ///
    /// # Errors
    /// [`WireError::Truncated`] with fewer bytes than 20 or than the data offset,
    /// [`WireError::BadHeaderLength`] under 20.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        let (header, rest) = TcpHeader::split(bytes)?;
        let len = header.checked_len()?;
        match split_at(rest, len - TcpHeader::LEN) {
            Ok((options, payload)) => Ok(Self {
                header,
                options,
                payload,
            }),
            Err(_) => Err(WireError::truncated(len)),
        }
    }

    /// The options, one by one.
    #[inline]
    #[must_use]
    pub const fn options(&self) -> TcpOptions<'a> {
        TcpOptions::new(self.options)
    }

    /// The checksum is right.
    #[inline]
    #[must_use]
    pub fn checksum_ok(&self, pseudo: &PseudoHeader) -> bool {
        let sum = self.header.sum(pseudo, self.options, self.payload);
        (sum + Sum::of_u16(self.header.checksum())).is_valid()
    }
}

/// A segment, checked, for writing in place.
///
/// ```
/// use core::net::Ipv4Addr;
/// use linecard::wire::{TcpFlags, TcpMut, checksum::PseudoHeader};
///
/// let mut bytes = [0; 20];
/// bytes[12] = 5 << 4;
/// let mut tcp = TcpMut::new(&mut bytes)?;
/// tcp.set_flags(TcpFlags::RST);
/// let pseudo = PseudoHeader::ipv4(Ipv4Addr::LOCALHOST, Ipv4Addr::LOCALHOST);
/// tcp.fill_checksum(&pseudo);
/// assert!(tcp.checksum_ok(&pseudo));
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct TcpMut<'a> {
    /// The first 20 bytes.
    pub header: &'a mut TcpHeader,
    /// The options as bytes, padded to a multiple of 4.
    pub options: &'a mut [u8],
    /// What follows the header.
    pub payload: &'a mut [u8],
}

impl<'a> TcpMut<'a> {
    /// Views `bytes`, the upper layer of an IP packet, as a segment.
    ///
    /// # Errors
    /// As [`Tcp::new`].
    #[inline]
    pub fn new(bytes: &'a mut [u8]) -> Result<Self, WireError> {
        let (header, rest) = TcpHeader::split_mut(bytes)?;
        let len = header.checked_len()?;
        match split_at_mut(rest, len - TcpHeader::LEN) {
            Ok((options, payload)) => Ok(Self {
                header,
                options,
                payload,
            }),
            Err(_) => Err(WireError::truncated(len)),
        }
    }

    /// The checksum is right.
    #[inline]
    #[must_use]
    pub fn checksum_ok(&self, pseudo: &PseudoHeader) -> bool {
        let sum = self.header.sum(pseudo, self.options, self.payload);
        (sum + Sum::of_u16(self.header.checksum())).is_valid()
    }

    /// Computes the checksum over the addresses and the whole segment and puts it in.
    #[inline]
    pub fn fill_checksum(&mut self, pseudo: &PseudoHeader) {
        let sum = self.header.sum(pseudo, self.options, self.payload);
        self.header.set_checksum(sum.checksum());
    }
}

views_deref_to_header!(Tcp, TcpMut, TcpHeader);

/// Offset of the checksum field.
const CHECKSUM: usize = 16;

static_assertions::assert_eq_size!(TcpHeader, [u8; 20]);

#[cfg(test)]
#[path = "tests/tcp.rs"]
mod tests;

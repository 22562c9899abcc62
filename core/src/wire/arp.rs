//! ARP for IPv4 over Ethernet: [RFC 826](https://www.rfc-editor.org/rfc/rfc826), with the probes
//! and announcements of [RFC 5227](https://www.rfc-editor.org/rfc/rfc5227).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |       hardware type (1)       |     protocol type (0800)      |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! | hw length (6) | pr length (4) |           operation           |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                   sender hardware address                     |
//! +                               +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                               |   sender protocol address     :
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! :                               |                               |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+                               +
//! |                   target hardware address                     |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                   target protocol address                     |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use core::fmt;
use core::net::Ipv4Addr;

use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::header::views_deref_to_header;
use super::{EtherType, Header, MacAddr, WireError};

/// What an ARP packet asks or says
/// ([IANA, ARP parameters](https://www.iana.org/assignments/arp-parameters)).
///
/// ```
/// use linecard::wire::ArpOperation;
///
/// assert_eq!(ArpOperation::REPLY.to_string(), "reply");
/// assert_eq!(ArpOperation(9).to_string(), "operation 9");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct ArpOperation(pub u16);

impl ArpOperation {
    /// Who has the target protocol address?
    pub const REQUEST: Self = Self(1);
    /// The sender has it.
    pub const REPLY: Self = Self(2);
}

impl fmt::Display for ArpOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::REQUEST => f.write_str("request"),
            Self::REPLY => f.write_str("reply"),
            Self(other) => write!(f, "operation {other}"),
        }
    }
}

/// The 28 bytes of an ARP packet for IPv4 over Ethernet.
///
/// ```
/// use core::net::Ipv4Addr;
/// use linecard::wire::{ArpHeader, EtherType, EthernetHeader, Header, MacAddr};
///
/// let (host, router) = (MacAddr([2, 0, 0, 0, 0, 1]), MacAddr([2, 0, 0, 0, 0, 2]));
/// let (a, b) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 254));
/// let request = ArpHeader::request(host, a, b);
/// assert_eq!(request.to_string(), "ARP who has 10.0.0.254? tell 10.0.0.1 (02:00:00:00:00:01)");
///
/// let reply = request.reply(router);
/// assert_eq!(reply.to_string(), "ARP 10.0.0.254 is at 02:00:00:00:00:02");
/// let mut frame = [0; 60];
/// let payload = EthernetHeader::new(host, router, EtherType::ARP).write(&mut frame)?;
/// reply.write(payload)?;
/// assert_eq!(frame[21], 2);
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct ArpHeader {
    hardware: U16,
    protocol: U16,
    hardware_len: u8,
    protocol_len: u8,
    operation: U16,
    sender_mac: MacAddr,
    sender_ip: [u8; 4],
    target_mac: MacAddr,
    target_ip: [u8; 4],
}

impl Header for ArpHeader {}

impl ArpHeader {
    /// A packet of these fields, each pair being a MAC and an IPv4 address.
    #[inline]
    #[must_use]
    pub const fn new(
        operation: ArpOperation,
        sender: (MacAddr, Ipv4Addr),
        target: (MacAddr, Ipv4Addr),
    ) -> Self {
        Self {
            hardware: U16::new(HARDWARE_ETHERNET),
            protocol: U16::new(EtherType::IPV4.0),
            hardware_len: 6,
            protocol_len: 4,
            operation: U16::new(operation.0),
            sender_mac: sender.0,
            sender_ip: sender.1.octets(),
            target_mac: target.0,
            target_ip: target.1.octets(),
        }
    }

    /// Asks who has `target`. With a `sender_ip` of 0.0.0.0 it is a probe (RFC 5227, 2.1.1), with
    /// `sender_ip` equal to `target` an announcement (2.3).
    #[inline]
    #[must_use]
    pub const fn request(sender_mac: MacAddr, sender_ip: Ipv4Addr, target: Ipv4Addr) -> Self {
        Self::new(
            ArpOperation::REQUEST,
            (sender_mac, sender_ip),
            (MacAddr::ZERO, target),
        )
    }

    /// Answers this request: its target protocol address is at `mac`. RFC 826: "swap hardware and
    /// protocol fields, putting the local hardware and protocol addresses in the sender fields".
    #[inline]
    #[must_use]
    pub const fn reply(&self, mac: MacAddr) -> Self {
        let target = (self.sender_mac(), self.sender_ip());
        Self::new(ArpOperation::REPLY, (mac, self.target_ip()), target)
    }

    /// What it asks or says.
    #[inline]
    #[must_use]
    pub fn operation(&self) -> ArpOperation {
        ArpOperation(self.operation.get())
    }

    /// The sender's hardware address.
    #[inline]
    #[must_use]
    pub const fn sender_mac(&self) -> MacAddr {
        self.sender_mac
    }

    /// The sender's protocol address; 0.0.0.0 in a probe.
    #[inline]
    #[must_use]
    pub const fn sender_ip(&self) -> Ipv4Addr {
        let [a, b, c, d] = self.sender_ip;
        Ipv4Addr::new(a, b, c, d)
    }

    /// The target's hardware address; says nothing in a request.
    #[inline]
    #[must_use]
    pub const fn target_mac(&self) -> MacAddr {
        self.target_mac
    }

    /// The target's protocol address: in a request, what it is about.
    #[inline]
    #[must_use]
    pub const fn target_ip(&self) -> Ipv4Addr {
        let [a, b, c, d] = self.target_ip;
        Ipv4Addr::new(a, b, c, d)
    }

    /// Sets what it asks or says.
    #[inline]
    pub fn set_operation(&mut self, operation: ArpOperation) {
        self.operation.set(operation.0);
    }

    /// Sets the sender's addresses.
    #[inline]
    pub fn set_sender(&mut self, mac: MacAddr, ip: Ipv4Addr) {
        (self.sender_mac, self.sender_ip) = (mac, ip.octets());
    }

    /// Sets the target's addresses.
    #[inline]
    pub fn set_target(&mut self, mac: MacAddr, ip: Ipv4Addr) {
        (self.target_mac, self.target_ip) = (mac, ip.octets());
    }

    /// RFC 826, "Packet Reception": "Do I have the hardware type in ar$hrd? [optionally check the
    /// hardware length ar$hln] Do I speak the protocol in ar$pro? [optionally check the protocol
    /// length ar$pln]". The lengths decide where the addresses are, so here they are checked.
    #[inline]
    fn check(&self) -> Result<(), WireError> {
        if self.hardware.get() != HARDWARE_ETHERNET {
            return Err(WireError::Unsupported(self.hardware.get()));
        }
        if self.protocol.get() != EtherType::IPV4.0 {
            return Err(WireError::Unsupported(self.protocol.get()));
        }
        if self.hardware_len != 6 {
            return Err(WireError::BadValue(self.hardware_len.into()));
        }
        if self.protocol_len != 4 {
            return Err(WireError::BadValue(self.protocol_len.into()));
        }
        Ok(())
    }
}

impl fmt::Display for ArpHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (target, sender, mac) = (self.target_ip(), self.sender_ip(), self.sender_mac);
        match self.operation() {
            ArpOperation::REQUEST => write!(f, "ARP who has {target}? tell {sender} ({mac})"),
            ArpOperation::REPLY => write!(f, "ARP {sender} is at {mac}"),
            other => write!(
                f,
                "ARP {other}: {sender} ({mac}) > {target} ({})",
                self.target_mac
            ),
        }
    }
}

/// An ARP packet for IPv4 over Ethernet, checked.
///
/// ```
/// use linecard::wire::{Arp, ArpOperation, WireError};
///
/// let mut bytes = [0; 46];
/// bytes[..8].copy_from_slice(&[0, 1, 8, 0, 6, 4, 0, 1]);
/// assert_eq!(Arp::new(&bytes)?.operation(), ArpOperation::REQUEST);
/// bytes[1] = 6; // IEEE 802
/// assert_eq!(Arp::new(&bytes).unwrap_err(), WireError::Unsupported(6));
/// # Ok::<(), WireError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Arp<'a> {
    /// The whole packet.
    pub header: &'a ArpHeader,
}

impl<'a> Arp<'a> {
    /// Views `bytes`, the payload of a frame; padding behind the packet is ignored.
    ///
    /// # Errors
    /// [`WireError::Truncated`] if there are fewer than 28 bytes, [`WireError::Unsupported`] with a
    /// hardware or protocol type that is not Ethernet or IPv4, [`WireError::BadValue`] with an
    /// address length that is not theirs.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        let (header, _padding) = ArpHeader::split(bytes)?;
        header.check()?;
        Ok(Self { header })
    }
}

/// An ARP packet for IPv4 over Ethernet, checked, for writing in place.
///
/// ```
/// use linecard::wire::{ArpMut, MacAddr};
///
/// let mut bytes = [0; 28];
/// bytes[..8].copy_from_slice(&[0, 1, 8, 0, 6, 4, 0, 1]);
/// let arp = ArpMut::new(&mut bytes)?;
/// *arp.header = arp.header.reply(MacAddr([2, 0, 0, 0, 0, 9])); // the request becomes its reply
/// assert_eq!((bytes[7], bytes[13]), (2, 9));
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct ArpMut<'a> {
    /// The whole packet.
    pub header: &'a mut ArpHeader,
}

impl<'a> ArpMut<'a> {
    /// Views `bytes`, the payload of a frame; padding behind the packet is ignored.
    ///
    /// # Errors
    /// As [`Arp::new`].
    #[inline]
    pub fn new(bytes: &'a mut [u8]) -> Result<Self, WireError> {
        let (header, _padding) = ArpHeader::split_mut(bytes)?;
        header.check()?;
        Ok(Self { header })
    }
}

views_deref_to_header!(Arp, ArpMut, ArpHeader);

/// Ethernet (IANA, ARP parameters, hardware types).
const HARDWARE_ETHERNET: u16 = 1;

static_assertions::assert_eq_size!(ArpHeader, [u8; 28]);

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use proptest::prelude::*;

    use super::*;

    const GOOD: [u8; 8] = [0, 1, 8, 0, 6, 4, 0, 2];

    #[test]
    fn each_check_has_its_error() {
        let mut bytes = [0; 28];
        bytes[..8].copy_from_slice(&GOOD);
        assert!(Arp::new(&bytes).is_ok());
        assert_eq!(
            Arp::new(&bytes[..27]).unwrap_err(),
            WireError::Truncated { needed: 28 }
        );
        for (at, error) in [
            (1, WireError::Unsupported(9)),
            (2, WireError::Unsupported(0x0900)),
            (4, WireError::BadValue(9)),
            (5, WireError::BadValue(9)),
        ] {
            let before = core::mem::replace(&mut bytes[at], 9);
            assert_eq!(Arp::new(&bytes).unwrap_err(), error);
            bytes[at] = before;
        }
    }

    proptest! {
        #[test]
        fn any_bytes(good: bool, mut bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if good && bytes.len() > 6 {
                bytes[..6].copy_from_slice(&GOOD[..6]);
            }
            let read = Arp::new(&bytes).map(|view| *view.header);
            if let Ok(header) = read {
                prop_assert_eq!(header.as_bytes(), &bytes[..28]);
                let _ = header.to_string();
            }
            prop_assert_eq!(read.is_ok(), bytes.len() >= 28 && bytes[..6] == GOOD[..6]);
            prop_assert_eq!(ArpMut::new(&mut bytes).map(|view| *view.header), read);
        }

        #[test]
        fn what_is_written_is_read(s: [u8; 6], sip: [u8; 4], t: [u8; 6], tip: [u8; 4], op: u16) {
            let mut bytes = [0; 28];
            ArpHeader::request(MacAddr::ZERO, sip.into(), tip.into()).write(&mut bytes).unwrap();
            let mut view = ArpMut::new(&mut bytes).unwrap();
            view.set_operation(ArpOperation(op));
            view.set_sender(MacAddr(s), sip.into());
            view.set_target(MacAddr(t), tip.into());
            let expected = ArpHeader::new(
                ArpOperation(op),
                (MacAddr(s), sip.into()),
                (MacAddr(t), tip.into()),
            );
            prop_assert_eq!(*Arp::new(&bytes).unwrap().header, expected);
            let reply = expected.reply(MacAddr([7; 6]));
            prop_assert_eq!((reply.sender_mac(), reply.sender_ip()), (MacAddr([7; 6]), tip.into()));
            prop_assert_eq!((reply.target_mac(), reply.target_ip()), (MacAddr(s), sip.into()));
        }
    }
}

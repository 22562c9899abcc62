//! Multicast listener discovery: version 2, [RFC 3810](https://www.rfc-editor.org/rfc/rfc3810), and
//! version 1, [RFC 2710](https://www.rfc-editor.org/rfc/rfc2710).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! | type: 130-132 |     code      |           checksum            |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |     maximum response code     |           reserved            |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                  multicast address (16 bytes)                 |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! | resv  |S| QRV |     QQIC      |     number of sources (N)     |  a query of version 2
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |   N sources of 16 bytes ...
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-
//!
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |   type: 143   |   reserved    |           checksum            |  a report of version 2
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |           reserved            |     number of records (M)     |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  record type  | aux data len  |     number of sources (N)     |  M times
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                  multicast address (16 bytes)                 |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |   N sources of 16 bytes, aux data len times 4 bytes ...
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-
//! ```

use core::fmt;
use core::net::Ipv6Addr;
use core::time::Duration;

use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::checksum::PseudoHeader;
use super::header::split_at;
use super::{Header, Icmpv6Header, Icmpv6Mut, Icmpv6Type, Ipv6Header, WireError};

/// The 24 bytes that a query of either version starts with, and all of a report of version 1.
///
/// ```
/// use linecard::wire::{Icmpv6Type, mld::MldHeader};
///
/// let group = "ff02::1:ff00:1".parse().unwrap();
/// let header = MldHeader::new(Icmpv6Type::LISTENER_REPORT, 0, group);
/// assert_eq!(header.to_string(), "ICMPv6 listener report, version 1, of ff02::1:ff00:1");
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct MldHeader {
    kind: Icmpv6Type,
    code: u8,
    checksum: U16,
    response: U16,
    reserved: U16,
    group: [u8; 16],
}

impl Header for MldHeader {}

impl MldHeader {
    /// A header with a checksum of zero; `response`: the maximum response code of a query.
    #[inline]
    #[must_use]
    pub const fn new(kind: Icmpv6Type, response: u16, group: Ipv6Addr) -> Self {
        Self {
            kind,
            code: 0,
            checksum: U16::new(0),
            response: U16::new(response),
            reserved: U16::new(0),
            group: group.octets(),
        }
    }

    /// Query, report or done.
    #[inline]
    #[must_use]
    pub const fn kind(&self) -> Icmpv6Type {
        self.kind
    }

    /// The checksum as it stands.
    #[inline]
    #[must_use]
    pub fn checksum(&self) -> u16 {
        self.checksum.get()
    }

    /// The maximum response code as it stands; [`MldQuery::max_response_delay`] is what it means.
    #[inline]
    #[must_use]
    pub fn max_response_code(&self) -> u16 {
        self.response.get()
    }

    /// The group that it is about; unspecified in a general query.
    #[inline]
    #[must_use]
    pub const fn group(&self) -> Ipv6Addr {
        Ipv6Addr::from_octets(self.group)
    }
}

impl fmt::Display for MldHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ICMPv6 {}, of {}", self.kind, self.group())
    }
}

/// The 4 bytes that a query of version 2 has behind the address.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Tail {
    robustness: u8,
    interval: u8,
    sources: U16,
}

impl Header for Tail {}

/// A query, checked: who listens?
///
/// ```
/// use core::time::Duration;
/// use linecard::wire::mld::{MldHeader, MldQuery};
/// use linecard::wire::{Header, Icmpv6Type, IpProtocol, Ipv6Header, WireError};
///
/// let (querier, all) = ("fe80::1".parse().unwrap(), "ff02::1".parse().unwrap());
/// let mut ip = Ipv6Header::new(querier, all, IpProtocol::ICMPV6, 24);
/// ip.set_hop_limit(1);
/// let mut bytes = [0; 28];
/// MldHeader::new(Icmpv6Type::LISTENER_QUERY, 10_000, "::".parse().unwrap()).write(&mut bytes)?;
///
/// let query = MldQuery::new(&ip, &bytes)?;
/// assert_eq!((query.version(), query.group()), (2, None));
/// assert_eq!(query.max_response_delay(), Duration::from_secs(10));
/// assert_eq!(MldQuery::new(&ip, &bytes[..24])?.version(), 1);
///
/// ip.set_hop_limit(64);
/// assert_eq!(MldQuery::new(&ip, &bytes).unwrap_err(), WireError::BadValue(64));
/// # Ok::<(), WireError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct MldQuery<'a> {
    /// The first 24 bytes.
    pub header: &'a MldHeader,
    /// The sources that it asks for, of 16 bytes each.
    pub sources: &'a [u8],
    version: u8,
}

impl<'a> MldQuery<'a> {
    /// Views `bytes`, a whole ICMPv6 message in a packet of this IPv6 header. That there was a
    /// router alert before it is the caller's to see.
    ///
    /// # Errors
    /// [`WireError::Unsupported`] with the ICMPv6 type if it is no query, [`WireError::BadValue`]
    /// with a hop limit that is not 1, [`WireError::BadAddress`] if it is not from a link-local
    /// address or about one that is no group, [`WireError::Truncated`].
    pub fn new(ip: &Ipv6Header, bytes: &'a [u8]) -> Result<Self, WireError> {
        let (header, rest) = MldHeader::split(bytes)?;
        if header.kind != Icmpv6Type::LISTENER_QUERY {
            return Err(WireError::Unsupported(header.kind.0.into()));
        }
        // RFC 3810, 6.2: "the Query message is silently discarded" unless it has "a link-local
        // address as IPv6 Source Address" and "the Hop Limit is set to 1".
        if ip.hop_limit() != 1 {
            return Err(WireError::BadValue(ip.hop_limit().into()));
        }
        let group = header.group();
        if !ip.source().is_unicast_link_local() || !group.is_unspecified() && !group.is_multicast()
        {
            return Err(WireError::BadAddress);
        }
        // RFC 3810, 8.1: "length = 24 octets AND Maximum Response Code" is a query of version 1,
        // "length >= 28 octets" one of version 2.
        if rest.is_empty() {
            return Ok(Self {
                header,
                sources: rest,
                version: 1,
            });
        }
        let whole = MldHeader::LEN + Tail::LEN;
        let (tail, rest) = Tail::split(rest).map_err(|_| WireError::truncated(whole))?;
        let len = usize::from(tail.sources.get()) * SOURCE;
        let (sources, _) = split_at(rest, len).map_err(|_| WireError::truncated(whole + len))?;
        Ok(Self {
            header,
            sources,
            version: 2,
        })
    }

    /// Of which version it is: 1 or 2.
    #[inline]
    #[must_use]
    pub const fn version(&self) -> u8 {
        self.version
    }

    /// The group that it asks for; none: for all.
    #[inline]
    #[must_use]
    pub fn group(&self) -> Option<Ipv6Addr> {
        Some(self.header.group()).filter(|group| !group.is_unspecified())
    }

    /// Within which time to answer.
    #[must_use]
    pub fn max_response_delay(&self) -> Duration {
        let code = self.header.max_response_code();
        let millis = match self.version {
            // RFC 3810, 5.1.3: "(mant | 0x1000) << (exp+3)"
            2 if code >= 0x8000 => u64::from(code & 0xfff | 0x1000) << ((code >> 12 & 7) + 3),
            _ => code.into(),
        };
        Duration::from_millis(millis)
    }
}

impl fmt::Display for MldQuery<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.header.fmt(f)
    }
}

/// What a record of a report says (RFC 3810, 5.2.12). The group is listened to from all sources but
/// those listed, or from those alone.
///
/// ```
/// use linecard::wire::mld::MldRecordKind;
/// assert_eq!(MldRecordKind::TO_EXCLUDE.0, 4);
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(transparent)]
pub struct MldRecordKind(pub u8);

impl MldRecordKind {
    /// To the sources listed, as before.
    pub const IS_INCLUDE: Self = Self(1);
    /// To all sources but those listed, as before.
    pub const IS_EXCLUDE: Self = Self(2);
    /// To the sources listed, from now on; to none: no longer.
    pub const TO_INCLUDE: Self = Self(3);
    /// To all sources but those listed, from now on.
    pub const TO_EXCLUDE: Self = Self(4);
    /// To these sources, too.
    pub const ALLOW_NEW: Self = Self(5);
    /// No longer to these sources.
    pub const BLOCK_OLD: Self = Self(6);
}

/// The 20 bytes that a record starts with.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct RecordHeader {
    kind: MldRecordKind,
    aux_len: u8,
    sources: U16,
    group: [u8; 16],
}

impl Header for RecordHeader {}

/// One record of a report.
///
/// ```
/// use linecard::wire::mld::{MldRecord, MldRecordKind};
/// let group = "ff02::2".parse().unwrap();
/// let record = MldRecord { kind: MldRecordKind::IS_EXCLUDE, group, sources: &[] };
/// # let _ = record;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MldRecord<'a> {
    /// What it says.
    pub kind: MldRecordKind,
    /// Of which group.
    pub group: Ipv6Addr,
    /// Of which sources, of 16 bytes each.
    pub sources: &'a [u8],
}

/// A report of version 2, checked: I listen.
///
/// ```
/// use linecard::wire::checksum::PseudoHeader;
/// use linecard::wire::mld::{self, ALL_ROUTERS, MldRecordKind, MldReport};
///
/// let (source, group) = ("fe80::1".parse().unwrap(), "ff02::1:ff00:1".parse().unwrap());
/// let pseudo = PseudoHeader::ipv6(source, ALL_ROUTERS);
/// let mut bytes = [0; 100];
/// let len = mld::write_report(&mut bytes, MldRecordKind::TO_EXCLUDE, &[group], &pseudo)?;
///
/// let report = MldReport::new(&bytes[..len])?;
/// let all: Vec<_> = report.records().map(|record| record.group).collect();
/// assert_eq!(all, [group]);
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct MldReport<'a> {
    /// The first 8 bytes.
    pub header: &'a Icmpv6Header,
    /// The records.
    pub records: &'a [u8],
}

impl<'a> MldReport<'a> {
    /// Views `bytes`, a whole ICMPv6 message.
    ///
    /// # Errors
    /// [`WireError::Unsupported`] with the ICMPv6 type if it is no report of version 2,
    /// [`WireError::Truncated`] if a record is not all there, [`WireError::BadAddress`] if one is
    /// not about a group.
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        let (header, mut rest) = Icmpv6Header::split(bytes)?;
        if header.kind() != Icmpv6Type::LISTENER_REPORT_V2 {
            return Err(WireError::Unsupported(header.kind().0.into()));
        }
        let records = rest;
        let [.., high, low] = header.rest();
        for _ in 0..u16::from_be_bytes([high, low]) {
            let record;
            (record, rest) = take_record(rest)?;
            if !record.group.is_multicast() {
                return Err(WireError::BadAddress);
            }
        }
        let len = records.len() - rest.len();
        let records = records.get(..len).unwrap_or_default();
        Ok(Self { header, records })
    }

    /// The records, one by one.
    pub fn records(&self) -> impl Iterator<Item = MldRecord<'a>> + use<'a> {
        let mut rest = self.records;
        core::iter::from_fn(move || {
            let record;
            (record, rest) = take_record(rest).ok()?;
            Some(record)
        })
    }
}

impl fmt::Display for MldReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ICMPv6 {}, of", self.header.kind())?;
        self.records()
            .try_for_each(|record| write!(f, " {}", record.group))
    }
}

fn take_record(bytes: &[u8]) -> Result<(MldRecord<'_>, &[u8]), WireError> {
    let (header, rest) = RecordHeader::split(bytes)?;
    let (sources, rest) = split_at(rest, usize::from(header.sources.get()) * SOURCE)?;
    let (_, rest) = split_at(rest, usize::from(header.aux_len) * 4)?;
    let record = MldRecord {
        kind: header.kind,
        group: Ipv6Addr::from_octets(header.group),
        sources,
    };
    Ok((record, rest))
}

/// Writes a report of version 2 that says the same of all these groups, of all sources, and its
/// checksum; its length.
///
/// # Errors
/// [`WireError::NoRoom`] under 8 bytes and 20 more for each group.
pub fn write_report(
    out: &mut [u8],
    kind: MldRecordKind,
    groups: &[Ipv6Addr],
    pseudo: &PseudoHeader,
) -> Result<usize, WireError> {
    let len = report_len(groups.len());
    let count = u16::try_from(groups.len()).map_err(|_| WireError::no_room(len))?;
    let out = out.get_mut(..len).ok_or(WireError::no_room(len))?;
    let [high, low] = count.to_be_bytes();
    let start = [Icmpv6Type::LISTENER_REPORT_V2.0, 0, 0, 0, 0, 0, high, low];
    let (header, _) = Icmpv6Header::split(&start)?;
    let mut place = header.write(out)?;
    for group in groups {
        let record = RecordHeader {
            kind,
            aux_len: 0,
            sources: U16::new(0),
            group: group.octets(),
        };
        place = record.write(place)?;
    }
    Icmpv6Mut::new(out)?.fill_checksum(pseudo);
    Ok(len)
}

/// Writes a report of version 1 about a group, and its checksum; its length.
///
/// ```
/// use linecard::wire::checksum::PseudoHeader;
/// use linecard::wire::mld;
///
/// let group = "ff02::1:ff00:1".parse().unwrap();
/// let mut bytes = [0; 24];
/// let pseudo = PseudoHeader::ipv6("fe80::1".parse().unwrap(), group);
/// assert_eq!(mld::write_report_v1(&mut bytes, group, &pseudo), Ok(24));
/// assert_eq!(bytes[0], 131);
/// ```
///
/// # Errors
/// [`WireError::NoRoom`] under 24 bytes.
pub fn write_report_v1(
    out: &mut [u8],
    group: Ipv6Addr,
    pseudo: &PseudoHeader,
) -> Result<usize, WireError> {
    let len = MldHeader::LEN;
    let out = out.get_mut(..len).ok_or(WireError::no_room(len))?;
    MldHeader::new(Icmpv6Type::LISTENER_REPORT, 0, group).write(out)?;
    Icmpv6Mut::new(out)?.fill_checksum(pseudo);
    Ok(len)
}

/// How long a report of version 2 is that [`write_report`] writes, in bytes.
#[must_use]
pub const fn report_len(groups: usize) -> usize {
    Icmpv6Header::LEN + groups * RecordHeader::LEN
}

/// Where reports of version 2 go (RFC 3810, 5.2.14).
pub const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x16);

const SOURCE: usize = 16;

#[cfg(test)]
#[path = "tests/mld.rs"]
mod tests;

//! A capture file, read whole and indexed once.
//!
//! [`Capture`] takes the bytes of a file, finds out which format they are in ([`classic`] pcap in
//! either byte order with micro- or nanoseconds, or pcapng ([`ng`])) and indexes every record, so
//! that whoever replays it later neither parses nor allocates. A file that breaks off or lies
//! about its lengths is read up to there; [`Capture::fault`] says where and why.

mod classic;
mod fault;
mod ng;
mod order;

use std::io;
use std::path::Path;

pub use fault::{Fault, FaultKind};

use self::order::{Order, take};
use crate::{LinkType, OpenError};

/// A capture in memory: the bytes of the file and where each packet lies in them.
///
/// ```
/// use linecard_pcap::{Capture, LinkType, Writer};
///
/// let mut writer = Writer::new(Vec::new())?;
/// writer.write(1_000_000_001, [&b"six by"[..], b"tes"])?;
/// let capture = Capture::from_bytes(writer.into_inner()?)?;
///
/// let record = capture.records().next().unwrap();
/// assert_eq!(record.data, b"six bytes");
/// assert_eq!(record.time, 1_000_000_001);
/// assert_eq!(record.link, LinkType::ETHERNET);
/// assert_eq!(capture.fault(), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Capture {
    bytes: Vec<u8>,
    index: Vec<Entry>,
    fault: Option<Fault>,
}

/// One packet of a capture.
///
/// ```
/// # use linecard_pcap::{Capture, Writer};
/// # let mut writer = Writer::new(Vec::new())?;
/// # writer.write(0, [&[0; 60][..]])?;
/// let capture = Capture::from_bytes(writer.into_inner()?)?;
/// for record in capture.records() {
///     assert!(!record.is_cut());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Nanoseconds since 1970, as the file says: not always ascending.
    pub time: u64,
    /// What `data` starts with.
    pub link: LinkType,
    /// The length that the packet had on the link, in bytes.
    pub original: u32,
    /// The bytes that were captured.
    pub data: &'a [u8],
}

impl Capture {
    /// The longest record that is believed, in bytes: libpcap's `MAXIMUM_SNAPLEN`
    /// (<https://github.com/the-tcpdump-group/libpcap/blob/master/pcap-int.h>).
    pub const MAX_CAPTURED: u32 = 262_144;

    /// Reads the file at `path` into memory and indexes it.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or its first header is not one of a capture.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let read = |source: io::Error| OpenError::Read {
            path: path.to_owned(),
            source,
        };
        let bytes = std::fs::read(path).map_err(read)?;
        Self::from_bytes(bytes).map_err(|fault| OpenError::Format {
            path: path.to_owned(),
            fault,
        })
    }

    /// Indexes the bytes of a capture file.
    ///
    /// # Errors
    ///
    /// The first header is not one of a capture. A fault behind it ends the capture there and is
    /// given by [`fault`](Self::fault).
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, Fault> {
        let mut index = Vec::new();
        let magic = Order::Big.u32(take(&bytes, 0, 4)?, 0).unwrap_or(0);
        let found = |entry| index.push(entry);
        let read = if magic == ng::SECTION_HEADER {
            ng::read(&bytes, found)
        } else if let Some(variant) = classic::Variant::of(magic) {
            classic::read(&bytes, variant, found)
        } else {
            let kind = FaultKind::UnknownMagic { magic };
            Err(Fault { offset: 0, kind })
        };
        match read {
            Err(fault) if fault.offset == 0 => Err(fault),
            read => Ok(Self {
                bytes,
                index,
                fault: read.err(),
            }),
        }
    }

    /// How many packets there are before the end or the fault.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is no packet at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Where and why reading ended before the end of the file, if it did.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// The packet at `position`, counted from 0.
    #[must_use]
    pub fn record(&self, position: usize) -> Option<Record<'_>> {
        self.index.get(position).map(|entry| self.view(entry))
    }

    /// All packets in the order of the file.
    pub fn records(&self) -> impl ExactSizeIterator<Item = Record<'_>> {
        self.index.iter().map(|entry| self.view(entry))
    }

    fn view(&self, entry: &Entry) -> Record<'_> {
        // The readers index only what lies in the file, so that neither `get` ever fails.
        let data = self.bytes.get(entry.start..).unwrap_or(&[]);
        Record {
            time: entry.at,
            link: entry.link,
            original: entry.original,
            data: data.get(..entry.captured as usize).unwrap_or(&[]),
        }
    }
}

impl Record<'_> {
    /// Whether the capture kept only the beginning of the packet (its snap length).
    #[must_use]
    pub fn is_cut(&self) -> bool {
        (self.data.len() as u64) < u64::from(self.original)
    }
}

/// Where one packet lies; made by the two readers.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Nanoseconds since 1970.
    at: u64,
    start: usize,
    captured: u32,
    original: u32,
    link: LinkType,
}

#[cfg(test)]
mod tests;

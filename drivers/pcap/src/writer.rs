//! Writing a capture.

use std::io::{self, BufWriter, Write};

use crate::LinkType;

/// Writes classic pcap with nanosecond timestamps, link type Ethernet, in little-endian byte
/// order on every machine: the same packets at the same times give the same bytes.
///
/// Packets collect in a buffer of 64 KiB that is allocated once. The first error is kept: after
/// it a file may end in half a record, so that nothing more is written and every later call
/// gives an error as well. Dropping a writer writes out the buffer but hides an error; end with
/// [`into_inner`](Self::into_inner) or [`flush`](Self::flush) to see it.
///
/// ```
/// use linecard_pcap::Writer;
///
/// let mut writer = Writer::new(Vec::new())?;
/// let (header, payload) = ([0; 14], [1; 46]);
/// writer.write(1_700_000_000_000_000_000, [&header[..], &payload])?;
/// assert_eq!(writer.into_inner()?.len(), 24 + 16 + 60);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Writer<W: Write> {
    inner: BufWriter<W>,
    failed: Option<io::ErrorKind>,
}

impl<W: Write> Writer<W> {
    /// The longest packet that the file's header announces, in bytes.
    pub const SNAP_LENGTH: u32 = crate::Capture::MAX_CAPTURED;

    /// Starts a file: writes its header of 24 bytes.
    ///
    /// # Errors
    ///
    /// Those of `inner`.
    pub fn new(inner: W) -> io::Result<Self> {
        let mut writer = Self {
            inner: BufWriter::with_capacity(BUFFER, inner),
            failed: None,
        };
        let mut header = [0; 24];
        put(&mut header, 0, &NANOSECONDS.to_le_bytes());
        put(&mut header, 4, &2u16.to_le_bytes());
        put(&mut header, 6, &4u16.to_le_bytes());
        put(&mut header, 16, &Self::SNAP_LENGTH.to_le_bytes());
        put(&mut header, 20, &LinkType::ETHERNET.0.to_le_bytes());
        writer.write_all(&header)?;
        Ok(writer)
    }

    /// Writes a packet that consists of `parts`, one after the other; `time` is in nanoseconds
    /// since 1970 and cannot lie behind the year 2106 (it is moved there).
    ///
    /// # Errors
    ///
    /// Those of the inner writer, and for good: see the type. A packet longer than
    /// [`SNAP_LENGTH`](Self::SNAP_LENGTH) gives [`io::ErrorKind::InvalidInput`], and the file
    /// stays good.
    pub fn write<'a, P>(&mut self, time: u64, parts: P) -> io::Result<()>
    where
        P: IntoIterator<Item = &'a [u8]> + Clone,
    {
        let lengths = parts.clone().into_iter().map(<[u8]>::len);
        let length = lengths.fold(0, usize::saturating_add);
        let length = u32::try_from(length)
            .ok()
            .filter(|&length| length <= Self::SNAP_LENGTH)
            .ok_or(io::ErrorKind::InvalidInput)?;
        let seconds = u32::try_from(time / SECOND).unwrap_or(u32::MAX);
        let mut header = [0; 16];
        put(&mut header, 0, &seconds.to_le_bytes());
        put(&mut header, 4, &((time % SECOND) as u32).to_le_bytes());
        put(&mut header, 8, &length.to_le_bytes());
        put(&mut header, 12, &length.to_le_bytes());
        self.write_all(&header)?;
        parts.into_iter().try_for_each(|part| self.write_all(part))
    }

    /// Gives everything that was written to the inner writer, and flushes that.
    ///
    /// # Errors
    ///
    /// Those of the inner writer, now or before.
    pub fn flush(&mut self) -> io::Result<()> {
        self.attempt(|inner| inner.flush())
    }

    /// Ends the file and gives back what it was written to.
    ///
    /// # Errors
    ///
    /// Those of the inner writer, now or before.
    pub fn into_inner(mut self) -> io::Result<W> {
        self.flush()?;
        self.inner
            .into_inner()
            .map_err(io::IntoInnerError::into_error)
    }

    /// Gives back what it was written to, without what is still in the buffer.
    pub(crate) fn abandon(self) -> W {
        self.inner.into_parts().0
    }

    /// The error that ended the file, if one did.
    #[must_use]
    pub fn failed(&self) -> Option<io::ErrorKind> {
        self.failed
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.attempt(|inner| inner.write_all(bytes))
    }

    fn attempt(&mut self, act: impl FnOnce(&mut BufWriter<W>) -> io::Result<()>) -> io::Result<()> {
        if let Some(kind) = self.failed {
            return Err(kind.into());
        }
        act(&mut self.inner).inspect_err(|error| self.failed = Some(error.kind()))
    }
}

fn put(header: &mut [u8], at: usize, field: &[u8]) {
    if let Some(room) = header.get_mut(at..at + field.len()) {
        room.copy_from_slice(field);
    }
}

/// The magic number of nanosecond timestamps.
const NANOSECONDS: u32 = 0xa1b2_3c4d;
const SECOND: u64 = 1_000_000_000;
const BUFFER: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes `room` bytes, then is full.
    #[derive(Debug)]
    struct Disk {
        room: usize,
        taken: Vec<u8>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let n = bytes.len().min(self.room);
            if n == 0 && !bytes.is_empty() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.room -= n;
            self.taken.extend_from_slice(&bytes[..n]);
            Ok(n)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_bytes_are_those_of_the_format() {
        let mut writer = Writer::new(Vec::new()).unwrap();
        writer
            .write(2_000_000_003, [&b"ab"[..], b"", b"c"])
            .unwrap();
        let bytes = writer.into_inner().unwrap();
        let mut wanted = vec![0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        wanted.extend([0, 0, 4, 0, 1, 0, 0, 0]);
        wanted.extend([2, 0, 0, 0, 3, 0, 0, 0, 3, 0, 0, 0, 3, 0, 0, 0]);
        wanted.extend(b"abc");
        assert_eq!(bytes, wanted);
    }

    #[test]
    fn a_full_disk_ends_the_file_for_good() {
        let mut disk = Disk {
            room: BUFFER,
            taken: Vec::new(),
        };
        let mut writer = Writer::new(&mut disk).unwrap();
        let packet = [0; 1000];
        let good = (0..1000).take_while(|_| writer.write(0, [&packet[..]]).is_ok());
        let good = good.count();
        assert!((64..200).contains(&good), "{good}");
        assert_eq!(writer.failed(), Some(io::ErrorKind::StorageFull));
        let kind = |result: io::Result<()>| result.unwrap_err().kind();
        assert_eq!(
            kind(writer.write(0, [&b"x"[..]])),
            io::ErrorKind::StorageFull
        );
        assert_eq!(kind(writer.flush()), io::ErrorKind::StorageFull);
        drop(writer);
        assert_eq!(disk.taken.len(), BUFFER);
    }

    #[test]
    fn an_endless_packet_is_refused_and_the_file_stays_good() {
        let mut writer = Writer::new(Vec::new()).unwrap();
        let long = vec![0; 262_145];
        let error = writer.write(0, [&long[..]]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        writer.write(0, [&long[1..]]).unwrap();
        assert_eq!(writer.into_inner().unwrap().len(), 24 + 16 + 262_144);
    }

    #[test]
    fn times_past_the_format_stop_at_its_end() {
        let mut writer = Writer::new(Vec::new()).unwrap();
        writer.write(u64::MAX, [&b"x"[..]]).unwrap();
        assert_eq!(writer.into_inner().unwrap()[24..28], [255; 4]);
    }
}

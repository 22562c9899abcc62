//! What a port writes to, from when on.

use std::fs::{self, File, Metadata, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::Writer;

/// Where the packets of a port go. It begins with the first burst or the first idle moment of
/// whoever runs the port; until then a file is as it was, and one that was made for it goes away
/// again: a program that cannot begin leaves nothing behind.
#[derive(Default)]
pub(crate) struct Output {
    /// `None`: what is sent is counted alone.
    writer: Option<Writer<Box<dyn Write + Send>>>,
    begun: bool,
}

impl Output {
    /// To a sink, which gets the header of the file in any case.
    pub(crate) fn to(sink: Box<dyn Write + Send>) -> io::Result<Self> {
        Ok(Self {
            writer: Some(Writer::new(sink)?),
            begun: true,
        })
    }

    /// To a file, which it makes if there is none.
    pub(crate) fn to_file(path: &Path) -> io::Result<Self> {
        let writer = Writer::new(Box::new(Waiting::open(path)?) as Box<dyn Write + Send>)?;
        Ok(Self {
            writer: Some(writer),
            begun: false,
        })
    }

    /// The error that ended it, if one did.
    pub(crate) fn failed(&self) -> Option<io::ErrorKind> {
        self.writer.as_ref()?.failed()
    }

    /// A packet in parts; whether it was taken.
    pub(crate) fn write<'a>(
        &mut self,
        time: u64,
        parts: impl Iterator<Item = &'a [u8]> + Clone,
    ) -> bool {
        self.begun = true;
        let writer = self.writer.as_mut();
        writer.is_none_or(|writer| writer.write(time, parts).is_ok())
    }

    /// Hands everything to the system, the file's header at the least; whether that went well.
    pub(crate) fn flush(&mut self) -> bool {
        self.begun = true;
        let writer = self.writer.as_mut();
        writer.is_none_or(|writer| writer.flush().is_ok())
    }

    /// Whether it has begun.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // Dropped, a writer would write the header that it has in its buffer.
        if let Some(writer) = self.writer.take().filter(|_| !self.begun) {
            drop(writer.abandon());
        }
    }
}

/// A file that stays as it is until the first byte is written.
struct Waiting {
    file: File,
    /// To be removed if nothing is ever written.
    made: Option<PathBuf>,
    begun: bool,
}

impl Waiting {
    fn open(path: &Path) -> io::Result<Self> {
        let mut options = File::options();
        options.write(true);
        let (file, made) = match options.clone().create_new(true).open(path) {
            Ok(file) => (file, Some(path.to_owned())),
            // A link that leads nowhere is there as well, and made to lead somewhere.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                (options.create(true).truncate(false).open(path)?, None)
            }
            Err(error) => return Err(error),
        };
        // Two that write one file would write over each other. Where files cannot be locked, nobody
        // is told.
        let is_file = file.metadata().is_ok_and(|about| about.is_file());
        if is_file && matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            let why = "another port or program is writing to it";
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, why));
        }
        Ok(Self {
            file,
            made,
            begun: false,
        })
    }

    fn begin(&mut self) -> io::Result<()> {
        // A pipe or a terminal has no length.
        if self.file.metadata().as_ref().is_ok_and(Metadata::is_file) {
            self.file.set_len(0)?;
        }
        self.begun = true;
        Ok(())
    }
}

impl Write for Waiting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.begun {
            self.begin()?;
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(path) = self.made.take().filter(|_| !self.begun) {
            // An empty file is all that stays if it cannot be removed.
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A file of this test's own; it goes away with the test.
    struct Place(PathBuf);

    impl Place {
        fn new(test: &str) -> Self {
            let name = format!("linecard-output-{test}-{}", std::process::id());
            Self(std::env::temp_dir().join(name))
        }

        fn bytes(&self) -> Option<Vec<u8>> {
            fs::read(&self.0).ok()
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.0);
        }
    }

    #[test]
    fn what_never_begins_leaves_no_file_and_an_old_one_as_it_was() {
        let place = Place::new("never");
        let output = Output::to_file(&place.0).unwrap();
        assert_eq!(
            place.bytes(),
            Some(Vec::new()),
            "whether it can be made is known"
        );
        drop(output);
        assert_eq!(place.bytes(), None);

        fs::write(&place.0, b"old").unwrap();
        drop(Output::to_file(&place.0).unwrap());
        assert_eq!(place.bytes().unwrap(), b"old");
    }

    #[test]
    fn what_begins_is_a_capture_even_without_packets() {
        let place = Place::new("begins");
        for packets in [0, 2] {
            fs::write(&place.0, [7; 1000]).unwrap();
            let mut output = Output::to_file(&place.0).unwrap();
            assert!(output.flush() && output.has_begun());
            for _ in 0..packets {
                assert!(output.write(0, [&[1; 60][..]].into_iter()));
            }
            drop(output);
            assert_eq!(place.bytes().unwrap().len(), 24 + packets * 76);
        }
    }

    #[test]
    fn one_file_is_written_by_one_alone() {
        let place = Place::new("shared");
        let first = Output::to_file(&place.0).unwrap();
        let second = Output::to_file(&place.0).map(drop).unwrap_err();
        assert_eq!(second.kind(), io::ErrorKind::ResourceBusy);
        assert_eq!(place.bytes(), Some(Vec::new()), "it stays the first one's");
        drop(first);
        Output::to_file(&place.0).unwrap();
        // What is no file can have several.
        let null = || Output::to_file(Path::new("/dev/null"));
        let (_one, _other) = (null().unwrap(), null().unwrap());
    }

    #[test]
    fn a_folder_that_is_not_there_is_told_at_once() {
        let place = Place::new("folder");
        let error = Output::to_file(&place.0.join("out.pcap"))
            .map(drop)
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}

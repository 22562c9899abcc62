//! Captures to test with: every file of `LINECARD_DATA/pcap`, when that variable is set.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use pcap_parser::{Linktype, PcapBlockOwned, PcapError, create_reader};

/// A file and what is in it.
pub(crate) struct Capture {
    /// The file's name.
    pub(crate) name: String,
    /// How its frames start, by the
    /// [registry of link types](https://www.tcpdump.org/linktypes.html).
    pub(crate) link: i32,
    /// The bytes that were kept of each frame.
    pub(crate) frames: Vec<Vec<u8>>,
}

/// Link type 1: Ethernet.
#[allow(dead_code)] // not every test asks
pub(crate) const ETHERNET: i32 = 1;
/// Link types whose frames start with an IPv4 or IPv6 header: LINKTYPE_RAW, _IPV4 and _IPV6.
pub(crate) const RAW_IP: [i32; 3] = [101, 228, 229];

/// Every capture in `LINECARD_DATA/pcap`, by name; `None`, and a line that says so, if the variable
/// is not set.
///
/// # Panics
/// If it is set and the folder or a file in it cannot be read: then a test that seems to have run
/// on captures has not.
pub(crate) fn all() -> Option<Vec<Capture>> {
    let Some(data) = std::env::var_os("LINECARD_DATA") else {
        eprintln!("LINECARD_DATA is not set: generated packets only");
        return None;
    };
    let folder = Path::new(&data).join("pcap");
    let entries =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    Some(paths.iter().map(|path| read(path)).collect())
}

fn read(path: &Path) -> Capture {
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let file = File::open(path).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut reader = create_reader(1 << 20, file).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut capture = Capture {
        name,
        link: -1,
        frames: Vec::new(),
    };
    loop {
        match reader.next() {
            Ok((used, block)) => {
                match block {
                    // The upper bits of the field say whether frames end with a check sequence.
                    PcapBlockOwned::LegacyHeader(header) => {
                        let Linktype(link) = header.network;
                        capture.link = link & 0xffff;
                    }
                    PcapBlockOwned::Legacy(frame) => capture.frames.push(frame.data.to_vec()),
                    PcapBlockOwned::NG(_) => {}
                }
                reader.consume(used);
            }
            Err(PcapError::Incomplete(_)) => {
                if reader.refill().is_err() || reader.reader_exhausted() {
                    break;
                }
            }
            // Some of the captures are broken on purpose: they end where they break.
            Err(_) => break,
        }
    }
    capture
}

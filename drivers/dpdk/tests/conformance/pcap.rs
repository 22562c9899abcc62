//! `net_pcap`: receives a capture, and writes another.

use core::cell::Cell;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::rc::Rc;

use linecard::mempool::Pool;
use linecard_conformance::{
    Fills, Harness, Inject, Injected, Limits, Overflow, Profile, Setup, Wire,
};
use linecard_dpdk::{Config, Port};

use crate::eal::{memory, unique};
use crate::opened::Opened;

linecard_conformance::suite!(Pcap);

/// A port on two files.
struct Pcap {
    /// The capture to be received, until the port is made.
    input: Vec<u8>,
    port: Option<Opened>,
    memory: linecard_dpdk::Memory,
    output: Output,
    folder: PathBuf,
}

impl Harness for Pcap {
    type Device = Opened;

    fn profile() -> Profile {
        Profile {
            limits: Limits {
                shortest: 14,
                packets: 100_000,
                ..Limits::default()
            },
            // The file is read from its beginning whenever the port is started.
            inject: Inject::Prepared,
            fills: Fills::Never,
            // The driver reads a packet before it asks for a frame, and forgets it if there is none.
            overflow: Overflow::Unheard,
            ..Profile::default()
        }
    }

    fn new(_setup: &Setup) -> Option<Self> {
        let folder = format!("linecard-{}-{}", unique("net_pcap"), std::process::id());
        let folder = std::env::temp_dir().join(folder);
        fs::create_dir(&folder).expect("a folder of its own");
        Some(Self {
            input: FILE_HEADER.map(u32::to_ne_bytes).concat(),
            port: None,
            memory: memory(1024),
            output: Output::default(),
            folder,
        })
    }

    fn device(&mut self) -> &mut Opened {
        self.port.get_or_insert_with(|| {
            let path = |name: &str| self.folder.join(name);
            let (input, output) = (path("in.pcap"), path("out.pcap"));
            fs::write(&input, core::mem::take(&mut self.input)).expect("the capture is written");
            let (input, output) = (input.display(), output.display());
            let name = unique("net_pcap");
            let device = format!("{name},rx_pcap={input},tx_pcap={output}");
            let port = Port::new(&self.memory, &device, Config::default()).expect("a port");
            let starts = Rc::clone(&self.output.starts);
            self.output.file = Some(File::open(path("out.pcap")).expect("the driver made it"));
            Opened::new(port, move |_| starts.set(starts.get() + 1))
        })
    }

    fn pool(&self) -> &'static Pool<'static> {
        self.memory.pool()
    }
}

impl Drop for Pcap {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Wire for Pcap {
    fn inject(&mut self, frame: &[u8]) -> Injected {
        assert!(self.port.is_none(), "all frames are prepared");
        let len = (frame.len() as u32).to_ne_bytes();
        let record = [[0; 4], [0; 4], len, len].concat();
        let written = self.input.write_all(&record);
        written
            .and_then(|()| self.input.write_all(frame))
            .expect("memory");
        Injected::Taken
    }

    fn collect(&mut self, frame: &mut Vec<u8>) -> bool {
        self.output.next(frame)
    }
}

/// The capture that the port writes, read meanwhile. It begins anew whenever the port is started.
#[derive(Default)]
struct Output {
    file: Option<File>,
    /// How often the port was started, and how often that was seen.
    starts: Rc<Cell<u64>>,
    seen: u64,
    /// Of the next record.
    at: u64,
}

impl Output {
    fn next(&mut self, frame: &mut Vec<u8>) -> bool {
        if self.seen != self.starts.get() {
            self.seen = self.starts.get();
            self.at = size_of_val(&FILE_HEADER) as u64;
        }
        let Some(file) = &self.file else { return false };
        let mut record = [0; 16];
        if file.read_exact_at(&mut record, self.at).is_err() {
            return false;
        }
        let [.., a, b, c, d] = record;
        frame.resize(u32::from_ne_bytes([a, b, c, d]) as usize, 0);
        let begin = self.at + record.len() as u64;
        let whole = file.read_exact_at(frame, begin).is_ok();
        if whole {
            self.at = begin + frame.len() as u64;
        }
        whole
    }
}

#[test]
fn what_does_not_apply_to_files_is_known() {
    let left_out = Pcap::profile().left_out();
    let tests: Vec<_> = left_out.iter().map(|left_out| left_out.test).collect();
    assert_eq!(
        tests,
        [
            "a_full_receive_queue_loses_nothing_unaccounted",
            "random_walks_balance: resets",
            "forwarder_suite",
        ]
    );
}

/// A capture's header (draft-ietf-opsawg-pcap, 4): magic number with microseconds, version 2.4, two
/// reserved words, the longest packet, Ethernet.
const FILE_HEADER: [u32; 6] = [0xa1b2_c3d4, 2 | 4 << 16, 0, 0, 65_535, 1];

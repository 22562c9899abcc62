//! Captures as ports pass the suite that every driver passes.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use linecard::mempool::Pool;
use linecard::platform::NoClock;
use linecard_conformance::{
    CountingAllocator, Fills, Harness, Inject, Injected, Limits, Profile, Setup, Wire, pool,
};
use linecard_pcap::{Capture, PcapDevice, Writer};

linecard_conformance::suite!(Files);

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// A capture to be received, and another of what was sent.
struct Files {
    /// Until the port is made, what it is to receive.
    input: Option<Writer<Vec<u8>>>,
    device: Option<PcapDevice<NoClock>>,
    output: Output,
    pool: &'static Pool<'static>,
}

impl Harness for Files {
    type Device = PcapDevice<NoClock>;

    fn profile() -> Profile {
        Profile {
            limits: Limits {
                shortest: 14,
                ..Limits::default()
            },
            inject: Inject::Prepared,
            fills: Fills::Never,
            ..Profile::default()
        }
    }

    fn new(_setup: &Setup) -> Option<Self> {
        Some(Self {
            input: Some(Writer::new(Vec::new()).expect("memory can be written")),
            device: None,
            output: Output::default(),
            pool: pool(512),
        })
    }

    fn device(&mut self) -> &mut Self::Device {
        if let Some(input) = self.input.take() {
            let input = input.into_inner().expect("memory can be written");
            let capture = Capture::from_bytes(input).expect("a capture");
            let device = PcapDevice::new("pcap:conformance", NoClock)
                .input(capture)
                .output(self.output.clone());
            self.device = Some(device.expect("memory can be written"));
        }
        self.device.as_mut().expect("made above")
    }

    fn pool(&self) -> &'static Pool<'static> {
        self.pool
    }

    fn finish(self) {
        let left = self.output.0.lock().expect("nobody panicked").unread();
        assert_eq!(left, 0, "bytes behind the last packet");
        let device = self.device.expect("it was opened");
        assert_eq!(device.output_failed(), None);
    }
}

impl Wire for Files {
    fn inject(&mut self, frame: &[u8]) -> Injected {
        let input = self.input.as_mut().expect("the port is not made yet");
        input.write(0, [frame]).expect("memory can be written");
        Injected::Taken
    }

    fn collect(&mut self, frame: &mut Vec<u8>) -> bool {
        self.output.0.lock().expect("nobody panicked").next(frame)
    }
}

/// A file that is read while it is written.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<Written>>);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = self.0.lock().expect("nobody panicked");
        written.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Written {
    bytes: Vec<u8>,
    /// How much of it was read.
    read: usize,
}

impl Default for Written {
    fn default() -> Self {
        Self {
            // So that writing allocates nothing, which would be taken for the driver's doing.
            bytes: Vec::with_capacity(ROOM),
            read: 0,
        }
    }
}

impl Written {
    fn unread(&self) -> usize {
        self.bytes.len() - self.read.max(FILE_HEADER)
    }

    fn next(&mut self, frame: &mut Vec<u8>) -> bool {
        self.read = self.read.max(FILE_HEADER);
        let Some(rest) = self.bytes.get(self.read + RECORD_HEADER..) else {
            return false;
        };
        let len: [u8; 4] = self.bytes[self.read + 8..][..4].try_into().expect("four");
        let len = u32::from_ne_bytes(len) as usize;
        let Some(data) = rest.get(..len) else {
            return false;
        };
        frame.clear();
        frame.extend_from_slice(data);
        self.read += RECORD_HEADER + len;
        if self.read > ROOM / 2 {
            self.bytes.drain(FILE_HEADER..self.read);
            self.read = FILE_HEADER;
        }
        true
    }
}

/// Bytes that are kept.
const ROOM: usize = 1 << 22;

/// Bytes before the first record, and before each packet: `pcap_file_header` and `pcap_pkthdr`.
const FILE_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;

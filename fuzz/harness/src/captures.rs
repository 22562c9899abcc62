//! Capture files.

use linecard_pcap::{Capture, Writer};

/// A file of any bytes is read up to where it breaks, and what was read survives being written.
pub fn read(bytes: &[u8]) {
    let Ok(capture) = Capture::from_bytes(bytes.to_vec()) else {
        return;
    };
    if let Some(fault) = capture.fault() {
        assert!(fault.offset < bytes.len(), "a fault lies in the file");
        assert!(!fault.to_string().is_empty());
    }
    let mut writer = Writer::new(Vec::new()).expect("memory does not fail");
    for record in capture.records() {
        writer
            .write(record.time, [record.data])
            .expect("no record is too long");
    }
    let file = writer.into_inner().expect("memory does not fail");
    let again = Capture::from_bytes(file).expect("what we write is a capture");
    assert_eq!(again.fault(), None);
    assert_eq!(again.len(), capture.len());
    for (first, second) in capture.records().zip(again.records()) {
        assert_eq!(first.data, second.data);
        // Seconds have 32 bits in the file that we write.
        if first.time / 1_000_000_000 <= u64::from(u32::MAX) {
            assert_eq!(first.time, second.time);
        }
    }
}

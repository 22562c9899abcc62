//! Files of every variant, made here, and what is wrong with broken ones.

use super::*;

/// A classic file in either order: `unit` is what the magic says of the fraction.
fn classic(big: bool, magic: u32, records: &[(u32, u32, u32, &[u8])]) -> Vec<u8> {
    let order = |n: u32| {
        if big {
            n.to_be_bytes()
        } else {
            n.to_le_bytes()
        }
    };
    let version: [[u8; 2]; 2] = [2u16, 4].map(|n| {
        if big {
            n.to_be_bytes()
        } else {
            n.to_le_bytes()
        }
    });
    let mut file = order(magic).to_vec();
    file.extend(version.as_flattened());
    file.extend([0, 0, 65_535, 1].map(order).as_flattened());
    for &(seconds, fraction, original, data) in records {
        file.extend(
            [seconds, fraction, data.len() as u32, original]
                .map(order)
                .as_flattened(),
        );
        if magic == 0xa1b2_cd34 {
            file.extend([0; 8]);
        }
        file.extend(data);
    }
    file
}

/// A pcapng block in little-endian order.
fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let padded = body.len().next_multiple_of(4);
    let length = (padded as u32 + 12).to_le_bytes();
    let mut block = kind.to_le_bytes().to_vec();
    block.extend(length);
    block.extend(body);
    block.resize(8 + padded, 0);
    block.extend(length);
    block
}

fn section() -> Vec<u8> {
    let mut body = 0x1a2b_3c4du32.to_le_bytes().to_vec();
    body.extend([1, 0, 0, 0]);
    body.extend([0xff; 8]);
    block(0x0a0d_0d0a, &body)
}

fn interface(link: u16, snap: u32, options: &[u8]) -> Vec<u8> {
    let mut body = link.to_le_bytes().to_vec();
    body.extend([0, 0]);
    body.extend(snap.to_le_bytes());
    body.extend(options);
    block(1, &body)
}

fn enhanced(interface: u32, ticks: u64, captured: u32, original: u32, data: &[u8]) -> Vec<u8> {
    let fields = [
        interface,
        (ticks >> 32) as u32,
        ticks as u32,
        captured,
        original,
    ];
    let mut body = fields.map(u32::to_le_bytes).as_flattened().to_vec();
    body.extend(data);
    block(6, &body)
}

fn read(bytes: Vec<u8>) -> Capture {
    Capture::from_bytes(bytes).unwrap()
}

fn fault(bytes: Vec<u8>) -> Fault {
    match Capture::from_bytes(bytes) {
        Err(fault) => fault,
        Ok(capture) => capture.fault().expect("a fault"),
    }
}

#[test]
fn every_classic_variant_reads_alike() {
    for big in [false, true] {
        for (magic, unit) in [(0xa1b2_c3d4, 1000), (0xa1b2_3c4d, 1), (0xa1b2_cd34, 1000)] {
            let capture = read(classic(
                big,
                magic,
                &[(7, 5, 60, b"first"), (8, 0, 3, b"two")],
            ));
            let records: Vec<_> = capture.records().collect();
            assert_eq!(records.len(), 2, "{magic:x} {big}");
            assert_eq!(records[0].time, 7_000_000_000 + 5 * unit);
            assert_eq!((records[0].data, records[0].original), (&b"first"[..], 60));
            assert!(records[0].is_cut() && !records[1].is_cut());
            assert_eq!(records[1].link, LinkType::ETHERNET);
            assert_eq!(capture.fault(), None);
        }
    }
}

#[test]
fn a_file_without_packets_is_a_capture() {
    assert!(read(classic(false, 0xa1b2_c3d4, &[])).is_empty());
    assert!(read(section()).is_empty());
}

#[test]
fn old_versions_swap_the_lengths() {
    let mut file = classic(false, 0xa1b2_c3d4, &[]);
    file[6] = 2;
    file.extend([0u32, 0, 60, 4].map(u32::to_le_bytes).as_flattened());
    file.extend(b"data");
    let capture = read(file);
    assert_eq!(capture.record(0).unwrap().data, b"data");
    assert_eq!(capture.record(0).unwrap().original, 60);
}

#[test]
fn classic_faults_are_named_where_they_are() {
    let good = classic(false, 0xa1b2_c3d4, &[(0, 0, 4, b"good")]);
    for (length, offset, wanted) in [(3, 0, 4), (23, 0, 24), (30, 24, 16), (43, 24, 20)] {
        let left = length - offset;
        let kind = FaultKind::CutOff { wanted, left };
        assert_eq!(fault(good[..length].to_vec()), Fault { offset, kind });
    }
    let mut absurd = good.clone();
    absurd.extend([0, 0, u32::MAX, 0].map(u32::to_le_bytes).as_flattened());
    let capture = read(absurd);
    assert_eq!(capture.len(), 1, "what comes before a fault is kept");
    let kind = FaultKind::AbsurdLength { captured: u32::MAX };
    assert_eq!(capture.fault(), Some(Fault { offset: 44, kind }));
    let mut version = good;
    version[4] = 3;
    let kind = FaultKind::UnknownVersion { major: 3, minor: 4 };
    assert_eq!(fault(version), Fault { offset: 0, kind });
}

#[test]
fn pcapng_packets_of_three_kinds() {
    let mut file = section();
    file.extend(interface(1, 6, &[]));
    file.extend(interface(101, 0, &[9, 0, 1, 0, 9, 0, 0, 0])); // nanoseconds
    file.extend(block(0xbad, b"stepped over"));
    file.extend(enhanced(0, 1_000_001, 5, 9, b"hello"));
    file.extend(enhanced(1, 1 << 33, 1, 1, b"x"));
    let mut simple = 9u32.to_le_bytes().to_vec();
    simple.extend(b"simple");
    file.extend(block(3, &simple));
    let mut obsolete = vec![1, 0, 0, 0];
    obsolete.extend([0, 77, 3, 3].map(u32::to_le_bytes).as_flattened());
    obsolete.extend(b"old");
    file.extend(block(2, &obsolete));

    let capture = read(file);
    assert_eq!(capture.fault(), None);
    let records: Vec<_> = capture.records().collect();
    let seen: Vec<_> = records
        .iter()
        .map(|r| (r.time, r.link.0, r.original, r.data))
        .collect();
    assert_eq!(
        seen,
        [
            (1_000_001_000, 1, 9, &b"hello"[..]),
            (1 << 33, 101, 1, b"x"),
            (1 << 33, 1, 9, b"simple"), // the snap length of interface 0, the time before
            (77, 101, 3, b"old"),
        ]
    );
}

#[test]
fn pcapng_timestamps_of_any_unit() {
    let time = |resolution: u8, shift: i64, ticks: u64| {
        let mut options = vec![9, 0, 1, 0, resolution, 0, 0, 0, 14, 0, 8, 0];
        options.extend(shift.to_le_bytes());
        let mut file = section();
        file.extend(interface(1, 0, &options));
        file.extend(enhanced(0, ticks, 0, 0, b""));
        read(file).record(0).unwrap().time
    };
    assert_eq!(time(0, 0, 3), 3_000_000_000);
    assert_eq!(time(3, 2, 1), 2_001_000_000);
    assert_eq!(time(12, 0, 1_999), 1);
    assert_eq!(time(127, 0, u64::MAX), 0);
    assert_eq!(time(0x80 | 10, 0, 512), 500_000_000);
    assert_eq!(time(0x80 | 127, 0, u64::MAX), 0);
    assert_eq!(time(0, 0, u64::MAX), u64::MAX);
    assert_eq!(time(6, i64::MIN, 1), 0);
    assert_eq!(time(6, i64::MAX, 1), u64::MAX);
}

#[test]
fn a_new_section_forgets_interfaces_and_may_turn_the_order() {
    let mut file = section();
    file.extend(interface(1, 0, &[]));
    file.extend([
        0x0a, 0x0d, 0x0d, 0x0a, 0, 0, 0, 28, 0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 0,
    ]);
    file.extend([0xff; 8]);
    file.extend([0, 0, 0, 28]);
    let offset = file.len();
    file.extend([0, 0, 0, 6, 0, 0, 0, 32]);
    file.extend([0; 20]);
    file.extend([0, 0, 0, 32]);
    let kind = FaultKind::NoInterface { interface: 0 };
    assert_eq!(fault(file), Fault { offset, kind });
}

#[test]
fn pcapng_faults_are_named_where_they_are() {
    let with = |rest: &[u8]| {
        let mut file = section();
        file.extend(interface(1, 0, &[]));
        let offset = file.len();
        file.extend(rest);
        let found = fault(file);
        assert_eq!(found.offset, offset);
        found.kind
    };
    let mut differ = block(5, b"");
    differ[8] = 16;
    assert_eq!(
        with(&differ),
        FaultKind::LengthsDiffer {
            first: 12,
            last: 16
        }
    );
    for length in [0u32, 8, 13] {
        let mut odd = block(5, b"abcd");
        odd[4..8].copy_from_slice(&length.to_le_bytes());
        assert_eq!(with(&odd), FaultKind::BadBlockLength { block: 5, length });
    }
    assert_eq!(
        with(&block(5, b"abcd")[..9]),
        FaultKind::CutOff {
            wanted: 16,
            left: 9
        }
    );
    assert_eq!(
        with(&enhanced(0, 0, 5, 5, b"four")),
        FaultKind::PastBlock {
            block: 6,
            length: 5
        }
    );
    assert_eq!(
        with(&enhanced(0, 0, 262_145, 5, b"four")),
        FaultKind::AbsurdLength { captured: 262_145 }
    );
    assert_eq!(
        with(&block(6, &[0; 8])),
        FaultKind::BadBlockLength {
            block: 6,
            length: 20
        }
    );
    assert_eq!(
        with(&interface(1, 0, &[2, 0, 9, 0])),
        FaultKind::PastBlock {
            block: 1,
            length: 9
        }
    );
    assert_eq!(
        with(&block(1, b"abcd")),
        FaultKind::BadBlockLength {
            block: 1,
            length: 16
        }
    );
    let mut magic = section();
    magic[8] = 0;
    assert_eq!(with(&magic), FaultKind::NoSection);
    let mut version = section();
    version[12] = 2;
    assert_eq!(
        with(&version),
        FaultKind::UnknownVersion { major: 2, minor: 0 }
    );
}

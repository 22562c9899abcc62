//! The port: what comes in when, what becomes of what is sent, and where the frames are.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use linecard::device::{Device, DeviceError, RxQueue, TxQueue};
use linecard::mempool::{Cache, Pool, PoolConfig, Region, Slot};
use linecard::packet::{Burst, Offloads, Packet};
use linecard::platform::{Clock, Instant, ManualClock, NoClock};
use linecard_pcap::{Capture, Pace, PcapDevice, PcapRx, Repeat, Writer};

/// Runs `test` with a pool of `frames` and a cache on it; every frame must be back at the end.
fn with_pool(frames: usize, test: impl FnOnce(&Pool<'_>, &mut Cache<'_>)) {
    let mut memory = vec![0; frames * 2048 + 63];
    let slots: Vec<Slot> = (0..frames).map(|_| Slot::new()).collect();
    let config = PoolConfig {
        track: true,
        ..PoolConfig::default()
    };
    let pool = Pool::new(Region::from_slice(&mut memory), &slots, config).unwrap();
    let mut cache = Cache::new(&pool, "test", frames.min(32)).unwrap();
    test(&pool, &mut cache);
    drop(cache);
    pool.audit().unwrap();
    assert_eq!(pool.free_frames(), frames);
}

/// A capture of these times and packets.
fn capture(packets: &[(u64, &[u8])]) -> Capture {
    let mut writer = Writer::new(Vec::new()).unwrap();
    for &(time, data) in packets {
        writer.write(time, [data]).unwrap();
    }
    Capture::from_bytes(writer.into_inner().unwrap()).unwrap()
}

/// `count` packets of 60 bytes a nanosecond apart, numbered in the first byte.
fn numbered(count: u8) -> Capture {
    let packets: Vec<_> = (0..count).map(|n| (u64::from(n), [n; 60])).collect();
    let packets: Vec<_> = packets
        .iter()
        .map(|(time, data)| (*time, &data[..]))
        .collect();
    capture(&packets)
}

/// The first byte of each packet that one poll gives.
fn poll<'p, C: Clock + Send>(rx: &mut PcapRx<C>, cache: &mut Cache<'p>) -> Vec<u8> {
    let mut burst = Burst::<'p, 32>::new();
    let count = rx.rx_burst(cache, &mut burst);
    assert_eq!(count, burst.len());
    let bytes = burst.iter().map(|packet| packet.data()[0]).collect();
    burst.free(cache);
    bytes
}

/// A sink that the test can look into, and that takes `room` bytes before it is full.
#[derive(Clone)]
struct Sink {
    taken: Arc<Mutex<Vec<u8>>>,
    room: usize,
}

impl Sink {
    fn new(room: usize) -> Self {
        let taken = Arc::default();
        Self { taken, room }
    }

    fn capture(&self) -> Capture {
        Capture::from_bytes(self.taken.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut taken = self.taken.lock().unwrap();
        let n = bytes.len().min(self.room - taken.len());
        if n == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        taken.extend_from_slice(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_comes_in_goes_out_unchanged() {
    with_pool(64, |_, cache| {
        let (input, sink) = (numbered(100), Sink::new(usize::MAX));
        let clock = ManualClock::new();
        clock.set(Instant::from_nanos(5));
        let mut device = PcapDevice::new("test", &clock)
            .input(input.clone())
            .output(sink.clone())
            .unwrap()
            .epoch(1_000);
        let (mut rx, mut tx) = device.open(0, cache).unwrap();
        let mut burst = Burst::<32>::new();
        while rx.rx_burst(cache, &mut burst) > 0 {
            tx.tx_burst(cache, &mut burst);
            assert!(burst.is_empty());
        }
        assert_eq!((rx.stats().packets, rx.stats().bytes), (100, 6_000));
        assert_eq!((tx.stats().packets, tx.stats().bytes), (100, 6_000));
        assert_eq!(tx.stats().completed, 0, "all of it is in the buffer yet");
        tx.reclaim(cache);
        assert_eq!(tx.stats().completed, 100);
        let output = sink.capture();
        assert_eq!(output.len(), 100);
        for (sent, came) in output.records().zip(input.records()) {
            assert_eq!(sent.data, came.data);
            assert_eq!(sent.time, 1_005);
        }
    });
}

#[test]
fn recorded_pace_keeps_the_gaps_and_never_goes_back() {
    with_pool(64, |_, cache| {
        let packets: [(u64, &[u8]); 4] = [
            (70, &[0; 60]),
            (75, &[1; 60]),
            (60, &[2; 60]),
            (90, &[3; 60]),
        ];
        let clock = ManualClock::new();
        clock.set(Instant::from_nanos(1_000));
        let mut device = PcapDevice::new("test", &clock)
            .input(capture(&packets))
            .pace(Pace::Recorded)
            .repeat(Repeat::Times(2));
        let (mut rx, _tx) = device.open(0, cache).unwrap();
        let mut seen = Vec::new();
        while let Some(due) = rx.next_due() {
            clock.set(due);
            seen.push((clock.now().as_nanos(), poll(&mut rx, cache)));
            assert_eq!(poll(&mut rx, cache), [], "nothing comes in early");
        }
        let wanted = [
            (1_000, vec![0]),
            (1_005, vec![1, 2]),
            (1_020, vec![3, 0]),
            (1_025, vec![1, 2]),
            (1_040, vec![3]),
        ];
        assert_eq!(seen, wanted);
    });
}

#[test]
fn a_capture_played_no_times_gives_nothing() {
    with_pool(64, |_, cache| {
        let mut device = PcapDevice::new("test", NoClock)
            .input(numbered(3))
            .repeat(Repeat::Times(0));
        let (mut rx, _tx) = device.open(0, cache).unwrap();
        assert_eq!(rx.next_due(), None);
        assert_eq!(poll(&mut rx, cache), []);
    });
}

#[test]
fn forever_goes_on_and_none_ends_at_once() {
    with_pool(64, |_, cache| {
        let mut endless = PcapDevice::new("test", NoClock)
            .input(numbered(3))
            .repeat(Repeat::Forever);
        let (mut rx, _tx) = endless.open(0, cache).unwrap();
        for round in 0..30 {
            let wanted: Vec<u8> = (0..32u32).map(|n| ((round * 32 + n) % 3) as u8).collect();
            assert_eq!(poll(&mut rx, cache), wanted);
        }
        let mut silent = PcapDevice::new("test", NoClock);
        let (mut rx, _tx) = silent.open(0, cache).unwrap();
        assert_eq!(poll(&mut rx, cache), []);
        assert_eq!(rx.next_due(), None);
    });
}

#[test]
fn what_cannot_come_in_is_counted_by_name() {
    let mut file = vec![0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0];
    file.extend([0, 0, 65_535, 105].map(u32::to_le_bytes).as_flattened()); // 802.11
    file.extend([0, 0, 4, 4].map(u32::to_le_bytes).as_flattened());
    file.extend(b"wifi and then it breaks off");
    let foreign = Capture::from_bytes(file).unwrap();
    assert!(foreign.fault().is_some());
    with_pool(64, |_, cache| {
        let mut device = PcapDevice::new("test", NoClock)
            .input(foreign)
            .repeat(Repeat::Forever);
        let (mut rx, _tx) = device.open(0, cache).unwrap();
        assert_eq!(poll(&mut rx, cache), [], "and it returns");
        assert!(rx.stats().unsupported > 0);
        assert_eq!(
            rx.stats().unsupported,
            rx.stats().errors,
            "one break a round"
        );

        let fits = 2048 - 256 - 3 * 64;
        let (long, longer) = (vec![1; fits], vec![2; fits + 1]);
        let mut device =
            PcapDevice::new("test", NoClock).input(capture(&[(0, &longer), (0, &long), (0, &[])]));
        let (mut rx, _tx) = device.open(0, cache).unwrap();
        let mut burst = Burst::<32>::new();
        assert_eq!(rx.rx_burst(cache, &mut burst), 2);
        assert_eq!(burst.as_slice()[0].data(), long);
        assert_eq!(burst.as_slice()[1].data(), []);
        assert_eq!((rx.stats().oversize, rx.stats().dropped()), (1, 1));
    });
}

#[test]
fn an_empty_pool_delays_and_loses_nothing() {
    with_pool(2, |_, cache| {
        let mut device = PcapDevice::new("test", NoClock).input(numbered(3));
        let (mut rx, _tx) = device.open(0, cache).unwrap();
        assert_eq!(poll(&mut rx, cache), [0, 1]);
        assert_eq!(rx.stats().no_frames, 1);
        assert_eq!(poll(&mut rx, cache), [2]);
        assert_eq!(poll(&mut rx, cache), []);
    });
}

#[test]
fn links_without_addresses_are_addressed_to_the_port() {
    let mut file = vec![0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0];
    file.extend([0, 0, 65_535, 101].map(u32::to_le_bytes).as_flattened());
    file.extend([0, 0, 20, 20].map(u32::to_le_bytes).as_flattened());
    file.extend([0x45; 20]);
    with_pool(8, |_, cache| {
        let mut device = PcapDevice::new("test", NoClock).input(Capture::from_bytes(file).unwrap());
        let (mut rx, _tx) = device.open(0, cache).unwrap();
        let mut burst = Burst::<32>::new();
        assert_eq!(rx.rx_burst(cache, &mut burst), 1);
        let data = burst.as_slice()[0].data();
        assert_eq!(data[..6], device.mac().0);
        assert_eq!(data[12..], [&[0x08, 0x00][..], &[0x45; 20]].concat());
    });
}

#[test]
fn what_cannot_be_sent_is_counted_by_name() {
    with_pool(8, |_, cache| {
        let sink = Sink::new(usize::MAX);
        let mut device = PcapDevice::new("test", NoClock)
            .output(sink.clone())
            .unwrap();
        let (_rx, mut tx) = device.open(0, cache).unwrap();
        let mut burst = Burst::<32>::new();
        for length in [0, 13, 14, 1522, 1523] {
            let mut packet = Packet::new(cache.alloc().unwrap());
            packet.append(length).unwrap().fill(9);
            burst.push(packet).unwrap();
        }
        assert_eq!(tx.tx_burst(cache, &mut burst), 5);
        let stats = tx.stats();
        assert_eq!((stats.packets, stats.undersize, stats.oversize), (2, 2, 1));
        drop(tx);
        let lengths: Vec<_> = sink.capture().records().map(|r| r.data.len()).collect();
        assert_eq!(lengths, [14, 1522]);
    });
}

#[test]
fn several_frames_are_written_as_one_packet() {
    with_pool(8, |_, cache| {
        let sink = Sink::new(usize::MAX);
        let mut device = PcapDevice::new("test", NoClock)
            .output(sink.clone())
            .unwrap();
        let (_rx, mut tx) = device.open(0, cache).unwrap();
        let (mut head, mut tail) = (cache.alloc().unwrap(), cache.alloc().unwrap());
        head.append(20).unwrap().fill(1);
        tail.append(10).unwrap().fill(2);
        head.chain(tail).unwrap();
        let mut burst = Burst::<32>::new();
        burst.push(Packet::new(head)).unwrap();
        tx.tx_burst(cache, &mut burst);
        drop(tx);
        let output = sink.capture();
        assert_eq!(
            output.record(0).unwrap().data,
            [[1; 20].as_slice(), &[2; 10]].concat()
        );
    });
}

#[test]
fn a_full_disk_is_counted_and_reported() {
    with_pool(64, |_, cache| {
        let sink = Sink::new(70_000);
        let mut device = PcapDevice::new("test", NoClock)
            .input(numbered(10))
            .repeat(Repeat::Times(1_000))
            .output(sink)
            .unwrap();
        let (mut rx, mut tx) = device.open(0, cache).unwrap();
        let mut burst = Burst::<32>::new();
        while rx.rx_burst(cache, &mut burst) > 0 {
            tx.tx_burst(cache, &mut burst);
        }
        let stats = tx.stats();
        assert_eq!(stats.packets + stats.errors, 10_000);
        assert!(stats.errors > 5_000, "{stats}");
        assert_eq!(
            device.output_failed(),
            None,
            "unknown while the queue is open"
        );
        drop(tx);
        assert_eq!(device.output_failed(), Some(io::ErrorKind::StorageFull));
    });
}

#[test]
fn the_queue_opens_once_and_again_after_it_was_dropped() {
    with_pool(64, |_, cache| {
        let sink = Sink::new(usize::MAX);
        let mut device = PcapDevice::new("test", NoClock)
            .input(numbered(2))
            .output(sink.clone())
            .unwrap();
        assert_eq!(
            device.open(1, cache).unwrap_err(),
            DeviceError::NoSuchQueue(1)
        );
        let (mut rx, mut tx) = device.open(0, cache).unwrap();
        assert_eq!(
            device.open(0, cache).unwrap_err(),
            DeviceError::QueueTaken(0)
        );
        let mut burst = Burst::<32>::new();
        rx.rx_burst(cache, &mut burst);
        tx.tx_burst(cache, &mut burst);

        let (mut rx, mut tx) = device.reset(rx, tx, cache).unwrap();
        assert_eq!(tx.stats().packets, 0);
        assert_eq!(rx.rx_burst(cache, &mut burst), 2, "the input begins anew");
        tx.tx_burst(cache, &mut burst);
        drop((rx, tx));
        let (mut rx, _tx) = device.open(0, cache).unwrap();
        assert_eq!(poll(&mut rx, cache), [0, 1]);
        assert_eq!(sink.capture().len(), 4, "the output goes on");
    });
}

#[test]
fn every_public_capture_plays_to_its_end() {
    let Some(folder) = std::env::var_os("LINECARD_DATA") else {
        println!("LINECARD_DATA is not set: nothing to play");
        return;
    };
    let folder = std::path::PathBuf::from(folder).join("pcap");
    with_pool(64, |_, cache| {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let input = Capture::open(&path).unwrap();
            let (records, broken) = (input.len() as u64, input.fault().is_some());
            let mut device = PcapDevice::new("test", NoClock).input(input);
            let (mut rx, _tx) = device.open(0, cache).unwrap();
            while rx.next_due().is_some() {
                poll_any(&mut rx, cache);
            }
            let stats = rx.stats();
            assert_eq!(
                stats.packets + stats.unsupported + stats.oversize,
                records,
                "{}: {stats}",
                path.display()
            );
            assert_eq!(
                stats.errors,
                u64::from(broken && records > 0),
                "{}",
                path.display()
            );
        }
    });
}

fn poll_any<'p>(rx: &mut PcapRx<NoClock>, cache: &mut Cache<'p>) {
    let mut burst = Burst::<'p, 32>::new();
    rx.rx_burst(cache, &mut burst);
    burst.free(cache);
}

#[test]
fn a_checksum_that_is_left_to_the_device_is_finished_before_it_is_written() {
    // UDP from 192.0.2.1 to 192.0.2.2 with four bytes in it, and the pseudo-header's sum alone.
    let mut frame = [0; 60];
    frame[12..14].copy_from_slice(&[0x08, 0x00]);
    frame[14..34].copy_from_slice(&[
        0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2,
    ]);
    frame[34..46].copy_from_slice(&[0, 53, 0, 53, 0, 12, 0x84, 0x21, 1, 2, 3, 4]);
    let mut right = frame;
    right[40..42].copy_from_slice(&[0x77, 0x62]);
    with_pool(64, |_, cache| {
        let sink = Sink::new(usize::MAX);
        let mut device = PcapDevice::new("test", NoClock)
            .output(sink.clone())
            .unwrap();
        let (rx, mut tx) = device.open(0, cache).unwrap();
        let mut burst = Burst::<4>::new();
        let put = |packet: &mut Packet<'_>, bytes: &[u8]| {
            packet.append(bytes.len()).unwrap().copy_from_slice(bytes);
        };
        for offloads in [
            Offloads::empty(),
            Offloads::L4_WANTED,
            Offloads::L4_DOUBTFUL,
        ] {
            let mut packet = Packet::new(cache.alloc().unwrap());
            put(&mut packet, &frame);
            packet.offloads = offloads;
            burst.push(packet).unwrap();
        }
        // In three frames, cut at an odd place.
        let mut chained = Packet::new(cache.alloc().unwrap());
        put(&mut chained, &frame[..43]);
        for part in [&frame[43..45], &frame[45..]] {
            let mut tail = Packet::new(cache.alloc().unwrap());
            put(&mut tail, part);
            chained.frame_mut().chain(tail.into_frame()).unwrap();
        }
        chained.offloads = Offloads::L4_WANTED;
        burst.push(chained).unwrap();
        assert_eq!(tx.tx_burst(cache, &mut burst), 4);
        assert_eq!(tx.stats().packets, 4);
        drop((rx, tx));
        let written: Vec<Vec<u8>> = sink
            .capture()
            .records()
            .map(|record| record.data.to_vec())
            .collect();
        assert_eq!(written[0], frame, "nobody asked for it");
        for written in &written[1..] {
            assert_eq!(written[..], right);
        }
    });
}

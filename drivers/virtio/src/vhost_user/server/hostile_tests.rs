//! Front ends that say anything in any order, with any files, while their guests write any byte of
//! their memory and both queues are polled.
//!
//! `LINECARD_HOSTILE_SESSIONS` says how many of them, `LINECARD_HOSTILE_SEED` makes it others. What the
//! kernel's timing makes of it is another story each time; what must hold does not depend on it.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Instant;
use std::vec::Vec;

use linecard::device::{Device, RxQueue, TxQueue};
use linecard::mempool::{Cache, Pool, PoolConfig, Region, Slot};
use linecard::packet::Burst;
use vmm_sys_util::sock_ctrl_msg::ScmSocket;

use super::*;
use crate::Features;

#[test]
fn no_front_end_does_harm() {
    let sessions = number("LINECARD_HOSTILE_SESSIONS", 150);
    let mut random =
        Random(number("LINECARD_HOSTILE_SEED", 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let name = std::format!("linecard-hostile-{}.sock", std::process::id());
    let path = std::env::temp_dir().join(name);
    let mut memory = std::vec![0; 512 * 2048 + 63];
    let slots: Vec<Slot> = (0..512).map(|_| Slot::new()).collect();
    let pool = Pool::new(
        Region::from_slice(&mut memory),
        &slots,
        PoolConfig::default(),
    )
    .unwrap();
    let config = ServerConfig {
        mtu: 3000,
        ..ServerConfig::new(&path)
    };
    let mut server = Server::new(config).unwrap();
    let over = AtomicBool::new(false);
    let mut cache = Cache::new(&pool, "test", 64).unwrap();
    let (mut rx, mut tx) = server.open(0, &mut cache).unwrap();
    let (mut served, mut said, mut ran) = (0, 0, 0_u64);
    thread::scope(|scope| {
        let polls = scope.spawn(|| {
            let mut burst = Burst::<'_, 32>::new();
            while !over.load(Ordering::Acquire) {
                rx.rx_burst(&mut cache, &mut burst);
                for packet in &mut burst {
                    assert!(packet.total_len() <= 3000 + 22);
                }
                // And some of its own, long ones too.
                for len in [60, 1700] {
                    if let Some(mut frame) = cache.alloc() {
                        let _ = frame.append(len);
                        let _ = burst.push(linecard::packet::Packet::new(frame));
                    }
                }
                tx.tx_burst(&mut cache, &mut burst);
                burst.free(&mut cache);
                thread::yield_now();
            }
        });
        let ended = scope.spawn(|| {
            for _ in 0..sessions {
                let stream = UnixStream::connect(&path).expect("it listens");
                let mut front_end = FrontEnd::new(stream, &mut random);
                if front_end.random.below(8) != 0 {
                    said += front_end.begins();
                    until(&server, |status| {
                        status.running == 2 || !status.connected && status.sessions > served
                    });
                    ran += u64::from(server.status().running > 0);
                }
                said += front_end.rages();
                drop(front_end);
                served += 1;
                until(&server, |status| {
                    !status.connected || status.sessions > served
                });
                let how = server.status().ended.unwrap_or_default();
                assert!(!how.contains("panicked"), "{how}");
            }
        });
        let how = ended.join();
        over.store(true, Ordering::Release);
        polls.join().expect("the polling thread lives");
        how.expect("each front end is served");
    });
    std::println!("{said} messages in {sessions} sessions, {ran} of which ran");
    assert!(ran >= sessions / 2, "most of them begin well");
    drop((rx, tx, server, cache));
    pool.audit().unwrap();
}

/// A front end without manners.
struct FrontEnd<'r> {
    stream: UnixStream,
    random: &'r mut Random,
    memory: File,
}

impl<'r> FrontEnd<'r> {
    fn new(stream: UnixStream, random: &'r mut Random) -> Self {
        stream
            .set_read_timeout(Some(Duration::from_millis(1)))
            .unwrap();
        // One that stops reading is not waited for.
        stream
            .set_write_timeout(Some(Duration::from_millis(200)))
            .unwrap();
        Self {
            stream,
            random,
            memory: memfd(LEN),
        }
    }

    /// Says what a front end should; gives how many messages that were.
    fn begins(&mut self) -> u64 {
        let mut said = 0;
        for request in BEGIN {
            said += u64::from(self.says(request, true));
        }
        for ring in 0..2 {
            for request in [SET_NUM, SET_BASE, SET_ADDR, SET_CALL, SET_KICK, ENABLE] {
                said += u64::from(self.about(request, ring, true));
            }
        }
        said
    }

    /// Says anything; gives how many messages that were.
    fn rages(&mut self) -> u64 {
        let mut said = 0;
        for _ in 0..self.random.below(40) {
            self.scribbles();
            let proper = self.random.below(3) != 0;
            let request = 1 + self.random.below(44) as u32;
            let alive = match request {
                SET_NUM | SET_BASE | SET_ADDR | SET_CALL | SET_KICK | SET_ERR | ENABLE
                | GET_BASE => {
                    let ring = self.random.below(3) as u32;
                    self.about(request, ring, proper)
                }
                _ => self.says(request, proper),
            };
            if !alive {
                break;
            }
            said += 1;
            // Answers nobody wants.
            let mut bytes = [0; 4096];
            let _ = self.stream.read(&mut bytes);
        }
        said
    }

    /// A message about a ring.
    fn about(&mut self, request: u32, ring: u32, proper: bool) -> bool {
        let at = u64::from(ring) * 0x8000;
        let mut words: Vec<u8> = Vec::new();
        let mut files = Vec::new();
        match request {
            SET_NUM if proper => words.extend(pair(ring, 64)),
            SET_NUM => words.extend(pair(ring, self.random.odd() as u32)),
            SET_BASE if proper => words.extend(pair(ring, 0)),
            SET_ADDR => {
                let parts = match proper {
                    true => [at, at + 0x4000, at + 0x3000].map(|part| USER + part),
                    // Outside, unaligned, one on the other, or in its own buffers.
                    false => [0; 3].map(|_: u64| USER.wrapping_add(self.random.odd())),
                };
                words.extend(pair(ring, 0));
                parts
                    .iter()
                    .for_each(|part| words.extend(part.to_ne_bytes()));
                words.extend([0; 8]);
            }
            SET_CALL | SET_KICK | SET_ERR => {
                let none = !proper && self.random.below(2) == 0;
                words.extend((u64::from(ring) | u64::from(none) << 8).to_ne_bytes());
                // Or says that there is one, and there is none.
                if proper || self.random.below(2) == 0 {
                    files.push(self.file(proper));
                }
            }
            ENABLE => words.extend(pair(ring, u32::from(proper || self.random.below(2) == 0))),
            _ => words.extend(pair(ring, self.random.odd() as u32)),
        }
        self.send(request, &words, &files, proper)
    }

    /// Any other message.
    fn says(&mut self, request: u32, proper: bool) -> bool {
        let mut words: Vec<u8> = Vec::new();
        let mut files = Vec::new();
        match request {
            SET_FEATURES => {
                let mut features = Features::VERSION_1 | Features::VHOST_USER_PROTOCOL;
                features.set(Features::RING_PACKED, self.random.below(2) == 0);
                features.set(Features::MRG_RXBUF, self.random.below(2) == 0);
                features.set(Features::INDIRECT_DESC, self.random.below(2) == 0);
                let odd = if proper { 0 } else { self.random.odd() };
                words.extend((features.bits() | odd).to_ne_bytes());
            }
            SET_PROTOCOL => {
                let odd = if proper {
                    1 | 1 << 15
                } else {
                    self.random.odd()
                };
                words.extend(odd.to_ne_bytes());
            }
            SET_MEMORY => {
                let count = if proper {
                    1
                } else {
                    self.random.below(10) as u32
                };
                words.extend(pair(count, 0));
                for _ in 0..count {
                    words.extend(self.region(proper));
                }
                // Too few, too many, or none.
                let wrong = if proper {
                    count
                } else {
                    self.random.below(10) as u32
                };
                files.extend((0..wrong).map(|_| self.file_for_memory(proper)));
            }
            ADD_REGION | REMOVE_REGION => {
                words.extend([0; 8]);
                words.extend(self.region(proper));
                if request == ADD_REGION {
                    files.push(self.file_for_memory(proper));
                }
            }
            _ => {
                let len = self.random.below(64);
                words.extend((0..len).map(|_| self.random.next() as u8));
            }
        }
        if matches!(request, SET_OWNER | GET_FEATURES | GET_PROTOCOL) {
            words.clear();
        }
        self.send(request, &words, &files, proper)
    }

    /// Guest's address, length, front end's address, offset.
    fn region(&mut self, proper: bool) -> Vec<u8> {
        let fields = match proper {
            true => [GUEST, LEN, USER, 0],
            false => [0; 4].map(|_: u64| self.random.odd()),
        };
        fields
            .iter()
            .flat_map(|field| field.to_ne_bytes())
            .collect()
    }

    fn send(&mut self, request: u32, body: &[u8], files: &[OwnedFd], proper: bool) -> bool {
        let mut message = Vec::new();
        let (flags, len) = match proper || self.random.below(4) != 0 {
            true => (1 | (self.random.below(2) as u32) << 3, body.len() as u32),
            // Another version, an answer, another length than it has.
            false => (self.random.next(), self.random.odd() as u32),
        };
        for word in [request, flags, len] {
            message.extend(word.to_ne_bytes());
        }
        message.extend(body);
        let files: Vec<RawFd> = files.iter().map(AsRawFd::as_raw_fd).collect();
        self.stream.send_with_fds(&[&message[..]], &files).is_ok()
    }

    /// Something to be told by.
    fn file(&mut self, proper: bool) -> OwnedFd {
        match if proper { 0 } else { self.random.below(5) } {
            0 => {
                // SAFETY: passes no pointers.
                let event = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
                assert!(event >= 0);
                // SAFETY: a new descriptor, nobody else's.
                unsafe { OwnedFd::from_raw_fd(event) }
            }
            1 => self.memory.try_clone().unwrap().into(),
            2 => File::open("/dev/null").unwrap().into(),
            // Full after a while, and nobody reads it.
            3 => UnixStream::pair().unwrap().0.into(),
            _ => File::open("/").unwrap().into(),
        }
    }

    fn file_for_memory(&mut self, proper: bool) -> OwnedFd {
        match if proper { 0 } else { self.random.below(4) } {
            0 | 1 => self.memory.try_clone().unwrap().into(),
            2 => memfd(self.random.odd() % (2 * LEN)).into(),
            _ => self.file(false),
        }
    }

    /// The guest writes something to its memory: descriptors and indices that may be right, or not.
    fn scribbles(&mut self) {
        for _ in 0..self.random.below(64) {
            let at = self.random.odd() % (LEN - 16);
            let mut bytes = [0; 16];
            let address = GUEST.wrapping_add(self.random.odd());
            bytes[..8].copy_from_slice(&address.to_le_bytes());
            bytes[8..12].copy_from_slice(&(self.random.odd() as u32).to_le_bytes());
            bytes[12..].copy_from_slice(&self.random.next().to_le_bytes());
            // Cut short by a message before: no harm.
            let _ = self.memory.write_at(&bytes, at & !15);
            let ring = 0x8000 * (self.random.below(2) as u64) + 0x4002;
            let _ = self.memory.write_at(&[self.random.next() as u8, 0], ring);
        }
        if self.random.below(200) == 0 {
            let _ = self.memory.set_len(self.random.odd() % LEN);
        }
    }
}

fn pair(first: u32, second: u32) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&first.to_ne_bytes());
    bytes[4..].copy_from_slice(&second.to_ne_bytes());
    bytes
}

fn memfd(len: u64) -> File {
    // SAFETY: the name is a C string.
    let fd = unsafe { libc::memfd_create(c"guest".as_ptr(), libc::MFD_CLOEXEC) };
    assert!(fd >= 0);
    // SAFETY: a new descriptor, nobody else's.
    let file = unsafe { File::from_raw_fd(fd) };
    file.set_len(len).unwrap();
    file
}

/// Waits until it stands as it should.
fn until(server: &Server, what: impl Fn(&ServerStatus) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !what(&server.status()) {
        assert!(Instant::now() < deadline, "{}", server.status());
        thread::sleep(Duration::from_micros(200));
    }
}

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |value| value.parse().unwrap())
}

/// Marsaglia's xorshift64 ("Xorshift RNGs", 2003), its upper bits.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as u32
    }

    fn below(&mut self, bound: usize) -> usize {
        self.next() as usize % bound
    }

    /// A number that somebody may have forgotten: at an edge, or small, or any.
    fn odd(&mut self) -> u64 {
        let edges = [
            0,
            1,
            7,
            64,
            4095,
            4096,
            LEN - 1,
            LEN,
            LEN + 1,
            0xffff,
            0x1_0000,
            1 << 31,
        ];
        match self.below(6) {
            0 => u64::from(self.next()) << 32 | u64::from(self.next()),
            1 => u64::MAX - self.below(64) as u64,
            2 => edges[self.below(edges.len())],
            3 => self.below(256) as u64,
            _ => u64::from(self.next()) % LEN,
        }
    }
}

const LEN: u64 = 1 << 17;
const GUEST: u64 = 0x4000_0000;
const USER: u64 = 0x7000_0000_0000;

// Messages, by their numbers in the protocol.
const GET_FEATURES: u32 = 1;
const SET_FEATURES: u32 = 2;
const SET_OWNER: u32 = 3;
const SET_MEMORY: u32 = 5;
const SET_NUM: u32 = 8;
const SET_ADDR: u32 = 9;
const SET_BASE: u32 = 10;
const GET_BASE: u32 = 11;
const SET_KICK: u32 = 12;
const SET_CALL: u32 = 13;
const SET_ERR: u32 = 14;
const GET_PROTOCOL: u32 = 15;
const SET_PROTOCOL: u32 = 16;
const ENABLE: u32 = 18;
const ADD_REGION: u32 = 37;
const REMOVE_REGION: u32 = 38;
const BEGIN: [u32; 6] = [
    SET_OWNER,
    GET_FEATURES,
    GET_PROTOCOL,
    SET_PROTOCOL,
    SET_FEATURES,
    SET_MEMORY,
];

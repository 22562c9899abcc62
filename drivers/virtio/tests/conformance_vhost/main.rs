//! Both sides of vhost-user pass the suite that every driver passes, each with the other as its far
//! side, over a real socket and shared memory. (Against DPDK: the test `vhost`.)
#![cfg(all(feature = "vhost-user", target_os = "linux"))]
#![allow(clippy::std_instead_of_core, unsafe_code, reason = "a test")]

mod back;
mod front;
mod guest;
mod long;

use linecard::device::{RxQueue, TxQueue};
use linecard::mempool::{Cache, Pool};
use linecard::packet::{Burst, Packet};
use linecard_conformance::{CountingAllocator, Injected, Limits, Wire};
use linecard_virtio::vhost_user::{Server, ServerConfig};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

mod split_front_end {
    linecard_conformance::suite!(super::front::FrontEnd<false>);
}

mod packed_front_end {
    linecard_conformance::suite!(super::front::FrontEnd<true>);
}

mod split_back_end {
    linecard_conformance::suite!(super::back::BackEnd<false>);
}

mod packed_back_end {
    linecard_conformance::suite!(super::back::BackEnd<true>);
}

/// The open queue of a port that plays the far side.
struct Far<R, T> {
    rx: R,
    tx: T,
    cache: Cache<'static>,
    heard: std::collections::VecDeque<Vec<u8>>,
}

impl<R: RxQueue<'static>, T: TxQueue<'static>> Far<R, T> {
    fn new((rx, tx): (R, T), cache: Cache<'static>) -> Self {
        let heard = std::collections::VecDeque::new();
        Self {
            rx,
            tx,
            cache,
            heard,
        }
    }

    fn inject(&mut self, frame: &[u8]) -> Injected {
        let before = self.tx.stats();
        let Some(space) = self.cache.alloc() else {
            self.tx.reclaim(&mut self.cache);
            return Injected::Busy;
        };
        let mut packet = Packet::new(space);
        match packet.append(frame.len()) {
            Ok(room) => room.copy_from_slice(frame),
            Err(_) => return Injected::Impossible,
        }
        let mut burst: Burst<'static, 1> = Burst::new();
        burst.push(packet).expect("room");
        let taken = self.tx.tx_burst(&mut self.cache, &mut burst);
        burst.free(&mut self.cache);
        let after = self.tx.stats();
        match taken {
            0 => Injected::Busy,
            _ if after.packets > before.packets => Injected::Taken,
            // Nobody is there just now.
            _ if after.link_down > before.link_down => Injected::Busy,
            _ => Injected::Impossible,
        }
    }

    fn step(&mut self) {
        let mut burst: Burst<'static> = Burst::new();
        while self.rx.rx_burst(&mut self.cache, &mut burst) > 0 {
            for packet in burst.drain() {
                let whole = packet.frame().segments().flatten().copied();
                self.heard.push_back(whole.collect());
                self.cache.free(packet.into_frame());
            }
        }
        self.tx.reclaim(&mut self.cache);
    }

    fn collect(&mut self, frame: &mut Vec<u8>) -> bool {
        match self.heard.pop_front() {
            Some(first) => {
                *frame = first;
                true
            }
            None => false,
        }
    }
}

/// One end under test, as the device, with the other one as its far side.
struct Side<D, R, T, O, const PACKED: bool> {
    device: D,
    pool: &'static Pool<'static>,
    far: Far<R, T>,
    /// The far side's port.
    other: O,
}

impl<D, R, T, O, const PACKED: bool> Wire for Side<D, R, T, O, PACKED>
where
    R: RxQueue<'static>,
    T: TxQueue<'static>,
{
    fn inject(&mut self, frame: &[u8]) -> Injected {
        self.far.inject(frame)
    }

    fn collect(&mut self, frame: &mut Vec<u8>) -> bool {
        self.far.collect(frame)
    }

    fn step(&mut self) {
        self.far.step();
    }
}

/// What both ends can do: packets from an Ethernet header on, and more under way than a queue has
/// descriptors.
fn limits() -> Limits {
    Limits {
        shortest: 14,
        window: 300,
        ..Limits::default()
    }
}

/// A back end that offers rings of one kind.
fn server(packed: bool) -> Server {
    let config = ServerConfig {
        packed,
        ..ServerConfig::new(socket())
    };
    Server::new(config).expect("a server")
}

/// No end has broken a rule in the other's eyes.
fn assert_sound(server: &Server) {
    let status = server.status();
    assert_eq!(status.fault, None, "out of service: {status}");
}

/// A socket that nobody else listens at.
fn socket() -> std::path::PathBuf {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let (process, number) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    std::env::temp_dir().join(format!("linecard-conformance-{process}-{number}.sock"))
}

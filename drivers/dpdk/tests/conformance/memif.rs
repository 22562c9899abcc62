//! `net_memif`: packets through memory that two processes share.
//!
//! The other process is this program again, with a pool and a port of its own at the other end of that
//! memory. It stands still until the test lets it [step](Wire::step): then it sends the frames that
//! were injected, as far as there is room, and gives back what it received. In one process two such
//! ports of DPDK 22.11 do not always find each other.

use core::time::Duration;
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use linecard::device::{Device, RxQueue, TxQueue};
use linecard::mempool::{Cache, Pool};
use linecard::packet::{Burst, Packet};
use linecard_conformance::{Harness, Injected, Limits, Profile, Setup, Wire};
use linecard_dpdk::{Config, Port};

use crate::eal::{large_memory, memory, unique};
use crate::opened::Opened;

linecard_conformance::suite!(Memif);

/// A port, and the process with the other one.
struct Memif {
    port: Opened,
    pool: &'static Pool<'static>,
    peer: Peer,
    /// Injected, and not yet handed to the other process.
    waiting: VecDeque<Vec<u8>>,
    /// Received from it, and not yet collected.
    heard: VecDeque<Vec<u8>>,
    /// The last to go.
    _alone: MutexGuard<'static, ()>,
}

impl Harness for Memif {
    type Device = Opened;

    fn profile() -> Profile {
        Profile {
            limits: Limits {
                shortest: 14,
                window: 128,
                packets: 100_000,
                patience: Duration::from_secs(20),
                ..Limits::default()
            },
            // Nothing is allocated before something has come.
            posts: false,
            ..Profile::default()
        }
    }

    fn new(_setup: &Setup) -> Option<Self> {
        // Of several such ports in one process, not all find their other ends.
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let memory = memory(1024);
        let socket = format!("linecard-{}-{}", std::process::id(), unique("memif"));
        let peer = Peer::start(&socket);
        let name = unique("net_memif");
        let port = Port::new(&memory, &device(&name, "client", &socket), config());
        // It asks for a connection when it is asked for its link.
        let port = Opened::new(port.expect("a port"), |port| {
            let deadline = Instant::now() + START;
            while !port.link().is_up() {
                assert!(Instant::now() < deadline, "the two do not find each other");
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        Some(Self {
            port,
            pool: memory.pool(),
            peer,
            waiting: VecDeque::new(),
            heard: VecDeque::new(),
            _alone: alone,
        })
    }

    fn device(&mut self) -> &mut Opened {
        &mut self.port
    }

    fn pool(&self) -> &'static Pool<'static> {
        self.pool
    }
}

impl Wire for Memif {
    fn inject(&mut self, frame: &[u8]) -> Injected {
        match (frame.len(), self.waiting.len()) {
            (..14 | 1515.., _) => Injected::Impossible,
            (_, MOST..) => Injected::Busy,
            _ => {
                self.waiting.push_back(frame.to_vec());
                Injected::Taken
            }
        }
    }

    fn collect(&mut self, frame: &mut Vec<u8>) -> bool {
        self.heard.pop_front().map(|heard| *frame = heard).is_some()
    }

    fn step(&mut self) {
        self.peer.step(&mut self.waiting, &mut self.heard);
    }
}

/// The other process, as this one sees it.
struct Peer {
    process: Child,
    socket: UnixDatagram,
}

impl Peer {
    fn start(name: &str) -> Self {
        let (socket, theirs) = UnixDatagram::pair().expect("a pair of sockets");
        let this = std::env::current_exe().expect("this program");
        let process = Command::new(this)
            .args(["--exact", "memif::peer", "--nocapture"])
            .env(PEER, name)
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .spawn();
        let process = process.expect("this program starts again");
        let timeout = socket.set_read_timeout(Some(START));
        timeout.expect("a socket's timeout");
        let peer = Self { process, socket };
        assert_eq!(peer.receive(), READY, "it is ready");
        peer
    }

    /// Hands over what it takes of the frames that wait, and takes what it has received.
    fn step(&mut self, waiting: &mut VecDeque<Vec<u8>>, heard: &mut VecDeque<Vec<u8>>) {
        let offered = waiting.len().min(BURST);
        for frame in waiting.iter().take(offered) {
            self.socket.send(frame).expect("it takes a frame");
        }
        self.socket.send(&[]).expect("it takes the end");
        loop {
            let frame = self.receive();
            // The last is how many frames it has sent, which is shorter than any frame.
            if let [sent] = frame[..] {
                waiting.drain(..usize::from(sent));
                return;
            }
            heard.push_back(frame);
        }
    }

    fn receive(&self) -> Vec<u8> {
        let mut frame = vec![0; 2048];
        loop {
            match self.socket.recv(&mut frame) {
                // By a signal of another test's port (`net_tap`).
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                len => {
                    frame.truncate(len.expect("it answers in time"));
                    return frame;
                }
            }
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Both fail only if it has ended and was waited for.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Does nothing but in the process that a [`Peer`] starts.
#[test]
fn peer() {
    let Ok(name) = std::env::var(PEER) else {
        return;
    };
    let parent = std::os::unix::process::parent_id();
    let input = std::io::stdin();
    let socket = input.as_fd().try_clone_to_owned().expect("a descriptor");
    let socket = UnixDatagram::from(socket);
    let timeout = socket.set_read_timeout(Some(Duration::from_millis(200)));
    timeout.expect("a socket's timeout");
    let memory = large_memory(1024);
    let device = device(&unique("net_memif"), "server", &name);
    let mut port = Port::new(&memory, &device, config()).expect("a port");
    let mut cache = Cache::new(memory.pool(), "peer", 64).expect("an account");
    let (mut rx, mut tx) = port.open(0, &mut cache).expect("queue 0");
    socket.send(&READY).expect("the test waits");
    let mut burst: Burst<'static> = Burst::new();
    let mut frame = vec![0; 2048];
    loop {
        match socket.recv(&mut frame) {
            Ok(0) => {}
            Ok(len) => {
                let mut packet = Packet::new(cache.alloc().expect("a frame"));
                let room = packet.append(len).expect("room");
                room.copy_from_slice(&frame[..len]);
                burst.push(packet).expect("no more than a burst at a time");
                continue;
            }
            // Nothing came, or a signal: it ends with the test.
            Err(_) if std::os::unix::process::parent_id() == parent => continue,
            Err(_) => return,
        }
        let sent = tx.tx_burst(&mut cache, &mut burst);
        // What is left is offered again.
        burst.free(&mut cache);
        while rx.rx_burst(&mut cache, &mut burst) > 0 {
            for packet in burst.drain() {
                socket.send(packet.data()).expect("the test takes it");
                cache.free(packet.into_frame());
            }
        }
        socket.send(&[sent as u8]).expect("the test takes it");
    }
}

fn device(name: &str, role: &str, socket: &str) -> String {
    format!("{name},role={role},id=0,rsize=8,socket={socket},socket-abstract=yes")
}

fn config() -> Config {
    Config {
        // As large as `rsize` says.
        ring: 256,
        ..Config::default()
    }
}

/// The name of the socket by which the ports are joined.
const PEER: &str = "LINECARD_DPDK_MEMIF_PEER";

/// Held by the test that has a port.
static ALONE: Mutex<()> = Mutex::new(());

/// What the other process says first.
const READY: [u8; 2] = [1, 1];

/// Frames that wait for the other process at most.
const MOST: usize = 128;

/// Frames that it is offered at a time.
const BURST: usize = 32;

/// How long a process may take to start, or two ports to find each other.
const START: Duration = Duration::from_secs(60);

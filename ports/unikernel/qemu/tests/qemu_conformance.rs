//! The image passes the suite for forwarders: what is injected at its left port by a raw socket is
//! collected at its right one.
#![allow(unsafe_code)]

use core::ffi::CStr;
use core::time::Duration;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use linecard_conformance::{Forwarder, Injected, Limits, Totals, Wire};
use linecard_qemu::{Guest, Machine, Setup, Tap, build, missing};
use linecard_testnet::Namespace;

mod split_on_pci {
    linecard_conformance::forwarder_suite!(super::Image<{ super::Q35 }, false>);
}

mod packed_on_pci {
    linecard_conformance::forwarder_suite!(super::Image<{ super::Q35 }, true>);
}

mod split_on_mmio {
    linecard_conformance::forwarder_suite!(super::Image<{ super::MICROVM }, false>);
}

mod split_on_aarch64 {
    linecard_conformance::forwarder_suite!(super::Image<{ super::VIRT }, false>);
}

mod packed_on_aarch64 {
    linecard_conformance::forwarder_suite!(super::Image<{ super::VIRT }, true>);
}

mod packed_through_cache_maintenance {
    linecard_conformance::forwarder_suite!(super::Image<{ super::VIRT_UNTRUSTED }, true>);
}

/// The image in QEMU, as a cross-connect, on one of the machines.
struct Image<const MACHINE: usize, const PACKED: bool> {
    guest: Guest,
    left: RawSocket,
    right: RawSocket,
    _taps: [Tap; 2],
    _hosts: [Namespace; 2],
}

impl<const MACHINE: usize, const PACKED: bool> Forwarder for Image<MACHINE, PACKED> {
    fn limits() -> Limits {
        Limits {
            shortest: 14,
            window: 64,
            // By software emulation each takes microseconds.
            packets: 20_000,
            patience: Duration::from_secs(20),
            ..Limits::default()
        }
    }

    fn new() -> Option<Self> {
        let (machine, features) = match MACHINE {
            VIRT_UNTRUSTED => (Machine::Virt, &["self-test"][..]),
            place => (Machine::ALL[place], &[][..]),
        };
        if let Some(why) = unavailable(machine) {
            eprintln!("SUITE SKIPPED qemu: {why}");
            let required = std::env::var_os("LINECARD_REQUIRE_QEMU").is_some();
            assert!(!required, "qemu tests are required: {why}");
            return None;
        }
        // Without addresses and IPv6, so that the hosts say nothing of their own.
        let host = || Namespace::new().expect("a namespace");
        let hosts = [host(), host()];
        let tap = |host: &Namespace| {
            let tap = host.inside(|| Tap::new("eth0")).expect("a tap");
            host.ip("link set eth0 up");
            tap
        };
        let taps = [tap(&hosts[0]), tap(&hosts[1])];
        let image = build(machine.processor(), features).expect("the image builds");
        let setup = Setup {
            machine,
            packed: PACKED,
            taps: &taps,
            command_line: COMMAND_LINE,
            ..Setup::default()
        };
        let mut guest = Guest::start(&image, &setup).expect("QEMU");
        let ready = guest.wait_for("ready", Duration::from_secs(20));
        assert!(ready, "{}", guest.printed());
        Some(Self {
            guest,
            left: hosts[0].inside(|| RawSocket::on(c"eth0")),
            right: hosts[1].inside(|| RawSocket::on(c"eth0")),
            _taps: taps,
            _hosts: hosts,
        })
    }

    fn finish(mut self) -> Option<Totals> {
        self.guest.press(b'q').expect("it runs");
        let well = self.guest.ends_well(Duration::from_secs(10));
        let printed = self.guest.printed();
        assert!(well, "{printed}");
        let (rx, tx) = (
            line(&printed, "port 0 left rx: "),
            line(&printed, "port 1 right tx: "),
        );
        let mut totals = Totals::default();
        (totals.rx.packets, totals.rx.bytes, totals.rx.errors) = figures(&rx);
        (totals.tx.packets, totals.tx.bytes, totals.tx.errors) = figures(&tx);
        let whole = printed.contains("audit: every frame is free");
        totals.missing = usize::from(!whole);
        Some(totals)
    }
}

impl<const MACHINE: usize, const PACKED: bool> Wire for Image<MACHINE, PACKED> {
    fn inject(&mut self, frame: &[u8]) -> Injected {
        self.left.send(frame)
    }

    fn collect(&mut self, frame: &mut Vec<u8>) -> bool {
        self.right.receive(frame)
    }
}

/// Why this cannot run here.
fn unavailable(machine: Machine) -> Option<String> {
    if std::env::var_os("LINECARD_SKIP_QEMU").is_some() {
        return Some("LINECARD_SKIP_QEMU is set".into());
    }
    missing(&[machine.processor().emulator(), ("ip", "iproute2")]).or_else(|| {
        let made = Namespace::new();
        made.err().map(|error| format!("no namespace: {error}"))
    })
}

/// The rest of the last line that begins so.
fn line(printed: &str, start: &str) -> String {
    let mut lines = printed.lines().rev();
    let found = lines.find_map(|line| line.split(start).nth(1));
    found
        .unwrap_or_else(|| panic!("no `{start}`: {printed}"))
        .to_owned()
}

/// Packets, bytes, and what was dropped, of a line of statistics.
fn figures(line: &str) -> (u64, u64, u64) {
    let number = |text: &str| -> u64 {
        let number = text.parse();
        number.unwrap_or_else(|error| panic!("{text} in `{line}`: {error}"))
    };
    let (mut packets, mut bytes, mut dropped) = (0, 0, 0);
    for part in line.split(", ") {
        match part.split_once(' ') {
            Some((count, "packets")) => packets = number(count),
            Some((count, "bytes")) => bytes = number(count),
            Some((name, count)) if DROPS.contains(&name) => dropped += number(count.trim()),
            _ => {}
        }
    }
    (packets, bytes, dropped)
}

/// An `AF_PACKET` socket that sees the suite's frames alone and waits for none.
struct RawSocket(OwnedFd);

impl RawSocket {
    /// On an interface of the thread's namespace.
    fn on(interface: &CStr) -> Self {
        let protocol = ETHERTYPE.to_be();
        // SAFETY: no pointers are passed.
        let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW, protocol.into()) };
        assert!(fd >= 0, "raw socket: {}", io::Error::last_os_error());
        // SAFETY: just made, and nobody else's.
        let socket = Self(unsafe { OwnedFd::from_raw_fd(fd) });
        // SAFETY: a string that ends with a zero.
        let index = unsafe { libc::if_nametoindex(interface.as_ptr()) };
        let address = libc::sockaddr_ll {
            sll_family: libc::AF_PACKET as u16,
            sll_protocol: protocol,
            sll_ifindex: index as i32,
            sll_hatype: 0,
            sll_pkttype: 0,
            sll_halen: 0,
            sll_addr: [0; 8],
        };
        // SAFETY: address and size of a live structure.
        let bound = unsafe {
            libc::bind(
                fd,
                (&raw const address).cast(),
                size_of::<libc::sockaddr_ll>() as u32,
            )
        };
        assert_eq!(bound, 0, "bind: {}", io::Error::last_os_error());
        socket
    }

    fn send(&self, frame: &[u8]) -> Injected {
        // SAFETY: pointer and length of a live slice.
        let sent = unsafe { libc::send(self.0.as_raw_fd(), frame.as_ptr().cast(), frame.len(), 0) };
        match sent {
            0.. => Injected::Taken,
            _ => match io::Error::last_os_error().raw_os_error() {
                Some(libc::EINVAL | libc::EMSGSIZE) => Injected::Impossible,
                Some(libc::ENOBUFS | libc::EAGAIN) => Injected::Busy,
                error => panic!(
                    "a raw socket does not send {} bytes: {error:?}",
                    frame.len()
                ),
            },
        }
    }

    fn receive(&self, frame: &mut Vec<u8>) -> bool {
        frame.resize(2048, 0);
        // SAFETY: pointer and length of a live buffer.
        let len = unsafe {
            libc::recv(
                self.0.as_raw_fd(),
                frame.as_mut_ptr().cast(),
                frame.len(),
                libc::MSG_DONTWAIT,
            )
        };
        frame.truncate(len.max(0) as usize);
        len >= 0
    }
}

// Machines by their places among all.
const Q35: usize = 0;
const MICROVM: usize = 1;
const VIRT: usize = 2;
/// As if its devices did not see the processor's caches.
const VIRT_UNTRUSTED: usize = 100;

const COMMAND_LINE: &str =
    "--forwarder cross-connect --malformed pass --port virtio,name=left --port virtio,name=right";

/// IEEE 802, local experimental 1: what the suite sends. (Frames too short for it are not sent.)
const ETHERTYPE: u16 = 0x88b5;

/// Counters that are of packets lost.
const DROPS: [&str; 9] = [
    "missed",
    "oversize",
    "truncated",
    "undersize",
    "unsupported",
    "link_down",
    "invalid",
    "errors",
    "injected",
];

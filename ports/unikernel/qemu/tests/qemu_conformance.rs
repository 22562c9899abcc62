//! The image passes the suite for forwarders: what is injected at its left port by a raw socket is
//! collected at its right one.

use core::time::Duration;

use linecard_conformance::{Forwarder, Injected, Limits, Totals, Wire};
use linecard_qemu::{Guest, Machine, Setup, Tap, build, missing};
use linecard_testnet::{Namespace, PacketSocket};

mod split_on_pci {
    linecard_conformance::forwarder_suite!(super::Image<{ super::Q35 }, false>);
}

mod packed_on_pci {
    linecard_conformance::forwarder_suite!(super::Image<{ super::Q35 }, true>);
}

mod split_on_mmio {
    linecard_conformance::forwarder_suite!(super::Image<{ super::MICROVM }, false>);
}

mod packed_on_mmio {
    linecard_conformance::forwarder_suite!(super::Image<{ super::MICROVM }, true>);
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
    left: PacketSocket,
    right: PacketSocket,
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
            left: hosts[0].inside(|| PacketSocket::on("eth0", ETHERTYPE)),
            right: hosts[1].inside(|| PacketSocket::on("eth0", ETHERTYPE)),
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
        match self.left.try_send(frame) {
            Ok(()) => Injected::Taken,
            Err(error) => match error.raw_os_error() {
                Some(libc::EINVAL | libc::EMSGSIZE) => Injected::Impossible,
                Some(libc::ENOBUFS | libc::EAGAIN) => Injected::Busy,
                _ => panic!("a raw socket does not send {} bytes: {error}", frame.len()),
            },
        }
    }

    fn collect(&mut self, frame: &mut Vec<u8>) -> bool {
        self.right.receive_now(frame)
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

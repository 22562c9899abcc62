//! Two virtual machines with a Linux kernel, and the router between them: `.ci/check vhost`.
//!
//! `LINECARD_GUEST` is the folder in which Debian's `linux-image-cloud-amd64` (the package that it
//! names) and `busybox-static` were unpacked; without it these tests are left out.

mod initrd;
mod machine;

use core::time::Duration;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use linecard_testnet::{Child, Folder};
use serde_json::Value;

use machine::Machine;

/// One machine has split rings, the other one packed ones: what goes from one to the other has been
/// through both.
#[test]
fn two_machines_and_a_router_that_dies() {
    let Some(packages) = packages() else { return };
    let folder = Folder::new("guest");
    let boot = initrd::build(&packages, &folder).unwrap();
    let router = Router::start(&folder);
    let mut left = Machine::start("left", &boot, &folder.join("left.sock"), false);
    let mut right = Machine::start("right", &boot, &folder.join("right.sock"), true);
    left.booted();
    right.booted();
    features(&mut left, false);
    features(&mut right, true);
    for (machine, net) in [(&mut left, LEFT), (&mut right, RIGHT)] {
        machine.run(&format!(
            "ip link set eth0 up && ip addr add {v4}.2/24 dev eth0 && ip -6 addr add {v6}::2/64 dev eth0 \
             && ip route add default via {v4}.1 && ip -6 route add default via {v6}::1",
            v4 = net.0,
            v6 = net.1
        ));
    }
    reach(&mut left, RIGHT);
    reach(&mut right, LEFT);
    files(&mut left, &mut right);
    router.ends();

    // Another router. Besides what is counted it has the few packets by which neighbours are found, of which a full
    // ring may refuse some as well.
    let router = Router::start(&folder);
    back(&mut left, RIGHT);
    back(&mut right, LEFT);
    let sent = flood(&mut left, LEFT, RIGHT) + flood(&mut right, RIGHT, LEFT);
    let arrived = [&mut left, &mut right].map(|machine| machine.number(ARRIVED));
    let refused = [&mut left, &mut right].map(|machine| machine.number(REFUSED));
    let figures = router.ends();
    let worker = |name: &str| figures["worker"][name].as_u64().unwrap();
    let full = figures["worker"]["drops"]["tx_full"].as_u64().unwrap_or(0);
    let others = worker("received") + worker("made") - sent;
    assert!(others < sent / 1000, "{figures:#}");
    println!("{sent} packets: {arrived:?} arrived, {full} found a full ring, {refused:?} refused");
    let known = arrived.iter().chain(&refused).sum::<u64>() + full;
    assert!((sent..=sent + others).contains(&known), "{figures:#}");

    // It dies in full traffic, each time another one takes its place.
    for round in 1..=2 {
        let router = Router::start(&folder);
        back(&mut left, RIGHT);
        back(&mut right, LEFT);
        for (machine, to) in [(&mut left, RIGHT), (&mut right, LEFT)] {
            machine.run(&format!(
                "ping -i 0.002 -s 900 {}.2 >/dev/null & PING=$!",
                to.0
            ));
        }
        std::thread::sleep(Duration::from_millis(500));
        router.dies();
        let router = Router::start(&folder);
        let took = [(&mut left, RIGHT), (&mut right, LEFT)].map(|(machine, to)| back(machine, to));
        println!("round {round}: traffic is back after {took:.2?}");
        for machine in [&mut left, &mut right] {
            // It may have ended by itself, when its link was down.
            machine.run("kill $PING 2>/dev/null || true");
        }
        files(&mut left, &mut right);
        router.ends();
    }
    left.power_off();
    right.power_off();
}

/// The first 64 bits of what was agreed on, as the kernel shows them: rings and offloads.
fn features(machine: &mut Machine, packed: bool) {
    let bits = machine.run("cat /sys/bus/virtio/devices/virtio0/features");
    let has = |bit: usize| bits.as_bytes().get(bit) == Some(&b'1');
    let (csum, guest_csum, mrg_rxbuf, version_1, ring_packed) = (0, 1, 15, 32, 34);
    assert_eq!(has(ring_packed), packed, "{bits}");
    for bit in [csum, guest_csum, mrg_rxbuf, version_1] {
        assert!(has(bit), "{bit}: {bits}");
    }
}

/// Pings, by both protocols.
fn reach(machine: &mut Machine, to: Net) {
    // The first ones may be spent on finding the neighbours and on their own duplicate check.
    let line = format!(
        "for to in {}.2 {}::2; do n=0; until ping -c 1 -W 1 $to >/dev/null; do n=$((n+1)); \
         [ $n -lt 30 ] || break; done; ping -c 3 -W 5 $to || break; done",
        to.0, to.1
    );
    let text = machine.run(&line);
    let whole = text.matches("3 packets received").count();
    assert_eq!(whole, 2, "{text}");
}

/// Fetches a file from the other side, each way. TCP leaves its checksums to the device, and the
/// router passes them on as they are: the other kernel takes them for good, or computes.
fn files(left: &mut Machine, right: &mut Machine) {
    let make = "[ -e /srv/file ] || { dd if=/dev/urandom of=/srv/file bs=64k count=64 2>/dev/null \
        && httpd -h /srv; }; md5sum </srv/file";
    let sums = [left.run(make), right.run(make)];
    assert_ne!(sums[0], sums[1]);
    let fetch = |net: Net| format!("wget -q -O - http://{}.2/file | md5sum", net.0);
    assert_eq!(left.run(&fetch(RIGHT)), sums[1]);
    assert_eq!(right.run(&fetch(LEFT)), sums[0]);
    for machine in [left, right] {
        assert_eq!(machine.number(BAD_SUMS), 0);
    }
}

/// Sends many packets, to a port where nobody listens, by the kernel's own generator; gives how
/// many it sent.
fn flood(machine: &mut Machine, from: Net, to: Net) -> u64 {
    let setting = [
        format!("count {PACKETS}"),
        "pkt_size 60".into(),
        "delay 0".into(),
        format!("src_min {}.2", from.0),
        format!("src_max {}.2", from.0),
        format!("dst {}.2", to.0),
        "udp_dst_min 9".into(),
        "udp_dst_max 9".into(),
    ];
    machine.run("cd /proc/net/pktgen && echo add_device eth0 > kpktgend_0");
    for setting in setting {
        machine.run(&format!("echo {setting} > eth0"));
    }
    // The neighbour that the pings have found.
    machine.run(&format!(
        "echo dst_mac $(ip neigh show {}.1 | sed 's/.*lladdr \\([^ ]*\\).*/\\1/') > eth0",
        from.0
    ));
    machine.run("echo start > pgctrl");
    let sent = machine.number("sed -n 's/.*pkts-sofar: \\([0-9]*\\).*/\\1/p' eth0");
    let errors = machine.number("sed -n 's/.*pkts-sofar:.*errors: \\([0-9]*\\).*/\\1/p' eth0");
    println!("{}", machine.run("grep -A 1 Result eth0").trim());
    assert_eq!((sent, errors), (PACKETS, 0));
    sent
}

/// Waits until the other side answers; gives how long that took.
fn back(machine: &mut Machine, to: Net) -> Duration {
    let began = Instant::now();
    loop {
        let (_, status) = machine.ask(&format!("ping -c 1 -W 1 {}.2 >/dev/null", to.0));
        let took = began.elapsed();
        if status == 0 {
            return took;
        }
        assert!(took < RETURN, "no answer from {}.2 after {took:?}", to.0);
    }
}

/// `linecard run`, as a process of its own.
struct Router {
    process: Child,
    figures: PathBuf,
}

impl Router {
    /// Starts it, and waits until both sockets are there.
    fn start(folder: &Path) -> Self {
        let figures = folder.join("figures.json");
        let mut command = Command::new(env!("CARGO_BIN_EXE_linecard"));
        command.args(["run", "--forwarder", "router"]);
        for (name, (v4, v6)) in [("left", LEFT), ("right", RIGHT)] {
            let socket = folder.join(name).with_extension("sock");
            command.arg("--port").arg(format!(
                "vhost-user-server:{},name={name},addr={v4}.1/24,addr={v6}::1/64",
                socket.display()
            ));
        }
        command.arg("--stats-json").arg(&figures);
        let process = Child::start(&mut command);
        let began = Instant::now();
        while !process.printed().contains("port right:") {
            let text = process.printed();
            assert!(began.elapsed() < RETURN, "it does not start: {text}");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { process, figures }
    }

    /// Asks it to end; gives its figures, which add up.
    fn ends(mut self) -> Value {
        self.process.signal(libc::SIGINT);
        let status = self.process.wait(RETURN);
        assert!(status.success(), "{status}: {}", self.process.printed());
        let figures: Value = serde_json::from_slice(&fs::read(&self.figures).unwrap()).unwrap();
        assert_eq!(figures["balanced"], true, "{figures:#}");
        for port in figures["ports"].as_array().unwrap() {
            assert_eq!(port["rx"]["invalid"], 0, "{figures:#}");
            assert_eq!(port["tx"]["invalid"], 0, "{figures:#}");
        }
        figures
    }

    /// Kills it.
    fn dies(mut self) {
        self.process.signal(libc::SIGKILL);
        self.process.wait(RETURN);
    }
}

fn packages() -> Option<PathBuf> {
    let packages = std::env::var_os("LINECARD_GUEST").map(PathBuf::from);
    if packages.is_none() {
        eprintln!("SUITE SKIPPED guest: LINECARD_GUEST is not set");
    }
    packages
}

/// The first three numbers of a network's addresses, and the first half of its IPv6 addresses.
type Net = (&'static str, &'static str);
const LEFT: Net = ("192.0.2", "2001:db8:1");
const RIGHT: Net = ("198.51.100", "2001:db8:2");

/// Packets each way.
const PACKETS: u64 = 100_000;
/// Datagrams for a port where nobody listens (`NoPorts`, the kernel's `net/ipv4/proc.c`).
const ARRIVED: &str = "awk '/^Udp:/ {n=$3} END {print n}' /proc/net/snmp";
/// Packets that arrived and found no memory.
const REFUSED: &str = "cat /sys/class/net/eth0/statistics/rx_dropped";
/// Segments with a wrong checksum (`InCsumErrors`).
const BAD_SUMS: &str = "awk '/^Tcp:/ {n=$16} END {print n}' /proc/net/snmp";
/// How long anything may take to come back: QEMU tries once a second.
const RETURN: Duration = Duration::from_secs(30);

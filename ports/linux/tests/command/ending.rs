//! How it ends well: by itself, when asked to, and at once when asked twice.

use core::time::Duration;
use std::fs;
use std::process::Command;
use std::thread;
use std::time::Instant;

use linecard_testnet::Child;

use super::{ends, linecard};

#[test]
fn a_short_demo_shows_its_figures() {
    let (status, stdout, stderr) = ends(&mut linecard(&[
        "--duration",
        "700ms",
        "--routes",
        "20000",
        "--stats-interval",
        "200ms",
    ]));
    assert_eq!(status, Some(0), "{stderr}");
    for figure in [
        "Mpps",
        "ns per packet",
        "lookup",
        "latency",
        "p99.9",
        "dropped",
        "ledger",
        "balanced: every frame is back, every packet accounted for",
    ] {
        assert!(stdout.contains(figure), "{figure} is not in {stdout}");
    }
    let lines = stderr.lines().filter(|line| line.contains(" Mpps out "));
    assert!(lines.count() >= 2, "{stderr}");
}

#[test]
fn json_on_standard_output_stands_there_alone() {
    let (status, stdout, stderr) = ends(&mut linecard(&[
        "run",
        "-f",
        "cross-connect",
        "-p",
        "generator,count=500",
        "-p",
        "null",
        "--stats-json",
        "-",
    ]));
    assert_eq!(status, Some(0), "{stderr}");
    let json: serde_json::Value = serde_json::from_str(&stdout).expect("JSON and nothing else");
    assert_eq!(json["worker"]["received"], 500);
    assert_eq!(json["balanced"], true);
    assert!(stderr.contains("balanced"), "{stderr}");
}

#[test]
fn asked_to_end_it_ends_in_balance() {
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
        let mut child = Child::start(&mut linecard(&[
            "run",
            "-f",
            "cross-connect",
            "-p",
            "generator",
            "-p",
            "loopback",
            "--stats-interval",
            "50ms",
        ]));
        wait_for_traffic(&mut child);
        child.signal(signal);
        let status = child.wait(Duration::from_secs(10));
        assert_eq!(status.code(), Some(0), "{}", child.printed());
        let printed = child.printed();
        assert!(
            printed.contains("balanced: every frame is back"),
            "{printed}"
        );
    }
}

#[test]
fn started_by_nohup_it_outlives_its_terminal() {
    let mut command = Command::new("nohup");
    command.arg(env!("CARGO_BIN_EXE_linecard"));
    command.args([
        "run",
        "-f",
        "cross-connect",
        "-p",
        "generator",
        "-p",
        "null",
    ]);
    let mut child = Child::start(command.args(["--stats-interval", "50ms"]));
    wait_for_traffic(&mut child);
    child.signal(libc::SIGHUP);
    thread::sleep(Duration::from_millis(200));
    assert!(!child.has_ended(), "{}", child.printed());
    child.signal(libc::SIGTERM);
    assert!(child.wait(Duration::from_secs(10)).success());
}

#[test]
fn asked_twice_it_ends_at_once() {
    // A capture that never comes holds it up, so that it cannot end in order.
    let name = format!("linecard-fifo-{}", std::process::id());
    let fifo = std::env::temp_dir().join(name);
    let made = Command::new("mkfifo").arg(&fifo).status().expect("mkfifo");
    assert!(made.success());
    let input = format!("pcap:{}", fifo.display());
    let mut child = Child::start(&mut linecard(&[
        "run",
        "-f",
        "cross-connect",
        "-p",
        &input,
        "-p",
        "null",
    ]));
    let began = Instant::now();
    while !catches(child.id(), libc::SIGTERM) {
        assert!(began.elapsed() < Duration::from_secs(10));
        thread::sleep(Duration::from_millis(5));
    }
    child.signal(libc::SIGTERM);
    thread::sleep(Duration::from_millis(100));
    assert!(!child.has_ended(), "{}", child.printed());
    child.signal(libc::SIGTERM);
    let status = child.wait(Duration::from_secs(5));
    let _ = fs::remove_file(&fifo);
    assert_eq!(status.code(), Some(128 + libc::SIGTERM));
}

/// Whether a process has a handler for a signal, by `proc(5)`.
fn catches(process: u32, signal: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    caught
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 << (signal - 1) != 0)
}

#[test]
fn check_says_what_works() {
    let (status, stdout, stderr) = ends(&mut linecard(&["check"]));
    assert_eq!(status, Some(0), "{stderr}");
    assert!(stdout.contains("generator, loopback, null and pcap ports: work as any user"));
}

fn wait_for_traffic(child: &mut Child) {
    let began = Instant::now();
    while !child.printed().contains(" Mpps out ") {
        assert!(!child.has_ended(), "{}", child.printed());
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "{}",
            child.printed()
        );
        thread::sleep(Duration::from_millis(10));
    }
}

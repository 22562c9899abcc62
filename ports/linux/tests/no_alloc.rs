//! Once packets flow, the worker's thread makes no call to an allocator: not while it forwards, not
//! while it publishes its counters, and not while it ends.
//!
//! The global allocator of this program counts the calls of every thread but the test's own. The
//! only other thread at work is the worker's.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::alloc::System;

use linecard_linux::config::{Config, Draft, DraftPort, Setting};
use linecard_linux::runner::{self, Event};
use linecard_linux::signals::Stop;
use linecard_linux::stats::Report;

/// The system's allocator, with a count.
struct Counting;

thread_local! {
    /// The test's own thread may allocate.
    static OWN: Cell<bool> = const { Cell::new(false) };
}

/// Packets flow: from now on calls count.
static FLOWING: AtomicBool = AtomicBool::new(false);
/// Calls of other threads while packets flowed.
static CALLS: AtomicU64 = AtomicU64::new(0);
/// Calls of other threads at any time: a thread that starts allocates.
static EVER: AtomicU64 = AtomicU64::new(0);

fn count() {
    if OWN.try_with(Cell::get).unwrap_or(true) {
        return;
    }
    EVER.fetch_add(1, Ordering::Relaxed);
    if FLOWING.load(Ordering::Acquire) {
        CALLS.fetch_add(1, Ordering::Relaxed);
    }
}

#[allow(unsafe_code)]
// SAFETY: every call goes to the system's allocator unchanged, which keeps the contract; counting
// touches atomics and a thread-local without a destructor, neither of which allocates.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promise, passed on.
        unsafe { System.realloc(at, layout, size) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs until packets have flowed for a while; no allocation may be counted.
fn watch(name: &str, draft: Draft) -> Report {
    OWN.set(true);
    FLOWING.store(false, Ordering::Release);
    CALLS.store(0, Ordering::Release);
    let ever = EVER.load(Ordering::Acquire);
    let config = Config::try_from(draft).expect("a configuration");
    let stop = Stop::new();
    let mut packets = 0;
    let report = runner::run(&config, &stop, &mut |event| {
        if let Event::Line(line) = event {
            packets += line.since.received;
            // The first line comes when packets flow: from then on it counts.
            if packets > 0 {
                FLOWING.store(true, Ordering::Release);
            }
            if packets > 200_000 {
                stop.request();
            }
        }
    })
    .expect("a run");
    FLOWING.store(false, Ordering::Release);
    assert!(report.is_balanced(), "{name}: {report}");
    assert!(EVER.load(Ordering::Acquire) > ever, "counting works");
    assert_eq!(CALLS.load(Ordering::Acquire), 0, "{name}: {report}");
    report
}

fn draft(forwarder: &str, ports: &[&str]) -> Draft {
    let flag = |value: &str| Setting::flag("test", value.to_owned());
    Draft {
        forwarder: Some(flag(forwarder)),
        ports: ports
            .iter()
            .map(|port| DraftPort::new(flag(port)))
            .collect(),
        stats_interval: Some(flag("100ms")),
        frames: Some(Setting::flag("test", 4096)),
        ..Draft::default()
    }
}

/// One test, so that no other thread is at work.
#[test]
fn a_worker_does_not_allocate() {
    // That it would be seen if it did.
    FLOWING.store(true, Ordering::Release);
    let boxed = std::thread::spawn(|| Box::new([0_u8; 100])).join();
    assert!(boxed.is_ok() && CALLS.load(Ordering::Acquire) > 0);

    let flag = |value: &str| Setting::flag("test", value.to_owned());
    let ports = ["generator,addr=192.0.2.1/24", "null,addr=198.51.100.1/24"];

    let mut router = draft("router", &ports);
    router.routes = vec![flag("203.0.113.0/24 via 198.51.100.2")];
    router.neighbours = vec![flag("198.51.100.2 02:00:00:00:00:02")];
    assert_eq!(watch("router", router).totals.dropped(), 0);

    // Its gateway never answers: packets wait, are given up, and are answered by ICMP.
    let mut slow = draft("router", &ports);
    slow.routes = vec![flag("203.0.113.0/24 via 198.51.100.2")];
    let report = watch("a router's slow path", slow);
    assert!(report.totals.exceptions > 100_000, "{report}");

    // On two workers, of which the second hands all of that over to the first.
    let ports = ["generator,queues=2,addr=192.0.2.1/24", ports[1]];
    let mut several = draft("router", &ports);
    several.routes = vec![flag("203.0.113.0/24 via 198.51.100.2")];
    several.workers = Some(Setting::flag("test", 2));
    let report = watch("a router's slow path on two workers", several);
    assert!(report.workers[0].exchanged.taken_over > 0, "{report}");

    let mut udp = draft("udp", &["generator", "loopback", "null"]);
    udp.udp = vec![
        flag("port port0 to port port1 dst 203.0.113.9:53 dst-mac 02:00:00:00:00:02"),
        flag("port port1 to port port2 src *:7"),
    ];
    watch("a UDP forwarder over a loopback", udp);

    let out = std::env::temp_dir().join(format!("linecard-alloc-{}.pcap", std::process::id()));
    let file = format!("pcap:-,out={}", out.display());
    let mut wires = draft("cross-connect", &["generator,count=2000000", &file]);
    wires.idle = Some(flag("sleep:50us"));
    watch("a cross-connect into a capture", wires);
    let _ = std::fs::remove_file(&out);
}

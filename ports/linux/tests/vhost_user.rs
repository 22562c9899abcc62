//! `vhost-user` and `vhost-user-server` ports of one run, joined by a socket.

use core::time::Duration;
use std::path::PathBuf;

use linecard_linux::config::{Config, Draft, DraftPort, Setting};
use linecard_linux::runner::{self, Event};
use linecard_linux::signals::Stop;
use linecard_linux::stats::Report;

const PACKETS: u64 = 200_000;

fn socket(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("linecard-run-{}-{name}.sock", std::process::id()))
}

/// generator -> server = socket = client -> null, on so many workers.
fn joined(name: &str, options: &str, guests: &str, form: &str, workers: u64) -> Report {
    let path = socket(name);
    let port = |text: String| DraftPort::new(Setting::flag("--port", text));
    let config = Config::try_from(Draft {
        forwarder: Some(Setting::flag("--forwarder", "cross-connect".into())),
        ports: vec![
            port(format!(
                "generator,count={PACKETS},queues={workers},name=generator0"
            )),
            port(format!(
                "vhost-user-server:{},name=vm{guests}",
                path.display()
            )),
            port(format!("vhost-user:{},name=back{options}", path.display())),
            port("null,name=null0".into()),
        ],
        connect: vec![
            Setting::flag("--connect", "generator0 vm".into()),
            Setting::flag("--connect", "back null0".into()),
        ],
        workers: Some(Setting::flag("--workers", workers)),
        duration: Some(Setting::flag("--duration", "3s".into())),
        ..Draft::default()
    })
    .unwrap();
    let mut notes = Vec::new();
    let report = runner::run(&config, &Stop::new(), &mut |event| {
        if let Event::Note(note) = event {
            notes.push(note);
        }
    })
    .unwrap();
    assert!(report.is_balanced(), "{report}");
    let [generator, vm, back, null] = &report.ports[..] else {
        panic!()
    };
    assert_eq!(generator.stats.rx.packets, PACKETS);
    // Each packet is somewhere: sent into the socket, or not taken by a full ring.
    let sent = vm.stats.tx.packets;
    assert!(sent > 0, "{report}");
    assert_eq!(back.stats.rx.packets, sent, "{report}");
    assert_eq!(null.stats.tx.packets, sent, "{report}");
    assert_eq!(vm.stats.tx.dropped(), 0, "{report}");
    assert!(
        notes
            .iter()
            .any(|note| note.contains(&format!("back end 1, {form}"))),
        "{notes:?}"
    );
    assert!(report.elapsed < Duration::from_secs(10));
    assert!(!path.exists(), "the socket is gone with the port");
    report
}

fn many_arrive(report: &Report) {
    assert!(report.ports[3].stats.tx.packets > PACKETS / 10, "{report}");
}

#[test]
fn split_rings_join_two_ports() {
    let report = joined("split", ",packed=no,ring=512", "", "split", 1);
    many_arrive(&report);
}

#[test]
fn packed_rings_join_two_ports() {
    let report = joined("packed", ",packed=yes", "", "packed", 1);
    many_arrive(&report);
}

#[test]
fn several_pairs_join_two_ports() {
    let form = "packed, 2 queue pairs";
    let report = joined("pairs", ",queues=4", ",queues=2", form, 1);
    many_arrive(&report);
}

#[test]
fn workers_share_the_pairs_of_both_ends() {
    let form = "packed, 2 queue pairs";
    let report = joined("workers", ",queues=2", ",queues=2", form, 2);
    let [first, second] = &report.workers[..] else {
        panic!("{report}")
    };
    for worker in [first, second] {
        // Its half of what is generated, and by its own pair what the other end sent into it.
        let came_back = worker.totals.received - PACKETS / 2;
        assert!(came_back > 1_000, "{report}");
    }
    // Each has a queue of every port.
    let over: u64 = report
        .workers
        .iter()
        .map(|one| one.exchanged.handed_over)
        .sum();
    assert_eq!(over, 0, "{report}");
}

#[test]
fn workers_share_ports_with_fewer_pairs_than_workers() {
    let report = joined("fewer", "", "", "packed", 2);
    let [first, second] = &report.workers[..] else {
        panic!("{report}")
    };
    // The front end's pair is the first worker's, the back end's the second's, who hands over what it
    // generates as far as the ring has room.
    let over = second.exchanged.handed_over;
    assert!(over > 0, "{report}");
    assert_eq!(first.exchanged.passed_on, over, "{report}");
    assert_eq!(first.totals.received, PACKETS / 2, "{report}");
    assert!(second.totals.received > PACKETS / 2, "{report}");
}

#[test]
fn a_back_end_that_is_not_there_is_waited_for() {
    let port = |text: String| DraftPort::new(Setting::flag("--port", text));
    let config = Config::try_from(Draft {
        forwarder: Some(Setting::flag("--forwarder", "cross-connect".into())),
        ports: vec![
            port("generator,count=1000".into()),
            port(format!("vhost-user:{}", socket("absent").display())),
        ],
        duration: Some(Setting::flag("--duration", "1s".into())),
        ..Draft::default()
    })
    .unwrap();
    let report = runner::run(&config, &Stop::new(), &mut |_| {}).unwrap();
    assert!(report.is_balanced(), "{report}");
    assert_eq!(report.ports[1].stats.tx.link_down, 1000, "{report}");
    let status = report.ports[1].status.as_deref().unwrap_or_default();
    assert_eq!(status, "no back end, 0 before: the device is gone");
}

/// A router says to which groups it listens when it begins, and nobody is there to hear it.
#[test]
fn a_back_end_that_comes_late_is_told_the_groups() {
    let path = socket("late");
    let capture = path.with_extension("pcap");
    let run = |forwarder: &str, ports: &[String], duration: &str| {
        let ports = ports.iter();
        let port = |text: &String| DraftPort::new(Setting::flag("--port", text.clone()));
        let config = Config::try_from(Draft {
            forwarder: Some(Setting::flag("--forwarder", forwarder.into())),
            ports: ports.map(port).collect(),
            duration: Some(Setting::flag("--duration", duration.into())),
            ..Draft::default()
        });
        runner::run(&config.unwrap(), &Stop::new(), &mut |_| {}).unwrap()
    };
    let path = path.display();
    let [before, after] = std::thread::scope(|scope| {
        let router = [format!("vhost-user-server:{path},addr=2001:db8::1/64")];
        let router = scope.spawn(move || run("router", &router, "5s"));
        // Both of the first reports are out within a second.
        std::thread::sleep(Duration::from_millis(1500));
        let host = [
            format!("vhost-user:{path}"),
            format!("pcap:-,out={}", capture.display()),
        ];
        let after = run("cross-connect", &host, "2s");
        [router.join().unwrap(), after]
    });
    assert_eq!(before.ports[0].stats.tx.link_down, 2, "{before}");
    assert!(before.is_balanced() && after.is_balanced());
    let heard = std::fs::read(&capture).unwrap();
    std::fs::remove_file(&capture).unwrap();
    // RFC 3810 section 5.2.14: to all routers that know of version 2, ff02::16.
    let reports = heard
        .windows(6)
        .filter(|six| *six == [0x33, 0x33, 0, 0, 0, 0x16]);
    assert!((1..=2).contains(&reports.count()), "{after}");
}

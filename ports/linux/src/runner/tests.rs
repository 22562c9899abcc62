use core::time::Duration;
use std::time::Instant;

use super::*;
use crate::config::{Draft, DraftPort, Setting};

fn config(ports: &[&str], change: impl FnOnce(&mut Draft)) -> Config {
    let mut draft = Draft {
        forwarder: Some(Setting::flag("--forwarder", "cross-connect".into())),
        ports: ports
            .iter()
            .map(|port| DraftPort::new(Setting::flag("--port", (*port).into())))
            .collect(),
        frames: Some(Setting::flag("--frames", 2048)),
        ..Draft::default()
    };
    change(&mut draft);
    Config::try_from(draft).unwrap()
}

fn quiet(_: Event) {}

#[test]
fn what_a_generator_makes_arrives_and_the_run_ends_by_itself() {
    for burst in [16, 32, 64] {
        let config = config(&["generator,count=100000", "null"], |draft| {
            draft.burst = Some(Setting::flag("--burst", burst));
        });
        let report = run(&config, &Stop::new(), &mut quiet).unwrap();
        assert_eq!(report.totals.received, 100_000);
        assert_eq!(report.totals.sent, 100_000);
        assert_eq!(report.ports[0].stats.rx.packets, 100_000);
        assert_eq!(report.ports[1].stats.tx.bytes, 100_000 * 60);
        assert!(report.is_balanced(), "{report}");
        assert!(report.latency.is_some());
        assert!(report.phases.len() >= 3, "{:?}", report.phases);
    }
}

/// That many workers, on whatever CPUs the kernel likes.
fn workers(draft: &mut Draft, count: u64) {
    draft.workers = Some(Setting::flag("--workers", count));
    draft.frames = Some(Setting::flag("--frames", 8192));
}

#[test]
fn workers_share_the_queues_of_a_port() {
    for count in 1..=4 {
        let config = config(&["generator,count=100000,queues=3", "null"], |draft| {
            workers(draft, count);
        });
        let report = run(&config, &Stop::new(), &mut quiet).unwrap();
        assert_eq!(report.totals.received, 100_000, "{report}");
        assert_eq!(report.totals.sent, 100_000);
        assert_eq!(report.ports[0].stats.rx.packets, 100_000);
        assert_eq!(report.ports[1].stats.tx.packets, 100_000);
        assert!(report.is_balanced(), "{report}");
        assert_eq!(report.workers.len() as u64, count);
        let received = report.workers.iter().map(|one| one.totals.received);
        let busy = received.filter(|received| *received >= 33_333).count();
        assert_eq!(busy as u64, count.min(3), "{report}");
    }
}

#[test]
fn what_one_worker_has_no_queue_for_goes_by_another() {
    let captured = std::env::temp_dir().join(format!("linecard-over-{}", std::process::id()));
    // One queue each: the second worker writes the capture, and has nothing else to do.
    let out = format!("pcap:-,out={}", captured.display());
    let config = config(&["generator,count=20000,flows=7", &out], |draft| {
        workers(draft, 2);
    });
    let report = run(&config, &Stop::new(), &mut quiet).unwrap();
    assert!(report.is_balanced(), "{report}");
    let [first, second] = &report.workers[..] else {
        panic!("{report}");
    };
    assert_eq!((first.totals.received, second.totals.received), (20_000, 0));
    let written = report.ports[1].stats.tx.packets;
    assert_eq!(first.exchanged.handed_over, written);
    assert_eq!(second.exchanged.passed_on, written);
    assert_eq!(report.totals.sent, written);
    // What found the ring full is named.
    assert_eq!(written + report.totals.dropped(), 20_000, "{report}");
    let text = report.to_string();
    assert!(text.contains(&format!("passed on {written}")), "{text}");

    // In the order in which they were received: each flow's addresses come in turn.
    let capture = linecard_pcap::Capture::open(&captured).unwrap();
    std::fs::remove_file(&captured).unwrap();
    assert_eq!(capture.len() as u64, written);
    if report.totals.dropped() == 0 {
        let source = |record: usize| capture.record(record).unwrap().data[26..38].to_vec();
        for record in 7..capture.len() {
            assert_eq!(source(record), source(record - 7), "record {record}");
        }
    }
}

#[test]
fn several_workers_end_in_balance_when_told_to() {
    let config = config(
        &["generator,queues=2", "loopback", "generator", "null"],
        |draft| {
            workers(draft, 3);
            draft.idle = Some(Setting::flag("--idle", "sleep:50us".into()));
            draft.connect = vec![
                Setting::flag("--connect", "port0 port1".into()),
                Setting::flag("--connect", "port2 port3".into()),
            ];
            draft.stats_interval = Some(Setting::flag("--stats-interval", "20ms".into()));
        },
    );
    let stop = Stop::new();
    let mut lines = 0;
    let report = run(&config, &stop, &mut |event| {
        if matches!(event, Event::Line(_)) {
            lines += 1;
            if lines >= 5 {
                stop.request();
            }
        }
    })
    .unwrap();
    assert!(report.totals.received > 0);
    let over: u64 = report
        .workers
        .iter()
        .map(|one| one.exchanged.handed_over)
        .sum();
    assert!(over > 0, "{report}");
    assert!(report.is_balanced(), "{report}");
}

#[test]
fn a_udp_forwarder_runs_on_each_worker() {
    let config = config(
        &["generator,count=50000,queues=2", "null,name=out"],
        |draft| {
            workers(draft, 2);
            draft.forwarder = Some(Setting::flag("--forwarder", "udp".into()));
            let rule = "to port out dst 192.0.2.1:5353";
            draft.udp = vec![Setting::flag("--udp", rule.into())];
        },
    );
    let report = run(&config, &Stop::new(), &mut quiet).unwrap();
    assert_eq!(
        (report.totals.received, report.totals.sent),
        (50_000, 50_000)
    );
    assert!(report.is_balanced(), "{report}");
}

#[cfg(not(feature = "dpdk"))]
#[test]
fn a_build_without_dpdk_says_so() {
    let config = config(&["dpdk:net_null0,ring=64", "null"], |_| {});
    let error = run(&config, &Stop::new(), &mut quiet).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("dpdk:net_null0") && text.contains("--features dpdk"),
        "{text}"
    );
}

#[test]
fn a_request_to_stop_ends_an_endless_run_in_balance() {
    let config = config(&["generator", "loopback", "generator", "null"], |draft| {
        draft.connect = vec![
            Setting::flag("--connect", "port0 port1".into()),
            Setting::flag("--connect", "port2 port3".into()),
        ];
        draft.stats_interval = Some(Setting::flag("--stats-interval", "20ms".into()));
    });
    let stop = Stop::new();
    let (mut lines, mut received) = (0, 0);
    let report = run(&config, &stop, &mut |event| {
        if let Event::Line(line) = event {
            received += line.since.received;
            lines += 1;
            if lines >= 5 && received > 0 {
                stop.request();
            }
        }
    })
    .unwrap();
    assert!(lines >= 5);
    assert!(received > 0 && received <= report.totals.received);
    // Port 1 is a loopback: what came in by port 0 went out by it, came in by it, and went to
    // port 0 again, which discards.
    let loopback = report.ports[1].stats;
    assert!(loopback.rx.packets > 0);
    assert!(loopback.rx.packets <= loopback.tx.packets);
    assert!(report.is_balanced(), "{report}");
}

#[test]
fn a_listener_that_panics_ends_the_run() {
    let config = config(&["generator", "null"], |draft| {
        draft.stats_interval = Some(Setting::flag("--stats-interval", "10ms".into()));
    });
    let run = core::panic::AssertUnwindSafe(|| {
        run(&config, &Stop::new(), &mut |event| {
            assert!(!matches!(event, Event::Line(_)), "no line, please");
        })
    });
    assert!(std::panic::catch_unwind(run).is_err());
}

#[test]
fn a_run_ends_when_its_time_is_over() {
    let config = config(&["loopback", "null"], |draft| {
        draft.duration = Some(Setting::flag("--duration", "150ms".into()));
        draft.idle = Some(Setting::flag("--idle", "sleep:1ms".into()));
    });
    // Nothing can come, so it ends even earlier.
    let began = Instant::now();
    let report = run(&config, &Stop::new(), &mut quiet).unwrap();
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(report.totals.received, 0);
    assert_eq!(report.nanos_per_packet(), None);
    assert!(report.is_balanced());
}

#[test]
fn a_pool_too_small_says_how_large_it_must_be() {
    let config = config(&["af_xdp:lo", "af_xdp:lo,queue=1"], |_| {});
    let error = run(&config, &Stop::new(), &mut quiet).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the pool is too small: 2048 frames, and the ports need 8320 to begin; \
         make it larger with `--frames 16384`"
    );
}

#[test]
fn a_cpu_that_is_not_there_is_said_before_anything_is_done() {
    let config = config(&["generator", "null"], |draft| {
        draft.cpus = Some(Setting::flag("--cpu", vec![1_000]));
    });
    let error = run(&config, &Stop::new(), &mut quiet).unwrap_err();
    assert!(
        error.to_string().starts_with("cannot run on CPU 1000: "),
        "{error}"
    );
}

#[test]
fn of_several_cpus_each_is_looked_at_before_anything_is_done() {
    let own = affinity::allowed().unwrap()[0] as u64;
    let config = config(&["generator,queues=2", "null"], |draft| {
        draft.cpus = Some(Setting::flag("--cpu", vec![own, 1_000]));
    });
    let mut events = 0;
    let error = run(&config, &Stop::new(), &mut |_| events += 1).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("cannot run on CPU 1000: "), "{text}");
    assert_eq!(events, 0);
}

#[test]
fn a_capture_that_is_not_there_names_port_and_file() {
    let config = config(&["pcap:/nonexistent.pcap,name=in", "null"], |_| {});
    let error = run(&config, &Stop::new(), &mut quiet).unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("port in (pcap:/nonexistent.pcap): "),
        "{text}"
    );
}

#[test]
fn a_report_is_written_for_people_and_for_machines() {
    let config = config(&["generator,count=1000", "null"], |_| {});
    let report = run(&config, &Stop::new(), &mut quiet).unwrap();
    let text = report.to_string();
    assert!(text.contains("received            1000 packets"), "{text}");
    assert!(text.contains("balanced: every frame is back"), "{text}");
    let path = std::env::temp_dir().join(format!("linecard-report-{}.json", std::process::id()));
    report.write_json(&path).unwrap();
    let json: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(json["worker"]["received"], 1000);
    assert_eq!(json["balanced"], true);
    assert_eq!(json["ports"][1]["tx"]["packets"], 1000);
    assert_eq!(json["ledger"]["free"], json["ledger"]["total"]);
}

/// Two ports with a route from the first to the second, whose gateway is known or not.
fn router(neighbour: bool, change: impl FnOnce(&mut Draft)) -> Config {
    config(
        &[
            "generator,count=5000,addr=192.0.2.1/24",
            "null,name=out,addr=198.51.100.1/24",
        ],
        |draft| {
            draft.forwarder = Some(Setting::flag("--forwarder", "router".into()));
            draft.routes = vec![Setting::flag(
                "--route",
                "203.0.113.0/24 via 198.51.100.2".into(),
            )];
            if neighbour {
                let known = "198.51.100.2 02:00:00:00:00:02";
                draft.neighbours = vec![Setting::flag("--neighbour", known.into())];
            }
            change(draft);
        },
    )
}

#[test]
fn a_router_routes_what_is_generated() {
    let report = run(&router(true, |_| {}), &Stop::new(), &mut quiet).unwrap();
    // Beside what it routes, it tells of its groups: twice at most on each port.
    let (totals, tx) = (
        &report.totals,
        [0, 1].map(|port| report.ports[port].stats.tx.packets),
    );
    assert_eq!(
        (totals.received, totals.sent),
        (5000, 5000 + totals.made),
        "{report}"
    );
    assert!(tx[0] <= 2 && (5000..=5002).contains(&tx[1]), "{report}");
    assert_eq!(tx[0] + tx[1], totals.sent, "{report}");
    assert!(report.is_balanced(), "{report}");
}

#[test]
fn a_router_tells_of_its_groups_as_often_as_it_is_to() {
    for reports in [0, 1] {
        let config = router(true, |draft| {
            draft.listener_reports = Some(Setting::flag("--listener-reports", reports));
        });
        let report = run(&config, &Stop::new(), &mut quiet).unwrap();
        // At once, on each port, of its link-local address.
        assert_eq!(report.totals.made, 2 * reports, "{report}");
        assert!(report.is_balanced(), "{report}");
    }
}

#[test]
fn packets_that_wait_for_a_neighbour_at_the_end_are_accounted_for() {
    let report = run(&router(false, |_| {}), &Stop::new(), &mut quiet).unwrap();
    assert_eq!(report.totals.received, 5000);
    let shutdown = linecard::pipeline::DropReason::SHUTDOWN;
    let waited = report.totals.drops.iter().find(|(why, _)| *why == shutdown);
    assert!(waited.is_some_and(|(_, count)| *count > 0), "{report}");
    assert!(report.is_balanced(), "{report}");
}

#[test]
fn a_router_on_several_workers_routes_what_is_generated() {
    for count in 2..=3 {
        let config = router(true, |draft| {
            workers(draft, count);
            let in_port = "generator,count=50000,queues=2,addr=192.0.2.1/24";
            draft.ports[0] = DraftPort::new(Setting::flag("--port", in_port.into()));
        });
        let report = run(&config, &Stop::new(), &mut quiet).unwrap();
        let totals = &report.totals;
        assert_eq!(
            (totals.received, totals.sent),
            (50_000, 50_000 + totals.made)
        );
        let tx = [0, 1].map(|port| report.ports[port].stats.tx.packets);
        assert!(tx[0] <= 2 && (50_000..=50_002).contains(&tx[1]), "{report}");
        assert_eq!(tx[0] + tx[1], totals.sent, "{report}");
        assert!(report.is_balanced(), "{report}");
        for worker in &report.workers[..2] {
            assert_eq!(worker.totals.received, 25_000, "{report}");
            assert_eq!(worker.totals.exceptions, 0);
        }
    }
}

#[test]
fn what_followers_cannot_send_waits_with_the_leader() {
    let config = router(false, |draft| {
        workers(draft, 2);
        let in_port = "generator,count=5000,queues=2,addr=192.0.2.1/24";
        draft.ports[0] = DraftPort::new(Setting::flag("--port", in_port.into()));
    });
    let report = run(&config, &Stop::new(), &mut quiet).unwrap();
    assert_eq!(report.totals.received, 5_000, "{report}");
    let (over, taken) = (&report.workers[1].exchanged, &report.workers[0].exchanged);
    assert!(over.handed_over > 0, "{report}");
    assert_eq!(over.handed_over, taken.taken_over);
    let shutdown = linecard::pipeline::DropReason::SHUTDOWN;
    let waited = report.totals.drops.iter().find(|(why, _)| *why == shutdown);
    assert!(waited.is_some_and(|(_, count)| *count > 0), "{report}");
    assert!(report.is_balanced(), "{report}");
}

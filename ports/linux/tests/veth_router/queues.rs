//! A port that is all queues of its interface.

use linecard_linux::config::{Config, Draft, DraftPort, Setting};
use linecard_linux::{runner, signals::Stop};
use linecard_testnet::Namespace;

use super::hosts::{Hosts, LEFT_4, RIGHT_4, reaches};

/// Left's link has four queues each way, over which its kernel spreads flows.
const LINK: &str = "numrxqueues 4 numtxqueues 4";

#[test]
fn veth_several_queues_are_one_port() {
    let Some(hosts) = Hosts::with("queues", "af_xdp:lc0,queues=4,ring=512", LINK) else {
        return;
    };
    every_queue_passes(&hosts);
}

#[test]
fn veth_several_workers_share_the_queues_of_a_port() {
    let Some(hosts) = Hosts::with("workers", "af_xdp:lc0,queues=4,ring=512", LINK) else {
        return;
    };
    let hosts = hosts.on_workers(2);
    let figures = every_queue_passes(&hosts);
    let workers = figures["workers"].as_array().expect("workers");
    assert_eq!(workers.len(), 2);
    let of = |worker: usize, what: &str| workers[worker][what].as_u64().expect("a count");
    // The other port has one queue, and it is the first worker's.
    assert!(
        of(1, "received") > 0 && of(1, "handed_over") > 0,
        "{figures}"
    );
    assert!(
        of(0, "passed_on") > 0 && of(0, "taken_over") > 0,
        "{figures}"
    );
    assert!(of(1, "exceptions") < of(1, "received") / 2, "{figures}");
}

#[test]
fn veth_a_worker_whose_queue_cannot_send_hands_over() {
    if !linecard_testnet::available(&["ip", "ethtool"]) {
        return;
    }
    let new = || Namespace::new().expect("a namespace");
    let (here, there) = (new(), new());
    here.pair_with("numrxqueues 2 numtxqueues 2", "lc0", &there, "lc1");
    here.run("ethtool", "-L lc0 tx 1");
    let port = |text: &str| DraftPort::new(Setting::flag("--port", text.into()));
    let config = Config::try_from(Draft {
        forwarder: Some(Setting::flag("--forwarder", "cross-connect".into())),
        ports: vec![
            port("generator,count=400,queues=2"),
            port("af_xdp:lc0,queues=2"),
        ],
        workers: Some(Setting::flag("--workers", 2)),
        duration: Some(Setting::flag("--duration", "1s".into())),
        ..Draft::default()
    });
    let config = config.expect("a configuration");
    let report = here.inside(|| runner::run(&config, &Stop::new(), &mut |_| {}));
    let report = report.expect("a run");
    assert!(report.is_balanced(), "{report}");
    let sent = &report.ports[1].stats.tx;
    assert_eq!((sent.packets, sent.completed), (400, 400), "{report}");
    let [first, second] = &report.workers[..] else {
        panic!("{report}")
    };
    assert_eq!(second.exchanged.handed_over, 200, "{report}");
    assert_eq!(first.exchanged.passed_on, 200, "{report}");
}

/// Pings and connections of which some go by each queue; the figures at the end.
fn every_queue_passes(hosts: &Hosts) -> serde_json::Value {
    let router = hosts.start();
    for _ in 0..16 {
        // Each has an identifier of its own, and is a flow.
        assert!(reaches(&hosts.left, RIGHT_4), "{}", router.printed());
        assert!(reaches(&hosts.right, LEFT_4), "{}", router.printed());
    }
    // So many connections that no queue is likely to be without one; none of them stands still.
    let _server = hosts.right.serve("iperf3", "--server --one-off", 5201);
    let text = hosts
        .left
        .run("iperf3", &format!("-c {RIGHT_4} -P 16 -t 2 -J"));
    let json: serde_json::Value = serde_json::from_str(&text).expect("iperf3 speaks JSON");
    let streams = json["end"]["streams"].as_array().expect("streams");
    assert_eq!(streams.len(), 16, "{text}");
    for stream in streams {
        let arrived = stream["receiver"]["bytes"].as_u64();
        assert!(arrived.is_some_and(|bytes| bytes > 100_000), "{text}");
    }
    let printed = hosts.stop(router);
    assert!(!printed.contains("stay with the kernel"), "{printed}");
    // At the end it still says how its queues were set up.
    assert!(!printed.contains("no queue open"), "{printed}");
    assert!(
        printed.contains("0 posted") && printed.contains("0 completing"),
        "{printed}"
    );
    let figures = std::fs::read_to_string(hosts.file("stats.json")).expect("the figures");
    let figures: serde_json::Value = serde_json::from_str(&figures).expect("JSON");
    assert_eq!(figures["balanced"], true, "{figures}");
    figures
}

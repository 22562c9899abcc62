//! How it ends: asked to, in full traffic, and killed.

use core::time::Duration;
use std::thread;
use std::time::Instant;

use linecard_testnet::Child;

use super::hosts::{Hosts, RIGHT_4, ROUTER_LEFT_4, reaches};

/// Floods the router with UDP from the left host.
fn flood(hosts: &Hosts) -> (Child, Child) {
    let server = hosts.right.serve("iperf3", "--server", 5201);
    let mut client = hosts.left.command("iperf3");
    client.args(["-c", RIGHT_4, "-u", "-b", "0", "-l", "200", "-t", "30"]);
    let client = Child::start(&mut client);
    thread::sleep(Duration::from_secs(1));
    (server, client)
}

#[test]
fn veth_asked_to_end_in_full_traffic_it_accounts_for_every_frame() {
    let Some(hosts) = Hosts::new("term") else {
        return;
    };
    let router = hosts.start();
    let traffic = flood(&hosts);
    let printed = hosts.stop(router);
    drop(traffic);
    assert!(
        printed.contains("0 posted") && printed.contains("0 completing"),
        "{printed}"
    );

    let text = std::fs::read_to_string(hosts.file("stats.json")).expect("the statistics");
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let count = |name: &str| json["worker"][name].as_u64();
    assert!(
        count("received").is_some_and(|received| received > 1000),
        "{text}"
    );
    let links = hosts.router.ip("-details link show");
    assert!(!links.contains("xdp"), "a program is left: {links}");
}

#[test]
fn veth_killed_it_leaves_the_interface_to_the_kernel() {
    let Some(hosts) = Hosts::new("kill") else {
        return;
    };
    let mut router = hosts.start();
    let traffic = flood(&hosts);
    router.signal(libc::SIGKILL);
    router.wait(Duration::from_secs(5));
    let killed = Instant::now();
    drop(traffic);
    // The kernel is given the router's address, and answers the host that asked Linecard before.
    hosts
        .router
        .ip(&format!("address add {ROUTER_LEFT_4}/24 dev lc0"));
    while !reaches(&hosts.left, ROUTER_LEFT_4) {
        assert!(
            killed.elapsed() < Duration::from_secs(1),
            "the kernel does not have it back"
        );
    }
    let links = hosts.router.ip("-details link show");
    assert!(!links.contains("xdp"), "a program is left: {links}");
    // And Linecard can have it again.
    hosts
        .router
        .ip(&format!("address del {ROUTER_LEFT_4}/24 dev lc0"));
    let router = hosts.start();
    assert!(reaches(&hosts.left, RIGHT_4));
    hosts.stop(router);
}

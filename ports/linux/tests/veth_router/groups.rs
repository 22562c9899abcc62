//! A switch that snoops: it lets neighbour solicitations pass to those alone that say they listen.
//!
//! ```text
//!   router                 switch                      host
//!   lc0 ──────────── sw0  bridge br0  sw1 ──────────── eth0  2001:db8:1::2/64
//!   2001:db8:1::1/64      snoops, asks
//! ```

use core::time::Duration;
use std::thread;
use std::time::Instant;

use linecard_testnet::{Child, Namespace, available};

use super::hosts::{LEFT_6, ROUTER_LEFT_6};

/// The bridge asks every second, by this version of MLD, and forgets a group after 3 seconds.
fn snoops(version: u8) {
    if !available(&["ip", "bridge", "ping"]) {
        return;
    }
    let new = || Namespace::new().expect("a namespace");
    let (router, switch, host) = (new(), new(), new());
    router.pair("lc0", &switch, "sw0");
    host.pair("eth0", &switch, "sw1");
    switch.ip(&format!(
        "link add br0 type bridge mcast_snooping 1 mcast_querier 1 mcast_mld_version {version} \
         mcast_query_interval 100 mcast_query_response_interval 50 \
         mcast_startup_query_interval 50 mcast_membership_interval 300"
    ));
    for port in ["sw0", "sw1"] {
        switch.ip(&format!("link set {port} master br0"));
    }
    // The bridge asks from its link-local address.
    for (end, name) in [(&switch, "br0"), (&host, "eth0")] {
        end.sysctl(&format!("ipv6/conf/{name}/disable_ipv6"), "0");
        end.sysctl(&format!("ipv6/conf/{name}/accept_dad"), "0");
    }
    switch.ip("link set br0 up");
    host.ip(&format!("address add {LEFT_6}/64 dev eth0"));

    let mut command = router.command(env!("CARGO_BIN_EXE_linecard"));
    let port = format!("{},addr={ROUTER_LEFT_6}/64", super::LEFT);
    command.args(["run", "--forwarder", "router", "--port", &port]);
    let mut child = Child::start(&mut command);
    let listed = || {
        let all = switch.run("bridge", "mdb show dev br0");
        let group = |line: &str| line.contains("port sw0") && line.contains("grp ff02::1:ff00:1 ");
        all.lines().any(|line| group(&format!("{line} ")))
    };
    let soon = Instant::now() + Duration::from_secs(10);
    while !listed() {
        let all = switch.run("bridge", "mdb show dev br0");
        assert!(
            Instant::now() < soon,
            "not listed: {all}{}",
            child.printed()
        );
        thread::sleep(Duration::from_millis(20));
    }
    // By what it said of itself it would be forgotten now: it answers.
    let later = Instant::now() + Duration::from_secs(6);
    while Instant::now() < later {
        assert!(listed(), "{}", switch.run("bridge", "mdb show dev br0"));
        thread::sleep(Duration::from_millis(100));
    }
    // The host knows nobody yet, and asks in the group.
    let text = host.run("ping", &format!("-6 -c 3 -i 0.05 -W 2 {ROUTER_LEFT_6}"));
    assert!(text.contains(" 0% packet loss"), "{text}");
    child.signal(libc::SIGTERM);
    assert!(child.wait(Duration::from_secs(10)).success());
}

#[test]
fn veth_a_switch_that_snoops_knows_its_groups() {
    snoops(2);
}

#[test]
fn veth_a_switch_that_knows_the_old_version_alone_does_so_too() {
    snoops(1);
}

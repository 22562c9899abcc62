//! Ping, traceroute, and packets that are too large.

use super::hosts::{Hosts, LEFT_4, LEFT_6, RIGHT_4, RIGHT_6, ROUTER_LEFT_4, ROUTER_LEFT_6};

#[test]
fn veth_hosts_reach_each_other_from_empty_tables() {
    let Some(hosts) = Hosts::new("talk") else {
        return;
    };
    let neighbours = hosts.left.ip("neighbour show") + &hosts.right.ip("neighbour show");
    assert!(
        !neighbours.contains("REACHABLE"),
        "nobody knows anybody yet: {neighbours}"
    );
    let router = hosts.start();

    // The very first packet waits for the right host's address to be resolved, and is not lost.
    let text = hosts
        .left
        .run("ping", &format!("-c 5 -i 0.05 -W 2 {RIGHT_4}"));
    assert!(text.contains(" 0% packet loss"), "{text}");
    let text = hosts
        .left
        .run("ping", &format!("-6 -c 5 -i 0.05 -W 2 {RIGHT_6}"));
    assert!(text.contains(" 0% packet loss"), "{text}");
    let text = hosts
        .right
        .run("ping", &format!("-c 5 -i 0.05 -W 2 {LEFT_4}"));
    assert!(
        text.contains(" 0% packet loss") && text.contains("ttl=63"),
        "one hop: {text}"
    );
    let text = hosts
        .right
        .run("ping", &format!("-6 -c 5 -i 0.05 -W 2 {LEFT_6}"));
    assert!(
        text.contains(" 0% packet loss") && text.contains("ttl=63"),
        "one hop: {text}"
    );
    for (own, option) in [(ROUTER_LEFT_4, ""), (ROUTER_LEFT_6, "-6 ")] {
        let text = hosts
            .left
            .run("ping", &format!("{option}-c 3 -i 0.05 {own}"));
        assert!(
            text.contains(" 0% packet loss"),
            "the router itself: {text}"
        );
    }

    let text = hosts
        .left
        .run("traceroute", &format!("-n -q 1 -w 2 {RIGHT_4}"));
    let hops: Vec<&str> = text.lines().skip(1).collect();
    assert_eq!(hops.len(), 2, "{text}");
    assert!(
        hops[0].contains(ROUTER_LEFT_4) && hops[1].contains(RIGHT_4),
        "{text}"
    );
    let text = hosts
        .left
        .run("traceroute", &format!("-6 -n -q 1 -w 2 {RIGHT_6}"));
    let hops: Vec<&str> = text.lines().skip(1).collect();
    assert_eq!(hops.len(), 2, "{text}");
    assert!(
        hops[0].contains(ROUTER_LEFT_6) && hops[1].contains(RIGHT_6),
        "{text}"
    );

    hosts.stop(router);
}

#[test]
fn veth_what_cannot_be_delivered_is_answered() {
    let Some(hosts) = Hosts::new("answers") else {
        return;
    };
    // The link on the right takes less than the one on the left.
    hosts.router.ip("link set lc1 mtu 1400");
    hosts.right.ip("link set eth0 mtu 1400");
    let router = hosts.start();

    let (text, well) = hosts
        .left
        .output("ping", &format!("-c 2 -W 2 -M do -s 1472 {RIGHT_4}"));
    assert!(
        !well && text.contains("mtu = 1400"),
        "fragmentation needed: {text}"
    );
    let (text, well) = hosts
        .left
        .output("ping", &format!("-6 -c 2 -W 2 -M do -s 1452 {RIGHT_6}"));
    assert!(!well && text.contains("mtu=1400"), "packet too big: {text}");
    // Having learned, the host sends what fits; and may be fragmented where it does not mind.
    let text = hosts.left.run(
        "ping",
        &format!("-c 2 -i 0.05 -W 2 -M dont -s 1472 {RIGHT_4}"),
    );
    assert!(text.contains(" 0% packet loss"), "{text}");
    let text = hosts
        .left
        .run("ping", &format!("-6 -c 2 -i 0.05 -W 2 -s 1452 {RIGHT_6}"));
    assert!(text.contains(" 0% packet loss"), "{text}");

    let (text, well) = hosts.left.output("ping", "-c 1 -W 4 203.0.113.1");
    assert!(
        !well && text.contains("Destination Net Unreachable"),
        "no route: {text}"
    );
    let (text, well) = hosts.left.output("ping", "-6 -c 1 -W 4 2001:db8:ffff::1");
    assert!(!well && text.contains("No route"), "no route: {text}");
    let (text, well) = hosts.left.output("ping", "-c 1 -W 8 198.51.100.77");
    assert!(
        !well && text.contains("Destination Host Unreachable"),
        "nobody there: {text}"
    );
    let (text, well) = hosts.left.output("ping", "-6 -c 1 -W 8 2001:db8:2::77");
    assert!(
        !well && text.contains("Address unreachable"),
        "nobody there: {text}"
    );
    let (text, well) = hosts
        .left
        .output("ping", &format!("-c 1 -W 4 -t 1 {RIGHT_4}"));
    assert!(!well && text.contains("Time to live exceeded"), "{text}");
    let (text, well) = hosts
        .left
        .output("ping", &format!("-6 -c 1 -W 4 -t 1 {RIGHT_6}"));
    assert!(!well && text.contains("Hop limit"), "{text}");

    hosts.stop(router);
}

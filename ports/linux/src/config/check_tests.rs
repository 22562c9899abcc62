use core::time::Duration;
use std::path::Path;

use super::*;
use crate::config::{CrossConnect, Forwarder, Idle, Malformed, Router, Worker};

fn check(text: &str) -> Result<Config, String> {
    Draft::parse(Path::new("f.toml"), text)
        .and_then(Config::try_from)
        .map_err(|error| error.to_string())
}

const TWO_PORTS: &str = "
    [[port]]
    name = \"a\"
    device = \"af_xdp:veth0\"
    addresses = [\"192.0.2.1/24\", \"2001:db8::1/64\"]
    [[port]]
    device = \"loopback,name=b,addr=198.51.100.1/24,mac=02:00:00:00:00:09\"
";

#[test]
fn a_whole_router() {
    let config = check(&format!(
        "forwarder = \"router\"
         duration = \"10s\"
         routes = [\"0.0.0.0/0 via 198.51.100.2\", \"2001:db8:1::/48 via fe80::2 port b\"]
         neighbours = [\"192.0.2.9 02:00:00:00:00:01\"]
         listener-reports = 0
         {TWO_PORTS}
         [pool]
         frames = 4096
         frame-size = 4096
         huge-pages = \"require\"
         [worker]
         cpu = 1
         burst = 16
         idle = \"sleep:50us\"
         [stats]
         interval = \"never\"
         json = \"out.json\"
        "
    ))
    .unwrap();
    let Forwarder::Router(router) = &config.forwarder else {
        panic!("{config:?}");
    };
    assert_eq!(
        router.routes.iter().map(|r| r.port).collect::<Vec<_>>(),
        [1, 1]
    );
    assert_eq!(router.neighbours[0].port, 0);
    assert_eq!(router.listener_reports, 0);
    assert_eq!(config.ports[1].name, "b");
    assert_eq!(config.ports[1].mac, Some(MacAddr([2, 0, 0, 0, 0, 9])));
    assert_eq!(config.pool.frame_size, 4096);
    assert_eq!(config.pool.huge_pages, PagePolicy::Require);
    assert_eq!(config.worker.cpus, [1]);
    assert_eq!(config.worker.idle, Idle::Sleep(Duration::from_micros(50)));
    assert_eq!(config.stats.interval, None);
    assert_eq!(config.duration, Some(Duration::from_secs(10)));
}

#[test]
fn the_example_is_what_it_says_of_itself() {
    let config = check(include_str!("../../examples/router.toml")).unwrap();
    // What it calls defaults are the defaults.
    let Forwarder::Router(router) = &config.forwarder else {
        panic!("{config:?}");
    };
    let reports = Router::default().listener_reports;
    assert_eq!(router.listener_reports, reports);
    assert_eq!(config.pool, Pool::default());
    let worker = Worker {
        cpus: vec![1],
        ..Worker::default()
    };
    assert_eq!(config.worker, worker);
    assert_eq!(config.stats.interval, Stats::default().interval);
}

#[test]
fn defaults_when_only_the_needful_is_said() {
    let config = check(&format!("forwarder = \"cross-connect\"\n{TWO_PORTS}")).unwrap();
    let wire = CrossConnect {
        pairs: vec![(0, 1)],
        malformed: Malformed::Pass,
    };
    assert_eq!(config.forwarder, Forwarder::CrossConnect(wire));
    assert_eq!(config.pool, Pool::default());
    assert_eq!(config.worker, Worker::default());
    assert_eq!(config.stats, Stats::default());
    assert_eq!(config.duration, None);
}

#[test]
fn there_are_as_many_workers_as_cpus() {
    let with = |worker: &str| {
        let head = format!("forwarder = \"cross-connect\"\n[worker]\n{worker}");
        let worker = check(&format!("{head}\n{TWO_PORTS}")).unwrap().worker;
        (worker.count, worker.cpus)
    };
    assert_eq!(with("cpus = [3, 1]"), (2, vec![3, 1]));
    assert_eq!(with("count = 2\ncpus = [3, 1]"), (2, vec![3, 1]));
    assert_eq!(with("count = 4"), (4, vec![]));
    assert_eq!(with("cpu = 2"), (1, vec![2]));
}

#[test]
fn udp_rules_name_their_ports() {
    let config = check(&format!(
        "forwarder = \"udp\"
         udp = [\"port a dst 192.0.2.1:53 to port b dst 198.51.100.9:5353\"]
         {TWO_PORTS}"
    ))
    .unwrap();
    let Forwarder::Udp(rules) = &config.forwarder else {
        panic!("{config:?}");
    };
    assert_eq!((rules[0].from, rules[0].to), (Some(0), 1));
}

#[test]
fn every_mistake_is_named_and_placed() {
    // What is put before the two ports, and what is said of it.
    for (head, message) in [
        (
            "",
            "the forwarder is missing; choose one by \
             `--forwarder router`, `cross-connect` or `udp`",
        ),
        (
            "forwarder = \"ruoter\"",
            "f.toml:1:13: forwarder: unknown forwarder `ruoter`; did you mean `router`?",
        ),
        (
            "forwarder = \"udp\"\nroutes = [\"::/0 port a\"]",
            "f.toml:2:11: routes[0]: a route has no use here: \
             only the router routes; choose `--forwarder router`",
        ),
        (
            "forwarder = \"router\"\nconnect = [\"a b\"]",
            "f.toml:2:12: connect[0]: a pair of ports has no use here: \
             only the cross-connect has pairs; choose `--forwarder cross-connect`",
        ),
        (
            "forwarder = \"router\"\nudp = [\"\"]",
            "f.toml:2:8: udp[0]: a UDP rule has no use here: \
             only the UDP forwarder has rules; choose `--forwarder udp`",
        ),
        (
            "forwarder = \"udp\"",
            "f.toml:1:13: forwarder: a UDP rule is missing; give one, as \
             `--udp \"dst 192.0.2.1:53 to port NAME dst 198.51.100.1:53\"`",
        ),
        (
            "forwarder = \"router\"\nroutes = [\"0.0.0.0/0 via 203.0.113.1\"]",
            "f.toml:2:11: routes[0]: 203.0.113.1 is in no port's network; \
             give a port an address in its network, or name the port: `... port NAME`",
        ),
        (
            "forwarder = \"router\"\nroutes = [\"::/0 port c\"]",
            "f.toml:2:11: routes[0]: unknown port `c`; known: a, b",
        ),
        (
            "forwarder = \"router\"\nroutes = [\"::/0 port a\",\n \"::/0 port b\"]",
            "f.toml:3:2: routes[1]: route to `::/0` is there twice",
        ),
        (
            "forwarder = \"router\"\nlistener-reports = 256",
            "f.toml:2:20: listener-reports: number of listener reports 256 is out of range; \
             choose 0 to 255",
        ),
        (
            "forwarder = \"udp\"\nlistener-reports = 2",
            "f.toml:2:20: listener-reports: a number of listener reports has no use here: \
             only the router sends them; choose `--forwarder router`",
        ),
        (
            "forwarder = \"cross-connect\"\nconnect = [\"a b\", \"b b\"]",
            "f.toml:2:19: connect[1]: connected port `b` is there twice",
        ),
        (
            "forwarder = \"router\"\nmalformed = \"pass\"",
            "f.toml:2:13: malformed: what becomes of malformed packets has no use here: \
             only the cross-connect can pass them; the others drop them in any case",
        ),
        (
            "forwarder = \"cross-connect\"\nmalformed = \"droop\"",
            "f.toml:2:13: malformed: unknown choice for malformed packets `droop`; \
             did you mean `drop`?",
        ),
        (
            "forwarder = \"router\"\nduration = \"5\"",
            "f.toml:2:12: duration: `5` is no length of time; \
             expected a number with its unit, as 50us, 10ms, 5s or 2m",
        ),
        (
            "forwarder = \"router\"\npool.frames = 63",
            "f.toml:2:15: pool.frames: number of frames 63 is out of range; \
             choose 64 to 16777216",
        ),
        (
            "forwarder = \"router\"\npool.frame-size = 3000",
            "f.toml:2:19: pool.frame-size: `3000` is no frame size; \
             expected a power of two from 2048 to 32768",
        ),
        (
            "forwarder = \"router\"\npool.huge-pages = \"yes\"",
            "f.toml:2:19: pool.huge-pages: unknown choice of huge pages `yes`; \
             known: prefer, require, never",
        ),
        (
            "forwarder = \"router\"\npool = {huge-pages=\"never\", reserve-huge-pages=true}",
            "f.toml:2:48: pool.reserve-huge-pages: reserving huge pages has no use here: \
             huge pages are set to `never`",
        ),
        (
            "forwarder = \"router\"\nworker.idle = \"sleep:0us\"",
            "f.toml:2:15: worker.idle: `sleep:0us` is no idle strategy; \
             expected spin, yield, or sleep:50us (100ms at most)",
        ),
        (
            "forwarder = \"cross-connect\"\nworker.cpus = [1, 1]",
            "f.toml:2:15: worker.cpus: CPU `1` is there twice",
        ),
        (
            "forwarder = \"cross-connect\"\nworker.cpus = []",
            "f.toml:2:15: worker.cpus: `` is no list of the workers' CPUs; \
             expected one for each worker",
        ),
        (
            "forwarder = \"cross-connect\"\n[worker]\ncount = 3\ncpus = [1, 2]",
            "f.toml:4:8: worker.cpus: `1,2` is no list of the workers' CPUs; \
             expected one for each worker",
        ),
        (
            "forwarder = \"cross-connect\"\n[worker]\ncpu = 1\ncpus = [1, 2]",
            "f.toml:4:8: worker.cpus: a list of CPUs has no use here: there is `cpu` as well",
        ),
        (
            "forwarder = \"cross-connect\"\nworker.count = 0",
            "f.toml:2:16: worker.count: number of workers 0 is out of range; choose 1 to 16",
        ),
        (
            "forwarder = \"router\"\nworker.burst = 65",
            "f.toml:2:16: worker.burst: `65` is no burst size; expected 16, 32 or 64",
        ),
    ] {
        let error = check(&format!("{head}\n{TWO_PORTS}")).unwrap_err();
        assert_eq!(error, message, "{head}");
    }
}

#[test]
fn mistakes_in_ports() {
    let port = |line: &str| format!("[[port]]\n{line}\n");
    for (ports, message) in [
        (
            String::new(),
            "a port is missing; give at least one, \
             as `--port af_xdp:eth0` or `[[port]]` in the file",
        ),
        (
            port("device = \"loopback\""),
            "f.toml:3:10: port[0].device: an address for the router is missing; give its ports \
             addresses, as `--port af_xdp:eth0,addr=192.0.2.1/24` \
             or `addresses = [...]` in the file",
        ),
        (
            port("device = \"loopback,name=a\"") + &port("device = \"null\"\nname = \"a\""),
            "f.toml:6:8: port[1].name: port `a` is there twice",
        ),
        (
            port("device = \"loopback,name=a\"\nname = \"a\""),
            "f.toml:3:10: port[0].device: option `name` is there twice",
        ),
        (
            port("device = \"af_xdp:x\"") + &port("device = \"af_xdp:x,queue=0\""),
            "f.toml:5:10: port[1].device: queue `0 of x` is there twice",
        ),
        (
            port("device = \"af_xdp:x,queue=1,queues=3\"") + &port("device = \"af_xdp:x,queue=3\""),
            "f.toml:5:10: port[1].device: queue `3 of x` is there twice",
        ),
        (
            port("device = \"loopback\"\naddresses = [\"192.0.2.1\"]"),
            "f.toml:4:14: port[0].addresses[0]: `192.0.2.1` is no address; \
             expected as 192.0.2.1/24 or 2001:db8::1/64",
        ),
        (
            port("device = \"loopback\"\naddresses = [\"224.0.0.1/24\"]"),
            "f.toml:4:14: port[0].addresses[0]: `224.0.0.1/24` is no address of a port; \
             expected a unicast address, not the loopback nor the first or last of its network",
        ),
        (
            port("device = \"loopback,addr=192.0.2.1/24\"")
                + &port("device = \"null,addr=192.0.2.1/25\""),
            "f.toml:5:10: port[1].device: address `192.0.2.1` is there twice",
        ),
        (
            port("device = \"loopback\"\nmac = \"01:00:5e:00:00:01\""),
            "f.toml:4:7: port[0].mac: `01:00:5e:00:00:01` is no MAC address; expected \
             a unicast address of six bytes in hexadecimal, as 02:00:00:00:00:01",
        ),
        (
            port("device = \"loopback\"\nname = \"a b\""),
            "f.toml:4:8: port[0].name: `a b` is no name of a port; \
             expected at least one character and no blanks",
        ),
    ] {
        let error = check(&format!("forwarder = \"router\"\n{ports}")).unwrap_err();
        assert_eq!(error, message, "{ports}");
    }
    let many = port("device = \"null\"").repeat(17);
    let error = check(&format!("forwarder = \"router\"\n{many}")).unwrap_err();
    assert!(
        error.ends_with("number of ports 17 is out of range; choose 1 to 16"),
        "{error}"
    );
}

#[test]
fn an_address_of_a_port_is_one_that_a_host_can_have() {
    let with = |address: &str| {
        let port = format!("[[port]]\ndevice = \"null,addr={address}\"\n");
        check(&format!("forwarder = \"router\"\n{port}"))
    };
    for address in [
        "192.0.2.0/24",
        "192.0.2.255/24",
        "192.0.2.4/30",
        "192.0.2.7/30",
        "0.1.2.3/8",
        "127.0.0.1/8",
        "240.0.0.1/24",
        "255.255.255.255/32",
        "::1/128",
        "ff02::1/64",
    ] {
        let error = with(address).unwrap_err();
        let start = format!("f.toml:3:10: port[0].device: `{address}` is no address of a port;");
        assert!(error.starts_with(&start), "{error}");
    }
    for address in [
        "192.0.2.4/31",
        "192.0.2.5/31",
        "192.0.2.0/32",
        "192.0.2.5/30",
        "2001:db8::/64",
    ] {
        assert_eq!(with(address).map(drop), Ok(()), "{address}");
    }
}

#[test]
fn flags_win_over_the_file_and_ports_add_up() {
    let mut draft = Draft::parse(
        Path::new("f.toml"),
        &format!("forwarder = \"router\"\npool.frames = 128\n{TWO_PORTS}"),
    )
    .unwrap();
    draft.overlay(Draft {
        forwarder: Some(Setting::flag("--forwarder", "cross-connect".into())),
        ports: vec![DraftPort::new(Setting::flag("--port", "null".into()))],
        connect: vec![Setting::flag("--connect", "a port2".into())],
        ..Draft::default()
    });
    let config = Config::try_from(draft.clone()).unwrap();
    let Forwarder::CrossConnect(wires) = &config.forwarder else {
        panic!("{config:?}");
    };
    assert_eq!(wires.pairs, [(0, 2)]);
    assert_eq!(config.pool.frames, 128);
    draft.burst = Some(Setting::flag("--burst", 0));
    assert_eq!(
        Config::try_from(draft).unwrap_err().to_string(),
        "--burst: `0` is no burst size; expected 16, 32 or 64"
    );
}

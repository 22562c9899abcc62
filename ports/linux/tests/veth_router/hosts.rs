//! The three namespaces, and the router in the middle.

use core::time::Duration;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use linecard_testnet::{Child, Folder, Namespace};

/// Left host, router and right host.
pub(crate) struct Hosts {
    pub(crate) left: Namespace,
    pub(crate) router: Namespace,
    pub(crate) right: Namespace,
    folder: Folder,
    /// The router's port on the left.
    device: &'static str,
    workers: usize,
}

pub(crate) const LEFT_4: &str = "192.0.2.2";
pub(crate) const RIGHT_4: &str = "198.51.100.2";
pub(crate) const LEFT_6: &str = "2001:db8:1::2";
pub(crate) const RIGHT_6: &str = "2001:db8:2::2";
pub(crate) const ROUTER_LEFT_4: &str = "192.0.2.1";
pub(crate) const ROUTER_LEFT_6: &str = "2001:db8:1::1";

/// The router's configuration, but for what is on the left.
const CONFIG: &str = r#"
forwarder = "router"

[[port]]
name = "left"
device = "LEFT"
addresses = ["192.0.2.1/24", "2001:db8:1::1/64"]

[[port]]
name = "right"
device = "af_xdp:lc1"
addresses = ["198.51.100.1/24", "2001:db8:2::1/64"]

[pool]
POOL

[worker]
idle = "sleep:20us"
count = WORKERS
"#;

impl Hosts {
    /// The hosts with their addresses and default routes; `None` where that is not possible.
    pub(crate) fn new(test: &str) -> Option<Self> {
        Self::with(test, super::LEFT, "")
    }

    /// As [`new`](Self::new), with another port on the left, and options of its link's both ends.
    pub(crate) fn with(test: &str, device: &'static str, link: &str) -> Option<Self> {
        let programs = ["ip", "ping", "traceroute", "iperf3", "curl", "python3"];
        if !linecard_testnet::available(&programs) {
            return None;
        }
        let new = || Namespace::new().expect("a namespace");
        let hosts = Self {
            left: new(),
            router: new(),
            right: new(),
            folder: Folder::new(test),
            device,
            workers: 1,
        };
        hosts.router.pair_with(link, "lc0", &hosts.left, "eth0");
        hosts.router.pair("lc1", &hosts.right, "eth0");
        host(
            &hosts.left,
            [LEFT_4, "24", ROUTER_LEFT_4],
            [LEFT_6, "64", ROUTER_LEFT_6],
        );
        host(
            &hosts.right,
            [RIGHT_4, "24", "198.51.100.1"],
            [RIGHT_6, "64", "2001:db8:2::1"],
        );
        if !device.starts_with("af_xdp") {
            // What is not XDP receives segments as the sender's kernel has them, before they are
            // cut to the MTU.
            hosts.left.run("ethtool", "-K eth0 tso off gso off");
            hosts.router.run("ethtool", "-K lc0 gro off");
        }
        Some(hosts)
    }

    /// The router has so many workers.
    #[allow(dead_code)]
    pub(crate) fn on_workers(mut self, count: usize) -> Self {
        self.workers = count;
        self
    }

    /// A file of the test's own, removed with the hosts.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Starts the router, and waits until the left host reaches it.
    pub(crate) fn start(&self) -> Child {
        let config = self.file("router.toml");
        let text = CONFIG.replace("LEFT", self.device);
        let text = text.replace("POOL", super::POOL);
        let text = text.replace("WORKERS", &self.workers.to_string());
        fs::write(&config, text).expect("the configuration");
        let mut command = self.router.command(env!("CARGO_BIN_EXE_linecard"));
        command.arg("run").arg("--config").arg(&config);
        command.arg("--stats-json").arg(self.file("stats.json"));
        let mut router = Child::start(&mut command);
        let end = Instant::now() + Duration::from_secs(20);
        while !reaches(&self.left, ROUTER_LEFT_4) {
            assert!(
                !router.has_ended(),
                "the router ended: {}",
                router.printed()
            );
            assert!(
                Instant::now() < end,
                "no answer from the router: {}",
                router.printed()
            );
        }
        router
    }

    /// Ends the router with a signal, and gives what it printed: all frames accounted for.
    pub(crate) fn stop(&self, mut router: Child) -> String {
        router.signal(libc::SIGTERM);
        let status = router.wait(Duration::from_secs(10));
        let printed = router.printed();
        assert!(status.success(), "{status}: {printed}");
        assert!(printed.contains("0 held"), "the ledger: {printed}");
        printed
    }
}

/// Whether a host gets an answer from an address.
pub(crate) fn reaches(from: &Namespace, address: &str) -> bool {
    from.output("ping", &format!("-c 1 -W 1 {address}")).1
}

/// Gives `eth0` its addresses and default routes: address, prefix length, gateway.
fn host(namespace: &Namespace, v4: [&str; 3], v6: [&str; 3]) {
    namespace.sysctl("ipv6/conf/eth0/disable_ipv6", "0");
    // Duplicate address detection would keep the address from being used for a second or two.
    namespace.sysctl("ipv6/conf/eth0/accept_dad", "0");
    for [address, len, gateway] in [v4, v6] {
        namespace.ip(&format!("address add {address}/{len} dev eth0"));
        namespace.ip(&format!("route add default via {gateway}"));
    }
}

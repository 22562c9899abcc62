//! Two hosts: network namespaces with a tap each.

use std::io;

use linecard_testnet::Namespace;

use crate::Tap;

/// Left and right host, each behind a tap called `eth0`, with a default route to the router.
///
/// | | left | router, left | router, right | right |
/// |---|---|---|---|---|
/// | IPv4 | 192.0.2.2 | 192.0.2.1 | 198.51.100.1 | 198.51.100.2 |
/// | IPv6 | 2001:db8:1::2 | 2001:db8:1::1 | 2001:db8:2::1 | 2001:db8:2::2 |
///
/// ```no_run
/// let hosts = linecard_qemu::Hosts::new()?;
/// println!("{}", hosts.left.ip("address"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Hosts {
    /// The left host.
    pub left: Namespace,
    /// The right host.
    pub right: Namespace,
    /// Their taps, left and right.
    pub taps: [Tap; 2],
}

impl Hosts {
    /// Makes them.
    ///
    /// # Errors
    /// What the kernel says: most often that this needs root.
    ///
    /// # Panics
    /// If `ip` (Debian package iproute2) complains.
    pub fn new() -> io::Result<Self> {
        let (left, right) = (Namespace::new()?, Namespace::new()?);
        let taps = [
            left.inside(|| Tap::new("eth0"))?,
            right.inside(|| Tap::new("eth0"))?,
        ];
        host(&left, [LEFT_4, "192.0.2.1"], [LEFT_6, "2001:db8:1::1"]);
        host(
            &right,
            [RIGHT_4, "198.51.100.1"],
            [RIGHT_6, "2001:db8:2::1"],
        );
        Ok(Self { left, right, taps })
    }
}

/// Gives `eth0` its addresses and default routes: address, gateway.
fn host(namespace: &Namespace, v4: [&str; 2], v6: [&str; 2]) {
    namespace.ip("link set eth0 up");
    namespace.sysctl("ipv6/conf/eth0/disable_ipv6", "0");
    // Duplicate address detection would keep the address from being used for a second or two.
    namespace.sysctl("ipv6/conf/eth0/accept_dad", "0");
    for ([address, gateway], len) in [(v4, 24), (v6, 64)] {
        namespace.ip(&format!("address add {address}/{len} dev eth0"));
        namespace.ip(&format!("route add default via {gateway}"));
    }
}

/// The hosts' addresses.
const LEFT_4: &str = "192.0.2.2";
const LEFT_6: &str = "2001:db8:1::2";
const RIGHT_4: &str = "198.51.100.2";
const RIGHT_6: &str = "2001:db8:2::2";

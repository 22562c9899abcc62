//! IPv4 and IPv6, as the contenders need them.

use core::fmt::Display;
use core::net::{Ipv4Addr, Ipv6Addr};
use core::str::FromStr;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use flate2::read::GzDecoder;
use ip_network_table_deps_treebitmap::address::Address as TreeAddress;
use linecard::lookup::{NextHop, Prefix4, Prefix6, Routes4, Routes6};

use super::ours::{self, Ours};

/// A prefix of IPv4 or IPv6.
pub trait Family: Copy + Display + FromStr + 'static {
    /// Its addresses, in host order.
    type Address: Copy + 'static;
    /// Its routes, as those crates want them that take pairs.
    type Key: prefix_trie::Prefix + 'static;
    /// Its addresses, as the standard library has them.
    type Ip: TreeAddress + 'static;

    /// Its routes, of an endless supply.
    fn generated() -> Vec<(Self, NextHop)>;

    /// Any address of those that are given to anyone.
    fn any(random: u64) -> Self::Address;

    /// An address with this prefix.
    fn within(self, random: u64) -> Self::Address;

    /// The first address, and the length.
    fn parts(self) -> (Self::Address, u8);

    /// For a crate that wants pairs.
    fn key(address: Self::Address, len: u8) -> Self::Key;

    /// For a crate that wants addresses of the standard library's.
    fn ip(address: Self::Address) -> Self::Ip;

    /// Our tables with these routes.
    ///
    /// # Errors
    /// There is no memory for them.
    fn ours(routes: &[(Self, NextHop)]) -> Result<Vec<Ours<Self>>, String>;

    /// Libdpdk's tables, by name and by their name in the program.
    const PEERS: [(&str, &str); 2];

    /// Likewise the one that routes come to and go from in good time.
    const UPDATING: (&str, &str);

    /// An address as those want it.
    fn write(address: Self::Address, to: &mut Vec<u8>);
}

/// Where the routes are from.
#[derive(Debug, Clone, Copy)]
pub enum Source {
    /// Half a million of IPv4, or 100,000 of IPv6, in the shares of lengths that the Internet has.
    Generated,
    /// The Internet.
    Internet,
}

impl Source {
    /// The routes.
    ///
    /// # Errors
    /// There is no Internet table.
    pub(super) fn routes<P: Family>(self) -> Result<Vec<(P, NextHop)>, String> {
        match self {
            Self::Generated => Ok(P::generated()),
            Self::Internet => internet(),
        }
    }
}

/// The routes of the Internet, each to a next hop of its own drawing.
fn internet<P: Family>() -> Result<Vec<(P, NextHop)>, String> {
    let Some(folder) = std::env::var_os("LINECARD_DATA") else {
        return Err("LINECARD_DATA names no folder with internet-prefixes.txt.gz".to_owned());
    };
    let path = PathBuf::from(folder).join("internet-prefixes.txt.gz");
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let file = std::fs::File::open(&path).map_err(failed)?;
    let mut routes = Vec::new();
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    for line in BufReader::new(GzDecoder::new(file)).lines() {
        // Those of the other family are no prefixes of this one.
        let Ok(prefix) = line.map_err(failed)?.parse::<P>() else {
            continue;
        };
        random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        let hop = NextHop::new(((random >> 33) % u64::from(HOPS)) as u16);
        routes.push((prefix, hop.map_err(|error| error.to_string())?));
    }
    Ok(routes)
}

impl Family for Prefix4 {
    type Address = u32;
    type Key = (u32, u8);
    type Ip = Ipv4Addr;

    fn generated() -> Vec<(Self, NextHop)> {
        Routes4::new(1, HOPS).take(ROUTES_4).collect()
    }

    fn any(random: u64) -> u32 {
        random as u32
    }

    fn within(self, random: u64) -> u32 {
        let host = u32::MAX.checked_shr(self.len().into()).unwrap_or(0);
        self.first() | random as u32 & host
    }

    fn parts(self) -> (u32, u8) {
        (self.first(), self.len())
    }

    fn key(address: u32, len: u8) -> (u32, u8) {
        (address, len)
    }

    fn ip(address: u32) -> Ipv4Addr {
        address.into()
    }

    fn ours(routes: &[(Self, NextHop)]) -> Result<Vec<Ours<Self>>, String> {
        Ok(vec![ours::big4(routes)?, ours::compact4(routes)?])
    }

    const PEERS: [(&str, &str); 2] = [("rte_lpm", "lpm"), ("rte_fib", "fib")];
    const UPDATING: (&str, &str) = ("rte_fib", "fib_update");

    /// In the order of the host.
    fn write(address: u32, to: &mut Vec<u8>) {
        to.extend(address.to_ne_bytes());
    }
}

impl Family for Prefix6 {
    type Address = u128;
    type Key = (u128, u8);
    type Ip = Ipv6Addr;

    fn generated() -> Vec<(Self, NextHop)> {
        Routes6::new(1, HOPS).take(ROUTES_6).collect()
    }

    /// Of 2000::/3, which is all that has been given to anyone (RFC 4291, section 2.4).
    fn any(random: u64) -> u128 {
        u128::from(random >> 3 | 1 << 61) << 64
    }

    fn within(self, random: u64) -> u128 {
        let host = u128::MAX.checked_shr(self.len().into()).unwrap_or(0);
        self.first() | (u128::from(random) << 64 | u128::from(random)) & host
    }

    fn parts(self) -> (u128, u8) {
        (self.first(), self.len())
    }

    fn key(address: u128, len: u8) -> (u128, u8) {
        (address, len)
    }

    fn ip(address: u128) -> Ipv6Addr {
        address.into()
    }

    fn ours(routes: &[(Self, NextHop)]) -> Result<Vec<Ours<Self>>, String> {
        Ok(vec![ours::lpm6(routes)?])
    }

    const PEERS: [(&str, &str); 2] = [("rte_lpm6", "lpm6"), ("rte_fib6", "fib6")];
    const UPDATING: (&str, &str) = ("rte_fib6", "fib6_update");

    /// In the order of the network.
    fn write(address: u128, to: &mut Vec<u8>) {
        to.extend(address.to_be_bytes());
    }
}

/// Generated routes, and where they lead.
const ROUTES_4: usize = 500_000;
const ROUTES_6: usize = 100_000;
const HOPS: u16 = 200;

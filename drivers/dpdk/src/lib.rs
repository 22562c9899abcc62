//! DPDK ports for [`linecard`](https://docs.rs/linecard): any `rte_ethdev`, in one mempool with
//! every other port.
//!
//! Without the feature `dpdk` this crate is empty, and needs no libdpdk. With it, libdpdk 22.11 or
//! newer is found by pkg-config.
#![cfg_attr(feature = "dpdk", doc = include_str!("story.md"))]

#[cfg(feature = "dpdk")]
mod books;
#[cfg(feature = "test-utils")]
#[allow(unsafe_code)]
mod churn;
#[cfg(feature = "dpdk")]
mod config;
#[cfg(feature = "dpdk")]
mod eal;
#[cfg(feature = "dpdk")]
mod error;
#[cfg(feature = "dpdk")]
#[allow(unsafe_code)]
mod ffi;
#[cfg(feature = "test-utils")]
mod found;
#[cfg(feature = "dpdk")]
#[allow(unsafe_code)]
mod fours;
#[cfg(feature = "dpdk")]
#[allow(unsafe_code)]
mod frames;
#[cfg(feature = "dpdk")]
#[allow(unsafe_code)]
mod glance;
#[cfg(feature = "dpdk")]
#[allow(unsafe_code)]
mod intake;
#[cfg(feature = "dpdk")]
#[allow(unsafe_code)]
mod lender;
#[cfg(feature = "dpdk")]
#[allow(unsafe_code)]
mod mbuf;
#[cfg(feature = "dpdk")]
#[allow(unsafe_code)]
mod memory;
#[cfg(feature = "dpdk")]
mod offload;
#[cfg(feature = "dpdk")]
#[allow(unsafe_code)]
mod port;
#[cfg(feature = "test-utils")]
#[allow(unsafe_code)]
mod rings;
#[cfg(feature = "dpdk")]
mod rss;
#[cfg(feature = "dpdk")]
#[allow(unsafe_code)]
mod rx;
#[cfg(feature = "dpdk")]
#[allow(unsafe_code)]
mod scope;
#[cfg(feature = "dpdk")]
#[allow(unsafe_code)]
mod stamp;
#[cfg(feature = "dpdk")]
#[allow(unsafe_code)]
mod state;
#[cfg(feature = "dpdk")]
mod tag;
#[cfg(feature = "dpdk")]
#[allow(unsafe_code)]
mod tx;
#[cfg(feature = "dpdk")]
#[allow(unsafe_code)]
mod xstats;

#[cfg(feature = "dpdk")]
pub use {
    config::{Config, EalConfig, HugePages, IovaMode},
    eal::Eal,
    error::Error,
    memory::{Memory, PRIVATE},
    port::Port,
    rss::{Rss, RssFields, RssFunction, RssKey, RssState, RssTable},
    rx::Rx,
    stamp::Timestamps,
    tx::Tx,
};

#[cfg(feature = "test-utils")]
pub use {
    found::{Checksum, Found},
    rings::RingPort,
};

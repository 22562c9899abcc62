//! Every measurement, peers beside us in the same run.
//!
//! A [`Scenario`](harness::Scenario) is one question; its contenders answer it in turns, in
//! random order, so that a noisy machine cannot decide. The figure is the ratio.
//!
//! - [`harness`]: turns; [`outcome`]: medians and the table; [`bar`]: what is asked; [`counts`]:
//!   instructions; [`budgets`]: how many a row may take;
//! - [`report`]: questions whose answer is a table of its own;
//! - [`document`]: the machine-readable file; [`page`]: the same to read; [`svg`]: its pictures;
//!   [`machine`]: on what;
//! - [`scenarios`], [`reports`]: the lists, as data;
//! - [`rings`], [`threads`] (on [`two`] processors), [`pools`], [`headers`], [`checksums`], [`lpm`],
//!   [`routing`], [`udp`], [`hashes`], [`caches`]: what the scenarios run; [`packets`]: what parsers are
//!   given;
//! - [`traffic`], [`copying`], [`growth`], [`stages`], [`alignment`], [`cores`]: the questions beside
//!   the peers, the last two by [`hands`], threads that work together;
//! - [`place`]: on which processor a turn is;
//! - [`floor`]: what the machine allows, by hand;
//! - [`carousel`]: a port that hands out the same packets again and again;
//! - [`peers`]: peers in C over libdpdk, where there is one; [`peer_router`], those of the router,
//!   [`peer_packets`], those over bytes, [`peer_lookups`], route tables;
//! - [`ports`]: forwarders between two ports in memory, beside [`testpmd_ports`]; with the feature
//!   `dpdk`, `dpdk_ports` has the same DPDK devices as testpmd;
//! - [`af_xdp`]: forwarders over real interfaces, in network namespaces of their own;
//! - [`vhost`], [`vhost_server`]: packets to and fro between two processes, and [`testpmd`], which is
//!   one of them;
//!   [`quiet`] keeps others out of it.

#![allow(missing_debug_implementations)]

pub mod af_xdp;
pub mod alignment;
pub mod bar;
pub mod budgets;
mod by_hand;
pub mod caches;
pub mod carousel;
pub mod checksums;
pub mod copying;
pub mod cores;
pub mod counts;
pub mod document;
#[cfg(feature = "dpdk")]
pub mod dpdk_ports;
pub mod floor;
pub mod growth;
pub mod hands;
pub mod harness;
pub mod hashes;
pub mod headers;
pub mod lpm;
pub mod machine;
pub mod outcome;
pub mod packets;
pub mod page;
pub mod peer_lookups;
pub mod peer_packets;
pub mod peer_router;
pub mod peers;
pub mod place;
pub mod pools;
pub mod ports;
pub mod quiet;
pub mod report;
pub mod reports;
pub mod rings;
pub mod routing;
pub mod scenarios;
pub mod stages;
pub mod svg;
pub mod testpmd;
pub mod testpmd_ports;
pub mod threads;
pub mod traffic;
pub mod two;
pub mod udp;
pub mod vhost;
mod vhost_front;
pub mod vhost_server;
pub mod virtio;

//! Real packets: an AF_XDP port on one end of a veth pair, raw sockets on the other.
//!
//! Needs root, or CAP_SYS_ADMIN and CAP_NET_ADMIN; where it cannot run it says so on stderr, and
//! fails instead when `LINECARD_REQUIRE_VETH` is set.
#![cfg(target_os = "linux")]
#![allow(unsafe_code, unreachable_pub)]

mod conformance;
mod exchange;
mod lifecycle;
mod net;
mod queues;
mod rig;
mod sharing;
mod sockets;
mod trouble;

#[global_allocator]
static ALLOCATOR: linecard_conformance::CountingAllocator = linecard_conformance::CountingAllocator;

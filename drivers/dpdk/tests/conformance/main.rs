//! DPDK ports pass the suite that every driver passes, on several of DPDK's drivers.

#![allow(unsafe_code)]

mod eal;
mod memif;
mod null;
mod offloads;
mod opened;
mod packet;
mod pcap;
mod queues;
mod ring;
mod rss;
mod segments;
mod stamps;
mod tap;
mod vlan;

/// So that the suite sees whether a burst allocates.
#[global_allocator]
static ALLOCATOR: linecard_conformance::CountingAllocator = linecard_conformance::CountingAllocator;

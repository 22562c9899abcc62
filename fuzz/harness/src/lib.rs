//! What must hold for any bytes and any sequence of operations.
//!
//! Each [target](TARGETS) is a function from bytes to nothing that panics when a property is
//! broken. The same function is a fuzz target (`fuzz/fuzz_targets`), replays the committed
//! corpora and the saved crashers in the ordinary tests, and is a property test on random bytes
//! (`tests/replay.rs`). Whoever builds on the core can run them in a fuzzer of their own.
//!
//! - [`headers`]: a view of any bytes, and what can be read from and written to it;
//! - [`mod@parse`]: all layers in one pass, against the views and against etherparse;
//! - [`checksums`]: the fast sums against a slow one, and incremental against full;
//! - [`rewriting`]: changing addresses and ports in place;
//! - [`mempool`]: frames and their windows against a model, ending with an audit;
//! - [`rings`]: every operation beside a queue;
//! - [`forward`]: whole forwarders on a stream of packets;
//! - [`captures`]: what is read of a file, and read again after it was written;
//! - [`vhost`]: rings that a hostile guest writes as it likes;
//! - [`virtio`]: a port whose device does anything at any moment.
//!
//! ```
//! for target in linecard_harness::TARGETS {
//!     (target.run)(b"any bytes at all");
//! }
//! ```

pub mod captures;
pub mod checksums;
pub mod forward;
pub mod headers;
mod input;
pub mod mempool;
pub mod parse;
pub mod rewriting;
pub mod rings;
pub mod vhost;
pub mod virtio;

pub use input::operations;

/// A property of the core, over all byte strings.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and that of its fuzz target, corpus and crashers.
    pub name: &'static str,
    /// Panics when the property does not hold for these bytes.
    pub run: fn(&[u8]),
}

/// Every target there is.
pub const TARGETS: &[Target] = &[
    target("arp", headers::arp),
    target("captures", captures::read),
    target("checksum", checksums::sums),
    target("cross_connect", forward::cross_connect),
    target("ethernet", headers::ethernet),
    target("gre", headers::gre),
    target("icmpv4", headers::icmpv4),
    target("icmpv6", headers::icmpv6),
    target("ipv4", headers::ipv4),
    target("ipv6", headers::ipv6),
    target("ipv6_extensions", headers::ipv6_extensions),
    target("llc", headers::llc),
    target("mempool", mempool::operations),
    target("mld", headers::mld),
    target("mpls", headers::mpls),
    target("ndp", headers::ndp),
    target("parse", parse::parse),
    target("rewrite", rewriting::rewrite),
    target("ring_mpmc", rings::mpmc),
    target("ring_spsc", rings::spsc),
    target("router", forward::router),
    target("sctp", headers::sctp),
    target("tcp", headers::tcp),
    target("udp", headers::udp),
    target("udp_forwarder", forward::udp_forwarder),
    target("vhost_packed", vhost::packed),
    target("vhost_split", vhost::split),
    target("virtio_packed", virtio::packed),
    target("virtio_split", virtio::split),
    target("vlan", headers::vlan),
    target("vxlan", headers::vxlan),
];

const fn target(name: &'static str, run: fn(&[u8])) -> Target {
    Target { name, run }
}

//! The network device (VIRTIO 1.2, section 5.1).
//!
//! ```text
//!                       Adapter: transport, memory for rings, queues that were dropped
//!                        ^            ^
//!   Net  ----------------+            |           the port: set-up, link, address, control queue
//!    | open(0)                        |
//!    +--> NetRx  posts free frames, gives filled ones     | in the ledger: posted, `eth0.0 rx`
//!    +--> NetTx  sends frames, frees those that are sent  | in the ledger: completing, `eth0.0 tx`
//! ```
//!
//! A packet is received into a frame of the pool and sent from one, without a copy:
//!
//! ```text
//!   | headroom ........ | header | packet: eth, ip, udp ...      | tailroom |
//!                       ^ of a received packet, on a cache line
//!                  12 bytes (20 with HASH_REPORT); a sent one has its header written there again
//! ```
//!
//! Only what was negotiated is used. What the device says is checked before it is used, and kept: a
//! configuration that changes later changes nothing but the link's state.

mod adapter;
mod bringup;
mod chains;
mod config;
mod control;
mod error;
mod frames;
mod header;
mod negotiate;
mod port;
mod ring;
mod rss;
mod rx;
mod settings;
mod special;
mod tx;

pub use adapter::Adapter;
pub use config::DeviceConfig;
pub use error::NetError;
pub use header::Header;
pub use port::Net;
pub use rss::RssConfig;
pub use rx::NetRx;
pub use settings::Config;
pub use tx::NetTx;

#[cfg(test)]
mod tests;

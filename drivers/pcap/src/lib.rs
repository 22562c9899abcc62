//! Capture files as ports: pcap and pcapng in, pcap out, without root and without a NIC.
//!
//! The embedded default of [`linecard`]: for tests, for replay, and for a first look at what a
//! forwarder does with real packets.
//!
//! ```text
//!  file --> Capture ----> PcapRx ---> forwarder ---> PcapTx ----> Writer --> file
//!           whole and     copies into               writes the     buffered,
//!           indexed once  the pool's frames         frames out     one allocation
//! ```
//!
//! - [`Capture`] reads a file into memory and finds its packets: classic pcap in either byte order
//!   with micro- or nanoseconds, and pcapng. It believes nothing that the file says of lengths; a
//!   file that breaks off is read up to there, and [`Capture::fault`] names the place and the
//!   reason.
//! - [`PcapDevice`] plays it, [as fast as it is asked or with its own timing](Pace), [once or
//!   without end](Repeat), and writes what is sent. All that allocates happens before the queue is
//!   opened.
//! - [`Writer`] makes the same bytes of the same packets and times. With a
//!   [`ManualClock`](linecard::platform::ManualClock) that is moved to [`PcapRx::next_due`]
//!   whenever nothing came in, a replay is the same every time and takes no longer than it must.
//!
//! # Who has a frame when
//!
//! No frame is ever posted or waiting: `rx_burst` takes one from the cache for each packet that it
//! gives, and `tx_burst` frees what it has written. The queue needs no account in the ledger.
//!
//! # Limits
//!
//! - A packet comes in in one frame or, when it is longer than a frame of the pool has room for,
//!   not at all ([`RxStats::oversize`](linecard::device::RxStats::oversize)).
//! - Of links other than Ethernet those are played that carry plain IP or name an EtherType: see
//!   [`LinkType`]. They get an Ethernet header addressed to the port.
//! - A frame check sequence at the end of captured frames is taken for data.
//! - A file is read into memory whole, so that it must fit.

mod capture;
mod device;
mod error;
mod link;
mod output;
mod rx;
mod tx;
mod writer;

pub use capture::{Capture, Fault, FaultKind, Record};
pub use device::{Pace, PcapDevice, Repeat};
pub use error::OpenError;
pub use link::LinkType;
pub use rx::PcapRx;
pub use tx::PcapTx;
pub use writer::Writer;

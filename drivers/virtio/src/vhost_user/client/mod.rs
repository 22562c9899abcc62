//! The driver's side of vhost-user: a device in another process.
//!
//! ```text
//!   this process                                          back end (DPDK's vhost, say)
//!   pool's frames and rings, one memfd ───── mapped ────► reads and writes them
//!   VhostUser ──── messages ────────────────────────────► which memory, which queues
//!   NetRx, NetTx ◄────────────── rings ─────────────────► no system call on the way
//! ```
//!
//! [`VhostUser`] is a [`Transport`](crate::Transport), so that [`Net`](crate::net::Net) drives the
//! back end like any device; [`Client`] is that port with a life of its own: it connects when the
//! back end appears, and again when another one has taken its place.

mod memory;
mod port;
mod queues;
mod session;
mod transport;

pub use memory::SharedMemory;
pub use port::{Client, ClientConfig, ClientStatus};
pub use queues::{ClientRx, ClientTx};
pub use transport::{Kick, VhostUser};

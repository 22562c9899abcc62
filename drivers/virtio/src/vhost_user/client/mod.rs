//! The driver's side of vhost-user: a device in another process.
//!
//! ```text
//!   this process                                          back end (DPDK's vhost, say)
//!   pool's frames and rings, one memfd ───── mapped ────► reads and writes them
//!   VhostUser ──── messages ────────────────────────────► which memory, which queues
//!   NetRx, NetTx ◄────────────── rings ─────────────────► no system call on the way
//! ```
//!
//! [`VhostUser`] is a [`Transport`](crate::Transport), so that the back end is driven like any device.

mod memory;
mod session;
mod transport;

pub use memory::SharedMemory;
pub use transport::{Kick, VhostUser};

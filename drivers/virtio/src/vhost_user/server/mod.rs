//! The device's side of vhost-user: a virtual machine plugs into a port.
//!
//! ```text
//!   QEMU, or another front end          this process
//!   memory of the guest ───── mapped ───────────────┐
//!   socket ──── messages ────► listener's thread ─┐ │
//!                                                 ▼ ▼
//!   guest's transmit queue ───────── one copy ──► ServerRx ──► pool's frames
//!   guest's receive queue ◄───────── one copy ─── ServerTx ◄── pool's frames
//! ```
//!
//! | what may go wrong | what happens |
//! |---|---|
//! | the guest breaks a rule of the rings | that queue is out of service, by name; the front end is told by the queue's error file; the others go on |
//! | it changes a packet while it is read | the copy is what is looked at |
//! | the front end breaks a rule of the protocol, or dies | its session ends; the port drops what is sent as without a cable, and waits for the next one |
//! | its memory is cut short | it cannot be, where the file can be sealed; else zeros are read, and the session ends |
//!
//! No frame is ever with the guest, so that none can be lost with it.

mod config;
mod handler;
mod header;
mod listen;
mod port;
mod ring;
mod rx;
mod shared;
mod tx;

pub use config::ServerConfig;
pub use port::{Server, ServerError, ServerStatus};
pub use rx::ServerRx;
pub use tx::ServerTx;

pub(super) use port::Opened;

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod tests;

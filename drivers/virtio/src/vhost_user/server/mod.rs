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
//! | its memory is a file whose pages somebody serves (FUSE, a network, a disk) | refused: an access could wait for ever; it must be on tmpfs or hugetlbfs, as a memfd is |
//! | this process dies | the next one goes on where the guest's rings say that it stopped: the used index of a split ring, and of a packed one what [`PackedQueue`](crate::queue::device::PackedQueue::resume) wrote down |
//! | a packet is longer than a frame | it comes as a chain of frames, and goes over several of the guest's buffers (`MRG_RXBUF`); past the MTU it is dropped as `oversize` |
//!
//! No frame is ever with the guest, so that none can be lost with it. Nor is anything of the guest's
//! ever in flight here: a burst is popped, copied and used under one lock, in order. So there is
//! nothing that `INFLIGHT_SHMFD` would have to remember, and it is not offered (QEMU asks for it for
//! block devices alone).

mod config;
mod cursor;
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

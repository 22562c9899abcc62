//! vhost-user: virtqueues shared with another process over a Unix socket (Linux, feature
//! `vhost-user`).
//!
//! - [`Server`]: the device's side. A virtual machine plugs into this port.
//! - [`VhostUser`]: the driver's side. A back end such as DPDK's vhost is a device like any other;
//! - [`Client`]: a port on that, which connects again when the back end was replaced.
//!
//! The protocol is that of the [QEMU project], by the crate `vhost`.
//!
//! [QEMU project]: https://www.qemu.org/docs/master/interop/vhost-user.html

mod client;
mod memory;
mod server;
mod sigbus;
mod slot;

pub use client::{
    Client, ClientConfig, ClientRx, ClientStatus, ClientTx, Kick, SharedMemory, VhostUser,
};
pub use server::{Server, ServerConfig, ServerError, ServerRx, ServerStatus, ServerTx};

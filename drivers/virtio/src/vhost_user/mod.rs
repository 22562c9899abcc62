//! vhost-user: virtqueues shared with another process over a Unix socket (Linux, feature
//! `vhost-user`).
//!
//! - [`Server`]: the device's side. A virtual machine plugs into this port.
//!
//! The protocol is that of the [QEMU project], by the crate `vhost`.
//!
//! [QEMU project]: https://www.qemu.org/docs/master/interop/vhost-user.html

mod memory;
mod server;
mod sigbus;

pub use server::{Server, ServerConfig, ServerError, ServerRx, ServerStatus, ServerTx};

//! VIRTIO network devices as ports of [`linecard`]: `no_std`, without an allocator, on whatever bus.
//!
//! - [`transport`]: how a device is reached, and what another bus implements;
//! - [`queue`]: the rings;
//! - [`net`]: the network device;
//! - `vhost_user` (Linux, feature `vhost-user`): rings shared with another process;
//! - `fake` (feature `test-utils`): a device that is none.
//!
//! The sections named are those of the [specification], version 1.2.
//!
//! [specification]: https://docs.oasis-open.org/virtio/virtio/v1.2/virtio-v1.2.html
#![no_std]
#![deny(unsafe_code)]

#[cfg(any(test, feature = "test-utils", feature = "vhost-user"))]
extern crate std;

#[cfg(any(test, feature = "test-utils"))]
pub mod fake;
mod features;
#[allow(unsafe_code)]
mod lock;
#[allow(unsafe_code)]
pub mod net;
#[allow(unsafe_code)]
pub mod queue;
#[allow(unsafe_code)]
pub mod transport;
#[cfg(all(feature = "vhost-user", target_os = "linux"))]
#[allow(unsafe_code)]
pub mod vhost_user;

pub use features::{Features, Status};
pub use transport::{Doorbell, QueueMemory, Transport, TransportError};

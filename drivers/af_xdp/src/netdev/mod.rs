//! What the kernel knows of an interface, asked without touching it.
//!
//! - [`interface`]: name, address, MTU, link, driver, queues, what its XDP can do;
//! - [`netlink`]: building and reading the messages that ask.

mod interface;
mod netlink;

pub use interface::{Interface, XdpFeatures};

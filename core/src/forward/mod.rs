//! Ready pipelines: cross-connect, UDP forwarder, router.
//!
//! Each is a [`Stage`](crate::pipeline::Stage), or several, to be run by a worker alone or
//! composed with stages of the program's own:
//!
//! - [`CrossConnect`]: what comes in by one port leaves by another; [`MacSwap`] before it gives
//!   each packet back to who sent it;
//! - [`router`]: an IPv4 and IPv6 router.

mod cross_connect;
mod mac_swap;
pub mod router;

pub use cross_connect::{CrossConnect, CrossConnectError};
pub use mac_swap::MacSwap;

#[cfg(test)]
mod testing;

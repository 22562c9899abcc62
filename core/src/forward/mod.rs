//! Ready pipelines: cross-connect, UDP forwarder, router.
//!
//! Each is a [`Stage`](crate::pipeline::Stage), or several, to be run by a worker alone or
//! composed with stages of the program's own:
//!
//! - [`CrossConnect`]: what comes in by one port leaves by another; [`MacSwap`] before it gives
//!   each packet back to who sent it, [`WellFormed`] keeps malformed ones off the wire;
//! - [`udp`]: matches UDP flows and rewrites their addresses and ports;
//! - [`router`]: an IPv4 and IPv6 router.

mod cross_connect;
mod mac_swap;
mod reason;
pub mod router;
pub mod udp;
mod well_formed;

pub use cross_connect::{CrossConnect, CrossConnectError};
pub use mac_swap::MacSwap;
pub use reason::reason_of;
pub use well_formed::WellFormed;

#[cfg(test)]
mod testing;

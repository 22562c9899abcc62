//! The tests themselves, each a function over any [`Harness`](crate::Harness) or, in [`through`],
//! any [`Forwarder`](crate::Forwarder). [`suite!`](crate::suite) makes a test of each.

pub mod lifecycle;
pub mod packets;
pub mod pressure;
pub mod random;
pub mod through;
pub mod traffic;

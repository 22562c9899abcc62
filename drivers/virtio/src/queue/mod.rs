//! Virtqueues: the rings by which buffers go to a device and come back.
//!
//! - [`layout`]: the structures in memory, by the specification.

pub mod layout;

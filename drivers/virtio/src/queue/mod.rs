//! Virtqueues: the rings by which buffers go to a device and come back.
//!
//! - [`device`]: the device's side, for back ends and fake devices;
//! - [`layout`]: the structures in memory, by the specification.

#[allow(unsafe_code)]
pub mod device;
pub mod layout;

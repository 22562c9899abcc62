//! The redirect program and its place on an interface.
//!
//! - [`program`]: six instructions, assembled here and loaded by `bpf(2)`;
//! - [`attach`]: the map of sockets, and the link that holds the program to the interface.

mod attach;
mod program;

pub(crate) use attach::Attachment;

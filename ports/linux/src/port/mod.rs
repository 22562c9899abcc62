//! Ports that live in this process, and the one type that stands for any port.
//!
//! - [`Generator`]: receives made-up UDP packets of many [`Flow`]s, discards what is sent.

mod flow;
mod generator;

pub use flow::{Flow, Stamp, flows};
pub use generator::{Generator, GeneratorRx};

//! Ports that live in this process, and the one type that stands for any port.
//!
//! - [`AnyPort`]: a port of any kind, [`AnyRx`] and [`AnyTx`] its queues;
//! - [`Checker`]: checks that what a stamping generator made arrives, once and in order;
//! - [`SeveralRx`], [`SeveralTx`]: several queues of one port, polled as one;
//! - [`Generator`]: receives made-up UDP packets of many [`Flow`]s, discards what is sent.

mod any;
mod checker;
mod flow;
mod generator;
mod own_queues;
mod several;

pub use any::{AnyDevice, AnyPort, AnyRx, AnyTx, VhostClient};
pub(crate) use any::{VHOST_QUEUES, VHOST_RING};
pub use checker::{Checker, CheckerTx, Seen};
pub use flow::{Flow, Stamp, flows};
pub use generator::{Generator, GeneratorRx};
pub use several::{SeveralRx, SeveralTx};

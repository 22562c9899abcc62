//! What a driver implements, and the devices that need no hardware.
//!
//! A [`Device`] is opened queue by queue; each queue is a pair of handles, [`RxQueue`] and
//! [`TxQueue`], that one thread polls. They are `Send` and not `Sync`.
//!
//! The contract, which the conformance tests hold every driver to:
//!
//! - `rx_burst` gives what there is, and 0 is normal. `tx_burst` takes what fits from the front
//!   and leaves the rest, in order and untouched, with the caller. Neither waits, and neither
//!   returns an error: faults are counted in [`RxStats`] and [`TxStats`].
//! - Each packet that `tx_burst` took is later counted once, as sent or under a named reason.
//! - Frames come from and go back to the [`Cache`](crate::mempool::Cache) of the core that polls. What a device holds is
//!   in the pool's ledger, under the queue's name. Dropping the handles gives every frame back.
//! - A device that hangs or breaks its rules is reset: [`Device::reset`] takes both handles, so
//!   that nobody can poll a queue that is being torn down.

mod capabilities;
mod fault;
mod handover;
mod loopback;
mod null;
mod queue;
mod stats;
mod tap;

pub use capabilities::{Capabilities, DeviceError, Features, Link};
pub use fault::{Faults, FaultyRx, FaultyTx};
pub use handover::{HandoverRx, HandoverTx, OwnerTx};
pub use loopback::{Loopback, LoopbackRx, LoopbackTx};
pub use null::{Null, NullRx, NullTx};
pub use queue::{Device, RxQueue, TxQueue};
pub use stats::{RxStats, TxStats};
pub use tap::{Direction, Tap, TapRx, TapTx};

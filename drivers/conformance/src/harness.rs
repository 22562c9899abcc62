//! What a driver's test brings along: a port, and the far side of it.

use linecard::device::{Device, RxStats, TxStats};
use linecard::mempool::Pool;

use crate::{Limits, Profile, Setup};

/// The far side: what is at the other end of the wire from the port under test.
///
/// It may be a ring in memory, a device that a test plays, a socket, or a process elsewhere.
///
/// ```
/// use linecard_conformance::{Injected, Wire};
///
/// /// A wire that gives back what is put on it.
/// struct Echo(std::collections::VecDeque<Vec<u8>>);
///
/// impl Wire for Echo {
///     fn inject(&mut self, frame: &[u8]) -> Injected {
///         self.0.push_back(frame.to_vec());
///         Injected::Taken
///     }
///     fn collect(&mut self, frame: &mut Vec<u8>) -> bool {
///         let Some(first) = self.0.pop_front() else { return false };
///         *frame = first;
///         true
///     }
/// }
/// ```
pub trait Wire {
    /// Sends one frame towards the port. Does not wait.
    fn inject(&mut self, frame: &[u8]) -> Injected;

    /// The next frame that the port has sent, in place of what `frame` held; false, and `frame`
    /// holds anything, if there is none now. Does not wait.
    fn collect(&mut self, frame: &mut Vec<u8>) -> bool;

    /// Lets the far side work, where it does nothing by itself.
    fn step(&mut self) {}
}

/// What became of a frame that the far side was to send.
///
/// ```
/// use linecard_conformance::Injected;
/// assert_ne!(Injected::Busy, Injected::Impossible);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Injected {
    /// It is under way.
    Taken,
    /// There is no room for it now.
    Busy,
    /// No frame of this length can be sent from there.
    Impossible,
}

/// A port under test in this process.
///
/// Pools, and what else a device borrows, live as long as the test process: see [`pool`](crate::pool).
/// [`LoopbackHarness`](crate::LoopbackHarness) is an example.
pub trait Harness: Wire + Sized {
    /// The driver.
    type Device: Device<'static>;

    /// What can be asked of it.
    fn profile() -> Profile;

    /// Makes a port that is not open yet and its far side. `None` where it cannot run; then it has
    /// said why, and failed if it had to run.
    fn new(setup: &Setup) -> Option<Self>;

    /// The port. If its profile says that frames are [prepared](crate::Inject::Prepared), they have
    /// all been injected when this is called for the first time.
    fn device(&mut self) -> &mut Self::Device;

    /// The port's pool, which [tracks](linecard::mempool::PoolConfig::track) and has at least 256
    /// frames more than the port holds at most.
    fn pool(&self) -> &'static Pool<'static>;

    /// Ends the far side, when the port's queue is closed: what it has of the pool goes back to it.
    fn finish(self) {}
}

/// A port under test elsewhere: in an image, in another process. It sends every frame that comes in
/// out again, unchanged and in order; what is injected is to be collected.
///
/// Any [`Harness`] is tested this way too, by way of [`Reflector`](crate::Reflector), which is the
/// example to read.
pub trait Forwarder: Wire + Sized {
    /// What the way through it carries.
    fn limits() -> Limits;

    /// Starts it. `None` where it cannot run; then it has said why, and failed if it had to run.
    fn new() -> Option<Self>;

    /// Ends it, and gives what it counted, where that can be had.
    fn finish(self) -> Option<Totals>;
}

/// What a [`Forwarder`] counted from its start to its end.
///
/// ```
/// let totals = linecard_conformance::Totals::default();
/// assert_eq!(totals.rx.packets, 0);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// What it received.
    pub rx: RxStats,
    /// What it sent.
    pub tx: TxStats,
    /// Frames of its pool that were not back at the end.
    pub missing: usize,
}

//! Where packets go that leave the fast path.

use core::fmt;

use super::DropReason;
use crate::mempool::Cache;
use crate::packet::{Packet, PortId};
use crate::platform::Instant;

/// What takes packets from a stage's slow path: the worker, or a test.
///
/// ```
/// use linecard::mempool::Cache;
/// use linecard::packet::{Packet, PortId};
/// use linecard::pipeline::{DropReason, Egress};
///
/// /// Counts and frees.
/// #[derive(Default)]
/// struct Counts { sent: usize, dropped: usize, punted: usize }
///
/// impl<'p> Egress<'p> for Counts {
///     fn send(&mut self, cache: &mut Cache<'p>, _to: PortId, packet: Packet<'p>) {
///         self.sent += 1;
///         cache.free(packet.into_frame());
///     }
///     fn punt(&mut self, cache: &mut Cache<'p>, packet: Packet<'p>) {
///         self.punted += 1;
///         cache.free(packet.into_frame());
///     }
///     fn drop(&mut self, cache: &mut Cache<'p>, packet: Packet<'p>, _why: DropReason) {
///         self.dropped += 1;
///         cache.free(packet.into_frame());
///     }
/// }
/// ```
pub trait Egress<'p> {
    /// Sends the packet out by a port, behind what was sent before.
    fn send(&mut self, cache: &mut Cache<'p>, to: PortId, packet: Packet<'p>);

    /// Hands the packet to the program.
    fn punt(&mut self, cache: &mut Cache<'p>, packet: Packet<'p>);

    /// Counts a packet that a stage made.
    fn made(&mut self) {}

    /// Whether a port's link is up, as far as is known.
    fn link_up(&self, port: PortId) -> bool {
        let _ = port;
        true
    }

    /// Frees the packet and counts it.
    fn drop(&mut self, cache: &mut Cache<'p>, packet: Packet<'p>, why: DropReason);
}

/// What a stage's slow path may do: send, punt, drop and make packets.
///
/// ```
/// # use linecard::packet::{Packet, PortId};
/// use linecard::pipeline::{Context, DropReason, Stage};
///
/// struct Echo;
/// impl<'p> Stage<'p> for Echo {
///     fn process(&mut self, lot: &mut linecard::pipeline::Lot<'_, 'p>) {
///         let slow = lot.exception(0);
///         lot.undecided().for_each(|(_, verdict)| *verdict = slow);
///     }
///     fn exceptions(&self) -> u16 { 1 }
///     fn exception(&mut self, _code: u16, packet: Packet<'p>, cx: &mut Context<'_, 'p>) {
///         match cx.alloc() {
///             Some(copy) => { cx.send(PortId(0), copy); cx.send(packet.port, packet) }
///             None => cx.drop(packet, DropReason::NO_FRAME),
///         }
///     }
/// }
/// ```
pub struct Context<'a, 'p> {
    now: Instant,
    cache: &'a mut Cache<'p>,
    egress: &'a mut dyn Egress<'p>,
}

impl<'a, 'p> Context<'a, 'p> {
    /// A context at this moment.
    pub fn new(now: Instant, cache: &'a mut Cache<'p>, egress: &'a mut dyn Egress<'p>) -> Self {
        Self { now, cache, egress }
    }

    /// When the burst is worked on.
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// The core's cache of free frames.
    pub const fn cache(&mut self) -> &mut Cache<'p> {
        self.cache
    }

    /// A new packet, empty and with headroom. `None` when there is no frame.
    pub fn alloc(&mut self) -> Option<Packet<'p>> {
        let frame = self.cache.alloc()?;
        self.egress.made();
        Some(Packet::new(frame))
    }

    /// Sends the packet out by a port, behind what was sent there before.
    pub fn send(&mut self, to: PortId, packet: Packet<'p>) {
        self.egress.send(self.cache, to, packet);
    }

    /// Hands the packet to the program: `Worker::punted`.
    pub fn punt(&mut self, packet: Packet<'p>) {
        self.egress.punt(self.cache, packet);
    }

    /// Whether a port's link is up, as far as its queue [knows](crate::device::TxQueue::link_up).
    pub fn link_up(&self, port: PortId) -> bool {
        self.egress.link_up(port)
    }

    /// Frees the packet and counts it under a reason.
    pub fn drop(&mut self, packet: Packet<'p>, why: DropReason) {
        self.egress.drop(self.cache, packet, why);
    }
}

impl fmt::Debug for Context<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

//! The queues of a port of any kind.
//!
//! They are enums and not trait objects: a call is a branch that is always taken the same
//! way, and what is behind it can be inlined.

use linecard::device::{
    HandoverRx, HandoverTx, LoopbackRx, LoopbackTx, NullRx, NullTx, OwnerTx, RxQueue, RxStats,
    TxQueue, TxStats,
};
use linecard::mempool::Cache;
use linecard::packet::{BurstView, Offloads, PortId};
use linecard::platform::Arena;
use linecard_pcap::{PcapRx, PcapTx};
use linecard_virtio::vhost_user::{ClientRx, ClientTx, ServerRx, ServerTx};

use super::super::generator::GeneratorRx;
use super::super::several::{SeveralRx, SeveralTx};
use super::{VHOST_QUEUES, VHOST_RING};
use crate::clock::MonotonicClock;

/// The receiving side of an [`AnyPort`](super::AnyPort).
///
/// ```
/// use linecard::device::RxQueue;
/// use linecard_linux::port::AnyRx;
///
/// fn received(queue: &AnyRx<'_, '_>) -> u64 {
///     queue.stats().packets
/// }
/// ```
#[derive(Debug)]
pub enum AnyRx<'r, 'p> {
    /// Of a network interface.
    AfXdp(linecard_af_xdp::Rx<'p>),
    /// Of a capture.
    Pcap(PcapRx<MonotonicClock>),
    /// Of a generator.
    Generator(GeneratorRx),
    /// Of a device of DPDK's.
    #[cfg(feature = "dpdk")]
    Dpdk(linecard_dpdk::Rx<'p>),
    /// Of a device in another process.
    VhostUser(ClientRx<'r, 'p, Arena<'static>, VHOST_RING, VHOST_QUEUES>),
    /// Of a virtual machine.
    VhostUserServer(Box<ServerRx>),
    /// Of a loopback.
    Loopback(LoopbackRx<'r, 'p>),
    /// Of nothing.
    Null(NullRx),
    /// Of several queues of one port.
    Several(SeveralRx<'r, 'p>),
    /// From other workers.
    Handover(HandoverRx<'r, 'p>),
}

/// The sending side of an [`AnyPort`](super::AnyPort).
///
/// ```
/// use linecard::device::TxQueue;
/// use linecard_linux::port::AnyTx;
///
/// fn sent(queue: &AnyTx<'_, '_>) -> u64 {
///     queue.stats().packets
/// }
/// ```
#[derive(Debug)]
pub enum AnyTx<'r, 'p> {
    /// Of a network interface.
    AfXdp(linecard_af_xdp::Tx<'p>),
    /// Into a capture.
    Pcap(PcapTx<MonotonicClock>),
    /// To a device of DPDK's.
    #[cfg(feature = "dpdk")]
    Dpdk(linecard_dpdk::Tx<'p>),
    /// To a device in another process.
    VhostUser(ClientTx<'r, 'p, Arena<'static>, VHOST_RING, VHOST_QUEUES>),
    /// To a virtual machine.
    VhostUserServer(Box<ServerTx>),
    /// Into a loopback.
    Loopback(LoopbackTx<'r, 'p>),
    /// Into nothing.
    Null(NullTx),
    /// By several queues of one port.
    Several(SeveralTx<'r, 'p>),
    /// To another worker.
    Handover(HandoverTx<'r, 'p>),
    /// By a queue by which other workers send, too.
    Owner(Box<OwnerTx<'r, 'p, Self>>),
}

impl AnyRx<'_, '_> {
    /// Whether nothing can come any more, however long one waits.
    #[must_use]
    pub fn is_done(&self) -> bool {
        match self {
            Self::AfXdp(_) | Self::VhostUser(_) | Self::VhostUserServer(_) => false,
            #[cfg(feature = "dpdk")]
            Self::Dpdk(_) => false,
            Self::Pcap(rx) => rx.next_due().is_none(),
            Self::Generator(rx) => rx.is_done(),
            // What it sent may yet come, and then something is received and not nothing.
            Self::Loopback(_) | Self::Null(_) => true,
            Self::Several(rx) => rx.is_done(),
            Self::Handover(_) => true,
        }
    }

    /// Packets that came from other workers, which are in no port's statistics.
    #[must_use]
    pub fn taken_over(&self) -> u64 {
        match self {
            Self::Handover(rx) => rx.stats().packets,
            Self::Several(rx) => rx.taken_over(),
            _ => 0,
        }
    }
}

impl<'p> AnyTx<'_, 'p> {
    /// Packets that went to other workers, which are in no port's statistics.
    #[must_use]
    pub fn handed_over(&self) -> u64 {
        match self {
            Self::Handover(tx) => tx.stats().packets,
            _ => 0,
        }
    }

    /// Packets of other workers that the port took.
    #[must_use]
    pub fn passed_on(&self) -> u64 {
        match self {
            Self::Owner(tx) => tx.passed_on(),
            _ => 0,
        }
    }

    /// Packets of other workers that wait for the port.
    pub fn waiting(&mut self) -> usize {
        match self {
            Self::Owner(tx) => tx.waiting(),
            _ => 0,
        }
    }

    /// Frees those of them that are in no ring any more; how many.
    pub fn discard(&mut self, cache: &mut Cache<'p>) -> usize {
        match self {
            Self::Owner(tx) => tx.discard(cache),
            _ => 0,
        }
    }
}

/// The same of whatever queue it is.
macro_rules! any_rx {
    ($self:ident, $rx:ident => $call:expr) => {
        match $self {
            Self::AfXdp($rx) => $call,
            Self::Pcap($rx) => $call,
            Self::Generator($rx) => $call,
            #[cfg(feature = "dpdk")]
            Self::Dpdk($rx) => $call,
            Self::VhostUser($rx) => $call,
            Self::VhostUserServer($rx) => $call,
            Self::Loopback($rx) => $call,
            Self::Null($rx) => $call,
            Self::Several($rx) => $call,
            Self::Handover($rx) => $call,
        }
    };
}

impl<'p> RxQueue<'p> for AnyRx<'_, 'p> {
    #[inline]
    fn rx_burst(&mut self, cache: &mut Cache<'p>, out: &mut BurstView<'p>) -> usize {
        any_rx!(self, rx => rx.rx_burst(cache, out))
    }

    #[inline]
    fn rx_burst_by(
        &mut self,
        port: PortId,
        cache: &mut Cache<'p>,
        out: &mut BurstView<'p>,
    ) -> (usize, Offloads) {
        any_rx!(self, rx => rx.rx_burst_by(port, cache, out))
    }

    fn stats(&self) -> RxStats {
        match self {
            Self::AfXdp(rx) => rx.stats(),
            Self::Pcap(rx) => RxQueue::stats(rx),
            Self::Generator(rx) => rx.stats(),
            #[cfg(feature = "dpdk")]
            Self::Dpdk(rx) => rx.stats(),
            Self::VhostUser(rx) => rx.stats(),
            Self::VhostUserServer(rx) => RxQueue::stats(&**rx),
            Self::Loopback(rx) => rx.stats(),
            Self::Null(rx) => rx.stats(),
            Self::Several(rx) => rx.stats(),
            Self::Handover(_) => RxStats::default(),
        }
    }
}

impl<'p> TxQueue<'p> for AnyTx<'_, 'p> {
    #[inline]
    fn tx_burst(&mut self, cache: &mut Cache<'p>, packets: &mut BurstView<'p>) -> usize {
        match self {
            Self::AfXdp(tx) => tx.tx_burst(cache, packets),
            Self::Pcap(tx) => tx.tx_burst(cache, packets),
            #[cfg(feature = "dpdk")]
            Self::Dpdk(tx) => tx.tx_burst(cache, packets),
            Self::VhostUser(tx) => tx.tx_burst(cache, packets),
            Self::VhostUserServer(tx) => tx.tx_burst(cache, packets),
            Self::Loopback(tx) => tx.tx_burst(cache, packets),
            Self::Null(tx) => tx.tx_burst(cache, packets),
            Self::Several(tx) => tx.tx_burst(cache, packets),
            Self::Handover(tx) => tx.tx_burst(cache, packets),
            Self::Owner(tx) => tx.tx_burst(cache, packets),
        }
    }

    #[inline]
    fn reclaim(&mut self, cache: &mut Cache<'p>) -> usize {
        match self {
            Self::AfXdp(tx) => tx.reclaim(cache),
            Self::Pcap(tx) => tx.reclaim(cache),
            #[cfg(feature = "dpdk")]
            Self::Dpdk(tx) => tx.reclaim(cache),
            Self::VhostUser(tx) => tx.reclaim(cache),
            Self::VhostUserServer(tx) => tx.reclaim(cache),
            Self::Loopback(tx) => tx.reclaim(cache),
            Self::Null(tx) => tx.reclaim(cache),
            Self::Several(tx) => tx.reclaim(cache),
            Self::Handover(tx) => tx.reclaim(cache),
            Self::Owner(tx) => tx.reclaim(cache),
        }
    }

    fn link_up(&self) -> bool {
        match self {
            Self::AfXdp(tx) => tx.link_up(),
            #[cfg(feature = "dpdk")]
            Self::Dpdk(tx) => tx.link_up(),
            Self::VhostUser(tx) => tx.link_up(),
            Self::VhostUserServer(tx) => tx.link_up(),
            Self::Several(tx) => tx.link_up(),
            Self::Owner(tx) => tx.link_up(),
            Self::Pcap(_) | Self::Loopback(_) | Self::Null(_) | Self::Handover(_) => true,
        }
    }

    fn stats(&self) -> TxStats {
        match self {
            Self::AfXdp(tx) => tx.stats(),
            Self::Pcap(tx) => TxQueue::stats(tx),
            #[cfg(feature = "dpdk")]
            Self::Dpdk(tx) => tx.stats(),
            Self::VhostUser(tx) => tx.stats(),
            Self::VhostUserServer(tx) => TxQueue::stats(&**tx),
            Self::Loopback(tx) => tx.stats(),
            Self::Null(tx) => tx.stats(),
            Self::Several(tx) => tx.stats(),
            Self::Handover(_) => TxStats::default(),
            Self::Owner(tx) => tx.stats(),
        }
    }
}

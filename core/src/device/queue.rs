//! The traits.

use super::{Capabilities, DeviceError, Link, RxStats, TxStats};
use crate::mempool::Cache;
use crate::packet::{BurstView, Offloads, PortId};
use crate::wire::MacAddr;

/// One receive queue. One thread polls it.
///
/// A queue that gives every packet in a list, to show the shape:
///
/// ```
/// use linecard::device::{RxQueue, RxStats};
/// use linecard::mempool::Cache;
/// use linecard::packet::{BurstView, Packet};
///
/// struct Pings { left: usize, stats: RxStats }
///
/// impl<'p> RxQueue<'p> for Pings {
///     fn rx_burst(&mut self, cache: &mut Cache<'p>, out: &mut BurstView<'p>) -> usize {
///         let mut given = 0;
///         while self.left > 0 && out.room() > 0 {
///             let Some(frame) = cache.alloc() else { self.stats.no_frames += 1; break };
///             let mut packet = Packet::new(frame);
///             let Ok(data) = packet.append(4) else { break };
///             data.copy_from_slice(b"ping");
///             self.stats.packets += 1;
///             self.stats.bytes += 4;
///             self.left -= 1;
///             given += usize::from(out.push(packet).is_ok());
///         }
///         given
///     }
///     fn stats(&self) -> RxStats { self.stats }
/// }
/// ```
pub trait RxQueue<'p>: Send {
    /// Adds to the end of `out` the packets that are there, while it has room, and gives how
    /// many. Never waits.
    ///
    /// Frames for the device to fill next are taken from `cache`; when there are none, the device
    /// goes short and [`RxStats::no_frames`] counts it.
    fn rx_burst(&mut self, cache: &mut Cache<'p>, out: &mut BurstView<'p>) -> usize;

    /// As [`rx_burst`](Self::rx_burst), for who knows the queue as `port`: the packets say that they came in
    /// by it, and the marks that any of them has are given too.
    ///
    /// A queue that writes descriptors anyhow does so here as it writes them, and saves a pass over the burst.
    #[inline]
    fn rx_burst_by(
        &mut self,
        port: PortId,
        cache: &mut Cache<'p>,
        out: &mut BurstView<'p>,
    ) -> (usize, Offloads) {
        let before = out.len();
        let got = self.rx_burst(cache, out);
        let new = out.as_mut_slice().get_mut(before..).unwrap_or_default();
        (got, cache.note_port(new, port))
    }

    /// What was counted since the queue was opened.
    fn stats(&self) -> RxStats;
}

/// One transmit queue. One thread polls it.
///
/// A queue that counts and frees, to show the shape (it is [`null`](crate::device)'s):
///
/// ```
/// use linecard::device::{TxQueue, TxStats};
/// use linecard::mempool::Cache;
/// use linecard::packet::BurstView;
///
/// struct Sink(TxStats);
///
/// impl<'p> TxQueue<'p> for Sink {
///     fn tx_burst(&mut self, cache: &mut Cache<'p>, packets: &mut BurstView<'p>) -> usize {
///         self.0.packets += packets.len() as u64;
///         self.0.bytes += packets.iter().map(|packet| packet.total_len() as u64).sum::<u64>();
///         packets.free(cache)
///     }
///     fn reclaim(&mut self, _cache: &mut Cache<'p>) -> usize { 0 }
///     fn stats(&self) -> TxStats { self.0 }
/// }
/// ```
pub trait TxQueue<'p>: Send {
    /// Takes packets from the front of `packets`, as many as fit, and gives how many; the rest
    /// stays, in order. One doorbell for all. Never waits until they are sent.
    ///
    /// Frames of packets sent earlier that the device is done with go to `cache`. A packet that
    /// can never be sent (too long for the device, say) is taken, freed and counted by reason.
    ///
    /// No packet leaves with an unfinished checksum. Of one that is marked
    /// [`L4_WANTED`](crate::packet::Offloads::L4_WANTED) a device with
    /// [`TX_CHECKSUM`](super::Features::TX_CHECKSUM) finishes it; for any other the queue does, by
    /// [`finish_checksum`](crate::packet::Packet::finish_checksum), as it looks at every packet
    /// anyhow. A device that hands packets over as they are, marks and all, leaves it to whoever
    /// receives them.
    fn tx_burst(&mut self, cache: &mut Cache<'p>, packets: &mut BurstView<'p>) -> usize;

    /// Takes back the frames that the device is done with, and nudges a device that has some yet
    /// to send; gives how many frames came back. For a worker with nothing to send.
    fn reclaim(&mut self, cache: &mut Cache<'p>) -> usize;

    /// Whether the link is up, as far as the queue knows without waiting: what a device learned when it
    /// was last asked for its [link](Device::link), or what the queue itself sees. A worker's stages
    /// ask about every 10 ms.
    fn link_up(&self) -> bool {
        true
    }

    /// What was counted since the queue was opened.
    fn stats(&self) -> TxStats;
}

/// A port: what it can do, its link, and its queues.
///
/// The devices of this module are ones to use and to read. Any of them can be opened so:
///
/// ```
/// use linecard::device::{Device, DeviceError, RxQueue};
/// use linecard::mempool::Cache;
/// use linecard::packet::Burst;
///
/// fn first_packets<'p, D: Device<'p>>(
///     device: &mut D,
///     cache: &mut Cache<'p>,
/// ) -> Result<usize, DeviceError> {
///     let (mut rx, _tx) = device.open(0, cache)?;
///     let mut burst: Burst<'p> = Burst::new();
///     let received = rx.rx_burst(cache, &mut burst);
///     burst.free(cache);
///     Ok(received)
/// }
/// ```
pub trait Device<'p> {
    /// Its receive queues.
    type Rx: RxQueue<'p>;
    /// Its transmit queues.
    type Tx: TxQueue<'p>;

    /// A name for messages: `af_xdp:eth0`, `pcap:in.pcap`.
    fn name(&self) -> &str;

    /// What it can do. Does not change while a queue is open.
    fn capabilities(&self) -> Capabilities;

    /// The link's state now. Transmit queues [say the same](TxQueue::link_up) from then on.
    fn link(&mut self) -> Link;

    /// The port's own Ethernet address.
    fn mac(&self) -> MacAddr;

    /// The longest layer-3 packet in bytes, without the Ethernet header.
    fn mtu(&self) -> usize;

    /// Opens queue `queue`, counted from 0. Frames for the device are taken from `cache`, which
    /// need not be the one the queue is polled with later.
    ///
    /// # Errors
    ///
    /// A [`DeviceError`]: no such queue, open already, or what the driver met.
    fn open(
        &mut self,
        queue: u16,
        cache: &mut Cache<'p>,
    ) -> Result<(Self::Rx, Self::Tx), DeviceError>;

    /// Takes a queue that hangs, or that broke the rules, out of service and opens it anew. Every
    /// frame that the device held is back in the pool, or in the ledger under the queue's name.
    /// What was counted starts at zero.
    ///
    /// # Errors
    ///
    /// A [`DeviceError`]; then the queue is closed.
    fn reset(
        &mut self,
        rx: Self::Rx,
        tx: Self::Tx,
        cache: &mut Cache<'p>,
    ) -> Result<(Self::Rx, Self::Tx), DeviceError>;
}

impl<'p, Q: RxQueue<'p> + ?Sized> RxQueue<'p> for &mut Q {
    #[inline]
    fn rx_burst(&mut self, cache: &mut Cache<'p>, out: &mut BurstView<'p>) -> usize {
        (**self).rx_burst(cache, out)
    }

    #[inline]
    fn rx_burst_by(
        &mut self,
        port: PortId,
        cache: &mut Cache<'p>,
        out: &mut BurstView<'p>,
    ) -> (usize, Offloads) {
        (**self).rx_burst_by(port, cache, out)
    }

    fn stats(&self) -> RxStats {
        (**self).stats()
    }
}

impl<'p, Q: TxQueue<'p> + ?Sized> TxQueue<'p> for &mut Q {
    #[inline]
    fn tx_burst(&mut self, cache: &mut Cache<'p>, packets: &mut BurstView<'p>) -> usize {
        (**self).tx_burst(cache, packets)
    }

    #[inline]
    fn reclaim(&mut self, cache: &mut Cache<'p>) -> usize {
        (**self).reclaim(cache)
    }

    fn link_up(&self) -> bool {
        (**self).link_up()
    }

    fn stats(&self) -> TxStats {
        (**self).stats()
    }
}

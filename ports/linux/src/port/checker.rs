//! A port that checks what is sent to it: the counterpart of a stamping generator.

use core::fmt;

use linecard::device::{Capabilities, Device, DeviceError, Link, Null, NullRx, TxQueue, TxStats};
use linecard::mempool::Cache;
use linecard::packet::BurstView;
use linecard::wire::checksum::PseudoHeader;
use linecard::wire::parse::{Outcome, VERIFY, parse};
use linecard::wire::{Header, IpProtocol, Ipv4Header, Ipv6Header, Kinds, MacAddr};

use super::flow::Stamp;
use super::own_queues::OwnQueues;

/// A sink that reads the [`Stamp`] of each packet and keeps account of every flow: what is
/// missing, what came twice, what came late.
///
/// It receives nothing. Its memory is fixed when its queue is opened: 16 bytes a flow.
///
/// ```
/// use linecard::device::{Device, RxQueue, TxQueue};
/// use linecard::mempool::{Cache, PoolConfig};
/// use linecard::packet::Burst;
/// use linecard_linux::memory::{PagePolicy, PoolMemory};
/// use linecard_linux::port::{Checker, Generator, flows};
///
/// let mut memory = PoolMemory::new(64, PoolConfig::default(), PagePolicy::Prefer, false)?;
/// let pool = memory.pool();
/// let mut cache = Cache::new(&pool, "core 0", 64)?;
/// let flows = flows(8, |_| ([192, 0, 2, 1], 53).into());
/// let mut source = Generator::new("in", &flows, 60, PagePolicy::Prefer)?.stamped();
/// let (mut rx, _) = source.open(0, &mut cache)?;
/// let (_, mut tx) = Checker::new("out", 8).open(0, &mut cache)?;
///
/// let mut burst = Burst::<32>::new();
/// rx.rx_burst(&mut cache, &mut burst);
/// // One is lost on the way. It is missed when the next of its flow comes.
/// burst.drain_front(1).for_each(drop);
/// tx.tx_burst(&mut cache, &mut burst);
/// assert_eq!((tx.seen().in_order, tx.seen().missing), (31, 1));
/// assert!(tx.seen().is_orderly());
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Checker {
    name: String,
    flows: usize,
    queue: OwnQueues,
}

/// What a [`Checker`] saw. Each packet is counted in one of these, except that `missing` are
/// those that never came.
///
/// ```
/// use linecard_linux::port::Seen;
///
/// let seen = Seen { in_order: 10, doubled: 1, ..Seen::default() };
/// assert!(!seen.is_orderly());
/// assert_eq!(seen.to_string(), "10 in order, 1 doubled");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    /// Packets behind all that came of their flow before.
    pub in_order: u64,
    /// Numbers that were passed over in their flow and have not come since. What is lost at the
    /// end of a flow is not among them: nothing tells of it here.
    pub missing: u64,
    /// Packets that came after a later one of their flow.
    pub late: u64,
    /// Packets that came a second time.
    pub doubled: u64,
    /// Packets more than 63 numbers behind their flow, of which it is not known whether they came
    /// before.
    pub stale: u64,
    /// Packets without a stamp, or of a flow that is not among those expected.
    pub foreign: u64,
    /// Packets that are not whole, or have a wrong checksum in IP or UDP.
    pub damaged: u64,
}

impl Checker {
    /// A port under this name that expects packets of the flows from 0 to `flows - 1`.
    #[must_use]
    pub fn new(name: impl Into<String>, flows: usize) -> Self {
        Self {
            name: name.into(),
            flows,
            queue: OwnQueues::new(1),
        }
    }
}

impl<'p> Device<'p> for Checker {
    type Rx = NullRx;
    type Tx = CheckerTx;

    fn name(&self) -> &str {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        self.queue.capabilities()
    }

    fn link(&mut self) -> Link {
        Link::Up { mbits: None }
    }

    fn mac(&self) -> MacAddr {
        MAC
    }

    fn mtu(&self) -> usize {
        OwnQueues::MTU
    }

    fn open(
        &mut self,
        queue: u16,
        cache: &mut Cache<'p>,
    ) -> Result<(NullRx, CheckerTx), DeviceError> {
        self.queue.take(queue)?;
        let (rx, _) = Null::sink().open(queue, cache)?;
        let tx = CheckerTx {
            flows: vec![Progress::default(); self.flows],
            seen: Seen::default(),
            stats: TxStats::default(),
        };
        Ok((rx, tx))
    }

    /// Begins anew: of each flow any number may come first.
    fn reset(
        &mut self,
        _rx: NullRx,
        _tx: CheckerTx,
        cache: &mut Cache<'p>,
    ) -> Result<(NullRx, CheckerTx), DeviceError> {
        self.queue.give_back(0);
        self.open(0, cache)
    }
}

/// The sending side of a [`Checker`].
///
/// ```
/// use linecard::device::{Device, TxQueue};
/// use linecard::mempool::{Cache, PoolConfig};
/// use linecard::packet::Burst;
/// use linecard_linux::memory::{PagePolicy, PoolMemory};
/// use linecard_linux::port::{Checker, CheckerTx};
///
/// let mut memory = PoolMemory::new(64, PoolConfig::default(), PagePolicy::Prefer, false)?;
/// let pool = memory.pool();
/// let mut cache = Cache::new(&pool, "core 0", 32)?;
/// let (_, mut tx): (_, CheckerTx) = Checker::new("out", 1).open(0, &mut cache)?;
///
/// // What no stamping generator has made is told apart.
/// let mut burst: Burst<'_> = Burst::new();
/// burst.alloc(&mut cache, 2);
/// tx.tx_burst(&mut cache, &mut burst);
/// assert_eq!((tx.seen().in_order, tx.seen().is_orderly()), (0, false));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub struct CheckerTx {
    flows: Vec<Progress>,
    seen: Seen,
    stats: TxStats,
}

/// How far a flow has come.
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    /// The number that comes next.
    next: u64,
    /// Which of the 64 numbers before that came, the last one in the lowest bit.
    came: u64,
}

impl CheckerTx {
    /// What was seen so far.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.seen
    }

    /// How many packets of a flow there must have been at least: one more than the highest number
    /// that came; `None` for a flow that is not expected.
    #[must_use]
    pub fn reached(&self, flow: usize) -> Option<u64> {
        self.flows.get(flow).map(|progress| progress.next)
    }

    fn check(&mut self, frame: &[u8]) {
        match stamp_of(frame) {
            Some(Some(stamp)) => self.note(stamp),
            Some(None) => self.seen.foreign += 1,
            None => self.seen.damaged += 1,
        }
    }

    fn note(&mut self, stamp: Stamp) {
        let seen = &mut self.seen;
        let flow = usize::try_from(stamp.flow).ok();
        let Some(progress) = flow.and_then(|flow| self.flows.get_mut(flow)) else {
            seen.foreign += 1;
            return;
        };
        if let Some(gap) = stamp.number.checked_sub(progress.next) {
            seen.in_order += 1;
            seen.missing = seen.missing.wrapping_add(gap);
            let shift = u32::try_from(gap).unwrap_or(u32::MAX).saturating_add(1);
            progress.came = progress.came.checked_shl(shift).unwrap_or(0) | 1;
            progress.next = stamp.number.wrapping_add(1);
            return;
        }
        let behind = progress.next.wrapping_sub(stamp.number).wrapping_sub(1);
        let bit = u32::try_from(behind)
            .ok()
            .and_then(|behind| 1_u64.checked_shl(behind));
        match bit {
            None => seen.stale += 1,
            Some(bit) if progress.came & bit != 0 => seen.doubled += 1,
            Some(bit) => {
                progress.came |= bit;
                seen.late += 1;
                seen.missing = seen.missing.wrapping_sub(1);
            }
        }
    }
}

impl<'p> TxQueue<'p> for CheckerTx {
    fn tx_burst(&mut self, cache: &mut Cache<'p>, packets: &mut BurstView<'p>) -> usize {
        for packet in packets.iter() {
            self.check(packet.data());
        }
        let bytes = packets.total_len();
        let taken = packets.free(cache);
        self.stats.packets += taken as u64;
        self.stats.completed += taken as u64;
        self.stats.bytes += bytes as u64;
        taken
    }

    fn reclaim(&mut self, _cache: &mut Cache<'p>) -> usize {
        0
    }

    fn stats(&self) -> TxStats {
        self.stats
    }
}

impl fmt::Debug for CheckerTx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckerTx")
            .field("flows", &self.flows.len())
            .field("seen", &self.seen)
            .finish_non_exhaustive()
    }
}

impl Seen {
    /// Packets that came, each number once.
    #[must_use]
    pub const fn different(&self) -> u64 {
        self.in_order + self.late
    }

    /// Nothing came out of order, twice, damaged or from elsewhere; packets may be missing.
    #[must_use]
    pub const fn is_orderly(&self) -> bool {
        self.late == 0
            && self.doubled == 0
            && self.stale == 0
            && self.foreign == 0
            && self.damaged == 0
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in order", self.in_order)?;
        [
            (self.missing, "missing"),
            (self.late, "late"),
            (self.doubled, "doubled"),
            (self.stale, "stale"),
            (self.foreign, "foreign"),
            (self.damaged, "damaged"),
        ]
        .into_iter()
        .filter(|&(count, _)| count != 0)
        .try_for_each(|(count, what)| write!(f, ", {count} {what}"))
    }
}

/// The stamp of a frame; `None` if the frame is damaged, `Some(None)` if it is another's.
#[inline]
fn stamp_of(frame: &[u8]) -> Option<Option<Stamp>> {
    let parsed = parse::<VERIFY>(frame);
    if !parsed.outcome.is_well_formed() {
        return None;
    }
    let layers = parsed.layers;
    if parsed.outcome != Outcome::Complete || !layers.contains(Kinds::UDP) {
        return Some(None);
    }
    let ip = frame.get(layers.l3_offset()..)?;
    let (pseudo, len) = if layers.contains(Kinds::IPV4) {
        let (header, _) = Ipv4Header::split(ip).ok()?;
        let pseudo = PseudoHeader::ipv4(header.source(), header.destination());
        (pseudo, usize::from(header.total_len()))
    } else {
        let (header, _) = Ipv6Header::split(ip).ok()?;
        let pseudo = PseudoHeader::ipv6(header.source(), header.destination());
        (pseudo, IPV6 + usize::from(header.payload_len()))
    };
    // What follows the packet in a short Ethernet frame is padding.
    let end = layers.l3_offset().checked_add(len)?;
    let segment = frame.get(layers.l4_offset()?..end)?;
    let checksum = segment.get(6..8)?;
    if checksum != [0, 0] && !pseudo.is_valid(IpProtocol::UDP, segment) {
        return None;
    }
    Some(Stamp::read(segment.get(UDP..)?))
}

const IPV6: usize = 40;
const UDP: usize = 8;
/// Locally administered.
const MAC: MacAddr = MacAddr([0x02, b'l', b'c', 0, 0, 2]);

#[cfg(test)]
mod tests {
    use linecard::mempool::PoolConfig;
    use linecard::packet::Burst;

    use super::*;
    use crate::memory::{PagePolicy, PoolMemory};
    use crate::port::{Flow, flows};

    fn seen_of(numbers: &[(u32, u64)]) -> Seen {
        let mut tx = checker();
        for &(flow, number) in numbers {
            tx.note(Stamp { flow, number });
        }
        tx.seen()
    }

    fn checker() -> CheckerTx {
        CheckerTx {
            flows: vec![Progress::default(); 4],
            seen: Seen::default(),
            stats: TxStats::default(),
        }
    }

    #[test]
    fn what_is_missing_late_doubled_stale_or_foreign() {
        let seen = |in_order, missing, late, doubled, stale, foreign| Seen {
            in_order,
            missing,
            late,
            doubled,
            stale,
            foreign,
            damaged: 0,
        };
        let flow = |numbers: &[u64]| {
            let all: Vec<_> = numbers.iter().map(|&number| (0, number)).collect();
            seen_of(&all)
        };
        assert_eq!(flow(&[0, 1, 2]), seen(3, 0, 0, 0, 0, 0));
        assert_eq!(flow(&[0, 2]), seen(2, 1, 0, 0, 0, 0));
        assert_eq!(flow(&[0, 2, 1, 3]), seen(3, 0, 1, 0, 0, 0));
        assert_eq!(flow(&[0, 1, 1, 0]), seen(2, 0, 0, 2, 0, 0));
        assert_eq!(flow(&[0, 2, 1, 1]), seen(2, 0, 1, 1, 0, 0));
        // 63 behind is in the window, 64 is not.
        assert_eq!(flow(&[0, 63, 0]), seen(2, 62, 0, 1, 0, 0));
        assert_eq!(flow(&[0, 64, 0]), seen(2, 63, 0, 0, 1, 0));
        assert_eq!(flow(&[0, 63, 64, 1]), seen(3, 61, 1, 0, 0, 0));
        assert_eq!(flow(&[1 << 40, 1]), seen(1, 1 << 40, 0, 0, 1, 0));
        let all: Vec<_> = (0..1000).collect();
        assert_eq!(flow(&all), seen(1000, 0, 0, 0, 0, 0));
        // Flows do not know of each other, and the fifth is nobody's.
        let mixed = [(0, 0), (3, 0), (1, 0), (3, 1), (0, 1), (4, 0)];
        assert_eq!(seen_of(&mixed), seen(5, 0, 0, 0, 0, 1));
    }

    #[test]
    fn frames_are_told_from_damaged_and_foreign_ones() {
        let to = MacAddr([2, 0, 0, 0, 0, 1]);
        for destination in ["192.0.2.1:53", "[2001:db8::1]:53"] {
            let destination = destination.parse().unwrap();
            let flow: Flow = flows(1, |_| destination)[0];
            for size in [flow.header_len() + Stamp::LEN, 100, 1514] {
                let good = flow.frame(size, to, to).unwrap();
                let stamp = Stamp { flow: 0, number: 0 };
                assert_eq!(stamp_of(&good), Some(Some(stamp)), "{destination} {size}");
                let payload = flow.header_len();
                let mut damaged = good.clone();
                damaged[payload] ^= 1;
                assert_eq!(stamp_of(&damaged), None);
                assert_eq!(stamp_of(&good[..size - 1]), None);
                // Padding is not looked at.
                let mut padded = good.clone();
                padded.push(1);
                assert_eq!(stamp_of(&padded), Some(Some(stamp)));
            }
            // Right, but without a stamp; and no UDP at all.
            let short = flow.frame(flow.header_len() + 8, to, to).unwrap();
            assert_eq!(stamp_of(&short), Some(None));
        }
        let mut arp = vec![0; 60];
        arp[12..22].copy_from_slice(&[8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
        assert_eq!(stamp_of(&arp), Some(None));
    }

    #[test]
    fn frames_go_back_to_their_pool_and_are_counted() {
        let config = PoolConfig::default();
        let mut memory = PoolMemory::new(64, config, PagePolicy::Never, false).unwrap();
        let pool = memory.pool();
        let mut cache = Cache::new(&pool, "test", 64).unwrap();
        let mut device = Checker::new("test", 1);
        let (_, mut tx) = device.open(0, &mut cache).unwrap();
        assert!(device.open(0, &mut cache).is_err());
        let flow: Flow = flows(1, |_| ([192, 0, 2, 1], 53).into())[0];
        let frame = flow.frame(60, MAC, MAC).unwrap();
        let mut burst = Burst::<4>::new();
        burst.alloc(&mut cache, 3);
        for packet in &mut burst {
            packet.append(60).unwrap().copy_from_slice(&frame);
        }
        burst.as_mut_slice()[2].data_mut()[24] ^= 1;
        assert_eq!(tx.tx_burst(&mut cache, &mut burst), 3);
        let seen = tx.seen();
        assert_eq!((seen.in_order, seen.doubled, seen.damaged), (1, 1, 1));
        assert_eq!(seen.to_string(), "1 in order, 1 doubled, 1 damaged");
        assert_eq!(tx.reached(0), Some(1));
        assert_eq!((tx.stats().packets, tx.stats().bytes), (3, 180));
        drop(cache);
        pool.audit().unwrap();
    }
}

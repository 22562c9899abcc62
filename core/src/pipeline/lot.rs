//! A burst while stages work on it.

use super::{Ahead, Verdict};
use crate::packet::{Packet, PortId};
use crate::platform::Instant;
use crate::trace::{Observe, Phase};

/// A burst's packets and their verdicts, while stages work on them in place.
///
/// ```
/// use linecard::packet::{Packet, PortId};
/// use linecard::pipeline::{Lot, Verdict};
/// use linecard::platform::Instant;
///
/// let mut packets: [Packet<'_>; 0] = [];
/// let mut verdicts = [];
/// let mut lot = Lot::new(&mut packets, &mut verdicts, Instant::from_nanos(0));
/// for (packet, verdict) in lot.undecided() {
///     *verdict = Verdict::send(PortId(packet.port.0 ^ 1));
/// }
/// ```
pub struct Lot<'a, 'p> {
    packets: &'a mut [Packet<'p>],
    verdicts: &'a mut [Verdict],
    /// The verdict of all packets, whatever `verdicts` has, until somebody looks at one of them.
    all: Option<Verdict>,
    now: Instant,
    /// By which all of them came in, if the caller says so.
    port: Option<PortId>,
    /// Exception codes below this belong to stages before.
    pub(super) first_code: u16,
    marks: Marks<'a>,
    ahead: Ahead<'a, 'p>,
}

impl<'a, 'p> Lot<'a, 'p> {
    /// A lot of these packets. If there are fewer verdicts than packets, the rest is left out.
    #[inline]
    pub fn new(packets: &'a mut [Packet<'p>], verdicts: &'a mut [Verdict], now: Instant) -> Self {
        Self {
            packets,
            verdicts,
            all: None,
            now,
            port: None,
            first_code: 0,
            marks: Marks(None),
            ahead: Ahead::default(),
        }
    }

    /// None of the packets has a verdict, whatever the verdicts are that the lot was made of.
    #[inline]
    #[must_use]
    pub(crate) const fn fresh(mut self) -> Self {
        self.all = Some(Verdict::UNDECIDED);
        self
    }

    /// Has stages ask for the headers of `next`, packets that they will be given after these,
    /// between the steps of their work.
    #[inline]
    #[must_use]
    pub fn ahead(mut self, next: &'a [Packet<'p>]) -> Self {
        self.ahead = Ahead::new(next);
        self
    }

    /// Says that all packets came in by `port`, as each of them has [written down](Packet::port).
    #[inline]
    #[must_use]
    pub const fn from_port(mut self, port: PortId) -> Self {
        self.port = Some(port);
        self
    }

    /// Has `observer` told of each phase.
    #[must_use]
    pub fn observed(mut self, observer: Option<&'a mut dyn Observe>) -> Self {
        self.marks = Marks(observer);
        self
    }

    /// Packets in the lot.
    #[inline]
    pub fn len(&self) -> usize {
        self.packets.len().min(self.verdicts.len())
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// When the burst is worked on.
    #[inline]
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// The port by which all packets came in, where that is known. What depends on nothing else is
    /// then decided once, by [`decide`](Self::decide). A stage that changes the ports of packets
    /// [takes it away](Self::forget_port) from those behind it.
    #[inline]
    pub const fn port(&self) -> Option<PortId> {
        self.port
    }

    /// From now on only the packets themselves say by which ports they came in.
    #[inline]
    pub const fn forget_port(&mut self) {
        self.port = None;
    }

    /// Gives each packet on which no stage has decided the same verdict.
    #[inline]
    pub fn decide(&mut self, verdict: Verdict) {
        if let Some(all) = &mut self.all {
            *all = all.or(verdict);
            return;
        }
        let len = self.len();
        for other in self.verdicts.get_mut(..len).unwrap_or_default() {
            *other = other.or(verdict);
        }
    }

    /// The verdict that all packets have, if it is one.
    #[inline]
    pub(super) fn all(&self) -> Option<Verdict> {
        self.all.or_else(|| Verdict::of_all(self.verdicts))
    }

    /// Gives each packet its verdict from here on.
    #[inline]
    fn spread(&mut self) {
        if let Some(all) = self.all.take() {
            self.verdicts.fill(all);
        }
    }

    /// All packets with their verdicts, decided or not, and what else there is: for a stage that
    /// goes over them its own way.
    #[inline]
    pub fn parts(&mut self) -> Parts<'_, 'a, 'p> {
        self.spread();
        Parts {
            packets: self.packets,
            verdicts: self.verdicts,
            ahead: &mut self.ahead,
            marks: self.marks.reborrow(),
        }
    }

    /// As [`parts`](Self::parts), but for the verdicts, if the last is true: then they say nothing, as no stage has
    /// looked at one, and all packets are undecided. The caller gives each of them one, or [tells](Self::decided) which all have.
    #[inline]
    pub(crate) fn unwritten_parts(&mut self) -> (Parts<'_, 'a, 'p>, bool) {
        let fresh = self.all.take_if(|all| all.is_undecided()).is_some();
        (self.parts(), fresh)
    }

    /// All packets have this verdict, whatever is written down.
    #[inline]
    pub(crate) const fn decided(&mut self, all: Verdict) {
        self.all = Some(all);
    }

    /// Asks for what no stage has asked for of the packets [`ahead`](Self::ahead).
    #[inline]
    pub fn ask_all(&mut self) {
        self.ahead.ask_all();
    }

    /// All packets, and those that come next, if nobody has decided on any of them or looked at its verdict:
    /// for a stage that seldom decides, so that no verdicts are written and read for it.
    #[inline]
    pub(crate) fn untouched(&mut self) -> Option<(&mut [Packet<'p>], &mut Ahead<'a, 'p>)> {
        let fresh = self.all.is_some_and(Verdict::is_undecided);
        let len = self.len();
        let packets = self.packets.get_mut(..len).filter(|_| fresh)?;
        Some((packets, &mut self.ahead))
    }

    /// Has `each` look at every packet on which no stage has decided, and give its verdict: for a stage that
    /// seldom decides, so that no verdicts are written and read for the packets that it leaves
    /// [undecided](Verdict::UNDECIDED). Meanwhile the headers of the packets that come next are asked for.
    ///
    /// ```
    /// # use linecard::packet::Packet;
    /// # use linecard::platform::Instant;
    /// use linecard::pipeline::{DropReason, Lot, Verdict};
    ///
    /// # let mut packets: [Packet<'_>; 0] = [];
    /// # let mut verdicts = [];
    /// # let mut lot = Lot::new(&mut packets, &mut verdicts, Instant::from_nanos(0));
    /// lot.each(|packet| match packet.len() {
    ///     ..14 => Verdict::drop(DropReason::MALFORMED_L2),
    ///     _ => Verdict::UNDECIDED,
    /// });
    /// ```
    #[inline]
    pub fn each(&mut self, each: impl FnMut(&mut Packet<'p>) -> Verdict) {
        self.each_from(0, each);
    }

    /// As [`each`](Self::each), but with the first `done` packets the caller is done, and leaves them undecided;
    /// none, if they are not [untouched](Self::untouched).
    #[inline]
    pub(crate) fn each_from(
        &mut self,
        done: usize,
        mut each: impl FnMut(&mut Packet<'p>) -> Verdict,
    ) {
        let done = match self.untouched() {
            None => {
                self.spread();
                done
            }
            Some((packets, ahead)) => {
                let left = packets.get_mut(done..).unwrap_or_default();
                match first_decided(left, ahead, &mut each) {
                    None => return,
                    Some((at, verdict)) => self.spread_but(done.wrapping_add(at), verdict),
                }
            }
        };
        let pairs = self.packets.iter_mut().zip(self.verdicts.iter_mut());
        for (packet, verdict) in pairs.skip(done) {
            self.ahead.ask();
            if verdict.is_undecided() {
                *verdict = each(packet);
            }
        }
    }

    /// Gives each packet its verdict from here on, and the one numbered `at` this one; gives the number
    /// of the next.
    #[cold]
    #[inline(never)]
    fn spread_but(&mut self, at: usize, verdict: Verdict) -> usize {
        self.spread();
        if let Some(one) = self.verdicts.get_mut(at) {
            *one = verdict;
        }
        at.wrapping_add(1)
    }

    /// The packets on which no stage has decided. With each packet the headers of one that comes
    /// next are asked for.
    #[inline]
    pub fn undecided(&mut self) -> impl Iterator<Item = (&mut Packet<'p>, &mut Verdict)> {
        self.spread();
        let pairs = self.packets.iter_mut().zip(self.verdicts.iter_mut());
        let ahead = &mut self.ahead;
        pairs.filter(move |(_, verdict)| {
            ahead.ask();
            verdict.is_undecided()
        })
    }

    /// The verdict that brings a packet to this stage's [`exception`](super::Stage::exception) with
    /// `code`.
    #[inline]
    pub const fn exception(&self, code: u16) -> Verdict {
        Verdict::exception(self.first_code.wrapping_add(code))
    }

    /// Tells the observer, if there is one, that a phase of the work is done.
    #[inline]
    pub fn mark(&mut self, phase: Phase) {
        let packets = self.len();
        self.marks.mark(phase, packets);
    }
}

/// Has `each` look at the packets up to the first on which it decides; gives its number and the verdict.
#[inline]
fn first_decided<'p>(
    packets: &mut [Packet<'p>],
    ahead: &mut Ahead<'_, 'p>,
    mut each: impl FnMut(&mut Packet<'p>) -> Verdict,
) -> Option<(usize, Verdict)> {
    let mut at = 0_usize;
    let mut look = |packet: &mut Packet<'p>| {
        let verdict = each(packet);
        if !verdict.is_undecided() {
            return Some((at, verdict));
        }
        at = at.wrapping_add(1);
        None
    };
    let (fours, rest) = packets.as_chunks_mut::<4>();
    for four in fours {
        ahead.ask_four();
        if let Some(decided) = four.iter_mut().find_map(&mut look) {
            return Some(decided);
        }
    }
    rest.iter_mut().find_map(look)
}

impl core::fmt::Debug for Lot<'_, '_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let verdicts = self.verdicts.iter().map(|each| self.all.unwrap_or(*each));
        f.debug_map()
            .entries(self.packets.iter().zip(verdicts))
            .finish()
    }
}

/// What [`Lot::parts`] gives.
///
/// ```
/// use linecard::pipeline::{Lot, Parts, Stage};
/// use linecard::trace::Phase;
///
/// struct InHalves;
/// impl Stage<'_> for InHalves {
///     fn process(&mut self, lot: &mut Lot<'_, '_>) {
///         let Parts { packets, ahead, mut marks, .. } = lot.parts();
///         for half in packets.chunks_mut(16) {
///             for packet in half.iter_mut() {
///                 ahead.ask();
///                 packet.mark = 1;
///             }
///             marks.mark(Phase::PARSE, half.len());
///         }
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Parts<'l, 'a, 'p> {
    /// The packets.
    pub packets: &'l mut [Packet<'p>],
    /// Their verdicts; there may be more or fewer of them.
    pub verdicts: &'l mut [Verdict],
    /// The packets that come next.
    pub ahead: &'l mut Ahead<'a, 'p>,
    /// Who is told of phases.
    pub marks: Marks<'l>,
}

/// Tells a lot's observer, if it has one, of the phases of the work on it: see [`Parts`].
///
/// ```
/// use linecard::pipeline::{Lot, Stage};
/// use linecard::trace::Phase;
///
/// struct Nothing;
/// impl Stage<'_> for Nothing {
///     fn process(&mut self, lot: &mut Lot<'_, '_>) {
///         let mut parts = lot.parts();
///         parts.marks.mark(Phase::PARSE, parts.packets.len());
///     }
/// }
/// ```
pub struct Marks<'a>(Option<&'a mut dyn Observe>);

impl Marks<'_> {
    #[inline]
    fn reborrow(&mut self) -> Marks<'_> {
        let observer: Option<&mut dyn Observe> = match &mut self.0 {
            Some(observer) => Some(&mut **observer),
            None => None,
        };
        Marks(observer)
    }

    /// Whether there is an observer: a stage may take its phases apart for it.
    #[inline]
    pub const fn are_kept(&self) -> bool {
        self.0.is_some()
    }

    /// A phase of the work on `packets` packets is done.
    #[inline]
    pub fn mark(&mut self, phase: Phase, packets: usize) {
        if let Some(observer) = &mut self.0 {
            observer.mark(phase, packets);
        }
    }
}

impl core::fmt::Debug for Marks<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Marks")
            .field("observed", &self.0.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;
    use crate::mempool::{Cache, Pool, PoolConfig, Region, Slot};
    use crate::packet::Burst;
    use crate::pipeline::DropReason;

    fn with_packets(count: usize, run: impl FnOnce(&mut Burst<'_>)) {
        let mut memory = vec![0u8; 8 * 2048 + 63];
        let slots = [const { Slot::new() }; 8];
        let region = Region::from_slice(&mut memory);
        let pool = Pool::new(region, &slots, PoolConfig::default()).expect("a pool");
        let mut cache = Cache::new(&pool, "core 0", 8).expect("a cache");
        let mut burst: Burst<'_> = Burst::new();
        burst.alloc(&mut cache, count);
        run(&mut burst);
        burst.free(&mut cache);
    }

    /// Wherever the first one is on which it decides, and whoever has decided before.
    #[test]
    fn each_undecided_one_is_looked_at_once() {
        with_packets(7, |burst| {
            let (drop, send) = (
                Verdict::drop(DropReason::NO_ROUTE),
                Verdict::send(PortId(4)),
            );
            let now = Instant::from_nanos(0);
            for first in 0..=7 {
                for before in [None, Some(0), Some(5)] {
                    for packet in &mut *burst {
                        packet.mark = 0;
                    }
                    let mut verdicts = [Verdict::UNDECIDED; 7];
                    if let Some(before) = before {
                        verdicts[before] = send;
                    }
                    let mut lot = Lot::new(burst.as_mut_slice(), &mut verdicts, now);
                    if before.is_none() {
                        lot = lot.fresh();
                    }
                    let mut at = 0;
                    lot.each(|packet| {
                        at += usize::from(before == Some(at));
                        packet.mark += 1;
                        at += 1;
                        match at > first {
                            true => drop,
                            false => Verdict::UNDECIDED,
                        }
                    });
                    let all = lot.all();
                    assert_eq!(
                        all.is_some_and(Verdict::is_undecided),
                        first == 7 && before.is_none()
                    );
                    let Parts {
                        packets, verdicts, ..
                    } = lot.parts();
                    for (at, (verdict, packet)) in verdicts.iter().zip(packets).enumerate() {
                        let (expected, times) = match before == Some(at) {
                            true => (send, 0),
                            false if at >= first => (drop, 1),
                            false => (Verdict::UNDECIDED, 1),
                        };
                        assert_eq!(
                            (*verdict, packet.mark),
                            (expected, times),
                            "{at} of {first}"
                        );
                    }
                }
            }
        });
    }

    #[test]
    fn all_at_once_are_those_without_a_verdict() {
        with_packets(3, |burst| {
            let (drop, send) = (
                Verdict::drop(DropReason::NO_ROUTE),
                Verdict::send(PortId(4)),
            );
            let mut verdicts = [Verdict::UNDECIDED; 5];
            verdicts[1] = drop;
            let now = Instant::from_nanos(0);
            let mut lot = Lot::new(burst.as_mut_slice(), &mut verdicts, now).from_port(PortId(2));
            assert_eq!(lot.port(), Some(PortId(2)));
            lot.decide(send);
            lot.forget_port();
            assert_eq!(lot.port(), None);
            let none = Verdict::UNDECIDED;
            assert_eq!(verdicts, [send, drop, send, none, none]);
            assert_eq!(Verdict::of_all(&verdicts[..3]), None);
            assert_eq!(Verdict::of_all(&verdicts[2..3]), Some(send));
            assert_eq!(Verdict::of_all(&[]), None);
        });
    }
}

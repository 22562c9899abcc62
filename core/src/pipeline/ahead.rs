//! The burst that comes next.

use core::fmt;
use core::slice::Iter;

use crate::packet::Packet;
use crate::platform::prefetch_read;

/// The packets that a lot's stages will see next, whose headers are asked for while they work on
/// this one.
///
/// A core has some tens of cache lines under way at a time, and does nothing else once it has asked
/// for more. Between the steps of other work a request costs next to nothing; a whole burst of them
/// in a row is waited for. So a stage asks for one header as it takes up each packet.
/// [`Lot::undecided`](super::Lot::undecided) does so by itself; who goes over the packets another way
/// calls [`ask`](Self::ask). What nobody has asked for, the worker asks for behind the last stage.
///
/// ```
/// use linecard::packet::Packet;
/// use linecard::pipeline::Ahead;
///
/// let next: [Packet<'_>; 0] = [];
/// let mut ahead = Ahead::new(&next);
/// ahead.ask(); // There is none, and nothing happens.
/// assert!(ahead.is_empty());
/// ```
pub struct Ahead<'a, 'p>(Iter<'a, Packet<'p>>);

impl<'a, 'p> Ahead<'a, 'p> {
    /// These packets.
    #[inline]
    pub fn new(packets: &'a [Packet<'p>]) -> Self {
        Self(packets.iter())
    }

    /// Asks for the headers of the next packet that has not been asked for.
    #[inline]
    pub fn ask(&mut self) {
        if let Some(packet) = self.0.next() {
            prefetch_read(packet.frame().as_ptr());
        }
    }

    /// Asks for those of the next four: for who works on four at a time.
    #[inline]
    pub fn ask_four(&mut self) {
        self.ask_some::<4>();
    }

    /// Asks for those of the next eight.
    #[inline]
    pub fn ask_eight(&mut self) {
        self.ask_some::<8>();
    }

    #[inline(always)]
    fn ask_some<const COUNT: usize>(&mut self) {
        let Some((some, rest)) = self.0.as_slice().split_first_chunk::<COUNT>() else {
            // Taken out: who calls this has it in registers.
            return core::mem::take(self).ask_rest();
        };
        self.0 = rest.iter();
        for packet in some {
            prefetch_read(packet.frame().as_ptr());
        }
    }

    /// The next eight, for who [asks](Next::ask) for each of them himself; none, if there are fewer.
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    #[inline(always)]
    pub(crate) fn next_eight(&mut self) -> Option<[Next<'a, 'p>; 8]> {
        let (eight, rest) = self.0.as_slice().split_first_chunk::<8>()?;
        self.0 = rest.iter();
        Some(eight.each_ref().map(Next))
    }

    /// Asks for those of all the rest.
    #[inline]
    pub fn ask_all(&mut self) {
        // Mostly there are none.
        if !self.is_empty() {
            core::mem::take(self).ask_rest();
        }
    }

    #[inline(never)]
    fn ask_rest(mut self) {
        while !self.is_empty() {
            self.ask();
        }
    }

    /// How many have not been asked for.
    #[inline]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether all have been asked for.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.as_slice().is_empty()
    }
}

/// One of the packets that come next.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
pub(crate) struct Next<'a, 'p>(&'a Packet<'p>);

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
impl Next<'_, '_> {
    /// Asks for its headers.
    #[inline(always)]
    pub(crate) fn ask(&self) {
        prefetch_read(self.0.frame().as_ptr());
    }
}

impl Default for Ahead<'_, '_> {
    /// No packets.
    #[inline]
    fn default() -> Self {
        Self::new(&[])
    }
}

impl fmt::Debug for Ahead<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ahead").field(&self.0.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use super::super::{Lot, Stage, Verdict, Worker, WorkerStats};
    use crate::device::{Device, Null};
    use crate::mempool::{Cache, Pool, PoolConfig, Region, Slot};
    use crate::packet::PortId;
    use crate::platform::NoClock;

    /// Notes how many packets there are, and how many are ahead before and behind `takes` of them.
    struct Notes {
        reads: bool,
        takes: usize,
        seen: Vec<[usize; 3]>,
    }

    impl Stage<'_> for Notes {
        fn process(&mut self, lot: &mut Lot<'_, '_>) {
            let (count, before) = (lot.len(), lot.parts().ahead.len());
            for (_, verdict) in lot.undecided().take(self.takes) {
                *verdict = Verdict::send(PortId(0));
            }
            self.seen.push([count, before, lot.parts().ahead.len()]);
        }

        fn reads(&self) -> bool {
            self.reads
        }
    }

    #[test]
    fn each_burst_is_ahead_once_and_asked_for_packet_by_packet() {
        let mut memory = vec![0u8; 64 * 2048 + 63];
        let slots = [const { Slot::new() }; 64];
        let pool = Pool::new(
            Region::from_slice(&mut memory),
            &slots,
            PoolConfig::default(),
        );
        let pool = pool.expect("a pool");
        let stats = WorkerStats::new();
        let reading = [(true, 32, 32, 0), (true, 3, 32, 29), (true, 0, 32, 32)];
        for (reads, takes, ahead, left) in reading.into_iter().chain([(false, 0, 0, 0)]) {
            let mut cache = Cache::new(&pool, "core 0", 32).expect("a cache");
            // Of the second port nothing comes.
            let ports = [Null::source(64), Null::sink()].map(|mut port| port.open(0, &mut cache));
            let notes = Notes {
                reads,
                takes,
                seen: Vec::new(),
            };
            let mut worker: Worker<'_, _, _, _, _> = Worker::new(notes, NoClock, cache, &stats);
            for port in ports {
                let (rx, tx) = port.expect("a port");
                worker.add_port(rx, tx).expect("room for it");
            }
            for _ in 0..4 {
                worker.poll();
            }
            worker.drain(1);
            let last = [32, 0, 0];
            let others = [32, ahead, left];
            assert_eq!(
                worker.stage().seen,
                [others, others, others, last],
                "{takes} packets"
            );
        }
        pool.audit().expect("every frame is back");
    }
}

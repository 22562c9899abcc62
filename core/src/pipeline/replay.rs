//! A worker in virtual time: same in, same out.

use core::fmt;
use core::time::Duration;

use super::{Stage, Worker};
use crate::device::{RxQueue, TxQueue};
use crate::packet::PortId;
use crate::platform::{Clock, Instant, ManualClock};

/// A replay came to a stand: a packet is due, and nothing is received.
///
/// There is no free frame for it, and as time goes on only when the packets of a moment are taken, there
/// never will be: the pool is too small for what the stages hold back at once.
///
/// ```
/// use linecard::pipeline::Stuck;
/// use linecard::platform::Instant;
///
/// let stuck = Stuck { at: Instant::from_nanos(1_500_000_000) };
/// assert_eq!(
///     stuck.to_string(),
///     "the replay stands still at 1.5s: a packet is due, and there is no free frame for it"
/// );
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stuck {
    /// The moment that never passed.
    pub at: Instant,
}

/// Runs a worker until its input has ended and nothing waits any more, in virtual time.
///
/// The worker's clock stands still while packets are worked on. When nothing is left to do it goes
/// to the moment of the next packet, which `next_due` says of a receive queue, and the earliest of
/// which counts. On the way it makes steps of 100 ms for five seconds, so that what waits in the
/// stages has its time: a router then has given up on a neighbour that does not answer. After the
/// last packet the same steps are made. What comes out therefore depends on what comes in and on
/// the stages alone, down to the moments, on every port of the core; and hours without a packet
/// take no time.
///
/// What is punted is freed. Afterwards the worker is [drained](Worker::drain): it holds no packet,
/// though its stage may.
///
/// # Errors
///
/// [`Stuck`] if in 100,000 rounds at one moment no packet was received though one is due. The worker is
/// drained all the same.
///
/// ```
/// use core::time::Duration;
/// use linecard::device::{Device, Null, RxQueue, RxStats};
/// use linecard::forward::MacSwap;
/// use linecard::mempool::Cache;
/// # use linecard::mempool::{Pool, PoolConfig, Region, Slot};
/// use linecard::packet::{BurstView, Packet};
/// use linecard::pipeline::{Worker, WorkerStats, replay};
/// use linecard::platform::{Clock, Instant, ManualClock};
///
/// /// A packet at each full hour of a day.
/// struct Hourly<'c>(&'c ManualClock, u64);
///
/// impl Hourly<'_> {
///     fn next_due(&self) -> Option<Instant> {
///         (self.1 < 24).then(|| Instant::from_nanos(self.1 * 3_600_000_000_000))
///     }
/// }
///
/// impl<'p> RxQueue<'p> for Hourly<'_> {
///     fn rx_burst(&mut self, cache: &mut Cache<'p>, out: &mut BurstView<'p>) -> usize {
///         if self.next_due().is_none_or(|due| due > self.0.now()) {
///             return 0;
///         }
///         let Some(frame) = cache.alloc() else { return 0 };
///         self.1 += 1;
///         usize::from(out.push(Packet::new(frame)).is_ok())
///     }
///     fn stats(&self) -> RxStats {
///         RxStats::default()
///     }
/// }
/// # let mut memory = vec![0u8; 64 * 2048 + 63];
/// # let slots = [const { Slot::new() }; 64];
/// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default())?;
/// # let stats = WorkerStats::new();
/// # let mut cache = Cache::new(&pool, "worker", 32)?;
///
/// let clock = ManualClock::new();
/// let (_, tx) = Null::sink().open(0, &mut cache)?;
/// let mut worker: Worker<'_, _, _, _, _> = Worker::new(MacSwap, &clock, cache, &stats);
/// worker.add_port(Hourly(&clock, 0), tx)?;
/// replay(&mut worker, Hourly::next_due)?;
/// assert_eq!(stats.received.value(), 24);
/// assert_eq!(clock.now() - Instant::default(), Duration::from_secs(23 * 3600 + 5));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn replay<'p, R, T, S, const PORTS: usize, const BURST: usize>(
    worker: &mut Worker<'p, R, T, S, &ManualClock, PORTS, BURST>,
    next_due: impl Fn(&R) -> Option<Instant>,
) -> Result<(), Stuck>
where
    R: RxQueue<'p>,
    T: TxQueue<'p>,
    S: Stage<'p>,
{
    let clock: &ManualClock = worker.clock();
    let mut waited = Duration::ZERO;
    let mut fruitless = 0;
    let ended = loop {
        let now = clock.now();
        let received = worker.poll();
        worker.punted().drain().for_each(drop);
        if received > 0 {
            // What came is worked on in the next round, at the same moment.
            waited = Duration::ZERO;
            fruitless = 0;
            continue;
        }
        match earliest(worker, &next_due) {
            // Nothing comes of a packet that is due only while queues pass over what they cannot
            // give, or when there is no frame; the latter would never end.
            Some(due) if due <= now => {
                fruitless += 1;
                if fruitless > PATIENCE {
                    break Err(Stuck { at: now });
                }
            }
            // Timers run at their own pace, until everything that waits has had its time.
            due if waited < SETTLED => {
                let step = now + STEP;
                let next = due.map_or(step, |due| step.min(due));
                waited += next - now;
                clock.set(next);
            }
            Some(due) => clock.set(due),
            None => break Ok(()),
        }
    };
    worker.drain(1);
    ended
}

/// When the next packet of any port is due.
fn earliest<'p, R, T, S, C, const PORTS: usize, const BURST: usize>(
    worker: &mut Worker<'p, R, T, S, C, PORTS, BURST>,
    next_due: impl Fn(&R) -> Option<Instant>,
) -> Option<Instant>
where
    R: RxQueue<'p>,
    T: TxQueue<'p>,
    S: Stage<'p>,
    C: Clock,
{
    (0..)
        .map_while(|port| worker.port(PortId(port)).map(|(rx, _)| next_due(rx)))
        .flatten()
        .min()
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the replay stands still at {:?}: a packet is due, and there is no free frame for it",
            self.at - Instant::default()
        )
    }
}

impl core::error::Error for Stuck {}

/// How far the clock goes at a time while something may wait.
const STEP: Duration = Duration::from_millis(100);
/// When a router has given up on a neighbour that does not answer: three tries of a second, and
/// some.
const SETTLED: Duration = Duration::from_secs(5);
/// Rounds without a packet at one moment before the replay is given up.
const PATIENCE: u32 = 100_000;

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;

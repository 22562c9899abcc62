//! Where a packet's time goes between two real interfaces, and the pauses of a worker between them.

use std::sync::mpsc::sync_channel;
use std::thread;

use linecard::device::{RxQueue, RxStats, TxQueue, TxStats};
use linecard::mempool::Cache;
use linecard::packet::BurstView;
use linecard::trace::Histogram;
use linecard_linux::affinity;
use linecard_testnet::Flood;

use super::finished;
use super::lane::{AGES, Input, Lane};
use super::ours::{cross_connect, open, watched, worker};
use super::turn::{Poller, processors};
use crate::harness::Plan;
use crate::peer_router::same_mac;
use crate::report::Findings;
use crate::routing::{leak, router_stage};
use crate::stages::{Seen, Stages, compare, quantiles};

/// Stage by stage through the router, from the moment in which a packet enters the first interface's other end until
/// the second one's has it.
///
/// # Errors
/// That there is no root, or one processor.
pub fn stages(plan: &Plan) -> Result<Findings, String> {
    let [one, other] = processors()?;
    let lane = Lane::paced(Input::Xdp, Some(one))?;
    let seen: &'static Seen = leak(Seen::default());
    let [waited, sent]: [&'static Histogram; 2] = [(); 2].map(|()| &*leak(Histogram::new()));
    let poller = Poller::new(&lane.inside, Some(other), move || {
        let stages = leak(Stages::new(seen));
        let wrap = move |rx, tx| (Stamped { queue: rx, waited }, Timed { queue: tx, sent });
        watched(
            open(finished())?,
            router_stage(same_mac)?,
            wrap,
            Some(stages),
        )
    })?;
    poller.hold(false);
    lane.flood(true)?;
    thread::sleep(plan.slice * plan.turns as u32 * 8);
    lane.flood(false)?;
    poller.hold(true);
    let whole = Histogram::new();
    for age in lane.ages()? {
        whole.record(age, 1);
    }
    if whole.count() == 0 {
        return Err("nothing came through".into());
    }
    let head = ["stage", "p50", "p99", "p99.9", "max", "samples"];
    let mut findings = Findings::new("af_xdp/latency", &head);
    findings.row(quantiles(
        "kernel's receive and ring wait, a packet".into(),
        waited,
    ));
    seen.phases().for_each(|row| findings.row(row));
    findings.row(quantiles(
        "transmit ring, system call, completion, a burst".into(),
        sent,
    ));
    findings.row(quantiles(
        "from one driver to the other, a packet".into(),
        &whole,
    ));
    findings.answer = format!(
        "Bursts of 32 packets with 200 µs between them, flood and reception on one core and the router on the other. A packet is stamped \
         as it enters the veth, by the driver's clock, and its wait ends when it is taken from the receive ring; in the last row (the last \
         {AGES}) the driver of the far end looks at the stamp. In copy mode the system call sends, and frames are complete when it \
         returns: transmit is one stage. The clock is read at each stage."
    );
    Ok(findings)
}

/// The longest pauses of a polling worker under the flood, beside those of a thread that only looks at the clock, on
/// the same processor under the same flood, in turns.
///
/// # Errors
/// As [`stages`].
pub fn pauses(plan: &Plan) -> Result<Findings, String> {
    let [one, other] = processors()?;
    let lane = Lane::flooded(Input::Xdp, Some(one))?;
    let (answer, answered) = sync_channel::<Result<(Findings, f64), String>>(1);
    let plan = plan.clone();
    lane.flood(true)?;
    let watcher = move || {
        let watch = || {
            affinity::pin(other).map_err(|error| error.to_string())?;
            let mut poll = worker(open(finished())?, cross_connect()?, |rx, tx| (rx, tx))?;
            Ok(compare(
                "af_xdp/pauses",
                "a poll, up to 64 packets",
                &plan,
                &mut poll,
            ))
        };
        // Nobody waits for it any more if it cannot be sent.
        let _ = answer.send(watch());
    };
    let thread = lane.inside.inside(|| thread::Builder::new().spawn(watcher));
    let thread = thread.map_err(|error| error.to_string())?;
    let result = answered.recv().map_err(|error| error.to_string());
    lane.flood(false)?;
    thread.join().map_err(|_| "the worker panicked")?;
    let (mut findings, seconds) = result??;
    findings.answer = format!(
        "{seconds:.1} s each, in turns on one processor under the flood; --turns 300 makes it a minute each. A poll that finds nothing \
         takes some ten ns, one that sends as long as the kernel's sendto of its packets: those are the pauses from 20 µs up. What \
         is longer the thread that only looks at the clock has as well: the kernel's tick and other threads, and the hypervisor."
    );
    Ok(findings)
}

/// A queue that looks how old packets are when they come.
struct Stamped<Q> {
    queue: Q,
    waited: &'static Histogram,
}

impl<'p, Q: RxQueue<'p>> RxQueue<'p> for Stamped<Q> {
    fn rx_burst(&mut self, cache: &mut Cache<'p>, out: &mut BurstView<'p>) -> usize {
        let before = out.len();
        let got = self.queue.rx_burst(cache, out);
        if got > 0 {
            let now = now();
            for packet in out.iter().skip(before) {
                let stamp = packet
                    .data()
                    .get(Flood::STAMP..)
                    .and_then(<[u8]>::first_chunk);
                let stamp = stamp.map_or(now, |stamp| u64::from_ne_bytes(*stamp));
                self.waited.record(now.saturating_sub(stamp), 1);
            }
        }
        got
    }

    fn stats(&self) -> RxStats {
        self.queue.stats()
    }
}

/// A queue that looks how long sending takes.
struct Timed<Q> {
    queue: Q,
    sent: &'static Histogram,
}

impl<'p, Q: TxQueue<'p>> TxQueue<'p> for Timed<Q> {
    fn tx_burst(&mut self, cache: &mut Cache<'p>, packets: &mut BurstView<'p>) -> usize {
        let began = now();
        let sent = self.queue.tx_burst(cache, packets);
        if sent > 0 {
            self.sent.record(now().saturating_sub(began), 1);
        }
        sent
    }

    fn reclaim(&mut self, cache: &mut Cache<'p>) -> usize {
        self.queue.reclaim(cache)
    }

    fn stats(&self) -> TxStats {
        self.queue.stats()
    }
}

/// `CLOCK_MONOTONIC`, by which the kernel stamps.
fn now() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
}

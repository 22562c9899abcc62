//! One core or two: a generator and a router on one thread, or with a ring between them; pinned or
//! not; and independent workers beside each other. Time on the clock.

use linecard::device::{Device, Null, RxQueue, RxStats};
use linecard::mempool::Cache;
use linecard::packet::{Burst, BurstView, Packet};
use linecard::ring::{Inline, spsc};
use linecard_linux::affinity;
use linecard_linux::memory::PagePolicy;
use linecard_linux::port::Generator;

use crate::carousel::{Belt, SEATS};
use crate::hands::{Hand, sharing, together, two, wait};
use crate::harness::{Contender, Run};
use crate::peer_router::same_mac;
use crate::routing::{
    FLOWS, FRAME, MAC, ROUTES, bench_flows, generated_flows, leak, pool, router_stage, text,
    through,
};

/// Everything on one core, beside receive and transmit on two with a ring in between.
///
/// # Errors
/// That there are not two processors.
pub fn split() -> Result<Vec<Contender>, String> {
    let [one, other] = two()?;
    Ok(vec![
        alone("linecard, run to completion on one core", other),
        apart(
            "linecard, receive on one core, route and transmit on another",
            Some(one),
            Some(other),
        ),
    ])
}

/// One worker, and two that share nothing but the machine.
///
/// # Errors
/// That there are not two processors.
pub fn scaling() -> Result<Vec<Contender>, String> {
    let [one, other] = two()?;
    let pair = "linecard, two workers";
    Ok(vec![
        alone("linecard, one worker", other),
        Contender::lazy(pair, move || {
            let hands = [one, other].map(whole).into_iter();
            Ok(sharing(pair, hands.collect::<Result<_, _>>()?))
        }),
    ])
}

/// The generator and the worker on two threads: where they run.
///
/// # Errors
/// That there are not two processors.
pub fn affinity() -> Result<Vec<Contender>, String> {
    let [one, other] = two()?;
    let mut contenders = vec![
        apart("linecard, pinned to two cores", Some(one), Some(other)),
        apart("not pinned", None, None),
        apart("worker pinned, generator not", None, Some(other)),
        apart("both pinned to one core", Some(other), Some(other)),
        alone("one thread for both, pinned", other),
    ];
    let far = "pinned to two cores of two NUMA nodes";
    let node = affinity::node_of_cpu(one);
    let cpus = affinity::allowed().map_err(text)?;
    let elsewhere = cpus
        .into_iter()
        .find(|&cpu| affinity::node_of_cpu(cpu) != node);
    contenders.push(match elsewhere {
        Some(cpu) => apart(far, Some(one), Some(cpu)),
        None => Contender::missing(far, "this machine has one NUMA node"),
    });
    Ok(contenders)
}

fn alone(name: &'static str, cpu: usize) -> Contender {
    Contender::lazy(name, move || Ok(together(name, vec![whole(cpu)?])))
}

/// A thread with a generator, a router and a sink.
fn whole(cpu: usize) -> Result<Hand, String> {
    Hand::new(Some(cpu), || {
        let stage = router_stage(same_mac)?;
        let mut run: Run = generated_flows("whole", stage, FLOWS, ROUTES)?.build()?;
        Ok(move |units| {
            let _ = run(units);
        })
    })
}

/// A thread that receives, and one that routes and sends; a pool for both.
fn apart(name: &'static str, receive: Option<usize>, route: Option<usize>) -> Contender {
    Contender::lazy(name, move || {
        let pool = pool(2 * SEATS)?;
        let ring: &'static mut Belt<'static> =
            leak(spsc::Ring::<Inline<Packet<'static>, SEATS>>::new());
        let (producer, consumer) = ring.split();
        let receiver = Hand::new(receive, move || {
            let mut cache = Cache::new(pool, "receive", 512).map_err(text)?;
            let flows = bench_flows(FLOWS, ROUTES);
            let mut source =
                Generator::with_mac("in", &flows, FRAME, PagePolicy::Prefer, MAC).map_err(text)?;
            let (mut rx, _) = source.open(0, &mut cache).map_err(text)?;
            let mut producer = producer;
            let mut burst = Burst::<'_, 32>::new();
            Ok(move |units| {
                let (mut left, mut spins) = (units as usize, 0);
                while left > 0 || !burst.is_empty() {
                    if burst.is_empty() {
                        rx.rx_burst(&mut cache, &mut burst);
                        // No more than the other side waits for.
                        while burst.len() > left {
                            drop(burst.pop());
                        }
                        left -= burst.len();
                    }
                    if producer.enqueue_burst(burst.as_vec_mut()) == 0 {
                        wait(&mut spins);
                    }
                }
            })
        })?;
        let router = Hand::new(route, move || {
            let mut cache = Cache::new(pool, "route", 512).map_err(text)?;
            let (_, tx) = Null::sink().open(0, &mut cache).map_err(text)?;
            let rx = Patient {
                ring: consumer,
                stats: RxStats::default(),
            };
            let stage = router_stage(same_mac)?;
            let mut run = through(name, stage, cache, rx, tx)?.build()?;
            Ok(move |units| {
                let _ = run(units);
            })
        })?;
        Ok(together(name, vec![receiver, router]))
    })
}

/// Receives what comes by a ring, and waits for it: who is measured is told beforehand how much comes.
struct Patient<'r, 'p> {
    ring: spsc::Consumer<'r, Packet<'p>>,
    stats: RxStats,
}

impl<'p> RxQueue<'p> for Patient<'_, 'p> {
    fn rx_burst(&mut self, _cache: &mut Cache<'p>, out: &mut BurstView<'p>) -> usize {
        let (room, mut spins) = (out.room(), 0);
        loop {
            let got = self.ring.dequeue_burst(out.as_vec_mut(), room);
            if got > 0 || room == 0 {
                self.stats.packets += got as u64;
                return got;
            }
            wait(&mut spins);
        }
    }

    fn stats(&self) -> RxStats {
        self.stats
    }
}

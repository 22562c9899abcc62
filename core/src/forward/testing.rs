//! A worker in memory, for the tests of stages: bytes in, bytes out, every packet accounted for.

use std::vec;
use std::vec::Vec;

use core::time::Duration;

use crate::mempool::{Cache, Pool, PoolConfig, Region, Slot};
use crate::packet::{Offloads, Packet, PortId};
use crate::pipeline::{Context, DropReason, Egress, Lot, Stage, Verdict};
use crate::platform::Instant;

/// A pool, a cache and a clock.
pub(crate) struct Lab<'p> {
    pub(crate) cache: Cache<'p>,
    pub(crate) now: Instant,
    /// What each packet that is fed has.
    pub(crate) offloads: Offloads,
    /// Ports without a link.
    pub(crate) down: Vec<u16>,
}

/// What came of a burst.
#[derive(Debug, Default)]
pub(crate) struct Out {
    /// By which port, and the bytes.
    pub(crate) sent: Vec<(u16, Vec<u8>)>,
    pub(crate) dropped: Vec<DropReason>,
    pub(crate) punted: Vec<Vec<u8>>,
    pub(crate) exceptions: usize,
    pub(crate) made: usize,
    down: Vec<u16>,
}

/// Runs a test on a tracking pool of so many frames, which must all be back afterwards.
pub(crate) fn with_lab(frames: usize, test: impl for<'p> FnOnce(&mut Lab<'p>)) {
    let mut memory = vec![0u8; frames * 2048 + 63];
    let slots: Vec<Slot> = (0..frames).map(|_| Slot::new()).collect();
    let config = PoolConfig {
        track: true,
        ..PoolConfig::default()
    };
    let pool = Pool::new(Region::from_slice(&mut memory), &slots, config).expect("a pool");
    let mut lab = Lab {
        cache: Cache::new(&pool, "lab", 64).expect("an account"),
        now: Instant::from_nanos(1_000_000_000),
        offloads: Offloads::empty(),
        down: Vec::new(),
    };
    test(&mut lab);
    drop(lab);
    pool.audit().expect("every frame is back");
}

impl<'p> Lab<'p> {
    /// Runs a stage on frames, each with the port that it comes in by, in bursts of 32.
    pub(crate) fn feed(&mut self, stage: &mut impl Stage<'p>, frames: &[(u16, Vec<u8>)]) -> Out {
        let mut out = Out::default();
        for burst in frames.chunks(32) {
            let mut packets: Vec<Packet<'p>> = burst
                .iter()
                .map(|(port, bytes)| {
                    let frame = self.cache.alloc().expect("the lab has frames enough");
                    let mut packet = Packet::received(frame, PortId(*port));
                    packet
                        .append(bytes.len())
                        .expect("a frame holds it")
                        .copy_from_slice(bytes);
                    packet.offloads = self.offloads;
                    packet
                })
                .collect();
            self.process(stage, &mut packets, &mut out);
        }
        out
    }

    /// A packet in several frames, one for each of `parts`.
    pub(crate) fn chain(&mut self, port: u16, parts: &[&[u8]]) -> Packet<'p> {
        let mut frames = parts.iter().map(|bytes| {
            let mut frame = self.cache.alloc().expect("the lab has frames enough");
            let room = frame.append(bytes.len()).expect("a frame holds it");
            room.copy_from_slice(bytes);
            frame
        });
        let mut head = frames.next().expect("a part at least");
        for frame in frames {
            head.chain(frame).expect("all are of one pool");
        }
        Packet::received(head, PortId(port))
    }

    /// Runs a stage on one burst, which is empty afterwards.
    pub(crate) fn process(
        &mut self,
        stage: &mut impl Stage<'p>,
        packets: &mut Vec<Packet<'p>>,
        out: &mut Out,
    ) {
        let mut verdicts = vec![Verdict::UNDECIDED; packets.len()];
        stage.process(&mut Lot::new(packets, &mut verdicts, self.now));
        for (packet, verdict) in packets.drain(..).zip(verdicts) {
            if let Some(port) = verdict.port() {
                out.send(&mut self.cache, port, packet);
            } else if let Some(why) = verdict.reason() {
                out.drop(&mut self.cache, packet, why);
            } else if let Some(code) = verdict.exception_code() {
                assert!(code < stage.exceptions(), "{code} is not the stage's");
                out.exceptions += 1;
                let mut cx = Context::new(self.now, &mut self.cache, out);
                stage.exception(code, packet, &mut cx);
            } else if verdict == Verdict::PUNT {
                out.punt(&mut self.cache, packet);
            } else {
                out.drop(&mut self.cache, packet, DropReason::UNDECIDED);
            }
        }
    }

    /// Lets time pass, in steps of a worker's tick.
    #[allow(dead_code)]
    pub(crate) fn pass(&mut self, stage: &mut impl Stage<'p>, time: Duration) -> Out {
        let mut out = Out {
            down: self.down.clone(),
            ..Out::default()
        };
        let end = self.now + time;
        while self.now < end {
            self.now = end.min(self.now + Duration::from_millis(10));
            stage.tick(&mut Context::new(self.now, &mut self.cache, &mut out));
        }
        out
    }
}

impl<'p> Egress<'p> for Out {
    fn send(&mut self, cache: &mut Cache<'p>, to: PortId, packet: Packet<'p>) {
        self.sent.push((to.0, bytes_of(&packet)));
        cache.free(packet.into_frame());
    }

    fn punt(&mut self, cache: &mut Cache<'p>, packet: Packet<'p>) {
        self.punted.push(bytes_of(&packet));
        cache.free(packet.into_frame());
    }

    fn made(&mut self) {
        self.made += 1;
    }

    fn link_up(&self, port: PortId) -> bool {
        !self.down.contains(&port.0)
    }

    fn drop(&mut self, cache: &mut Cache<'p>, packet: Packet<'p>, why: DropReason) {
        self.dropped.push(why);
        cache.free(packet.into_frame());
    }
}

fn bytes_of(packet: &Packet<'_>) -> Vec<u8> {
    packet.frame().segments().flatten().copied().collect()
}

//! The router's ways agree, whatever comes: packet by packet, in passes, and by the book.

use core::time::Duration;

use proptest::prelude::*;

use super::random::mutated;
use super::*;
use crate::packet::Offloads;
use crate::trace::Observe;
use crate::wire::{Kinds, Layers};

/// How a burst is worked on.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    /// As a worker has it done that nobody watches.
    Straight,
    /// As [`Straight`](Self::Straight), behind stages that look at verdicts.
    Written,
    /// Likewise where a processor has no vectors of 256 bits.
    Narrow,
    /// Under an observer, for whom each phase is a pass of its own.
    Watched,
    /// Each packet by the slow path.
    ByTheBook,
}

/// A router that goes one way, and leaves alone the packets at the places in `decided`.
struct Going<'r, 'm, 'p> {
    router: &'r mut Net<'m, 'p>,
    way: Way,
    decided: u32,
}

impl<'p> Stage<'p> for Going<'_, '_, 'p> {
    fn process(&mut self, lot: &mut Lot<'_, 'p>) {
        let now = lot.now();
        let mut phases = Phases::default();
        let Parts {
            packets, verdicts, ..
        } = lot.parts();
        let all = packets.iter_mut().zip(verdicts.iter_mut()).enumerate();
        for (_, (packet, verdict)) in all.filter(|(at, _)| self.decided >> at & 1 == 1) {
            (packet.layers, *verdict) = (OTHERS, Verdict::send(ELSEWHERE));
        }
        let ports: Vec<PortId> = packets.iter().map(|packet| packet.port).collect();
        let fresh = self.decided == 0 && self.way != Way::Written;
        if fresh {
            // What is written down does not count then.
            verdicts.fill(Verdict::PUNT);
        }
        let mut lot = Lot::new(packets, verdicts, now);
        if fresh {
            lot = lot.fresh();
        }
        if let [first, rest @ ..] = &ports[..]
            && rest.iter().all(|port| port == first)
        {
            lot = lot.from_port(*first);
        }
        if self.way == Way::Watched {
            lot = lot.observed(Some(&mut phases));
        }
        match self.way {
            Way::Straight | Way::Written => self.router.process(&mut lot),
            Way::Narrow => narrow(|| self.router.process(&mut lot)),
            Way::Watched => self.router.process(&mut lot),
            Way::ByTheBook => lot.decide(Verdict::exception(SLOW)),
        }
        let _ = lot.parts();
        let pass = [Phase::PARSE, Phase::LOOKUP, Phase::REWRITE];
        assert_eq!(phases.0.starts_with(&pass), self.way == Way::Watched);
        for (packet, verdict) in packets.iter().zip(verdicts) {
            let elsewhere = *verdict == Verdict::send(ELSEWHERE);
            assert_eq!(packet.layers == OTHERS, elsewhere);
        }
    }

    fn exceptions(&self) -> u16 {
        self.router.exceptions()
    }

    fn exception(&mut self, code: u16, packet: Packet<'p>, cx: &mut Context<'_, 'p>) {
        self.router.exception(code, packet, cx);
    }

    fn tick(&mut self, cx: &mut Context<'_, 'p>) {
        self.router.tick(cx);
    }
}

/// As on a processor without vectors of 256 bits.
fn narrow<T>(work: impl FnOnce() -> T) -> T {
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    return crate::platform::Avx2::hidden(work);
    #[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
    work()
}

/// The phases that were told of.
#[derive(Default)]
struct Phases(Vec<Phase>);

impl Observe for Phases {
    fn begin(&mut self) {}

    fn mark(&mut self, phase: Phase, _packets: usize) {
        self.0.push(phase);
    }

    fn done(&mut self, _received: Instant, _packets: usize) {}
}

/// All that comes of frames: what is sent, where, in what order, why others are not, and what is made.
fn outcome(way: Way, frames: &[(u16, Vec<u8>)], offloads: Offloads, decided: u32) -> Out {
    let mut all = Out::default();
    with_net(|lab, router| {
        know_all(router);
        lab.offloads = offloads;
        let mut going = Going {
            router,
            way,
            decided,
        };
        all = lab.feed(&mut going, frames);
        lab.offloads = Offloads::empty();
        let later = lab.pass(&mut going, Duration::from_secs(5));
        all.sent.extend(later.sent);
        all.dropped.extend(later.dropped);
        all.made += later.made;
    });
    all
}

/// Where the IP packet in a frame ends: the slow path cuts off what is behind that.
fn end_of(frame: &[u8]) -> usize {
    let word = |at: usize| usize::from(u16::from_be_bytes([frame[at], frame[at + 1]]));
    match word(12) {
        0x0800 => 14 + word(16),
        _ => 54 + word(18),
    }
}

/// A frame, perhaps with bytes behind its end. None of ARP: what it changes holds for the packets
/// behind it in one way, from the next burst on in another.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    (mutated(), prop_oneof![3 => Just(0usize), 1 => 1usize..50]).prop_map(|(mut frame, more)| {
        frame.resize(frame.len() + more, 0xee);
        if frame.get(12..14) == Some(&[8, 6]) {
            frame[13] = 0;
        }
        frame
    })
}

/// All ways come to the same.
fn agree(frames: &[(u16, Vec<u8>)], offloads: Offloads, decided: u32) {
    let [straight, written, narrow, watched, book] = [
        Way::Straight,
        Way::Written,
        Way::Narrow,
        Way::Watched,
        Way::ByTheBook,
    ]
    .map(|way| outcome(way, frames, offloads, decided));
    for other in [&written, &narrow, &watched] {
        assert_eq!(straight.sent, other.sent);
        assert_eq!(straight.exceptions, other.exceptions);
    }
    for ((port, short), (other, long)) in book.sent.iter().zip(&straight.sent) {
        assert_eq!(port, other);
        assert_eq!(&long[..short.len()], &short[..], "{long:?}");
        let padded = short.len() < long.len();
        assert!(!padded || short.len() == end_of(short), "{long:?}");
    }
    for other in [&written, &narrow, &watched, &book] {
        assert_eq!(straight.sent.len(), other.sent.len());
        assert_eq!(straight.dropped, other.dropped);
        assert_eq!(straight.made, other.made);
    }
    assert!(straight.exceptions <= book.exceptions);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn every_way_comes_to_the_same(
        frames in prop::collection::vec((0u16..4, frame()), 1..40),
        one_port: bool,
        offloads in prop::sample::select(vec![
            Offloads::empty(),
            Offloads::L3_GOOD,
            Offloads::L3_BAD,
            Offloads::VLAN_STRIPPED,
        ]),
        decided in prop_oneof![Just(0), any::<u32>()],
    ) {
        let mut frames = frames;
        if one_port {
            frames.iter_mut().for_each(|(port, _)| *port = 0);
        }
        agree(&frames, offloads, decided);
    }

    /// Among packets that are plain, so that there are eights of those, and fours.
    #[test]
    fn every_way_comes_to_the_same_with_few_odd_ones(
        lens in prop::collection::vec(0usize..300, 1..70),
        odd in prop::collection::vec((0usize..70, frame()), 0..4),
        links in prop::collection::vec((0usize..70, 1440usize..1540), 0..3),
        decided in prop_oneof![3 => Just(0), 1 => (0..32u32).prop_map(|at| 1 << at)],
    ) {
        let mut frames: Vec<_> = lens.iter().map(|len| (0, udp(A, B, 64, *len))).collect();
        let count = frames.len();
        for (at, len) in links {
            frames[at % count].1 = udp(A, B, 64, len);
        }
        for (at, frame) in odd {
            frames[at % count].1 = frame;
        }
        agree(&frames, Offloads::empty(), decided);
    }
}

#[test]
fn what_is_plain_takes_no_exception() {
    let frames: Vec<_> = (0..70).map(|len| (0, udp(A, B, 64, len))).collect();
    for way in [Way::Straight, Way::Written, Way::Narrow, Way::Watched] {
        let out = outcome(way, &frames, Offloads::empty(), 0);
        assert_eq!((out.sent.len(), out.exceptions), (70, 0), "{way:?}");
    }
    let out = outcome(Way::ByTheBook, &frames, Offloads::empty(), 0);
    assert_eq!((out.sent.len(), out.exceptions), (70, 70));
}

/// What another stage has found out about the packets that it sends elsewhere.
const OTHERS: Layers = Layers::new(Kinds::ARP, 1, 2);
const ELSEWHERE: PortId = PortId(9);

//! Any operations in any order.

use std::collections::VecDeque;

use linecard::packet::{Burst, Packet};

use crate::Harness;
use crate::bench::{Bench, Plan};

/// Random walks over everything that a program and a far side can do leave the books balanced.
///
/// The walks are the same every time.
pub fn random_walks_balance<H: Harness>() {
    for seed in 1..=WALKS {
        let plan = Plan::up_to(STEPS, 400);
        let Some(bench) = Bench::<H>::new(&plan) else {
            return;
        };
        let resets = !bench.profile.leaves_out("random_walks_balance: resets");
        let mut walk = Walk {
            bench,
            resets,
            plan,
            held: VecDeque::new(),
            chance: Chance(seed),
        };
        for _ in 0..STEPS {
            walk.step();
        }
        walk.finish();
    }
}

struct Walk<H: Harness> {
    bench: Bench<H>,
    /// Whether the port may be reset.
    resets: bool,
    plan: Plan,
    /// Packets in the program's hands.
    held: VecDeque<Packet<'static>>,
    chance: Chance,
}

impl<H: Harness> Walk<H> {
    fn step(&mut self) {
        let many = self.chance.below(33);
        match self.chance.below(100) {
            0..20 => drop(self.bench.feed(&mut self.plan)),
            20..35 => self.bench.harness.step(),
            35..55 => self.poll(many),
            55..70 => self.forward(many),
            70..85 => self.send(many),
            85..90 => drop(self.bench.reclaim()),
            90..95 => drop(self.bench.listen()),
            95..99 => self.free(many),
            // Rare: it takes long on some devices.
            _ if self.chance.below(8) == 0 => self.reset(),
            _ => {}
        }
    }

    /// Receives into a burst that has room for `room` packets.
    fn poll(&mut self, room: usize) {
        let mut burst: Burst<'static> = Burst::new();
        let already = (32 - room.min(32)).min(self.held.len());
        burst.as_vec_mut().extend(self.held.drain(..already));
        self.bench.poll(&mut burst);
        for packet in burst.drain() {
            match self.held.len() < HELD {
                true => self.held.push_back(packet),
                false => self.bench.cache.free(packet.into_frame()),
            }
        }
    }

    /// Sends what was received, without a copy.
    fn forward(&mut self, many: usize) {
        let mut burst: Burst<'static> = Burst::new();
        let many = many.min(32).min(self.held.len());
        burst.as_vec_mut().extend(self.held.drain(..many));
        self.offer(burst);
    }

    fn send(&mut self, many: usize) {
        let mut burst: Burst<'static> = Burst::new();
        let longest = self.bench.longest().min(1514);
        let mut plan = Plan::up_to(many as u64, longest);
        self.bench.fill(&mut burst, &mut plan);
        self.offer(burst);
    }

    fn offer(&mut self, mut burst: Burst<'static>) {
        if self.bench.may_send() {
            self.bench.send(&mut burst);
        }
        burst.free(&mut self.bench.cache);
    }

    fn free(&mut self, many: usize) {
        let many = many.min(self.held.len());
        for packet in self.held.drain(..many) {
            self.bench.cache.free(packet.into_frame());
        }
    }

    fn reset(&mut self) {
        if self.resets {
            self.bench.reset();
        }
    }

    fn finish(mut self) {
        self.free(usize::MAX);
        self.bench.finish();
    }
}

/// Marsaglia's xorshift64 ("Xorshift RNGs", 2003).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 32) % bound) as usize
    }
}

const WALKS: u64 = 6;
const STEPS: u64 = 3000;

/// Packets that the program keeps at most.
const HELD: usize = 150;

//! Packets of every shape: short and long, at either end of their frames, in several frames, and of
//! another pool.

use linecard::packet::{Burst, Packet};

use crate::bench::{Bench, Patience, Plan};
use crate::{Harness, frames, pool};

/// Lengths at which something changes are received, or counted where they cannot be: 0, 1, around
/// an Ethernet header, around the shortest frame, around the MTU, and a whole frame of the pool.
pub fn lengths_at_the_edges_are_received_or_counted<H: Harness>() {
    let limits = H::profile().limits;
    let plan = Plan::these(vec![
        0,
        1,
        13,
        14,
        59,
        60,
        limits.mtu,
        limits.longest(),
        limits.longest() + 1,
        2048,
        60,
    ]);
    let Some(mut bench) = Bench::<H>::new(&plan) else {
        return;
    };
    bench.receive(plan);
    bench.finish();
}

/// The same lengths are sent, or taken, freed and counted where they cannot be.
pub fn lengths_at_the_edges_are_sent_or_counted<H: Harness>() {
    let Some(mut bench) = Bench::<H>::new(&Plan::none()) else {
        return;
    };
    let limits = bench.profile.limits;
    let longest = bench.capabilities.max_frame;
    let config = bench.pool.config();
    let whole = config.frame_size - config.private;
    let mut lengths = vec![
        0,
        1,
        13,
        14,
        15,
        59,
        60,
        limits.mtu,
        limits.longest(),
        limits.longest() + 1,
        longest,
        longest + 1,
        whole,
        60,
    ];
    lengths.retain(|&len| len <= whole);
    bench.transmit::<1>(Plan::these(lengths.clone()));
    bench.transmit::<32>(Plan::these(lengths));
    bench.finish();
}

/// A packet is sent as it is from wherever in its frame it is: with little headroom or none, and
/// with no tailroom.
pub fn packets_anywhere_in_their_frames_are_sent<H: Harness>() {
    let Some(mut bench) = Bench::<H>::new(&Plan::none()) else {
        return;
    };
    for len in [60, 61, 63, 200] {
        for headroom in [0, 1, 2, 4, 8, 10, 11, 12, 13, 16, 20, 24, 63, 64, 65, 128] {
            let mut packet = placed(&mut bench, headroom, len);
            bench.number(&mut packet);
            send_one(&mut bench, packet);
        }
        let mut packet = at_the_end(&mut bench, len);
        bench.number(&mut packet);
        send_one(&mut bench, packet);
    }
    bench.finish();
}

/// A packet in several frames is sent whole, or taken, freed and counted as unsupported.
pub fn chained_packets_are_sent_or_counted<H: Harness>() {
    let Some(mut bench) = Bench::<H>::new(&Plan::none()) else {
        return;
    };
    for parts in [2, 3, 5] {
        let single = bench.make(100).expect("a frame");
        send_one(&mut bench, single);
        let packet = chained(&mut bench, parts);
        send_one(&mut bench, packet);
    }
    let single = bench.make(100).expect("a frame");
    send_one(&mut bench, single);
    bench.finish();
}

/// A packet of another pool is sent, or counted as unsupported; its frame goes back to its pool, and
/// the packets around it are none the worse.
pub fn packets_of_another_pool_are_sent_or_counted<H: Harness>() {
    let Some(mut bench) = Bench::<H>::new(&Plan::none()) else {
        return;
    };
    let other = pool(64);
    for _ in 0..20 {
        let mut burst: Burst<'static, 8> = Burst::new();
        for part in 0..8 {
            let mut packet = match part % 3 {
                0 => Packet::new(other.alloc().expect("a frame")),
                _ => Packet::new(bench.cache.alloc().expect("a frame")),
            };
            packet.append(60 + part).expect("room");
            bench.number(&mut packet);
            burst.push(packet).expect("room");
        }
        send_all(&mut bench, &mut burst);
    }
    bench.finish();
    other.audit().expect("the other pool has its frames");
}

/// Received packets are added to a burst behind those that are in it, and no more than it has room
/// for.
pub fn a_burst_is_appended_to<H: Harness>() {
    let mut plan = Plan::short(24);
    let Some(mut bench) = Bench::<H>::new(&plan) else {
        return;
    };
    let mut burst: Burst<'static, 16> = Burst::new();
    let mut before = Vec::new();
    for len in [61, 62, 63] {
        let packet = bench.make(len).expect("a frame");
        before.push((packet.frame().index(), packet.data().to_vec()));
        burst.push(packet).expect("room");
    }
    let mut patience = Patience::new(bench.profile.limits.patience);
    while burst.room() > 0 {
        bench.feed(&mut plan);
        bench.harness.step();
        let given = bench.poll(&mut burst);
        assert!(
            patience.keeps(given > 0),
            "received: {}",
            bench.incoming.missing()
        );
    }
    assert_eq!(bench.poll(&mut burst), 0, "a full burst takes nothing");
    for (packet, (index, bytes)) in burst.iter().zip(&before) {
        assert_eq!(packet.frame().index(), *index, "a packet of the caller's");
        assert_eq!(packet.data(), bytes, "a packet of the caller's");
    }
    burst.free(&mut bench.cache);
    bench.finish();
}

/// A received packet is the program's: nobody writes to it while others come and go, and what the
/// program writes, into all of its frame, harms no other.
pub fn held_packets_are_left_alone<H: Harness>() {
    let mut plan = Plan::up_to(3000, 1000);
    let Some(mut bench) = Bench::<H>::new(&plan) else {
        return;
    };
    let mut held: Vec<Packet<'static>> = Vec::new();
    let mut patience = Patience::new(bench.profile.limits.patience);
    let goal = bench.tally.received + 3000;
    while bench.tally.received < goal {
        bench.feed(&mut plan);
        bench.harness.step();
        let mut burst: Burst<'static> = Burst::new();
        let given = bench.poll(&mut burst);
        for packet in burst.drain() {
            match held.len() < HELD {
                true => held.push(stained(packet)),
                false => bench.cache.free(stained(packet).into_frame()),
            }
        }
        assert!(
            patience.keeps(given > 0),
            "received: {}",
            bench.incoming.missing()
        );
    }
    for packet in held {
        let stain = packet.hash as u8;
        let clean = packet.data().iter().all(|&byte| byte == stain);
        assert!(
            clean,
            "a packet was written to while the program had it: {packet:?}"
        );
        bench.cache.free(packet.into_frame());
    }
    bench.finish();
}

/// The packet, with one byte all over its frame.
fn stained(mut packet: Packet<'static>) -> Packet<'static> {
    let (before, after) = (packet.headroom(), packet.tailroom());
    packet.prepend(before).expect("there is as much");
    packet.append(after).expect("there is as much");
    let stain = packet.hash as u8;
    packet.data_mut().fill(stain);
    packet
}

/// A packet of `len` bytes that begins at `headroom`.
fn placed<H: Harness>(bench: &mut Bench<H>, headroom: usize, len: usize) -> Packet<'static> {
    let mut packet = Packet::new(bench.cache.alloc().expect("a frame"));
    let before = packet.headroom() - headroom;
    packet.prepend(before).expect("there is as much");
    match before > len {
        true => packet.trim_back(before - len).expect("there is as much"),
        false => drop(packet.append(len - before).expect("room")),
    }
    packet
}

/// A packet of `len` bytes at the very end of its frame.
fn at_the_end<H: Harness>(bench: &mut Bench<H>, len: usize) -> Packet<'static> {
    let mut packet = Packet::new(bench.cache.alloc().expect("a frame"));
    let all = packet.tailroom();
    packet.append(all).expect("there is as much");
    packet.trim_front(all - len).expect("there is as much");
    packet
}

/// A packet in `parts` frames of 40 bytes each.
fn chained<H: Harness>(bench: &mut Bench<H>, parts: usize) -> Packet<'static> {
    // Numbered as a whole, then cut up.
    let mut whole = bench.make(40 * parts).expect("a frame");
    let bytes = whole.data().to_vec();
    let number = whole.hash;
    whole.trim_back(40 * (parts - 1)).expect("there is as much");
    for part in bytes.chunks(40).skip(1) {
        let mut frame = bench.cache.alloc().expect("a frame");
        frame.append(40).expect("room").copy_from_slice(part);
        whole.frame_mut().chain(frame).expect("of the same pool");
    }
    assert_eq!(frames::number_of(&bytes), Some(number.into()));
    whole
}

fn send_one<H: Harness>(bench: &mut Bench<H>, packet: Packet<'static>) {
    let mut burst: Burst<'static, 1> = Burst::new();
    burst.push(packet).expect("room");
    send_all(bench, &mut burst);
}

/// Sends a burst and lets all of it arrive.
fn send_all<H: Harness, const N: usize>(bench: &mut Bench<H>, burst: &mut Burst<'static, N>) {
    let mut patience = Patience::new(bench.profile.limits.patience);
    while !burst.is_empty() {
        let taken = bench.send(burst);
        bench.harness.step();
        bench.listen();
        bench.reclaim();
        assert!(patience.keeps(taken > 0), "{} not taken", burst.len());
    }
    bench.transmit::<1>(Plan::none());
}

/// Received packets that a test keeps.
const HELD: usize = 100;

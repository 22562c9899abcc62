//! The views of `linecard::wire` on real, odd and hostile packets: nothing panics, and every part
//! of every accepted header lies inside the bytes that it was made from.
//!
//! Frames come from a generator that stacks headers and then damages them, and from the captures of
//! `LINECARD_DATA/pcap` where that is set.

#[path = "../captures/mod.rs"]
mod captures;
mod frames;
mod walk;

use std::collections::BTreeMap;

use frames::generated;
use walk::{Walk, everywhere};

/// How often each kind of header was accepted.
type Seen = BTreeMap<&'static str, usize>;

#[test]
fn captures_are_walked() {
    let Some(captures) = captures::all() else {
        return;
    };
    let mut seen = Seen::new();
    let (mut files, mut frames) = (0, 0);
    for capture in &captures {
        println!("{}", capture.name); // seen only if something fails
        files += 1;
        for frame in &capture.frames {
            frames += 1;
            let mut walk = Walk {
                frame,
                seen: &mut seen,
            };
            match capture.link {
                captures::ETHERNET => walk.ethernet(frame),
                link if captures::RAW_IP.contains(&link) => walk.ip(frame),
                // Not for us, and all the better as hostile input.
                _ => Walk {
                    frame,
                    seen: &mut Seen::new(),
                }
                .ethernet(frame),
            }
            everywhere(frame);
        }
    }
    println!("{files} captures, {frames} frames: {seen:?}");
    assert!(
        files >= 200 && frames >= 1000,
        "{files} files, {frames} frames: was anything read?"
    );
    for name in [
        "Ethernet",
        "LLC",
        "SNAP",
        "VLAN",
        "ARP",
        "MPLS",
        "IPv4",
        "IPv4 option",
        "IPv6",
    ] {
        assert!(seen.contains_key(name), "no {name} was accepted");
    }
    for name in [
        "IPv6 extension",
        "IPv6 option",
        "ICMPv4",
        "ICMPv6",
        "NDP",
        "NDP option",
        "quote",
    ] {
        assert!(seen.contains_key(name), "no {name} was accepted");
    }
}

#[test]
fn generated_packets_are_walked_whole() {
    for (name, frame, expected) in generated() {
        let mut seen = Seen::new();
        Walk {
            frame: &frame,
            seen: &mut seen,
        }
        .ethernet(&frame);
        let kinds: Vec<_> = seen.into_keys().collect();
        assert_eq!(kinds, expected, "{name}");
    }
}

#[test]
fn damaged_packets_are_walked() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let originals = generated();
    for round in 0..30_000 {
        let (_, frame, _) = &originals[round % originals.len()];
        let mut frame = frame.clone();
        for _ in 0..random.below(4) {
            let at = random.below(frame.len());
            frame[at] = match random.below(3) {
                0 => random.below(256) as u8,
                1 => [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
                _ => frame[at] ^ 1 << random.below(8),
            };
        }
        if random.below(3) == 0 {
            frame.truncate(random.below(frame.len() + 1));
        }
        Walk {
            frame: &frame,
            seen: &mut Seen::new(),
        }
        .ethernet(&frame);
    }
    for (_, frame, _) in &originals {
        for len in 0..=frame.len() {
            Walk {
                frame: &frame[..len],
                seen: &mut Seen::new(),
            }
            .ethernet(&frame[..len]);
        }
        everywhere(frame);
    }
}

/// xorshift64: enough to damage packets with, and the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

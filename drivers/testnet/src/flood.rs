//! Packets as fast as the kernel can make them.

use std::io;
use std::os::fd::OwnedFd;

use crate::bpf::{self, Code, Map};

/// Sends frames out of an interface, made by a program in the kernel: several million a second, and never fewer
/// than it says, as nothing is sent twice or left out.
///
/// The frame's first 48 bytes are written anew each time, so that a forwarder that changes them where they lie does
/// not change the next one. What differs between frames is the IPv4 destination, one of those given, in no order,
/// and the identification, which makes up for it: the header's checksum is right for all of them.
///
/// ```no_run
/// use linecard_testnet::{Flood, Namespace};
///
/// # fn example(frame: &[u8]) -> std::io::Result<()> {
/// let (left, right) = (Namespace::new()?, Namespace::new()?);
/// left.pair("veth0", &right, "veth1");
/// let flood = left.inside(|| Flood::new("veth0", frame, &[[192, 0, 2, 1]], false))?;
/// left.inside(|| flood.send(1_000_000, 64))?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Flood {
    program: OwnedFd,
    frame: Vec<u8>,
    _destinations: Map,
}

impl Flood {
    /// Frames like this one, Ethernet with IPv4 (and its checksum right) of 56 bytes or more, to these destinations:
    /// as many as a power of two. `stamped`: [`STAMP`](Self::STAMP) has the time.
    ///
    /// The veth's other end must take packets at once: it has an XDP program, or GRO is on.
    ///
    /// # Errors
    /// That there is no such interface in the calling thread's namespace, or what the kernel says of the program.
    ///
    /// # Panics
    /// If the frame is too short, or the destinations are not a power of two.
    pub fn new(
        interface: &str,
        frame: &[u8],
        destinations: &[[u8; 4]],
        stamped: bool,
    ) -> io::Result<Self> {
        assert!(frame.len() >= 56 && destinations.len().is_power_of_two());
        let interface = bpf::interface(interface)?.cast_signed();
        let map = Map::array(destinations.len() as u32, 8)?;
        for (key, destination) in destinations.iter().enumerate() {
            let id = identification(frame, *destination);
            let [a, b, c, d] = *destination;
            let value = u64::from_ne_bytes([a, b, c, d, id[0], id[1], 0, 0]);
            map.set(key as u32, &[value])?;
        }
        let (mut code, data, hop) = (Code::default(), 6, 0);
        code.load(4, data, 1, 0).load(4, 2, 1, 4);
        code.copy(3, data).add(3, 56).if_more(3, 2, 1);
        for at in (0..48).step_by(8) {
            let word: [u8; 8] = core::array::from_fn(|byte| frame[at + byte]);
            code.set_wide(1, u64::from_ne_bytes(word));
            code.store(8, data, at as i16, 1);
        }
        code.call(bpf::RANDOM);
        code.and(0, destinations.len() as i32 - 1).look_up(&map);
        code.if_is(0, 0, 1);
        code.load(4, 1, hop, 0).store(4, data, 30, 1);
        code.load(2, 1, hop, 4).store(2, data, 18, 1);
        if stamped {
            code.call(bpf::TIME).store(8, data, Self::STAMP as i16, 0);
        }
        code.set(1, interface).set(2, 0).call(bpf::REDIRECT).exit();
        code.label(1).give(bpf::XDP_DROP);
        let program = code.program(bpf::XDP)?;
        Ok(Self {
            program,
            frame: frame.to_vec(),
            _destinations: map,
        })
    }

    /// Sends so many, in batches of so many (256 at most) that the other end gets at once. The calling thread is
    /// in the interface's namespace, and its processor does what there is to do until they are received.
    ///
    /// The kernel waits twice for all processors when a call begins and ends (`bpf_dispatcher_change_prog`, measured
    /// to take 7 ms together): a flood that is to have no gaps is one call, ended by an
    /// [`Interrupt`](crate::Interrupt).
    ///
    /// # Errors
    /// What the kernel says; `Interrupted` of a signal.
    pub fn send(&self, frames: u32, batch: u32) -> io::Result<()> {
        bpf::run(&self.program, &self.frame, frames, batch)
    }

    /// Where a stamped frame has its time: eight bytes in the machine's order, nanoseconds of `CLOCK_MONOTONIC`.
    pub const STAMP: usize = 48;
}

/// What makes the header's checksum right with this destination: RFC 1071.
fn identification(frame: &[u8], destination: [u8; 4]) -> [u8; 2] {
    let word = |at: usize| u32::from(u16::from_be_bytes([frame[at], frame[at + 1]]));
    let [a, b, c, d] = destination;
    let new = u32::from(u16::from_be_bytes([a, b])) + u32::from(u16::from_be_bytes([c, d]));
    // In ones' complement a difference is a sum with the complement.
    let sum = word(18) + word(30) + word(32) + (0xffff - new % 0xffff);
    ((sum % 0xffff) as u16).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identification_makes_up_for_the_destination() {
        let mut frame = vec![0; 60];
        frame[14..34].copy_from_slice(&[
            0x45, 0, 0, 46, 0x12, 0x34, 0, 0, 64, 17, 0, 0, 198, 18, 0, 1, 10, 0, 0, 9,
        ]);
        let sum = |frame: &[u8]| {
            let words = frame[14..34].chunks_exact(2);
            let sum: u32 = words
                .map(|w| u32::from(u16::from_be_bytes([w[0], w[1]])))
                .sum();
            (sum & 0xffff) + (sum >> 16)
        };
        let before = sum(&frame) % 0xffff;
        for destination in [[10, 0, 0, 9], [0, 0, 0, 0], [255; 4], [203, 0, 113, 77]] {
            let mut other = frame.clone();
            other[18..20].copy_from_slice(&identification(&frame, destination));
            other[30..34].copy_from_slice(&destination);
            assert_eq!(sum(&other) % 0xffff, before, "{destination:?}");
        }
    }
}

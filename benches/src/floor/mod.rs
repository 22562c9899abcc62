//! What the machine allows: forwarding by hand, without a pipeline.
//!
//! An array of references instead of packets, one port, no counters, no MTU, no slow path, nothing that a forwarder
//! needs besides what the loops in C do too. Figures to compare with, not forwarders: `route` for the router's
//! rows, `udp` for the UDP forwarder's. Each goes over the bench's frames in one loop, in which the next burst's
//! headers are asked for one by one.

#[cfg(target_arch = "x86_64")]
mod columns;
#[cfg(target_arch = "x86_64")]
pub(crate) mod route;
#[cfg(target_arch = "x86_64")]
pub(crate) mod udp;
#[cfg(not(target_arch = "x86_64"))]
pub(crate) use none as route;
#[cfg(not(target_arch = "x86_64"))]
pub(crate) use none as udp;
#[cfg(not(target_arch = "x86_64"))]
mod none {
    //! There is none for other processors.

    pub(crate) fn contender(_: &str, _: bool) -> Result<crate::harness::Contender, String> {
        Err("is written for x86-64".to_owned())
    }
}

use linecard::wire::MacAddr;
use linecard_linux::memory::{PagePolicy, Table};

use crate::carousel::RIDES;
use crate::harness::Contender;
use crate::routing::{self, FLOWS, FRAME, MAC, OTHER_MAC};

/// A frame, a line longer than a power of two: so the headers do not all fall into the same few
/// sets of the caches.
#[repr(C, align(64))]
struct Place([Line; 33]);

/// The first line of a frame.
type Line = [u8; 64];

/// What a loop is given: the headers of a burst, and those of the next one, if there is one.
type Burst<'a> = (&'a mut [&'static mut Line; BURST], &'a [&'static mut Line]);

/// The frames' first lines, and the bytes that they begin with, in the order of memory or shuffled.
struct Lines {
    lines: Vec<&'static mut Line>,
    fresh: Vec<Vec<u8>>,
}

impl Lines {
    fn new(shuffled: bool) -> Result<Self, String> {
        let places = Table::new("floor", FLOWS as usize, PagePolicy::Prefer, |_| {
            Place([[0; 64]; 33])
        });
        let places = places.map_err(|error| error.to_string())?.leak();
        let lines = places.iter_mut().map(|Place([line, ..])| line);
        let mut order: Vec<_> = lines.zip(routing::frames()?).collect();
        if shuffled {
            routing::shuffle(&mut order);
        }
        let (lines, fresh) = order.into_iter().unzip();
        Ok(Self { lines, fresh })
    }

    fn refresh(&mut self) {
        for (line, fresh) in self.lines.iter_mut().zip(&self.fresh) {
            line[..FRAME].copy_from_slice(fresh);
        }
    }

    /// Has every packet forwarded once; gives how many were not to be.
    #[inline(always)]
    fn ride(&mut self, mut forward: impl FnMut(Burst<'_>) -> u32) -> u32 {
        let (bursts, _) = self.lines.as_chunks_mut::<BURST>();
        let mut bursts = bursts.iter_mut().peekable();
        let mut bad = 0;
        while let Some(burst) = bursts.next() {
            let next = bursts.peek().map_or(&[][..], |next| next.as_slice());
            bad += forward((burst, next));
        }
        bad
    }
}

/// The loop over the frames of all flows, in the order of memory or shuffled. `forward` takes a burst, and gives
/// how many of it are not to be forwarded.
fn contender(
    name: &'static str,
    shuffled: bool,
    mut forward: impl FnMut(Burst<'_>) -> u32 + 'static,
) -> Result<Contender, String> {
    let mut lines = Lines::new(shuffled)?;
    // Each turn begins at the first burst and ends with a whole one.
    let mut left = 0;
    Ok(Contender::timed(name, move |units| {
        let (mut done, mut bad) = (0, 0);
        while done < units {
            if left == 0 {
                left = RIDES;
                lines.refresh();
            }
            left -= 1;
            bad += lines.ride(&mut forward);
            done += u64::from(FLOWS);
        }
        assert_eq!(bad, 0, "{name}");
    }))
}

/// The Ethernet addresses that are written: the first port's own, so that what was sent can be received there again; and
/// the other's.
const TO: u64 = {
    let ([a, b, c, d, e, f], [g, h, ..]) = (MAC.0, OTHER_MAC.0);
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
};
const FROM: u32 = {
    let MacAddr([_, _, i, j, k, l]) = OTHER_MAC;
    u32::from_le_bytes([i, j, k, l])
};

const BURST: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    /// What a loop makes of the bench's frames is what a stage makes of them; one that is given to it with a byte
    /// changed that it has to look at is not to be forwarded.
    pub(super) fn agrees(
        stage: impl linecard::pipeline::Stage<'static> + 'static,
        mut forward: impl FnMut(Burst<'_>) -> u32,
        looked_at: &[usize],
    ) {
        let mut lines = Lines::new(false).unwrap();
        lines.refresh();
        assert_eq!(lines.ride(&mut forward), 0);
        let theirs = routing::forwarded(stage).unwrap();
        for (number, (ours, theirs)) in lines.lines.iter().zip(&theirs).enumerate() {
            assert_eq!(ours[..FRAME], theirs[..], "packet {number}");
        }
        for at in looked_at {
            lines.refresh();
            lines.lines[BURST * 3 + at % BURST][*at] ^= 0x5a;
            assert_eq!(lines.ride(&mut forward), 1, "byte {at}");
        }
    }
}

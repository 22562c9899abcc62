//! Loops over other crates for AF_XDP, minimal as their own examples are: receive a burst, send it, take back what
//! was sent, give as many frames to receive into.
//!
//! Neither brings a program for the interface: [`Redirect`](linecard_testnet::Redirect) does for both.

use super::lane::{Input, Lane};
use super::turn::{Forwarder, Poller, contender, processors};
use crate::harness::Contender;

#[allow(unsafe_code)]
mod xdp;
#[cfg(feature = "xdpilone")]
#[allow(unsafe_code)]
mod xdpilone;

/// The crate `xdp`.
pub fn xdp(name: &'static str) -> Contender {
    peer(name, xdp::open)
}

/// The crate `xdpilone`, if the benches were built with it.
pub fn xdpilone(name: &'static str) -> Contender {
    #[cfg(feature = "xdpilone")]
    return peer(name, xdpilone::open);
    #[cfg(not(feature = "xdpilone"))]
    Contender::missing(
        name,
        "built without the feature xdpilone (that crate's licence is EUPL-1.2)",
    )
}

/// A loop on the lane that the calling thread is in, both ways.
type Open<W> = fn() -> Result<W, String>;
type Boxed = Box<dyn FnMut()>;

fn peer<W: FnMut() + 'static>(name: &'static str, open: Open<W>) -> Contender {
    Contender::lazy(name, move || {
        let [one, other] = processors()?;
        let lane = Lane::flooded(Input::Xdp, Some(one))?;
        let poller = Poller::new(&lane.inside, Some(other), open)?;
        contender(name, lane, Forwarder::Thread(poller))
    })
}

/// The loops by name, for whoever wants to see that they forward.
pub const LOOPS: &[(&str, Open<Boxed>)] = &[
    ("xdp", || Ok(Box::new(xdp::open()?))),
    #[cfg(feature = "xdpilone")]
    ("xdpilone", || Ok(Box::new(xdpilone::open()?))),
];

/// Packets that are received at a time, entries of each ring, and frames of the memory.
const BURST: usize = 32;
const RING: u32 = 2048;
const FRAMES: u32 = 4 * RING + 1024;

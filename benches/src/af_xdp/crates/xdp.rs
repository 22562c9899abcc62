//! The crate `xdp`: rings that ask for a wake-up, frames by a queue of addresses.

use std::os::fd::{AsRawFd, BorrowedFd};

use linecard_testnet::Redirect;
use xdp::Umem;
use xdp::nic::NicIndex;
use xdp::slab::{HeapSlab, Slab};
use xdp::socket::{XdpSocket, XdpSocketBuilder};
use xdp::umem::{FrameSize, UmemCfgBuilder};
use xdp::{RingConfigBuilder, WakableRings};

use super::{BURST, FRAMES, RING};
use crate::routing::text;

/// One interface.
struct Side {
    rings: WakableRings,
    /// Behind the rings, which are unmapped first.
    _socket: XdpSocket,
    _redirect: Redirect,
}

/// Forwards both ways between `in0` and `out0`.
pub(super) fn open() -> Result<impl FnMut(), String> {
    let config = UmemCfgBuilder {
        frame_size: FrameSize::TwoK,
        frame_count: FRAMES,
        ..UmemCfgBuilder::default()
    };
    let mut umem = Umem::map(config.build().map_err(text)?).map_err(text)?;
    // Behind the memory, so that the closure drops it first.
    let mut sides = [side(&mut umem, c"in0")?, side(&mut umem, c"out0")?];
    let mut slab = HeapSlab::with_capacity(BURST);
    Ok(move || {
        let [near, far] = &mut sides;
        cross(near, far, &mut umem, &mut slab);
        cross(far, near, &mut umem, &mut slab);
    })
}

fn side(umem: &mut Umem, name: &core::ffi::CStr) -> Result<Side, String> {
    let index = NicIndex::lookup_by_name(name).map_err(text)?;
    let index = index.ok_or("no such interface")?;
    let mut builder = XdpSocketBuilder::new().map_err(text)?;
    let config = RingConfigBuilder {
        rx_count: RING,
        tx_count: RING,
        fill_count: RING,
        completion_count: RING,
    };
    let config = config.build().map_err(text)?;
    let (mut rings, flags) = builder.build_wakable_rings(umem, config).map_err(text)?;
    // SAFETY: the memory outlives the socket: it is with it in one closure for as long as either is used.
    let filled = unsafe { rings.fill_ring.enqueue(umem, RING as usize, false) };
    filled.map_err(text)?;
    let socket = builder.bind(index, 0, flags).map_err(text)?;
    // SAFETY: the socket is open for as long as `socket` lives, which is longer than this.
    let fd = unsafe { BorrowedFd::borrow_raw(socket.as_raw_fd()) };
    let redirect = Redirect::new(&name.to_string_lossy(), fd).map_err(text)?;
    Ok(Side {
        rings,
        _socket: socket,
        _redirect: redirect,
    })
}

fn cross(from: &mut Side, to: &mut Side, umem: &mut Umem, slab: &mut HeapSlab) {
    let (Some(rx), Some(tx)) = (&mut from.rings.rx_ring, &mut to.rings.tx_ring) else {
        return;
    };
    // SAFETY: packets stay in the slab, which is in one closure with the memory.
    let received = unsafe { rx.recv(umem, slab) };
    if received == 0 && slab.is_empty() {
        return;
    }
    // SAFETY: the memory outlives the socket: it is with it in one closure.
    // An error is the kernel's wish to be asked again: what did not go now goes with the next burst.
    let _ = unsafe { tx.send(slab, true) };
    to.rings.completion_ring.dequeue(umem, 2 * BURST);
    // SAFETY: as above. A copy finds new frames by itself, so there is no wake-up that could fail.
    let _ = unsafe { from.rings.fill_ring.enqueue(umem, received, false) };
}

//! The crate `xdpilone`: rings and descriptors, and frames as one likes.

use core::alloc::Layout;
use core::num::NonZeroU32;
use core::ptr::NonNull;
use std::os::fd::BorrowedFd;

use linecard_testnet::Redirect;
use xdpilone::{
    DeviceQueue, IfInfo, RingRx, RingTx, Socket, SocketConfig, Umem, UmemConfig, xdp::XdpDesc,
};

use super::{BURST, FRAMES, RING};
use crate::routing::text;

/// One interface.
struct Side {
    device: DeviceQueue,
    rx: RingRx,
    tx: RingTx,
    _redirect: Redirect,
}

/// Forwards both ways between `in0` and `out0`.
pub(super) fn open() -> Result<impl FnMut(), String> {
    let bytes = FRAMES as usize * FRAME as usize;
    let layout = Layout::from_size_align(bytes, 4096).map_err(text)?;
    // SAFETY: the layout has bytes.
    let memory = unsafe { std::alloc::alloc_zeroed(layout) };
    let memory = NonNull::new(memory).ok_or("no memory")?;
    let config = UmemConfig {
        fill_size: RING,
        complete_size: RING,
        frame_size: FRAME,
        ..UmemConfig::default()
    };
    // SAFETY: aligned to pages, and never freed.
    let umem = unsafe { Umem::new(config, NonNull::slice_from_raw_parts(memory, bytes)) };
    let umem = umem.map_err(text)?;
    let mut free: Vec<u64> = (0..u64::from(FRAMES))
        .map(|at| at * u64::from(FRAME))
        .collect();
    let mut sides = [
        side(&umem, c"in0", true, &mut free)?,
        side(&umem, c"out0", false, &mut free)?,
    ];
    Ok(move || {
        let _umem = &umem;
        let [near, far] = &mut sides;
        cross(near, far, &mut free);
        cross(far, near, &mut free);
    })
}

fn side(
    umem: &Umem,
    name: &core::ffi::CStr,
    first: bool,
    free: &mut Vec<u64>,
) -> Result<Side, String> {
    let mut info = IfInfo::invalid();
    info.from_name(name).map_err(text)?;
    // The first has the memory's own socket, the second one that shares its memory.
    let socket = match first {
        true => Socket::with_shared(&info, umem),
        false => Socket::new(&info),
    };
    let socket = socket.map_err(text)?;
    let mut device = umem.fq_cq(&socket).map_err(text)?;
    let config = SocketConfig {
        rx_size: NonZeroU32::new(RING),
        tx_size: NonZeroU32::new(RING),
        bind_flags: match first {
            true => SocketConfig::XDP_BIND_NEED_WAKEUP,
            // The kernel takes it over, and refuses it here.
            false => 0,
        },
    };
    let user = umem.rx_tx(&socket, &config).map_err(text)?;
    let (rx, tx) = (user.map_rx().map_err(text)?, user.map_tx().map_err(text)?);
    umem.bind(&user).map_err(text)?;
    let most = free.len().saturating_sub(RING as usize);
    let mut fill = device.fill(RING);
    fill.insert(free.drain(most..));
    fill.commit();
    drop(fill);
    // SAFETY: the socket is open for as long as the queue lives, which is longer than this.
    let fd = unsafe { BorrowedFd::borrow_raw(rx.as_raw_fd()) };
    let redirect = Redirect::new(&name.to_string_lossy(), fd).map_err(text)?;
    Ok(Side {
        device,
        rx,
        tx,
        _redirect: redirect,
    })
}

fn cross(from: &mut Side, to: &mut Side, free: &mut Vec<u64>) {
    let mut burst = [XdpDesc {
        addr: 0,
        len: 0,
        options: 0,
    }; BURST];
    let mut received = 0;
    let mut reader = from.rx.receive(BURST as u32);
    for place in &mut burst {
        let Some(desc) = reader.read() else { break };
        *place = desc;
        received += 1;
    }
    reader.release();
    if received == 0 {
        return;
    }
    let mut writer = to.tx.transmit(received as u32);
    let sent = writer.insert(burst.iter().take(received).copied()) as usize;
    writer.commit();
    drop(writer);
    if to.tx.needs_wakeup() {
        to.tx.wake();
    }
    // What found no place is lost; its frame is not.
    let lost = burst.iter().take(received).skip(sent);
    free.extend(lost.map(|desc| desc.addr & MASK));
    let mut reader = to.device.complete(2 * BURST as u32);
    while let Some(address) = reader.read() {
        free.push(address & MASK);
    }
    reader.release();
    drop(reader);
    let most = free.len().saturating_sub(received);
    let mut fill = from.device.fill(received as u32);
    fill.insert(free.drain(most..));
    fill.commit();
}

const FRAME: u32 = 2048;
/// What of an address says which frame it is in.
const MASK: u64 = !(FRAME as u64 - 1);

//! Packets that do not go out as they are: in several frames, of another pool, without room for a
//! header, with a checksum to finish, or never.

use linecard::mempool::{Cache, DeviceAddress, Frame, FrameIndex};
use linecard::packet::{BurstView, Offloads, Packet};
use linecard::platform::Dma;
use linecard::wire::{Kinds, Layers, parse};

use super::chains::{FRAMES, PARTS};
use super::header::Header;
use super::tx::{ETHERNET_HEADER, Port, token_of};
use crate::Doorbell;
use crate::queue::{Buffer, Virtqueue};

/// Takes the first packet, and gives whether there was room for it.
#[cold]
#[inline(never)]
pub(super) fn send<'p, B: Doorbell, D: Dma, V: Virtqueue>(
    port: &mut Port<'_, 'p, '_, B, D>,
    queue: &mut V,
    cache: &mut Cache<'p>,
    packets: &mut BurstView<'p>,
) -> bool {
    let Some(first) = packets.as_slice().first() else {
        return false;
    };
    if let Some(refusal) = refusal(port, queue.size(), first) {
        let refused = packets.drain_front(1).next();
        refuse(port, refusal, refused, cache);
        return true;
    }
    if !fits(port, queue.free(), first) {
        port.reap(queue, cache);
        if !fits(port, queue.free(), first) {
            return false;
        }
    }
    let copy = match owns(port, first) {
        true => None,
        // Without a frame for it the packet stays where it is.
        false => match copied(port, first, cache) {
            None => return false,
            copy => copy,
        },
    };
    let Some(first) = packets.drain_front(1).next() else {
        return false;
    };
    let mut packet = match copy {
        Some(copy) => {
            cache.free(first.into_frame());
            copy
        }
        None => first,
    };
    let header = header_of(port.limits.checksum, &mut packet);
    let bytes = packet.total_len();
    let sent = match packet.is_chained() || packet.headroom() < port.limits.header {
        true => send_parts(port, queue, cache, packet, &header),
        false => send_frame(port, queue, cache, packet, &header),
    };
    if sent {
        port.stats.packets = port.stats.packets.wrapping_add(1);
        port.stats.bytes = port.stats.bytes.wrapping_add(bytes as u64);
    } else {
        port.stats.errors = port.stats.errors.wrapping_add(1);
    }
    true
}

/// Why a packet can never be sent.
#[derive(Debug, Clone, Copy)]
enum Refusal {
    Undersize,
    Oversize,
    Unsupported,
}

fn refusal<B, D: Dma>(
    port: &Port<'_, '_, '_, B, D>,
    size: u16,
    packet: &Packet<'_>,
) -> Option<Refusal> {
    let len = packet.total_len();
    if len < ETHERNET_HEADER {
        return Some(Refusal::Undersize);
    }
    if len > port.limits.longest {
        return Some(Refusal::Oversize);
    }
    let pool = port.frames.pool();
    let room = pool
        .frame_size()
        .saturating_sub(pool.data_offset() + pool.colours().longest());
    let unsupported = packet.offloads.contains(Offloads::VLAN_WANTED)
        || parts(port, packet) > usize::from(size).min(PARTS)
        || packet.frame().segments().count() > FRAMES
        || (!owns(port, packet) && (packet.is_chained() || len > room));
    unsupported.then_some(Refusal::Unsupported)
}

fn refuse<'p, B, D>(
    port: &mut Port<'_, 'p, '_, B, D>,
    refusal: Refusal,
    packet: Option<Packet<'p>>,
    cache: &mut Cache<'p>,
) {
    let Some(packet) = packet else { return };
    let count = match refusal {
        Refusal::Undersize => &mut port.stats.undersize,
        Refusal::Oversize => &mut port.stats.oversize,
        Refusal::Unsupported => &mut port.stats.unsupported,
    };
    *count = count.wrapping_add(1);
    cache.free(packet.into_frame());
}

fn owns<B, D: Dma>(port: &Port<'_, '_, '_, B, D>, packet: &Packet<'_>) -> bool {
    core::ptr::eq(
        core::ptr::from_ref(packet.frame().pool()).cast::<u8>(),
        core::ptr::from_ref(port.frames.pool()).cast(),
    )
}

/// Parts that a packet makes: its frames, and its header where it has no room for it.
fn parts<B, D>(port: &Port<'_, '_, '_, B, D>, packet: &Packet<'_>) -> usize {
    let own = usize::from(packet.headroom() < port.limits.header);
    packet.frame().segments().count() + own
}

/// Whether there is room for the packet now.
fn fits<B, D>(port: &Port<'_, '_, '_, B, D>, free: u16, packet: &Packet<'_>) -> bool {
    match parts(port, packet) {
        0 | 1 => free > 0,
        parts => {
            port.chains.next().is_some() && port.chains.descriptors(parts) <= usize::from(free)
        }
    }
}

/// A copy of a packet of another pool in a frame of this one.
fn copied<'p, B, D: Dma>(
    port: &mut Port<'_, 'p, '_, B, D>,
    packet: &Packet<'p>,
    cache: &mut Cache<'p>,
) -> Option<Packet<'p>> {
    let pool = port.frames.pool();
    // A cache of another pool gives frames that are no better.
    let mut frame = match core::ptr::eq(cache.pool(), pool) {
        true => cache.alloc()?,
        false => pool.alloc()?,
    };
    match frame.append(packet.len()) {
        Ok(room) => {
            for (to, from) in room.iter_mut().zip(packet.data()) {
                *to = *from;
            }
        }
        Err(_) => {
            cache.free(frame);
            return None;
        }
    }
    let mut copy = Packet::new(frame);
    copy.offloads = packet.offloads;
    copy.layers = packet.layers;
    port.stats.copied = port.stats.copied.wrapping_add(1);
    Some(copy)
}

/// The packet's header; a checksum that the device cannot be asked for is finished here.
fn header_of(offered: bool, packet: &mut Packet<'_>) -> Header {
    if !packet.offloads.contains(Offloads::L4_WANTED) {
        return Header::default();
    }
    match checksum_of(packet).filter(|_| offered) {
        Some((start, offset)) => Header {
            flags: Header::NEEDS_CSUM,
            csum_start: start,
            csum_offset: offset,
            ..Header::default()
        },
        None => {
            packet.finish_checksum();
            Header::default()
        }
    }
}

/// Where the layer-4 header begins, and how far behind that its checksum is (RFC 9293 section 3.1,
/// RFC 768).
fn checksum_of(packet: &Packet<'_>) -> Option<(u16, u16)> {
    let layers = match packet.layers == Layers::default() {
        true => parse::parse::<{ parse::TRUST }>(packet.data()).layers,
        false => packet.layers,
    };
    let offset = if layers.contains(Kinds::TCP) {
        16
    } else if layers.contains(Kinds::UDP) {
        6
    } else {
        return None;
    };
    let start = layers.l4_offset()?;
    (start + offset + 2 <= packet.len()).then_some((start as u16, offset as u16))
}

/// Sends a packet in one frame, which has room for the header.
fn send_frame<'p, B: Doorbell, D: Dma, V: Virtqueue>(
    port: &mut Port<'_, 'p, '_, B, D>,
    queue: &mut V,
    cache: &mut Cache<'p>,
    packet: Packet<'p>,
    header: &Header,
) -> bool {
    let mut frame = packet.into_frame();
    prepend(&mut frame, header, port.limits.header);
    match give(port, cache, frame) {
        Some((index, buffer)) => {
            // SAFETY: the frame was sent through the port's account, so it is nobody's but the
            // device's until its token comes back, or the queue is released after a reset.
            let pushed = unsafe { queue.push(buffer, index.0) };
            if !pushed {
                take_back(port, cache, &[index]);
            }
            pushed
        }
        None => false,
    }
}

/// Sends a packet in several parts.
fn send_parts<'p, B: Doorbell, D: Dma, V: Virtqueue>(
    port: &mut Port<'_, 'p, '_, B, D>,
    queue: &mut V,
    cache: &mut Cache<'p>,
    packet: Packet<'p>,
    header: &Header,
) -> bool {
    let Some(place) = port.chains.next() else {
        cache.free(packet.into_frame());
        return false;
    };
    let mut parts = heapless::Vec::<Buffer, PARTS>::new();
    let mut frames = heapless::Vec::<FrameIndex, FRAMES>::new();
    let mut frame = packet.into_frame();
    if frame.headroom() >= port.limits.header {
        prepend(&mut frame, header, port.limits.header);
    } else {
        let part = port.chains.header(place, header, port.limits.header);
        let _ = parts.push(part);
    }
    let mut next = Some(frame);
    let mut whole = true;
    while let Some(mut frame) = next {
        next = frame.unchain();
        if !whole {
            cache.free(frame);
            continue;
        }
        match give(port, cache, frame) {
            Some((index, buffer)) => {
                whole = frames.push(index).is_ok();
                // A frame of no bytes is no part.
                whole &= buffer.len == 0 || parts.push(buffer).is_ok();
            }
            None => whole = false,
        }
    }
    // SAFETY: the frames were sent through the port's account, so they are nobody's but the device's
    // until the token comes back, or the queue is released after a reset; the place is free, and
    // taken below.
    let pushed = whole && unsafe { port.chains.push(queue, place, &parts, token_of(place)) };
    if pushed {
        port.chains.take(place, frames);
    } else {
        take_back(port, cache, &frames);
    }
    pushed
}

/// Writes the header in front of the data, where there is room for it.
fn prepend(frame: &mut Frame<'_>, header: &Header, len: usize) {
    if let Ok(room) = frame.prepend(len) {
        room.fill(0);
        if let Some(first) = room.first_chunk_mut() {
            *first = header.bytes();
        }
    }
}

/// Hands a frame to the account, and gives it as a part.
fn give<'p, B, D: Dma>(
    port: &Port<'_, 'p, '_, B, D>,
    cache: &mut Cache<'p>,
    frame: Frame<'p>,
) -> Option<(FrameIndex, Buffer)> {
    let (offset, len) = (frame.offset(), frame.len());
    let index = match port.account.send(frame) {
        Ok(index) => index,
        Err(frame) => {
            cache.free(frame);
            return None;
        }
    };
    port.frames.hand_over(index, offset, len);
    let Some(address) = port.frames.address(index, offset, len) else {
        take_back(port, cache, &[index]);
        return None;
    };
    let buffer = Buffer {
        addr: DeviceAddress(address),
        len: len as u32,
        writable: false,
    };
    Some((index, buffer))
}

/// Frees frames that were given and that the device was not told of.
fn take_back<'p, B, D>(
    port: &Port<'_, 'p, '_, B, D>,
    cache: &mut Cache<'p>,
    frames: &[FrameIndex],
) {
    // SAFETY: the callers sent these through this account (`give`), and did not push them.
    unsafe { port.account.complete(cache, frames) };
}

//! The part of an mbuf that both sides read and write: `struct rte_mbuf` in `rte_mbuf_core.h`, the
//! same from 22.11 on. `src/shim/mempool.c` asserts every offset and flag.

use linecard::device::Features;
use linecard::packet::{Offloads, Packet};
use linecard::wire::{Kinds, Layers, parse};

use crate::ffi::Mbuf;
use crate::tag::TAG;

/// Bytes 16 to 47 of an mbuf: where its packet is and what is known of it. One piece, so that it
/// is read and written by two loads or stores of the processor.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meta {
    /// From the buffer's start to the data.
    pub(crate) data_off: u16,
    pub(crate) refcnt: u16,
    pub(crate) nb_segs: u16,
    pub(crate) port: u16,
    pub(crate) ol_flags: u64,
    pub(crate) packet_type: u32,
    pub(crate) pkt_len: u32,
    pub(crate) data_len: u16,
    pub(crate) vlan_tci: u16,
    pub(crate) rss: u32,
}
const _: () = assert!(size_of::<Meta>() == 32, "bytes 16 to 47");

/// Bytes of an mbuf, behind which its buffer begins.
pub(crate) const MBUF: usize = 128;

impl Meta {
    /// A frame's worth of a packet to be sent.
    #[inline]
    pub(crate) const fn segment(data_off: u16, len: u16) -> Self {
        Self {
            data_off,
            refcnt: 1,
            nb_segs: 1,
            port: u16::MAX,
            ol_flags: 0,
            packet_type: 0,
            pkt_len: len as u32,
            data_len: len,
            vlan_tci: 0,
            rss: 0,
        }
    }

    /// As a mark says that the frame is the program's.
    #[inline]
    pub(crate) const fn ours(self) -> Self {
        Self {
            refcnt: OURS,
            ..self
        }
    }

    /// Reads it.
    ///
    /// # Safety
    ///
    /// `mbuf` is an mbuf that nobody writes meanwhile.
    #[inline]
    pub(crate) unsafe fn read(mbuf: *mut Mbuf) -> Self {
        // SAFETY: the bytes are inside the mbuf, which is aligned to a cache line, and any bytes
        // are a `Meta`; nobody writes them is the caller's promise.
        unsafe { mbuf.wrapping_byte_add(META).cast::<Self>().read() }
    }

    /// Writes it.
    ///
    /// # Safety
    ///
    /// `mbuf` is an mbuf of a frame that is the caller's.
    #[inline]
    pub(crate) unsafe fn write(self, mbuf: *mut Mbuf) {
        // SAFETY: as in `read`; nobody else has the mbuf is the caller's promise.
        unsafe { mbuf.wrapping_byte_add(META).cast::<Self>().write(self) };
    }

    /// [`write`](Self::write)s a [`segment`](Self::segment) with data at that address, but for the fields
    /// that no flag says are there, and the port, which says nothing of a packet to be sent. `len` is 65,535
    /// at most.
    ///
    /// # Safety
    ///
    /// As for [`write`](Self::write); its buffer begins 65,535 bytes before the data at most.
    #[inline(always)]
    pub(crate) unsafe fn write_segment(mbuf: *mut Mbuf, data: usize, len: u64) {
        let at = |offset| mbuf.wrapping_byte_add(offset);
        // SAFETY: the mbuf's first eight bytes, which nobody writes: the caller has it.
        let buffer = unsafe { mbuf.cast::<usize>().read() };
        let data_off = data.wrapping_sub(buffer) as u16;
        // SAFETY: inside the mbuf, which is aligned to a cache line; nobody else has it is the caller's
        // promise, here and below.
        unsafe { at(META).cast::<u16>().write(data_off) };
        // SAFETY: as above; it is no multiple of four.
        unsafe { at(REFCNT).cast::<u32>().write_unaligned(ALONE) };
        // SAFETY: as above.
        unsafe { at(OL_FLAGS).cast::<u64>().write(0) };
        // SAFETY: as above.
        unsafe { at(PACKET_TYPE).cast::<[u32; 2]>().write([0, len as u32]) };
        // SAFETY: as above.
        unsafe { at(DATA_LEN).cast::<u16>().write(len as u16) };
    }

    /// Whether the mbuf's bytes are its own, and nobody else's too.
    #[inline]
    pub(crate) const fn is_own(&self) -> bool {
        self.refcnt == THEIRS && self.ol_flags & ELSEWHERE == 0
    }

    /// What the device found out, into a packet.
    #[inline]
    pub(crate) fn tell(&self, packet: &mut Packet<'_>, stamped: u64) {
        let mut offloads = Offloads::empty();
        offloads.set(Offloads::TIMESTAMP, self.ol_flags & stamped != 0);
        match self.ol_flags & (L3_BAD | L3_GOOD) {
            L3_BAD => offloads |= Offloads::L3_BAD,
            L3_GOOD => offloads |= Offloads::L3_GOOD,
            _ => {}
        }
        match self.ol_flags & (L4_BAD | L4_GOOD) {
            L4_BAD => offloads |= Offloads::L4_BAD,
            L4_GOOD => offloads |= Offloads::L4_GOOD,
            // "Not correct in the packet, but the packet is": the sender left it to the device.
            L4_NONE => offloads |= Offloads::L4_WANTED,
            _ => {}
        }
        if self.ol_flags & RX_HASH != 0 {
            offloads |= Offloads::HASH;
            packet.hash = self.rss;
        }
        if self.ol_flags & RX_VLAN_STRIPPED != 0 {
            offloads |= Offloads::VLAN_STRIPPED;
            packet.vlan_tci = self.vlan_tci;
        }
        packet.offloads |= offloads;
    }

    /// What the packet asks of the device, into the flags; gives the lengths of its headers in the
    /// form of `tx_offload`. `None` if it asks what the device was not set up for, or what its
    /// headers do not have.
    #[cold]
    pub(crate) fn ask(&mut self, packet: &Packet<'_>, features: Features) -> Option<u64> {
        if packet.offloads.contains(Offloads::VLAN_WANTED) {
            if !tags(packet, features) {
                return None;
            }
            self.ol_flags |= TX_VLAN;
            self.vlan_tci = packet.vlan_tci;
        }
        if !packet.offloads.contains(Offloads::L4_WANTED) {
            return Some(0);
        }
        if !features.contains(Features::TX_CHECKSUM) {
            return None;
        }
        let layers = match packet.layers == Layers::default() {
            true => parse::parse::<{ parse::TRUST }>(packet.data()).layers,
            false => packet.layers,
        };
        let kinds = layers.kinds();
        self.ol_flags |= match (kinds.contains(Kinds::TCP), kinds.contains(Kinds::UDP)) {
            (true, _) => TX_TCP,
            (_, true) => TX_UDP,
            _ => return None,
        };
        self.ol_flags |= match kinds.contains(Kinds::IPV6) {
            true => TX_IPV6,
            false => TX_IPV4,
        };
        let l2 = layers.l3_offset() as u64;
        let l3 = (layers.l4_offset()? as u64).checked_sub(l2)?;
        // `l2_len` has seven bits, `l3_len` nine.
        (l2 < 128 && l3 < 512).then_some(l2 | l3 << 7)
    }
}

/// Whether the device puts on the packet's tag. Drivers of software do so in the packet's headroom, and lose
/// a packet that has none (`net_af_packet`).
pub(crate) fn tags(packet: &Packet<'_>, features: Features) -> bool {
    features.contains(Features::TX_VLAN) && packet.headroom() >= TAG
}

/// How many refer to the mbuf.
///
/// # Safety
///
/// As for [`Meta::read`].
#[inline]
pub(crate) unsafe fn refcnt(mbuf: *mut Mbuf) -> u16 {
    // SAFETY: `refcnt` is at byte 18 of the mbuf, and aligned; the rest is the caller's promise.
    unsafe { mbuf.wrapping_byte_add(REFCNT).cast::<u16>().read() }
}

/// Says whose the mbuf is: [`OURS`] or [`THEIRS`].
///
/// # Safety
///
/// As for [`Meta::write`].
#[inline(always)]
pub(crate) unsafe fn mark(mbuf: *mut Mbuf, whose: u16) {
    // SAFETY: as in `refcnt`; it is the caller's.
    unsafe { mbuf.wrapping_byte_add(REFCNT).cast::<u16>().write(whose) };
}

/// Writes the lengths of the headers, for a device that finishes a checksum.
///
/// # Safety
///
/// As for [`Meta::write`].
pub(crate) unsafe fn write_lengths(mbuf: *mut Mbuf, lengths: u64) {
    // SAFETY: `tx_offload` is at byte 72 of the mbuf, and aligned; it is the caller's.
    unsafe {
        mbuf.wrapping_byte_add(TX_OFFLOAD)
            .cast::<u64>()
            .write(lengths)
    };
}

/// A word that a driver left in the mbuf.
///
/// # Safety
///
/// `mbuf` is an mbuf that nobody writes meanwhile; `offset` is a multiple of eight, and the word ends
/// inside of it.
pub(crate) unsafe fn read_u64(mbuf: *mut Mbuf, offset: usize) -> u64 {
    // SAFETY: the caller's promise; an mbuf is aligned to a cache line.
    unsafe { mbuf.wrapping_byte_add(offset).cast::<u64>().read() }
}

/// The mbuf behind this one.
///
/// # Safety
///
/// `mbuf` is an mbuf that nobody writes meanwhile.
pub(crate) unsafe fn next(mbuf: *mut Mbuf) -> *mut Mbuf {
    // SAFETY: `next` is at byte 64 of the mbuf, and aligned.
    unsafe { mbuf.wrapping_byte_add(NEXT).cast::<*mut Mbuf>().read() }
}

/// Says which mbuf is behind this one.
///
/// # Safety
///
/// As for [`Meta::write`].
pub(crate) unsafe fn set_next(mbuf: *mut Mbuf, next: *mut Mbuf) {
    // SAFETY: as in `next`; it is the caller's.
    unsafe { mbuf.wrapping_byte_add(NEXT).cast::<*mut Mbuf>().write(next) };
}

const _: () = assert!(cfg!(target_endian = "little"), "the order in `ALONE`");

/// References to an mbuf whose frame is the program's.
pub(crate) const OURS: u16 = 0;

/// References to an mbuf that DPDK has.
pub(crate) const THEIRS: u16 = 1;

/// One mbuf by itself, which DPDK has: its references and, behind them, its segments.
pub(crate) const ALONE: u32 = THEIRS as u32 | 1 << 16;

/// The first eight bytes of a [`Meta`] but for the offset: [`ALONE`], and of no port.
#[cfg(target_arch = "x86_64")]
pub(crate) const REARM: u64 = (ALONE as u64) << 16 | 0xffff << 48;

/// Of these, the bits of `ALONE`.
#[cfg(target_arch = "x86_64")]
pub(crate) const COUNTS: u64 = 0xffff_ffff << 16;

pub(crate) const META: usize = 16;
pub(crate) const REFCNT: usize = 18;
pub(crate) const OL_FLAGS: usize = 24;
const PACKET_TYPE: usize = 32;
pub(crate) const DATA_LEN: usize = 40;
pub(crate) const POOL: usize = 56;
const NEXT: usize = 64;
const TX_OFFLOAD: usize = 72;

/// What a packet may ask of a device.
pub(crate) const ASKED: Offloads = Offloads::L4_WANTED.union(Offloads::VLAN_WANTED);

pub(crate) const INDIRECT: u64 = 1 << 62;
pub(crate) const EXTERNAL: u64 = 1 << 61;
/// Its bytes are another mbuf's, or nobody's.
pub(crate) const ELSEWHERE: u64 = INDIRECT | EXTERNAL;
pub(crate) const RX_HASH: u64 = 1 << 1;
pub(crate) const L4_BAD: u64 = 1 << 3;
pub(crate) const L3_BAD: u64 = 1 << 4;
pub(crate) const RX_VLAN_STRIPPED: u64 = 1 << 6;
pub(crate) const L3_GOOD: u64 = 1 << 7;
pub(crate) const L4_GOOD: u64 = 1 << 8;
const L4_NONE: u64 = L4_BAD | L4_GOOD;
pub(crate) const RX_ANY: u64 = RX_HASH | L4_NONE | L3_BAD | L3_GOOD | RX_VLAN_STRIPPED;
const TX_TCP: u64 = 1 << 52;
pub(crate) const TX_UDP: u64 = 3 << 52;
pub(crate) const TX_IPV4: u64 = 1 << 55;
const TX_IPV6: u64 = 1 << 56;
const TX_VLAN: u64 = 1 << 57;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_in_few_stores_is_one_in_fields() {
        let buffer = 0x7f00_0000_1000_usize;
        let mut mbufs = [[u64::MAX; MBUF / 8]; 2];
        let [stores, fields] = &mut mbufs;
        stores[0] = buffer as u64;
        let mbuf: *mut Mbuf = stores.as_mut_ptr().cast();
        // SAFETY: there is room for an mbuf, aligned to eight bytes as the words are.
        unsafe { Meta::write_segment(mbuf, buffer + 0x1234, 0x5678) };
        // SAFETY: as above; `Meta` has no field that is larger.
        unsafe { Meta::segment(0x1234, 0x5678).write(fields.as_mut_ptr().cast()) };
        assert_eq!(stores[2..5], fields[2..5]);
        assert_eq!(stores[2], 0xffff_0001_0001_1234, "with the port as it was");
        // Of the next eight bytes, the tag and the hash are as they were: no flag says that they count.
        assert_eq!(stores[5], !0xffff | 0x5678);
    }
}

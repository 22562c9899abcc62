//! Packets of the mbufs that a driver hands out, as long as they are like most.

use core::mem::MaybeUninit;

use linecard::mempool::Receiver;
use linecard::packet::{BurstView, Packet};

use crate::ffi::Mbuf;
use crate::fours::Taking;
use crate::glance::{Glance, Plain};
use crate::mbuf::{self, Meta};

/// Has `each` make packets of the mbufs at the front, behind those that there are, of which it says how
/// many and how many bytes; gives the bytes.
#[inline(always)]
pub(crate) fn accept<'p>(
    mbufs: &mut &[*mut Mbuf],
    out: &mut BurstView<'p>,
    each: impl FnOnce(&[*mut Mbuf], &mut [MaybeUninit<Packet<'p>>]) -> (usize, u64),
) -> u64 {
    let packets = out.as_vec_mut();
    let (count, bytes) = each(mbufs, packets.spare_capacity_mut());
    let len = packets.len() + count;
    // SAFETY: as many places behind the packets have been written.
    unsafe { packets.set_len(len) };
    *mbufs = mbufs.get(count..).unwrap_or(&[]);
    bytes
}

/// What a queue knows of mbufs.
#[derive(Debug)]
pub(crate) struct Intake {
    pub(crate) receiver: Receiver<'static>,
    pub(crate) plain: Plain,
    /// Takes four at a time, if the processor can.
    pub(crate) fours: Option<Taking>,
    /// The flag of an mbuf that has a time, if that was asked for.
    pub(crate) stamped: u64,
}

// SAFETY: the receiver is all that is not `Send`: it has the address of a pool, which is `Sync`, and where its
// region begins, which is only computed with.
unsafe impl Send for Intake {}
// SAFETY: as above; there is nothing in it that changes.
unsafe impl Sync for Intake {}

impl Intake {
    /// Makes packets of the mbufs up to the first that is not like most; gives how many, and their bytes.
    #[inline]
    pub(crate) fn accept_plain<'p>(
        &self,
        mbufs: &[*mut Mbuf],
        places: &mut [MaybeUninit<Packet<'p>>],
    ) -> (usize, u64) {
        let (count, bytes) = match &self.fours {
            // SAFETY: the driver has just handed them out, and has them no more; `Rx::new` has made it of the
            // pool and its mempool, which live for ever.
            Some(fours) => unsafe { fours.accept(mbufs, places) },
            None => (0, 0),
        };
        if count == mbufs.len() {
            return (count, bytes);
        }
        let rest = mbufs.get(count..).unwrap_or_default();
        let places = places.get_mut(count..).unwrap_or_default();
        let (more, len) = self.accept_each(rest, places);
        (count + more, bytes + len)
    }

    /// Likewise, one by one. A loop by itself, so that it has all registers.
    #[inline(never)]
    fn accept_each(
        &self,
        mbufs: &[*mut Mbuf],
        places: &mut [MaybeUninit<Packet<'_>>],
    ) -> (usize, u64) {
        let Self {
            receiver, plain, ..
        } = *self;
        fill(mbufs, places, |mbuf| {
            // SAFETY: an mbuf, whichever pool it is of: the driver has just handed it out, and has it no
            // more.
            let glance = unsafe { Glance::at(mbuf) };
            let data = plain.data(&glance)?;
            // SAFETY: by its mark DPDK had it, and has handed it out. It is of the pool's mempool, and
            // direct, so that its buffer is in its frame, behind itself and with that room at least: there
            // `place_buffer` in `src/shim/mempool.c` put it, and `rte_pktmbuf_detach` moves it but towards
            // the mbuf. `plain` has held the window to that. The mark is changed below.
            let frame = unsafe { receiver.receive_inside(data, glance.len) };
            // SAFETY: its frame is the program's now.
            unsafe { mbuf::mark(mbuf, mbuf::OURS) };
            Some((Packet::new(frame), glance.len))
        })
    }

    /// As [`accept_plain`](Self::accept_plain), whatever the device found out, and wherever in its frame
    /// the data is.
    #[inline(never)]
    pub(crate) fn accept_all(
        &self,
        mbufs: &[*mut Mbuf],
        places: &mut [MaybeUninit<Packet<'_>>],
    ) -> (usize, u64) {
        fill(mbufs, places, |mbuf| {
            // SAFETY: as in `accept_plain`.
            let glance = unsafe { Glance::at(mbuf) };
            if glance.is_elsewhere() || !glance.is_alone() {
                return None;
            }
            let (of, data, len) = (mbuf.addr(), glance.data(), glance.len);
            // SAFETY: by its mark DPDK had it, and has handed it out: an mbuf in a frame of the pool is
            // the frame's own, as only `Memory::new` makes mbufs there. The mark is changed below.
            let mut packet = Packet::new(unsafe { self.receiver.receive(of, data, len) }?);
            // SAFETY: as above.
            unsafe { Meta::read(mbuf) }.tell(&mut packet, self.stamped);
            // SAFETY: its frame is the program's now.
            unsafe { mbuf::mark(mbuf, mbuf::OURS) };
            Some((packet, len))
        })
    }
}

/// Writes the packets that `each` makes of the mbufs, of which it says the length, up to the first of which it
/// makes none; gives how many, and their bytes. By fours, as a loop's own steps are a fifth of it.
#[inline(always)]
fn fill<'p>(
    mbufs: &[*mut Mbuf],
    places: &mut [MaybeUninit<Packet<'p>>],
    each: impl Fn(*mut Mbuf) -> Option<(Packet<'p>, u16)>,
) -> (usize, u64) {
    let (mut count, mut bytes) = (0, 0);
    let many = mbufs.len().min(places.len());
    let (mbufs, places) = (mbufs.get(..many), places.get_mut(..many));
    let (mbufs, rest) = mbufs.unwrap_or_default().as_chunks::<4>();
    let (fours, places) = places.unwrap_or_default().as_chunks_mut::<4>();
    for (mbufs, places) in mbufs.iter().zip(fours) {
        for (at, (&mbuf, place)) in mbufs.iter().zip(places).enumerate() {
            let Some((packet, len)) = each(mbuf) else {
                return (count + at, bytes);
            };
            bytes += u64::from(len);
            place.write(packet);
        }
        count += 4;
    }
    for (&mbuf, place) in rest.iter().zip(places) {
        let Some((packet, len)) = each(mbuf) else {
            break;
        };
        bytes += u64::from(len);
        place.write(packet);
        count += 1;
    }
    (count, bytes)
}

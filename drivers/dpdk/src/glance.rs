//! What a received mbuf is known by at one glance, and what it is held to.

use crate::ffi::{Mbuf, Mempool};
use crate::mbuf::{ALONE, DATA_LEN, ELSEWHERE, META, OL_FLAGS, POOL, REFCNT, RX_ANY};
use crate::memory::HEADROOM;

/// What most packets' mbufs are known by: seven loads from one cache line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Glance {
    counts: u32,
    flags: u64,
    /// Where its buffer begins.
    buffer: usize,
    offset: u16,
    /// The address of its mempool.
    pool: usize,
    pub(crate) len: u16,
}

impl Glance {
    /// Looks at an mbuf.
    ///
    /// # Safety
    ///
    /// As for [`Meta::read`].
    #[inline(always)]
    pub(crate) unsafe fn at(mbuf: *mut Mbuf) -> Self {
        let at = |offset| mbuf.wrapping_byte_add(offset);
        // SAFETY: inside the mbuf's first line; the rest is the caller's promise, here and below.
        let buffer = unsafe { mbuf.cast::<usize>().read() };
        // SAFETY: as above.
        let offset = unsafe { at(META).cast::<u16>().read() };
        // SAFETY: as above; it is no multiple of four.
        let counts = unsafe { at(REFCNT).cast::<u32>().read_unaligned() };
        // SAFETY: as above.
        let flags = unsafe { at(OL_FLAGS).cast::<u64>().read() };
        // SAFETY: as above.
        let len = unsafe { at(DATA_LEN).cast::<u16>().read() };
        // SAFETY: as above.
        let pool = unsafe { at(POOL).cast::<usize>().read() };
        Self {
            counts,
            flags,
            buffer,
            offset,
            pool,
            len,
        }
    }

    /// Whether it is one mbuf that DPDK alone has.
    #[inline(always)]
    pub(crate) const fn is_alone(&self) -> bool {
        self.counts == ALONE
    }

    /// Whether its bytes are not its own.
    #[inline(always)]
    pub(crate) const fn is_elsewhere(&self) -> bool {
        self.flags & ELSEWHERE != 0
    }

    /// Where the data begins.
    #[inline(always)]
    pub(crate) fn data(&self) -> usize {
        self.buffer.wrapping_add(self.offset.into())
    }
}

/// What an mbuf is held to that is received at once: of one mempool, by itself, with bytes of its own,
/// and nothing known of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plain {
    /// Its address.
    pub(crate) mempool: usize,
    /// Flags that it does not have.
    pub(crate) without: u64,
    /// Bytes from any of the mempool's buffers' starts to the end of its frame, at the least.
    pub(crate) room: usize,
}

impl Plain {
    /// `stamped` is the flag of a time, if that was asked for.
    #[inline]
    pub(crate) fn new(mempool: *mut Mempool, stamped: u64, room: usize) -> Self {
        Self {
            mempool: mempool.addr(),
            without: ELSEWHERE | RX_ANY | stamped,
            room,
        }
    }

    /// Where its data begins, if the mbuf is such a one and its data, which is not behind the frame's last
    /// byte, is inside of its frame; [`HEADROOM`] behind the buffer's start or more, as drivers leave it.
    #[inline(always)]
    pub(crate) fn data(&self, glance: &Glance) -> Option<usize> {
        let (offset, len) = (usize::from(glance.offset), usize::from(glance.len));
        let plain = glance.flags & self.without == 0
            && glance.is_alone()
            && glance.pool == self.mempool
            && offset >= HEADROOM
            && offset + len < self.room;
        plain.then(|| glance.data())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::mbuf::*;

    /// The flag of a time.
    const STAMPED: u64 = 1 << 23;

    /// An mbuf as a driver hands it out, of a mempool whose buffers have 1,664 bytes.
    pub(crate) fn received() -> [u64; MBUF / 8] {
        let mut mbuf = [0; MBUF / 8];
        mbuf[0] = 0x7f00_0000_1000;
        mbuf[2] = 1 << 32 | 1 << 16 | 128;
        mbuf[5] = 1000;
        mbuf[7] = 0x1234_5600;
        mbuf
    }

    /// What such mbufs are held to.
    pub(crate) fn held_to() -> Plain {
        let mempool = core::ptr::without_provenance_mut(0x1234_5600);
        Plain::new(mempool, STAMPED, 1664)
    }

    fn plain(mut mbuf: [u64; MBUF / 8]) -> Option<usize> {
        // SAFETY: there is room for an mbuf, aligned to eight bytes as the words are.
        let glance = unsafe { Glance::at(mbuf.as_mut_ptr().cast()) };
        held_to().data(&glance)
    }

    #[test]
    fn an_mbuf_as_drivers_give_it_is_received_at_once() {
        assert_eq!(plain(received()), Some(0x7f00_0000_1080));
        // What a packet asked for that another port sends over a ring, and nothing is to be told of.
        let mut sent = received();
        sent[3] = TX_UDP | TX_IPV4 | 1 << 0;
        assert!(plain(sent).is_some());
    }

    /// Mbufs that differ from such a one in one thing, and in which.
    pub(crate) fn others() -> Vec<(&'static str, [u64; MBUF / 8])> {
        type Change = fn(&mut [u64; MBUF / 8]);
        let changes: [(&'static str, Change); 17] = [
            ("of another pool", |mbuf| mbuf[7] += 64),
            ("cloned", |mbuf| mbuf[2] += 1 << 16),
            ("the program's", |mbuf| mbuf[2] -= 1 << 16),
            ("two segments", |mbuf| mbuf[2] += 1 << 32),
            ("another's bytes", |mbuf| mbuf[3] = INDIRECT),
            ("nobody's bytes", |mbuf| mbuf[3] = EXTERNAL),
            ("a hash", |mbuf| mbuf[3] = RX_HASH),
            ("a wrong sum", |mbuf| mbuf[3] = L4_BAD),
            ("a wrong sum of its header", |mbuf| mbuf[3] = L3_BAD),
            ("a tag", |mbuf| mbuf[3] = RX_VLAN_STRIPPED),
            ("a right sum of its header", |mbuf| mbuf[3] = L3_GOOD),
            ("a right sum", |mbuf| mbuf[3] = L4_GOOD),
            ("a time", |mbuf| mbuf[3] = STAMPED),
            ("in the headroom", |mbuf| mbuf[2] -= 1),
            ("past the frame", |mbuf| mbuf[2] |= 0xffff),
            ("past it at its end", |mbuf| mbuf[5] = 1664 - 128),
            ("nothing, behind the last byte", |mbuf| {
                mbuf[2] += 1664 - 128;
                mbuf[5] = 0;
            }),
        ];
        let changed = changes.map(|(what, change)| {
            let mut mbuf = received();
            change(&mut mbuf);
            (what, mbuf)
        });
        changed.into()
    }

    #[test]
    fn all_others_are_looked_at_with_care() {
        for (what, mbuf) in others() {
            assert_eq!(plain(mbuf), None, "{what}");
        }
        let mut long = received();
        long[5] = 0xffff;
        assert_eq!(plain(long), None, "past the frame at its end");
        // Up to the frame's end, but for the last byte: behind that no frame's data begins.
        long[5] = 1664 - 129;
        assert!(plain(long).is_some());
    }
}

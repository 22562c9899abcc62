//! Packets that are not like most: chains, long ones, and those that ask something of the device. Each gets its
//! mbufs by itself, or it is said what is to be done with it instead.

use core::ptr;

use linecard::device::Features;
use linecard::mempool::FrameIndex;
use linecard::packet::{Offloads, Packet};

use super::{ETHERNET_HEADER, Tx};
use crate::ffi::Mbuf;
use crate::mbuf::{self, Meta};
use crate::tag::{self, TAG};

/// What is to be done with a packet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Copy,
    /// A checksum that the device does not finish.
    Finish,
    /// A VLAN tag that the device does not put on.
    Tag,
    Oversize,
    Undersize,
    Unsupported,
}

impl Fate {
    /// Does in the device's place what was asked of it, which is asked no more; false if it cannot be
    /// done.
    pub(super) fn amend(self, packet: &mut Packet<'_>) -> bool {
        match self {
            Self::Tag => tag::put_on(packet),
            Self::Finish => {
                packet.finish_checksum();
                true
            }
            _ => false,
        }
    }
}

impl<'p> Tx<'p> {
    /// As `Lender::prepare`, for packets that are not like most; gives the length of the whole packet,
    /// and adds the frames that it has beside the first.
    #[cold]
    #[inline(never)]
    pub(super) fn prepare_otherwise(
        &self,
        packet: &Packet<'p>,
        more: &mut i32,
    ) -> Result<(*mut Mbuf, usize), Fate> {
        let frame = packet.frame();
        if !ptr::eq(frame.pool(), self.shared.pool()) {
            return Err(self.fate_of_foreign(packet));
        }
        let prepared = match packet.is_chained() {
            true => self.prepare_chain(packet)?,
            false => self.prepare_one(packet)?,
        };
        *more += self.frames_of(packet).count() as i32 - 1;
        Ok(prepared)
    }

    /// Writes the mbuf of a packet of one frame that is longer than most, or asks for something.
    fn prepare_one(&self, packet: &Packet<'p>) -> Result<(*mut Mbuf, usize), Fate> {
        let (frame, len) = (packet.frame(), packet.len());
        if len < ETHERNET_HEADER {
            return Err(Fate::Undersize);
        }
        if len > self.max_frame && !self.is_tagged(packet, len) {
            return Err(Fate::Oversize);
        }
        let (frames, index) = (self.shared.frames(), frame.index());
        let mbuf = frames.mbuf(index);
        let offset = frame.offset() - frames.buffer_offset(index);
        let mut meta = Meta::segment(offset as u16, len as u16);
        let asked = meta.ask(packet, self.features);
        let lengths = asked.ok_or_else(|| self.fate_of_asking(packet))?;
        // SAFETY: the frame is the program's: the packet is borrowed.
        unsafe { meta.write(mbuf) };
        // SAFETY: as above.
        unsafe { mbuf::write_lengths(mbuf, lengths) };
        Ok((mbuf, len))
    }

    /// Whether a packet is too long by no more than its VLAN tag, which an MTU does not count.
    #[cold]
    fn is_tagged(&self, packet: &Packet<'p>, len: usize) -> bool {
        packet.data().get(12..14) == Some(&[0x81, 0x00]) && len <= self.max_frame + TAG
    }

    /// What the device was not set up for: it is done here, once, and whatever else is asked is asked
    /// again afterwards. The tag first, which is in no checksum: the device may finish that yet.
    #[cold]
    fn fate_of_asking(&self, packet: &Packet<'p>) -> Fate {
        if packet.offloads.contains(Offloads::VLAN_WANTED) && !mbuf::tags(packet, self.features) {
            Fate::Tag
        } else if packet.offloads.contains(Offloads::L4_WANTED) {
            Fate::Finish
        } else {
            Fate::Unsupported
        }
    }

    /// A packet of another pool is copied if that can help.
    #[cold]
    fn fate_of_foreign(&self, packet: &Packet<'p>) -> Fate {
        let room = self.shared.pool().frame_size() - self.shared.pool().data_offset();
        match packet.len() {
            _ if packet.is_chained() => Fate::Unsupported,
            len if len < ETHERNET_HEADER => Fate::Undersize,
            len if len > self.max_frame.min(room) => Fate::Oversize,
            _ => Fate::Copy,
        }
    }

    /// Links the mbufs of a chain.
    #[cold]
    fn prepare_chain(&self, packet: &Packet<'p>) -> Result<(*mut Mbuf, usize), Fate> {
        let total = packet.total_len();
        if !self.features.contains(Features::TX_CHAINED) || packet.len() < ETHERNET_HEADER {
            return Err(Fate::Unsupported);
        }
        if total > self.max_frame && !self.is_tagged(packet, total) {
            return Err(Fate::Oversize);
        }
        let parts = packet.frame().segments().count();
        let count = u16::try_from(parts).ok().filter(|&count| count <= SEGMENTS);
        let count = count.ok_or(Fate::Unsupported)?;
        let frames = self.shared.frames();
        let mut head: *mut Mbuf = ptr::null_mut();
        let mut last: *mut Mbuf = ptr::null_mut();
        for (index, offset, len) in self.segments(packet) {
            let mbuf = frames.mbuf(index);
            let mut meta = Meta::segment((offset - frames.buffer_offset(index)) as u16, len);
            if head.is_null() {
                head = mbuf;
                meta.nb_segs = count;
                meta.pkt_len = total as u32;
                let asked = meta.ask(packet, self.features);
                let lengths = asked.ok_or_else(|| self.fate_of_asking(packet))?;
                // SAFETY: the frames of the chain are the packet's, which is borrowed.
                unsafe { mbuf::write_lengths(mbuf, lengths) };
            } else {
                // SAFETY: as above.
                unsafe { mbuf::set_next(last, mbuf) };
            }
            // SAFETY: as above.
            unsafe { meta.write(mbuf) };
            last = mbuf;
        }
        Ok((head, total))
    }

    /// The frames of a packet, and where in each the data is.
    #[inline]
    pub(super) fn segments<'a>(
        &'a self,
        packet: &'a Packet<'p>,
    ) -> impl Iterator<Item = (FrameIndex, usize, u16)> + 'a {
        let base = self.shared.pool().base().addr().get();
        packet.frame().segments().filter_map(move |data| {
            let at = data.as_ptr().addr().wrapping_sub(base) as u64;
            let (index, offset) = self.shared.pool().locate(at)?;
            Some((index, offset, data.len() as u16))
        })
    }

    /// As [`segments`](Self::segments), also of a packet in one frame that has no data.
    #[inline]
    pub(super) fn frames_of<'a>(
        &'a self,
        packet: &'a Packet<'p>,
    ) -> impl Iterator<Item = FrameIndex> + 'a {
        let one = (!packet.is_chained()).then(|| packet.frame().index());
        let chain = packet.is_chained().then(|| self.segments(packet));
        let chain = chain.into_iter().flatten().map(|(index, ..)| index);
        one.into_iter().chain(chain)
    }
}

/// Mbufs of one packet at most: what every driver takes that takes several.
const SEGMENTS: u16 = 8;

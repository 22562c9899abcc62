//! Where in a frame the device writes, and what it is told of a frame.

use linecard::mempool::{Colours, FrameIndex, Pool};

use super::super::header::Header;
use crate::Features;

/// Where in a frame the device writes.
///
/// The packet begins where that of a new frame would, on a cache line, and its header ends right
/// before it. So the shortest packets are in one line; and the header's line, which hardly ever
/// changes, stays in the caches of both sides. Frames begin at different lines by colour, as the
/// pool's do.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Layout {
    /// From the frame's start to the buffer, in bytes, before its colour.
    start: usize,
    colours: Colours,
    /// Bytes that precede a packet.
    pub(super) header: usize,
    /// Bytes of a buffer.
    pub(super) room: u32,
    /// `VIRTIO_NET_F_MRG_RXBUF`.
    pub(super) merge: bool,
    /// `VIRTIO_NET_F_GUEST_CSUM`.
    pub(super) checksum: bool,
}

impl Layout {
    pub(in super::super) fn new(pool: &Pool<'_>, features: Features) -> Self {
        let colours = pool.colours();
        let header = header_len(features);
        let start = match pool.config().headroom {
            // Room for it, in lines of its own.
            64.. => pool.data_offset().saturating_sub(header),
            _ => pool.data_offset(),
        };
        let last = start + colours.longest();
        Self {
            start,
            colours,
            header,
            room: pool.frame_size().saturating_sub(last) as u32,
            merge: features.contains(Features::MRG_RXBUF),
            checksum: features.contains(Features::GUEST_CSUM),
        }
    }

    /// The longest packet that one buffer holds, in bytes.
    pub(in super::super) const fn longest(&self) -> usize {
        (self.room as usize).saturating_sub(self.header)
    }

    /// The token of a frame: its number, and above it its colour, of which there are eight at most; and
    /// what [`offset`](Self::offset) makes of it.
    #[inline(always)]
    pub(super) const fn place(&self, frame: FrameIndex) -> (u32, usize) {
        let colour = self.colours.offset(frame);
        (
            frame.0 | (colour as u32) << (COLOUR - 6),
            self.start + colour,
        )
    }

    /// From a frame's start to its buffer, in bytes.
    #[inline(always)]
    pub(super) const fn offset(&self, token: u32) -> usize {
        self.start + ((token >> COLOUR) as usize) * 64
    }
}

/// The frame of a token.
#[inline(always)]
pub(super) const fn frame_of(token: u32) -> FrameIndex {
    FrameIndex(token & !(u32::MAX << COLOUR))
}

/// Bytes that precede a packet.
pub(in super::super) const fn header_len(features: Features) -> usize {
    match features.contains(Features::HASH_REPORT) {
        true => Header::LEN_WITH_HASH,
        false => Header::LEN,
    }
}

/// Where in a token a frame's colour begins: frames are numbered up to 2^28 - 1.
const COLOUR: u32 = 28;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::tests::pool;

    #[test]
    fn a_token_gives_its_frame_and_a_buffer_inside_it() {
        let pool = pool(64);
        let layout = Layout::new(pool, Features::MRG_RXBUF);
        let mut lines = [false; 8];
        for index in 0..pool.frames() as u32 {
            let (token, offset) = layout.place(FrameIndex(index));
            assert_eq!(frame_of(token), FrameIndex(index));
            assert_eq!(layout.offset(token), offset);
            let packet = offset + layout.header;
            assert_eq!(packet % 64, 0, "the packet begins on a cache line");
            assert!(packet >= pool.data_offset());
            assert!(offset + layout.room as usize <= pool.frame_size());
            lines[(packet - pool.data_offset()) / 64] = true;
        }
        let colours = 1 + pool.colours().longest() / 64;
        assert!(lines[..colours].iter().all(|&used| used));
        assert_eq!(layout.longest(), layout.room as usize - Header::LEN);
        let all = pool.frame_size() - pool.data_offset() - pool.colours().longest();
        assert_eq!(layout.longest(), all, "the header takes nothing of it");
    }
}

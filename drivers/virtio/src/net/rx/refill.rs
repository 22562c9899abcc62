//! Stocking a receive queue with free frames.

use linecard::device::RxStats;
use linecard::mempool::{Account, Cache, DeviceAddress, FrameIndex};
use linecard::platform::Dma;

use super::super::frames::Frames;
use super::super::ring::Bell;
use super::BATCH;
use super::layout::Layout;
use crate::Doorbell;
use crate::queue::{Buffer, Virtqueue};

/// What a burst needs besides the ring.
pub(super) struct Port<'a, 'p, 'd, B, D> {
    pub(super) bell: &'a Bell<B>,
    pub(super) account: &'a Account<'p>,
    pub(super) layout: &'a Layout,
    pub(super) frames: &'a Frames<'p, 'd, D>,
}

impl<'p, B: Doorbell, D: Dma> Port<'_, 'p, '_, B, D> {
    /// Posts free frames where there are descriptors for them, all published at once.
    pub(super) fn refill<V: Virtqueue>(
        self,
        queue: &mut V,
        cache: &mut Cache<'p>,
        stats: &mut RxStats,
    ) {
        let Port {
            bell,
            account,
            layout,
            frames,
        } = self;
        // Copies: the compiler would look again after each access to the ring.
        let (layout, frames) = (*layout, *frames);
        loop {
            let want = usize::from(queue.free()).min(BATCH);
            let mut posted = [FrameIndex::default(); BATCH];
            let posted = posted.get_mut(..want).unwrap_or(&mut []);
            let taken = account.post(cache, posted);
            let posted = posted.get(..taken).unwrap_or(&[]);
            let buffers = posted.iter().map_while(|&frame| {
                let (token, offset) = layout.place(frame);
                frames.hand_over(frame, offset, layout.room as usize);
                let address = frames.address(frame, offset, layout.room as usize)?;
                let buffer = Buffer {
                    addr: DeviceAddress(address),
                    len: layout.room,
                    writable: true,
                };
                Some((buffer, token))
            });
            // SAFETY: the frames were just posted, so they are nobody's but the device's until their
            // tokens come back, or the queue is released after a reset; the buffers are inside them
            // (`Layout::new`).
            let pushed = unsafe { queue.push_burst(buffers) };
            if let Some(rest) = posted.get(pushed..).filter(|rest| !rest.is_empty()) {
                // SAFETY: posted above, and the device was not told of them.
                unsafe { account.unpost(cache, rest) };
            }
            if taken < want {
                stats.no_frames = stats.no_frames.wrapping_add(1);
            }
            if taken < BATCH {
                break;
            }
        }
        if queue.publish() {
            stats.kicks = stats.kicks.wrapping_add(1);
            bell.ring(queue);
        }
    }
}

impl<B, D> Clone for Port<'_, '_, '_, B, D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B, D> Copy for Port<'_, '_, '_, B, D> {}

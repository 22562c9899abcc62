//! A queue of either kind, and its doorbell.

use core::ptr::NonNull;

use crate::queue::packed::PackedQueue;
use crate::queue::split::SplitQueue;
use crate::queue::{Options, Virtqueue};
use crate::{Doorbell, Features};

/// A queue of the kind that was negotiated. A burst asks once which.
// Both are about the same size, and there is no allocator to put one elsewhere.
#[derive(Debug)]
pub(super) enum Ring<const N: usize> {
    Split(SplitQueue<N>),
    Packed(PackedQueue<N>),
}

/// Runs the same for either kind, compiled for each.
macro_rules! for_each_kind {
    ($ring:expr, $queue:ident => $run:expr) => {
        match $ring {
            $crate::net::ring::Ring::Split($queue) => $run,
            $crate::net::ring::Ring::Packed($queue) => $run,
        }
    };
}
pub(super) use for_each_kind;

impl<const N: usize> Ring<N> {
    /// A ring in this memory. `None` for a size that cannot be.
    ///
    /// # Safety
    ///
    /// As for [`SplitQueue::new`].
    pub(super) unsafe fn new(
        at: NonNull<u8>,
        size: u16,
        features: Features,
        start: u16,
    ) -> Option<Self> {
        let packed = features.contains(Features::RING_PACKED);
        let options = Options {
            event_idx: features.contains(Features::EVENT_IDX),
            in_order: features.contains(Features::IN_ORDER),
            start: (!packed).then_some(start),
        };
        if packed {
            // SAFETY: the caller's promise is the same.
            unsafe { PackedQueue::new(at, size, options) }.map(Self::Packed)
        } else {
            // SAFETY: the caller's promise is the same.
            unsafe { SplitQueue::new(at, size, options) }.map(Self::Split)
        }
    }

    /// Takes out the token of every buffer that is in the queue.
    pub(super) fn abandon(&mut self, each: impl FnMut(u32)) {
        for_each_kind!(self, queue => queue.abandon(each));
    }

    pub(super) fn fault(&self) -> Option<crate::queue::Fault> {
        for_each_kind!(self, queue => queue.fault())
    }

    pub(super) fn size(&self) -> u16 {
        for_each_kind!(self, queue => queue.size())
    }

    pub(super) fn start(&self) -> u16 {
        for_each_kind!(self, queue => queue.start())
    }
}

/// A queue's doorbell, and what it is rung with.
#[derive(Debug)]
pub(super) struct Bell<B> {
    doorbell: B,
    queue: u16,
    /// `VIRTIO_F_NOTIFICATION_DATA`.
    with_data: bool,
}

impl<B: Doorbell> Bell<B> {
    pub(super) const fn new(doorbell: B, queue: u16, features: Features) -> Self {
        Self {
            doorbell,
            queue,
            with_data: features.contains(Features::NOTIFICATION_DATA),
        }
    }

    /// Tells the device that there are new buffers in the queue.
    #[inline]
    pub(super) fn ring(&self, queue: &impl Virtqueue) {
        let data = if self.with_data {
            queue.notification()
        } else {
            0
        };
        self.doorbell.ring(u32::from(self.queue) | data);
    }
}

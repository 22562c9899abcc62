//! What a receive queue owns.

use linecard::mempool::Account;
use linecard::packet::Packet;

use super::super::ring::{Bell, Ring};
use super::layout::{Layout, frame_of};
use crate::Doorbell;

/// What outlives a dropped handle, until the device has let go of the queue.
#[derive(Debug)]
pub(in super::super) struct Receiver<'p, B, const N: usize> {
    pub(in super::super) ring: Ring<N>,
    pub(in super::super) bell: Bell<B>,
    pub(in super::super) account: Account<'p>,
    pub(in super::super) layout: Layout,
    /// A packet of which some buffers have not come yet.
    pub(super) partial: Option<Partial<'p>>,
}

/// A packet of several buffers under way.
#[derive(Debug)]
pub(super) struct Partial<'p> {
    pub(super) packet: Packet<'p>,
    /// Buffers that are to come.
    pub(super) missing: u16,
}

impl<'p, B: Doorbell, const N: usize> Receiver<'p, B, N> {
    pub(in super::super) const fn new(
        ring: Ring<N>,
        bell: Bell<B>,
        account: Account<'p>,
        layout: Layout,
    ) -> Self {
        Self {
            ring,
            bell,
            account,
            layout,
            partial: None,
        }
    }

    /// Gives all frames to the pool's shared list.
    ///
    /// # Safety
    ///
    /// The device has let go of the queue and its buffers.
    pub(in super::super) unsafe fn release(mut self) {
        let account = &self.account;
        self.ring.abandon(|token| {
            // SAFETY: the token was in the queue, so the frame was posted through this account and
            // not received since; the device has let go of it (the caller's promise).
            unsafe { account.unpost_shared(&[frame_of(token)]) };
        });
    }
}

//! What both halves of a queue share, and how it ends.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};

use linecard::mempool::{Account, FrameIndex};

use crate::posted::{Posted, Way};
use crate::socket::{self, Socket};
use crate::umem::Umem;
use crate::xdp::Attachment;

/// What the port learns of its interface, for its queues to act on.
#[derive(Debug, Default)]
pub(crate) struct PortState {
    /// The longest frame in bytes that the interface sends.
    pub(crate) max_frame: AtomicU32,
    /// The interface is gone and will not come back.
    pub(crate) gone: AtomicBool,
    /// It had no carrier, or was switched off, when last asked.
    pub(crate) down: AtomicBool,
}

impl PortState {
    /// Whether the interface is gone.
    #[inline]
    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    /// Writes down that it is.
    pub(crate) fn set_gone(&self) {
        self.gone.store(true, Ordering::Relaxed);
    }
}

/// One open queue: its socket, and the record of what the kernel holds through it.
///
/// Both halves keep it alive. Each leaves its account here when it is dropped; when the second has
/// gone, the queue ends in the one order that works:
///
/// 1. the kernel is told to pass the queue's packets to itself again;
/// 2. the rings are unmapped, then the socket is closed: from here on nothing new is begun;
/// 3. where the kernel or the device may still be reading or writing frames, it is waited for;
/// 4. every frame that was posted goes back to the pool. Should step 3 have run out of patience,
///    they stay in the ledger under the queue's name instead: a frame that somebody may write to
///    is never handed out.
#[derive(Debug)]
pub(crate) struct Channel<'p> {
    pub(crate) posted: Posted,
    pub(crate) state: Arc<PortState>,
    pub(crate) queue: u16,
    umem: Umem<'p>,
    /// Taken when the channel ends; tests with rings of their own have none.
    kernel: Option<Kernel>,
    ended: Mutex<Ended<'p>>,
}

/// What the kernel keeps for a queue.
#[derive(Debug)]
pub(crate) struct Kernel {
    pub(crate) socket: Socket,
    pub(crate) attachment: Arc<Attachment>,
    /// The interface's index.
    pub(crate) interface: u32,
}

/// What the halves leave behind.
#[derive(Debug, Default)]
struct Ended<'p> {
    rx: Option<Account<'p>>,
    tx: Option<Account<'p>>,
    /// Sent frames that the kernel has taken and not completed.
    in_flight: u32,
}

impl<'p> Channel<'p> {
    pub(crate) fn new(
        umem: Umem<'p>,
        state: Arc<PortState>,
        queue: u16,
        kernel: Option<Kernel>,
    ) -> Self {
        Self {
            posted: Posted::new(umem.pool().frames()),
            state,
            queue,
            umem,
            kernel,
            ended: Mutex::default(),
        }
    }

    /// The socket; `None` only while the channel ends.
    pub(crate) fn socket(&self) -> Option<&Socket> {
        self.kernel.as_ref().map(|kernel| &kernel.socket)
    }

    /// The receiving half is gone. Its packets go to the kernel again.
    pub(crate) fn end_rx(&self, account: Option<Account<'p>>) {
        if let Some(kernel) = &self.kernel {
            kernel.attachment.pass(self.queue);
        }
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).rx = account;
    }

    /// The sending half is gone; the kernel has `in_flight` of its frames.
    pub(crate) fn end_tx(&self, account: Option<Account<'p>>, in_flight: u32) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.tx = account;
        ended.in_flight = in_flight;
    }
}

impl Drop for Channel<'_> {
    fn drop(&mut self) {
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        let Ended { rx, tx, in_flight } = core::mem::take(ended);
        let released = match self.kernel.take() {
            Some(kernel) => kernel.close(&self.umem, self.queue, in_flight),
            None => true,
        };
        if !released {
            return;
        }
        if let Some(account) = rx {
            let frames = self.posted.take_all(Way::Fill);
            // SAFETY: these were posted through this account (`RxQueue::refill`) and not received
            // since (the table), the socket is closed, and `released` has seen to it that nobody
            // touches them any more.
            unsafe { account.unpost_shared(&frames) };
        }
        if let Some(account) = tx {
            let frames: std::vec::Vec<FrameIndex> = self.posted.take_all(Way::Transmit);
            // SAFETY: these were sent through this account (`TxQueue::hand_over`) and not completed
            // since (the table); the rest as above.
            unsafe { account.complete_shared(&frames) };
        }
    }
}

impl Kernel {
    /// Ends the queue; gives whether nobody reads or writes its posted frames any more.
    ///
    /// In copy mode that is so at once: the kernel copies into frames under the lock that closing
    /// takes, and out of them during the system call that sends. Some drivers read sent frames in
    /// place, and in zero-copy mode the device reads and writes them all, until the kernel has let
    /// go of the queue.
    fn close(self, umem: &Umem<'_>, queue: u16, in_flight: u32) -> bool {
        self.attachment.pass(queue);
        let at_once = !self.socket.zero_copy() && in_flight == 0;
        self.socket.close(umem);
        at_once || socket::wait_released(self.interface, queue, umem, RELEASE_PATIENCE)
    }
}

/// How long to wait for a device to let go of a closed queue's frames.
const RELEASE_PATIENCE: Duration = Duration::from_millis(200);

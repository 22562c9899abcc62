//! One virtqueue of a guest: what its front end said of it, and the queue when it runs.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileTypeExt;
use std::sync::Arc;

use crate::Features;
use crate::queue::device::{
    DeviceQueue, GuestFault, PackedQueue, Position, RingAddresses, RingConfig, SplitQueue,
};
use crate::vhost_user::memory::GuestMap;

/// A virtqueue, shared by the thread that polls it and the one that listens to the front end.
pub(super) type Slot = crate::vhost_user::slot::Slot<Ring>;

/// What is known of a virtqueue, and the queue itself while it runs.
#[derive(Debug, Default)]
pub(super) struct Ring {
    /// Entries, or 0 if not said yet.
    pub(super) size: u32,
    /// The front end's own addresses of the three parts.
    pub(super) rings: Option<RingAddresses>,
    /// Where to begin, as vhost-user writes it.
    pub(super) base: u32,
    /// The front end has given, or declined, a file to be kicked by.
    pub(super) started: bool,
    pub(super) enabled: bool,
    /// Tells the guest.
    pub(super) call: Option<File>,
    /// Tells the front end of a fault.
    pub(super) err: Option<File>,
    pub(super) queue: Option<Queue>,
    /// What was agreed on, while the queue runs.
    pub(super) features: Features,
    /// By which rule of its own it was taken out of service.
    pub(super) fault: Option<GuestFault>,
}

/// A queue of either form.
#[derive(Debug)]
pub(super) enum Queue {
    Split(SplitQueue<Arc<GuestMap>>),
    Packed(PackedQueue<Arc<GuestMap>>),
}

impl Ring {
    /// Starts the queue, if everything that it needs has been said and it is not running.
    pub(super) fn start(&mut self, map: &Arc<GuestMap>, features: Features) {
        // Without the protocol's features there is no message that enables a ring.
        let enabled = self.enabled || !features.contains(Features::VHOST_USER_PROTOCOL);
        if self.queue.is_some() || !self.started || !enabled || self.fault.is_some() {
            return;
        }
        let Some(rings) = self.rings else { return };
        if self.size == 0 {
            return;
        }
        match self.make(map, rings, features) {
            Ok(queue) => {
                self.queue = Some(queue);
                self.features = features;
            }
            Err(fault) => self.fail(fault),
        }
    }

    fn make(
        &self,
        map: &Arc<GuestMap>,
        rings: RingAddresses,
        features: Features,
    ) -> Result<Queue, GuestFault> {
        let guest = |user| map.guest_address(user).ok_or(GuestFault::Ring);
        let rings = RingAddresses {
            descriptors: guest(rings.descriptors)?,
            driver: guest(rings.driver)?,
            device: guest(rings.device)?,
        };
        let packed = features.contains(Features::RING_PACKED);
        let start = match packed {
            true => Position::packed(self.base),
            false => Position {
                index: self.base as u16,
                wrap: true,
            },
        };
        let config = RingConfig {
            size: u16::try_from(self.size).map_err(|_| GuestFault::Size(u16::MAX))?,
            event_idx: features.contains(Features::EVENT_IDX),
            indirect: features.contains(Features::INDIRECT_DESC),
            in_order: features.contains(Features::IN_ORDER),
            start,
        };
        let map = Arc::clone(map);
        // It is polled: the guest need not say anything.
        Ok(match packed {
            true => {
                // The process before this one may have died at work.
                let mut queue = PackedQueue::resume(map, rings, config)?;
                queue.set_notify(false);
                Queue::Packed(queue)
            }
            false => {
                let mut queue = SplitQueue::new(map, rings, config)?;
                queue.set_notify(false);
                Queue::Split(queue)
            }
        })
    }

    /// Stops the queue, and keeps where it stands.
    pub(super) fn stop(&mut self) {
        match self.queue.take() {
            Some(Queue::Split(queue)) => self.base = u32::from(queue.position().index),
            Some(Queue::Packed(queue)) => self.base = queue.position().to_packed(),
            None => {}
        }
    }

    /// Takes the queue out of service, and tells the front end.
    #[cold]
    pub(super) fn fail(&mut self, fault: GuestFault) {
        self.stop();
        self.fault = Some(fault);
        signal(self.err.as_ref());
    }

    /// Forgets everything, as when the front end is gone.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

/// Adds one to an eventfd.
#[inline]
pub(super) fn signal(file: Option<&File>) {
    if let Some(mut file) = file {
        // Full, or closed at the other end: nobody is waiting.
        let _ = file.write(&1_u64.to_ne_bytes());
    }
}

/// A front end's file to be signalled by, if it is one that never makes a write wait: an eventfd, or
/// a pipe or socket, with `O_NONBLOCK` on the open file. Whatever else it may be, a file on a file
/// system of the front end's own among that, could stop the thread that polls for as long as it likes.
pub(super) fn bell(file: File) -> Option<File> {
    let kind = file.metadata().ok()?.file_type();
    let other = kind.is_file() || kind.is_dir() || kind.is_char_device() || kind.is_block_device();
    if other {
        return None;
    }
    // SAFETY: reads the file's status flags.
    let flags = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETFL) };
    if flags < 0 {
        return None;
    }
    // SAFETY: sets the file's status flags to what they were and one more.
    let set = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFL, flags | libc::O_NONBLOCK) };
    (set == 0).then_some(file)
}

#[cfg(test)]
mod tests {
    use std::os::fd::FromRawFd;

    use super::*;

    #[test]
    fn a_bell_is_nothing_that_a_write_could_wait_for() {
        use vmm_sys_util::eventfd::EventFd;
        let event = EventFd::new(0).unwrap();
        // SAFETY: passes no pointers.
        let copy = unsafe { libc::dup(event.as_raw_fd()) };
        assert!(copy >= 0);
        // SAFETY: a new descriptor, nobody else's.
        let file = unsafe { File::from_raw_fd(copy) };
        let file = bell(file).expect("an eventfd is one");
        signal(Some(&file));
        assert_eq!(event.read().unwrap(), 1);
        let (near, _far) = std::os::unix::net::UnixStream::pair().unwrap();
        let near = bell(std::os::fd::OwnedFd::from(near).into()).expect("a socket is one");
        // Until it is full, and on.
        for _ in 0..1 << 16 {
            signal(Some(&near));
        }
        for path in ["/dev/null", "/", "/proc/self/exe"] {
            assert!(bell(File::open(path).unwrap()).is_none(), "{path}");
        }
    }
}

//! What ports that live in this process have in common: one queue, frames of any length.

use linecard::device::{Capabilities, DeviceError};

/// The one queue of a port, which can be open once at a time.
#[derive(Debug, Clone, Default)]
pub(super) struct OnlyQueue {
    taken: bool,
}

impl OnlyQueue {
    /// What a port with one queue, and nobody behind it whom a length could trouble, can do.
    pub(super) fn capabilities() -> Capabilities {
        Capabilities {
            max_frame: usize::from(u16::MAX),
            ..Capabilities::default()
        }
    }

    /// The longest packet behind an Ethernet header: Ethernet's own.
    pub(super) const MTU: usize = 1500;

    /// Opens it.
    pub(super) fn take(&mut self, queue: u16) -> Result<(), DeviceError> {
        match queue {
            0 if !self.taken => {
                self.taken = true;
                Ok(())
            }
            0 => Err(DeviceError::QueueTaken(queue)),
            _ => Err(DeviceError::NoSuchQueue(queue)),
        }
    }

    /// Closes it, for a reset.
    pub(super) fn give_back(&mut self) {
        self.taken = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_open_once_at_a_time() {
        let mut only = OnlyQueue::default();
        assert_eq!(only.take(1), Err(DeviceError::NoSuchQueue(1)));
        assert_eq!(only.take(0), Ok(()));
        assert_eq!(only.take(0), Err(DeviceError::QueueTaken(0)));
        assert_eq!(only.take(1), Err(DeviceError::NoSuchQueue(1)));
        only.give_back();
        assert_eq!(only.take(0), Ok(()));
    }
}

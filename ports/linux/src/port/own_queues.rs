//! What ports that live in this process have in common: queues that open once, frames of any length.

use linecard::device::{Capabilities, DeviceError};

/// The queues of a port, each of which can be open once at a time.
#[derive(Debug, Clone)]
pub(super) struct OwnQueues {
    taken: Vec<bool>,
}

impl OwnQueues {
    /// So many, all closed.
    pub(super) fn new(count: u16) -> Self {
        Self {
            taken: vec![false; count.into()],
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> u16 {
        self.taken.len() as u16
    }

    /// What a port with these queues, and nobody behind it whom a length could trouble, can do.
    pub(super) fn capabilities(&self) -> Capabilities {
        Capabilities {
            queues: self.count(),
            max_frame: usize::from(u16::MAX),
            ..Capabilities::default()
        }
    }

    /// The longest packet behind an Ethernet header: Ethernet's own.
    pub(super) const MTU: usize = 1500;

    /// Opens one.
    pub(super) fn take(&mut self, queue: u16) -> Result<(), DeviceError> {
        match self.taken.get_mut(usize::from(queue)) {
            Some(taken) if !*taken => {
                *taken = true;
                Ok(())
            }
            Some(_) => Err(DeviceError::QueueTaken(queue)),
            None => Err(DeviceError::NoSuchQueue(queue)),
        }
    }

    /// Closes one, for a reset.
    pub(super) fn give_back(&mut self, queue: u16) {
        if let Some(taken) = self.taken.get_mut(usize::from(queue)) {
            *taken = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_open_once_at_a_time() {
        let mut queues = OwnQueues::new(2);
        assert_eq!(queues.take(2), Err(DeviceError::NoSuchQueue(2)));
        assert_eq!(queues.take(1), Ok(()));
        assert_eq!(queues.take(1), Err(DeviceError::QueueTaken(1)));
        assert_eq!(queues.take(0), Ok(()));
        queues.give_back(1);
        assert_eq!(queues.take(0), Err(DeviceError::QueueTaken(0)));
        assert_eq!(queues.take(1), Ok(()));
    }
}

//! How long to leave the other side alone before its counter is looked at again.

use core::{cmp::min, ptr};

use super::{FIRST, enough, most};

/// What a handle that moves items one by one has learned about the other side's pace.
///
/// Each look at the other side's counter takes its line away from the core that writes it, and that core
/// gets no further until it has it back. The faster side would so look for every item, and both would go
/// on at the pace of a line that travels between them. So a handle that found nothing, then something,
/// and then few, waits a moment before it takes these, and goes on doing so as long as waiting
/// brings more. After a wait that brought none it waits no more until more than that are there at once.
///
/// Who finds nothing is told so at once, and what comes first after that is taken at once: an
/// item that comes alone is never waited with. Who finds enough each time, or something (both
/// handles on one thread), never waits either.
#[derive(Debug, Clone)]
pub(in crate::ring) struct Patience {
    /// So many are taken as they are found, without a thought: all there can be, as long as nothing is
    /// known; none, where few mean a wait; what was there before the last wait. At most the capacity.
    content: InMemory,
    /// Steps of the next wait; 0 for none, because nothing was found before.
    steps: InMemory,
    /// As many as are worth a look.
    enough: InMemory,
    /// Steps of a wait, at most.
    most: InMemory,
}

impl Patience {
    /// Of a handle of a ring of so many slots: knows nothing, and does not wait.
    pub(in crate::ring) fn new(capacity: usize) -> Self {
        Self {
            content: InMemory(capacity),
            steps: InMemory(0),
            enough: InMemory(enough(capacity)),
            most: InMemory(most(capacity)),
        }
    }

    /// Whether so many can be taken without asking [`wait`](Self::wait). Never true above the capacity.
    #[inline(always)]
    pub(in crate::ring) fn is_content_with(&self, usable: usize) -> bool {
        usable <= self.content.read()
    }

    /// A look found nothing.
    #[inline(always)]
    pub(in crate::ring) fn found_nothing(&mut self) {
        self.content.write(0);
        self.steps.write(0);
    }

    /// So many steps to wait and then look again, because a look found no more than `usable`; `None` if these
    /// are to be taken.
    ///
    /// Inlined although it is rare: around a call the caller's loop would keep its counters in memory, and
    /// a compare-and-swap waits for every store before it.
    #[inline(always)]
    pub(in crate::ring) fn wait(&mut self, usable: usize) -> Option<usize> {
        let steps = self.steps.read();
        if steps == 0 {
            self.steps.write(min(FIRST, self.most.read()));
        } else if self.content.read() == 0 && usable < self.enough.read() {
            self.content.write(usable);
            return Some(steps);
        } else {
            self.content.write(0);
            if usable < self.enough.read() {
                self.steps.write(min(2 * steps, self.most.read()));
            } else if usable / 4 > self.enough.read() {
                self.steps.write((steps / 2).max(1));
            }
        }
        None
    }
}

/// A number that stays in memory.
///
/// These are needed by the way only. In registers, which are scarce, they would push out what a loop of
/// operations needs each time.
#[derive(Debug, Clone)]
struct InMemory(usize);

impl InMemory {
    #[inline(always)]
    fn read(&self) -> usize {
        // SAFETY: a reference to a number can be read from; volatile keeps it out of registers.
        unsafe { ptr::read_volatile(&self.0) }
    }

    #[inline(always)]
    fn write(&mut self, value: usize) {
        // SAFETY: an exclusive reference to a number can be written to.
        unsafe { ptr::write_volatile(&mut self.0, value) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The steps waited after each of these looks, one of which follows a wait.
    fn waits(capacity: usize, looks: &[usize]) -> std::vec::Vec<usize> {
        let mut patience = Patience::new(capacity);
        let wait = |&usable: &usize| {
            if usable == 0 {
                patience.found_nothing();
                None
            } else if patience.is_content_with(usable) {
                None
            } else {
                patience.wait(usable)
            }
        };
        looks
            .iter()
            .map(wait)
            .map(Option::unwrap_or_default)
            .collect()
    }

    #[test]
    fn who_always_finds_something_never_waits() {
        assert_eq!(waits(1024, &[1; 9]), [0; 9]);
        assert_eq!(waits(1024, &[3, 1, 1024, 1]), [0; 4]);
    }

    #[test]
    fn what_comes_alone_is_taken_at_once() {
        assert_eq!(waits(1024, &[0, 1, 0, 1, 0, 0, 0, 7, 0, 2]), [0; 10]);
    }

    #[test]
    fn a_wait_that_brings_more_is_followed_by_longer_ones() {
        let looks = [0, 1, 1, 20, 2, 30, 255, 256, 3, 70];
        assert_eq!(waits(1024, &looks), [0, 0, 16, 0, 32, 0, 64, 0, 64, 0]);
    }

    #[test]
    fn a_wait_that_brings_none_is_the_last() {
        // Until there are more than before it: waiting might pay again.
        let looks = [0, 1, 2, 2, 1, 2, 1, 3, 1];
        assert_eq!(waits(1024, &looks), [0, 0, 16, 0, 0, 0, 0, 0, 32]);
    }

    #[test]
    fn enough_is_not_waited_with_and_plenty_shortens_the_wait() {
        assert_eq!(waits(1024, &[0, 1, 256, 1023, 9]), [0, 0, 0, 0, 16]);
        assert_eq!(waits(4096, &[0, 1, 1028, 1028, 9]), [0, 0, 0, 0, 4]);
    }

    #[test]
    fn a_small_ring_is_waited_for_briefly_or_not_at_all() {
        assert_eq!(waits(64, &[0, 1, 1, 2, 1, 2, 1]), [0, 0, 4, 0, 4, 0, 4]);
        assert_eq!(waits(64, &[0, 1, 16]), [0, 0, 0]);
        for capacity in [1, 2, 4, 8] {
            assert_eq!(waits(capacity, &[0, 1, 1, 1]), [0; 4]);
        }
    }

    #[test]
    fn more_than_can_be_is_always_noticed() {
        let mut patience = Patience::new(4);
        assert!(patience.is_content_with(4));
        assert!(!patience.is_content_with(5));
        patience.found_nothing();
        assert!(!patience.is_content_with(1));
    }
}

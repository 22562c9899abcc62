//! The two counters of one side, and how a thread takes its share of them.

use core::hint::cold_path;

use crate::{
    ring::{Padded, pace::Patience},
    sync::{
        atomic::{AtomicUsize, Ordering},
        const_unless_loom, pause, spin,
    },
};

/// One side of a ring: all its producers, or all its consumers.
///
/// | counter | moved by | meaning |
/// |---|---|---|
/// | `head` | compare-and-swap, by the thread that claims slots | up to here slots are claimed |
/// | `tail` | a store, by the same thread when it has copied, once all before it have | up to here the copying is done: the other side may go on |
/// | `handles` | making, cloning and dropping handles | how many there are |
///
/// Each lies on lines of its own. `head` and `tail` of one side on one line would let the other side,
/// which reads the tail, take the line away between claiming and publishing.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Side {
    head: Padded<AtomicUsize>,
    tail: Padded<AtomicUsize>,
    handles: Padded<AtomicUsize>,
}

/// Slots that a thread has claimed, and which it alone may use until it publishes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) first: usize,
    pub(super) count: usize,
}

/// What a thread asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    pub(super) count: usize,
    /// Fewer will do.
    pub(super) burst: bool,
    /// It may be worth a moment's wait: see [`Patience`].
    pub(super) patient: bool,
}

impl Wish {
    /// One item. Those who ask for more at a time take the other side's line seldom as it is, and mostly
    /// have other things to do than to wait.
    pub(super) const ONE: Self = Self {
        count: 1,
        burst: false,
        patient: true,
    };

    /// All of so many.
    #[inline]
    pub(super) const fn bulk(count: usize) -> Self {
        Self {
            count,
            burst: false,
            patient: false,
        }
    }

    /// As many as there are of so many.
    #[inline]
    pub(super) const fn burst(count: usize) -> Self {
        Self {
            count,
            burst: true,
            patient: false,
        }
    }
}

/// How a side and the other one lie in a ring of `capacity` slots.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// How far past the other side's tail this side's head may go: the capacity for producers,
    /// nothing for consumers.
    pub(super) lead: usize,
    pub(super) capacity: usize,
}

/// A handle's notes on the other side, so that its lines need not be fetched for every operation.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// Up to where this side's head may go by the other side's tail as last seen. It only grows, so an
    /// old one is safe: it claims less.
    limit: usize,
    patience: Patience,
}

impl Side {
    const_unless_loom! {
        pub(super) const fn new() -> Self {
            Self {
                head: Padded::new(AtomicUsize::new(0)),
                tail: Padded::new(AtomicUsize::new(0)),
                handles: Padded::new(AtomicUsize::new(0)),
            }
        }
    }

    /// Claims slots as `wish` says, and counts the other side's progress from `other`.
    ///
    /// # Errors
    /// There are fewer than wished for; this many. Nothing is claimed.
    ///
    /// Each further turn of the loop means that another thread of this side has claimed slots meanwhile:
    /// some thread always gets on, though it need not be this one. (On machines whose compare-and-swap
    /// can fail without reason, that is one more turn, and another one a wait, which there is once at most.)
    // Always inlined, so that a loop has what is in `seen` in registers.
    #[inline(always)]
    pub(super) fn claim(
        &self,
        other: &Side,
        seen: &mut Seen,
        room: Room,
        wish: Wish,
    ) -> Result<Claim, usize> {
        // Acquire here and Release below, on the claim: a thread that sees a head also sees the
        // other side's tail by which that claim was allowed, so that head is never further ahead of
        // the tail than `lead` allows.
        let mut head = self.head.load(Ordering::Acquire);
        loop {
            let mut usable = seen.usable_from(head);
            if usable > room.capacity || usable < wish.count {
                usable = seen.look(other, room, head);
                if !seen.patience.is_content_with(usable) {
                    cold_path();
                    if usable > room.capacity {
                        // The other side is past our head, so ours is an old one.
                        spin();
                        head = self.head.load(Ordering::Acquire);
                        continue;
                    }
                    if wish.patient
                        && let Some(steps) = seen.patience.wait(usable)
                    {
                        pause(steps);
                        // As if there was nothing: it is looked at anew.
                        seen.limit = head;
                        continue;
                    }
                }
            }
            if usable < wish.count && !wish.burst {
                if wish.patient {
                    seen.patience.found_nothing();
                }
                return Err(usable);
            }
            let count = usable.min(wish.count);
            if count == 0 {
                return Ok(Claim { first: head, count });
            }
            match self.head.compare_exchange_weak(
                head,
                head.wrapping_add(count),
                Ordering::Release,
                Ordering::Acquire,
            ) {
                Ok(_) => return Ok(Claim { first: head, count }),
                Err(now) => head = now,
            }
        }
    }

    /// Tells the other side that the claimed slots are done with, after all that were claimed before.
    ///
    /// **Waits** for the threads that claimed those: see the module's doc.
    #[inline]
    pub(super) fn publish(&self, claim: Claim) {
        if claim.count == 0 {
            return;
        }
        // Acquire: what those threads did is published along with ours, by our store.
        while self.tail.load(Ordering::Acquire) != claim.first {
            spin();
        }
        let tail = claim.first.wrapping_add(claim.count);
        self.tail.store(tail, Ordering::Release);
    }

    /// What a new handle of the side opposite knows of this one.
    pub(super) fn seen(&self, room: Room) -> Seen {
        Seen {
            limit: self.tail().wrapping_add(room.lead),
            patience: Patience::new(room.capacity),
        }
    }

    /// Slots done with so far.
    pub(super) fn tail(&self) -> usize {
        self.tail.load(Ordering::Acquire)
    }

    pub(super) fn start_at(&self, index: usize) {
        self.head.store(index, Ordering::Relaxed);
        self.tail.store(index, Ordering::Relaxed);
    }

    /// One handle more.
    pub(super) fn join(&self) {
        self.handles.fetch_add(1, Ordering::Relaxed);
    }

    /// One handle fewer; what it did is done.
    pub(super) fn leave(&self) {
        self.handles.fetch_sub(1, Ordering::Release);
    }

    /// Whether there is no handle, with all they did before.
    pub(super) fn is_empty(&self) -> bool {
        self.handles.load(Ordering::Acquire) == 0
    }
}

impl Seen {
    /// Slots that may be claimed from `head` on; more than the capacity if `head` and what was seen
    /// do not belong to one moment.
    #[inline]
    fn usable_from(&self, head: usize) -> usize {
        self.limit.wrapping_sub(head)
    }

    /// The same by a look at how far the other side is now.
    #[inline]
    fn look(&mut self, other: &Side, room: Room, head: usize) -> usize {
        // Acquire: the slots before this tail are done with; they are ours to claim.
        let tail = other.tail.load(Ordering::Acquire);
        self.limit = tail.wrapping_add(room.lead);
        self.usable_from(head)
    }

    /// Slots that may be claimed at this moment, by a look at both sides.
    #[inline]
    pub(super) fn usable_now(&mut self, own: &Side, other: &Side, room: Room) -> usize {
        let head = own.head.load(Ordering::Acquire);
        // Claims and progress between the two loads can make it look larger than it can be.
        self.look(other, room, head).min(room.capacity)
    }
}

static_assertions::const_assert_eq!(size_of::<Side>(), 3 * crate::ring::CACHE_LINES);

//! The one door to everything that two cores touch at once.
//!
//! In a normal build this is `core::sync::atomic` and nothing else: [`Track`] has no size and no
//! code. Under `--cfg loom` the atomics are loom's, [`spin`] hands the turn to another thread, and
//! [`Tracker`] keeps one loom cell per slot, so that loom sees each read and write of memory
//! which the rings reach through raw pointers. The code that is checked is the code that ships:
//! the same copies of whole ranges, not an item-by-item stand-in.
//!
//! Every atomic that a ring or a mempool shares between cores is imported from here.

pub(crate) use imp::{Track, Tracker, atomic, pause, spin};

/// Makes a constructor `const`, except under loom, whose atomics cannot be built at compile time.
macro_rules! const_unless_loom {
    ($(#[$meta:meta])* $vis:vis const fn $($rest:tt)*) => {
        #[cfg(not(loom))]
        $(#[$meta])*
        $vis const fn $($rest)*

        #[cfg(loom)]
        $(#[$meta])*
        $vis fn $($rest)*
    };
}
pub(crate) use const_unless_loom;

#[cfg(not(loom))]
mod imp {
    use core::marker::PhantomData;

    pub(crate) use core::sync::atomic;

    /// One step of a wait for another core.
    #[inline(always)]
    pub(crate) fn spin() {
        core::hint::spin_loop();
    }

    /// Leaves another core's lines alone for so many steps of a wait.
    #[inline(always)]
    pub(crate) fn pause(steps: usize) {
        for _ in 0..steps {
            core::hint::spin_loop();
        }
    }

    /// What loom must know of the slots; nothing in a normal build.
    #[derive(Debug)]
    pub(crate) struct Tracker;

    impl Tracker {
        /// A tracker for `slots` slots.
        pub(crate) const fn new(_slots: usize) -> Self {
            Self
        }

        /// What a handle carries along.
        #[inline(always)]
        pub(crate) fn track(&self) -> Track<'_> {
            Track(PhantomData)
        }
    }

    /// A handle's view of a [`Tracker`].
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Track<'r>(PhantomData<&'r Tracker>);

    impl Track<'_> {
        /// Slots `start..start + count` are about to be read.
        #[inline(always)]
        pub(crate) fn read(self, _start: usize, _count: usize) {}

        /// Slots `start..start + count` are about to be written.
        #[inline(always)]
        pub(crate) fn write(self, _start: usize, _count: usize) {}
    }
}

#[cfg(loom)]
mod imp {
    use loom::cell::UnsafeCell;
    use std::vec::Vec;

    pub(crate) use loom::sync::atomic;

    pub(crate) fn spin() {
        loom::thread::yield_now();
    }

    /// Nothing: loom knows no time, and tries every order without it.
    pub(crate) fn pause(_steps: usize) {}

    /// One empty loom cell per slot: touching it makes loom check that nobody else does meanwhile.
    #[derive(Debug)]
    pub(crate) struct Tracker(Vec<UnsafeCell<()>>);

    impl Tracker {
        pub(crate) fn new(slots: usize) -> Self {
            Self((0..slots).map(|_| UnsafeCell::new(())).collect())
        }

        pub(crate) fn track(&self) -> Track<'_> {
            Track(&self.0)
        }
    }

    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Track<'r>(&'r [UnsafeCell<()>]);

    impl Track<'_> {
        pub(crate) fn read(self, start: usize, count: usize) {
            for cell in &self.0[start..start + count] {
                cell.with(|_| ());
            }
        }

        pub(crate) fn write(self, start: usize, count: usize) {
            for cell in &self.0[start..start + count] {
                cell.with_mut(|_| ());
            }
        }
    }
}

//! An allocator that counts what each thread asks of it.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use std::alloc::System;

/// The system's allocator, with a count of each thread's allocations: to show that there are none.
///
/// ```
/// use linecard_testnet::{CountingAllocator, allocations};
///
/// #[global_allocator]
/// static ALLOCATOR: CountingAllocator = CountingAllocator;
///
/// let before = allocations();
/// drop(core::hint::black_box(vec![0; 10]));
/// assert_eq!(allocations(), before + 1);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct CountingAllocator;

/// How often the calling thread has allocated, or made an allocation longer. Always 0 in a program
/// whose allocator is not a [`CountingAllocator`]: see to it that it counts.
#[must_use]
pub fn allocations() -> u64 {
    COUNT.get()
}

// SAFETY: every call is handed to `System`, whose contract is the same.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller's promises about `layout` are those that `System` wants.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: `block` came from `System`, by `alloc` above or `realloc`, which calls it.
        unsafe { System.dealloc(block, layout) }
    }
}

thread_local! {
    // Made when the program is compiled and without a destructor, so that it can be used wherever
    // the allocator can.
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

//! Where a ring keeps its items: in itself, or in memory of the caller.

use core::{cell::UnsafeCell, fmt, marker::PhantomData, mem::MaybeUninit, ptr::NonNull};

use super::CapacityError;

/// The slots of a ring: [`Inline`] or [`Borrowed`].
///
/// Sealed: a ring counts on what these two promise.
///
/// A program that wants to choose later where items lie names it:
///
/// ```
/// use linecard::ring::{Inline, Storage, spsc::Ring};
///
/// struct Mailbox<S: Storage>(Ring<S>);
/// let mailbox = Mailbox(Ring::<Inline<u64, 8>>::new());
/// assert_eq!(mailbox.0.capacity(), 8);
/// ```
pub trait Storage: sealed::Slots {}

/// `N` slots inside the ring itself, for a ring in a `static`, on a stack, or in a struct.
///
/// `N` is a power of two; anything else does not compile:
///
/// ```compile_fail
/// use linecard::ring::{Inline, spsc::Ring};
/// let ring = Ring::<Inline<u32, 12>>::new();
/// ```
///
/// ```
/// use linecard::ring::{Inline, spsc::Ring};
/// static RING: Ring<Inline<u32, 16>> = Ring::new();
/// assert_eq!(RING.capacity(), 16);
/// ```
pub struct Inline<T, const N: usize>(UnsafeCell<[MaybeUninit<T>; N]>);

/// Slots in memory of the caller: huge pages, an arena, a slice cut from a larger one.
///
/// Start it on a cache line of its own ([`CACHE_LINES`](super::CACHE_LINES)) where the memory
/// before it is written by other cores.
///
/// ```
/// use core::mem::MaybeUninit;
/// use linecard::ring::{Borrowed, mpmc::Ring};
///
/// let mut slots = [const { MaybeUninit::uninit() }; 8];
/// let ring: Ring<Borrowed<u32>> = Ring::over(&mut slots).unwrap();
/// assert_eq!(ring.capacity(), 8);
/// ```
pub struct Borrowed<'s, T> {
    slots: NonNull<MaybeUninit<T>>,
    /// A power of two.
    count: usize,
    /// The slots are held by `&mut`, and `T` may neither grow nor shrink its lifetimes: what is
    /// put in by one type comes out by the same.
    _slots: PhantomData<&'s mut [MaybeUninit<T>]>,
}

impl<T, const N: usize> Inline<T, N> {
    /// Empty slots.
    pub(crate) const fn new() -> Self {
        const { assert!(N.is_power_of_two(), "a ring needs a power of two of slots") };
        Self(UnsafeCell::new([const { MaybeUninit::uninit() }; N]))
    }
}

impl<'s, T> Borrowed<'s, T> {
    /// Slots at `slots`, whose number must be a power of two.
    pub(crate) const fn new(slots: &'s mut [MaybeUninit<T>]) -> Result<Self, CapacityError> {
        let count = slots.len();
        if !count.is_power_of_two() {
            return Err(CapacityError { slots: count });
        }
        // SAFETY: the pointer comes from a reference, which is never null.
        let slots = unsafe { NonNull::new_unchecked(slots.as_mut_ptr()) };
        Ok(Self {
            slots,
            count,
            _slots: PhantomData,
        })
    }
}

impl<T, const N: usize> Storage for Inline<T, N> {}

impl<T> Storage for Borrowed<'_, T> {}

// SAFETY: the pointer is that of the cell's array, which is `N` long; `new` checks that `N` is a
// power of two, and is the only way to make one.
unsafe impl<T, const N: usize> sealed::Slots for Inline<T, N> {
    type Item = T;

    #[inline]
    fn first(&self) -> NonNull<MaybeUninit<T>> {
        // SAFETY: `UnsafeCell::get` gives the address of a live field, which is never null.
        unsafe { NonNull::new_unchecked(self.0.get().cast()) }
    }

    #[inline]
    fn count(&self) -> usize {
        N
    }
}

// SAFETY: pointer and count are those of a `&'s mut` slice, kept borrowed by `_slots`; `new`
// checks that the count is a power of two, and is the only way to make one.
unsafe impl<T> sealed::Slots for Borrowed<'_, T> {
    type Item = T;

    #[inline]
    fn first(&self) -> NonNull<MaybeUninit<T>> {
        self.slots
    }

    #[inline]
    fn count(&self) -> usize {
        self.count
    }
}

// SAFETY: `Borrowed` is a `&mut [MaybeUninit<T>]` in all but name, and that is `Send` with `T`.
unsafe impl<T: Send> Send for Borrowed<'_, T> {}

impl<T, const N: usize> fmt::Debug for Inline<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inline").field("slots", &N).finish()
    }
}

impl<T> fmt::Debug for Borrowed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Borrowed")
            .field("slots", &self.count)
            .finish()
    }
}

pub(crate) mod sealed {
    use core::{mem::MaybeUninit, ptr::NonNull};

    /// What a ring counts on.
    ///
    /// # Safety
    /// `first` points at `count` slots in one allocation, which stay where they are for as long
    /// as the storage is borrowed, and which nothing but the ring reads or writes; `count` is a
    /// power of two and never changes.
    pub unsafe trait Slots {
        /// What the slots hold.
        type Item;

        /// The first slot.
        fn first(&self) -> NonNull<MaybeUninit<Self::Item>>;

        /// How many slots there are.
        fn count(&self) -> usize;
    }
}

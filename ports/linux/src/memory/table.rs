//! A slice of values on huge pages: look-up tables, and the pool's side table.

use core::fmt;
use core::ops::{Deref, DerefMut};
use core::ptr;
use core::slice;

use super::error::MemoryError;
use super::mapping::Mapping;
use super::pages::{PagePolicy, Pages};

/// What a `Box<[T]>` would be, on the pages that [`Mapping`] gets.
///
/// ```
/// use linecard_linux::memory::{PagePolicy, Table};
///
/// let mut squares = Table::new("squares", 1000, PagePolicy::Prefer, |n| n * n)?;
/// squares[3] += 1;
/// assert_eq!(squares[3], 10);
/// assert_eq!(squares.len(), 1000);
/// # Ok::<(), linecard_linux::memory::MemoryError>(())
/// ```
pub struct Table<T> {
    mapping: Mapping,
    /// Values made so far; all of them once `new` is through.
    count: usize,
    _values: core::marker::PhantomData<[T]>,
}

impl<T> Table<T> {
    /// Maps memory for `count` values and makes each by its index.
    ///
    /// # Errors
    /// What [`Mapping::new`] says; [`MemoryError::Empty`] for no values, or values of no size.
    pub fn new(
        purpose: &'static str,
        count: usize,
        policy: PagePolicy,
        mut make: impl FnMut(usize) -> T,
    ) -> Result<Self, MemoryError> {
        const {
            assert!(align_of::<T>() <= Mapping::ALIGN);
        }
        let bytes = count
            .checked_mul(size_of::<T>())
            .ok_or(MemoryError::TooLarge {
                purpose,
                bytes: usize::MAX,
            })?;
        let mut table = Self {
            mapping: Mapping::new(purpose, bytes, policy)?,
            count: 0,
            _values: core::marker::PhantomData,
        };
        for index in 0..count {
            let value = make(index);
            // SAFETY: `index` is below `count`, and `count` values take `bytes`, which the
            // mapping has at least (`Mapping::new`).
            let place = unsafe { table.first().add(index) };
            // SAFETY: in the mapping (above), which belongs to `table` alone; aligned, because
            // the mapping is aligned to `ALIGN` and that suffices for `T` (asserted above).
            unsafe { place.write(value) };
            // One by one, so that a panic in `make` drops what is there and nothing else.
            table.count = index + 1;
        }
        Ok(table)
    }

    /// The pages it lies on.
    #[must_use]
    pub fn pages(&self) -> Pages {
        self.mapping.pages()
    }

    /// The values for as long as the process lives; they are never dropped or unmapped.
    #[must_use]
    pub fn leak<'a>(self) -> &'a mut [T]
    where
        T: 'a,
    {
        let mut table = core::mem::ManuallyDrop::new(self);
        let values: *mut [T] = &raw mut **table;
        // SAFETY: valid as in `deref_mut`, and for good: nobody unmaps the mapping any more, and
        // nobody else can name it, the table being gone.
        unsafe { &mut *values }
    }

    fn first(&self) -> *mut T {
        self.mapping.base().as_ptr().cast()
    }
}

impl<T> Deref for Table<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: `count` values were written from `first` on (`new`), aligned and inside one
        // mapping of less than `isize::MAX` bytes that lives as long as `self`; whoever changes
        // them holds `&mut self`.
        unsafe { slice::from_raw_parts(self.first(), self.count) }
    }
}

impl<T> DerefMut for Table<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`, and `&mut self` makes this the only reference.
        unsafe { slice::from_raw_parts_mut(self.first(), self.count) }
    }
}

impl<T> Drop for Table<T> {
    fn drop(&mut self) {
        let values: *mut [T] = &raw mut **self;
        // SAFETY: valid as in `deref_mut`; the table is being dropped, so nobody uses the values
        // again, and the mapping is unmapped only after this.
        unsafe { ptr::drop_in_place(values) };
    }
}

impl<T> fmt::Debug for Table<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("mapping", &self.mapping)
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

// SAFETY: a table owns its values as a `Box<[T]>` does; the mapping itself is `Send`.
unsafe impl<T: Send> Send for Table<T> {}
// SAFETY: `&Table<T>` gives `&[T]` and nothing else.
unsafe impl<T: Sync> Sync for Table<T> {}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    #[test]
    fn every_value_is_dropped_once() {
        let shared = Rc::new(());
        let table = Table::new("test", 100, PagePolicy::Never, |_| Rc::clone(&shared)).unwrap();
        assert_eq!(Rc::strong_count(&shared), 101);
        drop(table);
        assert_eq!(Rc::strong_count(&shared), 1);
    }

    #[test]
    fn a_panic_half_way_drops_what_was_made() {
        let shared = Rc::new(());
        let made = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
            Table::new("test", 100, PagePolicy::Never, |index| {
                assert!(index < 40);
                Rc::clone(&shared)
            })
        }));
        assert!(made.is_err());
        assert_eq!(Rc::strong_count(&shared), 1);
    }

    #[test]
    fn a_leaked_table_stays() {
        let values = Table::new("test", 10, PagePolicy::Never, |n| n)
            .unwrap()
            .leak();
        values[9] = 1;
        assert_eq!(values.iter().sum::<usize>(), 37);
    }

    #[test]
    fn sizes_that_make_no_table() {
        let table = Table::new("test", 0, PagePolicy::Never, |_| 0_u8);
        assert!(matches!(table, Err(MemoryError::Empty { .. })));
        let table = Table::new("test", 1, PagePolicy::Never, |_| ());
        assert!(matches!(table, Err(MemoryError::Empty { .. })));
        let table = Table::new("test", usize::MAX, PagePolicy::Never, |_| 0_u64);
        assert!(matches!(table, Err(MemoryError::TooLarge { .. })));
    }
}

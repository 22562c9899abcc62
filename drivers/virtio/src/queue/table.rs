//! Shadow state: what the driver knows of its buffers, in memory that no device can write.

/// A table of `N` entries, a power of two, that any index finds its way into.
#[derive(Debug)]
pub(super) struct Table<T, const N: usize>([T; N]);

impl<T: Copy, const N: usize> Table<T, N> {
    pub(super) const fn new(value: T) -> Self {
        const { assert!(N.is_power_of_two() && N <= super::layout::MAX_SIZE as usize) };
        Self([value; N])
    }

    /// The entry at `index`, modulo `N`: never past the end.
    #[inline(always)]
    pub(super) const fn read(&self, index: u16) -> T {
        self.0[index as usize & (N - 1)]
    }

    /// Writes the entry at `index`, modulo `N`.
    #[inline(always)]
    pub(super) const fn write(&mut self, index: u16, value: T) {
        self.0[index as usize & (N - 1)] = value;
    }
}

/// The free ids, first in, first out: a device that uses buffers in order gets each id at the same
/// place of the ring, lap after lap.
#[derive(Debug)]
pub(super) struct Ids<const N: usize> {
    order: Table<u16, N>,
    /// Where the next id comes from, counted freely.
    head: u16,
    /// Where the next one that comes back goes, counted freely; at most `N` before `head`.
    tail: u16,
}

impl<const N: usize> Ids<N> {
    /// The ids from 0 to `size`, all of them free.
    pub(super) const fn new(size: u16) -> Self {
        let mut ids = Self {
            order: Table::new(0),
            head: 0,
            tail: size,
        };
        let mut id = 0;
        while id < size {
            ids.order.write(id, id);
            id += 1;
        }
        ids
    }

    /// Takes the one that is free for longest. Only when there is one.
    #[inline(always)]
    pub(super) const fn take(&mut self) -> u16 {
        let id = self.order.read(self.head);
        self.head = self.head.wrapping_add(1);
        id
    }

    /// The one that [`take`](Self::take) gives after `ahead` others.
    #[inline(always)]
    pub(super) const fn next(&self, ahead: u16) -> u16 {
        self.order.read(self.head.wrapping_add(ahead))
    }

    /// Takes as many, which [`next`](Self::next) gave.
    #[inline(always)]
    pub(super) const fn skip(&mut self, count: u16) {
        self.head = self.head.wrapping_add(count);
    }

    /// Gives one back.
    #[inline(always)]
    pub(super) const fn give(&mut self, id: u16) {
        self.order.write(self.tail, id);
        self.tail = self.tail.wrapping_add(1);
    }

    /// Gives one back, behind `ahead` others that are not counted yet.
    #[inline(always)]
    pub(super) const fn give_ahead(&mut self, ahead: u16, id: u16) {
        self.order.write(self.tail.wrapping_add(ahead), id);
    }

    /// Counts those that were given ahead.
    #[inline(always)]
    pub(super) const fn advance(&mut self, count: u16) {
        self.tail = self.tail.wrapping_add(count);
    }

    /// The one that was taken as the `count`th last.
    #[inline(always)]
    pub(super) const fn taken(&self, count: u16) -> u16 {
        self.order.read(self.head.wrapping_sub(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_in_the_order_in_which_they_were_given() {
        let mut ids = Ids::<8>::new(8);
        let taken: [u16; 8] = core::array::from_fn(|_| ids.take());
        assert_eq!(taken, [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!((ids.taken(8), ids.taken(1)), (0, 7));
        ids.give(3);
        ids.give(0);
        assert_eq!([ids.next(0), ids.next(1)], [3, 0]);
        ids.skip(1);
        assert_eq!((ids.taken(1), ids.take()), (3, 0));
    }

    #[test]
    fn any_index_finds_its_way() {
        let mut table = Table::<u32, 4>::new(7);
        table.write(u16::MAX, 9);
        assert_eq!((table.read(3), table.read(7), table.read(0)), (9, 9, 7));
    }
}

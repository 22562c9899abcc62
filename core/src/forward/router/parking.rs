//! Where packets wait for a neighbour's address.

use core::fmt;

use crate::packet::Packet;

use super::neighbour::Neighbour;

/// A place where a packet can wait; to be made in the router's memory.
///
/// ```
/// use linecard::forward::router::Parked;
/// let mut parked: Vec<Parked<'_>> = (0..256).map(|_| Parked::EMPTY).collect();
/// # let _ = &mut parked;
/// ```
pub struct Parked<'p> {
    packet: Option<Packet<'p>>,
    /// The router made it, and it needs no more than an Ethernet header.
    made: bool,
    /// The next in the same queue, or the next free place; 0 for none, else a number + 1.
    next: u16,
}

impl Parked<'_> {
    /// An empty place.
    pub const EMPTY: Self = Self {
        packet: None,
        made: false,
        next: 0,
    };
}

impl Default for Parked<'_> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl fmt::Debug for Parked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parked")
            .field("packet", &self.packet)
            .finish_non_exhaustive()
    }
}

/// All places, those in use in a queue for each neighbour.
#[derive(Debug)]
pub(super) struct Parking<'m, 'p> {
    places: &'m mut [Parked<'p>],
    free: u16,
    used: usize,
}

impl<'m, 'p> Parking<'m, 'p> {
    pub(super) fn new(places: &'m mut [Parked<'p>]) -> Self {
        let count = places.len().min(usize::from(u16::MAX) - 1);
        let places = places.get_mut(..count).unwrap_or_default();
        for (number, place) in places.iter_mut().enumerate() {
            let next = if number + 1 < count { number + 2 } else { 0 };
            *place = Parked {
                next: next as u16,
                ..Parked::EMPTY
            };
        }
        Self {
            free: u16::from(count > 0),
            places,
            used: 0,
        }
    }

    /// Frees all packets that wait.
    pub(super) fn close(self) {
        for place in self.places {
            drop(place.packet.take());
        }
    }

    /// How many packets wait.
    pub(super) const fn used(&self) -> usize {
        self.used
    }

    /// Puts a packet at the end of a neighbour's queue; gives it back when no place is free.
    pub(super) fn push(
        &mut self,
        neighbour: &mut Neighbour,
        packet: Packet<'p>,
        made: bool,
    ) -> Result<(), Packet<'p>> {
        let number = self.free;
        let Some(place) = at(self.places, number) else {
            return Err(packet);
        };
        self.free = place.next;
        *place = Parked {
            packet: Some(packet),
            made,
            next: 0,
        };
        if neighbour.waiting == 0 {
            neighbour.first = number;
        } else if let Some(last) = at(self.places, neighbour.last) {
            last.next = number;
        }
        neighbour.last = number;
        neighbour.waiting += 1;
        self.used += 1;
        Ok(())
    }

    /// Takes the packet that waits longest for a neighbour, and whether the router made it.
    pub(super) fn pop(&mut self, neighbour: &mut Neighbour) -> Option<(Packet<'p>, bool)> {
        neighbour.waiting = neighbour.waiting.checked_sub(1)?;
        let number = neighbour.first;
        let place = at(self.places, number)?;
        let packet = place.packet.take()?;
        let made = place.made;
        neighbour.first = place.next;
        place.next = self.free;
        self.free = number;
        self.used = self.used.saturating_sub(1);
        Some((packet, made))
    }
}

/// The place of a number that is counted from 1.
fn at<'a, 'p>(places: &'a mut [Parked<'p>], number: u16) -> Option<&'a mut Parked<'p>> {
    places.get_mut(usize::from(number).checked_sub(1)?)
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::forward::testing::with_lab;

    #[test]
    fn queues_keep_order_and_share_the_places() {
        with_lab(8, |lab| {
            let mut places: Vec<Parked<'_>> = (0..5).map(|_| Parked::EMPTY).collect();
            let mut parking = Parking::new(&mut places);
            let (mut a, mut b) = (Neighbour::NONE, Neighbour::NONE);
            for mark in 0..5u16 {
                let mut packet = Packet::new(lab.cache.alloc().unwrap());
                packet.mark = mark;
                let to = if mark % 2 == 0 { &mut a } else { &mut b };
                parking.push(to, packet, mark == 2).unwrap();
            }
            let more = Packet::new(lab.cache.alloc().unwrap());
            let more = parking.push(&mut b, more, false).unwrap_err();
            assert_eq!((a.waiting, b.waiting, parking.used()), (3, 2, 5));
            let (first, made) = parking.pop(&mut a).unwrap();
            assert_eq!((first.mark, made), (0, false));
            parking.push(&mut b, more, false).unwrap();
            let mut pop = |from: &mut Neighbour| {
                let mut all = Vec::new();
                while let Some((packet, made)) = parking.pop(from) {
                    all.push((packet.mark, made));
                }
                all
            };
            assert_eq!(pop(&mut b), [(1, false), (3, false), (0, false)]);
            assert_eq!(pop(&mut a), [(2, true), (4, false)]);
            assert_eq!(parking.used(), 0);
        });
    }

    #[test]
    fn no_places_at_all() {
        with_lab(2, |lab| {
            let mut parking = Parking::new(&mut []);
            let packet = Packet::new(lab.cache.alloc().unwrap());
            let mut neighbour = Neighbour::NONE;
            parking.push(&mut neighbour, packet, false).unwrap_err();
            assert!(parking.pop(&mut neighbour).is_none());
        });
    }
}

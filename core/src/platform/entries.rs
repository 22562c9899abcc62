//! Several items of a table, with one question for all of them whether they are there.

use core::hint::cold_path;

/// The items of `table` at these places; `None` if one of them is not there.
///
/// Of a table whose length is a power of two one comparison tells that all are; of others it does so if the places,
/// or'ed, are below its length as well, and otherwise each is compared.
#[inline(always)]
pub(crate) fn entries<T, const COUNT: usize>(
    table: &[T],
    places: [u16; COUNT],
) -> Option<[&T; COUNT]> {
    let is_beyond = |place| usize::from(place) >= table.len();
    if is_beyond(places.iter().fold(0, |all, place| all | place)) {
        cold_path();
        if places.into_iter().any(is_beyond) {
            return None;
        }
    }
    // SAFETY: the place is below the table's length: each has been compared, or all of them or'ed, which is no less
    // than any.
    Some(places.map(|place| unsafe { table.get_unchecked(usize::from(place)) }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn all_are_there_or_none_is_given(len in 0..130_u16, places in prop::array::uniform8(0..140_u16), halved: bool) {
            let places = places.map(|place| if halved { place / 2 } else { place });
            let table: std::vec::Vec<u16> = (0..len).collect();
            let [a, b, c, d, e, f, g, h] = places.map(|place| table.get(usize::from(place)));
            let expected = (|| Some([a?, b?, c?, d?, e?, f?, g?, h?]))();
            assert_eq!(entries(&table, places), expected);
        }
    }
}

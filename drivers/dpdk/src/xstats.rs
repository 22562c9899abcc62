//! The device's extended statistics: which of them are a counter of ours, and all of them by name.

use core::ffi::{CStr, c_char, c_void};
use std::string::String;
use std::vec::Vec;

use crate::eal::c_string;
use crate::ffi::{self, Stats};

/// What a device counts of itself, in our counters' words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) missed: u64,
    pub(crate) oversize: u64,
    pub(crate) truncated: u64,
    pub(crate) rx_errors: u64,
    pub(crate) tx_errors: u64,
}

/// The extended statistics that are a part of `ierrors` and have a counter of their own here, by the
/// device's numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parts {
    ids: Vec<u64>,
    counters: Vec<Part>,
}

/// A counter of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Oversize,
    Truncated,
}

impl Counters {
    /// What was counted since.
    pub(crate) fn since(&self, before: &Self) -> Self {
        Self {
            missed: self.missed.saturating_sub(before.missed),
            oversize: self.oversize.saturating_sub(before.oversize),
            truncated: self.truncated.saturating_sub(before.truncated),
            rx_errors: self.rx_errors.saturating_sub(before.rx_errors),
            tx_errors: self.tx_errors.saturating_sub(before.tx_errors),
        }
    }

    /// The device's basic counters, with what is known of `ierrors` in detail.
    fn of(stats: &Stats, details: impl Iterator<Item = (Part, u64)>) -> Self {
        let mut counters = Self {
            missed: stats.missed,
            rx_errors: stats.rx_errors,
            tx_errors: stats.tx_errors,
            ..Self::default()
        };
        for (part, count) in details {
            let counter = match part {
                Part::Oversize => &mut counters.oversize,
                Part::Truncated => &mut counters.truncated,
            };
            *counter = counter.saturating_add(count);
            counters.rx_errors = counters.rx_errors.saturating_sub(count);
        }
        counters
    }

    /// What the device has counted until now. Allocates nothing.
    pub(crate) fn read(port: u16, parts: &Parts) -> Self {
        let mut stats = Stats::default();
        // A device that counts nothing has counted zero.
        let _ = ffi::lc_dpdk_stats(port, &mut stats);
        let mut values = [0; NAMES.len()];
        let (ids, count) = (parts.ids.as_ptr(), parts.ids.len().min(NAMES.len()));
        if count > 0 {
            // SAFETY: so many numbers are in `ids`, and there is room for as many values.
            unsafe { ffi::lc_dpdk_xstats_by_id(port, ids, values.as_mut_ptr(), count as u32) };
        }
        Self::of(&stats, parts.counters.iter().copied().zip(values))
    }
}

impl Parts {
    /// Those that a port has.
    pub(crate) fn of(port: u16) -> Self {
        Self::find(|name| {
            let name = c_string(name.into()).ok()?;
            let mut id = 0;
            // SAFETY: a string, and a number to be filled in.
            let answer = unsafe { ffi::lc_dpdk_xstat_id(port, name.as_ptr(), &mut id) };
            (answer == 0).then_some(id)
        })
    }

    fn find(id: impl Fn(&str) -> Option<u64>) -> Self {
        let found = NAMES
            .iter()
            .filter_map(|&(name, part)| Some((id(name)?, part)));
        let (ids, counters) = found.unzip();
        Self { ids, counters }
    }
}

/// Every statistic of a port, by its name.
pub(crate) fn list(port: u16) -> Vec<(String, u64)> {
    extern "C" fn each(list: *mut c_void, name: *const c_char, value: u64) {
        // SAFETY: it is the list that `list` below hands through, borrowed by nobody else.
        let list: &mut Vec<(String, u64)> = unsafe { &mut *list.cast() };
        // SAFETY: DPDK's names end with a zero.
        let name = unsafe { CStr::from_ptr(name) };
        list.push((name.to_string_lossy().into_owned(), value));
    }
    let mut room = 64_u32;
    loop {
        let mut list: Vec<(String, u64)> = Vec::new();
        let bytes = |each: u32| (room * each) as usize;
        let mut names = std::vec![0_u8; bytes(ffi::lc_dpdk_xstat_name_size())];
        let mut values = std::vec![0_u64; bytes(ffi::lc_dpdk_xstat_size()).div_ceil(8)];
        let argument = (&raw mut list).cast();
        let (names, values) = (names.as_mut_ptr(), values.as_mut_ptr());
        // SAFETY: there is room for as many names and values as is said, and `each` takes the list.
        let count = unsafe { ffi::lc_dpdk_xstats(port, names, values, room, each, argument) };
        match u32::try_from(count) {
            Ok(count) if count > room && count <= MOST => room = count,
            _ => return list,
        }
    }
}

/// Statistics that a device may have; more are not believed.
const MOST: u32 = 65_536;

/// Names that drivers give to parts of `ierrors`: those of the e1000, igb, ixgbe, i40e and ice families.
/// (A name that ends with `_packets` counts good ones of a size.)
const NAMES: [(&str, Part); 5] = [
    ("rx_oversize_errors", Part::Oversize),
    ("rx_jabber_errors", Part::Oversize),
    ("rx_undersize_errors", Part::Truncated),
    ("rx_fragment_errors", Part::Truncated),
    ("rx_fragmented_errors", Part::Truncated),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_the_errors_are_counted_once_and_by_name() {
        // As ixgbe numbers them, say.
        let known = [
            "rx_good_packets",
            "rx_jabber_errors",
            "rx_size_64_packets",
            "rx_fragment_errors",
        ];
        let parts = Parts::find(|name| {
            known
                .iter()
                .position(|known| *known == name)
                .map(|at| at as u64)
        });
        assert_eq!(parts.ids, [1, 3]);
        let stats = Stats {
            missed: 5,
            rx_errors: 10,
            tx_errors: 2,
            no_mbuf: 9,
        };
        let counters = Counters::of(&stats, parts.counters.iter().copied().zip([3, 4]));
        let expected = Counters {
            missed: 5,
            oversize: 3,
            truncated: 4,
            rx_errors: 3,
            tx_errors: 2,
        };
        assert_eq!(counters, expected);
        // A device that does not count them among its errors.
        let apart = Stats::default();
        let counters = Counters::of(&apart, parts.counters.iter().copied().zip([3, 4]));
        assert_eq!((counters.oversize, counters.rx_errors), (3, 0));
        // A counter that was cleared meanwhile.
        assert_eq!(counters.since(&expected).truncated, 0);
        assert_eq!(expected.since(&counters).missed, 5);
    }

    #[test]
    fn a_device_without_details_has_its_basic_counters() {
        let parts = Parts::find(|_| None);
        assert_eq!(parts, Parts::default());
        let stats = Stats {
            rx_errors: 7,
            ..Stats::default()
        };
        assert_eq!(Counters::of(&stats, core::iter::empty()).rx_errors, 7);
    }
}

use std::io::Write;
use std::os::fd::FromRawFd;
use std::vec;

use super::*;

/// A file in memory, of this length.
fn memfd(len: u64, flags: libc::c_uint) -> File {
    // SAFETY: the name is a C string.
    let fd = unsafe { libc::memfd_create(c"linecard-test".as_ptr(), flags) };
    assert!(fd >= 0);
    // SAFETY: a new descriptor, nobody else's.
    let file = unsafe { File::from_raw_fd(fd) };
    file.set_len(len).unwrap();
    file
}

fn place(len: u64, offset: u64) -> Place {
    Place {
        guest: 0x10_0000,
        user: 0x7000_0000,
        len,
        offset,
    }
}

fn map(regions: Vec<Region>) -> Arc<GuestMap> {
    Arc::new(GuestMap::new(regions.into_iter().map(Arc::new).collect()))
}

fn byte(map: &Arc<GuestMap>, address: u64) -> u8 {
    let at = map.translate(address, 1).unwrap();
    // SAFETY: in a region that `map` keeps.
    unsafe { at.read_volatile() }
}

#[test]
fn addresses_are_found_in_the_region_that_has_them_whole() {
    let file = memfd(3 * 4096, 0);
    (&file).write_all(&[7; 3 * 4096]).unwrap();
    let high = Place {
        guest: u64::MAX - 4096,
        ..place(4096, 0)
    };
    let map = map(vec![
        Region::map(place(8192, 4096), &file).unwrap(),
        Region::map(high, &file).unwrap(),
    ]);
    assert_eq!(byte(&map, 0x10_0000), 7);
    assert_eq!(byte(&map, 0x10_0000 + 8191), 7);
    assert!(map.translate(0x10_0000, 8192).is_some());
    assert!(map.translate(0x10_0000, 8193).is_none());
    assert!(map.translate(0x10_0000 + 8191, 2).is_none());
    assert!(map.translate(0x10_0000 - 1, 1).is_none());
    assert!(map.translate(0x10_0000 + 8192, 1).is_none());
    assert!(map.translate(0x10_0000, usize::MAX).is_none());
    assert!(map.translate(u64::MAX - 1, 1).is_some());
    assert!(map.translate(u64::MAX, 1).is_none());
    assert_eq!(map.guest_address(0x7000_0001), Some(0x10_0001));
    assert_eq!(map.guest_address(0x7000_2000), None);
}

#[test]
fn regions_that_their_file_does_not_hold_are_refused() {
    let file = memfd(4096, 0);
    for place in [
        place(4097, 0),
        place(4096, 1),
        place(0, 0),
        place(u64::MAX, 1),
        place(1, u64::MAX),
        Place {
            guest: u64::MAX,
            ..place(4096, 0)
        },
    ] {
        let refused = Region::map(place, &file).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::EINVAL), "{place:?}");
    }
    let null = File::options()
        .read(true)
        .write(true)
        .open("/dev/null")
        .unwrap();
    let refused = Region::map(place(1, 0), &null).unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(libc::EINVAL));
}

#[test]
fn a_file_that_can_be_is_sealed_against_shrinking() {
    let file = memfd(8192, libc::MFD_ALLOW_SEALING);
    let _region = Region::map(place(8192, 0), &file).unwrap();
    assert!(file.set_len(4096).is_err());
}

#[test]
fn memory_that_is_taken_away_reads_as_zero_and_is_known() {
    let file = memfd(8 * 4096, 0);
    (&file).write_all(&[9; 8 * 4096]).unwrap();
    let map = map(vec![Region::map(place(8 * 4096, 0), &file).unwrap()]);
    assert_eq!(byte(&map, 0x10_0000 + 5 * 4096), 9);
    assert!(!map.was_hit());
    file.set_len(4096).unwrap();
    // Without the handler this ends the process.
    assert_eq!(byte(&map, 0x10_0000 + 5 * 4096), 0);
    assert!(map.was_hit());
    // And it can be written like any memory.
    let at = map.translate(0x10_0000 + 6 * 4096, 1).unwrap();
    // SAFETY: in a region that `map` keeps.
    unsafe { at.write_volatile(1) };
    assert_eq!(byte(&map, 0x10_0000 + 6 * 4096), 1);
}

#[test]
fn files_whose_pages_somebody_serves_are_no_memory() {
    assert!(is_memory(&memfd(4096, 0)).unwrap());
    let served = File::open("/proc/self/maps").unwrap();
    assert!(!is_memory(&served).unwrap());
    let refused = Region::map(place(4096, 0), &served).map(drop);
    assert_eq!(refused.unwrap_err().raw_os_error(), Some(libc::EINVAL));
}

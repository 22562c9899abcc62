use super::*;

const MIB: usize = 1 << 20;

#[test]
fn mapping_is_aligned_zeroed_and_writable_to_its_end() {
    for policy in [PagePolicy::Prefer, PagePolicy::Never] {
        let mapping = Mapping::new("test", 3 * MIB, policy).unwrap();
        assert_eq!(mapping.len(), 4 * MIB);
        assert_eq!(mapping.base().addr().get() % (2 * MIB), 0);
        let words = mapping.base().cast::<u64>();
        for index in [0, 1 << 17, (4 * MIB) / 8 - 1] {
            // SAFETY: below the mapping's length in words.
            let word = unsafe { words.add(index) };
            // SAFETY: mapped, aligned and zeroed by `Mapping::new`; nobody else has it.
            assert_eq!(unsafe { word.read() }, 0);
            // SAFETY: as above.
            unsafe { word.write(0x0123_4567_89ab_cdef) };
        }
    }
}

#[test]
fn policy_never_gets_small_pages_and_says_what_they_cost() {
    let mapping = Mapping::new("test", 2 * MIB, PagePolicy::Never).unwrap();
    assert_eq!(mapping.pages(), Pages::Small);
    assert!(mapping.pages().to_string().contains("twice the time"));
}

#[test]
fn every_page_is_present_before_anyone_touches_it() {
    let mapping = Mapping::new("test", 4 * MIB, PagePolicy::Never).unwrap();
    let smaps = fs::read_to_string("/proc/self/smaps").unwrap();
    let start = format!("{:x}-", mapping.base().addr().get());
    let rss: usize = smaps
        .lines()
        .skip_while(|line| !line.starts_with(&start))
        .find_map(|line| line.strip_prefix("Rss:"))
        .and_then(|line| line.split_ascii_whitespace().next())
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(rss << 10, mapping.len());
}

#[test]
fn required_huge_pages_are_huge_or_an_error_that_says_what_to_do() {
    match Mapping::new("pool", 2 * MIB, PagePolicy::Require) {
        Ok(mapping) => assert!(mapping.pages().is_huge()),
        Err(error @ MemoryError::NoHugePages { .. }) => {
            let text = error.to_string();
            assert!(text.starts_with("pool: huge pages are required"), "{text}");
            assert!(text.contains("sysctl vm.nr_hugepages="), "{text}");
        }
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn more_than_there_is_falls_back_to_an_error() {
    // More than any machine has, less than the address space.
    let refused = Mapping::new("pool", 1 << 60, PagePolicy::Prefer).unwrap_err();
    assert!(
        matches!(refused, MemoryError::Refused { call: "mmap", .. }),
        "{refused:?}"
    );
    assert!(refused.to_string().contains("make the pool smaller"));
    let refused = Mapping::new("pool", usize::MAX, PagePolicy::Prefer).unwrap_err();
    assert!(matches!(refused, MemoryError::TooLarge { .. }));
}

#[test]
fn shared_memory_is_the_files_and_can_be_neither_shortened_nor_lengthened() {
    use std::os::unix::fs::FileExt;
    for policy in [PagePolicy::Prefer, PagePolicy::Never] {
        let mapping = Mapping::shared("test", 3 * MIB, policy).unwrap();
        assert_eq!(mapping.len(), 4 * MIB);
        assert_eq!(mapping.base().addr().get() % (2 * MIB), 0);
        let file = mapping.file().unwrap();
        assert_eq!(file.metadata().unwrap().len(), 4 * MIB as u64);
        // SAFETY: the mapping's last byte.
        let last = unsafe { mapping.base().add(4 * MIB - 1) };
        // SAFETY: mapped, and nobody else has it.
        unsafe { last.write(7) };
        if mapping.pages() != Pages::Huge2M {
            // (hugetlbfs has no such calls.)
            let mut byte = [0];
            file.read_at(&mut byte, 4 * MIB as u64 - 1).unwrap();
            assert_eq!(byte, [7]);
        }
        assert!(file.set_len(2 * MIB as u64).is_err());
        assert!(file.set_len(6 * MIB as u64).is_err());
        println!("{policy}: {}", mapping.pages());
    }
    assert!(
        Mapping::new("test", MIB, PagePolicy::Never)
            .unwrap()
            .file()
            .is_none()
    );
}

#[test]
fn smaps_is_read_for_the_right_mapping() {
    let smaps = "\
7f0000000000-7f0000400000 rw-p 00000000 00:00 0 \n\
Size:               4096 kB\n\
AnonHugePages:      2048 kB\n\
VmFlags: rd wr mr mw me ac hg\n\
7f0000800000-7f0000c00000 rw-p 00000000 00:00 0 \n\
AnonHugePages:      4096 kB\n\
ShmemPmdMapped:     2048 kB\n";
    assert_eq!(huge_bytes(smaps, 0x7f00_0000_0000), Some(2 * MIB));
    assert_eq!(huge_bytes(smaps, 0x7f00_0080_0000), Some(6 * MIB));
    assert_eq!(huge_bytes(smaps, 0x7f00_0040_0000), None);
}

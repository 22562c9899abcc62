use std::vec;
use std::vec::Vec;

use super::*;

fn region(memory: &mut [u8]) -> Region<'_> {
    Region::from_slice(memory)
}

#[test]
fn buffers_are_aligned_zeroed_and_apart() {
    let mut memory = vec![0xa5; 64 * 1024];
    let arena = Arena::new(region(&mut memory));
    let mut buffers: Vec<DmaBuffer> = vec![];
    for (len, align) in [(1, 1), (100, 2), (4096, 4096), (16, 64), (3, 1), (4096, 16)] {
        let buffer = arena.allocate(len, align).unwrap();
        assert_eq!(buffer.at.addr().get() % align, 0);
        assert_eq!(buffer.len, len);
        // SAFETY: `arena` gave `len` bytes there, which nobody else has.
        let bytes = unsafe { core::slice::from_raw_parts(buffer.at.as_ptr(), len) };
        assert!(bytes.iter().all(|&byte| byte == 0));
        for other in &buffers {
            let (a, b) = (buffer.at.addr().get(), other.at.addr().get());
            assert!(a >= b + other.len || b >= a + len);
        }
        buffers.push(buffer);
    }
    assert_eq!(arena.live(), 6);
}

#[test]
fn refusals_name_the_bound() {
    let mut memory = vec![0; 1024 + 63];
    let arena = Arena::new(region(&mut memory));
    assert_eq!(arena.allocate(1, 0), Err(DmaError::Alignment { align: 0 }));
    assert_eq!(arena.allocate(0, 8), Err(DmaError::Empty));
    arena.allocate(1000, 8).unwrap();
    let refused = arena.allocate(200, 8).unwrap_err();
    assert!(matches!(refused, DmaError::Exhausted { wanted: 200, left } if left < 200));
    assert!(arena.allocate(usize::MAX, 8).is_err());
    assert!(arena.allocate(8, 1 << (usize::BITS - 1)).is_err());
    assert_eq!(arena.live(), 1);
}

#[test]
fn what_is_freed_comes_back_zeroed() {
    let mut memory = vec![0; 8192];
    let arena = Arena::new(region(&mut memory));
    for _ in 0..100 {
        let first = arena.allocate(2048, 64).unwrap();
        let second = arena.allocate(2048, 64).unwrap();
        // SAFETY: `arena` gave 2048 bytes there, which nobody else has.
        unsafe { second.at.write_bytes(0xff, 2048) };
        let used = arena.used();
        // SAFETY: `arena` gave it, and it is used no more.
        unsafe { arena.free(second) };
        assert!(arena.used() < used, "the topmost comes back at once");
        let again = arena.allocate(2048, 64).unwrap();
        // SAFETY: `arena` gave 2048 bytes there, which nobody else has.
        let bytes = unsafe { core::slice::from_raw_parts(again.at.as_ptr(), 2048) };
        assert!(bytes.iter().all(|&byte| byte == 0));
        // In the order in which they came: only the last brings everything back.
        // SAFETY: as above.
        unsafe { arena.free(first) };
        assert_eq!(arena.live(), 1);
        // SAFETY: as above.
        unsafe { arena.free(again) };
        assert_eq!((arena.live(), arena.used()), (0, 0));
    }
}

#[test]
fn a_ring_lies_within_the_devices_pages() {
    let mut memory = vec![0; 5 * 4096];
    let skip = memory.as_ptr().align_offset(4096);
    let memory = &mut memory[skip..skip + 4 * 4096];
    // The second and third page are neighbours for the device, the others are not.
    let pages = [0x9000, 0x4000, 0x5000, 0x1_0000];
    let map = DmaMap::Paged {
        pages: &pages,
        shift: 12,
    };
    let arena = Arena::new(Region::from_slice(memory).with_dma(map));
    let small = arena.allocate(64, 64).unwrap();
    assert_eq!(small.device, DeviceAddress(0x9000));
    let large = arena.allocate(8192, 4096).unwrap();
    assert_eq!(large.device, DeviceAddress(0x4000));
    assert_eq!(
        arena.allocate(8192, 4096),
        Err(DmaError::Exhausted {
            wanted: 8192,
            left: 4096
        })
    );
    assert_eq!(arena.device_address(large.at, 8192), Some(large.device));
    assert_eq!(arena.device_address(small.at, 4096), Some(small.device));
    assert_eq!(arena.device_address(small.at, 4097), None);
}

#[test]
fn alignment_holds_for_the_device_too() {
    let mut memory = vec![0; 8192 + 63];
    let arena = Arena::new(region(&mut memory).with_dma(DmaMap::Linear(0x1008)));
    assert_eq!(
        arena.allocate(64, 64),
        Err(DmaError::NotContiguous { wanted: 64 })
    );
    assert_eq!(arena.live(), 0);
}

#[test]
fn windows_are_covered_and_nothing_else() {
    let (mut frames, mut rings) = (vec![0; 4096], vec![0; 4096]);
    let frames = region(&mut frames).with_dma(DmaMap::Linear(0x4000_0000));
    let windows = [Window::of(&frames)];
    let arena = Arena::new(region(&mut rings)).with_windows(&windows);
    let len = frames.len();
    assert_eq!(
        arena.device_address(frames.base(), len),
        Some(DeviceAddress(0x4000_0000))
    );
    assert_eq!(arena.device_address(frames.base(), len + 1), None);
    let stranger = 0u8;
    assert_eq!(arena.device_address(NonNull::from(&stranger), 1), None);
}

#[test]
fn threads_never_share_a_buffer() {
    let mut memory = vec![0; 1 << 20];
    let arena = Arena::new(region(&mut memory));
    let turns = if cfg!(miri) { 20 } else { 2000 };
    std::thread::scope(|scope| {
        for name in 1..=4u8 {
            let arena = &arena;
            scope.spawn(move || {
                for turn in 0..turns {
                    let buffer = arena.allocate(64 + turn % 64, 64).unwrap();
                    // SAFETY: `arena` gave `len` bytes there, which nobody else has.
                    unsafe { buffer.at.write_bytes(name, buffer.len) };
                    std::thread::yield_now();
                    // SAFETY: as above.
                    let bytes =
                        unsafe { core::slice::from_raw_parts(buffer.at.as_ptr(), buffer.len) };
                    assert!(bytes.iter().all(|&byte| byte == name));
                    // SAFETY: `arena` gave it, and it is used no more.
                    unsafe { arena.free(buffer) };
                }
            });
        }
    });
    assert_eq!((arena.live(), arena.used()), (0, 0));
}

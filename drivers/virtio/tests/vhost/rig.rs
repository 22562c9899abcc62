//! A pool and rings in memory that is shared, for good: a back end may write it for as long as it
//! lives.
#![allow(unsafe_code)]

use core::ptr::NonNull;
use std::fs::File;
use std::os::fd::FromRawFd;

use linecard::mempool::{Pool, PoolConfig, Slot};
use linecard::platform::{Arena, Region, Window};
use linecard_virtio::vhost_user::SharedMemory;

/// What a front end needs of memory.
pub(crate) struct Rig {
    pub(crate) pool: &'static Pool<'static>,
    pub(crate) rings: Arena<'static>,
    pub(crate) memory: SharedMemory,
}

/// `frames` frames and room for rings, in one memfd.
pub(crate) fn rig(frames: usize) -> Rig {
    let config = PoolConfig::default();
    let frames_len = frames * config.frame_size;
    let len = (frames_len + RINGS).next_multiple_of(2 << 20);
    // SAFETY: the name is a C string.
    let fd = unsafe { libc::memfd_create(c"linecard-test".as_ptr(), libc::MFD_CLOEXEC) };
    assert!(fd >= 0);
    // SAFETY: a new descriptor, nobody else's.
    let file = unsafe { File::from_raw_fd(fd) };
    file.set_len(len as u64).unwrap();
    // SAFETY: a new mapping at an address of the kernel's choosing overlaps nothing.
    let base = unsafe {
        libc::mmap(
            core::ptr::null_mut(),
            len,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_POPULATE,
            fd,
            0,
        )
    };
    assert_ne!(base, libc::MAP_FAILED);
    let base = NonNull::new(base.cast::<u8>()).unwrap();
    // SAFETY: the mapping above, of which this part is the pool's alone; it is never unmapped.
    let region = unsafe { Region::from_raw(base, frames_len) };
    let windows: &'static [Window<'static>] = vec![Window::of(&region)].leak();
    let slots: &'static [Slot] = (0..frames).map(|_| Slot::new()).collect::<Vec<_>>().leak();
    let pool = Box::leak(Box::new(Pool::new(region, slots, config).unwrap()));
    // SAFETY: inside of the mapping.
    let behind = unsafe { base.add(frames_len) };
    // SAFETY: as above, of the part behind.
    let rings = unsafe { Region::from_raw(behind, RINGS) };
    Rig {
        pool,
        rings: Arena::new(rings).with_windows(windows),
        // SAFETY: the mapping is that of the file, and never unmapped; it is reached as frames and
        // through the arena alone.
        memory: unsafe { SharedMemory::from_raw(file, base, len) },
    }
}

/// Keeps this thread on the first core, until it is dropped: testpmd polls on the second. (Not before
/// testpmd was started, which would inherit it.)
pub(crate) struct Pinned(libc::cpu_set_t);

impl Pinned {
    pub(crate) fn new() -> Self {
        // SAFETY: all zeros is an empty set.
        let mut before: libc::cpu_set_t = unsafe { core::mem::zeroed() };
        let mut first = before;
        // SAFETY: a set of this function, to be filled in; 0 is this thread.
        unsafe { libc::sched_getaffinity(0, size_of_val(&before), &raw mut before) };
        // SAFETY: a set of this function.
        unsafe { libc::CPU_SET(0, &mut first) };
        set(&first);
        Self(before)
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        set(&self.0);
    }
}

fn set(cores: &libc::cpu_set_t) {
    // SAFETY: a set that the caller has. Refused where a core may not be used: no harm.
    unsafe { libc::sched_setaffinity(0, size_of_val(cores), core::ptr::from_ref(cores)) };
}

/// Room for the rings of one port.
const RINGS: usize = 1 << 20;

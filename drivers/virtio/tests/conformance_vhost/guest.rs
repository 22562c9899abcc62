//! A front end: its memory, and the port on it.

use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd};
use std::path::Path;
use std::ptr::NonNull;

use linecard::mempool::{Pool, PoolConfig, Region, Slot};
use linecard::platform::{Arena, Window};
use linecard::wire::MacAddr;
use linecard_virtio::Features;
use linecard_virtio::net::{Adapter, Config, Net};
use linecard_virtio::vhost_user::{SharedMemory, VhostUser};

/// The port of a front end.
pub(crate) type Port = Net<'static, 'static, VhostUser, Arena<'static>>;

/// A front end that is connected to the back end at `path`, and its pool.
pub(crate) fn plug(path: &Path, start: u16) -> (Port, &'static Pool<'static>) {
    plug_with(path, start, 1500)
}

/// One with another MTU.
pub(crate) fn plug_with(path: &Path, start: u16, mtu: u16) -> (Port, &'static Pool<'static>) {
    let bytes = FRAMES * 2048;
    let (file, base) = memfd(bytes + RINGS);
    // SAFETY: the mapping is never undone; its first part is the pool's alone.
    let frames = unsafe { Region::from_raw(base, bytes) };
    // SAFETY: the second part, which is inside of the mapping.
    let behind = unsafe { base.add(bytes) };
    // SAFETY: as above, for the rings alone.
    let rings = unsafe { Region::from_raw(behind, RINGS) };
    // SAFETY: all of the file is mapped, for ever; the program reaches it as frames and rings.
    let shared = unsafe { SharedMemory::from_raw(file, base, bytes + RINGS) };
    let windows = vec![Window::of(&frames)].leak();
    let slots = (0..FRAMES).map(|_| Slot::new()).collect::<Vec<_>>().leak();
    let config = PoolConfig {
        track: true,
        ..PoolConfig::default()
    };
    let pool = Box::leak(Box::new(
        Pool::new(frames, slots, config).expect("a pool's configuration"),
    ));
    let mac = MacAddr([2, 0, 0, 0, 0, 7]);
    let transport = VhostUser::new(path, mac, mtu, vec![shared]);
    let arena = Arena::new(rings).with_windows(windows);
    let adapter = Box::leak(Box::new(Adapter::new(transport, arena)));
    let config = Config {
        accept: Features::all(),
        start,
        ..Config::default()
    };
    let port = Net::new(adapter, pool, "vhost-user", config).expect("a port");
    (port, pool)
}

/// Memory in a file that the back end can map.
fn memfd(len: usize) -> (File, NonNull<u8>) {
    // SAFETY: a string that ends with a zero.
    let fd = unsafe { libc::memfd_create(c"conformance".as_ptr(), libc::MFD_CLOEXEC) };
    assert!(fd >= 0, "memfd: {}", std::io::Error::last_os_error());
    // SAFETY: just made, and nobody else's.
    let file = unsafe { File::from_raw_fd(fd) };
    file.set_len(len as u64).expect("memory");
    // SAFETY: a new mapping at an address of the kernel's choosing overlaps nothing.
    let base = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            len,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED,
            file.as_raw_fd(),
            0,
        )
    };
    assert_ne!(base, libc::MAP_FAILED);
    (file, NonNull::new(base.cast()).expect("a mapping"))
}

/// Frames in the pool: a queue each way, and what a test holds.
const FRAMES: usize = 1024;

/// Bytes for rings.
const RINGS: usize = 1 << 20;

//! A socket of somebody else's that has a queue.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// An AF_XDP socket bound to a queue of an interface, without a program: the least that takes a
/// queue, for as long as it lives.
///
/// ```no_run
/// use linecard_testnet::{Namespace, TakenQueue};
///
/// let here = Namespace::current().expect("the thread's");
/// let taken = here.inside(|| TakenQueue::on("eth0"));
/// // Whoever wants that queue now is refused.
/// drop(taken);
/// ```
#[derive(Debug)]
pub struct TakenQueue {
    _fd: OwnedFd,
    _memory: Box<Memory>,
}

#[derive(Debug)]
#[repr(align(4096))]
struct Memory {
    _bytes: [u8; 8192],
}

impl TakenQueue {
    /// Takes queue 0 of an interface of the calling thread's namespace.
    ///
    /// # Panics
    /// As [`numbered`](Self::numbered).
    #[must_use]
    pub fn on(interface: &str) -> Self {
        Self::numbered(interface, 0)
    }

    /// Takes queue `queue` of an interface of the calling thread's namespace.
    ///
    /// # Panics
    /// If there is no such interface, its queue is taken, or the kernel refuses otherwise.
    #[must_use]
    pub fn numbered(interface: &str, queue: u32) -> Self {
        // SAFETY: no pointers are passed.
        let fd = unsafe { libc::socket(libc::AF_XDP, libc::SOCK_RAW, 0) };
        assert!(fd >= 0, "socket: {}", io::Error::last_os_error());
        // SAFETY: just made, and nobody else's.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let memory = Box::new(Memory { _bytes: [0; 8192] });
        let reg = libc::xdp_umem_reg {
            addr: core::ptr::from_ref(&*memory).expose_provenance() as u64,
            len: 8192,
            chunk_size: 2048,
            headroom: 0,
            flags: 0,
            tx_metadata_len: 0,
        };
        set(&fd, libc::XDP_UMEM_REG, &reg);
        for ring in [
            libc::XDP_RX_RING,
            libc::XDP_UMEM_FILL_RING,
            libc::XDP_UMEM_COMPLETION_RING,
        ] {
            set(&fd, ring, &64u32);
        }
        let name = CString::new(interface).expect("a name without a zero");
        let address = libc::sockaddr_xdp {
            sxdp_family: libc::AF_XDP as u16,
            sxdp_flags: libc::XDP_COPY,
            // SAFETY: a string that ends with a zero.
            sxdp_ifindex: unsafe { libc::if_nametoindex(name.as_ptr()) },
            sxdp_queue_id: queue,
            sxdp_shared_umem_fd: 0,
        };
        // SAFETY: address and size of a live structure.
        let result = unsafe {
            libc::bind(
                fd.as_raw_fd(),
                (&raw const address).cast(),
                size_of::<libc::sockaddr_xdp>() as u32,
            )
        };
        assert_eq!(result, 0, "bind: {}", io::Error::last_os_error());
        Self {
            _fd: fd,
            _memory: memory,
        }
    }
}

fn set<T>(fd: &OwnedFd, name: i32, value: &T) {
    // SAFETY: pointer and size of a live value; the memory that a UMEM registration names lives as
    // long as the socket, and no frame of it is ever posted.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_XDP,
            name,
            core::ptr::from_ref(value).cast(),
            size_of::<T>() as u32,
        )
    };
    assert_eq!(result, 0, "option {name}: {}", io::Error::last_os_error());
}

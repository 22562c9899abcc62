//! What a system call answers when it refuses.

use core::fmt;
use std::io;

/// The number a system call failed with; prints as the C library words it.
///
/// ```
/// # #[cfg(target_os = "linux")] {
/// use linecard_af_xdp::Errno;
///
/// assert_eq!(Errno::BUSY.to_string(), "Device or resource busy (os error 16)");
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Errno(pub i32);

impl Errno {
    /// Not permitted.
    pub const PERM: Self = Self(libc::EPERM);
    /// Permission denied.
    pub const ACCES: Self = Self(libc::EACCES);
    /// Interrupted by a signal.
    pub const INTR: Self = Self(libc::EINTR);
    /// The device is gone, or the socket not bound.
    pub const NXIO: Self = Self(libc::ENXIO);
    /// Come back later.
    pub const AGAIN: Self = Self(libc::EAGAIN);
    /// No memory.
    pub const NOMEM: Self = Self(libc::ENOMEM);
    /// Taken by somebody else, or (from `sendto`) a packet was dropped by the device.
    pub const BUSY: Self = Self(libc::EBUSY);
    /// There already.
    pub const EXIST: Self = Self(libc::EEXIST);
    /// No such interface.
    pub const NODEV: Self = Self(libc::ENODEV);
    /// Not understood.
    pub const INVAL: Self = Self(libc::EINVAL);
    /// No room; from an XDP attach: too few receive queues.
    pub const NOSPC: Self = Self(libc::ENOSPC);
    /// Out of range; from an XDP attach: an MTU too large.
    pub const RANGE: Self = Self(libc::ERANGE);
    /// Not there.
    pub const NOENT: Self = Self(libc::ENOENT);
    /// Bad descriptor.
    pub const BADF: Self = Self(libc::EBADF);
    /// No such protocol option.
    pub const NOPROTOOPT: Self = Self(libc::ENOPROTOOPT);
    /// Not supported.
    pub const OPNOTSUPP: Self = Self(libc::EOPNOTSUPP);
    /// Address family not supported.
    pub const AFNOSUPPORT: Self = Self(libc::EAFNOSUPPORT);
    /// The interface is down, or gone.
    pub const NETDOWN: Self = Self(libc::ENETDOWN);
    /// The kernel has no buffer space; from a UMEM registration: too much memory to lock.
    pub const NOBUFS: Self = Self(libc::ENOBUFS);
    /// The call does not exist.
    pub const NOSYS: Self = Self(libc::ENOSYS);

    /// The calling thread's last error.
    pub(crate) fn last() -> Self {
        Self(io::Error::last_os_error().raw_os_error().unwrap_or(0))
    }

    /// Whether a privilege is missing.
    #[must_use]
    pub const fn is_permission(self) -> bool {
        matches!(self, Self::PERM | Self::ACCES)
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&io::Error::from_raw_os_error(self.0), f)
    }
}

impl core::error::Error for Errno {}

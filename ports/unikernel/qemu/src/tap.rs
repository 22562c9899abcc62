//! A tap device, made in a network namespace and handed to QEMU as a descriptor.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// A tap: an Ethernet interface whose other end is this descriptor. It goes with it.
///
/// ```no_run
/// let namespace = linecard_testnet::Namespace::new()?;
/// let tap = namespace.inside(|| linecard_qemu::Tap::new("eth0"))?;
/// # drop(tap);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Tap(File);

impl Tap {
    /// Makes one in the calling thread's network namespace. Packets pass with the header that says
    /// what checksums are left to do, as between virtual machines.
    ///
    /// # Errors
    /// What the kernel says: most often that this needs root.
    pub fn new(name: &str) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/net/tun")?;
        // SAFETY: all zeroes are an `ifreq`, which is made of integers.
        let mut request: libc::ifreq = unsafe { core::mem::zeroed() };
        let room = request.ifr_name.len() - 1;
        for (to, from) in request.ifr_name.iter_mut().zip(name.bytes().take(room)) {
            *to = from.cast_signed();
        }
        let flags = libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR;
        request.ifr_ifru.ifru_flags = flags as libc::c_short;
        // SAFETY: `request` is an `ifreq`, which is what TUNSETIFF reads and writes.
        let made = unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &mut request) };
        if made < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self(file))
    }

    /// The number under which a program started by `command` will have it.
    pub(crate) fn pass_to(&self, command: &mut Command) -> io::Result<RawFd> {
        // A copy of a number that nothing else in the child will take.
        // SAFETY: no pointers are passed.
        let copy = unsafe { libc::fcntl(self.0.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 200) };
        if copy < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fcntl` just made it, and nobody else has it.
        let copy = unsafe { OwnedFd::from_raw_fd(copy) };
        let number = copy.as_raw_fd();
        let keep = move || {
            // In the child only: it stays open over exec there and nowhere else.
            // SAFETY: no pointers are passed; `copy` is open.
            let kept = unsafe { libc::fcntl(copy.as_raw_fd(), libc::F_SETFD, 0) };
            if kept < 0 {
                Err(io::Error::last_os_error())
            } else {
                Ok(())
            }
        };
        // SAFETY: between fork and exec only `fcntl` is called, a plain system call.
        unsafe { command.pre_exec(keep) };
        Ok(number)
    }
}

//! The system calls: each one function, safe to call unless its documentation says otherwise.
//!
//! A failure is the [`Errno`] and nothing else; what it means is decided by the caller, who knows
//! what was being tried.

use core::ffi::CStr;
use core::ptr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::bpf::{self, Insn};
use super::errno::Errno;
use super::if_xdp::{self, SockaddrXdp, UmemReg};
use super::link;

/// Types the kernel may read and write as plain bytes.
///
/// # Safety
///
/// Every bit pattern is a value, and there is no padding and no pointer inside.
pub(crate) unsafe trait Plain: Copy {}

// SAFETY: an integer.
unsafe impl Plain for u32 {}
// SAFETY: an integer.
unsafe impl Plain for i32 {}
// SAFETY: `#[repr(C)]`, sixteen `u64` (asserted by `layout!`).
unsafe impl Plain for if_xdp::MmapOffsets {}
// SAFETY: `#[repr(C)]`, six `u64` (asserted by `layout!`).
unsafe impl Plain for if_xdp::Statistics {}
// SAFETY: `#[repr(C)]`, one `u32` (asserted by `layout!`).
unsafe impl Plain for if_xdp::Options {}

/// Makes a socket that is closed on `exec`.
pub(crate) fn socket(domain: i32, kind: i32, protocol: i32) -> Result<OwnedFd, Errno> {
    // SAFETY: no pointers are passed.
    let fd = unsafe { libc::socket(domain, kind | libc::SOCK_CLOEXEC, protocol) };
    owned(fd.into())
}

/// `setsockopt` with a plain value.
pub(crate) fn set_option<T: Plain>(
    fd: BorrowedFd<'_>,
    level: i32,
    name: i32,
    value: &T,
) -> Result<(), Errno> {
    // SAFETY: `value` is live for the call and its size is passed with it; the kernel only reads.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            name,
            ptr::from_ref(value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    };
    check(result.into()).map(drop)
}

/// `getsockopt` of a plain value; an older kernel may fill only a part, the rest stays default.
pub(crate) fn option<T: Plain + Default>(
    fd: BorrowedFd<'_>,
    level: i32,
    name: i32,
) -> Result<T, Errno> {
    let mut value = T::default();
    let mut len = size_of::<T>() as libc::socklen_t;
    // SAFETY: `value` and `len` are live for the call, `len` is the size of `value`, and `Plain`
    // says that whatever bytes the kernel writes there are a `T`.
    let result = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            level,
            name,
            ptr::from_mut(&mut value).cast(),
            &raw mut len,
        )
    };
    check(result.into()).map(|_| value)
}

/// Registers memory as a socket's UMEM.
///
/// # Safety
///
/// `reg.len` bytes at `reg.addr` are memory of the caller's that the kernel may write from now on,
/// in the frames it is given through fill rings, until the socket and all that share its UMEM are
/// closed and every packet they sent has left.
pub(crate) unsafe fn register_umem(fd: BorrowedFd<'_>, reg: &UmemReg) -> Result<(), Errno> {
    // SAFETY: `reg` is live for the call and its size is passed; what the kernel does with the
    // memory that it names is the caller's promise.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_XDP,
            if_xdp::UMEM_REG,
            ptr::from_ref(reg).cast(),
            size_of::<UmemReg>() as libc::socklen_t,
        )
    };
    check(result.into()).map(drop)
}

/// Binds an AF_XDP socket.
pub(crate) fn bind_xdp(fd: BorrowedFd<'_>, address: &SockaddrXdp) -> Result<(), Errno> {
    // SAFETY: `address` is live for the call and its size is passed; the kernel only reads.
    let result = unsafe {
        libc::bind(
            fd.as_raw_fd(),
            ptr::from_ref(address).cast(),
            size_of::<SockaddrXdp>() as libc::socklen_t,
        )
    };
    check(result.into()).map(drop)
}

/// Tells the kernel to take descriptors from a transmit ring: `sendto` without data.
pub(crate) fn wake_tx(fd: BorrowedFd<'_>) -> Result<(), Errno> {
    // SAFETY: no data and no address are passed.
    let result = unsafe {
        libc::sendto(
            fd.as_raw_fd(),
            ptr::null(),
            0,
            libc::MSG_DONTWAIT,
            ptr::null(),
            0,
        )
    };
    check(result as i64).map(drop)
}

/// Tells the kernel that a fill ring has entries again: `recvfrom` without data.
pub(crate) fn wake_rx(fd: BorrowedFd<'_>) -> Result<(), Errno> {
    // SAFETY: no buffer and no address are passed.
    let result = unsafe {
        libc::recvfrom(
            fd.as_raw_fd(),
            ptr::null_mut(),
            0,
            libc::MSG_DONTWAIT,
            ptr::null_mut(),
            ptr::null_mut(),
        )
    };
    check(result as i64).map(drop)
}

/// Sends one netlink message to the kernel.
pub(crate) fn send(fd: BorrowedFd<'_>, message: &[u8]) -> Result<usize, Errno> {
    // SAFETY: pointer and length are those of a slice that lives for the call.
    let result = unsafe { libc::send(fd.as_raw_fd(), message.as_ptr().cast(), message.len(), 0) };
    check(result as i64).map(|n| n as usize)
}

/// Receives one datagram; what does not fit `buffer` is cut off.
pub(crate) fn receive(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize, Errno> {
    // SAFETY: pointer and length are those of a slice that is borrowed mutably for the call.
    let result = unsafe { libc::recv(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), 0) };
    check(result as i64).map(|n| n as usize)
}

/// A socket's pending error, cleared by asking; `None` when there is none.
pub(crate) fn pending_error(fd: BorrowedFd<'_>) -> Option<Errno> {
    match option::<i32>(fd, libc::SOL_SOCKET, libc::SO_ERROR) {
        Ok(0) => None,
        Ok(errno) => Some(Errno(errno)),
        Err(errno) => Some(errno),
    }
}

/// Size of a page in bytes.
pub(crate) fn page_size() -> usize {
    // SAFETY: no pointers are passed.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).unwrap_or(4096)
}

/// Tries to lift the limit on locked memory, which kernels before 5.11 charge maps and programs
/// to. A refusal (containers do that even to root) is not an error: what needs the memory says so.
pub(crate) fn raise_memlock() -> Result<(), Errno> {
    let limit = libc::rlimit {
        rlim_cur: libc::RLIM_INFINITY,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: `limit` is live for the call; the kernel only reads.
    let result = unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const limit) };
    check(result.into()).map(drop)
}

/// Who drives an interface.
pub(crate) fn driver_info(fd: BorrowedFd<'_>, name: &CStr) -> Result<link::DriverInfo, Errno> {
    let mut info = link::DriverInfo {
        cmd: link::ETHTOOL_GDRVINFO,
        driver: [0; 32],
        version: [0; 32],
        fw_version: [0; 32],
        bus_info: [0; 32],
        erom_version: [0; 32],
        reserved2: [0; 12],
        n_priv_flags: 0,
        n_stats: 0,
        testinfo_len: 0,
        eedump_len: 0,
        regdump_len: 0,
    };
    // SAFETY: ETHTOOL_GDRVINFO writes one `ethtool_drvinfo`, which `info` is.
    unsafe { ethtool(fd, name, ptr::from_mut(&mut info).cast()) }.map(|()| info)
}

/// How many queues an interface has.
pub(crate) fn channels(fd: BorrowedFd<'_>, name: &CStr) -> Result<link::ChannelCounts, Errno> {
    let mut counts = link::ChannelCounts {
        cmd: link::ETHTOOL_GCHANNELS,
        ..link::ChannelCounts::default()
    };
    // SAFETY: ETHTOOL_GCHANNELS writes one `ethtool_channels`, which `counts` is.
    unsafe { ethtool(fd, name, ptr::from_mut(&mut counts).cast()) }.map(|()| counts)
}

/// Whether the kernel merges what an interface receives (GRO).
pub(crate) fn receive_merging(fd: BorrowedFd<'_>, name: &CStr) -> Result<bool, Errno> {
    let mut value = link::Value {
        cmd: link::ETHTOOL_GGRO,
        data: 0,
    };
    // SAFETY: ETHTOOL_GGRO writes one `ethtool_value`, which `value` is.
    unsafe { ethtool(fd, name, ptr::from_mut(&mut value).cast()) }.map(|()| value.data != 0)
}

/// Switches GRO on or off.
pub(crate) fn set_receive_merging(fd: BorrowedFd<'_>, name: &CStr, on: bool) -> Result<(), Errno> {
    let mut value = link::Value {
        cmd: link::ETHTOOL_SGRO,
        data: on.into(),
    };
    // SAFETY: ETHTOOL_SGRO reads one `ethtool_value`, which `value` is.
    unsafe { ethtool(fd, name, ptr::from_mut(&mut value).cast()) }
}

/// A map whose keys and values are four bytes: an index, and a descriptor.
#[derive(Debug)]
pub(crate) struct IndexMap(OwnedFd);

impl IndexMap {
    /// Makes a map of `map_type` with `entries` entries, all empty.
    pub(crate) fn new(
        map_type: u32,
        entries: u32,
        map_name: [u8; bpf::OBJ_NAME_LEN],
    ) -> Result<Self, Errno> {
        let attr = bpf::MapCreate {
            map_type,
            key_size: size_of::<u32>() as u32,
            value_size: size_of::<u32>() as u32,
            max_entries: entries,
            map_name,
            ..bpf::MapCreate::default()
        };
        // SAFETY: `MapCreate` has no pointers, and BPF_MAP_CREATE writes nothing back.
        owned(unsafe { bpf(bpf::MAP_CREATE, &attr) }).map(Self)
    }

    /// Sets entry `key`.
    pub(crate) fn set(&self, key: u32, value: BorrowedFd<'_>) -> Result<(), Errno> {
        let value = value.as_raw_fd() as u32;
        let attr = bpf::MapElem {
            map_fd: self.0.as_raw_fd() as u32,
            pad: 0,
            key: ptr::from_ref(&key).expose_provenance() as u64,
            value: ptr::from_ref(&value).expose_provenance() as u64,
            flags: 0,
        };
        // SAFETY: both addresses are of four live bytes, which is what a map with the key and
        // value sizes that `new` asks for reads.
        check(unsafe { bpf(bpf::MAP_UPDATE_ELEM, &attr) }).map(drop)
    }

    /// Empties entry `key`.
    pub(crate) fn clear(&self, key: u32) -> Result<(), Errno> {
        let attr = bpf::MapElem {
            map_fd: self.0.as_raw_fd() as u32,
            key: ptr::from_ref(&key).expose_provenance() as u64,
            ..bpf::MapElem::default()
        };
        // SAFETY: the address is of four live bytes, which is what a map with the key size that
        // `new` asks for reads.
        check(unsafe { bpf(bpf::MAP_DELETE_ELEM, &attr) }).map(drop)
    }
}

impl AsFd for IndexMap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Loads an XDP program; the verifier's words go to `log` when there is room for any.
pub(crate) fn program_load(
    insns: &[Insn],
    license: &CStr,
    name: [u8; bpf::OBJ_NAME_LEN],
    flags: u32,
    log: &mut [u8],
) -> Result<OwnedFd, Errno> {
    let attr = bpf::ProgLoad {
        prog_type: bpf::PROG_TYPE_XDP,
        insn_cnt: insns.len() as u32,
        insns: insns.as_ptr().expose_provenance() as u64,
        license: license.as_ptr().expose_provenance() as u64,
        log_level: u32::from(!log.is_empty()),
        log_size: log.len() as u32,
        log_buf: if log.is_empty() {
            0
        } else {
            log.as_mut_ptr().expose_provenance() as u64
        },
        prog_flags: flags,
        prog_name: name,
        expected_attach_type: bpf::ATTACH_XDP,
        ..bpf::ProgLoad::default()
    };
    // SAFETY: instructions, license and log are live for the call, their lengths are passed (the
    // license ends with a zero), and the log is borrowed mutably.
    owned(unsafe { bpf(bpf::PROG_LOAD, &attr) })
}

/// Attaches a program to an interface for as long as the returned descriptor lives.
pub(crate) fn link_create(attr: &bpf::LinkCreate) -> Result<OwnedFd, Errno> {
    // SAFETY: `LinkCreate` has no pointers, and BPF_LINK_CREATE writes nothing back.
    owned(unsafe { bpf(bpf::LINK_CREATE, attr) })
}

/// Takes a link's program off its interface, even if a descriptor of the link lives on elsewhere.
pub(crate) fn link_detach(link: BorrowedFd<'_>) -> Result<(), Errno> {
    let attr = bpf::LinkDetach {
        link_fd: link.as_raw_fd() as u32,
    };
    // SAFETY: `LinkDetach` has no pointers, and BPF_LINK_DETACH writes nothing back.
    check(unsafe { bpf(bpf::LINK_DETACH, &attr) }).map(drop)
}

/// `bpf(2)`.
///
/// # Safety
///
/// `T` is the argument of `command`, and addresses in it are of memory that may be used as the
/// command does.
unsafe fn bpf<T>(command: u32, attr: &T) -> i64 {
    // SAFETY: `attr` is live for the call and its size is passed; its content is the caller's
    // promise.
    unsafe { libc::syscall(libc::SYS_bpf, command, ptr::from_ref(attr), size_of::<T>()) }
}

/// `ioctl(SIOCETHTOOL)`; any socket that has no such request of its own will do.
///
/// # Safety
///
/// `data` is of the structure that its first word, the ethtool command, reads and writes.
unsafe fn ethtool(fd: BorrowedFd<'_>, name: &CStr, data: *mut libc::c_char) -> Result<(), Errno> {
    let bytes = name.to_bytes();
    let mut ifr_name = [0; libc::IFNAMSIZ];
    if bytes.len() >= ifr_name.len() {
        return Err(Errno::NODEV);
    }
    for (to, from) in ifr_name.iter_mut().zip(bytes) {
        *to = *from as libc::c_char;
    }
    let mut request = libc::ifreq {
        ifr_name,
        ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_data: data },
    };
    // SAFETY: `request` is a whole `ifreq` that lives for the call; what its data pointer is of is
    // the caller's promise.
    let result = unsafe {
        libc::ioctl(
            fd.as_raw_fd(),
            link::SIOCETHTOOL as libc::Ioctl,
            &raw mut request,
        )
    };
    check(result.into()).map(drop)
}

/// Takes a new descriptor over.
fn owned(fd: i64) -> Result<OwnedFd, Errno> {
    let fd = check(fd)?;
    // SAFETY: a system call that makes a descriptor has just returned this one, so nobody else
    // owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

fn check(result: i64) -> Result<i64, Errno> {
    if result < 0 {
        Err(Errno::last())
    } else {
        Ok(result)
    }
}

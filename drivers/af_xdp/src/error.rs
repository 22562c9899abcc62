//! What can go wrong while a port is set up, each with what to do about it.

use core::fmt;
use std::string::String;

use linecard::device::DeviceError;

use crate::sys::errno::Errno;

/// Why an interface could not be opened as a port.
///
/// Only set-up fails with an error; a burst never does, its faults are counters.
///
/// ```
/// # #[cfg(target_os = "linux")] {
/// use linecard_af_xdp::Error;
///
/// let error = Error::QueueTaken { interface: "eth7".into(), queue: 0, waited_ms: 200 };
/// assert!(error.to_string().contains("another AF_XDP socket"));
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The process lacks a privilege for `action`.
    NoPermission {
        /// What was tried.
        action: &'static str,
    },
    /// There is no interface of this name in the calling thread's network namespace.
    NoInterface {
        /// As asked for.
        interface: String,
    },
    /// The interface is not an Ethernet one.
    NotEthernet {
        /// As asked for.
        interface: String,
    },
    /// The running kernel lacks something that this crate cannot do without.
    KernelTooOld {
        /// What it lacks.
        missing: &'static str,
        /// The first version that has it.
        since: &'static str,
    },
    /// The verifier refused the redirect program.
    ProgramRefused {
        /// With this error.
        errno: Errno,
        /// And these words.
        log: String,
    },
    /// Another XDP program is attached to the interface.
    ProgramPresent {
        /// The interface.
        interface: String,
    },
    /// No XDP program can be attached in a mode that was allowed.
    AttachRefused {
        /// The interface.
        interface: String,
        /// Answer to native mode, if that was tried.
        native: Option<Errno>,
        /// Answer to generic mode, if that was tried.
        generic: Option<Errno>,
    },
    /// A veth end has fewer receive queues than its peer has transmit queues.
    TooFewRxQueues {
        /// The interface.
        interface: String,
    },
    /// The MTU (of a veth end: the peer's) is too large for XDP in native mode.
    MtuTooLarge {
        /// The interface.
        interface: String,
    },
    /// Packets of the interface's MTU do not fit the pool's frames, and would vanish.
    MtuOverFrame {
        /// The interface.
        interface: String,
        /// Its MTU in bytes.
        mtu: u32,
        /// The largest MTU whose packets fit.
        most: usize,
    },
    /// The interface has no queue of this number.
    NoQueue {
        /// The interface.
        interface: String,
        /// As asked for.
        queue: u16,
        /// How many it has.
        queues: u16,
    },
    /// The queue belongs to another AF_XDP socket, of this process or another.
    QueueTaken {
        /// The interface.
        interface: String,
        /// The queue.
        queue: u16,
        /// For how long it was tried, in milliseconds.
        waited_ms: u32,
    },
    /// Zero-copy was asked for and the interface cannot do it.
    NoZeroCopy {
        /// The interface.
        interface: String,
        /// Answer to the attempt.
        errno: Errno,
    },
    /// The pool's frames are of a size that no UMEM can have.
    FrameSize {
        /// Bytes per frame.
        frame_size: usize,
        /// Bytes per page.
        page_size: usize,
    },
    /// The pool's region does not start at a page.
    RegionNotAligned {
        /// Bytes per page.
        page_size: usize,
    },
    /// Private area and headroom leave no room for a packet.
    Headroom {
        /// Bytes in front of the data.
        reserved: usize,
        /// The most that this frame size allows.
        most: usize,
    },
    /// A ring size is not a power of two, or zero, or too large.
    RingSize {
        /// Which ring.
        ring: &'static str,
        /// As asked for.
        size: u32,
    },
    /// The pool cannot fill the queue.
    PoolTooSmall {
        /// Frames that could be had.
        frames: usize,
        /// Frames that the queue wants for receiving.
        wanted: usize,
    },
    /// The pool has no account left for the queue.
    TooManyAccounts,
    /// The region is more memory than the process may lock.
    LockLimit {
        /// Bytes.
        bytes: usize,
    },
    /// A system call failed in a way that has no better name.
    System {
        /// What was tried.
        action: &'static str,
        /// The answer.
        errno: Errno,
    },
}

impl Error {
    /// Names what every system call can fail with alike.
    pub(crate) fn system(action: &'static str) -> impl Fn(Errno) -> Self {
        move |errno| {
            if errno.is_permission() {
                Self::NoPermission { action }
            } else {
                Self::System { action, errno }
            }
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPermission { action } => write!(
                f,
                "no permission to {action}: run as root, or with CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF \
                 (setcap cap_net_admin,cap_net_raw,cap_bpf+ep)"
            ),
            Self::NoInterface { interface } => write!(
                f,
                "there is no interface {interface} in this network namespace: `ip link` lists those that are"
            ),
            Self::NotEthernet { interface } => write!(
                f,
                "{interface} is not an Ethernet interface: AF_XDP ports carry Ethernet frames"
            ),
            Self::KernelTooOld { missing, since } => write!(
                f,
                "this kernel has no {missing}: Linux {since} or newer is needed, with CONFIG_XDP_SOCKETS and \
                 CONFIG_BPF_SYSCALL"
            ),
            Self::ProgramRefused { errno, log } => {
                write!(f, "the kernel refused the XDP redirect program: {errno}")?;
                if !log.is_empty() {
                    write!(f, "; the verifier says: {log}")?;
                }
                Ok(())
            }
            Self::ProgramPresent { interface } => write!(
                f,
                "another XDP program is attached to {interface}: stop the program that holds it, or remove it \
                 with `ip link set {interface} xdp off`"
            ),
            Self::AttachRefused { interface, native, generic } => {
                write!(f, "no XDP program can be attached to {interface}")?;
                if let Some(errno) = native {
                    write!(f, "; native mode: {errno}")?;
                }
                if let Some(errno) = generic {
                    write!(f, "; generic mode: {errno}")?;
                }
                Ok(())
            }
            Self::TooFewRxQueues { interface } => write!(
                f,
                "{interface} has fewer receive queues than its peer has transmit queues: make them equal with \
                 `ethtool -L`, create the pair with equal numrxqueues and numtxqueues, or choose generic mode"
            ),
            Self::MtuTooLarge { interface } => write!(
                f,
                "the MTU is too large for XDP in native mode on {interface}: lower it (for a veth, the peer's) \
                 to 1500, use Linux 5.18 or newer, or choose generic mode"
            ),
            Self::MtuOverFrame { interface, mtu, most } => write!(
                f,
                "packets of {interface}'s MTU of {mtu} do not fit the pool's frames: lower it with \
                 `ip link set {interface} mtu {most}`, or give the pool larger frames (4096 bytes at most)"
            ),
            Self::NoQueue { interface, queue, queues } => write!(
                f,
                "{interface} has no queue {queue}: it has {queues}, counted from 0; see `ethtool -l {interface}`, \
                 and `ethtool -L` to change that"
            ),
            Self::QueueTaken { interface, queue, waited_ms } => write!(
                f,
                "queue {queue} of {interface} belongs to another AF_XDP socket and did not come free in \
                 {waited_ms} ms: stop the program that holds it (`ss --xdp -p`), or choose another queue"
            ),
            Self::NoZeroCopy { interface, errno } => write!(
                f,
                "{interface} cannot do zero-copy ({errno}): allow copy mode, or use an interface whose driver can"
            ),
            Self::FrameSize { frame_size, page_size } => write!(
                f,
                "frames of {frame_size} bytes cannot be a UMEM: use 2048 or {page_size}"
            ),
            Self::RegionNotAligned { page_size } => write!(
                f,
                "the pool's region must start at a multiple of {page_size} bytes to be a UMEM"
            ),
            Self::Headroom { reserved, most } => write!(
                f,
                "{reserved} bytes of private area and headroom leave too little of a frame: at most {most}, \
                 or larger frames"
            ),
            Self::RingSize { ring, size } => write!(
                f,
                "{size} entries for the {ring} ring: it must be a power of two from 64 to 32768"
            ),
            Self::PoolTooSmall { frames, wanted } => write!(
                f,
                "the pool has {frames} free frames and the queue wants {wanted} to receive into: give the pool \
                 more frames, or the queue smaller rings"
            ),
            Self::TooManyAccounts => f.write_str(
                "the pool keeps at most 64 accounts, and all are taken: a queue needs two, and one while it closes",
            ),
            Self::LockLimit { bytes } => write!(
                f,
                "the kernel will not lock {bytes} bytes for this process: raise the limit (`ulimit -l`), give \
                 it CAP_IPC_LOCK, or use a smaller pool"
            ),
            Self::System { action, errno } => write!(f, "could not {action}: {errno}"),
        }
    }
}

impl core::error::Error for Error {}

/// The nearest of the errors that every driver shares; [`Port::open_queue`](crate::Port::open_queue)
/// gives the full one.
impl From<Error> for DeviceError {
    fn from(error: Error) -> Self {
        match error {
            Error::NoQueue { queue, .. } => Self::NoSuchQueue(queue),
            Error::QueueTaken { queue, .. } => Self::QueueTaken(queue),
            Error::PoolTooSmall { frames, wanted } => Self::TooFewFrames {
                wanted,
                free: frames,
            },
            Error::TooManyAccounts => Self::TooManyAccounts,
            Error::NoInterface { .. } => Self::Gone,
            Error::NoPermission { action } => Self::System {
                call: action,
                errno: Errno::PERM.0,
            },
            Error::LockLimit { .. } => Self::System {
                call: "lock the pool",
                errno: Errno::NOBUFS.0,
            },
            Error::NoZeroCopy { errno, .. } => Self::System {
                call: "zero-copy",
                errno: errno.0,
            },
            Error::System { action, errno } => Self::System {
                call: action,
                errno: errno.0,
            },
            Error::RingSize { .. } => {
                Self::Unsuitable("ring sizes are powers of two from 64 to 32768")
            }
            _ => Self::Unsuitable("the interface cannot be an AF_XDP port"),
        }
    }
}

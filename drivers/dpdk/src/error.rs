//! What can go wrong when DPDK is started and ports are made.

use core::fmt;
use std::io;
use std::string::String;

use linecard::device::DeviceError;
use linecard::mempool::PoolError;

use crate::rss::{RssFields, RssFunction};

/// Why DPDK, its memory or a port could not be had.
///
/// ```
/// use linecard_dpdk::Error;
/// let error = Error::Private { has: 0, needs: 192 };
/// assert_eq!(
///     error.to_string(),
///     "frames have a private area of 0 bytes, an mbuf needs 192"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// DPDK is of another version than the one that this was compiled for: each as year times 100
    /// and month.
    Version {
        /// Compiled for.
        compiled: u32,
        /// Found.
        found: u32,
    },
    /// An argument has a zero byte in it.
    Argument(String),
    /// DPDK has been started in this process already, or was and failed: it does so once.
    AlreadyStarted,
    /// The environment did not start.
    Eal {
        /// The system's error number.
        errno: i32,
    },
    /// Devices are to use physical addresses, and cannot: DPDK's own structures are on ordinary pages
    /// (then nothing was started, and may be otherwise), or it found the addresses out of reach.
    Physical {
        /// Whether there were huge pages.
        huge_pages: bool,
    },
    /// The pool's frames have no room for an mbuf in their private area.
    Private {
        /// Bytes that they have.
        has: usize,
        /// Bytes that an mbuf and its header need.
        needs: usize,
    },
    /// The pool's region does not begin, or end, on a page.
    NotOnPages {
        /// Bytes of a page.
        page: usize,
    },
    /// Frames are larger than an mbuf can say: 65,535 bytes.
    FrameSize(usize),
    /// By physical addresses, which devices use here, frames are not in one piece: they are larger
    /// than a page. Huge pages, smaller frames or virtual addresses help.
    Scattered {
        /// Bytes of a frame.
        frame_size: usize,
    },
    /// The pool has no account left.
    Pool(PoolError),
    /// DPDK refused something of memory.
    Memory {
        /// What was asked.
        call: &'static str,
        /// The system's error number.
        errno: i32,
    },
    /// There is no such device, or its driver is not there or refused it.
    Device {
        /// As it was asked for.
        device: String,
        /// The system's error number.
        errno: i32,
    },
    /// A port by this name is there already.
    PortTaken(String),
    /// The port has fewer queues.
    Queues {
        /// Wanted.
        wanted: u16,
        /// There.
        most: u16,
    },
    /// The device begins with more frames than the pool has.
    TooFewFrames {
        /// Frames that its receive rings take.
        wanted: usize,
        /// Frames that were free.
        free: usize,
    },
    /// The device does not spread packets by a hash, and was to do it in a chosen way.
    NoRss,
    /// The device cannot hash what was chosen.
    RssFields {
        /// What it cannot, of that.
        missing: RssFields,
        /// What it can.
        offered: RssFields,
    },
    /// The device's key is of another length.
    RssKey {
        /// Bytes given.
        len: usize,
        /// Bytes that it takes.
        wanted: usize,
    },
    /// The device, or libdpdk before 23.11, lets nobody choose this hash function.
    RssFunction {
        /// The one that was chosen.
        wanted: RssFunction,
    },
    /// The device has no table by which hashes go to queues.
    NoRssTable,
    /// Packets of this MTU do not fit a frame, and the device does not spread them over several.
    MtuOverFrame {
        /// The MTU in bytes.
        mtu: u16,
        /// The largest that fits.
        most: usize,
    },
    /// The device refused how it was to be set up.
    Setup {
        /// What was asked.
        call: &'static str,
        /// The system's error number.
        errno: i32,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |errno: &i32| io::Error::from_raw_os_error(*errno);
        match self {
            Self::Version { compiled, found } => write!(
                f,
                "libdpdk is {}.{:02}, and this was compiled for {}.{:02}",
                found / 100,
                found % 100,
                compiled / 100,
                compiled % 100
            ),
            Self::Argument(argument) => write!(f, "{argument:?} has a zero byte in it"),
            Self::AlreadyStarted => {
                f.write_str("DPDK is started once in a process, and that was tried before")
            }
            Self::Eal { errno } => write!(f, "DPDK did not start: {}", text(errno)),
            Self::Physical { huge_pages: false } => f.write_str(
                "devices are to use physical addresses, which DPDK does not know of ordinary \
                 pages: give it huge pages, or take virtual addresses",
            ),
            Self::Physical { huge_pages: true } => f.write_str(
                "devices are to use physical addresses, and DPDK can have virtual ones only \
                 (/proc/self/pagemap says them to root alone)",
            ),
            Self::Private { has, needs } => write!(
                f,
                "frames have a private area of {has} bytes, an mbuf needs {needs}"
            ),
            Self::NotOnPages { page } => {
                write!(f, "the pool's region is not on whole pages of {page} bytes")
            }
            Self::FrameSize(size) => {
                write!(f, "frames of {size} bytes are larger than an mbuf can say")
            }
            Self::Scattered { frame_size } => write!(
                f,
                "devices use physical addresses here, by which frames of {frame_size} bytes are \
                 not in one piece: take huge pages, frames of a page, or --iova-mode=va"
            ),
            Self::Pool(error) => error.fmt(f),
            Self::Memory { call, errno } => write!(f, "{call}: {}", text(errno)),
            Self::Device { device, errno } => write!(
                f,
                "DPDK has no device {device}, or its driver refused it: {}",
                text(errno)
            ),
            Self::PortTaken(name) => write!(f, "DPDK has a port {name} already"),
            Self::Queues { wanted, most } => {
                write!(f, "{wanted} queues are wanted, the device has {most}")
            }
            Self::TooFewFrames { wanted, free } => write!(
                f,
                "the device's rings begin with {wanted} frames, the pool has {free} free: more \
                 frames or shorter rings help"
            ),
            Self::NoRss => f.write_str("the device does not spread packets by a hash"),
            Self::RssFields { missing, offered } => {
                write!(f, "the device cannot hash {missing}; it offers {offered}")
            }
            Self::RssKey { len, wanted } => write!(
                f,
                "the device's hash takes a key of {wanted} bytes, and {len} are given"
            ),
            Self::RssFunction { wanted } => write!(
                f,
                "the hash function {wanted:?} cannot be chosen of this device, or of a libdpdk \
                 older than 23.11"
            ),
            Self::NoRssTable => {
                f.write_str("the device has no table by which hashes go to chosen queues")
            }
            Self::MtuOverFrame { mtu, most } => write!(
                f,
                "packets of an MTU of {mtu} do not fit a frame, which holds {most}, and the \
                 device does not spread them"
            ),
            Self::Setup { call, errno } => write!(f, "{call}: {}", text(errno)),
        }
    }
}

impl core::error::Error for Error {}

impl From<PoolError> for Error {
    fn from(error: PoolError) -> Self {
        Self::Pool(error)
    }
}

impl From<Error> for DeviceError {
    fn from(error: Error) -> Self {
        match error {
            Error::Pool(_) => Self::TooManyAccounts,
            Error::Private { .. } => Self::Unsuitable("no private area for an mbuf"),
            Error::TooFewFrames { wanted, free } => Self::TooFewFrames { wanted, free },
            Error::Setup { call, errno } | Error::Memory { call, errno } => {
                Self::System { call, errno }
            }
            _ => Self::Refused("DPDK did not set it up"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn messages_say_what_to_do() {
        let version = Error::Version {
            compiled: 2211,
            found: 2303,
        };
        assert_eq!(
            version.to_string(),
            "libdpdk is 23.03, and this was compiled for 22.11"
        );
        let scattered = Error::Scattered { frame_size: 16_384 }.to_string();
        assert!(scattered.contains("16384") && scattered.contains("--iova-mode=va"));
    }
}

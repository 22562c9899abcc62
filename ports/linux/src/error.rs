//! What can end the command, and with which exit code.

use core::error::Error as StdError;
use core::fmt;
use std::io;
use std::path::PathBuf;

use linecard::device::DeviceError;
use linecard::mempool::PoolError;
use linecard::pipeline::Stuck;

use crate::affinity::PinError;
use crate::config::ConfigError;
use crate::memory::MemoryError;

/// Why a run could not begin, or did not end well. `Display` says what to do about it.
///
/// ```
/// use linecard_linux::Error;
///
/// let error = Error::PoolTooSmall { frames: 64, needed: 4_224 };
/// assert!(error.to_string().contains("`--frames 8192`"));
/// assert_eq!(error.exit_code(), 1);
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The configuration cannot be used. Exit code 2, as for a wrong command line.
    Config(ConfigError),
    /// There is no memory, or not of the kind that was asked for.
    Memory(MemoryError),
    /// The pool cannot give a cache or an account.
    Pool(PoolError),
    /// The worker's CPU is not to be had.
    Pin(PinError),
    /// A port cannot be opened.
    Port {
        /// The port's name.
        port: String,
        /// What it is made of.
        device: String,
        /// Why not.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The pool has too few frames for the ports to begin, and for a burst to be under way.
    PoolTooSmall {
        /// Frames of the pool.
        frames: usize,
        /// Frames that are needed at least.
        needed: usize,
    },
    /// The forwarder cannot be set up as configured.
    Forwarder {
        /// Which forwarder.
        forwarder: &'static str,
        /// Why not.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A thread or a signal handler could not be made.
    System {
        /// What was tried.
        what: &'static str,
        /// What the kernel answered.
        source: io::Error,
    },
    /// Figures could not be written.
    Output {
        /// Where to; none for standard output.
        path: Option<PathBuf>,
        /// What the kernel answered.
        source: io::Error,
    },
    /// A port's output file could not be written to its end.
    Cut {
        /// The port's name.
        port: String,
        /// What went wrong.
        kind: io::ErrorKind,
    },
    /// A replay's pool has too few frames for what its forwarder holds back at one moment.
    Stuck {
        /// When the replay came to a stand.
        source: Stuck,
        /// Frames of the pool.
        frames: usize,
    },
    /// At the end a frame is missing, or there twice. Exit code 3: a bug.
    Unbalanced {
        /// What the audit found.
        reason: String,
    },
    /// The worker thread panicked. Exit code 3: a bug.
    Panicked,
}

impl Error {
    /// The code that the command ends with: 2 for what was asked wrongly, 3 for a bug, 1 for the
    /// rest.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) => 2,
            Self::Unbalanced { .. } | Self::Panicked => 3,
            _ => 1,
        }
    }

    /// A port that cannot be opened.
    #[must_use]
    pub fn port(
        port: &str,
        device: &str,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self::Port {
            port: port.into(),
            device: device.into(),
            source: source.into(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Memory(error) => error.fmt(f),
            Self::Pool(error) => error.fmt(f),
            Self::Pin(error) => error.fmt(f),
            Self::Port {
                port,
                device,
                source,
            } => {
                write!(f, "port {port} ({device}): {source}")?;
                match source.downcast_ref() {
                    Some(DeviceError::TooFewFrames { .. }) => {
                        f.write_str("; make the pool larger with `--frames N`")
                    }
                    Some(DeviceError::TooManyAccounts) => f.write_str("; use fewer ports"),
                    _ => Ok(()),
                }
            }
            Self::PoolTooSmall { frames, needed } => write!(
                f,
                "the pool is too small: {frames} frames, and the ports need {needed} to begin; \
                 make it larger with `--frames {}`",
                needed.saturating_mul(3).div_ceil(2).next_power_of_two()
            ),
            Self::Forwarder { forwarder, source } => write!(f, "{forwarder}: {source}"),
            Self::Stuck { source, frames } => write!(
                f,
                "{source}; the pool has {frames} frames, make it larger with `--frames {}`",
                frames.saturating_mul(2).next_power_of_two()
            ),
            Self::System { what, source } => write!(f, "{what}: {source}"),
            Self::Output { path, source } => match path {
                Some(path) => write!(f, "cannot write {}: {source}", path.display()),
                None => write!(f, "cannot write to standard output: {source}"),
            },
            Self::Cut { port, kind } => write!(
                f,
                "port {port}: its output file ends too soon: {kind}; is the disk full?"
            ),
            Self::Unbalanced { reason } => write!(
                f,
                "the ledger does not balance: {reason}; this is a bug in Linecard, please report it"
            ),
            Self::Panicked => f.write_str(
                "the worker panicked (its message is above); this is a bug in Linecard, \
                 please report it",
            ),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        // What `Display` has said already is passed over.
        match self {
            Self::Config(error) => error.source(),
            Self::Memory(error) => error.source(),
            Self::Pool(error) => error.source(),
            Self::Pin(error) => error.source(),
            Self::Port { source, .. } | Self::Forwarder { source, .. } => source.source(),
            _ => None,
        }
    }
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<MemoryError> for Error {
    fn from(error: MemoryError) -> Self {
        Self::Memory(error)
    }
}

impl From<PoolError> for Error {
    fn from(error: PoolError) -> Self {
        Self::Pool(error)
    }
}

impl From<PinError> for Error {
    fn from(error: PinError) -> Self {
        Self::Pin(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_tell_mistakes_from_misfortunes_and_bugs() {
        let config = Error::from(ConfigError::new(
            None,
            crate::config::Problem::Missing {
                what: "a port",
                hint: "give one",
            },
        ));
        assert_eq!(config.exit_code(), 2);
        assert_eq!(Error::from(PoolError::CacheSize(0)).exit_code(), 1);
        assert_eq!(Error::Panicked.exit_code(), 3);
    }

    #[test]
    fn a_device_that_wants_frames_says_how_to_give_them() {
        let error = Error::port(
            "lan",
            "af_xdp:eth0",
            DeviceError::TooFewFrames {
                wanted: 2048,
                free: 64,
            },
        );
        assert_eq!(
            error.to_string(),
            "port lan (af_xdp:eth0): the device needs 2048 frames to begin, \
             the pool has 64 free; make the pool larger with `--frames N`"
        );
    }
}

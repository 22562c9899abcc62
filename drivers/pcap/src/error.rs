//! Why a capture file could not be opened.

use core::fmt;
use std::io;
use std::path::PathBuf;

use crate::Fault;

/// Why a capture file could not be opened.
///
/// ```
/// use linecard_pcap::{Capture, OpenError};
///
/// let error = Capture::open("/nowhere/at.all").unwrap_err();
/// assert!(matches!(error, OpenError::Read { .. }));
/// assert!(error.to_string().starts_with("cannot read /nowhere/at.all: "));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The file is missing, unreadable or does not fit into memory.
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The output file could not be made or its header not be written.
    Create {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file does not start like a capture.
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with its first header.
        fault: Fault,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, source } => write!(f, "cannot read {}: {source}", path.display()),
            Self::Create { path, source } => {
                write!(f, "cannot write {}: {source}", path.display())
            }
            Self::Format { path, fault } => {
                write!(f, "{} is not a capture: {fault}", path.display())
            }
        }
    }
}

impl core::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Read { source, .. } | Self::Create { source, .. } => Some(source),
            Self::Format { fault, .. } => Some(fault),
        }
    }
}

//! How a port is to be set up.

/// Where the redirect program may run.
///
/// ```
/// # #[cfg(target_os = "linux")] {
/// use linecard_af_xdp::{Config, XdpMode};
///
/// let config = Config { mode: XdpMode::Native, ..Config::default() };
/// assert_eq!(Config::default().mode, XdpMode::Auto);
/// # assert_ne!(config.mode, XdpMode::Auto);
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum XdpMode {
    /// In the driver where it can, behind it otherwise.
    #[default]
    Auto,
    /// In the driver or not at all.
    Native,
    /// Behind the driver, on any interface: slower, and after the kernel has merged segments.
    Generic,
}

/// Whether packets may or must be copied between device and pool.
///
/// ```
/// # #[cfg(target_os = "linux")] {
/// use linecard_af_xdp::{Config, CopyMode};
///
/// let config = Config { copy: CopyMode::ZeroCopy, ..Config::default() };
/// assert_eq!(Config::default().copy, CopyMode::Auto);
/// # assert_ne!(config.copy, CopyMode::Auto);
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CopyMode {
    /// Zero-copy where the driver can, a copy in the kernel otherwise.
    #[default]
    Auto,
    /// A copy in the kernel, even where zero-copy would work.
    Copy,
    /// Zero-copy, or [`Error::NoZeroCopy`](crate::Error::NoZeroCopy).
    ZeroCopy,
}

/// How a port is to be set up; the default is right for most.
///
/// ```
/// # #[cfg(target_os = "linux")] {
/// use linecard_af_xdp::Config;
///
/// let small = Config { ring_size: 512, ..Config::default() };
/// assert_eq!(small.copy, Config::default().copy);
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where the redirect program may run.
    pub mode: XdpMode,
    /// Whether packets may or must be copied.
    pub copy: CopyMode,
    /// Entries of each of the four rings: a power of two from 64 to 32768. A queue posts this many
    /// frames for receiving and holds at most this many for sending.
    pub ring_size: u32,
    /// Whether one system call may send a whole ring in copy mode, where the kernel can be told so
    /// (6.17); otherwise it sends 32 packets, as older kernels do, and is repeated.
    pub raise_tx_budget: bool,
    /// Packets that come in have their checksums, although the interface is one whose other end may leave them to
    /// the device: whoever runs it has switched that off there (`ethtool -K IF tx off`). Then they are not looked
    /// at. Where it was not switched off, unfinished checksums are forwarded as they are.
    pub checksums_finished: bool,
    /// How long to try for a queue that is taken, in milliseconds: after its last socket has closed
    /// the kernel needs 15 to 30 of them to let go.
    pub bind_patience_ms: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            mode: XdpMode::Auto,
            copy: CopyMode::Auto,
            ring_size: 2048,
            raise_tx_budget: true,
            checksums_finished: false,
            bind_patience_ms: 200,
        }
    }
}

//! Ports that are network interfaces, by AF_XDP.

use super::device::{choice, number};
use super::error::Problem;

/// Queues of a network interface, by AF_XDP.
///
/// ```
/// use linecard_linux::config::Device;
///
/// let Device::AfXdp(xdp) = "af_xdp:eth1,queues=4,ring=512".parse()? else { panic!() };
/// assert_eq!((xdp.queue, xdp.queues, xdp.ring), (0, 4, 512));
/// # Ok::<(), linecard_linux::config::Problem>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AfXdp {
    /// The interface's name.
    pub interface: String,
    /// The first queue, from zero.
    pub queue: u16,
    /// How many queues, one after the other; the kernel keeps the packets of all others.
    pub queues: u16,
    /// Where the redirect program runs.
    pub mode: AfXdpMode,
    /// Whether the device reads and writes the pool's memory itself.
    pub zero_copy: ZeroCopy,
    /// Packets that each of its rings holds, a power of two.
    pub ring: u32,
}

/// Where the redirect program runs.
///
/// ```
/// use linecard_linux::config::{AfXdpMode, Device};
///
/// let Device::AfXdp(xdp) = "af_xdp:eth1,mode=generic".parse()? else { panic!() };
/// assert_eq!(xdp.mode, AfXdpMode::Generic);
/// # Ok::<(), linecard_linux::config::Problem>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AfXdpMode {
    /// In the driver if it can, otherwise behind it.
    #[default]
    Auto,
    /// In the driver, or not at all.
    Native,
    /// Behind the driver: works on every interface, costs a copy more.
    Generic,
}

/// Whether the device reads and writes the pool's memory itself.
///
/// ```
/// use linecard_linux::config::{Device, ZeroCopy};
///
/// let Device::AfXdp(xdp) = "af_xdp:eth1,zero-copy=yes".parse()? else { panic!() };
/// assert_eq!(xdp.zero_copy, ZeroCopy::Yes);
/// # Ok::<(), linecard_linux::config::Problem>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ZeroCopy {
    /// If it can.
    #[default]
    Auto,
    /// It must.
    Yes,
    /// It must not.
    No,
}

impl AfXdp {
    /// Its options.
    pub(super) const OPTIONS: [&str; 5] = ["queue", "queues", "mode", "zero-copy", "ring"];

    /// The most queues of a port: each has two of the pool's 64 accounts of where frames are, the worker has one,
    /// and a queue takes one more while it closes.
    pub const MAX_QUEUES: u32 = 31;

    /// The numbers of its queues.
    #[must_use]
    pub fn numbers(&self) -> core::ops::Range<u16> {
        self.queue..self.queue.saturating_add(self.queues)
    }

    pub(super) fn at(target: Option<&str>) -> Result<Self, Problem> {
        let interface = target.filter(|name| is_interface_name(name));
        let interface = interface.ok_or_else(|| Problem::Invalid {
            what: "interface",
            value: target.unwrap_or_default().into(),
            expected: "a name of 1 to 15 characters, as in af_xdp:eth0",
        })?;
        Ok(Self {
            interface: interface.into(),
            queue: 0,
            queues: 1,
            mode: AfXdpMode::default(),
            zero_copy: ZeroCopy::default(),
            ring: DEFAULT_RING,
        })
    }

    /// Sets one of [`OPTIONS`](Self::OPTIONS); any other is none of its.
    pub(super) fn set(&mut self, key: &str, value: &str) -> Result<(), Problem> {
        match key {
            "queue" => self.queue = number("queue", value, 0, 4095)? as u16,
            "queues" => self.queues = number("queues", value, 1, Self::MAX_QUEUES)? as u16,
            "mode" => {
                self.mode = choice(
                    "mode",
                    value,
                    &[
                        ("auto", AfXdpMode::Auto),
                        ("native", AfXdpMode::Native),
                        ("generic", AfXdpMode::Generic),
                    ],
                )?;
            }
            "zero-copy" => {
                self.zero_copy = choice(
                    "zero-copy",
                    value,
                    &[
                        ("auto", ZeroCopy::Auto),
                        ("yes", ZeroCopy::Yes),
                        ("no", ZeroCopy::No),
                    ],
                )?;
            }
            "ring" => {
                let ring = number("ring", value, 64, 32_768)?;
                if !ring.is_power_of_two() {
                    return Err(Problem::Invalid {
                        what: "ring size",
                        value: value.into(),
                        expected: "a power of two from 64 to 32768",
                    });
                }
                self.ring = ring;
            }
            _ => {}
        }
        Ok(())
    }
}

/// `IFNAMSIZ` is 16 with the terminating zero; the kernel refuses slashes, colons and blanks
/// (`dev_valid_name` in net/core/dev.c).
fn is_interface_name(name: &str) -> bool {
    (1..16).contains(&name.len())
        && name != "."
        && name != ".."
        && !name.contains(|c: char| c == '/' || c == ':' || c.is_whitespace())
}

const DEFAULT_RING: u32 = 2_048;

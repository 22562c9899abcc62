//! A port's device, in one line of text: `KIND[:TARGET][,OPTION=VALUE...]`.
//!
//! | text | what it is |
//! |---|---|
//! | `af_xdp:IF[,queue=N][,queues=N][,mode=auto\|native\|generic][,zero-copy=auto\|yes\|no][,ring=N]` | queues of a network interface, the first is `queue` |
//! | `pcap:FILE[,out=FILE][,loop=N\|endless][,timing=fast\|original]` | receives what FILE holds, sends into `out` |
//! | `generator[,flows=N][,size=BYTES][,count=N][,queues=N]` | receives made-up UDP packets, discards what is sent |
//! | `vhost-user:SOCKET[,ring=N][,packed=auto\|yes\|no][,queues=N]` | a device in another process, such as DPDK's vhost |
//! | `vhost-user-server:SOCKET[,packed=auto\|yes\|no][,queues=N]` | a virtual machine plugs in |
//! | `dpdk:DEVICE[,ARGUMENT=VALUE...][,ring=N][,mtu=N][,queues=N][,rss=FIELD+FIELD...][,rss-key=symmetric\|HEX][,rss-queues=N][,eal=ARGUMENT...]` | a device of DPDK's: `net_af_packet0,iface=eth1`, `0000:01:00.0` (of a build with the feature `dpdk`) |
//! | `loopback` | receives what was sent to it |
//! | `null` | receives nothing, discards what is sent |
//!
//! Every kind also takes `name=NAME`, `addr=ADDRESS/PREFIX` (any number of times) and `mac=MAC`.
//! A file name cannot contain a comma; in a configuration file, give such options keys of their own.

use core::num::NonZeroU32;
use std::path::PathBuf;

use super::af_xdp::AfXdp;
use super::dpdk::Dpdk;
use super::error::Problem;
use super::vhost::VhostUser;

/// What a port is made of.
///
/// ```
/// use linecard_linux::config::{AfXdpMode, Device};
///
/// let Device::AfXdp(xdp) = "af_xdp:eth1,queue=3".parse()? else { panic!() };
/// assert_eq!((xdp.interface.as_str(), xdp.queue), ("eth1", 3));
/// assert_eq!(xdp.mode, AfXdpMode::Auto);
/// # Ok::<(), linecard_linux::config::Problem>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Device {
    /// Queues of a network interface.
    AfXdp(AfXdp),
    /// Capture files.
    Pcap(Pcap),
    /// Made-up UDP packets.
    Generator(Generator),
    /// A device of DPDK's.
    Dpdk(Dpdk),
    /// A device in another process, by vhost-user.
    VhostUser(VhostUser),
    /// A virtual machine, or another front end of vhost-user, that plugs in.
    VhostUserServer(VhostUser),
    /// What is sent comes back.
    Loopback,
    /// Nothing comes, what is sent is gone.
    Null,
}

/// Capture files as a port.
///
/// ```
/// use linecard_linux::config::Device;
///
/// let Device::Pcap(pcap) = "pcap:in.pcap,loop=endless".parse()? else { panic!() };
/// assert_eq!((pcap.output, pcap.rounds), (None, None));
/// # Ok::<(), linecard_linux::config::Problem>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pcap {
    /// What is received; none receives nothing.
    pub input: Option<PathBuf>,
    /// Where what is sent is written; without it, it is counted and discarded.
    pub output: Option<PathBuf>,
    /// How often the capture is received; none for ever.
    pub rounds: Option<NonZeroU32>,
    /// When its packets are received.
    pub timing: Timing,
}

/// When the packets of a capture are received.
///
/// ```
/// use linecard_linux::config::{Device, Timing};
///
/// let Device::Pcap(pcap) = "pcap:in.pcap,timing=original".parse()? else { panic!() };
/// assert_eq!(pcap.timing, Timing::Original);
/// # Ok::<(), linecard_linux::config::Problem>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Timing {
    /// As fast as the forwarder takes them.
    #[default]
    Fast,
    /// At the distances at which they were captured.
    Original,
}

/// A source of made-up UDP packets.
///
/// ```
/// use linecard_linux::config::{Device, Generator};
///
/// let device: Device = "generator,flows=16".parse()?;
/// assert_eq!(device, Device::Generator(Generator { flows: 16, ..Generator::default() }));
/// # Ok::<(), linecard_linux::config::Problem>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generator {
    /// Different flows, received in random order.
    pub flows: u32,
    /// Bytes of a frame, without its checksum.
    pub size: u16,
    /// Packets in all; none for ever.
    pub count: Option<u64>,
    /// Queues that share flows and packets.
    pub queues: u16,
}

impl Default for Generator {
    /// 64-byte frames of 8,192 flows, without end. The four bytes of the frame check sequence,
    /// which never reach software, are among the 64: 60 bytes lie in memory.
    fn default() -> Self {
        Self {
            flows: 8_192,
            size: 60,
            count: None,
            queues: 1,
        }
    }
}

/// Options that belong to the port and not to its device, by name.
type PortOptions<'t> = Vec<(&'t str, &'t str)>;

impl Device {
    /// The device's kind, as it is written.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::AfXdp(_) => "af_xdp",
            Self::Pcap(_) => "pcap",
            Self::Generator(_) => "generator",
            Self::Dpdk(_) => "dpdk",
            Self::VhostUser(_) => "vhost-user",
            Self::VhostUserServer(_) => "vhost-user-server",
            Self::Loopback => "loopback",
            Self::Null => "null",
        }
    }

    /// Reads a device, and sets aside the options that belong to the port and not to its device.
    pub(crate) fn parse(text: &str) -> Result<(Self, PortOptions<'_>), Problem> {
        let (head, tail) = text.split_once(',').unwrap_or((text, ""));
        let (kind, target) = match head.split_once(':') {
            Some((kind, target)) => (kind.trim(), Some(target.trim())),
            None => (head.trim(), None),
        };
        let mut device = Self::of_kind(kind, target)?;
        let mut port_options = Vec::new();
        let mut seen = Vec::new();
        for option in tail.split(',').filter(|option| !option.trim().is_empty()) {
            let (key, value) = option
                .split_once('=')
                .map(|(key, value)| (key.trim(), value.trim()))
                .ok_or_else(|| Problem::Invalid {
                    what: "option",
                    value: option.trim().into(),
                    expected: "OPTION=VALUE",
                })?;
            if PORT_OPTIONS.contains(&key) {
                port_options.push((key, value));
                continue;
            }
            let single = !matches!(device, Self::Dpdk(_)) || Dpdk::is_single(key);
            if single && seen.contains(&key) {
                return Err(Problem::Duplicate {
                    what: "option",
                    value: key.into(),
                });
            }
            seen.push(key);
            device.set(key, value)?;
        }
        Ok((device, port_options))
    }

    fn of_kind(kind: &str, target: Option<&str>) -> Result<Self, Problem> {
        let device = match kind {
            "af_xdp" => return AfXdp::at(target).map(Self::AfXdp),
            "pcap" => {
                let file = target.filter(|file| !file.is_empty());
                let file = file.ok_or(Problem::Missing {
                    what: "the capture file",
                    hint: "name it, as in pcap:IN.pcap, or write pcap:- to receive nothing",
                })?;
                return Ok(Self::Pcap(Pcap {
                    input: (file != "-").then(|| file.into()),
                    output: None,
                    rounds: NonZeroU32::new(1),
                    timing: Timing::default(),
                }));
            }
            "dpdk" => return Dpdk::at(target).map(Self::Dpdk),
            "vhost-user" => return VhostUser::at(kind, target).map(Self::VhostUser),
            "vhost-user-server" => {
                return VhostUser::at(kind, target).map(Self::VhostUserServer);
            }
            "generator" => Self::Generator(Generator::default()),
            "loopback" => Self::Loopback,
            "null" => Self::Null,
            _ => {
                return Err(Problem::Unknown {
                    what: "kind of port",
                    value: kind.into(),
                    known: KINDS.map(String::from).to_vec(),
                });
            }
        };
        match target {
            None => Ok(device),
            Some(target) => Err(Problem::Invalid {
                what: "port",
                value: format!("{kind}:{target}"),
                expected: "nothing behind the kind, which has no target",
            }),
        }
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), Problem> {
        match (self, key) {
            (Self::AfXdp(xdp), _) if AfXdp::OPTIONS.contains(&key) => xdp.set(key, value)?,
            (Self::Pcap(pcap), "out") => pcap.output = Some(value.into()),
            (Self::Pcap(pcap), "loop") => {
                pcap.rounds = match value {
                    "endless" => None,
                    _ => NonZeroU32::new(number("loop", value, 1, u32::MAX)?),
                };
            }
            (Self::Pcap(pcap), "timing") => {
                pcap.timing = choice(
                    "timing",
                    value,
                    &[("fast", Timing::Fast), ("original", Timing::Original)],
                )?;
            }
            (Self::Dpdk(dpdk), _) => dpdk.set(key, value)?,
            (Self::VhostUser(vhost), "ring") => vhost.set_ring(value)?,
            (Self::VhostUser(vhost) | Self::VhostUserServer(vhost), "packed") => {
                vhost.set_packed(value)?;
            }
            (Self::VhostUser(vhost) | Self::VhostUserServer(vhost), "queues") => {
                vhost.set_queues(value)?;
            }
            (Self::Generator(generator), "flows") => {
                generator.flows = number("flows", value, 1, 1 << 24)?;
            }
            (Self::Generator(generator), "size") => {
                generator.size = number("size", value, 60, 1514)? as u16;
            }
            (Self::Generator(generator), "count") => {
                generator.count = Some(number_u64("count", value, 1, u64::MAX)?);
            }
            (Self::Generator(generator), "queues") => {
                generator.queues = number("queues", value, 1, MAX_WORKERS)? as u16;
            }
            (device, _) => {
                let own: &[&str] = match device {
                    Self::AfXdp(_) => &AfXdp::OPTIONS,
                    Self::Pcap(_) => &["out", "loop", "timing"],
                    Self::Generator(_) => &["flows", "size", "count", "queues"],
                    Self::Dpdk(_) => &Dpdk::OPTIONS,
                    Self::VhostUser(_) => &["ring", "packed", "queues"],
                    Self::VhostUserServer(_) => &["packed", "queues"],
                    Self::Loopback | Self::Null => &[],
                };
                return Err(Problem::Unknown {
                    what: "option",
                    value: key.into(),
                    known: own
                        .iter()
                        .chain(&PORT_OPTIONS)
                        .map(|&name| name.into())
                        .collect(),
                });
            }
        }
        Ok(())
    }
}

impl core::str::FromStr for Device {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let (device, port_options) = Self::parse(text)?;
        match port_options.first() {
            None => Ok(device),
            Some(_) => Err(Problem::Misplaced {
                what: "an option of the port",
                reason: "this is its device alone",
            }),
        }
    }
}

pub(super) fn choice<T: Copy>(
    what: &'static str,
    value: &str,
    known: &[(&str, T)],
) -> Result<T, Problem> {
    known
        .iter()
        .find(|(name, _)| *name == value)
        .map(|(_, choice)| *choice)
        .ok_or_else(|| Problem::Unknown {
            what,
            value: value.into(),
            known: known.iter().map(|(name, _)| (*name).into()).collect(),
        })
}

pub(super) fn number(what: &'static str, value: &str, min: u32, max: u32) -> Result<u32, Problem> {
    number_u64(what, value, min.into(), max.into()).map(|number| number as u32)
}

pub(crate) fn number_u64(
    what: &'static str,
    value: &str,
    min: u64,
    max: u64,
) -> Result<u64, Problem> {
    // 500_000 reads better than 500000, and TOML allows it too.
    let digits = value.replace('_', "");
    let number: u64 = digits.parse().map_err(|_| Problem::Invalid {
        what: "whole number",
        value: value.into(),
        expected: "digits alone",
    })?;
    if !(min..=max).contains(&number) {
        return Err(Problem::OutOfRange {
            what,
            value: number,
            min,
            max,
        });
    }
    Ok(number)
}

const MAX_WORKERS: u32 = crate::runner::MAX_WORKERS as u32;
const KINDS: [&str; 8] = [
    "af_xdp",
    "dpdk",
    "pcap",
    "vhost-user",
    "vhost-user-server",
    "generator",
    "loopback",
    "null",
];
const PORT_OPTIONS: [&str; 3] = ["name", "addr", "mac"];

#[cfg(test)]
#[path = "device_tests.rs"]
mod tests;

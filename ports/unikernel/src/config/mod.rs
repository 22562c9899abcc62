//! The kernel command line, in the words of the `linecard` command.
//!
//! ```text
//! --forwarder router
//! --port virtio,name=left,addr=192.0.2.1/24,addr=2001:db8:1::1/64
//! --port virtio:1,name=right,addr=198.51.100.1/24
//! --route "0.0.0.0/0 via 198.51.100.2" --neighbour "198.51.100.2 02:00:00:00:00:02"
//! ```
//!
//! | flag | value |
//! |---|---|
//! | `--forwarder` | `router`, `cross-connect` or `udp` |
//! | `--port` | `virtio[:N][,name=NAME][,addr=ADDRESS/PREFIX]...[,mac=MAC]`: the `N`-th device found, or the next |
//! | `--route` | `PREFIX via ADDRESS [port NAME]` or `PREFIX port NAME` |
//! | `--neighbour` | `ADDRESS MAC [port NAME]` |
//! | `--connect` | `NAME NAME`; without it ports are wired in the order in which they are named |
//! | `--malformed` | `pass` or `drop`, for the cross-connect |
//! | `--udp` | `[port NAME] [src PATTERN] [dst PATTERN] to port NAME [src ENDPOINT] [dst ENDPOINT] [dst-mac MAC [src-mac MAC]]` |
//! | `--frames`, `--frame-size` | as many as memory allows, and 2048 |
//! | `--duration` | `10s`, `500ms`; without it until `q` is pressed |
//! | `--replay` | the module is a capture: it goes through the forwarder as `linecard replay` does it |
//! | `--mtu`, `--as-captured` | of a replay, as there |
//!
//! A value with blanks stands in double quotes. `virtio_mmio.device=SIZE@ADDRESS:IRQ`, which
//! QEMU's `microvm` adds, says where devices are. The text grammar of addresses, patterns and rules
//! is that of the `linecard` command; names are slices of the command line, nothing is allocated.

mod error;
mod rules;
mod text;
mod words;

use core::net::IpAddr;
use core::time::Duration;

use heapless::Vec;
use linecard::wire::MacAddr;

pub use error::ConfigError;
pub use rules::{Cidr, Neighbour, Route, UdpText};

use self::words::Words;

/// Everything that the command line says.
///
/// ```
/// use linecard_unikernel::config::{Config, ForwarderKind};
///
/// let config = Config::parse(
///     "--forwarder cross-connect --port virtio,name=a --port virtio,name=b --duration 2s",
/// )?;
/// assert_eq!(config.forwarder, ForwarderKind::CrossConnect);
/// assert_eq!((config.ports[1].name, config.ports[1].device), ("b", None));
/// # Ok::<(), linecard_unikernel::config::ConfigError<'_>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Config<'a> {
    /// What happens to packets.
    pub forwarder: ForwarderKind,
    /// The ports, in order.
    pub ports: Vec<Port<'a>, MAX_PORTS>,
    /// The router's routes.
    pub routes: Vec<Route, MAX_ROUTES>,
    /// The router's neighbours that need not be asked for.
    pub neighbours: Vec<Neighbour, MAX_NEIGHBOURS>,
    /// The cross-connect's pairs, by port numbers.
    pub pairs: Vec<(usize, usize), MAX_PORTS>,
    /// Whether the cross-connect drops malformed packets; `None` is that `replay` does.
    pub drop_malformed: Option<bool>,
    /// The UDP forwarder's rules.
    pub udp: Vec<UdpText, MAX_UDP>,
    /// Frames of the pool; `None` is as many as there is memory for.
    pub frames: Option<usize>,
    /// Bytes of a frame.
    pub frame_size: Option<usize>,
    /// When to end.
    pub duration: Option<Duration>,
    /// Whether the module is a capture to replay.
    pub replay: bool,
    /// The longest packet that a replaying router sends on, without its Ethernet header.
    pub mtu: u16,
    /// Leave Ethernet destinations as captured.
    pub as_captured: bool,
    /// MMIO devices: address and size.
    pub mmio: Vec<(u64, u64), MAX_MMIO>,
}

/// What happens to packets.
///
/// ```
/// use linecard_unikernel::config::{Config, ForwarderKind};
/// assert_eq!(Config::parse("")?.forwarder, ForwarderKind::Router);
/// # Ok::<(), linecard_unikernel::config::ConfigError<'_>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForwarderKind {
    /// They are routed.
    Router,
    /// They leave by the port that theirs is wired to.
    CrossConnect,
    /// UDP is rewritten by rules.
    Udp,
}

/// A port.
///
/// ```
/// let config = linecard_unikernel::config::Config::parse("--port virtio:3,addr=192.0.2.1/24")?;
/// assert_eq!(config.ports[0].device, Some(3));
/// assert_eq!(config.ports[0].addresses[0].to_string(), "192.0.2.1/24");
/// # Ok::<(), linecard_unikernel::config::ConfigError<'_>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Port<'a> {
    /// Its name; without one `portN`.
    pub name: &'a str,
    /// Which of the devices found, from 0; `None` is the next that no port before it has.
    pub device: Option<usize>,
    /// Its addresses.
    pub addresses: Vec<Cidr, MAX_ADDRESSES>,
    /// Its Ethernet address instead of the device's.
    pub mac: Option<MacAddr>,
}

impl<'a> Config<'a> {
    /// Reads a command line.
    ///
    /// # Errors
    /// The first mistake, by the flag or word that it is in.
    pub fn parse(text: &'a str) -> Result<Self, ConfigError<'a>> {
        let mut config = Self {
            forwarder: ForwarderKind::Router,
            ports: Vec::new(),
            routes: Vec::new(),
            neighbours: Vec::new(),
            pairs: Vec::new(),
            drop_malformed: None,
            udp: Vec::new(),
            frames: None,
            frame_size: None,
            duration: None,
            replay: false,
            mtu: 1500,
            as_captured: false,
            mmio: Vec::new(),
        };
        // Ports first: rules name them.
        config.read(text, true)?;
        config.read(text, false)?;
        if config.pairs.is_empty() && config.forwarder == ForwarderKind::CrossConnect {
            for first in (0..config.ports.len()).step_by(2) {
                let second = (first + 1).min(config.ports.len() - 1);
                // As many pairs as ports fit.
                let _ = config.pairs.push((first, second));
            }
        }
        Ok(config)
    }

    /// One pass: ports, or everything else.
    fn read(&mut self, text: &'a str, ports: bool) -> Result<(), ConfigError<'a>> {
        let mut words = Words::of(text);
        while let Some(flag) = words.next() {
            if let Some(device) = flag.strip_prefix("virtio_mmio.device=") {
                if ports {
                    let device = text::mmio_device(device).ok_or(ConfigError::word(flag))?;
                    self.mmio
                        .push(device)
                        .map_err(|_| ConfigError::TooMany("virtio_mmio.device"))?;
                }
                continue;
            }
            match flag {
                "--replay" => self.replay = true,
                "--as-captured" => self.as_captured = true,
                _ if flag.starts_with("--") => {
                    let value = words.next().ok_or(ConfigError::NoValue(flag))?;
                    if (flag == "--port") == ports {
                        self.set(flag, value)?;
                    }
                }
                _ => return Err(ConfigError::word(flag)),
            }
        }
        Ok(())
    }

    fn set(&mut self, flag: &'a str, value: &'a str) -> Result<(), ConfigError<'a>> {
        let wrong = ConfigError::Value { flag, value };
        let number = || value.parse().map_err(|_| wrong);
        match flag {
            "--port" => {
                let port = rules::port(value).ok_or(wrong)?;
                let full = ConfigError::TooMany(flag);
                return self.ports.push(port).map_err(|_| full);
            }
            "--forwarder" => {
                self.forwarder = match value {
                    "router" => ForwarderKind::Router,
                    "cross-connect" => ForwarderKind::CrossConnect,
                    "udp" => ForwarderKind::Udp,
                    _ => return Err(wrong),
                }
            }
            "--malformed" => {
                self.drop_malformed = Some(match value {
                    "pass" => false,
                    "drop" => true,
                    _ => return Err(wrong),
                });
            }
            "--frames" => self.frames = Some(number()?),
            "--frame-size" => self.frame_size = Some(number()?),
            "--mtu" => self.mtu = value.parse().map_err(|_| wrong)?,
            "--duration" => self.duration = Some(text::duration(value).ok_or(wrong)?),
            "--route" => {
                let route = rules::route(value, self).ok_or(wrong)?;
                return push(&mut self.routes, route, flag);
            }
            "--neighbour" => {
                let neighbour = rules::neighbour(value, self).ok_or(wrong)?;
                return push(&mut self.neighbours, neighbour, flag);
            }
            "--connect" => {
                let pair = rules::pair(value, self).ok_or(wrong)?;
                return push(&mut self.pairs, pair, flag);
            }
            "--udp" => {
                let rule = rules::udp(value, self).ok_or(wrong)?;
                return push(&mut self.udp, rule, flag);
            }
            _ => return Err(ConfigError::word(flag)),
        }
        Ok(())
    }

    /// The port of that name.
    pub(crate) fn port(&self, name: &str) -> Option<usize> {
        let named = self.ports.iter().position(|port| port.name == name);
        named.or_else(|| {
            let number: usize = name.strip_prefix("port")?.parse().ok()?;
            let port = self.ports.get(number)?;
            port.name.is_empty().then_some(number)
        })
    }

    /// The port whose link has that address.
    pub(crate) fn link_of(&self, address: IpAddr) -> Option<usize> {
        let on_link = |port: &Port<'_>| port.addresses.iter().any(|own| own.contains(address));
        self.ports.iter().position(on_link)
    }
}

fn push<'a, T, const N: usize>(
    to: &mut Vec<T, N>,
    item: T,
    flag: &'a str,
) -> Result<(), ConfigError<'a>> {
    to.push(item).map_err(|_| ConfigError::TooMany(flag))
}

/// The most ports.
pub const MAX_PORTS: usize = 8;
/// The most addresses of a port.
pub const MAX_ADDRESSES: usize = 4;
/// The most routes: more do not fit on a command line.
pub const MAX_ROUTES: usize = 64;
/// The most neighbours that are given.
pub const MAX_NEIGHBOURS: usize = 32;
/// The most UDP rules.
pub const MAX_UDP: usize = 32;
/// The most MMIO devices.
pub const MAX_MMIO: usize = 32;

#[cfg(test)]
mod tests;

//! Ports whose other end is another process: a virtual machine, or a back end such as DPDK's.

use std::path::PathBuf;

use super::device::{choice, number};
use super::error::Problem;

/// Either end of vhost-user, at a socket.
///
/// ```
/// use linecard_linux::config::{Device, Packed};
///
/// let Device::VhostUser(port) = "vhost-user:/run/vhost0.sock,ring=512".parse()? else { panic!() };
/// assert_eq!((port.ring, port.packed), (512, Packed::Auto));
/// # Ok::<(), linecard_linux::config::Problem>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VhostUser {
    /// The socket.
    pub path: PathBuf,
    /// Descriptors of each ring, a power of two. (Of a server, its guest decides.)
    pub ring: u32,
    /// Whether rings are packed.
    pub packed: Packed,
    /// Queue pairs, where the other end has as many.
    pub queues: u16,
}

/// Whether rings are packed.
///
/// ```
/// use linecard_linux::config::{Device, Packed};
///
/// let Device::VhostUserServer(port) = "vhost-user-server:/run/vm0.sock,packed=no".parse()? else { panic!() };
/// assert_eq!(port.packed, Packed::No);
/// # Ok::<(), linecard_linux::config::Problem>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Packed {
    /// If both ends can.
    #[default]
    Auto,
    /// Or not at all.
    Yes,
    /// They are split.
    No,
}

impl VhostUser {
    /// The most descriptors of a ring.
    pub const MAX_RING: u32 = 1_024;

    /// The most queue pairs.
    pub const MAX_QUEUES: u32 = 8;

    pub(super) fn at(kind: &str, target: Option<&str>) -> Result<Self, Problem> {
        match target.filter(|path| !path.is_empty()) {
            Some(path) if path.len() <= MAX_PATH => Ok(Self {
                path: path.into(),
                ring: 256,
                packed: Packed::default(),
                queues: 1,
            }),
            Some(path) => Err(Problem::Invalid {
                what: "socket",
                value: path.into(),
                expected: "a path of 107 bytes at most",
            }),
            None => Err(Problem::Missing {
                what: "the socket",
                hint: match kind {
                    "vhost-user" => "name the back end's, as in vhost-user:/run/vhost0.sock",
                    _ => "say where to listen, as in vhost-user-server:/run/vm0.sock",
                },
            }),
        }
    }

    pub(super) fn set_ring(&mut self, value: &str) -> Result<(), Problem> {
        let ring = number("ring", value, 64, Self::MAX_RING)?;
        if !ring.is_power_of_two() {
            return Err(Problem::Invalid {
                what: "ring size",
                value: value.into(),
                expected: "a power of two from 64 to 1024",
            });
        }
        self.ring = ring;
        Ok(())
    }

    pub(super) fn set_queues(&mut self, value: &str) -> Result<(), Problem> {
        self.queues = number("queues", value, 1, Self::MAX_QUEUES)? as u16;
        Ok(())
    }

    pub(super) fn set_packed(&mut self, value: &str) -> Result<(), Problem> {
        let known = [
            ("auto", Packed::Auto),
            ("yes", Packed::Yes),
            ("no", Packed::No),
        ];
        self.packed = choice("packed", value, &known)?;
        Ok(())
    }
}

/// `sun_path` of a socket's address has 108 bytes with the terminating zero (unix(7)).
const MAX_PATH: usize = 107;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Device;

    fn refused(text: &str) -> String {
        text.parse::<Device>().unwrap_err().to_string()
    }

    #[test]
    fn every_option_of_both_ends() {
        assert_eq!(
            "vhost-user:/run/a.sock,ring=1024,packed=yes,queues=8".parse(),
            Ok(Device::VhostUser(VhostUser {
                path: "/run/a.sock".into(),
                ring: 1024,
                packed: Packed::Yes,
                queues: 8,
            }))
        );
        assert_eq!(
            "vhost-user-server:vm0.sock,packed=no".parse(),
            Ok(Device::VhostUserServer(VhostUser {
                path: "vm0.sock".into(),
                ring: 256,
                packed: Packed::No,
                queues: 1,
            }))
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        let long = format!("vhost-user:/{}", "x".repeat(107));
        assert!(refused(&long).ends_with("expected a path of 107 bytes at most"));
        for (text, message) in [
            (
                "vhost-user",
                "the socket is missing; name the back end's, as in vhost-user:/run/vhost0.sock",
            ),
            (
                "vhost-user-server:",
                "the socket is missing; say where to listen, as in vhost-user-server:/run/vm0.sock",
            ),
            (
                "vhost-user:a,ring=100",
                "`100` is no ring size; expected a power of two from 64 to 1024",
            ),
            (
                "vhost-user:a,ring=2048",
                "ring 2048 is out of range; choose 64 to 1024",
            ),
            (
                "vhost-user-server:a,queues=9",
                "queues 9 is out of range; choose 1 to 8",
            ),
            (
                "vhost-user-server:a,packed=maybe",
                "unknown packed `maybe`; known: auto, yes, no",
            ),
            (
                "vhost-user-server:a,ring=64",
                "unknown option `ring`; known: packed, queues, name, addr, mac",
            ),
        ] {
            assert_eq!(refused(text), message, "{text}");
        }
    }
}

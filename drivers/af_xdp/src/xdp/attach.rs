//! The program on an interface, for exactly as long as the process wants it there.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use super::program::Program;
use crate::config::XdpMode;
use crate::error::Error;
use crate::netdev::Interface;
use crate::sys::bpf::{ATTACH_XDP, LinkCreate, MAP_TYPE_XSKMAP, OBJ_NAME_LEN};
use crate::sys::call::{self, IndexMap};
use crate::sys::errno::Errno;
use crate::sys::link::{XDP_DRV_MODE, XDP_SKB_MODE};

/// The redirect program, its map of sockets, and the link that holds it to an interface.
///
/// The link is a descriptor of this process: when it is closed, by whatever end the process comes
/// to, the kernel detaches the program, and `ip link set xdp off` cannot take it away before that.
#[derive(Debug)]
pub(crate) struct Attachment {
    // Dropped in this order: the program leaves the interface before its map goes.
    link: OwnedFd,
    program: Program,
    sockets: IndexMap,
    native: bool,
    _merging: Option<Merging>,
}

/// GRO, switched off for as long as a generic program is attached.
///
/// The kernel merges received segments into packets of up to 64 KiB before a generic program sees
/// them, and none of those fits a frame. Put back when dropped; a process that is killed leaves it
/// off, where it does no harm.
#[derive(Debug)]
struct Merging(Interface);

impl Merging {
    /// Switches it off, if it is on and can be.
    fn stop(interface: &Interface) -> Option<Self> {
        if interface.merges_segments() != Some(true) {
            return None;
        }
        let interface = interface.again().ok()?;
        // Refused, it stays on, and the port's status says so.
        interface
            .set_merging(false)
            .is_ok()
            .then_some(Self(interface))
    }
}

impl Drop for Merging {
    fn drop(&mut self) {
        // The interface may be gone, which leaves nothing to put back.
        let _ = self.0.set_merging(true);
    }
}

impl Attachment {
    /// Loads the program for `interface` and attaches it as `mode` allows.
    pub(crate) fn new(interface: &Interface, queues: u16, mode: XdpMode) -> Result<Self, Error> {
        let sockets = socket_map(u32::from(queues.max(1)))?;
        let program = Program::load(&sockets)?;
        let (link, native) = attach(&program, interface, mode)?;
        let merging = match native {
            true => None,
            false => Merging::stop(interface),
        };
        Ok(Self {
            link,
            program,
            sockets,
            native,
            _merging: merging,
        })
    }

    /// Sends what arrives on `queue` to `socket` from now on.
    pub(crate) fn redirect(&self, queue: u16, socket: BorrowedFd<'_>) -> Result<(), Errno> {
        self.sockets.set(queue.into(), socket)
    }

    /// Sends what arrives on `queue` to the kernel again.
    pub(crate) fn pass(&self, queue: u16) {
        // Fails when the entry is empty already: the kernel empties it when the socket goes.
        let _ = self.sockets.clear(queue.into());
    }

    /// Whether the program runs in the interface's driver rather than behind it.
    pub(crate) fn native(&self) -> bool {
        self.native
    }

    /// Whether packets of several fragments are let through.
    pub(crate) fn frags(&self) -> bool {
        self.program.frags()
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        // Closing the link would do the same, but for a child process that was forked a moment ago
        // and has a copy of the descriptor until it executes something else. Refused by kernels
        // before 5.9, and when the interface is gone.
        let _ = call::link_detach(self.link.as_fd());
    }
}

/// A map for `entries` queues; lifts the limit on locked memory when that is in the way, as it is
/// on kernels before 5.11.
fn socket_map(entries: u32) -> Result<IndexMap, Error> {
    let create = || IndexMap::new(MAP_TYPE_XSKMAP, entries, MAP_NAME);
    let map = create().or_else(|errno| {
        if !errno.is_permission() {
            return Err(errno);
        }
        // Refused by some containers even to root; the second attempt tells.
        let _ = call::raise_memlock();
        create()
    });
    map.map_err(|errno| match errno {
        Errno::INVAL | Errno::NOSYS => Error::KernelTooOld {
            missing: "map of AF_XDP sockets (XSKMAP)",
            since: "5.10",
        },
        errno => Error::system("create a BPF map")(errno),
    })
}

/// Attaches natively where that is allowed and works, generically otherwise.
fn attach(
    program: &Program,
    interface: &Interface,
    mode: XdpMode,
) -> Result<(OwnedFd, bool), Error> {
    let link = |flags| {
        call::link_create(&LinkCreate {
            prog_fd: program.as_fd().as_raw_fd() as u32,
            target_ifindex: interface.index(),
            attach_type: ATTACH_XDP,
            flags,
        })
    };
    let mut native = None;
    if mode != XdpMode::Generic {
        match link(XDP_DRV_MODE) {
            Ok(fd) => return Ok((fd, true)),
            Err(errno) => {
                named(errno, interface, mode)?;
                native = Some(errno);
            }
        }
    }
    let mut generic = None;
    if mode != XdpMode::Native {
        match link(XDP_SKB_MODE) {
            Ok(fd) => return Ok((fd, false)),
            Err(errno) => {
                named(errno, interface, XdpMode::Generic)?;
                generic = Some(errno);
            }
        }
    }
    // Neither mode is understood: a link to an XDP program is not.
    if native == generic && generic == Some(Errno::INVAL) {
        let (missing, since) = ("BPF link of an XDP program", "5.9");
        return Err(Error::KernelTooOld { missing, since });
    }
    Err(Error::AttachRefused {
        interface: interface.name().into(),
        native,
        generic,
    })
}

/// Fails with the refusals that have a name, and for which another mode is no answer.
fn named(errno: Errno, interface: &Interface, mode: XdpMode) -> Result<(), Error> {
    let name = || interface.name().into();
    match errno {
        _ if errno.is_permission() => Err(Error::NoPermission {
            action: "attach an XDP program",
        }),
        Errno::NODEV => Err(Error::NoInterface { interface: name() }),
        // EEXIST: a program in the other mode; EBUSY: one in this mode, or behind another link.
        Errno::BUSY | Errno::EXIST => Err(Error::ProgramPresent { interface: name() }),
        // Generic mode would take these two, and lose every packet that a peer leaves to be
        // segmented: a price that the user should choose to pay.
        Errno::NOSPC if mode != XdpMode::Generic => {
            Err(Error::TooFewRxQueues { interface: name() })
        }
        Errno::RANGE if mode != XdpMode::Generic => Err(Error::MtuTooLarge { interface: name() }),
        _ => Ok(()),
    }
}

/// What `bpftool map` shows.
const MAP_NAME: [u8; OBJ_NAME_LEN] = *b"linecard_socks\0\0";

//! One AF_XDP socket: made, given its rings, bound to a queue.

use core::time::Duration;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::thread;
use std::time::Instant;

use crate::config::{Config, CopyMode};
use crate::error::Error;
use crate::mapping::Mapping;
use crate::netdev::{Interface, XdpFeatures};
use crate::ring::{Consumer, Layout, Producer};
use crate::sys::call;
use crate::sys::errno::Errno;
use crate::sys::if_xdp::{self, Desc, MmapOffsets, RingOffset, SockaddrXdp, Statistics};
use crate::umem::Umem;

/// A bound socket, with its rings mapped.
#[derive(Debug)]
pub(crate) struct Socket {
    // A socket that is closed while its rings are mapped never gives its queue back, so these are
    // dropped first.
    mappings: [Mapping; 4],
    fd: OwnedFd,
    zero_copy: bool,
    shared: bool,
    tx_budget: u32,
}

/// The four rings of a socket; used no longer than its mappings live.
#[derive(Debug)]
pub(crate) struct Rings {
    pub(crate) fill: Producer<u64>,
    pub(crate) completion: Consumer<u64>,
    pub(crate) rx: Consumer<Desc>,
    pub(crate) tx: Producer<Desc>,
}

impl Socket {
    /// Makes a socket with rings of `config.ring_size` entries and binds it to a queue.
    ///
    /// # Safety
    ///
    /// The rings are not used after the socket was dropped.
    pub(crate) unsafe fn open(
        umem: &Umem<'_>,
        interface: &Interface,
        queue: u16,
        config: &Config,
        native: bool,
    ) -> Result<(Self, Rings), Error> {
        let fd = create()?;
        let size = config.ring_size;
        for (ring, option) in [
            ("receive", if_xdp::RX_RING),
            ("transmit", if_xdp::TX_RING),
            ("fill", if_xdp::UMEM_FILL_RING),
            ("completion", if_xdp::UMEM_COMPLETION_RING),
        ] {
            if !size.is_power_of_two() || !(RING_LEAST..=RING_MOST).contains(&size) {
                return Err(Error::RingSize { ring, size });
            }
            call::set_option(fd.as_fd(), libc::SOL_XDP, option, &size)
                .map_err(Error::system("make a ring"))?;
        }
        // SAFETY: the caller promises what `map` asks, and the mappings go into the socket.
        let (mappings, rings) = unsafe { map(fd.as_fd(), size) }?;
        let shared = bind(&fd, umem, interface, queue, config, native)?;
        let options: Result<if_xdp::Options, _> =
            call::option(fd.as_fd(), libc::SOL_XDP, if_xdp::OPTIONS);
        let zero_copy = options.is_ok_and(|o| o.flags & if_xdp::OPTIONS_ZEROCOPY != 0);
        umem.sharing().add(&fd, zero_copy);
        let tx_budget = match config.raise_tx_budget {
            true => raise_budget(fd.as_fd(), size),
            false => DEFAULT_BUDGET,
        };
        Ok((
            Self {
                mappings,
                fd,
                zero_copy,
                shared,
                tx_budget,
            },
            rings,
        ))
    }

    /// Whether device and pool exchange packets without a copy.
    pub(crate) fn zero_copy(&self) -> bool {
        self.zero_copy
    }

    /// Whether the registration of the pool is another socket's.
    pub(crate) fn shared(&self) -> bool {
        self.shared
    }

    /// Descriptors that one wake-up moves in copy mode.
    pub(crate) fn tx_budget(&self) -> u32 {
        self.tx_budget
    }

    /// Whether the interface was taken away from under the socket.
    pub(crate) fn is_orphaned(&self) -> bool {
        call::pending_error(self.fd.as_fd()) == Some(Errno::NETDOWN)
    }

    /// What the kernel has counted; zeroes when it will not say.
    pub(crate) fn statistics(&self) -> Statistics {
        call::option(self.fd.as_fd(), libc::SOL_XDP, if_xdp::STATISTICS).unwrap_or_default()
    }

    /// Closes the socket, after `umem` no longer offers it for sharing.
    pub(crate) fn close(self, umem: &Umem<'_>) {
        // Held until the end, so that nobody binds to a descriptor number that means another file
        // by then.
        let mut sharing = umem.sharing();
        sharing.remove(&self.fd);
        let Self { mappings, fd, .. } = self;
        drop(mappings);
        drop(fd);
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Whether the kernel has let go of a queue: that another socket can be bound to it.
///
/// Tried for as long as `patience` says. A queue of an interface that is gone is free.
pub(crate) fn wait_released(
    interface: u32,
    queue: u16,
    umem: &Umem<'_>,
    patience: Duration,
) -> bool {
    let Ok(fd) = create() else { return false };
    for option in [
        if_xdp::RX_RING,
        if_xdp::UMEM_FILL_RING,
        if_xdp::UMEM_COMPLETION_RING,
    ] {
        if call::set_option(fd.as_fd(), libc::SOL_XDP, option, &RING_LEAST).is_err() {
            return false;
        }
    }
    // The probe posts no frame, so nothing is ever received into the region through it.
    if umem.register(fd.as_fd()).is_err() {
        return false;
    }
    let address = SockaddrXdp {
        family: libc::AF_XDP as u16,
        flags: if_xdp::BIND_COPY,
        ifindex: interface,
        queue_id: queue.into(),
        shared_umem_fd: 0,
    };
    match patiently(patience, || call::bind_xdp(fd.as_fd(), &address)) {
        Ok(()) | Err(Errno::NODEV) => true,
        Err(_) => false,
    }
}

fn create() -> Result<OwnedFd, Error> {
    call::socket(libc::AF_XDP, libc::SOCK_RAW, 0).map_err(|errno| match errno {
        Errno::AFNOSUPPORT | Errno::INVAL => Error::KernelTooOld {
            missing: "AF_XDP sockets",
            since: "5.10",
        },
        errno => Error::system("open an AF_XDP socket")(errno),
    })
}

/// Maps the four rings.
///
/// # Safety
///
/// The rings are not used after the mappings were dropped.
unsafe fn map(fd: BorrowedFd<'_>, size: u32) -> Result<([Mapping; 4], Rings), Error> {
    let offsets: MmapOffsets = call::option(fd, libc::SOL_XDP, if_xdp::MMAP_OFFSETS)
        .map_err(Error::system("ask where the rings lie"))?;
    let new = |len, at| Mapping::new(fd, len, at).map_err(Error::system("map a ring"));
    let numbers = |ring: &RingOffset, at| new(Layout::<u64>::bytes(ring, size), at);
    let descs = |ring: &RingOffset, at| new(Layout::<Desc>::bytes(ring, size), at);
    let fill = numbers(&offsets.fill, if_xdp::PGOFF_FILL_RING)?;
    let completion = numbers(&offsets.completion, if_xdp::PGOFF_COMPLETION_RING)?;
    let rx = descs(&offsets.rx, if_xdp::PGOFF_RX_RING)?;
    let tx = descs(&offsets.tx, if_xdp::PGOFF_TX_RING)?;
    let broken = Error::system("read where the rings lie");
    let rings = Rings {
        // SAFETY: the mapping outlives the ring's use, as the caller promises; likewise below.
        fill: Producer::new(
            unsafe { Layout::of_mapping(&fill, &offsets.fill, size) }.map_err(&broken)?,
        ),
        completion: Consumer::new(
            // SAFETY: as above.
            unsafe { Layout::of_mapping(&completion, &offsets.completion, size) }
                .map_err(&broken)?,
        ),
        // SAFETY: as above.
        rx: Consumer::new(unsafe { Layout::of_mapping(&rx, &offsets.rx, size) }.map_err(&broken)?),
        // SAFETY: as above.
        tx: Producer::new(unsafe { Layout::of_mapping(&tx, &offsets.tx, size) }.map_err(&broken)?),
    };
    Ok(([fill, completion, rx, tx], rings))
}

/// Binds to the queue, sharing a registration of the region where there is one of the same mode;
/// gives whether one is shared.
fn bind(
    fd: &OwnedFd,
    umem: &Umem<'_>,
    interface: &Interface,
    queue: u16,
    config: &Config,
    native: bool,
) -> Result<bool, Error> {
    let patience = Duration::from_millis(config.bind_patience_ms.into());
    let address = |flags, shared_umem_fd: RawFd| SockaddrXdp {
        family: libc::AF_XDP as u16,
        flags,
        ifindex: interface.index(),
        queue_id: queue.into(),
        shared_umem_fd: shared_umem_fd as u32,
    };
    let refused = |errno| refused(errno, interface, queue, config);
    if let Some(zero_copy) = expected_mode(interface, config, native) {
        let shared = patiently(patience, || {
            // Held while binding, so that the other socket is not closed meanwhile.
            let sharing = umem.sharing();
            let donor = sharing.donor(zero_copy).ok_or(Errno::NOENT)?;
            call::bind_xdp(fd.as_fd(), &address(if_xdp::BIND_SHARED_UMEM, donor))
        });
        match shared {
            Ok(()) => return Ok(true),
            // What a registration of its own would not cure.
            Err(errno @ (Errno::BUSY | Errno::NODEV)) => return Err(refused(errno)),
            Err(_) => {}
        }
    }
    umem.register(fd.as_fd())?;
    let copy = match config.copy {
        // Zero-copy goes through the driver; behind it, asking would only upset the driver.
        _ if !native => if_xdp::BIND_COPY,
        CopyMode::Auto => 0,
        CopyMode::Copy => if_xdp::BIND_COPY,
        CopyMode::ZeroCopy => if_xdp::BIND_ZEROCOPY,
    };
    if config.copy == CopyMode::ZeroCopy && !native {
        return Err(refused(Errno::OPNOTSUPP));
    }
    let address = address(copy | if_xdp::BIND_USE_NEED_WAKEUP, 0);
    patiently(patience, || call::bind_xdp(fd.as_fd(), &address)).map_err(refused)?;
    Ok(false)
}

/// Whether the socket will be in zero-copy mode, if that can be said before it is bound.
fn expected_mode(interface: &Interface, config: &Config, native: bool) -> Option<bool> {
    match config.copy {
        _ if !native => Some(false),
        CopyMode::Copy => Some(false),
        CopyMode::ZeroCopy => Some(true),
        CopyMode::Auto => interface
            .xdp_features()
            .map(|features| features.contains(XdpFeatures::ZERO_COPY)),
    }
}

/// Names what a bind was refused for.
fn refused(errno: Errno, interface: &Interface, queue: u16, config: &Config) -> Error {
    let name = || interface.name().into();
    match errno {
        Errno::BUSY => Error::QueueTaken {
            interface: name(),
            queue,
            waited_ms: config.bind_patience_ms,
        },
        Errno::NODEV => Error::NoInterface { interface: name() },
        Errno::INVAL if queue >= interface.queues() => Error::NoQueue {
            interface: name(),
            queue,
            queues: interface.queues(),
        },
        errno if config.copy == CopyMode::ZeroCopy && !errno.is_permission() => Error::NoZeroCopy {
            interface: name(),
            errno,
        },
        errno => Error::system("bind an AF_XDP socket")(errno),
    }
}

/// Repeats what answers EBUSY until it does not, or patience ends.
///
/// After the last socket of a queue has closed the kernel takes the queue down behind everybody's
/// back, which was measured to take 15 to 27 ms.
fn patiently(
    patience: Duration,
    mut attempt: impl FnMut() -> Result<(), Errno>,
) -> Result<(), Errno> {
    let start = Instant::now();
    loop {
        match attempt() {
            Err(Errno::BUSY) if start.elapsed() < patience => thread::sleep(RETRY_EVERY),
            Err(Errno::INTR) => {}
            other => return other,
        }
    }
}

/// Lets one wake-up move a whole ring, where the kernel can be told (6.17); what it moves then.
fn raise_budget(fd: BorrowedFd<'_>, size: u32) -> u32 {
    match call::set_option(fd, libc::SOL_XDP, if_xdp::MAX_TX_SKB_BUDGET, &size) {
        Ok(()) => size,
        Err(_) => DEFAULT_BUDGET,
    }
}

/// Below this, a ring would not hold two bursts.
const RING_LEAST: u32 = 64;

/// Above this, a ring is no help to anybody.
const RING_MOST: u32 = 32_768;

const RETRY_EVERY: Duration = Duration::from_millis(2);

/// `TX_BATCH_SIZE` in `net/xdp/xsk.c`.
const DEFAULT_BUDGET: u32 = 32;

//! An interface as a port.

use core::fmt;
use core::sync::atomic::Ordering;
use std::format;
use std::os::fd::AsFd;
use std::string::String;
use std::sync::{Arc, Weak};
use std::vec::Vec;

use linecard::device::{Capabilities, Device, DeviceError, Features, Link};
use linecard::mempool::{Account, Cache};
use linecard::packet::Offloads;
use linecard::wire::MacAddr;

use crate::channel::{Channel, Kernel, PortState};
use crate::config::{Config, CopyMode};
use crate::error::Error;
use crate::netdev::{Interface, XdpFeatures};
use crate::socket::Socket;
use crate::umem::Umem;
use crate::xdp::Attachment;
use crate::{Rx, Tx};

/// A network interface, driven through AF_XDP.
///
/// Making one attaches the redirect program; each queue that is [opened](Device::open) takes over
/// the packets of that receive queue, and all others go on to the kernel. A queue has a socket and
/// four rings of its own, on the one [`Umem`]; each may be polled by another thread, and closed and
/// opened again while the others work. Interface, program and queues are left as they were found
/// when port and queues are dropped, or the process ends.
///
/// A queue sends by the transmit queue of its own number. Where the interface has fewer of those
/// than it has receive queues (a veth can), what is sent by the others stays in their rings, and comes
/// back when they are closed: [`Status::queues_without_tx`], [`sends_by`](Port::sends_by).
///
/// Everything is looked up in the network namespace that the calling thread is in.
///
/// ```no_run
/// # #[cfg(target_os = "linux")] {
/// use linecard::device::Device;
/// use linecard::mempool::Cache;
/// use linecard_af_xdp::{Config, Port, Umem};
///
/// # fn example(pool: &'static linecard::mempool::Pool<'static>) -> Result<(), Box<dyn std::error::Error>> {
/// let umem = Umem::new(pool)?;
/// let mut port = Port::new(&umem, "eth0", Config::default())?;
/// let mut cache = Cache::new(pool, "core 0", 256)?;
/// let (rx, tx) = port.open_queue(0, &mut cache)?;
/// println!("{}: {}", port.name(), port.status());
/// # Ok(())
/// # }
/// # }
/// ```
#[derive(Debug)]
pub struct Port<'p> {
    name: String,
    umem: Umem<'p>,
    interface: Interface,
    attachment: Arc<Attachment>,
    state: Arc<PortState>,
    config: Config,
    /// Queues that were opened; those that still live can be upgraded.
    open: Vec<Weak<Channel<'p>>>,
    features: Features,
}

/// How a port came to be set up: what was asked for is one thing, what the kernel gives another.
///
/// ```
/// # #[cfg(target_os = "linux")] {
/// use linecard_af_xdp::Status;
///
/// let mut status = Status::default();
/// status.native = true;
/// status.zero_copy = Some(false);
/// assert_eq!(status.to_string(), "native XDP, copy mode");
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// The redirect program runs in the driver, rather than behind it.
    pub native: bool,
    /// The program lets packets of several fragments through, so that any MTU can be set.
    pub fragments: bool,
    /// Device and pool exchange packets without a copy; `None` before a queue is open.
    pub zero_copy: Option<bool>,
    /// The registration of the pool is another port's, in as many queues.
    pub shared_queues: usize,
    /// Descriptors that one system call sends in copy mode; `None` before a queue is open.
    pub tx_budget: Option<u32>,
    /// Packets may come in with transport checksums that nobody has filled in; they are marked.
    pub unfinished_checksums: bool,
    /// Segments may come in merged into packets that fit no frame, and are lost (generic mode
    /// only): because GRO is on and would not go off, or because the peer of a virtual interface
    /// leaves segmentation to it. `ethtool -K IF gro off` here and `tso off gso off` at the peer
    /// stop it.
    pub merged_segments: bool,
    /// Receive queues of the interface that are not open, and whose packets the kernel keeps.
    pub queues_left_out: u16,
    /// Open queues that receive only: the interface has no transmit queue of their number.
    pub queues_without_tx: u16,
}

impl<'p> Port<'p> {
    /// Attaches the redirect program to interface `name`.
    ///
    /// # Errors
    ///
    /// Every [`Error`] of an interface: that it is not there, not Ethernet, taken by another
    /// program, of an MTU that does not fit, or that a privilege is missing.
    pub fn new(umem: &Umem<'p>, name: &str, config: Config) -> Result<Self, Error> {
        let interface = Interface::find(name)?;
        if !interface.is_ethernet() {
            return Err(Error::NotEthernet {
                interface: name.into(),
            });
        }
        let most = umem.max_receive().saturating_sub(LINK_HEADER);
        if interface.mtu() as usize > most {
            return Err(Error::MtuOverFrame {
                interface: name.into(),
                mtu: interface.mtu(),
                most,
            });
        }
        let attachment = Attachment::new(&interface, interface.queues(), config.mode)?;
        let mut features = Features::empty();
        features.set(
            Features::RX_UNFINISHED,
            interface.leaves_checksums(attachment.native()) && !config.checksums_finished,
        );
        let can = interface
            .xdp_features()
            .is_some_and(|f| f.contains(XdpFeatures::ZERO_COPY));
        let may = attachment.native() && config.copy != CopyMode::Copy;
        features.set(Features::ZERO_COPY, can && may);
        let port = Self {
            name: format!("af_xdp:{name}"),
            umem: umem.clone(),
            interface,
            attachment: Arc::new(attachment),
            state: Arc::default(),
            config,
            open: Vec::new(),
            features,
        };
        port.publish_mtu();
        Ok(port)
    }

    /// The pool's registration, to open more ports on.
    #[must_use]
    pub fn umem(&self) -> &Umem<'p> {
        &self.umem
    }

    /// The interface, as it was when last looked at.
    #[must_use]
    pub fn interface(&self) -> &Interface {
        &self.interface
    }

    /// Opens queue `queue`, as [`Device::open`] does, and says more when it cannot.
    ///
    /// # Errors
    ///
    /// Every [`Error`] of a queue: that the interface has none of this number, that it is taken,
    /// that the pool is too small, that zero-copy or memory to lock cannot be had.
    pub fn open_queue(
        &mut self,
        queue: u16,
        cache: &mut Cache<'p>,
    ) -> Result<(Rx<'p>, Tx<'p>), Error> {
        let queues = self.interface.queues();
        if queue >= queues {
            return Err(Error::NoQueue {
                interface: self.interface.name().into(),
                queue,
                queues,
            });
        }
        self.open.retain(|channel| channel.strong_count() > 0);
        if self.channels().any(|channel| channel.queue == queue) {
            let interface = self.interface.name().into();
            return Err(Error::QueueTaken {
                interface,
                queue,
                waited_ms: 0,
            });
        }
        let pool = self.umem.pool();
        let target = self.config.ring_size;
        let free = pool.free_frames().saturating_add(cache.len());
        if free < target as usize {
            return Err(Error::PoolTooSmall {
                frames: free,
                wanted: target as usize,
            });
        }
        let account = |way| {
            Account::register(pool, &format!("{}.{queue} {way}", self.interface.name()))
                .map_err(|_| Error::TooManyAccounts)
        };
        let (rx_account, tx_account) = (account("rx")?, account("tx")?);
        let native = self.attachment.native();
        // SAFETY: the rings go into the two halves, which keep the channel alive, and the channel
        // the socket.
        let (socket, rings) =
            unsafe { Socket::open(&self.umem, &self.interface, queue, &self.config, native) }?;
        self.features.set(Features::ZERO_COPY, socket.zero_copy());
        let kernel = Kernel {
            socket,
            attachment: Arc::clone(&self.attachment),
            interface: self.interface.index(),
        };
        let state = Arc::clone(&self.state);
        let channel = Arc::new(Channel::new(self.umem.clone(), state, queue, Some(kernel)));
        self.open.push(Arc::downgrade(&channel));
        let offloads = if self.features.contains(Features::RX_UNFINISHED) {
            Offloads::L4_DOUBTFUL
        } else {
            Offloads::empty()
        };
        let tx = Tx::new(
            Arc::clone(&channel),
            rings.tx,
            rings.completion,
            tx_account,
            target,
        );
        let mut rx = Rx::new(
            Arc::clone(&channel),
            rings.fill,
            rings.rx,
            rx_account,
            target,
            offloads,
        );
        let missing = rx.refill(cache);
        if missing > 0 {
            let wanted = target as usize;
            return Err(Error::PoolTooSmall {
                frames: wanted.saturating_sub(missing),
                wanted,
            });
        }
        // A driver that looked at the fill ring when the socket was bound found it empty.
        rx.wake();
        // Only now, with frames to receive into, does the first packet come this way.
        let socket = channel.socket().map(AsFd::as_fd);
        let redirected = socket.map_or(Ok(()), |socket| self.attachment.redirect(queue, socket));
        redirected.map_err(Error::system("put the socket into the program's map"))?;
        Ok((rx, tx))
    }

    /// Whether the interface has a transmit queue of this number, without which a queue of that number
    /// only receives.
    #[must_use]
    pub fn sends_by(&self, queue: u16) -> bool {
        queue < self.interface.tx_queues()
    }

    /// How the port came to be set up.
    #[must_use]
    pub fn status(&self) -> Status {
        let native = self.attachment.native();
        let mut status = Status {
            native,
            fragments: self.attachment.frags(),
            unfinished_checksums: self.features.contains(Features::RX_UNFINISHED),
            merged_segments: !native
                && (self.interface.is_virtual() || self.interface.merges_segments() == Some(true)),
            queues_left_out: self.interface.queues(),
            ..Status::default()
        };
        for channel in self.channels() {
            let Some(socket) = channel.socket() else {
                continue;
            };
            status.queues_without_tx += u16::from(!self.sends_by(channel.queue));
            status.zero_copy = Some(socket.zero_copy());
            status.tx_budget = Some(socket.tx_budget());
            status.shared_queues += usize::from(socket.shared());
            status.queues_left_out = status.queues_left_out.saturating_sub(1);
        }
        status
    }

    fn channels(&self) -> impl Iterator<Item = Arc<Channel<'p>>> {
        self.open.iter().filter_map(Weak::upgrade)
    }

    /// Tells the queues what the interface sends at most. The kernel counts the header and one
    /// VLAN tag on top of the MTU (`__is_skb_forwardable` in `include/linux/netdevice.h`).
    fn publish_mtu(&self) {
        let longest = (self.interface.mtu() as usize).saturating_add(LINK_HEADER);
        let longest = u32::try_from(longest).unwrap_or(u32::MAX);
        self.state.max_frame.store(longest, Ordering::Relaxed);
    }
}

impl<'p> Device<'p> for Port<'p> {
    type Rx = Rx<'p>;
    type Tx = Tx<'p>;

    fn name(&self) -> &str {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            features: self.features,
            queues: self.interface.queues(),
            tx_depth: self.config.ring_size,
            rx_depth: self.config.ring_size,
            max_frame: self.state.max_frame.load(Ordering::Relaxed) as usize,
        }
    }

    /// Asks the kernel, and takes note of a changed MTU and of an interface that is gone, which
    /// neither receiving nor polling the socket would ever tell.
    fn link(&mut self) -> Link {
        match self.interface.refresh() {
            Ok(()) => self.publish_mtu(),
            Err(Error::NoInterface { .. }) => self.state.set_gone(),
            // The kernel was short of memory or the like: as it was when last looked at.
            Err(_) => {}
        }
        if self
            .channels()
            .any(|channel| channel.socket().is_some_and(Socket::is_orphaned))
        {
            self.state.set_gone();
        }
        let up = self.interface.has_carrier() && !self.state.is_gone();
        self.state.down.store(!up, Ordering::Relaxed);
        if up {
            Link::Up { mbits: None }
        } else {
            Link::Down
        }
    }

    fn mac(&self) -> MacAddr {
        MacAddr(self.interface.mac().unwrap_or_default())
    }

    fn mtu(&self) -> usize {
        self.interface.mtu() as usize
    }

    fn open(&mut self, queue: u16, cache: &mut Cache<'p>) -> Result<(Rx<'p>, Tx<'p>), DeviceError> {
        self.open_queue(queue, cache).map_err(DeviceError::from)
    }

    fn reset(
        &mut self,
        rx: Rx<'p>,
        tx: Tx<'p>,
        cache: &mut Cache<'p>,
    ) -> Result<(Rx<'p>, Tx<'p>), DeviceError> {
        let queue = rx.queue();
        drop((rx, tx));
        if self.state.is_gone() {
            return Err(DeviceError::Gone);
        }
        self.open(queue, cache)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.native {
            "native XDP"
        } else {
            "generic XDP"
        })?;
        match self.zero_copy {
            Some(true) => f.write_str(", zero-copy")?,
            Some(false) => f.write_str(", copy mode")?,
            None => f.write_str(", no queue open")?,
        }
        if self.unfinished_checksums {
            f.write_str(", checksums may be unfinished")?;
        }
        if self.merged_segments {
            f.write_str(", merged segments will be lost (ethtool -K: gro off here, tso off gso off at the peer)")?;
        }
        if self.zero_copy.is_some() && self.queues_left_out > 0 {
            write!(
                f,
                ", {} receive queues stay with the kernel",
                self.queues_left_out
            )?;
        }
        if self.queues_without_tx > 0 {
            write!(
                f,
                ", {} queues cannot send: the interface has too few transmit queues",
                self.queues_without_tx
            )?;
        }
        Ok(())
    }
}

/// Ethernet header and one VLAN tag (`ETH_HLEN` + `VLAN_HLEN`), in bytes on top of the MTU.
const LINK_HEADER: usize = 18;

/// Queues and ports move to the thread that uses them.
const _: () = {
    const fn moves<T: Send>() {}
    moves::<Port<'_>>();
    moves::<Rx<'_>>();
    moves::<Tx<'_>>();
};

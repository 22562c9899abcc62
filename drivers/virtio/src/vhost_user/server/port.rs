//! A server as a port.

use core::fmt;
use core::sync::atomic::Ordering;
use std::fs;
use std::io;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::string::String;
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::vec::Vec;

use linecard::device::{Capabilities, Device, DeviceError, Features as Can, Link};
use linecard::mempool::Cache;
use linecard::wire::MacAddr;

use super::config::ServerConfig;
use super::listen;
use super::ring::{Ring, Slot};
use super::shared::Shared;
use super::{ServerRx, ServerTx};
use crate::Features;
use crate::queue::device::GuestFault;

/// A port that a virtual machine plugs into: the back end of vhost-user, listening at a socket.
///
/// A thread of its own listens to the front end; queues are polled by whoever opened them. One
/// front end at a time; the next one may come when it is gone. Dropped, it takes all queues out of
/// service and removes the socket.
///
/// ```
/// use linecard::device::{Device, Link};
/// use linecard_virtio::vhost_user::{Server, ServerConfig};
///
/// let path = std::env::temp_dir().join(format!("linecard-doc-{}.sock", std::process::id()));
/// let mut server = Server::new(ServerConfig::new(&path))?;
/// assert_eq!(server.link(), Link::Down, "no virtual machine is there yet");
/// assert!(path.exists());
/// drop(server);
/// assert!(!path.exists());
/// # Ok::<(), linecard_virtio::vhost_user::ServerError>(())
/// ```
#[derive(Debug)]
pub struct Server {
    name: String,
    shared: Arc<Shared>,
    open: Vec<Weak<Opened>>,
    thread: Option<JoinHandle<()>>,
}

/// Why a server could not be made.
///
/// ```
/// use linecard_virtio::vhost_user::{Server, ServerConfig, ServerError};
/// let config = ServerConfig { queues: 0, ..ServerConfig::new("/run/vm0.sock") };
/// assert!(matches!(Server::new(config), Err(ServerError::Queues(0))));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ServerError {
    /// Not 1 to [`ServerConfig::MAX_QUEUES`] queue pairs.
    Queues(u16),
    /// The socket could not be made.
    Listen {
        /// Where.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The listener's thread could not be started.
    Thread(io::Error),
}

/// How a server stands.
///
/// ```
/// use linecard_virtio::vhost_user::ServerStatus;
/// assert_eq!(ServerStatus::default().to_string(), "no front end, 0 before");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ServerStatus {
    /// A front end is connected.
    pub connected: bool,
    /// Front ends that have connected so far.
    pub sessions: u64,
    /// Queues that were taken out of service because a guest broke a rule.
    pub faults: u64,
    /// Queues that run now, each way counted.
    pub running: usize,
    /// The features agreed on for the first queue that runs.
    pub features: Features,
    /// The fault of the first queue that is out of service.
    pub fault: Option<GuestFault>,
    /// How the last session ended.
    pub ended: Option<String>,
}

/// A queue pair that is open.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(super) shared: Arc<Shared>,
    pub(super) queue: u16,
}

impl Opened {
    /// What the guest sends.
    #[inline]
    pub(super) fn guest_sends(&self) -> Option<&Slot> {
        self.shared.slots.get(usize::from(self.queue) * 2 + 1)
    }

    /// What the guest receives.
    #[inline]
    pub(super) fn guest_receives(&self) -> Option<&Slot> {
        self.shared.slots.get(usize::from(self.queue) * 2)
    }
}

impl Shared {
    /// Takes a queue out of service whose guest broke a rule.
    #[cold]
    pub(super) fn fault(&self, ring: &mut Ring, fault: GuestFault) {
        self.faults.fetch_add(1, Ordering::Relaxed);
        ring.fail(fault);
    }
}

impl Server {
    /// Listens at the socket. A socket that nobody listens at any more is replaced.
    ///
    /// # Errors
    ///
    /// A [`ServerError`].
    pub fn new(config: ServerConfig) -> Result<Self, ServerError> {
        if config.queues == 0 || config.queues > ServerConfig::MAX_QUEUES {
            return Err(ServerError::Queues(config.queues));
        }
        let refused = |source| ServerError::Listen {
            path: config.path.clone(),
            source,
        };
        let listener: UnixListener = listen::bind(&config.path).map_err(refused)?;
        let name = std::format!("vhost-user-server:{}", config.path.display());
        let shared = Arc::new(Shared::new(config));
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("vhost-user".into())
            .spawn(move || listen::run(&listener, &theirs))
            .map_err(ServerError::Thread)?;
        Ok(Self {
            name,
            shared,
            open: Vec::new(),
            thread: Some(thread),
        })
    }

    /// How it stands.
    #[must_use]
    pub fn status(&self) -> ServerStatus {
        let mut status = ServerStatus {
            connected: self.shared.connected.load(Ordering::Acquire),
            sessions: self.shared.sessions.load(Ordering::Relaxed),
            faults: self.shared.faults.load(Ordering::Relaxed),
            ended: self.shared.ended(),
            ..ServerStatus::default()
        };
        for slot in &self.shared.slots {
            let ring = slot.lock();
            if ring.queue.is_some() {
                if status.running == 0 {
                    status.features = ring.features;
                }
                status.running += 1;
            }
            status.fault = status.fault.or(ring.fault);
        }
        status
    }

    /// The socket that it listens at.
    #[must_use]
    pub fn path(&self) -> &std::path::Path {
        &self.shared.config.path
    }

    /// Ends the session with the front end that is connected, which may then connect again.
    pub fn disconnect(&self) {
        self.shared.cut();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let _ = fs::remove_file(&self.shared.config.path);
    }
}

impl<'p> Device<'p> for Server {
    type Rx = ServerRx;
    type Tx = ServerTx;

    fn name(&self) -> &str {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        let mut features = Can::RX_UNFINISHED | Can::TX_CHECKSUM | Can::TX_CHAINED;
        // What does not fit a frame takes several.
        features.set(Can::RX_CHAINED, self.shared.config.mtu > ETHERNET_MTU);
        Capabilities {
            features,
            queues: self.shared.config.queues,
            max_frame: self.shared.config.max_frame(),
            ..Capabilities::default()
        }
    }

    /// Up while a guest's queues run.
    fn link(&mut self) -> Link {
        let running = |slot: &Slot| slot.lock().queue.is_some();
        match self.shared.slots.iter().any(running) {
            true => Link::Up { mbits: None },
            false => Link::Down,
        }
    }

    fn mac(&self) -> MacAddr {
        self.shared.config.mac
    }

    fn mtu(&self) -> usize {
        self.shared.config.mtu
    }

    fn open(
        &mut self,
        queue: u16,
        _cache: &mut Cache<'p>,
    ) -> Result<(ServerRx, ServerTx), DeviceError> {
        if queue >= self.shared.config.queues {
            return Err(DeviceError::NoSuchQueue(queue));
        }
        self.open.retain(|opened| opened.strong_count() > 0);
        let taken =
            |opened: &Weak<Opened>| opened.upgrade().is_some_and(|opened| opened.queue == queue);
        if self.open.iter().any(taken) {
            return Err(DeviceError::QueueTaken(queue));
        }
        let shared = Arc::clone(&self.shared);
        let opened = Arc::new(Opened { shared, queue });
        self.open.push(Arc::downgrade(&opened));
        Ok((ServerRx::new(Arc::clone(&opened)), ServerTx::new(opened)))
    }

    /// Where the guest has broken a rule, its front end is sent away, so that it must connect again
    /// and set the queues up anew. Of a guest that keeps to the rules nothing is lost.
    fn reset(
        &mut self,
        rx: ServerRx,
        tx: ServerTx,
        cache: &mut Cache<'p>,
    ) -> Result<(ServerRx, ServerTx), DeviceError> {
        let (queue, shared) = (rx.queue(), Arc::clone(rx.shared()));
        drop((rx, tx));
        if !Arc::ptr_eq(&shared, &self.shared) {
            return Err(DeviceError::NoSuchQueue(queue));
        }
        let pair = usize::from(queue) * 2;
        let mut slots = self.shared.slots.iter().skip(pair).take(2);
        if slots.any(|slot| slot.lock().fault.is_some()) {
            self.disconnect();
        }
        self.open(queue, cache)
    }
}

impl fmt::Display for ServerStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.connected {
            write!(
                f,
                "front end {}, {} queues run",
                self.sessions, self.running
            )?;
            if self.running > 0 {
                let packed = self.features.contains(Features::RING_PACKED);
                f.write_str(if packed { ", packed" } else { ", split" })?;
            }
        } else {
            write!(f, "no front end, {} before", self.sessions)?;
        }
        if let Some(ended) = &self.ended {
            write!(f, "; the one before ended: {ended}")?;
        }
        match self.fault {
            Some(fault) => write!(f, "; out of service: {fault}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queues(queues) => write!(f, "{queues} queue pairs are not 1 to 128"),
            Self::Listen { path, source } => {
                write!(f, "cannot listen at {}: {source}", path.display())
            }
            Self::Thread(source) => write!(f, "cannot start the listener's thread: {source}"),
        }
    }
}

impl core::error::Error for ServerError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Queues(_) => None,
            Self::Listen { source, .. } | Self::Thread(source) => Some(source),
        }
    }
}

/// The MTU of Ethernet, which any frame has room for.
const ETHERNET_MTU: usize = 1500;

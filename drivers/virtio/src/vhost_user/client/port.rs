//! A port that connects again.

use core::fmt;
use std::string::{String, ToString};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use linecard::device::{Capabilities, Device, DeviceError, Features as Can, Link};
use linecard::mempool::{Cache, Pool};
use linecard::platform::Dma;
use linecard::wire::MacAddr;

use super::queues::{ClientRx, ClientTx, Queues};
use super::transport::VhostUser;
use crate::Features;
use crate::net::{Adapter, Config, Net};

/// A port on a back end that may come, go, and be replaced.
///
/// Its queues stay as they are while back ends change; what it needs for that is that somebody
/// calls [`tend`](Self::tend) now and then, from a thread that may wait: connecting takes some
/// messages. A back end that died is noticed there, its frames are taken back, and the next one is
/// connected to as soon as it listens.
///
/// ```
/// use linecard::device::{Device, Link, RxQueue};
/// use linecard::mempool::{Cache, Pool, PoolConfig, Slot};
/// use linecard::platform::{Arena, Region};
/// use linecard::wire::MacAddr;
/// use linecard_virtio::net::Adapter;
/// use linecard_virtio::vhost_user::{Client, ClientConfig, VhostUser};
///
/// # let memory: &'static mut [u8] = vec![0; 64 * 2048 + 63].leak();
/// # let slots: &'static [Slot] = (0..64).map(|_| Slot::new()).collect::<Vec<_>>().leak();
/// # let pool = Pool::new(Region::from_slice(memory), slots, PoolConfig::default())?;
/// # let mut cache = Cache::new(&pool, "core 0", 32)?;
/// # let shared = Vec::new();
/// # let rings: &'static mut [u8] = vec![0; 4096].leak();
/// # let rings = Arena::new(Region::from_slice(rings));
/// // `pool`, `rings` and `shared` are of one memfd.
/// let transport = VhostUser::new("/run/vhost0.sock", MacAddr([2, 0, 0, 0, 0, 1]), 1500, shared);
/// let adapter: Adapter<'_, _, _> = Adapter::new(transport, rings);
/// let mut port = Client::new(&adapter, &pool, ClientConfig::default())?;
/// let (rx, _tx) = port.open(0, &mut cache)?;
/// // In a thread of its own, every 50 ms or so:
/// assert!(!port.tend(), "nobody listens there yet");
/// assert_eq!(port.link(), Link::Down);
/// assert_eq!(rx.stats().packets, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Client<'d, 'p, D: Dma, const N: usize = 256> {
    adapter: &'d Adapter<'p, VhostUser, D, N, 1>,
    pool: &'p Pool<'static>,
    config: ClientConfig,
    name: String,
    control: Mutex<Control<'d, 'p, D, N>>,
    /// The queues that are open.
    open: Weak<Queues<'d, 'p, D, N>>,
}

/// How a [`Client`] is set up.
///
/// ```
/// use linecard_virtio::vhost_user::ClientConfig;
/// assert_eq!(ClientConfig::default().mtu, 1500);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientConfig {
    /// The port's address.
    pub mac: MacAddr,
    /// The longest layer-3 packet, in bytes.
    pub mtu: u16,
    /// Of the device: depth of the queues, features.
    pub net: Config,
}

impl Default for ClientConfig {
    /// A locally administered address, an MTU of 1,500, and packed rings where the back end has
    /// them.
    fn default() -> Self {
        let mut net = Config::default();
        net.accept |= Features::RING_PACKED;
        Self {
            mac: MacAddr([0x02, b'l', b'c', b'v', 1, 0]),
            mtu: 1500,
            net,
        }
    }
}

/// How a client stands.
///
/// ```
/// use linecard_virtio::vhost_user::ClientStatus;
/// assert_eq!(ClientStatus::default().to_string(), "no back end, 0 before");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ClientStatus {
    /// The queues run.
    pub running: bool,
    /// Back ends that were connected to so far.
    pub sessions: u64,
    /// What was agreed on with the last.
    pub features: Features,
    /// Times that a back end broke the rules and was set up anew.
    pub faults: u64,
    /// When the last of them gave its first answer; its queues run some milliseconds later.
    pub answered: Option<Instant>,
    /// Why there is none now.
    pub error: Option<String>,
}

struct Control<'d, 'p, D: Dma, const N: usize> {
    net: Option<Net<'d, 'p, VhostUser, D, N, 1>>,
    cache: Cache<'p>,
    status: ClientStatus,
}

impl<'d, 'p, D: Dma, const N: usize> Client<'d, 'p, D, N> {
    /// A port on the back end that the adapter's transport names. It need not be there yet.
    ///
    /// # Errors
    ///
    /// [`DeviceError::TooManyAccounts`].
    pub fn new(
        adapter: &'d Adapter<'p, VhostUser, D, N, 1>,
        pool: &'p Pool<'static>,
        config: ClientConfig,
    ) -> Result<Self, DeviceError> {
        let path = adapter.with_transport(|transport| transport.path().display().to_string());
        let cache = Cache::new(pool, "vhost-user", 1).map_err(|_| DeviceError::TooManyAccounts)?;
        Ok(Self {
            adapter,
            pool,
            config,
            name: std::format!("vhost-user:{path}"),
            control: Mutex::new(Control {
                net: None,
                cache,
                status: ClientStatus::default(),
            }),
            open: Weak::new(),
        })
    }

    /// Looks after the connection, and gives whether there is one: takes a back end's frames back
    /// when it is gone or broke the rules, and connects when there is one.
    ///
    /// Not from the thread that polls, because it may wait for answers. A poller loses nothing by
    /// it: while a queue is being changed its bursts are empty.
    pub fn tend(&self) -> bool {
        let mut control = self.control();
        let Some(queues) = self.open.upgrade() else {
            return false;
        };
        let (running, fault) = queues.state();
        let linked = |net: &mut Net<'d, 'p, VhostUser, D, N, 1>| net.link().is_up();
        if running && control.net.as_mut().is_some_and(linked) {
            return true;
        }
        control.status.faults += u64::from(fault);
        control.status.running = false;
        queues.retire();
        let answer = self.connect(&mut control, &queues);
        control.cache.flush();
        let status = &mut control.status;
        status.running = answer.is_ok();
        status.error = answer.err();
        status.sessions = self
            .adapter
            .with_transport(|transport| transport.sessions());
        if let Some(answered) = self
            .adapter
            .with_transport(|transport| transport.answered())
        {
            status.answered = Some(answered);
        }
        status.running
    }

    /// How it stands.
    #[must_use]
    pub fn status(&self) -> ClientStatus {
        self.control().status.clone()
    }

    fn connect(
        &self,
        control: &mut Control<'d, 'p, D, N>,
        queues: &Queues<'d, 'p, D, N>,
    ) -> Result<(), String> {
        let net = match &mut control.net {
            Some(net) => net,
            None => {
                let net = Net::new(self.adapter, self.pool, "vhost-user", self.config.net)
                    .map_err(|error| error.to_string())?;
                control.net.insert(net)
            }
        };
        let (rx, tx) = net
            .open(0, &mut control.cache)
            .map_err(|error| error.to_string())?;
        control.status.features = net.features();
        queues.rx.lock().queue = Some(rx);
        queues.tx.lock().queue = Some(tx);
        Ok(())
    }

    fn control(&self) -> MutexGuard<'_, Control<'d, 'p, D, N>> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'d, 'p, D: Dma, const N: usize> Device<'p> for Client<'d, 'p, D, N> {
    type Rx = ClientRx<'d, 'p, D, N>;
    type Tx = ClientTx<'d, 'p, D, N>;

    fn name(&self) -> &str {
        &self.name
    }

    /// Of the back end that was there last; of none, what is hoped for.
    fn capabilities(&self) -> Capabilities {
        match &self.control().net {
            Some(net) => net.capabilities(),
            None => Capabilities {
                features: Can::ZERO_COPY | Can::TX_CHAINED | Can::RX_UNFINISHED,
                tx_depth: u32::from(self.config.net.depth),
                rx_depth: u32::from(self.config.net.depth),
                max_frame: usize::from(self.config.mtu) + 18,
                ..Capabilities::default()
            },
        }
    }

    fn link(&mut self) -> Link {
        match self.open.upgrade() {
            Some(queues) if queues.state().0 => {
                let control = self
                    .control
                    .get_mut()
                    .unwrap_or_else(PoisonError::into_inner);
                control.net.as_mut().map_or(Link::Down, Device::link)
            }
            _ => Link::Down,
        }
    }

    fn mac(&self) -> MacAddr {
        self.config.mac
    }

    fn mtu(&self) -> usize {
        usize::from(self.config.mtu)
    }

    /// Opens the port's one queue pair. That there is no back end yet is no error: see
    /// [`tend`](Client::tend), which is called once here.
    fn open(
        &mut self,
        queue: u16,
        _cache: &mut Cache<'p>,
    ) -> Result<(Self::Rx, Self::Tx), DeviceError> {
        if queue != 0 {
            return Err(DeviceError::NoSuchQueue(queue));
        }
        if self.open.strong_count() > 0 {
            return Err(DeviceError::QueueTaken(queue));
        }
        let queues = Arc::new(Queues::new());
        self.open = Arc::downgrade(&queues);
        self.tend();
        let rx = ClientRx::new(Arc::clone(&queues));
        Ok((rx, ClientTx::new(queues)))
    }

    fn reset(
        &mut self,
        rx: Self::Rx,
        tx: Self::Tx,
        cache: &mut Cache<'p>,
    ) -> Result<(Self::Rx, Self::Tx), DeviceError> {
        drop((rx, tx));
        self.open(0, cache)
    }
}

impl<D: Dma, const N: usize> fmt::Debug for Client<'_, '_, D, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("name", &self.name)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for ClientStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.running {
            let packed = self.features.contains(Features::RING_PACKED);
            let form = if packed { "packed" } else { "split" };
            write!(f, "back end {}, {form}", self.sessions)?;
        } else {
            write!(f, "no back end, {} before", self.sessions)?;
        }
        match &self.error {
            Some(error) => write!(f, ": {error}"),
            None => Ok(()),
        }
    }
}

//! A port that connects again.

use core::fmt;
use std::string::{String, ToString};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;
use std::vec::Vec;

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
pub struct Client<'d, 'p, D: Dma, const N: usize = 256, const Q: usize = 1> {
    adapter: &'d Adapter<'p, VhostUser, D, N, Q>,
    pool: &'p Pool<'static>,
    config: ClientConfig,
    name: String,
    control: Mutex<Control<'d, 'p, D, N, Q>>,
    /// The queue pairs, of which some are open.
    open: Vec<Weak<Queues<'d, 'p, D, N, Q>>>,
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
    /// Queue pairs that it has, up to those that are wanted; the others are silent.
    pub pairs: u16,
    /// Times that a back end broke the rules and was set up anew.
    pub faults: u64,
    /// When the last of them gave its first answer; its queues run some milliseconds later.
    pub answered: Option<Instant>,
    /// Why there is none now.
    pub error: Option<String>,
}

struct Control<'d, 'p, D: Dma, const N: usize, const Q: usize> {
    net: Option<Net<'d, 'p, VhostUser, D, N, Q>>,
    cache: Cache<'p>,
    status: ClientStatus,
}

impl<'d, 'p, D: Dma, const N: usize, const Q: usize> Client<'d, 'p, D, N, Q> {
    /// A port on the back end that the adapter's transport names, with as many queue pairs as the
    /// configuration's, the adapter's `Q` and the transport's
    /// ([`with_queues`](VhostUser::with_queues)) say. The back end need not be there yet.
    ///
    /// # Errors
    ///
    /// [`DeviceError::TooManyAccounts`].
    pub fn new(
        adapter: &'d Adapter<'p, VhostUser, D, N, Q>,
        pool: &'p Pool<'static>,
        config: ClientConfig,
    ) -> Result<Self, DeviceError> {
        let path = adapter.with_transport(|transport| transport.path().display().to_string());
        let pairs = usize::from(config.net.queues).min(Q).max(1);
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
            open: (0..pairs).map(|_| Weak::new()).collect(),
        })
    }

    /// Looks after the connection, and gives whether there is one: takes a back end's frames back
    /// when it is gone or broke the rules, and connects when there is one.
    ///
    /// Not from the thread that polls, because it may wait for answers. A poller loses nothing by
    /// it: while a queue is being changed its bursts are empty.
    pub fn tend(&self) -> bool {
        let mut control = self.control();
        let queues = self.opened();
        if queues.is_empty() {
            return false;
        }
        let linked = |net: &mut Net<'d, 'p, VhostUser, D, N, Q>| net.link().is_up();
        let linked = control.net.as_mut().is_some_and(linked);
        let agreed = control.net.as_ref().map_or(0, pairs_of);
        let used = || queues.iter().filter(|(pair, _)| *pair < agreed);
        let fault = queues.iter().any(|(_, queues)| queues.state().1);
        let running = control.status.running && linked && !fault;
        if running && used().all(|(_, queues)| queues.state().0) {
            return true;
        }
        control.status.faults += u64::from(fault);
        // One pair that was opened just now takes nothing from the others.
        if !running {
            control.status.running = false;
            queues.iter().for_each(|(_, queues)| queues.retire());
        }
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
        control: &mut Control<'d, 'p, D, N, Q>,
        queues: &[(u16, Arc<Queues<'d, 'p, D, N, Q>>)],
    ) -> Result<(), String> {
        let net = match &mut control.net {
            Some(net) => net,
            None => {
                let net = Net::new(self.adapter, self.pool, "vhost-user", self.config.net)
                    .map_err(|error| error.to_string())?;
                control.net.insert(net)
            }
        };
        for (turn, (pair, queues)) in queues.iter().enumerate() {
            // The first sets the device up if it was reset, and then it is known how many it has.
            if queues.state().0 || (turn > 0 && *pair >= pairs_of(net)) {
                continue;
            }
            let (rx, tx) = net
                .open(*pair, &mut control.cache)
                .map_err(|error| error.to_string())?;
            queues.rx.lock().queue = Some(rx);
            queues.tx.lock().queue = Some(tx);
        }
        control.status.features = net.features();
        control.status.pairs = pairs_of(net);
        Ok(())
    }

    /// The pairs that are open, by their numbers.
    fn opened(&self) -> Vec<(u16, Arc<Queues<'d, 'p, D, N, Q>>)> {
        let pairs = (0..).zip(&self.open);
        let open = pairs.filter_map(|(pair, open)| Some((pair, open.upgrade()?)));
        open.collect()
    }

    fn control(&self) -> MutexGuard<'_, Control<'d, 'p, D, N, Q>> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'d, 'p, D: Dma, const N: usize, const Q: usize> Device<'p> for Client<'d, 'p, D, N, Q> {
    type Rx = ClientRx<'d, 'p, D, N, Q>;
    type Tx = ClientTx<'d, 'p, D, N, Q>;

    fn name(&self) -> &str {
        &self.name
    }

    /// Of the back end that was there last; of none, what is hoped for.
    fn capabilities(&self) -> Capabilities {
        let queues = self.open.len() as u16;
        match &self.control().net {
            Some(net) => Capabilities {
                queues,
                ..net.capabilities()
            },
            None => Capabilities {
                features: Can::ZERO_COPY | Can::TX_CHAINED | Can::RX_UNFINISHED,
                tx_depth: u32::from(self.config.net.depth),
                rx_depth: u32::from(self.config.net.depth),
                max_frame: usize::from(self.config.mtu) + 18,
                queues,
            },
        }
    }

    fn link(&mut self) -> Link {
        if !self.opened().iter().any(|(_, queues)| queues.state().0) {
            return Link::Down;
        }
        let control = self
            .control
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        control.net.as_mut().map_or(Link::Down, Device::link)
    }

    fn mac(&self) -> MacAddr {
        self.config.mac
    }

    fn mtu(&self) -> usize {
        usize::from(self.config.mtu)
    }

    /// Opens a queue pair. That there is no back end yet, or one with fewer pairs, is no error: see
    /// [`tend`](Client::tend), which is called once here.
    fn open(
        &mut self,
        queue: u16,
        _cache: &mut Cache<'p>,
    ) -> Result<(Self::Rx, Self::Tx), DeviceError> {
        let place = self.open.get_mut(usize::from(queue));
        let place = place.ok_or(DeviceError::NoSuchQueue(queue))?;
        if place.strong_count() > 0 {
            return Err(DeviceError::QueueTaken(queue));
        }
        let queues = Arc::new(Queues::new(queue));
        *place = Arc::downgrade(&queues);
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
        let queue = rx.queues.number;
        drop((rx, tx));
        self.open(queue, cache)
    }
}

/// The queue pairs that were agreed on.
fn pairs_of<D: Dma, const N: usize, const Q: usize>(net: &Net<'_, '_, VhostUser, D, N, Q>) -> u16 {
    net.capabilities().queues
}

impl<D: Dma, const N: usize, const Q: usize> fmt::Debug for Client<'_, '_, D, N, Q> {
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
            if self.pairs > 1 {
                write!(f, ", {} queue pairs", self.pairs)?;
            }
        } else {
            write!(f, "no back end, {} before", self.sessions)?;
        }
        match &self.error {
            Some(error) => write!(f, ": {error}"),
            None => Ok(()),
        }
    }
}

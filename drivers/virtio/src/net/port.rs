//! The port.

use core::fmt;

use linecard::device::{Capabilities, Device, DeviceError, Features as Abilities, Link};
use linecard::mempool::{Cache, Pool};
use linecard::platform::Dma;
use linecard::wire::MacAddr;

use super::adapter::Adapter;
use super::control::Command;
use super::frames::Frames;
use super::rss::RssConfig;
use super::{Config, DeviceConfig, NetError, NetRx, NetTx};
use crate::{Features, Status, Transport, TransportError};

/// A VIRTIO network device as a port.
///
/// ```
/// # #[cfg(feature = "test-utils")] {
/// use linecard::device::{Device, RxQueue, TxQueue};
/// use linecard::mempool::{Cache, Pool, PoolConfig, Region, Slot};
/// use linecard::packet::Burst;
/// use linecard_virtio::fake::{Fake, FakeConfig, HostMemory};
/// use linecard_virtio::net::{Adapter, Config, Net};
///
/// let memory: &'static mut [u8] = vec![0; 1024 * 2048 + 63].leak();
/// let slots: &'static [Slot] = (0..1024).map(|_| Slot::new()).collect::<Vec<_>>().leak();
/// let pool = Pool::new(Region::from_slice(memory), slots, PoolConfig::default())?;
/// let mut cache = Cache::new(&pool, "core 0", 64)?;
///
/// // A fake device that gives back what it is sent.
/// let (transport, _) = Fake::new(FakeConfig::default());
/// let adapter: Adapter<'_, _, _> = Adapter::new(transport, HostMemory);
/// let mut net = Net::new(&adapter, &pool, "virtio:fake", Config::default())?;
/// let (mut rx, mut tx) = net.open(0, &mut cache)?;
///
/// let mut burst: Burst = Burst::new();
/// burst.alloc(&mut cache, 4);
/// for packet in &mut burst {
///     packet.append(60)?.fill(0xff);
/// }
/// assert_eq!(tx.tx_burst(&mut cache, &mut burst), 4);
/// assert_eq!(rx.rx_burst(&mut cache, &mut burst), 4);
/// assert_eq!(burst.as_slice()[3].data(), [0xff; 60]);
/// # burst.free(&mut cache);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Net<'d, 'p, T: Transport, D: Dma, const N: usize = 256, const Q: usize = 1> {
    adapter: &'d Adapter<'p, T, D, N, Q>,
    pool: &'p Pool<'p>,
    frames: Frames<'p, 'd, D>,
    config: Config,
    name: heapless::String<32>,
    mac: MacAddr,
    /// The device asked for an announcement, and was not answered yet.
    announce: bool,
}

impl<'d, 'p, T: Transport, D: Dma, const N: usize, const Q: usize> Net<'d, 'p, T, D, N, Q> {
    /// Sets the device up, on a pool in memory that is lent for ever.
    ///
    /// For ever, because the device writes into frames that were posted to it until it is reset, and
    /// safe code may forget an adapter without ever resetting its device.
    ///
    /// # Errors
    ///
    /// A [`NetError`] that says what cannot work; the device is then reset and marked as failed.
    pub fn new(
        adapter: &'d Adapter<'p, T, D, N, Q>,
        pool: &'p Pool<'static>,
        name: &str,
        config: Config,
    ) -> Result<Self, NetError> {
        // SAFETY: for `'static` nobody else touches the region (`Region::from_slice` borrows it
        // for ever, `Region::from_raw` has the same promise of its caller).
        unsafe { Self::new_unchecked(adapter, pool, name, config) }
    }

    /// Sets the device up, on a pool in memory that is lent for a while.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    ///
    /// # Safety
    ///
    /// The pool's region is not used for anything else (it may be unmapped) before the adapter and
    /// every queue of this port have been dropped. What was forgotten, as by
    /// [`core::mem::forget`], never is.
    pub unsafe fn new_unchecked(
        adapter: &'d Adapter<'p, T, D, N, Q>,
        pool: &'p Pool<'p>,
        name: &str,
        config: Config,
    ) -> Result<Self, NetError> {
        let frames = Frames::new(pool, &adapter.dma)?;
        let mut inner = adapter.inner.lock();
        if inner.taken || inner.any_open() {
            return Err(NetError::Taken);
        }
        inner.bring_up(&adapter.dma, &config, pool)?;
        inner.taken = true;
        let mac = inner.agreed.config.mac;
        drop(inner);
        adapter.note_gone(false);
        let mut whole = heapless::String::new();
        // A name that is too long is cut.
        for letter in name.chars() {
            if whole.push(letter).is_err() {
                break;
            }
        }
        Ok(Self {
            adapter,
            pool,
            frames,
            config,
            name: whole,
            mac: MacAddr(mac.unwrap_or(LOCAL)),
            announce: false,
        })
    }

    /// The features that were negotiated.
    #[must_use]
    pub fn features(&self) -> Features {
        self.adapter.inner.lock().agreed.features
    }

    /// What the device said of itself when it was set up.
    #[must_use]
    pub fn device_config(&self) -> DeviceConfig {
        self.adapter.inner.lock().agreed.config
    }

    /// Sets the address that the device receives for, and says it is ours.
    ///
    /// # Errors
    ///
    /// [`NetError::Command`] if the device refuses. Without `VIRTIO_NET_F_CTRL_MAC_ADDR` only the
    /// port's own notion is changed.
    pub fn set_mac(&mut self, mac: MacAddr) -> Result<(), NetError> {
        let mut inner = self.adapter.inner.lock();
        if inner.agreed.features.contains(Features::CTRL_MAC_ADDR) {
            inner.command(Command::MAC, &[&mac.0])?;
        }
        drop(inner);
        self.mac = mac;
        Ok(())
    }

    /// Receives everything, or only what is for this port (section 5.1.6.5.1).
    ///
    /// # Errors
    ///
    /// [`NetError::NotNegotiated`] without `VIRTIO_NET_F_CTRL_RX`, [`NetError::Command`].
    pub fn set_promiscuous(&mut self, on: bool) -> Result<(), NetError> {
        self.command(Features::CTRL_RX, Command::PROMISCUOUS, &[u8::from(on)])
    }

    /// Receives all multicast, or only what was asked for (section 5.1.6.5.1).
    ///
    /// # Errors
    ///
    /// As [`set_promiscuous`](Self::set_promiscuous).
    pub fn set_all_multicast(&mut self, on: bool) -> Result<(), NetError> {
        self.command(Features::CTRL_RX, Command::ALL_MULTICAST, &[u8::from(on)])
    }

    /// Receives packets of this VLAN; with `VIRTIO_NET_F_CTRL_VLAN` those of no others (section
    /// 5.1.6.5.3).
    ///
    /// # Errors
    ///
    /// [`NetError::NotNegotiated`] without that feature, [`NetError::Command`].
    pub fn add_vlan(&mut self, vlan: u16) -> Result<(), NetError> {
        self.command(Features::CTRL_VLAN, Command::VLAN_ADD, &vlan.to_le_bytes())
    }

    /// Receives packets of this VLAN no more.
    ///
    /// # Errors
    ///
    /// As [`add_vlan`](Self::add_vlan).
    pub fn remove_vlan(&mut self, vlan: u16) -> Result<(), NetError> {
        self.command(
            Features::CTRL_VLAN,
            Command::VLAN_REMOVE,
            &vlan.to_le_bytes(),
        )
    }

    /// Says how packets are spread over the queues.
    ///
    /// # Errors
    ///
    /// [`NetError::NotNegotiated`] without `VIRTIO_NET_F_RSS`, [`NetError::HashConfig`] if the
    /// device cannot, or a pair of the table was not set up, [`NetError::Command`].
    pub fn set_rss(&mut self, config: &RssConfig) -> Result<(), NetError> {
        self.adapter.inner.lock().configure_rss(config)
    }

    /// Whether the device asks that this port announce itself, as after it was moved to another
    /// host (section 5.1.6.5.4); the device is told that this was heard. The announcement, a
    /// gratuitous ARP say, is the caller's.
    ///
    /// # Errors
    ///
    /// What came of telling it.
    pub fn announce_asked(&mut self) -> Result<bool, NetError> {
        self.refresh()?;
        if !self.announce {
            return Ok(false);
        }
        self.command(Features::GUEST_ANNOUNCE, Command::ANNOUNCED, &[])?;
        self.announce = false;
        Ok(true)
    }

    fn command(
        &mut self,
        feature: Features,
        command: Command,
        data: &[u8],
    ) -> Result<(), NetError> {
        let mut inner = self.adapter.inner.lock();
        if !inner.agreed.features.contains(feature) {
            return Err(NetError::NotNegotiated(feature));
        }
        inner.command(command, &[data])
    }

    /// Reads the device's status; gives whether the link is up.
    fn refresh(&mut self) -> Result<bool, NetError> {
        let mut inner = self.adapter.inner.lock();
        let inner = &mut *inner;
        if inner.transport.is_gone() {
            return Err(TransportError::Gone.into());
        }
        if !inner.up {
            return Ok(true);
        }
        if inner
            .transport
            .status()
            .contains(Status::DEVICE_NEEDS_RESET)
        {
            return Err(NetError::NeedsReset);
        }
        let features = inner.agreed.features;
        if !features.contains(Features::STATUS) {
            return Ok(true);
        }
        let config = DeviceConfig::read(&mut inner.transport, features & Features::STATUS)?;
        self.announce |= features.contains(Features::GUEST_ANNOUNCE)
            && config.status & DeviceConfig::ANNOUNCE != 0;
        Ok(config.status & DeviceConfig::LINK_UP != 0)
    }
}

impl<'d, 'p, T: Transport, D: Dma, const N: usize, const Q: usize> Device<'p>
    for Net<'d, 'p, T, D, N, Q>
{
    type Rx = NetRx<'d, 'p, T, D, N, Q>;
    type Tx = NetTx<'d, 'p, T, D, N, Q>;

    fn name(&self) -> &str {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        let agreed = self.adapter.inner.lock().agreed;
        let mut abilities = Abilities::ZERO_COPY | Abilities::TX_CHAINED;
        for (feature, ability) in [
            (
                Features::GUEST_CSUM,
                Abilities::RX_CHECKSUM | Abilities::RX_UNFINISHED,
            ),
            (Features::CSUM, Abilities::TX_CHECKSUM),
            (Features::HASH_REPORT, Abilities::RX_HASH),
            (Features::MRG_RXBUF, Abilities::RX_CHAINED),
        ] {
            abilities.set(ability, agreed.features.contains(feature));
        }
        Capabilities {
            features: abilities,
            queues: agreed.pairs,
            tx_depth: u32::from(agreed.depths.1),
            rx_depth: u32::from(agreed.depths.0),
            max_frame: agreed.longest(),
        }
    }

    /// Asks the device, and takes note when it is gone.
    fn link(&mut self) -> Link {
        let answer = self.refresh();
        let gone = answer == Err(NetError::Transport(TransportError::Gone));
        self.adapter.note_gone(gone);
        match answer {
            Ok(true) => Link::Up {
                mbits: self.device_config().mbits,
            },
            _ => Link::Down,
        }
    }

    fn mac(&self) -> MacAddr {
        self.mac
    }

    fn mtu(&self) -> usize {
        usize::from(self.adapter.inner.lock().agreed.mtu)
    }

    /// Opens a queue pair. If the device was reset meanwhile, by the last queue that was dropped,
    /// it is set up again.
    fn open(
        &mut self,
        queue: u16,
        cache: &mut Cache<'p>,
    ) -> Result<(Self::Rx, Self::Tx), DeviceError> {
        if !core::ptr::eq(cache.pool(), self.pool) {
            return Err(DeviceError::Unsuitable("the cache is of another pool"));
        }
        let adapter = self.adapter;
        let mut inner = adapter.inner.lock();
        let (rx, tx) = inner.open(&adapter.dma, &self.config, self.pool, &self.name, queue)?;
        drop(inner);
        adapter.note_gone(false);
        let tx = NetTx::new(adapter, self.frames, queue, tx);
        let mut rx = NetRx::new(adapter, self.frames, queue, rx);
        rx.stock(cache);
        Ok((rx, tx))
    }

    fn reset(
        &mut self,
        rx: Self::Rx,
        tx: Self::Tx,
        cache: &mut Cache<'p>,
    ) -> Result<(Self::Rx, Self::Tx), DeviceError> {
        let queue = rx.pair();
        drop((rx, tx));
        self.open(queue, cache)
    }
}

impl<T: Transport, D: Dma, const N: usize, const Q: usize> Drop for Net<'_, '_, T, D, N, Q> {
    fn drop(&mut self) {
        self.adapter.inner.lock().taken = false;
    }
}

impl<T: Transport, D: Dma, const N: usize, const Q: usize> fmt::Debug for Net<'_, '_, T, D, N, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Net")
            .field("name", &self.name)
            .field("mac", &self.mac)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// The address of a device that does not say one: locally administered.
const LOCAL: [u8; 6] = [2, 0, 0, 0, 0, 1];

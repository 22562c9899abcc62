//! Setting a device up (VIRTIO 1.2, sections 3.1 and 5.1.5).

use linecard::mempool::{Account, DeviceAddress, Pool};
use linecard::platform::{Dma, DmaBuffer};
use linecard::wire::rss::SYMMETRIC_KEY;

use super::adapter::{Half, Inner, queues_of};
use super::chains::Chains;
use super::control::{Command, Control};
use super::negotiate::negotiate;
use super::ring::{Bell, Ring};
use super::rss::RssConfig;
use super::rx::{Layout, MOST_BUFFERS, Receiver, header_len};
use super::tx::{ETHERNET_HEADER, Limits, Sender};
use super::{Config, DeviceConfig, NetError};
use crate::queue::layout::Parts;
use crate::{Doorbell, Features, QueueMemory, Status, Transport, TransportError};

/// What driver and device have agreed on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Agreed {
    pub(super) features: Features,
    /// What the device said when it was set up.
    pub(super) config: DeviceConfig,
    /// Queue pairs that are set up.
    pub(super) pairs: u16,
    pub(super) mtu: u16,
    /// Descriptors of the first pair's queues.
    pub(super) depths: (u16, u16),
}

impl Default for Agreed {
    fn default() -> Self {
        Self {
            features: Features::empty(),
            config: DeviceConfig::default(),
            pairs: 0,
            mtu: 1500,
            depths: (0, 0),
        }
    }
}

impl Agreed {
    /// The longest frame in bytes: the MTU, an Ethernet header, and a VLAN tag.
    pub(super) fn longest(&self) -> usize {
        usize::from(self.mtu) + ETHERNET_HEADER + 4
    }

    pub(super) fn layout(&self, pool: &Pool<'_>) -> Layout {
        Layout::new(pool, self.features)
    }

    pub(super) fn limits(&self, pool: &Pool<'_>) -> Limits {
        let header = header_len(self.features);
        Limits {
            longest: self.longest(),
            header,
            front: pool.config().private + header,
            checksum: self.features.contains(Features::CSUM),
        }
    }
}

/// A queue that the device has, and that nobody polls yet.
#[derive(Debug)]
pub(super) struct Line<B, const N: usize> {
    ring: Ring<N>,
    bell: Bell<B>,
    indirect: bool,
}

impl<B: Doorbell, const N: usize> Line<B, N> {
    pub(super) fn into_receiver(self, account: Account<'_>, layout: Layout) -> Receiver<'_, B, N> {
        Receiver::new(self.ring, self.bell, account, layout)
    }

    /// # Safety
    ///
    /// The last [`Chains::LEN`] bytes of `memory` are used by nobody but this and the device.
    pub(super) unsafe fn into_sender<'p>(
        self,
        account: Account<'p>,
        memory: &DmaBuffer,
        limits: Limits,
    ) -> Sender<'p, B, N> {
        let behind = memory.len.saturating_sub(Chains::LEN);
        let device = DeviceAddress(memory.device.0.wrapping_add(behind as u64));
        // SAFETY: `behind` is inside the memory.
        let at = unsafe { memory.at.add(behind) };
        Sender {
            ring: self.ring,
            bell: self.bell,
            account,
            // SAFETY: the caller's promise; whole cache lines are in front (`Parts`), so that it is
            // aligned as the memory is.
            chains: unsafe { Chains::new(at, device, self.indirect) },
            limits,
        }
    }
}

impl<'p, T: Transport, const N: usize, const Q: usize> Inner<'p, T, N, Q> {
    /// Sets the device up, with all queues that are wanted; no queue is open.
    ///
    /// On an error the device is left as failed and reset.
    pub(super) fn bring_up<D: Dma>(
        &mut self,
        dma: &D,
        config: &Config,
        pool: &Pool<'_>,
    ) -> Result<(), NetError> {
        let result = self.try_bring_up(dma, config, pool);
        if result.is_err() {
            // Nothing can be done about a device that refuses this as well.
            let status = self.transport.status() | Status::FAILED;
            let _ = self.transport.set_status(status);
            let _ = self.shut_down();
        }
        result
    }

    fn try_bring_up<D: Dma>(
        &mut self,
        dma: &D,
        config: &Config,
        pool: &Pool<'_>,
    ) -> Result<(), NetError> {
        let id = self.transport.device_id();
        if id != NETWORK {
            return Err(NetError::NotNetwork(id));
        }
        self.shut_down()?;
        let mut status = Status::ACKNOWLEDGE;
        self.transport.set_status(status)?;
        status |= Status::DRIVER;
        self.transport.set_status(status)?;
        self.agreed = self.agree(&mut status, config, pool)?;
        self.agreed.depths = self.enable_queues(dma, config)?;
        status |= Status::DRIVER_OK;
        self.transport.set_status(status)?;
        if self.transport.status().contains(Status::DEVICE_NEEDS_RESET) {
            return Err(NetError::NeedsReset);
        }
        self.up = true;
        self.spread()
    }

    /// Steps 4 to 6 of section 3.1.1: features, and what the device says of itself.
    fn agree(
        &mut self,
        status: &mut Status,
        config: &Config,
        pool: &Pool<'_>,
    ) -> Result<Agreed, NetError> {
        let offered = Features::from_bits_retain(self.transport.device_features());
        let mut features = negotiate(offered, config)?;
        if !config.require.contains(Features::MRG_RXBUF) {
            // Already allowed, though not yet binding (section 3.1.1).
            let mtu = DeviceConfig::read(&mut self.transport, features)?.mtu;
            let agreed = Agreed {
                features,
                mtu: mtu.unwrap_or(config.mtu),
                ..Agreed::default()
            };
            // Every packet fits one buffer: nobody has to write, and read, in how many it is.
            if agreed.longest() <= agreed.layout(pool).longest() {
                features -= Features::MRG_RXBUF;
            }
        }
        self.transport.set_driver_features(features.bits())?;
        *status |= Status::FEATURES_OK;
        self.transport.set_status(*status)?;
        if !self.transport.status().contains(Status::FEATURES_OK) {
            return Err(NetError::Refused(features));
        }
        let device = DeviceConfig::read(&mut self.transport, features)?;
        // 1 to 0x8000 (section 5.1.4.1).
        if device.max_pairs == 0 || device.max_pairs > 0x8000 {
            return Err(NetError::QueuePairs(device.max_pairs));
        }
        let most = self.transport.pairs().unwrap_or(device.max_pairs);
        let mtu = device.mtu.unwrap_or(config.mtu);
        if mtu < LEAST_MTU {
            return Err(NetError::Mtu(mtu));
        }
        if features.intersects(Features::RSS | Features::HASH_REPORT)
            && (usize::from(device.max_key) < SYMMETRIC_KEY.len()
                || (features.contains(Features::RSS) && device.max_table < LEAST_TABLE))
        {
            return Err(NetError::HashConfig {
                key: device.max_key,
                table: device.max_table,
            });
        }
        let agreed = Agreed {
            features,
            config: device,
            pairs: config.queues.min(Q as u16).min(most).max(1),
            mtu,
            depths: (0, 0),
        };
        let buffers = match features.contains(Features::MRG_RXBUF) {
            true => usize::from(MOST_BUFFERS),
            false => 1,
        };
        let room = agreed.layout(pool).longest().saturating_mul(buffers);
        if agreed.longest() > room {
            return Err(NetError::MtuOverFrame { mtu, room });
        }
        Ok(agreed)
    }

    /// Gives the device all queues; a device need not take more of them once it runs. Gives the
    /// depths of the first pair.
    fn enable_queues<D: Dma>(&mut self, dma: &D, config: &Config) -> Result<(u16, u16), NetError> {
        let features = self.agreed.features;
        for pair in 0..self.agreed.pairs {
            self.enable_pair(dma, config, pair)?;
        }
        if features.contains(Features::CTRL_VQ) {
            let several = features.intersects(Features::MQ | Features::RSS);
            let pairs = if several {
                self.agreed.config.max_pairs
            } else {
                1
            };
            self.enable_control(dma, pairs.wrapping_mul(2))?;
        }
        let depth = |half: Option<u16>| half.unwrap_or(0);
        let first = self.pairs.first();
        let rx = first.and_then(|pair| ready_size(&pair.rx));
        let tx = first.and_then(|pair| ready_size(&pair.tx));
        Ok((depth(rx), depth(tx)))
    }

    /// Gives the device those queues of a pair that it does not have.
    pub(super) fn enable_pair<D: Dma>(
        &mut self,
        dma: &D,
        config: &Config,
        pair: u16,
    ) -> Result<(), NetError> {
        let (rx, tx) = queues_of(pair);
        let features = self.agreed.features;
        let place = usize::from(pair);
        let Some(slot) = self.pairs.get_mut(place) else {
            return Ok(());
        };
        if matches!(slot.rx, Half::Closed) {
            let memory = &mut slot.rx_memory;
            let line = enable(&mut self.transport, dma, memory, config, features, rx, 0)?;
            slot.rx = Half::Ready(line);
        }
        if matches!(slot.tx, Half::Closed) {
            let memory = &mut slot.tx_memory;
            let behind = Chains::LEN;
            let line = enable(
                &mut self.transport,
                dma,
                memory,
                config,
                features,
                tx,
                behind,
            )?;
            slot.tx = Half::Ready(line);
        }
        Ok(())
    }

    fn enable_control<D: Dma>(&mut self, dma: &D, queue: u16) -> Result<(), NetError> {
        let features = self.agreed.features;
        let memory = &mut self.control_memory;
        let config = Config {
            depth: Control::<T::Doorbell>::SIZE,
            ..Config::default()
        };
        let transport = &mut self.transport;
        let packed = features.contains(Features::RING_PACKED);
        let behind = Control::<T::Doorbell>::len(1, packed).unwrap_or(0)
            - Parts::of(1, packed).map_or(0, |parts| parts.len);
        let line = enable(transport, dma, memory, &config, features, queue, behind)?;
        // SAFETY: the memory is as long as the ring and the page behind it (`enable`), and nobody's
        // else: there is one control queue.
        let control = memory
            .as_ref()
            .map(|memory| unsafe { Control::new(line.ring, line.bell, memory) });
        self.control = control;
        Ok(())
    }

    /// Says over how many pairs the device is to spread packets, and how (section 5.1.5).
    fn spread(&mut self) -> Result<(), NetError> {
        let features = self.agreed.features;
        let pairs = self.agreed.pairs;
        if features.contains(Features::RSS) {
            let config = RssConfig::even(pairs, self.agreed.config.max_table);
            return self.configure_rss(&config);
        }
        if features.contains(Features::MQ) {
            self.command(Command::PAIRS, &[&pairs.to_le_bytes()])?;
        }
        if features.contains(Features::HASH_REPORT) {
            self.configure_hash()?;
        }
        Ok(())
    }

    /// Gives a command.
    pub(super) fn command(&mut self, command: Command, data: &[&[u8]]) -> Result<(), NetError> {
        let control = self.control.as_mut();
        let control = control.ok_or(NetError::NotNegotiated(Features::CTRL_VQ))?;
        control.command(&mut self.transport, command, data)
    }
}

/// Gives the device one queue, with `behind` bytes more in its memory, which is allocated unless it
/// is there from last time.
fn enable<T: Transport, D: Dma, const N: usize>(
    transport: &mut T,
    dma: &D,
    memory: &mut Option<DmaBuffer>,
    config: &Config,
    features: Features,
    queue: u16,
    behind: usize,
) -> Result<Line<T::Doorbell, N>, NetError> {
    let packed = features.contains(Features::RING_PACKED);
    let most = transport.max_queue_size(queue);
    if most == 0 {
        return Err(NetError::TooFewQueues {
            has: transport.queues(),
            needs: queue.saturating_add(1),
        });
    }
    let mut size = config.depth.clamp(1, most).min(N as u16);
    if !packed {
        // The next smaller power of two.
        size = 1 << size.ilog2();
    }
    let unsupported = TransportError::QueueSize { queue, size, most };
    let parts = Parts::of(size, packed).ok_or(unsupported)?;
    let len = parts.len + behind;
    if memory.as_ref().is_some_and(|buffer| buffer.len != len)
        && let Some(buffer) = memory.take()
    {
        // SAFETY: it came from this `Dma`. The queue that was on it is gone, and the device has let go
        // of it: `memory` is that of a half that is closed.
        unsafe { dma.free(buffer) };
    }
    let buffer = match memory.take() {
        Some(buffer) => buffer,
        None => dma.allocate(len, Parts::ALIGN)?,
    };
    let device = |offset: usize| DeviceAddress(buffer.device.0.wrapping_add(offset as u64));
    // SAFETY: the buffer is aligned and long enough (`Dma::allocate`), nobody uses it (`memory` is
    // that of a half that is closed), and it is freed only after the ring is gone.
    let ring = unsafe { Ring::new(buffer.at, size, features, config.start) };
    let ring = ring.ok_or(unsupported)?;
    let rings = QueueMemory {
        size,
        packed,
        start: ring.start(),
        descriptors: device(0),
        driver: device(parts.driver),
        device: device(parts.device),
    };
    let doorbell = transport.enable_queue(queue, &rings);
    *memory = Some(buffer);
    Ok(Line {
        ring,
        bell: Bell::new(doorbell?, queue, features),
        indirect: features.contains(Features::INDIRECT_DESC),
    })
}

fn ready_size<B, P, const N: usize>(half: &Half<Line<B, N>, P>) -> Option<u16> {
    match half {
        Half::Ready(line) => Some(line.ring.size()),
        _ => None,
    }
}

/// The device type of a network card (section 5).
const NETWORK: u32 = 1;

/// The least MTU that a device may say (section 5.1.4.1).
const LEAST_MTU: u16 = 68;

/// The least table that a device with RSS must take (section 5.1.4.1).
const LEAST_TABLE: u16 = 128;

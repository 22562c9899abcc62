//! The port: what it reads, what it writes, and its one queue.

use core::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use linecard::device::{Capabilities, Device, DeviceError, Features, Link};
use linecard::mempool::Cache;
use linecard::platform::Clock;
use linecard::wire::MacAddr;

use crate::output::Output;
use crate::rx::Input;
use crate::{Capture, OpenError, PcapRx, PcapTx};

/// When the packets of a capture come in.
///
/// ```
/// use linecard_pcap::Pace;
/// assert_eq!(Pace::default(), Pace::Fast);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// As fast as they are asked for.
    #[default]
    Fast,
    /// With the gaps that they had when they were captured, by the device's clock. The first
    /// packet comes at once. A timestamp that goes back counts as no gap.
    Recorded,
}

/// How often a capture is played.
///
/// ```
/// use linecard_pcap::Repeat;
/// assert_eq!(Repeat::default(), Repeat::Times(1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// So many times; then nothing comes in any more.
    Times(u64),
    /// Without end; each round begins when the last packet of the one before was due.
    Forever,
}

/// A port that receives the packets of a capture and writes what is sent to another.
///
/// Either side may be left out: without an input nothing comes in, and without an output what is
/// sent is counted and dropped. It has one queue pair.
///
/// ```
/// use linecard::device::{Device, RxQueue, TxQueue};
/// use linecard::mempool::{Cache, Pool, PoolConfig, Region, Slot};
/// use linecard::packet::Burst;
/// use linecard::platform::NoClock;
/// use linecard_pcap::{Capture, PcapDevice, Writer};
///
/// let mut memory = vec![0u8; 64 * 2048 + 63];
/// let slots: Vec<Slot> = (0..64).map(|_| Slot::new()).collect();
/// let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default())?;
/// let mut cache = Cache::new(&pool, "core 0", 32)?;
///
/// let mut file = Writer::new(Vec::new())?;
/// file.write(0, [&[7; 60][..]])?;
/// let capture = Capture::from_bytes(file.into_inner()?)?;
///
/// let mut device = PcapDevice::new("pcap:example", NoClock)
///     .input(capture)
///     .output(std::io::sink())?;
/// let (mut rx, mut tx) = device.open(0, &mut cache)?;
/// let mut burst = Burst::<32>::new();
/// assert_eq!(rx.rx_burst(&mut cache, &mut burst), 1);
/// assert_eq!(tx.tx_burst(&mut cache, &mut burst), 1);
/// drop(tx);
/// assert_eq!(device.output_failed(), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct PcapDevice<C> {
    name: String,
    clock: C,
    input: Option<Input>,
    /// `None` while the queue is open: then its transmit side has the output.
    output: Arc<Mutex<Option<Output>>>,
    epoch: u64,
    mac: MacAddr,
    mtu: usize,
}

impl<C: Clock + Clone + Send> PcapDevice<C> {
    /// A port under this name that neither receives nor writes yet. `clock` paces the input and
    /// stamps the output.
    pub fn new(name: impl Into<String>, clock: C) -> Self {
        Self {
            name: name.into(),
            clock,
            input: None,
            output: Arc::new(Mutex::new(Some(Output::default()))),
            epoch: 0,
            mac: DEFAULT_MAC,
            mtu: DEFAULT_MTU,
        }
    }

    /// Receives the packets of `capture`, once and as fast as they are asked for.
    #[must_use]
    pub fn input(mut self, capture: impl Into<Arc<Capture>>) -> Self {
        let capture = capture.into();
        self.input = Some(Input {
            capture,
            pace: Pace::default(),
            repeat: Repeat::default(),
        });
        self
    }

    /// When the packets come in. Without an input it does nothing.
    #[must_use]
    pub fn pace(mut self, pace: Pace) -> Self {
        if let Some(input) = &mut self.input {
            input.pace = pace;
        }
        self
    }

    /// How often the input is played. Without an input it does nothing.
    #[must_use]
    pub fn repeat(mut self, repeat: Repeat) -> Self {
        if let Some(input) = &mut self.input {
            input.repeat = repeat;
        }
        self
    }

    /// Writes what is sent to `sink`, as [`Writer`](crate::Writer) does.
    ///
    /// # Errors
    ///
    /// Those of `sink` while the file's header is written.
    pub fn output(mut self, sink: impl Write + Send + 'static) -> io::Result<Self> {
        self.output = Arc::new(Mutex::new(Some(Output::to(Box::new(sink))?)));
        Ok(self)
    }

    /// Writes what is sent to a new file, or in place of the one that is there. That begins with
    /// the queue's first [`tx_burst`](linecard::device::TxQueue::tx_burst) or
    /// [`reclaim`](linecard::device::TxQueue::reclaim); if neither comes, because the program could
    /// not be set up, an old file is as it was and a new one is removed.
    ///
    /// # Errors
    ///
    /// [`OpenError::Create`].
    pub fn output_file(mut self, path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let output = Output::to_file(path).map_err(|source| OpenError::Create {
            path: path.to_owned(),
            source,
        })?;
        self.output = Arc::new(Mutex::new(Some(output)));
        Ok(self)
    }

    /// The time in nanoseconds since 1970 at which the clock stands at zero: added to the clock
    /// for the timestamps of the output. 0 if it is not set.
    #[must_use]
    pub fn epoch(mut self, nanoseconds: u64) -> Self {
        self.epoch = nanoseconds;
        self
    }

    /// The port's Ethernet address. Packets of links without addresses are addressed to it.
    /// `02:70:63:61:70:01` if it is not set.
    #[must_use]
    pub fn mac_address(mut self, mac: MacAddr) -> Self {
        self.mac = mac;
        self
    }

    /// The longest layer-3 packet in bytes that is sent; longer ones are received nevertheless.
    /// 1,500 if it is not set.
    #[must_use]
    pub fn max_packet(mut self, mtu: usize) -> Self {
        self.mtu = mtu;
        self
    }

    /// The error that ended the output. To be asked when the queue has been dropped, which
    /// writes out what was buffered; while it is open, failures are counted in
    /// [`TxStats::errors`](linecard::device::TxStats::errors).
    #[must_use]
    pub fn output_failed(&self) -> Option<io::ErrorKind> {
        let slot = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        slot.as_ref()?.failed()
    }
}

impl<'p, C: Clock + Clone + Send> Device<'p> for PcapDevice<C> {
    type Rx = PcapRx<C>;
    type Tx = PcapTx<C>;

    fn name(&self) -> &str {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            features: Features::TX_CHAINED,
            max_frame: self.mtu + LINK_HEADERS,
            ..Capabilities::default()
        }
    }

    fn link(&mut self) -> Link {
        Link::Up { mbits: None }
    }

    fn mac(&self) -> MacAddr {
        self.mac
    }

    fn mtu(&self) -> usize {
        self.mtu
    }

    fn open(
        &mut self,
        queue: u16,
        _cache: &mut Cache<'p>,
    ) -> Result<(Self::Rx, Self::Tx), DeviceError> {
        if queue != 0 {
            return Err(DeviceError::NoSuchQueue(queue));
        }
        let mut slot = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        let output = slot.take().ok_or(DeviceError::QueueTaken(queue))?;
        drop(slot);
        let rx = PcapRx::new(self.input.clone(), self.clock.clone(), self.mac);
        let max_frame = self.mtu + LINK_HEADERS;
        let home = Arc::clone(&self.output);
        let tx = PcapTx::new(output, home, self.clock.clone(), self.epoch, max_frame);
        Ok((rx, tx))
    }

    /// The input begins anew; the output goes on where it was.
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

impl<C> fmt::Debug for PcapDevice<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PcapDevice")
            .field("name", &self.name)
            .field("mac", &self.mac)
            .field("mtu", &self.mtu)
            .finish_non_exhaustive()
    }
}

impl Default for Repeat {
    fn default() -> Self {
        Self::Times(1)
    }
}

/// Locally administered: "pcap" and a one.
const DEFAULT_MAC: MacAddr = MacAddr([0x02, b'p', b'c', b'a', b'p', 1]);
/// Ethernet's own.
const DEFAULT_MTU: usize = 1500;
/// An Ethernet header with two VLAN tags.
const LINK_HEADERS: usize = 14 + 2 * 4;

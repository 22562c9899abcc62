//! A port: a device by its arguments, as the program sees it.

use core::marker::PhantomData;
use core::sync::atomic::Ordering;
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;

use linecard::device::{Capabilities, Device, DeviceError, Link};
use linecard::mempool::Cache;
use linecard::wire::MacAddr;

use crate::config::Config;
use crate::eal::{self, c_string};
use crate::error::Error;
use crate::ffi;
use crate::memory::Memory;
use crate::rss::RssState;
use crate::rx::Rx;
use crate::scope::Scope;
use crate::stamp::Timestamps;
use crate::state::PortState;
use crate::tx::Tx;
use crate::xstats;

/// An `rte_ethdev`.
///
/// A device by its arguments: `net_ring0`, `net_pcap0,rx_pcap=in.pcap,tx_pcap=out.pcap`,
/// `net_af_packet0,iface=eth1`, `0000:01:00.0`. Dropped, it is closed when its queues are dropped
/// too; a device of software is taken away.
///
/// ```no_run
/// use linecard::device::Device;
/// # fn example(memory: linecard_dpdk::Memory) -> Result<(), linecard_dpdk::Error> {
/// use linecard_dpdk::{Config, Port};
/// let port = Port::new(&memory, "net_af_packet0,iface=eth1", Config::default())?;
/// assert_eq!(port.name(), "dpdk:net_af_packet0");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Port<'p> {
    name: String,
    state: Arc<PortState>,
    _pool: PhantomData<&'p ()>,
}

impl<'p> Port<'p> {
    /// Plugs a device in and sets it up.
    ///
    /// # Errors
    ///
    /// [`Error::Device`], [`Error::PortTaken`], [`Error::Queues`], [`Error::MtuOverFrame`],
    /// [`Error::TooFewFrames`], [`Error::Setup`], [`Error::Argument`], and of a chosen [`Rss`](crate::Rss)
    /// [`Error::NoRss`], [`Error::RssFields`], [`Error::RssKey`], [`Error::RssFunction`],
    /// [`Error::NoRssTable`].
    pub fn new(memory: &Memory, device: &str, config: Config) -> Result<Self, Error> {
        let name = device.split(',').next().unwrap_or(device);
        let arguments = c_string(device.into())?;
        let c_name = c_string(name.into())?;
        let mut id = 0;
        let errno = {
            let _control = eal::control();
            let mut scope = Scope::uncached(memory.shared());
            // SAFETY: both are strings, and `id` takes a number.
            scope.enter(&[], || unsafe {
                ffi::lc_dpdk_probe(arguments.as_ptr(), c_name.as_ptr(), &raw mut id)
            })
        };
        match errno {
            0 => {}
            libc::EEXIST => return Err(Error::PortTaken(name.into())),
            errno => {
                return Err(Error::Device {
                    device: device.into(),
                    errno,
                });
            }
        }
        Self::set_up(memory, id, name, config)
    }

    /// A port that is there already.
    pub(crate) fn set_up(
        memory: &Memory,
        id: u16,
        name: &str,
        config: Config,
    ) -> Result<Self, Error> {
        let state = PortState::new(memory, id, config).inspect_err(|_| {
            let _control = eal::control();
            let mut scope = Scope::uncached(memory.shared());
            // SAFETY: nobody else has this port: its number was not given to anybody.
            scope.enter(&[], || unsafe { ffi::lc_dpdk_close(id) });
        })?;
        Ok(Self {
            name: std::format!("dpdk:{name}"),
            state: Arc::new(state),
            _pool: PhantomData,
        })
    }

    #[cfg(feature = "test-utils")]
    pub(crate) fn state(&self) -> &PortState {
        &self.state
    }

    /// The memory that its frames are in.
    #[must_use]
    pub fn memory(&self) -> &Memory {
        &self.state.memory
    }

    /// How the device spreads packets over its queues, as it says itself. Chosen keys and tables are
    /// there from when the first queue is opened.
    #[must_use]
    pub fn rss(&self) -> RssState {
        self.state.rss()
    }

    /// Reads when packets were received, of a port that was set up with [`Config::timestamps`]. It finds
    /// a time where the device gives one: as the offload `RTE_ETH_RX_OFFLOAD_TIMESTAMP`, or without
    /// saying that it can, as `net_pcap` does.
    #[must_use]
    pub fn timestamps(&self) -> Option<Timestamps> {
        let field = self.state.stamps?;
        Some(Timestamps::new(self.state.memory.shared(), field))
    }

    /// The device's own statistics, each by its name. These are in the queues' too, under queue 0:
    ///
    /// | the device's | ours |
    /// |---|---|
    /// | `rx_missed_errors` (`imissed`) | [`RxStats::missed`](linecard::device::RxStats::missed) |
    /// | `rx_oversize_errors`, `rx_jabber_errors` | [`RxStats::oversize`](linecard::device::RxStats::oversize) |
    /// | `rx_undersize_errors`, `rx_fragment_errors`, `rx_fragmented_errors` | [`RxStats::truncated`](linecard::device::RxStats::truncated) |
    /// | what is left of `rx_errors` (`ierrors`) | [`RxStats::errors`](linecard::device::RxStats::errors) |
    /// | `tx_errors` (`oerrors`) | [`TxStats::errors`](linecard::device::TxStats::errors), and no longer in `packets` |
    ///
    /// Packets and bytes are counted here, where they are handed over, and so are frames that there
    /// were not (`rx_mbuf_allocation_errors`). All others have no counter of ours.
    #[must_use]
    pub fn xstats(&self) -> Vec<(String, u64)> {
        xstats::list(self.state.id)
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
            features: self.state.features,
            queues: self.state.queues,
            tx_depth: self.state.tx_ring.into(),
            rx_depth: self.state.rx_ring.into(),
            max_frame: self.state.max_frame,
        }
    }

    fn link(&mut self) -> Link {
        let mut mbits = 0;
        let up = ffi::lc_dpdk_link(self.state.id, &mut mbits) != 0;
        self.state.down.store(!up, Ordering::Relaxed);
        match up {
            false => Link::Down,
            true => Link::Up {
                mbits: (mbits != 0).then_some(mbits),
            },
        }
    }

    fn mac(&self) -> MacAddr {
        let mut mac = [0; 6];
        let _ = ffi::lc_dpdk_mac(self.state.id, &mut mac);
        MacAddr(mac)
    }

    fn mtu(&self) -> usize {
        self.state.mtu.into()
    }

    fn open(&mut self, queue: u16, cache: &mut Cache<'p>) -> Result<(Rx<'p>, Tx<'p>), DeviceError> {
        let state = &self.state;
        let name = self.name.strip_prefix("dpdk:").unwrap_or(&self.name);
        let [rx, tx] = state.open(queue, name, cache)?;
        let rx = Rx::new(Arc::clone(state), rx, tx, queue);
        let tx = Tx::new(Arc::clone(state), tx, queue);
        Ok((rx, tx))
    }

    /// Stops the port and starts it anew, which takes all of its queues: refused while another one
    /// is open.
    fn reset(
        &mut self,
        rx: Rx<'p>,
        tx: Tx<'p>,
        cache: &mut Cache<'p>,
    ) -> Result<(Rx<'p>, Tx<'p>), DeviceError> {
        let queue = rx.queue();
        drop((rx, tx));
        if self.state.is_started() {
            return Err(DeviceError::Refused("other queues of the port are open"));
        }
        self.open(queue, cache)
    }
}

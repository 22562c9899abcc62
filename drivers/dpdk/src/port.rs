//! A port: plugged in, set up, started with its first queue and stopped with its last.

use core::ffi::{CStr, c_char, c_void};
use core::marker::PhantomData;
use std::string::String;
use std::sync::{Arc, Mutex, PoisonError};
use std::vec::Vec;

use linecard::device::{Capabilities, Device, DeviceError, Features, Link};
use linecard::mempool::Cache;
use linecard::wire::MacAddr;

use crate::config::Config;
use crate::eal::{self, c_string};
use crate::error::Error;
use crate::ffi::{self, Info, Mbuf, Setup, Stats};
use crate::memory::Memory;
use crate::offload;
use crate::rx::Rx;
use crate::scope::Scope;
use crate::tx::Tx;

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
/// let port = Port::new(memory, "net_af_packet0,iface=eth1", Config::default())?;
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

/// What a port and its queues share.
#[derive(Debug)]
pub(crate) struct PortState {
    pub(crate) id: u16,
    pub(crate) memory: Memory,
    pub(crate) features: Features,
    pub(crate) max_frame: usize,
    mtu: u16,
    queues: u16,
    rx_ring: u16,
    tx_ring: u16,
    promiscuous: bool,
    /// Sends into memory from which it receives: what is there is taken out before it is closed.
    ring: bool,
    /// Where what it sends waits, if this process has the other end.
    #[cfg(feature = "test-utils")]
    pub(crate) far: std::sync::OnceLock<crate::rings::Far>,
    open: Mutex<Open>,
}

/// Which halves of queues live.
#[derive(Debug)]
struct Open {
    halves: Vec<(bool, bool)>,
    started: bool,
}

/// A half of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Half {
    Rx,
    Tx,
}

impl<'p> Port<'p> {
    /// Plugs a device in and sets it up.
    ///
    /// # Errors
    ///
    /// [`Error::Device`], [`Error::PortTaken`], [`Error::Queues`], [`Error::MtuOverFrame`],
    /// [`Error::Setup`], [`Error::Argument`].
    pub fn new(memory: Memory, device: &str, config: Config) -> Result<Self, Error> {
        let name = device.split(',').next().unwrap_or(device);
        let arguments = c_string(device.into())?;
        let c_name = c_string(name.into())?;
        let mut id = 0;
        let errno = {
            let _control = eal::control();
            let mut scope = Scope::uncached(memory.shared());
            // SAFETY: both are strings, and `id` takes a number.
            scope.enter(|| unsafe {
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
        memory: Memory,
        id: u16,
        name: &str,
        config: Config,
    ) -> Result<Self, Error> {
        let state = PortState::new(memory, id, config).inspect_err(|_| {
            let _control = eal::control();
            // SAFETY: nobody else has this port: its number was not given to anybody.
            unsafe { ffi::lc_dpdk_close(id) };
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
    pub fn memory(&self) -> Memory {
        self.state.memory
    }

    /// The device's own statistics, each by its name.
    #[must_use]
    pub fn xstats(&self) -> Vec<(String, u64)> {
        extern "C" fn each(list: *mut c_void, name: *const c_char, value: u64) {
            // SAFETY: it is the list that `xstats` below hands through, borrowed by nobody else.
            let list: &mut Vec<(String, u64)> = unsafe { &mut *list.cast() };
            // SAFETY: DPDK's names end with a zero.
            let name = unsafe { CStr::from_ptr(name) };
            list.push((name.to_string_lossy().into_owned(), value));
        }
        let mut room = 64_u32;
        loop {
            let mut list: Vec<(String, u64)> = Vec::new();
            let bytes = |each: u32| (room * each) as usize;
            let mut names = std::vec![0_u8; bytes(ffi::lc_dpdk_xstat_name_size())];
            let mut values = std::vec![0_u64; bytes(ffi::lc_dpdk_xstat_size()).div_ceil(8)];
            let argument = (&raw mut list).cast();
            let (names, values) = (names.as_mut_ptr(), values.as_mut_ptr());
            // SAFETY: there is room for as many names and values as is said, and `each` takes the
            // list.
            let count =
                unsafe { ffi::lc_dpdk_xstats(self.state.id, names, values, room, each, argument) };
            match u32::try_from(count) {
                Ok(count) if count > room && count <= MOST_XSTATS => room = count,
                _ => return list,
            }
        }
    }
}

impl PortState {
    fn new(memory: Memory, id: u16, config: Config) -> Result<Self, Error> {
        let _control = eal::control();
        let system = |call| move |errno| Error::Setup { call, errno };
        let mut info = Info::default();
        check(ffi::lc_dpdk_info(id, &mut info)).map_err(system("ask what the device can do"))?;
        let most = info.max_rx_queues.min(info.max_tx_queues);
        if config.queues == 0 || config.queues > most {
            return Err(Error::Queues {
                wanted: config.queues,
                most,
            });
        }
        let setup = wanted(&memory, id, &info, &config)?;
        let mut taken = setup;
        let mut step = 0;
        let mut scope = Scope::uncached(memory.shared());
        let mempool = memory.shared().mempool();
        // SAFETY: the port is this one's alone and stopped; the mempool lives for ever.
        let answer =
            scope.enter(|| unsafe { ffi::lc_dpdk_configure(id, &mut taken, mempool, &mut step) });
        check(answer).map_err(system(match step {
            1 => "configure the device",
            2 => "choose the rings' sizes",
            3 => "set up a receive queue",
            4 => "set up a transmit queue",
            _ => "ask what the device can do",
        }))?;
        let mut mtu = 0;
        check(ffi::lc_dpdk_mtu(id, &mut mtu)).map_err(system("ask for the MTU"))?;
        let driver = CStr::from_bytes_until_nul(&info.driver).unwrap_or_default();
        Ok(Self {
            id,
            memory,
            features: features_of(driver, &taken),
            max_frame: usize::from(mtu) + ETHERNET_HEADER,
            mtu,
            queues: config.queues,
            rx_ring: taken.rx_ring,
            tx_ring: taken.tx_ring,
            promiscuous: config.promiscuous,
            ring: driver == c"net_ring",
            #[cfg(feature = "test-utils")]
            far: std::sync::OnceLock::new(),
            open: Mutex::new(Open {
                halves: std::vec![(false, false); usize::from(config.queues)],
                started: false,
            }),
        })
    }

    /// What the device has counted.
    pub(crate) fn counters(&self) -> Stats {
        let mut stats = Stats::default();
        // A device that counts nothing has counted zero.
        let _ = ffi::lc_dpdk_stats(self.id, &mut stats);
        stats
    }

    /// A half of a queue is gone; with the last of all, the port stops.
    pub(crate) fn end(&self, queue: u16, half: Half) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((rx, tx)) = open.halves.get_mut(usize::from(queue)) {
            match half {
                Half::Rx => *rx = false,
                Half::Tx => *tx = false,
            }
        }
        if open.started && open.halves.iter().all(|&half| half == (false, false)) {
            open.started = false;
            let _control = eal::control();
            self.stop();
        }
    }

    fn stop(&self) {
        let mut scope = Scope::uncached(self.memory.shared());
        let id = self.id;
        if self.ring {
            let mut mbufs = [core::ptr::null_mut::<Mbuf>(); 32];
            let rings = usize::from(self.queues) * DRAINED;
            for at in 0..rings {
                let queue = (at % usize::from(self.queues)) as u16;
                // SAFETY: started, and no half of a queue is left but this; there is room for 32.
                let got = scope
                    .enter(|| unsafe { ffi::lc_dpdk_rx_burst(id, queue, mbufs.as_mut_ptr(), 32) });
                for &mbuf in mbufs.iter().take(usize::from(got)) {
                    // SAFETY: the driver has just handed it out.
                    scope.enter(|| unsafe { ffi::lc_dpdk_free_mbuf(mbuf) });
                }
            }
        }
        #[cfg(feature = "test-utils")]
        if let Some(far) = self.far.get() {
            far.drain(&mut scope);
        }
        // SAFETY: no half of a queue is left that could be in a burst.
        scope.enter(|| unsafe { ffi::lc_dpdk_stop(id) });
    }

    fn start(&self, open: &mut Open, cache: &mut Cache<'_>) -> Result<(), DeviceError> {
        if open.started {
            return Ok(());
        }
        let _control = eal::control();
        let shared = self.memory.shared();
        let mut scope = Scope::new(shared, shared.account(), cache);
        let answer = scope.enter(|| ffi::lc_dpdk_start(self.id, self.promiscuous.into()));
        let short = scope.no_frames > 0;
        drop(scope);
        match check(answer) {
            Ok(()) => {
                open.started = true;
                Ok(())
            }
            Err(_) if short => Err(DeviceError::TooFewFrames {
                wanted: usize::from(self.rx_ring) * usize::from(self.queues),
                free: shared.pool().free_frames() + cache.len(),
            }),
            Err(errno) => Err(DeviceError::System {
                call: "start the device",
                errno,
            }),
        }
    }
}

impl Drop for PortState {
    fn drop(&mut self) {
        let _control = eal::control();
        let mut scope = Scope::uncached(self.memory.shared());
        let id = self.id;
        // SAFETY: the port and its queues are gone, so that it is stopped and nobody uses it.
        scope.enter(|| unsafe { ffi::lc_dpdk_close(id) });
    }
}

/// What the program can expect of the port.
fn features_of(driver: &CStr, setup: &Setup) -> Features {
    let mut features = offload::features(setup.rx_offloads, setup.tx_offloads);
    // The kernel's sockets leave checksums to a device that there may not be (veth), and the
    // driver does not hand on what the kernel says of it.
    features.set(Features::RX_UNFINISHED, driver == c"net_af_packet");
    features
}

/// How the port is to be set up: what is wanted and what the device can do.
fn wanted(memory: &Memory, id: u16, info: &Info, config: &Config) -> Result<Setup, Error> {
    let mut current = 0;
    let _ = ffi::lc_dpdk_mtu(id, &mut current);
    let mtu = match (config.mtu, current) {
        (Some(mtu), _) => mtu,
        (None, 0) => ETHERNET_MTU,
        (None, mtu) => mtu,
    };
    let mut rx = 0;
    if config.offloads {
        rx |= offload::RX_CHECKSUM | offload::RX_HASH;
    }
    if config.vlan_strip {
        rx |= offload::RX_VLAN_STRIP;
    }
    let room = memory.max_receive();
    if usize::from(mtu) + LINK_HEADER > room {
        if info.rx_offloads & offload::RX_SCATTER == 0 {
            let most = room.saturating_sub(LINK_HEADER);
            return Err(Error::MtuOverFrame { mtu, most });
        }
        rx |= offload::RX_SCATTER;
    }
    let mut tx = offload::TX_MULTI;
    if config.offloads {
        tx |= offload::TX_CHECKSUM | offload::TX_VLAN;
    }
    let within = |ring: u16, most: u16| if most == 0 { ring } else { ring.min(most) };
    Ok(Setup {
        rx_offloads: rx & info.rx_offloads,
        tx_offloads: tx & info.tx_offloads,
        rss: info.rss,
        queues: config.queues,
        rx_ring: within(config.ring, info.max_rx_ring),
        tx_ring: within(config.ring, info.max_tx_ring),
        mtu,
        promiscuous: config.promiscuous.into(),
        pad: 0,
    })
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
        match ffi::lc_dpdk_link(self.state.id, &mut mbits) {
            0 => Link::Down,
            _ => Link::Up {
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
        let mut open = state.open.lock().unwrap_or_else(PoisonError::into_inner);
        match open.halves.get(usize::from(queue)) {
            None => return Err(DeviceError::NoSuchQueue(queue)),
            Some((false, false)) => {}
            Some(_) => return Err(DeviceError::QueueTaken(queue)),
        }
        let name = self.name.strip_prefix("dpdk:").unwrap_or(&self.name);
        let account = |way: &str| {
            let shared = state.memory.shared();
            shared
                .account_named(&std::format!("{name}.{queue} {way}"))
                .map_err(|_| DeviceError::TooManyAccounts)
        };
        let (rx_account, tx_account) = (account("rx")?, account("tx")?);
        state.start(&mut open, cache)?;
        if let Some(halves) = open.halves.get_mut(usize::from(queue)) {
            *halves = (true, true);
        }
        let rx = Rx::new(Arc::clone(state), rx_account, queue);
        let tx = Tx::new(Arc::clone(state), tx_account, queue);
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
        let started = {
            let open = self.state.open.lock();
            open.unwrap_or_else(PoisonError::into_inner).started
        };
        if started {
            return Err(DeviceError::Refused("other queues of the port are open"));
        }
        self.open(queue, cache)
    }
}

/// The error number of an answer of the shim's, if it is one.
fn check(answer: core::ffi::c_int) -> Result<(), i32> {
    match answer {
        0 => Ok(()),
        errno => Err(errno),
    }
}

/// Ethernet header and one VLAN tag, in bytes on top of the MTU.
const LINK_HEADER: usize = 18;

/// Ethernet header, in bytes.
const ETHERNET_HEADER: usize = 14;

/// RFC 894, in bytes.
const ETHERNET_MTU: u16 = 1500;

/// Bursts of 32 that are taken out of each ring of a `net_ring` before it is closed, which has
/// 65,536 places at most.
const DRAINED: usize = 2048;

/// Statistics that a device may have; more are not believed.
const MOST_XSTATS: u32 = 65_536;

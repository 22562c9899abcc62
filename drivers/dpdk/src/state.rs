//! A port's state, which its queues share: set up, started with the first queue and stopped with
//! the last.

use core::ffi::CStr;
use core::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::vec::Vec;

use linecard::device::{DeviceError, Features};
use linecard::mempool::{Cache, SharedAccount};

use crate::config::Config;
use crate::eal;
use crate::error::Error;
use crate::ffi::{self, Info, Mbuf, Setup};
use crate::memory::Memory;
use crate::offload;
use crate::rss::{Plan, RssFields, RssState};
use crate::scope::Scope;
use crate::stamp::Field;
use crate::xstats::{Counters, Parts};

/// What a port and its queues share.
#[derive(Debug)]
pub(crate) struct PortState {
    pub(crate) id: u16,
    pub(crate) memory: Memory,
    pub(crate) features: Features,
    pub(crate) max_frame: usize,
    pub(crate) mtu: u16,
    pub(crate) queues: u16,
    pub(crate) rx_ring: u16,
    pub(crate) tx_ring: u16,
    /// What the device took.
    setup: Setup,
    plan: Plan,
    /// What the device counts in more detail than it must.
    parts: Parts,
    /// Where its times are, if it gives any.
    pub(crate) stamps: Option<Field>,
    /// Its queues keep frames until they are released.
    keeps: bool,
    /// Its link was down when it was last asked.
    pub(crate) down: AtomicBool,
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
    /// Whether there are queues.
    configured: bool,
    /// The numbers of the queues' accounts.
    accounts: Vec<u8>,
    started: bool,
}

/// A half of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Half {
    Rx,
    Tx,
}

impl PortState {
    /// Sets up a port that nobody else has.
    pub(crate) fn new(memory: &Memory, id: u16, config: Config) -> Result<Self, Error> {
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
        let (mut taken, plan) = wanted(memory, id, &info, &config)?;
        // Registered first: drivers look for the field when they are set up or started. Some fill it in
        // and do not say so (`net_pcap`).
        let stamps = config.timestamps.then(Field::register).flatten();
        if stamps.is_none() {
            taken.rx_offloads &= !offload::RX_TIMESTAMP;
        }
        let mut scope = Scope::uncached(memory.shared());
        let answer = configure(id, &mut taken, memory, &mut scope);
        let short = scope.starved;
        answer.map_err(|(call, errno)| match short {
            true => Error::TooFewFrames {
                wanted: usize::from(taken.rx_ring) * usize::from(config.queues),
                free: memory.pool().free_frames(),
            },
            false => Error::Setup { call, errno },
        })?;
        let mut mtu = 0;
        check(ffi::lc_dpdk_mtu(id, &mut mtu)).map_err(system("ask for the MTU"))?;
        let driver = CStr::from_bytes_until_nul(&info.driver).unwrap_or_default();
        Ok(Self {
            id,
            memory: memory.clone(),
            features: features_of(driver, &taken),
            max_frame: usize::from(mtu) + ETHERNET_HEADER,
            mtu,
            queues: config.queues,
            rx_ring: taken.rx_ring,
            tx_ring: taken.tx_ring,
            stamps,
            setup: taken,
            plan,
            parts: Parts::of(id),
            keeps: driver == c"net_tap",
            down: AtomicBool::new(false),
            ring: driver == c"net_ring",
            #[cfg(feature = "test-utils")]
            far: std::sync::OnceLock::new(),
            open: Mutex::new(Open {
                halves: std::vec![(false, false); usize::from(config.queues)],
                configured: true,
                accounts: Vec::new(),
                started: false,
            }),
        })
    }

    /// Opens a queue, and starts the port if it is the first; gives the accounts of its halves, by
    /// the port's name.
    pub(crate) fn open(
        &self,
        queue: u16,
        name: &str,
        cache: &mut Cache<'_>,
    ) -> Result<[&'static SharedAccount<'static>; 2], DeviceError> {
        let mut open = self.lock();
        match open.halves.get(usize::from(queue)) {
            None => return Err(DeviceError::NoSuchQueue(queue)),
            Some((false, false)) => {}
            Some(_) => return Err(DeviceError::QueueTaken(queue)),
        }
        let shared = self.memory.shared();
        let account = |way: &str| {
            let account = shared.account_named(&std::format!("{name}.{queue} {way}"));
            account.map_err(|_| DeviceError::TooManyAccounts)
        };
        let accounts = [account("rx")?, account("tx")?];
        for number in accounts.map(|account| account.id().number()) {
            if !open.accounts.contains(&number) {
                open.accounts.push(number);
            }
        }
        self.start(&mut open, cache)?;
        if let Some(halves) = open.halves.get_mut(usize::from(queue)) {
            *halves = (true, true);
        }
        Ok(accounts)
    }

    /// Whether a half of a queue lives.
    pub(crate) fn is_started(&self) -> bool {
        self.lock().started
    }

    /// What the device has counted.
    pub(crate) fn counters(&self) -> Counters {
        Counters::read(self.id, &self.parts)
    }

    /// A half of a queue is gone; with the last of all, the port stops.
    pub(crate) fn end(&self, queue: u16, half: Half) {
        let mut open = self.lock();
        if let Some((rx, tx)) = open.halves.get_mut(usize::from(queue)) {
            match half {
                Half::Rx => *rx = false,
                Half::Tx => *tx = false,
            }
        }
        if open.started && open.halves.iter().all(|&half| half == (false, false)) {
            open.started = false;
            let _control = eal::control();
            self.stop(&open.accounts);
            if self.keeps {
                open.configured = false;
                self.release(&open.accounts);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // A thread that panicked while it held the lock has changed nothing by halves.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self, accounts: &[u8]) {
        let mut scope = Scope::uncached(self.memory.shared());
        let id = self.id;
        if self.ring {
            let mut mbufs = [core::ptr::null_mut::<Mbuf>(); 32];
            let rings = usize::from(self.queues) * DRAINED;
            for at in 0..rings {
                let queue = (at % usize::from(self.queues)) as u16;
                // SAFETY: started, and no half of a queue is left but this; there is room for 32.
                let (got, freed) = scope.burst(|mempool, kept| unsafe {
                    ffi::lc_dpdk_rx_burst(id, queue, mbufs.as_mut_ptr(), 32, mempool, kept)
                });
                self.memory.shared().settle_freed(freed, accounts);
                for &mbuf in mbufs.iter().take(got) {
                    // SAFETY: the driver has just handed it out.
                    scope.enter(accounts, || unsafe { ffi::lc_dpdk_free_mbuf(mbuf) });
                }
            }
        }
        #[cfg(feature = "test-utils")]
        if let Some(far) = self.far.get() {
            far.drain(&mut scope, accounts);
        }
        // SAFETY: no half of a queue is left that could be in a burst.
        scope.enter(accounts, || unsafe { ffi::lc_dpdk_stop(id) });
    }

    fn release(&self, accounts: &[u8]) {
        let mut scope = Scope::uncached(self.memory.shared());
        // SAFETY: the port is stopped, and no half of a queue is left.
        scope.enter(accounts, || unsafe {
            ffi::lc_dpdk_release(self.id, self.queues)
        });
    }

    fn start(&self, open: &mut Open, cache: &mut Cache<'_>) -> Result<(), DeviceError> {
        if open.started {
            return Ok(());
        }
        let _control = eal::control();
        let shared = self.memory.shared();
        let mut scope = Scope::new(shared, cache);
        let mut answer = match open.configured {
            true => Ok(()),
            false => configure(self.id, &mut { self.setup }, &self.memory, &mut scope),
        };
        if answer.is_ok() {
            open.configured = true;
            let promiscuous = core::ffi::c_int::from(self.setup.promiscuous != 0);
            let started = scope.enter(&open.accounts, || ffi::lc_dpdk_start(self.id, promiscuous));
            answer = check(started).map_err(|errno| ("start the device", errno));
        }
        let short = scope.starved;
        match answer {
            Ok(()) => {
                self.spread().inspect_err(|_| self.stop(&open.accounts))?;
                open.started = true;
                Ok(())
            }
            Err(_) if short => Err(DeviceError::TooFewFrames {
                wanted: usize::from(self.rx_ring) * usize::from(self.queues),
                free: shared.pool().free_frames() + cache.len(),
            }),
            Err((call, errno)) => Err(DeviceError::System { call, errno }),
        }
    }
}

impl PortState {
    /// Has the device spread packets as the program chose. Some drivers look at that when they are
    /// configured and forget it when they start, some look only now.
    fn spread(&self) -> Result<(), DeviceError> {
        if !self.plan.chosen {
            return Ok(());
        }
        let system = |call| move |errno| DeviceError::System { call, errno };
        let mut setup = self.setup;
        check(ffi::lc_dpdk_rss_update(self.id, &mut setup)).map_err(system("choose the hash"))?;
        match (self.plan.entries, self.plan.over) {
            (0, _) => Ok(()),
            (entries, over) => check(ffi::lc_dpdk_rss_spread(self.id, entries, over))
                .map_err(system("choose the queues of hashes")),
        }
    }

    /// How the device says that it spreads packets.
    pub(crate) fn rss(&self) -> RssState {
        let mut info = Info::default();
        let (mut fields, mut key, mut len) = (0, [0; ffi::MOST_KEY], 0);
        let _control = eal::control();
        // What a device does not say is empty.
        let _ = ffi::lc_dpdk_info(self.id, &mut info);
        let _ = ffi::lc_dpdk_rss_read(self.id, &mut fields, &mut key, &mut len);
        let mut table = std::vec![0; usize::from(info.table_size)];
        // SAFETY: there is room for as many entries as is said.
        let answer =
            unsafe { ffi::lc_dpdk_rss_table(self.id, table.as_mut_ptr(), info.table_size) };
        if answer != 0 {
            table.clear();
        }
        RssState {
            offered: RssFields::from_bits(info.rss),
            fields: RssFields::from_bits(fields),
            key: key.get(..len as usize).unwrap_or_default().into(),
            table,
        }
    }
}

impl Drop for PortState {
    fn drop(&mut self) {
        let _control = eal::control();
        let mut scope = Scope::uncached(self.memory.shared());
        let id = self.id;
        let open = self.open.get_mut().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the port and its queues are gone, so that it is stopped and nobody uses it.
        scope.enter(&open.accounts, || unsafe { ffi::lc_dpdk_close(id) });
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
fn wanted(memory: &Memory, id: u16, info: &Info, config: &Config) -> Result<(Setup, Plan), Error> {
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
    if config.timestamps {
        rx |= offload::RX_TIMESTAMP;
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
    // A device that puts down the hash wants to be told to compute it, of one queue too.
    let hash = rx & info.rx_offloads & offload::RX_HASH != 0;
    let plan = config.rss.plan(info, config.queues, hash)?;
    if plan.fields == 0 {
        rx &= !offload::RX_HASH;
    }
    let within = |ring: u16, most: u16| if most == 0 { ring } else { ring.min(most) };
    let setup = Setup {
        rx_offloads: rx & info.rx_offloads,
        tx_offloads: tx & info.tx_offloads,
        rss: plan.fields,
        queues: config.queues,
        rx_ring: within(config.ring, info.max_rx_ring),
        tx_ring: within(config.ring, info.max_tx_ring),
        mtu,
        promiscuous: config.promiscuous.into(),
        function: plan.function,
        key_len: plan.key_len.into(),
        pad: 0,
        key: plan.key,
    };
    Ok((setup, plan))
}

/// Sets up a stopped port and its queues; what the device took is written back. An error says what
/// was asked, and the system's number.
fn configure(
    id: u16,
    setup: &mut Setup,
    memory: &Memory,
    scope: &mut Scope,
) -> Result<(), (&'static str, i32)> {
    let mut step = 0;
    let mempool = memory.shared().mempool();
    // SAFETY: the port is the caller's alone and stopped; the mempool lives for as long as `memory`.
    let answer = scope.enter(&[], || unsafe {
        ffi::lc_dpdk_configure(id, setup, mempool, &mut step)
    });
    check(answer).map_err(|errno| {
        let call = match step {
            1 => "configure the device",
            2 => "choose the rings' sizes",
            3 => "set up a receive queue",
            4 => "set up a transmit queue",
            _ => "ask what the device can do",
        };
        (call, errno)
    })
}

/// The error number of an answer of the shim's, if it is one.
pub(crate) fn check(answer: core::ffi::c_int) -> Result<(), i32> {
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

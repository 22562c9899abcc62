//! The shim (`src/shim`), as Rust sees it.

use core::ffi::{c_char, c_int, c_uint, c_void};

/// A packet buffer of DPDK's; what of it is looked at is in `src/mbuf.rs`.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Mbuf {
    _opaque: [u8; 0],
}

/// DPDK's pool.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Mempool {
    _opaque: [u8; 0],
}

/// A ring of pointers.
#[cfg(feature = "test-utils")]
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Ring {
    _opaque: [u8; 0],
}

/// `struct lc_dpdk_layout`.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) owner: *const c_void,
    pub(crate) base: *mut u8,
    pub(crate) frames: u32,
    pub(crate) frame_size: u32,
    pub(crate) reserved: u32,
    pub(crate) colours: u32,
}
const _: () = assert!(size_of::<Layout>() == 32, "src/shim/shim.h");

/// `struct lc_dpdk_info`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Info {
    pub(crate) rx_offloads: u64,
    pub(crate) tx_offloads: u64,
    pub(crate) rss: u64,
    pub(crate) max_packet: u32,
    pub(crate) max_mtu: u16,
    pub(crate) min_mtu: u16,
    pub(crate) max_rx_queues: u16,
    pub(crate) max_tx_queues: u16,
    pub(crate) max_rx_ring: u16,
    pub(crate) max_tx_ring: u16,
    pub(crate) driver: [u8; 32],
    pub(crate) table_size: u16,
    pub(crate) key_size: u16,
    pub(crate) functions: u32,
}
const _: () = assert!(size_of::<Info>() == 80, "src/shim/shim.h");

/// `struct lc_dpdk_setup`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) rx_offloads: u64,
    pub(crate) tx_offloads: u64,
    pub(crate) rss: u64,
    pub(crate) queues: u16,
    pub(crate) rx_ring: u16,
    pub(crate) tx_ring: u16,
    pub(crate) mtu: u16,
    pub(crate) promiscuous: u32,
    pub(crate) function: u32,
    pub(crate) key_len: u32,
    pub(crate) pad: u32,
    pub(crate) key: Key,
}
const _: () = assert!(size_of::<Setup>() == 112, "src/shim/shim.h");

/// The key of a hash, which is for no log: who knows it can send everything to one queue.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key(pub(crate) [u8; MOST_KEY]);

impl core::fmt::Debug for Key {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Key(..)")
    }
}

/// Bytes of a hash's key at most (`LC_DPDK_KEY`).
pub(crate) const MOST_KEY: usize = 64;

/// `struct lc_dpdk_stats`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stats {
    pub(crate) missed: u64,
    pub(crate) rx_errors: u64,
    pub(crate) tx_errors: u64,
    pub(crate) no_mbuf: u64,
}

/// `struct lc_dpdk_kept`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Kept {
    pub(crate) lcore: u32,
    pub(crate) len: u32,
    pub(crate) more: i32,
}
const _: () = assert!(size_of::<Kept>() == 12, "src/shim/shim.h");

/// Mbufs at a time of [`churn`](crate::Memory::churn) (`LC_DPDK_CHURN` in `src/shim/mempool.c`).
#[cfg(feature = "test-utils")]
pub(crate) const CHURN: usize = 32;

/// What the statistics are handed to, one by one: the argument, a name, a value.
pub(crate) type EachXstat = extern "C" fn(*mut c_void, *const c_char, u64);

unsafe extern "C" {
    pub(crate) safe fn lc_dpdk_compiled() -> c_uint;
    pub(crate) safe fn lc_dpdk_found() -> c_uint;
    pub(crate) fn lc_dpdk_init(argc: c_int, argv: *mut *mut c_char) -> c_int;
    pub(crate) safe fn lc_dpdk_is_physical() -> c_int;
    pub(crate) safe fn lc_dpdk_folder() -> *const c_char;
    pub(crate) safe fn lc_dpdk_thread_register() -> c_int;
    pub(crate) safe fn lc_dpdk_lcore() -> c_uint;
    pub(crate) safe fn lc_dpdk_thread_unregister();
    pub(crate) fn lc_dpdk_probe(
        devargs: *const c_char,
        name: *const c_char,
        port: *mut u16,
    ) -> c_int;

    pub(crate) safe fn lc_dpdk_register_ops() -> c_int;
    pub(crate) fn lc_dpdk_register_memory(
        base: *mut u8,
        len: usize,
        page: usize,
        iovas: *mut u64,
    ) -> c_int;
    pub(crate) fn lc_dpdk_unregister_memory(base: *mut u8, len: usize) -> c_int;
    pub(crate) fn lc_dpdk_free_pool(pool: *mut Mempool);
    pub(crate) fn lc_dpdk_pool(
        name: *const c_char,
        layout: *mut Layout,
        error: *mut c_int,
    ) -> *mut Mempool;
    pub(crate) fn lc_dpdk_kept(pool: *mut Mempool, kept: &mut Kept);
    pub(crate) fn lc_dpdk_drain(
        pool: *mut Mempool,
        lcore: c_uint,
        mbufs: *mut *mut *mut Mbuf,
    ) -> c_uint;
    pub(crate) safe fn lc_dpdk_lcores() -> c_uint;
    pub(crate) fn lc_dpdk_free_mbuf(mbuf: *mut Mbuf);

    // A port's number that is none is refused by DPDK itself.
    pub(crate) safe fn lc_dpdk_info(port: u16, info: &mut Info) -> c_int;
    pub(crate) fn lc_dpdk_configure(
        port: u16,
        setup: &mut Setup,
        pool: *mut Mempool,
        step: &mut c_int,
    ) -> c_int;
    pub(crate) fn lc_dpdk_release(port: u16, queues: u16);
    pub(crate) safe fn lc_dpdk_start(port: u16, promiscuous: c_int) -> c_int;
    pub(crate) safe fn lc_dpdk_rss_update(port: u16, setup: &mut Setup) -> c_int;
    pub(crate) safe fn lc_dpdk_rss_spread(port: u16, entries: u16, over: u16) -> c_int;
    pub(crate) safe fn lc_dpdk_rss_read(
        port: u16,
        fields: &mut u64,
        key: &mut [u8; MOST_KEY],
        key_len: &mut u32,
    ) -> c_int;
    pub(crate) fn lc_dpdk_rss_table(port: u16, queues: *mut u16, entries: u16) -> c_int;
    pub(crate) fn lc_dpdk_stop(port: u16) -> c_int;
    pub(crate) fn lc_dpdk_close(port: u16) -> c_int;
    pub(crate) safe fn lc_dpdk_link(port: u16, mbits: &mut u32) -> c_int;
    pub(crate) safe fn lc_dpdk_mac(port: u16, mac: &mut [u8; 6]) -> c_int;
    pub(crate) safe fn lc_dpdk_mtu(port: u16, mtu: &mut u16) -> c_int;
    pub(crate) safe fn lc_dpdk_stats(port: u16, stats: &mut Stats) -> c_int;
    pub(crate) fn lc_dpdk_xstats(
        port: u16,
        names: *mut u8,
        values: *mut u64,
        room: c_uint,
        each: EachXstat,
        argument: *mut c_void,
    ) -> c_int;
    pub(crate) fn lc_dpdk_xstat_id(port: u16, name: *const c_char, id: &mut u64) -> c_int;
    pub(crate) fn lc_dpdk_xstats_by_id(
        port: u16,
        ids: *const u64,
        values: *mut u64,
        count: c_uint,
    ) -> c_int;
    pub(crate) safe fn lc_dpdk_timestamps(offset: &mut c_int, flag: &mut u64) -> c_int;
    pub(crate) safe fn lc_dpdk_xstat_name_size() -> c_uint;
    pub(crate) safe fn lc_dpdk_xstat_size() -> c_uint;

    pub(crate) fn lc_dpdk_rx_burst(
        port: u16,
        queue: u16,
        mbufs: *mut *mut Mbuf,
        count: u16,
        pool: *mut Mempool,
        kept: &mut Kept,
    ) -> u16;
    pub(crate) fn lc_dpdk_tx_burst(
        port: u16,
        queue: u16,
        mbufs: *mut *mut Mbuf,
        count: u16,
        pool: *mut Mempool,
        kept: &mut Kept,
    ) -> u16;
    pub(crate) fn lc_dpdk_tx_done(
        port: u16,
        queue: u16,
        pool: *mut Mempool,
        kept: &mut Kept,
    ) -> u16;
}

#[cfg(feature = "test-utils")]
unsafe extern "C" {
    pub(crate) fn lc_dpdk_alloc_burst(
        pool: *mut Mempool,
        mbufs: &mut [*mut Mbuf; CHURN],
        kept: &mut Kept,
    ) -> u16;
    pub(crate) fn lc_dpdk_free_each(
        pool: *mut Mempool,
        mbufs: &mut [*mut Mbuf; CHURN],
        kept: &mut Kept,
    ) -> u16;
    pub(crate) fn lc_dpdk_ring(name: *const c_char, count: c_uint) -> *mut Ring;
    pub(crate) fn lc_dpdk_ring_port(name: *const c_char, rx: *mut Ring, tx: *mut Ring) -> c_int;
    pub(crate) fn lc_dpdk_ring_put(
        ring: *mut Ring,
        pool: *mut Mempool,
        other: *mut Mempool,
        data: *const u8,
        len: u32,
        part: u32,
        found: &crate::found::Raw,
    ) -> c_int;
    pub(crate) fn lc_dpdk_ring_get(ring: *mut Ring, data: *mut u8, room: u32) -> i64;
}

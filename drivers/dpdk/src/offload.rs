//! Offloads by DPDK's bits (`RTE_ETH_RX_OFFLOAD_*`, `RTE_ETH_TX_OFFLOAD_*` in `rte_ethdev.h`;
//! `src/shim/port.c` asserts the values).

use linecard::device::Features;

pub(crate) const RX_VLAN_STRIP: u64 = 1 << 0;
pub(crate) const RX_CHECKSUM: u64 = 1 << 1 | 1 << 2 | 1 << 3;
pub(crate) const RX_SCATTER: u64 = 1 << 13;
pub(crate) const RX_TIMESTAMP: u64 = 1 << 14;
pub(crate) const RX_HASH: u64 = 1 << 19;
pub(crate) const TX_VLAN: u64 = 1 << 0;
/// UDP and TCP.
pub(crate) const TX_CHECKSUM: u64 = 1 << 2 | 1 << 3;
pub(crate) const TX_MULTI: u64 = 1 << 15;

/// What the offloads that are on mean to the program.
pub(crate) fn features(rx: u64, tx: u64) -> Features {
    let mut features = Features::empty();
    features.set(Features::RX_CHECKSUM, rx & RX_CHECKSUM != 0);
    features.set(Features::RX_HASH, rx & RX_HASH != 0);
    features.set(Features::RX_VLAN_STRIP, rx & RX_VLAN_STRIP != 0);
    features.set(Features::TX_VLAN, tx & TX_VLAN != 0);
    features.set(Features::TX_CHECKSUM, tx & TX_CHECKSUM == TX_CHECKSUM);
    features.set(Features::TX_CHAINED, tx & TX_MULTI != 0);
    // Any driver may hand over packets of several mbufs, and some (rings) never say so.
    features | Features::RX_CHAINED
}

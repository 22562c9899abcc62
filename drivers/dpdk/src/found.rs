//! What a device finds out about a packet, for tests that have no such device.

/// What the device in front of a [`RingPort`](crate::RingPort) is to have found out about a packet: nothing
/// by default.
///
/// ```
/// use linecard_dpdk::{Checksum, Found};
/// let found = Found { l4: Checksum::Bad, hash: Some(7), ..Found::default() };
/// assert_eq!(found.l3, Checksum::Unknown);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Of the IP header's checksum.
    pub l3: Checksum,
    /// Of the TCP or UDP checksum.
    pub l4: Checksum,
    /// The receive hash.
    pub hash: Option<u32>,
    /// The VLAN tag that it has taken off.
    pub vlan: Option<u16>,
}

/// What is known of a checksum.
///
/// ```
/// assert_eq!(linecard_dpdk::Checksum::default(), linecard_dpdk::Checksum::Unknown);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checksum {
    /// Nothing.
    #[default]
    Unknown,
    /// It is right.
    Good,
    /// It is wrong.
    Bad,
    /// The sender has left it to a device, and the packet is right: of layer 4 alone.
    Unfinished,
}

/// `struct lc_dpdk_found`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raw {
    l3: u32,
    l4: u32,
    hashed: u32,
    hash: u32,
    stripped: u32,
    vlan_tci: u32,
}
const _: () = assert!(size_of::<Raw>() == 24, "src/shim/shim.h");

impl From<Found> for Raw {
    fn from(found: Found) -> Self {
        let number = |checksum| match checksum {
            Checksum::Unknown => 0,
            Checksum::Good => 1,
            Checksum::Bad => 2,
            Checksum::Unfinished => 3,
        };
        Self {
            l3: number(found.l3),
            l4: number(found.l4),
            hashed: found.hash.is_some().into(),
            hash: found.hash.unwrap_or(0),
            stripped: found.vlan.is_some().into(),
            vlan_tci: found.vlan.unwrap_or(0).into(),
        }
    }
}

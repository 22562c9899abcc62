//! Spreading received packets over the queues by hash (VIRTIO 1.2, sections 5.1.6.5.6 and 5.1.6.5.7).

use linecard::wire::rss::{KEY_LEN, SYMMETRIC_KEY};

use super::NetError;
use super::adapter::Inner;
use super::control::Command;
use crate::{Features, Transport};

/// How packets are spread: by which hash, and to which pair by its lower bits.
///
/// ```
/// use linecard_virtio::net::RssConfig;
/// let even = RssConfig::even(3, 128);
/// assert_eq!(even.table().len(), 128);
/// assert_eq!(&even.table()[..4], [0, 1, 2, 0]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RssConfig {
    /// What is hashed, of what the device can: [`IPV4`](Self::IPV4) and so on.
    pub hash_types: u32,
    /// The Toeplitz key.
    pub key: [u8; KEY_LEN],
    /// The pair of packets that have no hash.
    pub unclassified: u16,
    table: [u16; MOST],
    len: u16,
}

impl RssConfig {
    /// `VIRTIO_NET_HASH_TYPE_IPv4` (section 5.1.6.4.3.1).
    pub const IPV4: u32 = 1;
    /// `VIRTIO_NET_HASH_TYPE_TCPv4`.
    pub const TCPV4: u32 = 1 << 1;
    /// `VIRTIO_NET_HASH_TYPE_UDPv4`.
    pub const UDPV4: u32 = 1 << 2;
    /// `VIRTIO_NET_HASH_TYPE_IPv6`.
    pub const IPV6: u32 = 1 << 3;
    /// `VIRTIO_NET_HASH_TYPE_TCPv6`.
    pub const TCPV6: u32 = 1 << 4;
    /// `VIRTIO_NET_HASH_TYPE_UDPv6`.
    pub const UDPV6: u32 = 1 << 5;
    /// All of these.
    pub const ALL: u32 = 0x3f;

    /// Spreads over `pairs` queues in turn, by addresses and ports, both directions of a flow to the
    /// same; the table has `longest` entries at most.
    #[must_use]
    pub fn even(pairs: u16, longest: u16) -> Self {
        let longest = longest.clamp(1, MOST as u16);
        let pairs = pairs.max(1);
        Self {
            hash_types: Self::ALL,
            key: SYMMETRIC_KEY,
            unclassified: 0,
            table: core::array::from_fn(|place| (place % usize::from(pairs)) as u16),
            len: 1 << longest.ilog2(),
        }
    }

    /// With a table of one's own; `None` unless its length is a power of two up to 256.
    #[must_use]
    pub fn with_table(mut self, table: &[u16]) -> Option<Self> {
        if !table.len().is_power_of_two() || table.len() > MOST {
            return None;
        }
        for (to, from) in self.table.iter_mut().zip(table) {
            *to = *from;
        }
        self.len = table.len() as u16;
        Some(self)
    }

    /// The pair by the lower bits of the hash.
    #[must_use]
    pub fn table(&self) -> &[u16] {
        self.table.get(..usize::from(self.len)).unwrap_or(&[])
    }
}

impl<T: Transport, const N: usize, const Q: usize> Inner<'_, T, N, Q> {
    /// `struct virtio_net_rss_config`.
    pub(super) fn configure_rss(&mut self, config: &RssConfig) -> Result<(), NetError> {
        let agreed = self.agreed;
        if !agreed.features.contains(Features::RSS) {
            return Err(NetError::NotNegotiated(Features::RSS));
        }
        let outside = config.table().iter().any(|&pair| pair >= agreed.pairs);
        if config.len > agreed.config.max_table || outside || config.unclassified >= agreed.pairs {
            return Err(NetError::HashConfig {
                key: agreed.config.max_key,
                table: agreed.config.max_table,
            });
        }
        let mut table = [0; 2 * MOST];
        let used = 2 * usize::from(config.len);
        for (bytes, pair) in table.as_chunks_mut::<2>().0.iter_mut().zip(config.table()) {
            *bytes = pair.to_le_bytes();
        }
        let types = config.hash_types & agreed.config.hash_types;
        let mask = config.len.wrapping_sub(1);
        // Entries count receive queues, of which each pair has one; `max_tx_vq` likewise.
        self.command(
            Command::RSS,
            &[
                &types.to_le_bytes(),
                &mask.to_le_bytes(),
                &config.unclassified.to_le_bytes(),
                table.get(..used).unwrap_or(&[]),
                &agreed.pairs.to_le_bytes(),
                &[KEY_LEN as u8],
                &config.key,
            ],
        )
    }

    /// `struct virtio_net_hash_config`: packets come with a hash, and are not spread by it.
    pub(super) fn configure_hash(&mut self) -> Result<(), NetError> {
        let types = RssConfig::ALL & self.agreed.config.hash_types;
        self.command(
            Command::HASH,
            &[
                &types.to_le_bytes(),
                &[0; 8],
                &[KEY_LEN as u8],
                &SYMMETRIC_KEY,
            ],
        )
    }
}

/// The longest table.
const MOST: usize = 256;

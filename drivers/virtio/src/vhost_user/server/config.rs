//! What a server offers its guest.

use std::path::PathBuf;

use linecard::wire::MacAddr;

use crate::Features;

/// How a [`Server`](super::Server) is set up.
///
/// ```
/// use linecard_virtio::vhost_user::ServerConfig;
/// let config = ServerConfig { queues: 2, ..ServerConfig::new("/run/vm0.sock") };
/// assert!(config.packed && config.mtu == 1500);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// The socket to listen at.
    pub path: PathBuf,
    /// Queue pairs: 1 to [`MAX_QUEUES`](Self::MAX_QUEUES).
    pub queues: u16,
    /// The port's own address, which is not the guest's.
    pub mac: MacAddr,
    /// The longest layer-3 packet, in bytes. One that does not fit a frame of the pool's comes as a
    /// chain of them, and goes over several of the guest's buffers where that is `mergeable`.
    pub mtu: usize,
    /// Offers packed rings (`VIRTIO_F_RING_PACKED`).
    pub packed: bool,
    /// Offers packets over several of the guest's buffers (`VIRTIO_NET_F_MRG_RXBUF`).
    pub mergeable: bool,
    /// Offers to leave checksums unfinished, either way (`VIRTIO_NET_F_CSUM`, `_GUEST_CSUM`).
    pub checksum: bool,
    /// Offers to use buffers in order (`VIRTIO_F_IN_ORDER`).
    pub in_order: bool,
    /// Offers tables of descriptors (`VIRTIO_F_INDIRECT_DESC`).
    pub indirect: bool,
    /// Offers event indices (`VIRTIO_F_EVENT_IDX`).
    pub event_idx: bool,
}

impl ServerConfig {
    /// Queue pairs that a guest can have at most: what vhost-user's eight bits of a queue's number
    /// leave.
    pub const MAX_QUEUES: u16 = 128;

    /// One queue pair, an MTU of 1,500, and every feature there is.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            queues: 1,
            mac: MacAddr([0x02, b'l', b'c', b'v', 0, 0]),
            mtu: 1500,
            packed: true,
            mergeable: true,
            checksum: true,
            in_order: true,
            indirect: true,
            event_idx: true,
        }
    }

    /// The features to be offered.
    pub(crate) fn features(&self) -> Features {
        let mut features = Features::VERSION_1 | Features::VHOST_USER_PROTOCOL;
        features.set(Features::RING_PACKED, self.packed);
        features.set(Features::MRG_RXBUF, self.mergeable);
        features.set(Features::CSUM | Features::GUEST_CSUM, self.checksum);
        features.set(Features::IN_ORDER, self.in_order);
        features.set(Features::INDIRECT_DESC, self.indirect);
        features.set(Features::EVENT_IDX, self.event_idx);
        features.set(Features::MQ, self.queues > 1);
        features
    }

    /// The longest frame: two VLAN tags come on top of the MTU at most.
    pub(crate) const fn max_frame(&self) -> usize {
        self.mtu.saturating_add(14 + 2 * 4)
    }
}

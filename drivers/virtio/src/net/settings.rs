//! How a port is set up.

use crate::Features;

/// How a port is set up.
///
/// ```
/// use linecard_virtio::{Features, net::Config};
/// let config = Config {
///     queues: 2,
///     require: Features::MQ,
///     ..Config::default()
/// };
/// assert!(config.accept.contains(Features::RING_PACKED), "where the device has them");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// Queue pairs to use, at most: those of the device and the adapter's `Q` are the other bounds.
    /// `MQ` and `RSS` are accepted for two or more.
    pub queues: u16,
    /// Descriptors of each queue, at most: the device's own limit and the adapter's `N` are the
    /// other bounds. Split rings get the next smaller power of two.
    pub depth: u16,
    /// Features to accept if they are offered; of those that this driver understands. `VERSION_1`,
    /// `ACCESS_PLATFORM` and `ORDER_PLATFORM` are accepted at any rate; `MRG_RXBUF` only where a
    /// packet of the MTU does not fit one frame, or where it is required.
    pub accept: Features,
    /// Features without which there is to be no port.
    pub require: Features,
    /// The MTU in bytes where the device does not say one.
    pub mtu: u16,
    /// Where split rings begin, for transports that can carry it (vhost-user): the counters of a
    /// test, or of a queue that goes on. Other transports begin at 0.
    pub start: u16,
}

impl Default for Config {
    /// One queue pair of 256 descriptors each way, an MTU of 1,500, and all features but hash reports,
    /// which make every header longer, and `NOTIFICATION_DATA`, of which only some devices make use.
    fn default() -> Self {
        Self {
            queues: 1,
            depth: 256,
            accept: Features::all()
                .difference(Features::HASH_REPORT)
                .difference(Features::NOTIFICATION_DATA),
            require: Features::empty(),
            mtu: 1500,
            start: 0,
        }
    }
}

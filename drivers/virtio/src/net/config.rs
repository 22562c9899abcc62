//! The configuration space of a network device (VIRTIO 1.2, section 5.1.4).

use crate::{Features, Transport, TransportError};

/// What a device says of itself. Fields that belong to a feature that was not negotiated are at
/// their defaults.
///
/// ```
/// use linecard_virtio::net::DeviceConfig;
/// assert_eq!(DeviceConfig::default().max_pairs, 1);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceConfig {
    /// Its Ethernet address (`VIRTIO_NET_F_MAC`).
    pub mac: Option<[u8; 6]>,
    /// [`LINK_UP`](Self::LINK_UP), [`ANNOUNCE`](Self::ANNOUNCE) (`VIRTIO_NET_F_STATUS`).
    pub status: u16,
    /// Queue pairs (`VIRTIO_NET_F_MQ` or `VIRTIO_NET_F_RSS`).
    pub max_pairs: u16,
    /// The largest MTU (`VIRTIO_NET_F_MTU`).
    pub mtu: Option<u16>,
    /// The link's speed in Mbit/s (`VIRTIO_NET_F_SPEED_DUPLEX`).
    pub mbits: Option<u32>,
    /// The longest key in bytes (`VIRTIO_NET_F_RSS`, `VIRTIO_NET_F_HASH_REPORT`).
    pub max_key: u8,
    /// The longest indirection table (`VIRTIO_NET_F_RSS`).
    pub max_table: u16,
    /// Kinds of hash (`VIRTIO_NET_F_RSS`, `VIRTIO_NET_F_HASH_REPORT`; section 5.1.6.4.3.1).
    pub hash_types: u32,
}

impl Default for DeviceConfig {
    fn default() -> Self {
        Self {
            mac: None,
            status: Self::LINK_UP,
            max_pairs: 1,
            mtu: None,
            mbits: None,
            max_key: 0,
            max_table: 0,
            hash_types: 0,
        }
    }
}

impl DeviceConfig {
    /// `VIRTIO_NET_S_LINK_UP`.
    pub const LINK_UP: u16 = 1;
    /// `VIRTIO_NET_S_ANNOUNCE`: the device asks for an announcement.
    pub const ANNOUNCE: u16 = 2;

    /// Where the fields are, in bytes from the start of the space.
    pub const MAC: usize = 0;
    /// See [`MAC`](Self::MAC).
    pub const STATUS: usize = 6;
    /// See [`MAC`](Self::MAC).
    pub const MAX_PAIRS: usize = 8;
    /// See [`MAC`](Self::MAC).
    pub const MTU: usize = 10;
    /// See [`MAC`](Self::MAC).
    pub const SPEED: usize = 12;
    /// See [`MAC`](Self::MAC).
    pub const MAX_KEY: usize = 17;
    /// See [`MAC`](Self::MAC).
    pub const MAX_TABLE: usize = 18;
    /// See [`MAC`](Self::MAC).
    pub const HASH_TYPES: usize = 20;
    /// Bytes of the space.
    pub const LEN: usize = 24;

    /// Reads what these features have, again until the generation stays the same over it.
    ///
    /// # Errors
    ///
    /// [`TransportError::TimedOut`] if the device changes it all the time.
    pub fn read<T: Transport>(
        transport: &mut T,
        features: Features,
    ) -> Result<Self, TransportError> {
        for _ in 0..ATTEMPTS {
            let before = transport.config_generation();
            let config = Self::read_once(transport, features)?;
            if transport.config_generation() == before {
                return Ok(config);
            }
            transport.pause();
        }
        Err(TransportError::TimedOut("settle its configuration"))
    }

    fn read_once<T: Transport>(
        transport: &mut T,
        features: Features,
    ) -> Result<Self, TransportError> {
        let mut config = Self::default();
        if features.contains(Features::MAC) {
            config.mac = Some(field(transport, Self::MAC)?);
        }
        if features.contains(Features::STATUS) {
            config.status = u16::from_le_bytes(field(transport, Self::STATUS)?);
        }
        if features.intersects(Features::MQ | Features::RSS) {
            config.max_pairs = u16::from_le_bytes(field(transport, Self::MAX_PAIRS)?);
        }
        if features.contains(Features::MTU) {
            config.mtu = Some(u16::from_le_bytes(field(transport, Self::MTU)?));
        }
        if features.contains(Features::SPEED_DUPLEX) {
            let speed = u32::from_le_bytes(field(transport, Self::SPEED)?);
            // Above that it is unknown (section 5.1.4).
            config.mbits = (speed <= i32::MAX as u32).then_some(speed);
        }
        if features.intersects(Features::RSS | Features::HASH_REPORT) {
            let [key] = field(transport, Self::MAX_KEY)?;
            config.max_key = key;
            config.max_table = u16::from_le_bytes(field(transport, Self::MAX_TABLE)?);
            config.hash_types = u32::from_le_bytes(field(transport, Self::HASH_TYPES)?);
        }
        Ok(config)
    }
}

fn field<T: Transport, const L: usize>(
    transport: &mut T,
    offset: usize,
) -> Result<[u8; L], TransportError> {
    let mut bytes = [0; L];
    transport.read_config(offset, &mut bytes)?;
    Ok(bytes)
}

/// Reads before a device that changes its configuration all the time is given up.
const ATTEMPTS: usize = 64;

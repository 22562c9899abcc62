//! Feature bits: what a device offers, and what a driver accepts.

use bitflags::bitflags;

bitflags! {
    /// Feature bits of a network device (VIRTIO 1.2, sections 5.1.3 and 6).
    ///
    /// Bits that this crate has no name for are kept when a device's offer is read, and never
    /// accepted.
    ///
    /// ```
    /// use linecard_virtio::Features;
    /// let offered = Features::from_bits_retain(1 << 32 | 1 << 5);
    /// assert_eq!(offered, Features::VERSION_1 | Features::MAC);
    /// ```
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct Features: u64 {
        /// `VIRTIO_NET_F_CSUM`: the device finishes checksums of packets sent.
        const CSUM = 1 << 0;
        /// `VIRTIO_NET_F_GUEST_CSUM`: packets received may have unfinished checksums.
        const GUEST_CSUM = 1 << 1;
        /// `VIRTIO_NET_F_CTRL_GUEST_OFFLOADS`: receive offloads can be switched.
        const CTRL_GUEST_OFFLOADS = 1 << 2;
        /// `VIRTIO_NET_F_MTU`: the device says the largest MTU.
        const MTU = 1 << 3;
        /// `VIRTIO_NET_F_MAC`: the device says its address.
        const MAC = 1 << 5;
        /// `VIRTIO_NET_F_GUEST_TSO4`: TCP/IPv4 segments larger than the MTU may be received.
        const GUEST_TSO4 = 1 << 7;
        /// `VIRTIO_NET_F_GUEST_TSO6`: the same of TCP/IPv6.
        const GUEST_TSO6 = 1 << 8;
        /// `VIRTIO_NET_F_GUEST_ECN`: such segments may have ECN.
        const GUEST_ECN = 1 << 9;
        /// `VIRTIO_NET_F_GUEST_UFO`: the same of UDP.
        const GUEST_UFO = 1 << 10;
        /// `VIRTIO_NET_F_HOST_TSO4`: the device cuts large TCP/IPv4 segments.
        const HOST_TSO4 = 1 << 11;
        /// `VIRTIO_NET_F_HOST_TSO6`: the same of TCP/IPv6.
        const HOST_TSO6 = 1 << 12;
        /// `VIRTIO_NET_F_HOST_ECN`: such segments may have ECN.
        const HOST_ECN = 1 << 13;
        /// `VIRTIO_NET_F_HOST_UFO`: the same of UDP.
        const HOST_UFO = 1 << 14;
        /// `VIRTIO_NET_F_MRG_RXBUF`: a packet received may be in several buffers.
        const MRG_RXBUF = 1 << 15;
        /// `VIRTIO_NET_F_STATUS`: the device says whether the link is up.
        const STATUS = 1 << 16;
        /// `VIRTIO_NET_F_CTRL_VQ`: there is a control queue.
        const CTRL_VQ = 1 << 17;
        /// `VIRTIO_NET_F_CTRL_RX`: promiscuous and all-multicast can be switched.
        const CTRL_RX = 1 << 18;
        /// `VIRTIO_NET_F_CTRL_VLAN`: VLANs are filtered.
        const CTRL_VLAN = 1 << 19;
        /// `VIRTIO_NET_F_GUEST_ANNOUNCE`: the device may ask for announcements.
        const GUEST_ANNOUNCE = 1 << 21;
        /// `VIRTIO_NET_F_MQ`: there are several queue pairs.
        const MQ = 1 << 22;
        /// `VIRTIO_NET_F_CTRL_MAC_ADDR`: the address is set by the control queue.
        const CTRL_MAC_ADDR = 1 << 23;
        /// `VIRTIO_F_NOTIFY_ON_EMPTY`: legacy; never accepted.
        const NOTIFY_ON_EMPTY = 1 << 24;
        /// `VIRTIO_F_ANY_LAYOUT`: legacy; never accepted.
        const ANY_LAYOUT = 1 << 27;
        /// `VIRTIO_F_INDIRECT_DESC`: descriptors may be in a table of their own.
        const INDIRECT_DESC = 1 << 28;
        /// `VIRTIO_F_EVENT_IDX`: notifications are suppressed by index.
        const EVENT_IDX = 1 << 29;
        /// `VHOST_USER_F_PROTOCOL_FEATURES`: between the ends of vhost-user alone.
        const VHOST_USER_PROTOCOL = 1 << 30;
        /// `VIRTIO_F_VERSION_1`: not legacy.
        const VERSION_1 = 1 << 32;
        /// `VIRTIO_F_ACCESS_PLATFORM`: the device's addresses are the platform's, as of an IOMMU.
        const ACCESS_PLATFORM = 1 << 33;
        /// `VIRTIO_F_RING_PACKED`: rings are packed.
        const RING_PACKED = 1 << 34;
        /// `VIRTIO_F_IN_ORDER`: buffers are used in the order in which they were made available.
        const IN_ORDER = 1 << 35;
        /// `VIRTIO_F_ORDER_PLATFORM`: memory is ordered as the platform orders it for devices.
        const ORDER_PLATFORM = 1 << 36;
        /// `VIRTIO_F_SR_IOV`.
        const SR_IOV = 1 << 37;
        /// `VIRTIO_F_NOTIFICATION_DATA`: a doorbell says how far the queue has come.
        const NOTIFICATION_DATA = 1 << 38;
        /// `VIRTIO_F_NOTIF_CONFIG_DATA`: the transport says what a doorbell is rung with.
        const NOTIF_CONFIG_DATA = 1 << 39;
        /// `VIRTIO_F_RING_RESET`: queues can be reset one by one.
        const RING_RESET = 1 << 40;
        /// `VIRTIO_NET_F_HOST_USO`: the device cuts large UDP packets.
        const HOST_USO = 1 << 56;
        /// `VIRTIO_NET_F_HASH_REPORT`: packets received come with their hash.
        const HASH_REPORT = 1 << 57;
        /// `VIRTIO_NET_F_GUEST_HDRLEN`.
        const GUEST_HDRLEN = 1 << 59;
        /// `VIRTIO_NET_F_RSS`: packets are spread over the queues by hash.
        const RSS = 1 << 60;
        /// `VIRTIO_NET_F_RSC_EXT`.
        const RSC_EXT = 1 << 61;
        /// `VIRTIO_NET_F_STANDBY`.
        const STANDBY = 1 << 62;
        /// `VIRTIO_NET_F_SPEED_DUPLEX`: the device says the link's speed.
        const SPEED_DUPLEX = 1 << 63;

        const _ = !0;
    }
}

impl Features {
    /// All that have a name here.
    #[must_use]
    pub(crate) fn all_named() -> Self {
        Self::all()
            .iter_names()
            .fold(Self::empty(), |all, (_, feature)| all | feature)
    }
}

bitflags! {
    /// The device status field (VIRTIO 1.2, section 2.1).
    ///
    /// ```
    /// use linecard_virtio::Status;
    /// assert_eq!((Status::ACKNOWLEDGE | Status::DRIVER).bits(), 3);
    /// ```
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct Status: u8 {
        /// The device was noticed.
        const ACKNOWLEDGE = 1;
        /// There is a driver for it.
        const DRIVER = 2;
        /// The driver is set up.
        const DRIVER_OK = 4;
        /// Features were agreed on.
        const FEATURES_OK = 8;
        /// The device is in a state that only a reset ends.
        const DEVICE_NEEDS_RESET = 64;
        /// The driver has given up.
        const FAILED = 128;

        const _ = !0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_without_a_name_survive() {
        let bits = 1 << 50 | 1 << 32;
        assert_eq!(Features::from_bits_retain(bits).bits(), bits);
        assert_eq!(Features::from_bits(bits).map(|all| all.bits()), Some(bits));
    }
}

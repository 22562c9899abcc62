//! Interfaces: rtnetlink, generic netlink, ethtool and the flags of an XDP attach.

/// Head of every netlink message.
#[doc(alias = "nlmsghdr")]
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct MessageHeader {
    pub(crate) len: u32,
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    pub(crate) seq: u32,
    pub(crate) pid: u32,
}
layout!(MessageHeader, size 16, len @ 0, kind @ 4, flags @ 6, seq @ 8, pid @ 12);

/// Body of a link message, in front of its attributes.
#[doc(alias = "ifinfomsg")]
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct InterfaceInfo {
    pub(crate) family: u8,
    pub(crate) pad: u8,
    pub(crate) device_type: u16,
    pub(crate) index: i32,
    pub(crate) flags: u32,
    pub(crate) change: u32,
}
layout!(InterfaceInfo, size 16, device_type @ 2, index @ 4, flags @ 8, change @ 12);

/// Who drives an interface and where it is plugged in.
#[doc(alias = "ethtool_drvinfo")]
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct DriverInfo {
    pub(crate) cmd: u32,
    pub(crate) driver: [u8; 32],
    pub(crate) version: [u8; 32],
    pub(crate) fw_version: [u8; 32],
    pub(crate) bus_info: [u8; 32],
    pub(crate) erom_version: [u8; 32],
    pub(crate) reserved2: [u8; 12],
    pub(crate) n_priv_flags: u32,
    pub(crate) n_stats: u32,
    pub(crate) testinfo_len: u32,
    pub(crate) eedump_len: u32,
    pub(crate) regdump_len: u32,
}
layout!(DriverInfo, size 196, driver @ 4, bus_info @ 100, n_stats @ 180);

/// How many queues an interface has.
#[doc(alias = "ethtool_channels")]
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct ChannelCounts {
    pub(crate) cmd: u32,
    pub(crate) max_rx: u32,
    pub(crate) max_tx: u32,
    pub(crate) max_other: u32,
    pub(crate) max_combined: u32,
    pub(crate) rx: u32,
    pub(crate) tx: u32,
    pub(crate) other: u32,
    pub(crate) combined: u32,
}
layout!(ChannelCounts, size 36, rx @ 20, tx @ 24, combined @ 32);

/// One on/off setting.
#[doc(alias = "ethtool_value")]
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct Value {
    pub(crate) cmd: u32,
    pub(crate) data: u32,
}
layout!(Value, size 8, cmd @ 0, data @ 4);

uapi! { "v6.1", "if_link.h":
    /// Generic mode: behind the `sk_buff`, on any interface.
    #[doc(alias = "XDP_FLAGS_SKB_MODE")]
    XDP_SKB_MODE: u32 = 1 << 1, "1286";
    /// Native mode: in the interface's driver.
    #[doc(alias = "XDP_FLAGS_DRV_MODE")]
    XDP_DRV_MODE: u32 = 1 << 2, "1287";
    /// Hardware address.
    IFLA_ADDRESS: u16 = 1, "298";
    /// Name, with its final zero.
    IFLA_IFNAME: u16 = 3, "300";
    /// Largest network-layer packet in bytes.
    IFLA_MTU: u16 = 4, "301";
    /// Nested: what kind of virtual interface.
    IFLA_LINKINFO: u16 = 18, "323";
    /// Transmit queues allocated.
    IFLA_NUM_TX_QUEUES: u16 = 31, "338";
    /// Receive queues allocated.
    IFLA_NUM_RX_QUEUES: u16 = 32, "339";
    /// Nested: the XDP program.
    IFLA_XDP: u16 = 43, "350";
    /// In `IFLA_LINKINFO`: the kind's name.
    IFLA_INFO_KIND: u16 = 1, "575";
    /// In `IFLA_XDP`: one byte, 0 when nothing is attached.
    IFLA_XDP_ATTACHED: u16 = 2, "1308";
}

uapi! { "v6.1", "if.h":
    /// Switched on by the administrator.
    #[doc(alias = "IFF_UP")]
    FLAG_UP: u32 = 1 << 0, "83";
    /// The wire carries a signal.
    #[doc(alias = "IFF_LOWER_UP")]
    FLAG_LOWER_UP: u32 = 1 << 16, "101";
}

uapi! { "v6.1", "rtnetlink.h":
    /// Asks for one.
    RTM_GETLINK: u16 = 18, "32";
}

uapi! { "v6.1", "netlink.h":
    /// Family of routes and links.
    NETLINK_ROUTE: i32 = 0, "9";
    /// Family of families.
    NETLINK_GENERIC: i32 = 16, "25";
    /// Set on every request.
    NLM_F_REQUEST: u16 = 1, "62";
    /// An answer that only carries an error number.
    NLMSG_ERROR: u16 = 2, "113";
    /// Bits of an attribute's type that are its number.
    NLA_TYPE_MASK: u16 = 0x3fff, "242";
}

uapi! { "v6.1", "genetlink.h":
    /// Family that knows the numbers of the others.
    GENL_ID_CTRL: u16 = 16, "30";
    /// Command: the number of a family.
    CTRL_CMD_GETFAMILY: u8 = 3, "44";
    /// A family's number.
    CTRL_ATTR_FAMILY_ID: u16 = 1, "59";
    /// A family's name.
    CTRL_ATTR_FAMILY_NAME: u16 = 2, "60";
}

uapi! { "0137891e74576f77a7901718dc0ce08ca074ae74", "netdev.h":
    /// Command: one device's XDP features.
    NETDEV_CMD_DEV_GET: u8 = 1, "191";
    /// The interface.
    NETDEV_A_DEV_IFINDEX: u16 = 1, "78";
    /// Its features: the bits below, 64 bits wide.
    NETDEV_A_DEV_XDP_FEATURES: u16 = 3, "80";
    /// Native XDP programs with pass and drop.
    #[doc(alias = "NETDEV_XDP_ACT_BASIC")]
    XDP_ACT_BASIC: u64 = 1, "29";
    /// Native redirect.
    #[doc(alias = "NETDEV_XDP_ACT_REDIRECT")]
    XDP_ACT_REDIRECT: u64 = 2, "30";
    /// AF_XDP without copies.
    #[doc(alias = "NETDEV_XDP_ACT_XSK_ZEROCOPY")]
    XDP_ACT_XSK_ZEROCOPY: u64 = 8, "32";
    /// Packets of several fragments.
    #[doc(alias = "NETDEV_XDP_ACT_RX_SG")]
    XDP_ACT_RX_SG: u64 = 32, "34";
}

uapi! { "v6.1", "ethtool.h":
    /// Who drives it.
    ETHTOOL_GDRVINFO: u32 = 0x03, "1543";
    /// Whether packets are merged on receive.
    ETHTOOL_GGRO: u32 = 0x2b, "1587";
    /// Whether packets are to be merged on receive.
    ETHTOOL_SGRO: u32 = 0x2c, "1588";
    /// How many queues.
    ETHTOOL_GCHANNELS: u32 = 0x3c, "1605";
}

uapi! { "v6.1", "sockios.h":
    /// The ethtool request.
    SIOCETHTOOL: u32 = 0x8946, "102";
}

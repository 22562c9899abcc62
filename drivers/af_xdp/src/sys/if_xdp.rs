//! AF_XDP sockets: [`include/uapi/linux/if_xdp.h`][header] of Linux 6.18.
//!
//! [header]: https://github.com/torvalds/linux/blob/v6.18/include/uapi/linux/if_xdp.h

/// Address of a socket: which queue of which interface.
#[doc(alias = "sockaddr_xdp")]
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct SockaddrXdp {
    pub(crate) family: u16,
    pub(crate) flags: u16,
    pub(crate) ifindex: u32,
    pub(crate) queue_id: u32,
    pub(crate) shared_umem_fd: u32,
}
layout!(SockaddrXdp, size 16, family @ 0, flags @ 2, ifindex @ 4, queue_id @ 8, shared_umem_fd @ 12);

/// Where the parts of one ring lie in its mapping, in bytes.
#[doc(alias = "xdp_ring_offset")]
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct RingOffset {
    pub(crate) producer: u64,
    pub(crate) consumer: u64,
    pub(crate) desc: u64,
    pub(crate) flags: u64,
}
layout!(RingOffset, size 32, producer @ 0, consumer @ 8, desc @ 16, flags @ 24);

/// [`RingOffset`] of the four rings.
#[doc(alias = "xdp_mmap_offsets")]
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct MmapOffsets {
    pub(crate) rx: RingOffset,
    pub(crate) tx: RingOffset,
    pub(crate) fill: RingOffset,
    pub(crate) completion: RingOffset,
}
layout!(MmapOffsets, size 128, rx @ 0, tx @ 32, fill @ 64, completion @ 96);

/// Registration of memory as UMEM.
#[doc(alias = "xdp_umem_reg")]
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct UmemReg {
    /// Start of the region; page-aligned.
    pub(crate) addr: u64,
    /// Bytes; a multiple of `chunk_size`.
    pub(crate) len: u64,
    /// Bytes per frame; a power of two from 2048 to the page size.
    pub(crate) chunk_size: u32,
    /// Bytes the kernel leaves alone at the start of a frame, besides its own 256.
    pub(crate) headroom: u32,
    pub(crate) flags: u32,
    pub(crate) tx_metadata_len: u32,
}
layout!(UmemReg, size 32, addr @ 0, len @ 8, chunk_size @ 16, headroom @ 20, flags @ 24, tx_metadata_len @ 28);

/// What the kernel counts for a socket since it was made.
#[doc(alias = "xdp_statistics")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Statistics {
    pub(crate) rx_dropped: u64,
    pub(crate) rx_invalid_descs: u64,
    pub(crate) tx_invalid_descs: u64,
    pub(crate) rx_ring_full: u64,
    pub(crate) rx_fill_ring_empty_descs: u64,
    pub(crate) tx_ring_empty_descs: u64,
}
layout!(
    Statistics, size 48, rx_dropped @ 0, rx_invalid_descs @ 8, tx_invalid_descs @ 16,
    rx_ring_full @ 24, rx_fill_ring_empty_descs @ 32, tx_ring_empty_descs @ 40,
);

/// How a bound socket works.
#[doc(alias = "xdp_options")]
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct Options {
    pub(crate) flags: u32,
}
layout!(Options, size 4, flags @ 0);

/// One entry of a receive or transmit ring. (An entry of a fill or completion ring is a `u64`.)
#[doc(alias = "xdp_desc")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Desc {
    /// Offset of the first data byte in the UMEM.
    pub(crate) addr: u64,
    /// Bytes of data.
    pub(crate) len: u32,
    /// [`PKT_CONTD`] or 0.
    pub(crate) options: u32,
}
layout!(Desc, size 16, addr @ 0, len @ 8, options @ 12);

uapi! { "v6.18", "if_xdp.h":
    /// Bind with the UMEM of another socket; excludes every other flag.
    #[doc(alias = "XDP_SHARED_UMEM")]
    BIND_SHARED_UMEM: u16 = 1 << 0, "16";
    /// Copy mode, even where zero-copy would be possible.
    #[doc(alias = "XDP_COPY")]
    BIND_COPY: u16 = 1 << 1, "17";
    /// Zero-copy mode or nothing.
    #[doc(alias = "XDP_ZEROCOPY")]
    BIND_ZEROCOPY: u16 = 1 << 2, "18";
    /// The kernel may sleep and says so in the ring's flags.
    #[doc(alias = "XDP_USE_NEED_WAKEUP")]
    BIND_USE_NEED_WAKEUP: u16 = 1 << 3, "27";
    /// In a ring's flags: the kernel sleeps and wants a system call.
    #[doc(alias = "XDP_RING_NEED_WAKEUP")]
    RING_NEED_WAKEUP: u32 = 1 << 0, "57";
    /// `getsockopt`: [`MmapOffsets`].
    #[doc(alias = "XDP_MMAP_OFFSETS")]
    MMAP_OFFSETS: i32 = 1, "74";
    /// `setsockopt`: entries of the receive ring.
    #[doc(alias = "XDP_RX_RING")]
    RX_RING: i32 = 2, "75";
    /// `setsockopt`: entries of the transmit ring.
    #[doc(alias = "XDP_TX_RING")]
    TX_RING: i32 = 3, "76";
    /// `setsockopt`: [`UmemReg`].
    #[doc(alias = "XDP_UMEM_REG")]
    UMEM_REG: i32 = 4, "77";
    /// `setsockopt`: entries of the fill ring.
    #[doc(alias = "XDP_UMEM_FILL_RING")]
    UMEM_FILL_RING: i32 = 5, "78";
    /// `setsockopt`: entries of the completion ring.
    #[doc(alias = "XDP_UMEM_COMPLETION_RING")]
    UMEM_COMPLETION_RING: i32 = 6, "79";
    /// `getsockopt`: [`Statistics`].
    #[doc(alias = "XDP_STATISTICS")]
    STATISTICS: i32 = 7, "80";
    /// `getsockopt`: [`Options`].
    #[doc(alias = "XDP_OPTIONS")]
    OPTIONS: i32 = 8, "81";
    /// `setsockopt`: descriptors that one `sendto` moves in copy mode, 32 unless raised (6.17).
    #[doc(alias = "XDP_MAX_TX_SKB_BUDGET")]
    MAX_TX_SKB_BUDGET: i32 = 9, "82";
    /// In [`Options`]: the socket is in zero-copy mode.
    #[doc(alias = "XDP_OPTIONS_ZEROCOPY")]
    OPTIONS_ZEROCOPY: u32 = 1 << 0, "107";
    /// Offset at which `mmap` finds the receive ring.
    #[doc(alias = "XDP_PGOFF_RX_RING")]
    PGOFF_RX_RING: i64 = 0, "110";
    /// Offset at which `mmap` finds the transmit ring.
    #[doc(alias = "XDP_PGOFF_TX_RING")]
    PGOFF_TX_RING: i64 = 0x8000_0000, "111";
    /// Offset at which `mmap` finds the fill ring.
    #[doc(alias = "XDP_UMEM_PGOFF_FILL_RING")]
    PGOFF_FILL_RING: i64 = 0x1_0000_0000, "112";
    /// Offset at which `mmap` finds the completion ring.
    #[doc(alias = "XDP_UMEM_PGOFF_COMPLETION_RING")]
    PGOFF_COMPLETION_RING: i64 = 0x1_8000_0000, "113";
    /// In [`Desc::options`]: the packet goes on in the next descriptor.
    #[doc(alias = "XDP_PKT_CONTD")]
    PKT_CONTD: u32 = 1 << 0, "179";
}

/// Bytes the kernel keeps in front of received data, besides the UMEM's own headroom.
///
/// [`bpf.h:6082`](https://github.com/torvalds/linux/blob/v6.1/include/uapi/linux/bpf.h#L6082)
#[doc(alias = "XDP_PACKET_HEADROOM")]
pub(crate) const PACKET_HEADROOM: u32 = 256;

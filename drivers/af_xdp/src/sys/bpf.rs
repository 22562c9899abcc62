//! Maps, programs and links: [`include/uapi/linux/bpf.h`][header] of Linux 6.1.
//!
//! `bpf(2)` takes one union whose members only grow at the end; each command here gets a structure
//! of its own, cut off behind the last field this crate uses. The kernel takes a shorter one and
//! reads the rest as zero.
//!
//! [header]: https://github.com/torvalds/linux/blob/v6.1/include/uapi/linux/bpf.h

/// One instruction.
#[doc(alias = "bpf_insn")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Insn {
    pub(crate) code: u8,
    /// Destination register in the low four bits, source register in the high four.
    ///
    /// The header has a bit field here, and a compiler for a big-endian machine lays it the other
    /// way round: see [`Insn::new`].
    pub(crate) regs: u8,
    pub(crate) off: i16,
    pub(crate) imm: i32,
}
layout!(Insn, size 8, code @ 0, regs @ 1, off @ 2, imm @ 4);

impl Insn {
    /// An instruction from its parts.
    pub(crate) const fn new(code: u8, dst: u8, src: u8, off: i16, imm: i32) -> Self {
        let regs = if cfg!(target_endian = "little") {
            (src << 4) | (dst & 0x0f)
        } else {
            (dst << 4) | (src & 0x0f)
        };
        Self {
            code,
            regs,
            off,
            imm,
        }
    }
}

/// Argument of [`MAP_CREATE`].
#[doc(alias = "bpf_attr")]
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct MapCreate {
    pub(crate) map_type: u32,
    pub(crate) key_size: u32,
    pub(crate) value_size: u32,
    pub(crate) max_entries: u32,
    pub(crate) map_flags: u32,
    pub(crate) inner_map_fd: u32,
    pub(crate) numa_node: u32,
    pub(crate) map_name: [u8; OBJ_NAME_LEN],
}
layout!(MapCreate, size 44, map_type @ 0, max_entries @ 12, numa_node @ 24, map_name @ 28);

/// Argument of [`MAP_UPDATE_ELEM`] and [`MAP_DELETE_ELEM`].
#[doc(alias = "bpf_attr")]
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct MapElem {
    pub(crate) map_fd: u32,
    pub(crate) pad: u32,
    pub(crate) key: u64,
    pub(crate) value: u64,
    pub(crate) flags: u64,
}
layout!(MapElem, size 32, map_fd @ 0, key @ 8, value @ 16, flags @ 24);

/// Argument of [`PROG_LOAD`].
#[doc(alias = "bpf_attr")]
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct ProgLoad {
    pub(crate) prog_type: u32,
    pub(crate) insn_cnt: u32,
    pub(crate) insns: u64,
    pub(crate) license: u64,
    pub(crate) log_level: u32,
    pub(crate) log_size: u32,
    pub(crate) log_buf: u64,
    pub(crate) kern_version: u32,
    pub(crate) prog_flags: u32,
    pub(crate) prog_name: [u8; OBJ_NAME_LEN],
    pub(crate) prog_ifindex: u32,
    pub(crate) expected_attach_type: u32,
}
layout!(
    ProgLoad, size 72, prog_type @ 0, insn_cnt @ 4, insns @ 8, license @ 16, log_level @ 24,
    log_size @ 28, log_buf @ 32, kern_version @ 40, prog_flags @ 44, prog_name @ 48,
    prog_ifindex @ 64, expected_attach_type @ 68,
);

/// Argument of [`LINK_DETACH`].
#[doc(alias = "bpf_attr")]
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct LinkDetach {
    pub(crate) link_fd: u32,
}
layout!(LinkDetach, size 4, link_fd @ 0);

/// Argument of [`LINK_CREATE`].
#[doc(alias = "bpf_attr")]
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct LinkCreate {
    pub(crate) prog_fd: u32,
    pub(crate) target_ifindex: u32,
    pub(crate) attach_type: u32,
    pub(crate) flags: u32,
}
layout!(LinkCreate, size 16, prog_fd @ 0, target_ifindex @ 4, attach_type @ 8, flags @ 12);

uapi! { "v6.1", "bpf.h":
    /// Length of a name, with its final zero.
    #[doc(alias = "BPF_OBJ_NAME_LEN")]
    OBJ_NAME_LEN: usize = 16, "1317";
    /// Command: make a map.
    #[doc(alias = "BPF_MAP_CREATE")]
    MAP_CREATE: u32 = 0, "883";
    /// Command: set an entry.
    #[doc(alias = "BPF_MAP_UPDATE_ELEM")]
    MAP_UPDATE_ELEM: u32 = 2, "885";
    /// Command: clear an entry.
    #[doc(alias = "BPF_MAP_DELETE_ELEM")]
    MAP_DELETE_ELEM: u32 = 3, "886";
    /// Command: check and load a program.
    #[doc(alias = "BPF_PROG_LOAD")]
    PROG_LOAD: u32 = 5, "888";
    /// Command: attach a program for as long as the returned descriptor lives.
    #[doc(alias = "BPF_LINK_CREATE")]
    LINK_CREATE: u32 = 28, "912";
    /// Command: take a link's program off, whoever else holds the link.
    #[doc(alias = "BPF_LINK_DETACH")]
    LINK_DETACH: u32 = 34, "918";
    /// Map of AF_XDP sockets by receive queue.
    #[doc(alias = "BPF_MAP_TYPE_XSKMAP")]
    MAP_TYPE_XSKMAP: u32 = 17, "940";
    /// Program that sees packets before the kernel makes an `sk_buff` of them.
    #[doc(alias = "BPF_PROG_TYPE_XDP")]
    PROG_TYPE_XDP: u32 = 6, "972";
    /// Attach type of an XDP program.
    #[doc(alias = "BPF_XDP")]
    ATTACH_XDP: u32 = 37, "1038";
    /// The program takes packets of several fragments.
    #[doc(alias = "BPF_F_XDP_HAS_FRAGS")]
    F_XDP_HAS_FRAGS: u32 = 1 << 5, "1166";
    /// Source register of a 64-bit load whose immediate is a map's descriptor.
    #[doc(alias = "BPF_PSEUDO_MAP_FD")]
    PSEUDO_MAP_FD: u8 = 1, "1184";
    /// Helper `redirect_map(map, key, flags)`.
    #[doc(alias = "BPF_FUNC_redirect_map")]
    FUNC_REDIRECT_MAP: i32 = 51, "5530";
    /// Verdict: on to the kernel's network stack.
    XDP_PASS: i32 = 2, "6092";
    /// Where `struct xdp_md` has the receive queue's number.
    #[doc(alias = "xdp_md")]
    XDP_MD_RX_QUEUE_INDEX: i16 = 16, "6106";
    /// 64-bit arithmetic.
    #[doc(alias = "BPF_ALU64")]
    ALU64: u8 = 0x07, "18";
    /// Move.
    #[doc(alias = "BPF_MOV")]
    MOV: u8 = 0xb0, "26";
    /// Call a helper.
    #[doc(alias = "BPF_CALL")]
    CALL: u8 = 0x80, "44";
    /// Return.
    #[doc(alias = "BPF_EXIT")]
    EXIT: u8 = 0x90, "45";
    /// Size: 64 bit.
    #[doc(alias = "BPF_DW")]
    DW: u8 = 0x18, "21";
}

uapi! { "v6.1", "bpf_common.h":
    /// Load an immediate.
    #[doc(alias = "BPF_LD")]
    LD: u8 = 0x00, "7";
    /// Load from memory.
    #[doc(alias = "BPF_LDX")]
    LDX: u8 = 0x01, "8";
    /// Jumps, calls and returns.
    #[doc(alias = "BPF_JMP")]
    JMP: u8 = 0x05, "12";
    /// Size: 32 bit.
    #[doc(alias = "BPF_W")]
    W: u8 = 0x00, "18";
    /// Mode: immediate.
    #[doc(alias = "BPF_IMM")]
    IMM: u8 = 0x00, "23";
    /// Mode: memory at a register and an offset.
    #[doc(alias = "BPF_MEM")]
    MEM: u8 = 0x60, "26";
    /// Operand: the immediate.
    #[doc(alias = "BPF_K")]
    K: u8 = 0x00, "50";
}

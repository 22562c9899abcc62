//! The redirect program: every packet to the socket of its receive queue.
//!
//! ```text
//! 0:  r2 = *(u32 *)(r1 + 16)    the receive queue's number, from struct xdp_md
//! 1:  r1 = map                  a 64-bit load, two slots wide
//! 3:  r3 = XDP_PASS             what to do when the map has no socket for the queue
//! 4:  call redirect_map
//! 5:  exit
//! ```
//!
//! A queue without a socket goes on to the kernel, so the interface works before the first socket
//! is in the map and after the last one has left it.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::string::{String, ToString};

use crate::error::Error;
use crate::sys::bpf::{
    ALU64, CALL, DW, EXIT, F_XDP_HAS_FRAGS, FUNC_REDIRECT_MAP, IMM, Insn, JMP, K, LD, LDX, MEM,
    MOV, OBJ_NAME_LEN, PSEUDO_MAP_FD, W, XDP_MD_RX_QUEUE_INDEX, XDP_PASS,
};
use crate::sys::call::{self, IndexMap};
use crate::sys::errno::Errno;

/// The loaded program.
#[derive(Debug)]
pub(crate) struct Program {
    fd: OwnedFd,
    frags: bool,
}

impl Program {
    /// Loads the program that redirects into `sockets`.
    ///
    /// With the fragments flag where the kernel knows it (5.18), as an interface with an MTU beyond
    /// a page takes no other program; without it elsewhere.
    pub(crate) fn load(sockets: &IndexMap) -> Result<Self, Error> {
        let insns = redirect(sockets.as_fd().as_raw_fd());
        let load = |flags, log: &mut [u8]| call::program_load(&insns, LICENSE, NAME, flags, log);
        if let Ok(fd) = load(F_XDP_HAS_FRAGS, &mut []) {
            return Ok(Self { fd, frags: true });
        }
        match load(0, &mut []) {
            Ok(fd) => Ok(Self { fd, frags: false }),
            Err(errno) if errno.is_permission() => Err(Error::NoPermission {
                action: "load an XDP program",
            }),
            Err(Errno::NOSYS) => Err(Error::KernelTooOld {
                missing: "bpf(2)",
                since: "5.10",
            }),
            Err(errno) => Err(refused(errno, load)),
        }
    }

    /// Whether packets of several fragments are let through.
    pub(crate) fn frags(&self) -> bool {
        self.frags
    }
}

impl AsFd for Program {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Asks again with a log, and puts the verifier's last words into the error.
fn refused(errno: Errno, load: impl Fn(u32, &mut [u8]) -> Result<OwnedFd, Errno>) -> Error {
    let mut log = std::vec![0u8; 64 * 1024];
    // It has failed without a log; should it pass now, the first answer stands.
    let _ = load(0, &mut log);
    Error::ProgramRefused {
        errno,
        log: last_words(&log),
    }
}

/// The end of a zero-terminated log: where the verifier says what it minds.
fn last_words(log: &[u8]) -> String {
    let text = log.split(|byte| *byte == 0).next().unwrap_or(&[]);
    let text = String::from_utf8_lossy(text);
    let text = text.trim();
    let skip = text.chars().count().saturating_sub(LOG_TAIL);
    text.chars()
        .skip(skip)
        .collect::<String>()
        .trim()
        .to_string()
}

/// The instructions, for the map behind descriptor `map`.
fn redirect(map: i32) -> [Insn; 6] {
    [
        Insn::new(LDX | W | MEM, R2, R1, XDP_MD_RX_QUEUE_INDEX, 0),
        Insn::new(LD | DW | IMM, R1, PSEUDO_MAP_FD, 0, map),
        Insn::new(0, 0, 0, 0, 0),
        Insn::new(ALU64 | MOV | K, R3, 0, 0, XDP_PASS),
        Insn::new(JMP | CALL, 0, 0, 0, FUNC_REDIRECT_MAP),
        Insn::new(JMP | EXIT, 0, 0, 0, 0),
    ]
}

const R1: u8 = 1;
const R2: u8 = 2;
const R3: u8 = 3;

/// The helper asks for no particular license; this is the crate's own.
const LICENSE: &core::ffi::CStr = c"Dual MIT/GPL";

/// What `bpftool prog` shows.
const NAME: [u8; OBJ_NAME_LEN] = *b"linecard_xsk\0\0\0\0";

/// Characters of the verifier's log that go into a message.
const LOG_TAIL: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;

    /// By the encoding in the kernel's `Documentation/bpf/standardization/instruction-set.rst`.
    #[test]
    #[cfg(target_endian = "little")]
    fn assembles_to_the_same_bytes() {
        let expected: [[u8; 8]; 6] = [
            [0x61, 0x12, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00],
            [0x18, 0x11, 0x00, 0x00, 0x2a, 0x00, 0x00, 0x00],
            [0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00],
            [0xb7, 0x03, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00],
            [0x85, 0x00, 0x00, 0x00, 0x33, 0x00, 0x00, 0x00],
            [0x95, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00],
        ];
        for (insn, bytes) in redirect(42).iter().zip(expected) {
            let mut ours = [insn.code, insn.regs, 0, 0, 0, 0, 0, 0];
            ours[2..4].copy_from_slice(&insn.off.to_le_bytes());
            ours[4..8].copy_from_slice(&insn.imm.to_le_bytes());
            assert_eq!(ours, bytes);
        }
    }

    #[test]
    fn a_long_log_is_cut_to_its_end() {
        let mut log = std::vec![b'x'; 1000];
        log.extend_from_slice(b"R1 type=ctx expected=map_ptr\n\0leftovers");
        let words = last_words(&log);
        assert!(words.ends_with("expected=map_ptr"));
        assert_eq!(words.len(), LOG_TAIL);
        assert_eq!(last_words(b"\0"), "");
    }
}

//! Programs for the kernel, by raw `bpf(2)`: as much of it as the [flood](crate::Flood), the
//! [sink](crate::Sink) and the [meter](crate::Meter) need.
//!
//! Commands, types and their numbers: [`include/uapi/linux/bpf.h`][header]. Each command's argument is
//! a structure of its own here, cut off behind the last field that is used; the kernel reads the rest as
//! zero.
//!
//! [header]: https://github.com/torvalds/linux/blob/v6.1/include/uapi/linux/bpf.h

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// A program in the making. Jumps are to labels, which are small numbers of the caller's.
#[derive(Debug, Default)]
pub(crate) struct Code {
    insns: Vec<u64>,
    jumps: Vec<(usize, u8)>,
    labels: Vec<(u8, usize)>,
}

/// A register. `R0` is what a call gives, `R1` to `R5` are its arguments and gone behind it, `R10` is the
/// stack's end.
pub(crate) type Register = u8;

impl Code {
    fn put(&mut self, code: u8, to: Register, from: Register, offset: i16, value: i32) {
        let registers = u64::from(to | from << 4) << 8;
        let offset = u64::from(offset.cast_unsigned()) << 16;
        let value = u64::from(value.cast_unsigned()) << 32;
        self.insns
            .push(u64::from(code) | registers | offset | value);
    }

    /// `to = value`.
    pub(crate) fn set(&mut self, to: Register, value: i32) -> &mut Self {
        self.put(0xb7, to, 0, 0, value);
        self
    }

    /// `to = value`, of 64 bits.
    pub(crate) fn set_wide(&mut self, to: Register, value: u64) -> &mut Self {
        self.put(0x18, to, 0, 0, (value as u32).cast_signed());
        self.put(0, 0, 0, 0, ((value >> 32) as u32).cast_signed());
        self
    }

    /// `to = map`.
    pub(crate) fn set_map(&mut self, to: Register, map: &Map) -> &mut Self {
        self.put(0x18, to, 1, 0, map.0.as_raw_fd());
        self.put(0, 0, 0, 0, 0);
        self
    }

    /// `to = from`.
    pub(crate) fn copy(&mut self, to: Register, from: Register) -> &mut Self {
        self.put(0xbf, to, from, 0, 0);
        self
    }

    /// `to += value`.
    pub(crate) fn add(&mut self, to: Register, value: i32) -> &mut Self {
        self.put(0x07, to, 0, 0, value);
        self
    }

    /// `to += from`.
    pub(crate) fn add_register(&mut self, to: Register, from: Register) -> &mut Self {
        self.put(0x0f, to, from, 0, 0);
        self
    }

    /// `to -= from`.
    pub(crate) fn subtract(&mut self, to: Register, from: Register) -> &mut Self {
        self.put(0x1f, to, from, 0, 0);
        self
    }

    /// `to &= mask`.
    pub(crate) fn and(&mut self, to: Register, mask: i32) -> &mut Self {
        self.put(0x57, to, 0, 0, mask);
        self
    }

    /// `to = *(from + offset)`, of so many bytes: 2, 4 or 8.
    pub(crate) fn load(&mut self, bytes: u8, to: Register, from: Register, at: i16) -> &mut Self {
        self.put(0x61 | width(bytes), to, from, at, 0);
        self
    }

    /// `*(to + offset) = from`, of so many bytes: 2, 4 or 8.
    pub(crate) fn store(&mut self, bytes: u8, to: Register, at: i16, from: Register) -> &mut Self {
        self.put(0x63 | width(bytes), to, from, at, 0);
        self
    }

    /// `*(u64 *)(to + offset) += from`, of one piece.
    pub(crate) fn add_at(&mut self, to: Register, at: i16, from: Register) -> &mut Self {
        self.put(0xdb, to, from, at, 0);
        self
    }

    /// Goes to a label if `one > other`.
    pub(crate) fn if_more(&mut self, one: Register, other: Register, label: u8) -> &mut Self {
        self.jumps.push((self.insns.len(), label));
        self.put(0x2d, one, other, 0, 0);
        self
    }

    /// Goes to a label if `one > value`.
    pub(crate) fn if_above(&mut self, one: Register, value: i32, label: u8) -> &mut Self {
        self.jumps.push((self.insns.len(), label));
        self.put(0x25, one, 0, 0, value);
        self
    }

    /// Goes to a label if `one == value`.
    pub(crate) fn if_is(&mut self, one: Register, value: i32, label: u8) -> &mut Self {
        self.jumps.push((self.insns.len(), label));
        self.put(0x15, one, 0, 0, value);
        self
    }

    /// Goes to a label if `one != value`.
    pub(crate) fn if_not(&mut self, one: Register, value: i32, label: u8) -> &mut Self {
        self.jumps.push((self.insns.len(), label));
        self.put(0x55, one, 0, 0, value);
        self
    }

    /// Where jumps to this label go.
    pub(crate) fn label(&mut self, label: u8) -> &mut Self {
        self.labels.push((label, self.insns.len()));
        self
    }

    /// Calls a helper of the kernel's.
    pub(crate) fn call(&mut self, helper: i32) -> &mut Self {
        self.put(0x85, 0, 0, 0, helper);
        self
    }

    /// `R0 = &map[key]` for the key in `R0`'s low half, which is put on the stack; or 0.
    pub(crate) fn look_up(&mut self, map: &Map) -> &mut Self {
        self.store(4, 10, -4, 0).copy(2, 10).add(2, -4);
        self.set_map(1, map).call(LOOK_UP)
    }

    /// Ends with this answer.
    pub(crate) fn give(&mut self, answer: i32) -> &mut Self {
        self.set(0, answer);
        self.exit()
    }

    /// Ends with `R0` as answer.
    pub(crate) fn exit(&mut self) -> &mut Self {
        self.put(0x95, 0, 0, 0, 0);
        self
    }

    /// Loads it.
    pub(crate) fn program(&self, kind: u32) -> io::Result<OwnedFd> {
        let mut insns = self.insns.clone();
        for (from, label) in &self.jumps {
            let to = self.labels.iter().find(|(name, _)| name == label);
            let (_, to) = to.expect("a label for every jump");
            let offset = (*to as i16).wrapping_sub(*from as i16 + 1);
            insns[*from] |= u64::from(offset.cast_unsigned()) << 16;
        }
        let mut log = vec![0_u8; 1 << 16];
        let attr = Load {
            kind,
            count: insns.len() as u32,
            insns: insns.as_ptr() as u64,
            license: c"Dual MIT/GPL".as_ptr() as u64,
            log_level: 1,
            log_size: log.len() as u32,
            log: log.as_mut_ptr() as u64,
        };
        // SAFETY: program, licence and log live for the call, and their sizes are right.
        unsafe { descriptor(PROG_LOAD, &attr) }.map_err(|error| {
            let text = log.split(|byte| *byte == 0).next().unwrap_or_default();
            let text = String::from_utf8_lossy(text);
            let last = text.lines().rev().nth(1).unwrap_or_default().to_owned();
            io::Error::new(error.kind(), format!("a BPF program: {error}: {last}"))
        })
    }
}

/// An array of values of one size, a multiple of eight bytes, that programs and we can see.
#[derive(Debug)]
pub(crate) struct Map(OwnedFd);

impl Map {
    /// One of zeros: so many values of so many bytes.
    pub(crate) fn array(count: u32, bytes: u32) -> io::Result<Self> {
        let attr = [MAP_TYPE_ARRAY, 4, bytes, count];
        // SAFETY: plain numbers.
        unsafe { descriptor(MAP_CREATE, &attr) }.map(Self)
    }

    /// A map of AF_XDP sockets, with one place.
    pub(crate) fn of_sockets() -> io::Result<Self> {
        // SAFETY: plain numbers.
        unsafe { descriptor(MAP_CREATE, &[MAP_TYPE_XSKMAP, 4_u32, 4, 1]) }.map(Self)
    }

    /// Puts a socket there.
    pub(crate) fn put(&self, key: u32, socket: BorrowedFd<'_>) -> io::Result<()> {
        let socket = socket.as_raw_fd();
        // SAFETY: the map's values are of four bytes, as this one is, and it lives for the call.
        unsafe { self.element(MAP_UPDATE, key, core::ptr::from_ref(&socket) as u64) }
    }

    /// Sets a value.
    pub(crate) fn set<const N: usize>(&self, key: u32, value: &[u64; N]) -> io::Result<()> {
        // SAFETY: as below; the map's values are of N words, as whoever made it knows.
        unsafe { self.element(MAP_UPDATE, key, value.as_ptr() as u64) }
    }

    /// Reads a value.
    pub(crate) fn read<const N: usize>(&self, key: u32) -> io::Result<[u64; N]> {
        let mut value = [0; N];
        // SAFETY: as below; the map's values are of N words, as whoever made it knows.
        unsafe { self.element(MAP_LOOK_UP, key, value.as_mut_ptr() as u64) }?;
        Ok(value)
    }

    /// # Safety
    /// `value` is the address of as many bytes as a value of the map has.
    unsafe fn element(&self, command: u32, key: u32, value: u64) -> io::Result<()> {
        let attr = Element {
            map: self.0.as_raw_fd().cast_unsigned().into(),
            key: core::ptr::from_ref(&key) as u64,
            value,
            flags: 0,
        };
        // SAFETY: the key lives for the call; the value is the caller's promise.
        unsafe { call(command, &attr) }.map(drop)
    }
}

/// Attaches an XDP program to an interface of the calling thread's namespace, in its driver; until
/// what it gives is dropped.
pub(crate) fn attach(program: &OwnedFd, interface: u32) -> io::Result<OwnedFd> {
    let program = program.as_raw_fd().cast_unsigned();
    // SAFETY: plain numbers.
    unsafe {
        descriptor(
            LINK_CREATE,
            &[program, interface, TYPE_XDP, XDP_FLAGS_DRV_MODE],
        )
    }
}

/// Attaches a program to a raw tracepoint until what it gives is dropped.
pub(crate) fn trace(program: &OwnedFd, name: &core::ffi::CStr) -> io::Result<OwnedFd> {
    let attr = Tracepoint {
        name: name.as_ptr() as u64,
        program: program.as_raw_fd().cast_unsigned(),
        padding: 0,
    };
    // SAFETY: the name lives for the call.
    unsafe { descriptor(RAW_TRACEPOINT_OPEN, &attr) }
}

/// Runs an XDP program so many times on a frame, and sends each on as the program says
/// (`Documentation/bpf/bpf_prog_run.rst`).
pub(crate) fn run(program: &OwnedFd, frame: &[u8], repeat: u32, batch: u32) -> io::Result<()> {
    let attr = Run {
        program: program.as_raw_fd().cast_unsigned(),
        answer: 0,
        bytes_in: frame.len() as u32,
        bytes_out: 0,
        bytes: frame.as_ptr() as u64,
        room: 0,
        repeat,
        duration: 0,
        context: [0; 6],
        flags: F_TEST_XDP_LIVE_FRAMES,
        cpu: 0,
        batch,
        padding: 0,
    };
    // SAFETY: the frame lives for the call, and its length is right.
    unsafe { call(PROG_TEST_RUN, &attr) }.map(drop)
}

/// The number of an interface of the calling thread's namespace.
pub(crate) fn interface(name: &str) -> io::Result<u32> {
    let name = std::ffi::CString::new(name)?;
    // SAFETY: a string that ends with a zero.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => Err(io::Error::last_os_error()),
        index => Ok(index),
    }
}

#[repr(C)]
struct Load {
    kind: u32,
    count: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
}

#[repr(C)]
struct Element {
    map: u64,
    key: u64,
    value: u64,
    flags: u64,
}

#[repr(C)]
struct Tracepoint {
    name: u64,
    program: u32,
    padding: u32,
}

#[repr(C)]
struct Run {
    program: u32,
    answer: u32,
    bytes_in: u32,
    bytes_out: u32,
    bytes: u64,
    room: u64,
    repeat: u32,
    duration: u32,
    /// Sizes and addresses of `struct xdp_md`, in and out: none.
    context: [u32; 6],
    flags: u32,
    cpu: u32,
    batch: u32,
    padding: u32,
}

const _: () = assert!(size_of::<Load>() == 40 && size_of::<Run>() == 80);

/// `bpf(2)` with a command that makes a descriptor.
///
/// # Safety
/// As for [`call`].
unsafe fn descriptor<T>(command: u32, attr: &T) -> io::Result<OwnedFd> {
    // SAFETY: the caller's promise.
    let fd = unsafe { call(command, attr) }?;
    // SAFETY: just made, and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// `bpf(2)`.
///
/// # Safety
/// `T` is the command's argument, and addresses in it are of what the command reads and writes.
unsafe fn call<T>(command: u32, attr: &T) -> io::Result<i64> {
    let attr = core::ptr::from_ref(attr);
    // SAFETY: the argument lives for the call and its size is right; the rest is the caller's promise.
    match unsafe { libc::syscall(libc::SYS_bpf, command, attr, size_of::<T>()) } {
        answer @ 0.. => Ok(answer),
        _ => Err(io::Error::last_os_error()),
    }
}

/// What of a load's or store's code says how many bytes it moves.
const fn width(bytes: u8) -> u8 {
    match bytes {
        2 => 0x08,
        4 => 0x00,
        _ => 0x18,
    }
}

/// `enum bpf_prog_type`.
pub(crate) const XDP: u32 = 6;
pub(crate) const RAW_TRACEPOINT: u32 = 17;

/// `enum xdp_action`.
pub(crate) const XDP_DROP: i32 = 1;
pub(crate) const XDP_PASS: i32 = 2;

/// Helpers: `___BPF_FUNC_MAPPER`.
const LOOK_UP: i32 = 1;
pub(crate) const TIME: i32 = 5;
pub(crate) const RANDOM: i32 = 7;
pub(crate) const REDIRECT: i32 = 23;
pub(crate) const REDIRECT_MAP: i32 = 51;
pub(crate) const THREAD_IN_NAMESPACE: i32 = 120;

/// `enum bpf_cmd`.
const MAP_CREATE: u32 = 0;
const MAP_LOOK_UP: u32 = 1;
const MAP_UPDATE: u32 = 2;
const PROG_LOAD: u32 = 5;
const PROG_TEST_RUN: u32 = 10;
const RAW_TRACEPOINT_OPEN: u32 = 17;
const LINK_CREATE: u32 = 28;

/// `enum bpf_map_type`.
const MAP_TYPE_ARRAY: u32 = 2;
const MAP_TYPE_XSKMAP: u32 = 17;
const TYPE_XDP: u32 = 37;
const F_TEST_XDP_LIVE_FRAMES: u32 = 1 << 1;
/// `include/uapi/linux/if_link.h`.
const XDP_FLAGS_DRV_MODE: u32 = 1 << 2;

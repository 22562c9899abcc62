//! Two network namespaces with a veth pair between them, and raw sockets at the far end.
//!
//! The namespaces have no names: they live by the descriptors held here, so that nothing is left
//! behind by whatever end a test comes to.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use linecard_testnet::{Namespace, PacketSocket};

/// The thread's own namespace with one end of a pair, `lc0`; the other end, `lc1`, is in the
/// peer's.
pub struct Net {
    before: Namespace,
    pub here: Namespace,
    pub peer: Namespace,
}

impl Net {
    /// Puts the calling thread into a new namespace; `None`, and a line that says why, where that
    /// is not possible.
    pub fn new() -> Option<Self> {
        Self::with("")
    }

    /// As [`new`](Self::new), with options of `ip link add` for both ends.
    pub fn with(options: &str) -> Option<Self> {
        if !linecard_testnet::available(&["ip"]) {
            return None;
        }
        let namespace = || Namespace::new().expect("a namespace");
        let net = Self {
            before: Namespace::current().expect("the thread's namespace"),
            here: namespace(),
            peer: namespace(),
        };
        net.here.enter().expect("into the namespace");
        let path = net.peer.path();
        net.ip(&format!(
            "link add lc0 {options} type veth peer name lc1 {options} netns {path}"
        ));
        net.ip("link set lc0 up");
        net.peer.ip("link set lc1 up");
        Some(net)
    }

    /// A further pair: `near` here, `far` in a namespace of its own.
    pub fn second(&self, near: &str, far: &str) -> Namespace {
        let namespace = Namespace::new().expect("a namespace");
        self.here.pair(near, &namespace, far);
        namespace
    }

    /// Runs `ip` here.
    pub fn ip(&self, arguments: &str) {
        self.here.ip(arguments);
    }

    /// A raw socket on `lc1`.
    pub fn peer_socket(&self) -> PacketSocket {
        self.peer.inside(|| raw_socket("lc1"))
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        self.before.enter().expect("back to where the thread was");
    }
}

/// Ethertype of all that the tests send: IEEE 802, local experimental 1.
pub const ETHERTYPE: [u8; 2] = [0x88, 0xb5];

/// A frame to `lc0`, told apart by `number`, of `len` bytes, at least 14.
pub fn frame(number: u64, len: usize) -> Vec<u8> {
    let mut frame = vec![0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2];
    frame.extend_from_slice(&ETHERTYPE);
    frame.extend_from_slice(&number.to_be_bytes());
    frame.extend((0..len.saturating_sub(22)).map(|at| (at as u8).wrapping_add(number as u8)));
    frame.truncate(len.max(14));
    frame
}

/// The number that [`frame`] was given.
pub fn number_of(frame: &[u8]) -> u64 {
    frame.get(14..22).map_or(u64::MAX, |bytes| {
        u64::from_be_bytes(bytes.try_into().unwrap())
    })
}

/// A socket on an interface of the thread's namespace that sees frames of [`ETHERTYPE`].
pub fn raw_socket(interface: &str) -> PacketSocket {
    PacketSocket::on(interface, u16::from_be_bytes(ETHERTYPE))
}

/// Keeps the calling thread on the CPU that it is on: what one CPU puts on a veth stays in order,
/// while the kernel has a queue for each.
pub fn stay_on_this_cpu() {
    // SAFETY: a set of CPUs is plain numbers, and no CPU is in it when all are zero.
    let mut set: libc::cpu_set_t = unsafe { core::mem::zeroed() };
    // SAFETY: no pointers are passed.
    let cpu = unsafe { libc::sched_getcpu() };
    // SAFETY: the number of a CPU, which `CPU_SET` checks against the set's size.
    unsafe { libc::CPU_SET(cpu as usize, &mut set) };
    // SAFETY: pointer and size of a live set; 0 is the calling thread.
    let result = unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) };
    assert_eq!(result, 0, "affinity: {}", io::Error::last_os_error());
}

/// Switches GRO of an interface on or off.
pub fn set_merging(interface: &str, on: bool) {
    // `include/uapi/linux/ethtool.h`: ETHTOOL_SGRO and its value.
    let mut value: [u32; 2] = [0x2c, on.into()];
    let mut ifr_name = [0; libc::IFNAMSIZ];
    for (to, from) in ifr_name.iter_mut().zip(interface.bytes()) {
        *to = from as libc::c_char;
    }
    let mut request = libc::ifreq {
        ifr_name,
        ifr_ifru: libc::__c_anonymous_ifr_ifru {
            ifru_data: value.as_mut_ptr().cast(),
        },
    };
    let socket = raw_socket(interface);
    // SAFETY: a whole request; its data is the two words that the command reads.
    let result = unsafe { libc::ioctl(socket.as_fd().as_raw_fd(), SIOCETHTOOL, &raw mut request) };
    assert_eq!(
        result,
        0,
        "GRO of {interface}: {}",
        io::Error::last_os_error()
    );
}

/// `include/uapi/linux/sockios.h`.
const SIOCETHTOOL: libc::Ioctl = 0x8946;

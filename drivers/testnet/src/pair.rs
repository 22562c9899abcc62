//! Two namespaces with a veth pair between them.

use std::io;

use crate::{Namespace, PacketSocket};

/// A new namespace for the calling thread with one end of a veth pair, `lc0`; the other end, `lc1`, is in
/// another. The thread goes back to where it was when this is dropped.
///
/// ```no_run
/// use linecard_testnet::VethPair;
/// let Some(net) = VethPair::new() else { return };
/// net.ip("address add 192.0.2.1/24 dev lc0");
/// let far = net.peer_socket();
/// # let _ = far;
/// ```
#[derive(Debug)]
pub struct VethPair {
    before: Namespace,
    /// Where the calling thread is, with `lc0`.
    pub here: Namespace,
    /// Where `lc1` is.
    pub peer: Namespace,
}

impl VethPair {
    /// Puts the calling thread into a new namespace; `None`, and a line that says why, where that is
    /// not possible.
    ///
    /// # Panics
    /// If it should be possible, or must be, and does not go well.
    #[must_use]
    pub fn new() -> Option<Self> {
        Self::with("")
    }

    /// As [`new`](Self::new), with options of `ip link add` for both ends.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    #[must_use]
    pub fn with(options: &str) -> Option<Self> {
        if !crate::available(&["ip"]) {
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
    ///
    /// # Panics
    /// If it does not go well.
    #[must_use]
    pub fn second(&self, near: &str, far: &str) -> Namespace {
        let namespace = Namespace::new().expect("a namespace");
        self.here.pair(near, &namespace, far);
        namespace
    }

    /// Runs `ip` here.
    ///
    /// # Panics
    /// If it does not go well.
    pub fn ip(&self, arguments: &str) {
        self.here.ip(arguments);
    }

    /// A raw socket on `lc1`, for frames of [`PacketSocket::ETHERTYPE`].
    ///
    /// # Panics
    /// If the kernel refuses.
    #[must_use]
    pub fn peer_socket(&self) -> PacketSocket {
        self.peer
            .inside(|| PacketSocket::on("lc1", PacketSocket::ETHERTYPE))
    }
}

impl Drop for VethPair {
    fn drop(&mut self) {
        self.before.enter().expect("back to where the thread was");
    }
}

/// Keeps the calling thread on the CPU that it is on: what one CPU puts on a veth stays in order,
/// while the kernel has a queue for each.
///
/// # Panics
/// If the kernel refuses.
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

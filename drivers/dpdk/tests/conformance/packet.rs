//! `net_af_packet`: real packets, between two network namespaces.

use core::time::Duration;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use linecard::mempool::Pool;
use linecard_conformance::{Fills, Harness, Injected, Limits, Overflow, Profile, Setup, Wire};
use linecard_dpdk::{Config, Port};
use linecard_testnet::Namespace;

use crate::eal::{large_memory, unique};

linecard_conformance::suite!(Packet);

/// A port on one end of a veth pair, and a raw socket on the other.
struct Packet {
    // Closed before its namespace is left.
    port: Port<'static>,
    far: OwnedFd,
    pool: &'static Pool<'static>,
    home: Namespace,
    _near: Namespace,
    _there: Namespace,
}

impl Harness for Packet {
    type Device = Port<'static>;

    fn profile() -> Profile {
        Profile {
            limits: Limits {
                shortest: 14,
                window: 32,
                unheard: 256,
                packets: 50_000,
                patience: Duration::from_secs(5),
                ..Limits::default()
            },
            // The driver waits for a place.
            fills: Fills::Never,
            overflow: Overflow::Unheard,
            ..Profile::default()
        }
    }

    fn new(_setup: &Setup) -> Option<Self> {
        if !linecard_testnet::available(&["ip"]) {
            return None;
        }
        // The driver wants 2,016 bytes of each.
        let memory = large_memory(1024);
        stay_on_this_cpu();
        let home = Namespace::current().expect("this namespace");
        let near = Namespace::new().expect("a namespace");
        let there = Namespace::new().expect("a namespace");
        near.pair("lc0", &there, "lc1");
        let far = there.inside(|| socket("lc1"));
        near.enter().expect("the namespace");
        let device = format!("{},iface=lc0", unique("net_af_packet"));
        let port = Port::new(&memory, &device, Config::default()).expect("a port");
        Some(Self {
            port,
            far,
            pool: memory.pool(),
            home,
            _near: near,
            _there: there,
        })
    }

    fn device(&mut self) -> &mut Port<'static> {
        &mut self.port
    }

    fn pool(&self) -> &'static Pool<'static> {
        self.pool
    }
}

impl Drop for Packet {
    fn drop(&mut self) {
        self.home.enter().expect("the namespace that it came from");
    }
}

impl Wire for Packet {
    fn inject(&mut self, frame: &[u8]) -> Injected {
        // SAFETY: the descriptor is open, and the bytes are `frame`'s.
        let sent = unsafe {
            libc::send(
                self.far.as_raw_fd(),
                frame.as_ptr().cast(),
                frame.len(),
                libc::MSG_DONTWAIT,
            )
        };
        match (sent, io::Error::last_os_error().raw_os_error()) {
            (0.., _) => Injected::Taken,
            (_, Some(libc::EINVAL | libc::EMSGSIZE)) => Injected::Impossible,
            (_, Some(libc::ENOBUFS | libc::EAGAIN)) => Injected::Busy,
            (_, error) => panic!("{} bytes are not sent: {error:?}", frame.len()),
        }
    }

    fn collect(&mut self, frame: &mut Vec<u8>) -> bool {
        frame.resize(65_536, 0);
        // SAFETY: the descriptor is open, and there is room for as much as is said.
        let len = unsafe {
            libc::recv(
                self.far.as_raw_fd(),
                frame.as_mut_ptr().cast(),
                frame.len(),
                libc::MSG_DONTWAIT,
            )
        };
        let Ok(len) = usize::try_from(len) else {
            return false;
        };
        frame.truncate(len);
        true
    }
}

/// Keeps the calling thread on the CPU that it is on: what one CPU puts on a veth stays in order,
/// while the kernel has a queue for each.
fn stay_on_this_cpu() {
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

/// A raw socket on an interface, for what comes in there.
fn socket(interface: &str) -> OwnedFd {
    let all = (libc::ETH_P_ALL as u16).to_be();
    // SAFETY: no pointer is given.
    let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW, libc::c_int::from(all)) };
    assert!(fd >= 0, "no raw socket: {}", io::Error::last_os_error());
    // SAFETY: it was opened above and is nobody else's.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    let name = std::ffi::CString::new(interface).expect("a name");
    // SAFETY: the name is a string.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    // SAFETY: zeros are an address of no family.
    let mut address: libc::sockaddr_ll = unsafe { core::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = all;
    address.sll_ifindex = index as i32;
    let len = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: the address is of the length that is said.
    let bound = unsafe { libc::bind(fd.as_raw_fd(), (&raw const address).cast(), len) };
    assert_eq!(bound, 0, "not bound: {}", io::Error::last_os_error());
    let room: libc::c_int = 4 << 20;
    for option in [libc::SO_RCVBUFFORCE, libc::SO_SNDBUFFORCE] {
        // SAFETY: the value is of the length that is said.
        unsafe {
            libc::setsockopt(
                fd.as_raw_fd(),
                libc::SOL_SOCKET,
                option,
                (&raw const room).cast(),
                size_of_val(&room) as libc::socklen_t,
            )
        };
    }
    // What this socket sends is not to come back to it.
    let on: libc::c_int = 1;
    // SAFETY: as above.
    unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_IGNORE_OUTGOING,
            (&raw const on).cast(),
            size_of_val(&on) as libc::socklen_t,
        )
    };
    fd
}

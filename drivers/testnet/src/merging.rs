//! GRO of an interface.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use crate::PacketSocket;

/// Switches GRO of an interface of the calling thread's namespace on or off. A veth with GRO takes what XDP
/// programs send to it.
///
/// ```no_run
/// let there = linecard_testnet::Namespace::new().expect("a namespace");
/// there.inside(|| linecard_testnet::set_merging("veth1", true));
/// ```
///
/// # Panics
/// If there is no such interface, or the kernel refuses.
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
    let socket = PacketSocket::on(interface, NO_ETHERTYPE);
    // SAFETY: a whole request; its data is the two words that the command reads.
    let result = unsafe { libc::ioctl(socket.as_fd().as_raw_fd(), SIOCETHTOOL, &raw mut request) };
    assert_eq!(
        result,
        0,
        "GRO of {interface}: {}",
        io::Error::last_os_error()
    );
}

/// Any socket will do: one for an EtherType that nobody sends (IEEE 802, local experimental 2).
const NO_ETHERTYPE: u16 = 0x88b6;

/// `include/uapi/linux/sockios.h`.
const SIOCETHTOOL: libc::Ioctl = 0x8946;

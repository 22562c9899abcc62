//! Two network namespaces with a veth pair between them, and raw sockets at the far end.
//!
//! The namespaces have no names: they live by the descriptors held here, so that nothing is left
//! behind by whatever end a test comes to.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use linecard_testnet::PacketSocket;
pub use linecard_testnet::VethPair as Net;

/// Ethertype of all that the tests send: IEEE 802, local experimental 1.
pub const ETHERTYPE: [u8; 2] = PacketSocket::ETHERTYPE.to_be_bytes();

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
    PacketSocket::on(interface, PacketSocket::ETHERTYPE)
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

//! Two network namespaces with a veth pair between them, and raw sockets at the far end.
//!
//! The namespaces have no names: they live by the descriptors held here, so that nothing is left
//! behind by whatever end a test comes to.

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

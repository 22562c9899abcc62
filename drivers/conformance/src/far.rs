//! A raw socket as a far side: on the other end of a veth pair, or on the interface that a port made.

use linecard_testnet::PacketSocket;

use crate::{Injected, Wire};

/// The kernel's side of a port on a network interface: what is injected comes out of the interface
/// towards the port, and what the port sends is received here.
impl Wire for PacketSocket {
    fn inject(&mut self, frame: &[u8]) -> Injected {
        let Err(error) = self.send_now(frame) else {
            return Injected::Taken;
        };
        match error.raw_os_error() {
            Some(libc::EINVAL | libc::EMSGSIZE) => Injected::Impossible,
            // The last one is told once, when the interface comes up again.
            Some(libc::ENOBUFS | libc::EAGAIN | libc::ENETDOWN) => Injected::Busy,
            _ => panic!(
                "the raw socket does not send {} bytes: {error}",
                frame.len()
            ),
        }
    }

    fn collect(&mut self, frame: &mut Vec<u8>) -> bool {
        self.receive_now(frame)
    }
}

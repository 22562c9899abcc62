//! A socket that sends and receives whole frames.

use core::time::Duration;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// An `AF_PACKET` socket on one interface, which sees the frames of one EtherType that come in there.
///
/// ```no_run
/// use linecard_testnet::{Namespace, PacketSocket};
///
/// let there = Namespace::new().expect("a namespace");
/// let far = there.inside(|| PacketSocket::on("lo", 0x88b5));
/// let mut frame = vec![0; 60];
/// frame[12..14].copy_from_slice(&[0x88, 0xb5]);
/// far.send(&frame);
/// assert_eq!(far.receive(), Some(frame));
/// ```
#[derive(Debug)]
pub struct PacketSocket(OwnedFd);

impl PacketSocket {
    /// IEEE 802, local experimental ethertype 1: what tests send that speak no protocol.
    pub const ETHERTYPE: u16 = 0x88b5;

    /// A socket on an interface of the calling thread's namespace, with room for bursts and a timeout of
    /// one second.
    ///
    /// # Panics
    /// If there is no such interface, or the kernel refuses.
    #[must_use]
    pub fn on(interface: &str, ethertype: u16) -> Self {
        let protocol = ethertype.to_be();
        // SAFETY: no pointers are passed.
        let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW, protocol.into()) };
        assert!(fd >= 0, "raw socket: {}", io::Error::last_os_error());
        // SAFETY: just made, and nobody else's.
        let socket = Self(unsafe { OwnedFd::from_raw_fd(fd) });
        let name = CString::new(interface).expect("a name without a zero");
        // SAFETY: a string that ends with a zero.
        let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
        let address = libc::sockaddr_ll {
            sll_family: libc::AF_PACKET as u16,
            sll_protocol: protocol,
            sll_ifindex: index as i32,
            sll_hatype: 0,
            sll_pkttype: 0,
            sll_halen: 0,
            sll_addr: [0; 8],
        };
        // SAFETY: address and size of a live structure.
        let bound = unsafe {
            libc::bind(
                fd,
                (&raw const address).cast(),
                size_of::<libc::sockaddr_ll>() as u32,
            )
        };
        assert_eq!(
            bound,
            0,
            "bind to {interface}: {}",
            io::Error::last_os_error()
        );
        socket.set(libc::SO_RCVBUFFORCE, &(256 << 20));
        // What is sent is not received again.
        socket.set_at(libc::SOL_PACKET, PACKET_IGNORE_OUTGOING, &1);
        socket.set_timeout(Duration::from_secs(1));
        socket
    }

    /// How long [`receive`](Self::receive) waits.
    ///
    /// # Panics
    /// If the kernel refuses.
    pub fn set_timeout(&self, timeout: Duration) {
        let time = libc::timeval {
            tv_sec: timeout.as_secs() as libc::time_t,
            tv_usec: timeout.subsec_micros().into(),
        };
        self.set(libc::SO_RCVTIMEO, &time);
    }

    /// Sends a frame.
    ///
    /// # Errors
    /// What the kernel says of it.
    pub fn try_send(&self, frame: &[u8]) -> io::Result<()> {
        self.send_with(frame, 0)
    }

    /// Sends a frame if the kernel takes it at once.
    ///
    /// # Errors
    /// What the kernel says of it: [`io::ErrorKind::WouldBlock`] or `ENOBUFS` if there is no room.
    pub fn send_now(&self, frame: &[u8]) -> io::Result<()> {
        self.send_with(frame, libc::MSG_DONTWAIT)
    }

    fn send_with(&self, frame: &[u8], flags: i32) -> io::Result<()> {
        let (fd, data) = (self.0.as_raw_fd(), frame.as_ptr().cast());
        // SAFETY: pointer and length of a live slice.
        let sent = unsafe { libc::send(fd, data, frame.len(), flags) };
        if sent < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
        }
    }

    /// Sends a frame.
    ///
    /// # Panics
    /// If the kernel does not take it.
    pub fn send(&self, frame: &[u8]) {
        self.try_send(frame).expect("the raw socket sends");
    }

    /// The next frame in place of what `buffer` held, if there is one already: 2,048 bytes at most.
    pub fn receive_now(&self, buffer: &mut Vec<u8>) -> bool {
        buffer.resize(2048, 0);
        // SAFETY: pointer and length of a live buffer.
        let len = unsafe {
            libc::recv(
                self.0.as_raw_fd(),
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                libc::MSG_DONTWAIT,
            )
        };
        buffer.truncate(len.max(0) as usize);
        len >= 0
    }

    /// The next frame, or nothing when none comes in time.
    #[must_use]
    pub fn receive(&self) -> Option<Vec<u8>> {
        let mut buffer = vec![0; 70_000];
        let fd = self.0.as_raw_fd();
        // SAFETY: pointer and length of a live buffer.
        let len = unsafe { libc::recv(fd, buffer.as_mut_ptr().cast(), buffer.len(), 0) };
        (len >= 0).then(|| {
            buffer.truncate(len as usize);
            buffer
        })
    }

    fn set<T>(&self, name: i32, value: &T) {
        self.set_at(libc::SOL_SOCKET, name, value);
    }

    fn set_at<T>(&self, level: i32, name: i32, value: &T) {
        // SAFETY: pointer and size of a live value.
        let result = unsafe {
            libc::setsockopt(
                self.0.as_raw_fd(),
                level,
                name,
                core::ptr::from_ref(value).cast(),
                size_of::<T>() as u32,
            )
        };
        assert_eq!(result, 0, "option {name}: {}", io::Error::last_os_error());
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// `include/uapi/linux/if_packet.h`.
const PACKET_IGNORE_OUTGOING: i32 = 23;

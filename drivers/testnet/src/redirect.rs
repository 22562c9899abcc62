//! An interface's packets to a socket of somebody else's.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use crate::bpf::{self, Code, Map};

/// A program that gives what comes in on queue 0 of an interface to an AF_XDP socket, for peers that bring none of
/// their own.
///
/// ```no_run
/// use std::os::fd::AsFd;
///
/// # fn example(socket: std::os::fd::OwnedFd) -> std::io::Result<()> {
/// let redirect = linecard_testnet::Redirect::new("veth0", socket.as_fd())?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Redirect {
    _sockets: Map,
    _link: OwnedFd,
}

impl Redirect {
    /// On an interface of the calling thread's namespace, to a socket that is bound to its queue 0.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn new(interface: &str, socket: BorrowedFd<'_>) -> io::Result<Self> {
        let sockets = Map::of_sockets()?;
        sockets.put(0, socket)?;
        let mut code = Code::default();
        // The queue's number is the key; who finds no socket there goes on to the kernel.
        code.load(4, 2, 1, 16).set_map(1, &sockets);
        code.set(3, bpf::XDP_PASS).call(bpf::REDIRECT_MAP).exit();
        let program = code.program(bpf::XDP)?;
        let link = bpf::attach(&program, bpf::interface(interface)?)?;
        Ok(Self {
            _sockets: sockets,
            _link: link,
        })
    }
}

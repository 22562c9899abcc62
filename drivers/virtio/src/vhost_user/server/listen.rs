//! The thread that listens: one front end after the other.

use core::panic::AssertUnwindSafe;
use core::sync::atomic::Ordering;
use core::time::Duration;
use std::format;
use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::panic::catch_unwind;
use std::path::Path;
use std::string::{String, ToString};
use std::sync::{Arc, Mutex, PoisonError};

use vhost::vhost_user::message::FrontendReq;
use vhost::vhost_user::{BackendReqHandler, Error, VhostUserBackendReqHandlerMut};

use super::handler::Handler;
use super::shared::Shared;

/// Listens at `path`, in the place of a socket that nobody listens at any more.
pub(super) fn bind(path: &Path) -> io::Result<UnixListener> {
    let listener = match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let socket =
                fs::symlink_metadata(path).is_ok_and(|facts| facts.file_type().is_socket());
            let dead = UnixStream::connect(path)
                .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
            if !socket || !dead {
                return Err(error);
            }
            fs::remove_file(path)?;
            UnixListener::bind(path)?
        }
        other => other?,
    };
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Serves front ends until the server is closed.
pub(super) fn run(listener: &UnixListener, shared: &Arc<Shared>) {
    while !shared.closing.load(Ordering::Acquire) {
        if !readable(listener.as_raw_fd()) {
            continue;
        }
        let Ok((stream, _)) = listener.accept() else {
            // Gone again, or no descriptors left: not in a tight loop.
            std::thread::sleep(Duration::from_millis(10));
            continue;
        };
        let Ok(cut) = stream.try_clone() else {
            continue;
        };
        // From the listener it inherits nothing; but be sure that reading waits.
        let _ = stream.set_nonblocking(false);
        if !shared.began(cut) {
            break;
        }
        let how = catch_unwind(AssertUnwindSafe(|| serve(stream, shared)));
        shared.over(how.unwrap_or_else(|_| "the protocol's handler panicked".into()));
    }
    shared.over("the server was closed".into());
}

/// Serves one front end; gives how it ended. Its queues are out of service then.
fn serve(stream: UnixStream, shared: &Arc<Shared>) -> String {
    let fd = stream.as_raw_fd();
    let handler = Arc::new(Mutex::new(Handler::new(Arc::clone(shared))));
    let mut requests = BackendReqHandler::from_stream(stream, Arc::clone(&handler));
    loop {
        let hit = handler
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .was_hit();
        if hit {
            return "the guest took its memory away".into();
        }
        if shared.closing.load(Ordering::Acquire) {
            return "the server was closed".into();
        }
        // `fd` is `requests`'s, which lives.
        if !readable(fd) {
            continue;
        }
        // QEMU enables rings before it has set features, and not again. The crate refuses that, and
        // throws the message away; so it is looked at before.
        let enable = peek_enable(fd);
        match requests.handle_request() {
            Ok(()) | Err(Error::SocketRetry(_)) => {}
            Err(Error::InactiveFeature(_)) if enable.is_some() => {
                let (ring, enable) = enable.unwrap_or_default();
                let mut handler = handler.lock().unwrap_or_else(PoisonError::into_inner);
                // A ring that is not there is the front end's mistake, and nobody else's.
                let _ = handler.set_vring_enable(ring, enable == 1);
            }
            Err(Error::Disconnected | Error::PartialMessage) => {
                return "the front end went away".into();
            }
            // Refused, and the front end was told if it asked.
            Err(error @ (Error::InvalidOperation(_) | Error::InactiveOperation(_))) => {
                return format!("the front end asked for what is not offered: {error}");
            }
            Err(error) => return error.to_string(),
        }
    }
}

/// The ring and the choice of a message that enables or disables a ring, if that is what comes next.
fn peek_enable(fd: libc::c_int) -> Option<(u32, u32)> {
    let mut bytes = [0_u8; 20];
    // SAFETY: an array of this function, of that length; what is there stays there.
    let got = unsafe {
        libc::recv(
            fd,
            bytes.as_mut_ptr().cast(),
            bytes.len(),
            libc::MSG_PEEK | libc::MSG_DONTWAIT,
        )
    };
    let mut words = bytes.chunks_exact(4).map(|word| {
        let mut whole = [0; 4];
        whole.copy_from_slice(word);
        u32::from_ne_bytes(whole)
    });
    // Request, flags, length; ring, choice.
    let request = words.next()?;
    let (ring, enable) = (words.nth(2)?, words.next()?);
    (got == 20 && request == u32::from(FrontendReq::SET_VRING_ENABLE)).then_some((ring, enable))
}

/// Waits a moment for something to read.
fn readable(fd: libc::c_int) -> bool {
    let mut poll = libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one `pollfd`, of this function.
    unsafe { libc::poll(&raw mut poll, 1, LOOK) > 0 }
}

/// How long the thread waits before it looks whether the guest's memory is still there, and whether
/// it is to end, in milliseconds.
const LOOK: libc::c_int = 20;

//! What a server's thread, its port and the port's queues share.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::os::unix::net::UnixStream;
use std::string::String;
use std::sync::{Mutex, PoisonError};
use std::vec::Vec;

use super::config::ServerConfig;
use super::ring::Slot;

/// What a server's thread, its port and the port's queues share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: ServerConfig,
    /// As vhost-user counts them: the guest's receive queue of each pair, then its transmit queue.
    pub(super) slots: Vec<Slot>,
    pub(super) connected: AtomicBool,
    pub(super) sessions: AtomicU64,
    pub(super) faults: AtomicU64,
    /// The server is going away.
    pub(super) closing: AtomicBool,
    /// The connection, to be cut from another thread.
    stream: Mutex<Option<UnixStream>>,
    /// How the last session ended.
    ended: Mutex<Option<String>>,
}

impl Shared {
    pub(super) fn new(config: ServerConfig) -> Self {
        let slots = (0..2 * config.queues).map(|_| Slot::default()).collect();
        Self {
            config,
            slots,
            connected: AtomicBool::new(false),
            sessions: AtomicU64::new(0),
            faults: AtomicU64::new(0),
            closing: AtomicBool::new(false),
            stream: Mutex::new(None),
            ended: Mutex::new(None),
        }
    }

    /// Notes the connection that is served now; false if the server is going away.
    pub(super) fn began(&self, stream: UnixStream) -> bool {
        *lock(&self.stream) = Some(stream);
        self.sessions.fetch_add(1, Ordering::Relaxed);
        self.connected.store(true, Ordering::Release);
        // `close` sets the flag first, and takes the stream then.
        !self.closing.load(Ordering::SeqCst)
    }

    pub(super) fn over(&self, how: String) {
        self.connected.store(false, Ordering::Release);
        *lock(&self.stream) = None;
        *lock(&self.ended) = Some(how);
    }

    pub(super) fn ended(&self) -> Option<String> {
        lock(&self.ended).clone()
    }

    /// Cuts the connection, if there is one: the session ends.
    pub(super) fn cut(&self) {
        if let Some(stream) = &*lock(&self.stream) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }

    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
        self.cut();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

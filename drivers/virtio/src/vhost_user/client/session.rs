//! One connection to a back end.

use core::time::Duration;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Instant;
use std::vec::Vec;

use vhost::vhost_user::message::{VhostUserHeaderFlag, VhostUserProtocolFeatures};
use vhost::vhost_user::{Frontend, VhostUserFrontend};
use vhost::{VhostBackend, VhostUserMemoryRegionInfo, VringConfigData};
use vmm_sys_util::eventfd::{EFD_CLOEXEC, EFD_NONBLOCK, EventFd};

use super::memory::SharedMemory;
use crate::{Features, QueueMemory, TransportError};

/// One connection to a back end, until either side ends it.
pub(super) struct Session {
    frontend: Frontend,
    stream: UnixStream,
    /// What the back end offers.
    features: Features,
    /// When it gave its first answer.
    answered: Instant,
    pairs: u16,
    /// It was told of the memory.
    mapped: bool,
    /// It gave no answer in time: whatever it has it may use, until it closes the connection.
    stuck: bool,
    queues: Vec<Option<Running>>,
}

/// A queue that the back end has.
struct Running {
    /// Nobody reads it: the queues are polled. The back end wants one all the same.
    _call: EventFd,
}

impl Session {
    /// Connects, and asks what the back end can do, with up to so many queue pairs.
    pub(super) fn connect(path: &Path, pairs: u16) -> Result<Self, TransportError> {
        let stream = UnixStream::connect(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => TransportError::Gone,
            _ => system("connect", &error),
        })?;
        let mut session = Self {
            frontend: frontend(&stream, 1)?,
            stream,
            features: Features::empty(),
            answered: Instant::now(),
            pairs: 1,
            mapped: false,
            stuck: false,
            queues: Vec::new(),
        };
        let mut answered = session.answered;
        let features = session.ask("say what it offers", |frontend| {
            frontend.set_owner()?;
            let features = frontend.get_features()?;
            answered = Instant::now();
            if Features::from_bits_retain(features).contains(Features::VHOST_USER_PROTOCOL) {
                agree_on_protocol(frontend)?;
            }
            Ok(features)
        })?;
        session.features = Features::from_bits_retain(features);
        session.answered = answered;
        if pairs > 1 && session.features.contains(Features::MQ) {
            session.ask_for_pairs(pairs)?;
        }
        session.queues = (0..session.pairs * 2).map(|_| None).collect();
        Ok(session)
    }

    /// How many pairs there are: as many as the back end has, up to these.
    fn ask_for_pairs(&mut self, pairs: u16) -> Result<(), TransportError> {
        let has = self.ask("say how many queues it has", |frontend| {
            let offered = frontend.get_protocol_features()?;
            match offered.contains(VhostUserProtocolFeatures::MQ) {
                true => frontend.get_queue_num(),
                false => Ok(1),
            }
        })?;
        self.pairs = u16::try_from(has).map_or(pairs, |has| has.clamp(1, pairs));
        // The crate takes the number of pairs for one of queues, and refuses those past it.
        self.frontend = frontend(&self.stream, self.pairs)?;
        self.ask("say again what it offers", |frontend| {
            frontend.get_features()?;
            agree_on_protocol(frontend)
        })
    }

    /// When the back end gave its first answer: a connection may wait for that, as the kernel makes
    /// it without asking.
    pub(super) const fn answered(&self) -> Instant {
        self.answered
    }

    /// Queue pairs of this back end.
    pub(super) const fn pairs(&self) -> u16 {
        self.pairs
    }

    /// What the back end offers.
    pub(super) const fn features(&self) -> Features {
        self.features
    }

    /// Says what is accepted.
    pub(super) fn accept(&mut self, features: Features) -> Result<(), TransportError> {
        let mut own = self.features & Features::VHOST_USER_PROTOCOL;
        // Between front end and back end it says that there are several; the driver has no control
        // queue to spread packets by, and needs none: pairs are used that are enabled.
        own.set(Features::MQ, self.pairs > 1);
        let features = (features | own).bits();
        self.ask("take the features", |frontend| {
            frontend.set_features(features)
        })
    }

    /// Hands over a queue; gives what it is kicked by.
    pub(super) fn enable(
        &mut self,
        queue: u16,
        rings: &QueueMemory,
        memory: &[SharedMemory],
    ) -> Result<EventFd, TransportError> {
        let index = usize::from(queue);
        if !matches!(self.queues.get(index), Some(None)) {
            return Err(match self.queues.get(index) {
                Some(_) => TransportError::QueueBusy(queue),
                None => TransportError::NoSuchQueue(queue),
            });
        }
        if !self.mapped {
            self.share(memory)?;
        }
        let event =
            || EventFd::new(EFD_NONBLOCK | EFD_CLOEXEC).map_err(|error| system("eventfd", &error));
        let (call, kick) = (event()?, event()?);
        let config = VringConfigData {
            queue_max_size: rings.size,
            queue_size: rings.size,
            flags: 0,
            desc_table_addr: rings.descriptors.0,
            used_ring_addr: rings.device.0,
            avail_ring_addr: rings.driver.0,
            log_addr: None,
        };
        let protocol = self.features.contains(Features::VHOST_USER_PROTOCOL);
        self.ask("take a queue", |frontend| {
            frontend.set_vring_num(index, rings.size)?;
            frontend.set_vring_base(index, rings.start)?;
            frontend.set_vring_addr(index, &config)?;
            frontend.set_vring_call(index, &call)?;
            frontend.set_vring_kick(index, &kick)?;
            if protocol {
                frontend.set_vring_enable(index, true)?;
            }
            Ok(())
        })?;
        if let Some(place) = self.queues.get_mut(index) {
            *place = Some(Running { _call: call });
        }
        Ok(kick)
    }

    /// Has the back end let go of all queues. It answers when it has.
    pub(super) fn stop(&mut self) -> Result<(), TransportError> {
        if self.stuck && !self.is_over() {
            return Err(TransportError::TimedOut("let go of a queue"));
        }
        for index in 0..self.queues.len() {
            let Some(place) = self.queues.get_mut(index).filter(|place| place.is_some()) else {
                continue;
            };
            *place = None;
            let protocol = self.features.contains(Features::VHOST_USER_PROTOCOL);
            self.ask("let go of a queue", |frontend| {
                frontend.get_vring_base(index)?;
                if protocol {
                    frontend.set_vring_enable(index, false)?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Whether the back end has closed the connection, as when its process is gone.
    pub(super) fn is_over(&self) -> bool {
        let mut poll = libc::pollfd {
            fd: self.stream.as_raw_fd(),
            events: 0,
            revents: 0,
        };
        // SAFETY: one `pollfd`, of this function.
        let ready = unsafe { libc::poll(&raw mut poll, 1, 0) };
        // Both directions are shut: `ask` only ever shuts one.
        ready > 0 && poll.revents & libc::POLLHUP != 0
    }

    /// Whether nothing can be asked of it any more.
    pub(super) fn is_useless(&self) -> bool {
        self.stuck || self.is_over()
    }

    fn share(&mut self, memory: &[SharedMemory]) -> Result<(), TransportError> {
        let regions: Vec<VhostUserMemoryRegionInfo> = memory
            .iter()
            .map(|memory| {
                let address = memory.base().addr().get() as u64;
                VhostUserMemoryRegionInfo {
                    guest_phys_addr: address,
                    memory_size: memory.len() as u64,
                    userspace_addr: address,
                    mmap_offset: 0,
                    mmap_handle: memory.file().as_raw_fd(),
                }
            })
            .collect();
        self.ask("map the memory", |frontend| {
            frontend.set_mem_table(&regions).map(|_| ())
        })?;
        self.mapped = true;
        Ok(())
    }

    /// Asks the back end for something, and waits for the answer; one that gives none in time is
    /// hung up on.
    fn ask<R>(
        &mut self,
        what: &'static str,
        ask: impl FnOnce(&mut Frontend) -> vhost::Result<R>,
    ) -> Result<R, TransportError> {
        // The crate waits for answers for ever, and a timeout of the socket's it takes for a
        // reason to try again; so somebody hangs up meanwhile.
        let stream = self
            .stream
            .try_clone()
            .map_err(|error| system("dup", &error))?;
        let (done, waiting) = channel::<()>();
        let watch = thread::Builder::new()
            .name("vhost-user".into())
            .spawn(move || {
                let late = waiting.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout);
                if late {
                    // For reading alone, so that it still shows when the other end closes.
                    let _ = stream.shutdown(std::net::Shutdown::Read);
                }
                late
            })
            .map_err(|error| system("clone", &error))?;
        let answer = ask(&mut self.frontend);
        drop(done);
        let late = watch.join().unwrap_or(false);
        self.stuck |= late;
        answer.map_err(|error| match error {
            _ if late => TransportError::TimedOut(what),
            _ if self.is_over() => TransportError::Gone,
            vhost::Error::VhostUserProtocol(vhost::vhost_user::Error::BackendInternalError) => {
                TransportError::Unsupported(what)
            }
            _ => TransportError::Malformed("an answer that is none"),
        })
    }
}

impl core::fmt::Debug for Session {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Session")
            .field("features", &self.features)
            .field("mapped", &self.mapped)
            .finish_non_exhaustive()
    }
}

/// A front end on this connection.
fn frontend(stream: &UnixStream, pairs: u16) -> Result<Frontend, TransportError> {
    let ours = stream.try_clone().map_err(|error| system("dup", &error))?;
    Ok(Frontend::from_stream(ours, u64::from(pairs) * 2))
}

fn agree_on_protocol(frontend: &mut Frontend) -> vhost::Result<()> {
    let offered = frontend.get_protocol_features()?;
    frontend.set_protocol_features(offered & PROTOCOL)?;
    if offered.contains(VhostUserProtocolFeatures::REPLY_ACK) {
        // From here on each request says whether it was granted.
        frontend.set_hdr_flags(VhostUserHeaderFlag::NEED_REPLY);
    }
    Ok(())
}

fn system(call: &'static str, error: &io::Error) -> TransportError {
    TransportError::System {
        call,
        errno: error.raw_os_error().unwrap_or(0),
    }
}

/// What is used of the protocol.
const PROTOCOL: VhostUserProtocolFeatures =
    VhostUserProtocolFeatures::REPLY_ACK.union(VhostUserProtocolFeatures::MQ);

/// How long a back end may take for an answer. DPDK looks for new connections once a second.
const PATIENCE: Duration = Duration::from_secs(3);

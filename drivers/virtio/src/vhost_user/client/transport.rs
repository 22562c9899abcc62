//! A back end as a device.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;
use std::vec::Vec;

use linecard::wire::MacAddr;
use vmm_sys_util::eventfd::EventFd;

use super::memory::SharedMemory;
use super::session::Session;
use crate::{Doorbell, Features, QueueMemory, Status, Transport, TransportError};

/// A back end of vhost-user, reached as a VIRTIO device: DPDK's vhost, or another
/// [`Server`](crate::vhost_user::Server).
///
/// The front end is both the driver and what a hypervisor would be: the back end knows rings and
/// offloads, the rest of the device is here. Its configuration space has the MAC address and the
/// MTU that it was given, and a link that is up while the back end is there. (The protocol could ask
/// a back end for those, by `GET_CONFIG`; of a network device a back end has none to give: DPDK
/// offers it for block devices alone, and QEMU asks for it for no network device. What is set is
/// kept here, too: `SET_STATUS` would tell the back end what enabling its queues tells it anyway.)
///
/// It connects when the driver sets the device up, and again each time that it does so after the
/// back end has gone. A back end that is gone has let go of everything: it is as good as reset.
///
/// ```
/// use linecard::wire::MacAddr;
/// use linecard_virtio::Transport;
/// use linecard_virtio::vhost_user::VhostUser;
///
/// let mut device = VhostUser::new("/run/no-such.sock", MacAddr([2, 0, 0, 0, 0, 7]), 1500, Vec::new());
/// assert!(device.is_gone());
/// assert!(device.reset().is_ok(), "there is nobody to let go of anything");
/// ```
#[derive(Debug)]
pub struct VhostUser {
    // Closed before the memory may go.
    session: Option<Session>,
    path: PathBuf,
    memory: Vec<SharedMemory>,
    status: Status,
    mac: MacAddr,
    mtu: u16,
    max_size: u16,
    pairs: u16,
    sessions: u64,
}

impl VhostUser {
    /// A back end that will listen at `path`, and is to see this memory; up to eight pieces, which
    /// is what back ends take. `mac` and `mtu` are the port's own.
    pub fn new(
        path: impl Into<PathBuf>,
        mac: MacAddr,
        mtu: u16,
        memory: Vec<SharedMemory>,
    ) -> Self {
        Self {
            session: None,
            path: path.into(),
            memory,
            status: Status::empty(),
            mac,
            mtu,
            max_size: MAX_SIZE,
            pairs: 1,
            sessions: 0,
        }
    }

    /// The same with up to so many queue pairs (1 to 128), where the back end has several. All that
    /// the driver sets up are used: each should be polled, here and there. (DPDK's back end says that
    /// it has 128, however many it was given.)
    ///
    /// ```
    /// use linecard::wire::MacAddr;
    /// use linecard_virtio::Transport;
    /// use linecard_virtio::vhost_user::VhostUser;
    ///
    /// let device = VhostUser::new("/run/no-such.sock", MacAddr([2, 0, 0, 0, 0, 7]), 1500, Vec::new());
    /// assert_eq!(device.with_queues(4).queues(), 8);
    /// ```
    #[must_use]
    pub const fn with_queues(mut self, pairs: u16) -> Self {
        self.pairs = match pairs {
            0 => 1,
            1..MAX_PAIRS => pairs,
            MAX_PAIRS.. => MAX_PAIRS,
        };
        self
    }

    /// Where the back end listens.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many connections have been made.
    #[must_use]
    pub const fn sessions(&self) -> u64 {
        self.sessions
    }

    /// When the back end that is there gave its first answer.
    #[must_use]
    pub fn answered(&self) -> Option<Instant> {
        self.session.as_ref().map(Session::answered)
    }

    fn session(&mut self) -> Result<&mut Session, TransportError> {
        self.session.as_mut().ok_or(TransportError::Gone)
    }

    /// The configuration space (VIRTIO 1.2, section 5.1.4): MAC address, status, pairs, MTU.
    fn config(&self) -> [u8; CONFIG] {
        let mut config = [0; CONFIG];
        let [m0, m1, m2, m3, m4, m5] = self.mac.0;
        let [t0, t1] = self.mtu.to_le_bytes();
        let up = u8::from(!self.is_down());
        config.copy_from_slice(&[m0, m1, m2, m3, m4, m5, up, 0, 1, 0, t0, t1]);
        config
    }

    fn is_down(&self) -> bool {
        self.session.as_ref().is_none_or(Session::is_useless)
    }
}

// SAFETY: after `reset` no session has a queue: a back end that still had some has answered
// `GET_VRING_BASE`, by which it says that it has let go, or is gone and its connection closed, which
// is when the protocol has it let go. The socket's answer comes after what the back end wrote.
// `enable_queue` passes on the addresses that it is given.
unsafe impl Transport for VhostUser {
    type Doorbell = Kick;

    fn device_id(&mut self) -> u32 {
        NETWORK
    }

    fn is_gone(&mut self) -> bool {
        self.is_down()
    }

    fn reset(&mut self) -> Result<(), TransportError> {
        self.status = Status::empty();
        let Some(session) = &mut self.session else {
            return Ok(());
        };
        let answer = session.stop();
        if session.is_over() {
            self.session = None;
            return Ok(());
        }
        // Without an answer it may still be running: what it has it keeps.
        answer
    }

    fn status(&mut self) -> Status {
        self.status
    }

    fn set_status(&mut self, status: Status) -> Result<(), TransportError> {
        if status.contains(Status::ACKNOWLEDGE)
            && self.is_down()
            && !status.contains(Status::FAILED)
        {
            self.session = Some(Session::connect(&self.path, self.pairs)?);
            self.sessions = self.sessions.wrapping_add(1);
        }
        self.status = status;
        Ok(())
    }

    fn device_features(&mut self) -> u64 {
        let offered = self
            .session
            .as_ref()
            .map_or(Features::empty(), Session::features);
        ((offered & BACK_END) | OURS).bits()
    }

    fn set_driver_features(&mut self, features: u64) -> Result<(), TransportError> {
        let features = Features::from_bits_retain(features) & BACK_END;
        self.session()?.accept(features)
    }

    fn config_generation(&mut self) -> u32 {
        0
    }

    fn read_config(&mut self, offset: usize, out: &mut [u8]) -> Result<(), TransportError> {
        let len = out.len();
        let end = offset.wrapping_add(len);
        let config = self.config();
        let field = config
            .get(offset..end)
            .ok_or(TransportError::ConfigOutOfRange { offset, len })?;
        out.copy_from_slice(field);
        Ok(())
    }

    fn write_config(&mut self, offset: usize, bytes: &[u8]) -> Result<(), TransportError> {
        let len = bytes.len();
        Err(TransportError::ConfigOutOfRange { offset, len })
    }

    fn queues(&mut self) -> u16 {
        2 * self.pairs().unwrap_or(1)
    }

    fn pairs(&mut self) -> Option<u16> {
        Some(self.session.as_ref().map_or(self.pairs, Session::pairs))
    }

    fn max_queue_size(&mut self, queue: u16) -> u16 {
        if queue < self.queues() {
            self.max_size
        } else {
            0
        }
    }

    fn enable_queue(&mut self, queue: u16, memory: &QueueMemory) -> Result<Kick, TransportError> {
        if memory.size > self.max_size {
            return Err(TransportError::QueueSize {
                queue,
                size: memory.size,
                most: self.max_size,
            });
        }
        let session = self.session.as_mut().ok_or(TransportError::Gone)?;
        session.enable(queue, memory, &self.memory).map(Kick)
    }

    fn reset_queue(&mut self, _: u16) -> Result<(), TransportError> {
        Err(TransportError::Unsupported("reset of single queues"))
    }
}

/// Tells the back end about one queue, by an eventfd.
///
/// ```
/// use linecard_virtio::{Doorbell, vhost_user::Kick};
/// fn kick(queue: &Kick) { queue.ring(0) }
/// ```
#[derive(Debug)]
pub struct Kick(EventFd);

impl Doorbell for Kick {
    #[inline]
    fn ring(&self, _value: u32) {
        // Full: it was told, and has not looked yet.
        let answer: io::Result<()> = self.0.write(1);
        drop(answer);
    }
}

/// The device's type: a network device (VIRTIO 1.2, section 5.1).
const NETWORK: u32 = 1;

/// What back ends take: DPDK's vhost 32,768, others less; a queue that long is of no use.
const MAX_SIZE: u16 = 4096;

/// Queue pairs at most: what vhost-user's eight bits of a queue's number leave.
const MAX_PAIRS: u16 = 128;

/// Bytes of the configuration space that the features offered here have.
const CONFIG: usize = 12;

/// Features that the back end decides on: those of rings and packets.
const BACK_END: Features = Features::VERSION_1
    .union(Features::RING_PACKED)
    .union(Features::IN_ORDER)
    .union(Features::INDIRECT_DESC)
    .union(Features::EVENT_IDX)
    .union(Features::ACCESS_PLATFORM)
    .union(Features::MRG_RXBUF)
    .union(Features::CSUM)
    .union(Features::GUEST_CSUM);

/// Features that are here, whatever the back end.
const OURS: Features = Features::MAC.union(Features::STATUS).union(Features::MTU);

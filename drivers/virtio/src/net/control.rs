//! The control queue (VIRTIO 1.2, section 5.1.6.5): commands, one at a time, each waited for.

use core::ptr::NonNull;

use linecard::mempool::DeviceAddress;
use linecard::platform::DmaBuffer;

use super::NetError;
use super::ring::{Bell, Ring, for_each_kind};
use crate::queue::layout::Parts;
use crate::queue::{Buffer, Virtqueue};
use crate::{Doorbell, Transport, TransportError};

/// A command: class and number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Command(pub(super) u8, pub(super) u8);

impl Command {
    /// `VIRTIO_NET_CTRL_RX_PROMISC` (section 5.1.6.5.1).
    pub(super) const PROMISCUOUS: Self = Self(0, 0);
    /// `VIRTIO_NET_CTRL_RX_ALLMULTI`.
    pub(super) const ALL_MULTICAST: Self = Self(0, 1);
    /// `VIRTIO_NET_CTRL_MAC_ADDR_SET` (section 5.1.6.5.2).
    pub(super) const MAC: Self = Self(1, 1);
    /// `VIRTIO_NET_CTRL_VLAN_ADD` (section 5.1.6.5.3).
    pub(super) const VLAN_ADD: Self = Self(2, 0);
    /// `VIRTIO_NET_CTRL_VLAN_DEL`.
    pub(super) const VLAN_REMOVE: Self = Self(2, 1);
    /// `VIRTIO_NET_CTRL_ANNOUNCE_ACK` (section 5.1.6.5.4).
    pub(super) const ANNOUNCED: Self = Self(3, 0);
    /// `VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET` (section 5.1.6.5.5).
    pub(super) const PAIRS: Self = Self(4, 0);
    /// `VIRTIO_NET_CTRL_MQ_RSS_CONFIG` (section 5.1.6.5.7).
    pub(super) const RSS: Self = Self(4, 1);
    /// `VIRTIO_NET_CTRL_MQ_HASH_CONFIG` (section 5.1.6.5.6).
    pub(super) const HASH: Self = Self(4, 2);
}

/// The queue, and the page that a command is written to.
#[derive(Debug)]
pub(super) struct Control<B> {
    ring: Ring<SIZE>,
    bell: Bell<B>,
    page: NonNull<u8>,
    device: DeviceAddress,
    /// A command was given up: what the device does to the page is no more known.
    lost: bool,
}

// SAFETY: `page` is memory that is this value's alone (`Control::new`), on whatever thread.
unsafe impl<B: Send> Send for Control<B> {}

impl<B: Doorbell> Control<B> {
    /// Descriptors at most.
    pub(super) const SIZE: u16 = SIZE as u16;

    /// Bytes of memory for a queue of that size.
    pub(super) const fn len(size: u16, packed: bool) -> Option<usize> {
        match Parts::of(size, packed) {
            Some(parts) => Some(parts.len + PAGE),
            None => None,
        }
    }

    /// Makes one of a ring at the start of `memory`, and what is behind it.
    ///
    /// # Safety
    ///
    /// `memory` has [`len`](Self::len) bytes for this ring's size, of which those behind the ring
    /// are used by nobody but this and the device, for as long as this lives.
    pub(super) unsafe fn new(ring: Ring<SIZE>, bell: Bell<B>, memory: &DmaBuffer) -> Self {
        let behind = memory.len.saturating_sub(PAGE);
        Self {
            // SAFETY: `behind` is inside the memory.
            page: unsafe { memory.at.add(behind) },
            device: DeviceAddress(memory.device.0.wrapping_add(behind as u64)),
            ring,
            bell,
            lost: false,
        }
    }

    /// Gives a command, of which these are the data, and waits for the answer.
    ///
    /// # Errors
    ///
    /// [`NetError::Command`] if the device refuses; [`NetError::Control`] or
    /// [`TransportError::TimedOut`], and from then on, if it does not play by the rules.
    pub(super) fn command<T: Transport>(
        &mut self,
        transport: &mut T,
        command: Command,
        data: &[&[u8]],
    ) -> Result<(), NetError> {
        if self.lost {
            return Err(TransportError::TimedOut("answer a command").into());
        }
        let Command(class, number) = command;
        let mut at = DATA;
        for &byte in data.iter().copied().flatten() {
            self.write(at, byte);
            at += 1;
        }
        self.write(COMMAND, class);
        self.write(COMMAND + 1, number);
        self.write(ANSWER, REFUSED);
        let part = |offset: usize, len: usize, writable| Buffer {
            addr: DeviceAddress(self.device.0.wrapping_add(offset as u64)),
            len: len as u32,
            writable,
        };
        let parts = [
            part(COMMAND, 2, false),
            part(DATA, at - DATA, false),
            part(ANSWER, 1, true),
        ];
        self.lost = true;
        self.exchange(transport, &parts)?;
        self.lost = false;
        match self.read(ANSWER) {
            ACCEPTED => Ok(()),
            _ => Err(NetError::Command {
                class,
                command: number,
            }),
        }
    }

    fn exchange<T: Transport>(
        &mut self,
        transport: &mut T,
        parts: &[Buffer; 3],
    ) -> Result<(), NetError> {
        let [command, data, answer] = *parts;
        let without_data = [command, answer];
        let parts: &[Buffer] = match data.len {
            0 => &without_data,
            _ => parts,
        };
        for_each_kind!(&mut self.ring, queue => {
            // SAFETY: the page is this value's, and is not touched until the answer is there; should
            // it never come, `lost` keeps it so.
            if !unsafe { queue.push_chain(parts, 0) } {
                return Err(TransportError::TimedOut("take a command").into());
            }
            if queue.publish() {
                self.bell.ring(queue);
            }
            for look in 0..T::PATIENCE {
                queue.refresh().map_err(NetError::Control)?;
                if queue.pop().map_err(NetError::Control)?.is_some() {
                    return Ok(());
                }
                // Which may cost a register's round trip.
                if look % 4096 == 4095 && transport.is_gone() {
                    return Err(TransportError::Gone.into());
                }
                transport.pause();
            }
        });
        Err(TransportError::TimedOut("answer a command").into())
    }

    /// Writes a byte of the page; past its end, nothing.
    fn write(&mut self, at: usize, byte: u8) {
        if at >= PAGE {
            return;
        }
        // SAFETY: `at` is inside the page.
        let to = unsafe { self.page.add(at) };
        // SAFETY: the page is this value's (`new`), and no reference to it exists.
        unsafe { to.write_volatile(byte) };
    }

    fn read(&self, at: usize) -> u8 {
        // SAFETY: the callers' offsets are inside the page.
        let from = unsafe { self.page.add(at.min(PAGE - 1)) };
        // SAFETY: as in `write`.
        unsafe { from.read_volatile() }
    }
}

/// Descriptors at most: one command at a time has three.
const SIZE: usize = 64;

/// Bytes of the page: a command, its answer, and the data.
const PAGE: usize = 1024;

/// Where they are in the page.
const COMMAND: usize = 0;
const ANSWER: usize = 8;
const DATA: usize = 16;

/// `VIRTIO_NET_OK` and `VIRTIO_NET_ERR`.
const ACCEPTED: u8 = 0;
const REFUSED: u8 = 1;

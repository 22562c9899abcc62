//! When packets were received, as their device says.

use core::ptr;

use linecard::packet::{Offloads, Packet};

use crate::ffi;
use crate::mbuf::{self, MBUF, Meta};
use crate::memory::Shared;

/// Reads when packets were received, of a port that was set up with
/// [`Config::timestamps`](crate::Config::timestamps).
///
/// A packet's descriptor has 32 bytes, and none of them for a time that few ask for. The device puts
/// it into the mbuf, and that stays with the frame: this finds it there. It is a copy of two pointers,
/// for whichever thread has the packet.
///
/// ```no_run
/// use linecard::packet::Burst;
/// # fn example(port: &linecard_dpdk::Port<'static>, burst: &Burst<'static, 32>) {
/// let Some(times) = port.timestamps() else { return };
/// for packet in burst {
///     println!("{:?}", times.of(packet));
/// }
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Timestamps {
    shared: &'static Shared,
    field: Field,
}

/// Where in an mbuf the time is, and the flag that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    offset: usize,
    pub(crate) flag: u64,
}

impl Field {
    /// Registers it with DPDK, for all ports at once; `None` if mbufs have no room left.
    pub(crate) fn register() -> Option<Self> {
        let (mut offset, mut flag) = (0, 0);
        if ffi::lc_dpdk_timestamps(&mut offset, &mut flag) != 0 {
            return None;
        }
        let offset = usize::try_from(offset).ok()?;
        let fits = offset.is_multiple_of(8) && offset + 8 <= MBUF && flag != 0;
        fits.then_some(Self { offset, flag })
    }
}

impl Timestamps {
    pub(crate) const fn new(shared: &'static Shared, field: Field) -> Self {
        Self { shared, field }
    }

    /// When the packet was received, in the device's own unit and from when it likes to count, which
    /// `rte_ethdev` leaves open: `net_pcap` gives the capture's, in microseconds since 1970, most
    /// hardware ticks of its clock.
    ///
    /// `None` if its device did not say ([`Offloads::TIMESTAMP`] is not set), or the packet is of
    /// another pool.
    #[must_use]
    pub fn of(&self, packet: &Packet<'_>) -> Option<u64> {
        let frame = packet.frame();
        let pool: *const () = ptr::from_ref(frame.pool()).cast();
        if !packet.offloads.contains(Offloads::TIMESTAMP)
            || pool != ptr::from_ref(self.shared.pool()).cast()
        {
            return None;
        }
        let mbuf = self.shared.frames().mbuf(frame.index());
        // SAFETY: the mbuf of a frame of the pool, which the packet holds, so that no driver has it.
        let meta = unsafe { Meta::read(mbuf) };
        if meta.ol_flags & self.field.flag == 0 {
            return None;
        }
        // SAFETY: as above; the field is inside of the mbuf and aligned (`Field::register`).
        Some(unsafe { mbuf::read_u64(mbuf, self.field.offset) })
    }
}

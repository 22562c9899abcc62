//! A port on two rings whose other ends the program has.

use core::fmt;
use core::ptr::NonNull;
use std::string::String;

use crate::config::Config;
use crate::eal::{self, c_string};
use crate::error::Error;
use crate::ffi::{self, Ring};
use crate::found::{Found, Raw};
use crate::memory::Memory;
use crate::port::Port;
use crate::scope::Scope;

/// The far side of a `net_ring` port: what is put here the port receives, and what the port sends
/// is taken from here. Both copy the bytes.
///
/// ```no_run
/// # fn example(memory: linecard_dpdk::Memory) -> Result<(), linecard_dpdk::Error> {
/// use linecard_dpdk::{Config, RingPort};
/// let (port, mut far) = RingPort::new(&memory, "test", 256, Config::default())?;
/// assert!(far.put(&[0; 60], usize::MAX));
/// assert_eq!(far.take(), None);
/// # Ok(())
/// # }
/// ```
pub struct RingPort {
    memory: Memory,
    towards: NonNull<Ring>,
    from: NonNull<Ring>,
}

// SAFETY: the end into which packets are put goes with it; taking is for any thread.
unsafe impl Send for RingPort {}

impl RingPort {
    /// A port of this name, on rings with `places` for packets each way.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`], and those of [`Port::new`].
    pub fn new(
        memory: &Memory,
        name: &str,
        places: u32,
        config: Config,
    ) -> Result<(Port<'static>, Self), Error> {
        let (to, from) = (ring(name, "to", places)?, ring(name, "from", places)?);
        let far = Self {
            memory: memory.clone(),
            towards: to,
            from,
        };
        let c_name = c_string(name.into())?;
        let id = {
            let _control = eal::control();
            // SAFETY: both rings were made above; `far` keeps them for as long as the process.
            unsafe { ffi::lc_dpdk_ring_port(c_name.as_ptr(), to.as_ptr(), from.as_ptr()) }
        };
        let id = u16::try_from(id).map_err(|_| Error::Memory {
            call: "make a port of rings",
            errno: libc::ENOMEM,
        })?;
        let port = Port::set_up(memory, id, name, config)?;
        // Nothing was there: the port is new.
        let _ = port.state().far.set(Far(from));
        Ok((port, far))
    }

    /// Puts a packet towards the port, in mbufs of at most `part` bytes; false if there is no room
    /// now.
    pub fn put(&mut self, packet: &[u8], part: usize) -> bool {
        let memory = self.memory.clone();
        self.put_of(packet, part, &memory, Found::default())
    }

    /// As [`put`](Self::put), in one mbuf of which the device has found something out.
    pub fn put_found(&mut self, packet: &[u8], found: Found) -> bool {
        let memory = self.memory.clone();
        self.put_of(packet, usize::MAX, &memory, found)
    }

    /// As [`put`](Self::put), with every second mbuf of another pool.
    pub fn put_mixed(&mut self, packet: &[u8], part: usize, other: &Memory) -> bool {
        self.put_of(packet, part, other, Found::default())
    }

    fn put_of(&mut self, packet: &[u8], part: usize, other: &Memory, found: Found) -> bool {
        let pool = self.memory.shared().mempool();
        let elsewhere = other.shared();
        let other = elsewhere.mempool();
        let part = part.min(self.memory.max_receive()) as u32;
        let (data, len) = (packet.as_ptr(), packet.len() as u32);
        let (ring, found) = (self.towards.as_ptr(), Raw::from(found));
        let mut scope = Scope::uncached(self.memory.shared());
        let mut put = || {
            // SAFETY: the ring and the mempools live, the bytes are `packet`'s, and this is the ring's
            // one producer.
            scope.enter(&[], || unsafe {
                ffi::lc_dpdk_ring_put(ring, pool, other, data, len, part, &found)
            })
        };
        // What DPDK keeps of the other pool is counted as well.
        let put = match pool == other {
            true => put(),
            false => Scope::uncached(elsewhere).enter(&[], put),
        };
        put != 0
    }

    /// Takes the next packet that the port has sent.
    pub fn take(&mut self) -> Option<std::vec::Vec<u8>> {
        let mut bytes = std::vec![0; 65_536];
        let ring = self.from.as_ptr();
        let mut scope = Scope::uncached(self.memory.shared());
        let room = bytes.len() as u32;
        // SAFETY: the ring lives, and `bytes` has the room.
        let len = scope.enter(&[], || unsafe {
            ffi::lc_dpdk_ring_get(ring, bytes.as_mut_ptr(), room)
        });
        let len = usize::try_from(len).ok()?;
        bytes.truncate(len);
        Some(bytes)
    }
}

/// The ring into which a port sends.
#[derive(Debug)]
pub(crate) struct Far(NonNull<Ring>);

// SAFETY: packets are taken from the ring by any number of threads (`lc_dpdk_ring` makes it so).
unsafe impl Send for Far {}
// SAFETY: as above.
unsafe impl Sync for Far {}

impl Far {
    /// Frees what is there, when the port is stopped.
    pub(crate) fn drain(&self, scope: &mut Scope, accounts: &[u8]) {
        let ring = self.0.as_ptr();
        // SAFETY: the ring lives for as long as the process; no byte is written where there is
        // room for none.
        while scope.enter(accounts, || unsafe {
            ffi::lc_dpdk_ring_get(ring, core::ptr::null_mut(), 0)
        }) >= 0
        {}
    }
}

fn ring(name: &str, way: &str, places: u32) -> Result<NonNull<Ring>, Error> {
    let name: String = std::format!("{name} {way}");
    let name = c_string(name)?;
    let _control = eal::control();
    // SAFETY: the name is a string.
    let ring = unsafe { ffi::lc_dpdk_ring(name.as_ptr(), places) };
    NonNull::new(ring).ok_or(Error::Memory {
        call: "make a ring",
        errno: libc::ENOMEM,
    })
}

impl Drop for RingPort {
    /// Frees what is in the rings, but not the rings, which the port may still use.
    fn drop(&mut self) {
        while self.take().is_some() {}
    }
}

impl fmt::Debug for RingPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RingPort").finish_non_exhaustive()
    }
}

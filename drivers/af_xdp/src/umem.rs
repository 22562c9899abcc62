//! A pool's region as UMEM: the memory that sockets receive into and send from.

use core::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::vec::Vec;

use linecard::mempool::Pool;

use crate::error::Error;
use crate::sys::call;
use crate::sys::errno::Errno;
use crate::sys::if_xdp::{PACKET_HEADROOM, UmemReg};

/// A pool whose frames AF_XDP sockets may receive into and send from.
///
/// All ports opened on one `Umem` (or on clones of it) share the pool, so a packet crosses between
/// them by its number, without a copy. The kernel registers the region once and shares the
/// registration between the sockets that work in the same mode; a zero-copy and a copy-mode socket
/// cannot share one, and then the same region is registered once for each, which changes nothing
/// but the count of locked pages.
///
/// The kernel leaves alone what of a frame lies more than 256 bytes in front of received data. Should
/// another driver keep something in the pool's private area, give the pool 256 bytes of headroom
/// besides.
///
/// ```no_run
/// # #[cfg(target_os = "linux")] {
/// use linecard::mempool::{Pool, PoolConfig, Region, Slot};
/// use linecard_af_xdp::{Config, Port, Umem};
///
/// let memory: &'static mut [u8] = vec![0; (8192 + 2) * 2048].leak();
/// let start = memory.as_ptr().align_offset(4096);
/// let region = Region::from_slice(&mut memory[start..]);
/// let slots: &'static [Slot] = (0..8193).map(|_| Slot::new()).collect::<Vec<_>>().leak();
/// let pool = Pool::new(region, slots, PoolConfig::default())?;
///
/// let umem = Umem::new(&pool)?;
/// let west = Port::new(&umem, "eth0", Config::default())?;
/// let east = Port::new(&umem, "eth1", Config::default())?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Umem<'p> {
    pool: &'p Pool<'p>,
    sockets: Arc<Mutex<Vec<Registered>>>,
}

/// A bound socket whose registration others may share.
#[derive(Debug)]
struct Registered {
    fd: RawFd,
    zero_copy: bool,
}

impl<'p> Umem<'p> {
    /// A UMEM on a pool in memory that is lent for ever.
    ///
    /// For ever, because the kernel writes into frames that were posted to it until their socket
    /// is closed, and safe code may forget a queue without ever closing it.
    ///
    /// # Errors
    ///
    /// [`Error::FrameSize`], [`Error::RegionNotAligned`], [`Error::Headroom`].
    pub fn new(pool: &'p Pool<'static>) -> Result<Self, Error> {
        // SAFETY: for `'static` nobody else touches the region (`Region::from_slice` borrows it
        // for ever, `Region::from_raw` has the same promise of its caller), so it is never used
        // for anything else while a socket lives, however long that is.
        unsafe { Self::new_unchecked(pool) }
    }

    /// A UMEM on a pool in memory that is lent for a while.
    ///
    /// # Errors
    ///
    /// As [`new`](Umem::new).
    ///
    /// # Safety
    ///
    /// The pool's region is not used for anything else (it may be unmapped) before every queue
    /// that was opened on this UMEM has been dropped. A queue that was forgotten, as by
    /// [`core::mem::forget`], never is.
    pub unsafe fn new_unchecked(pool: &'p Pool<'p>) -> Result<Self, Error> {
        let page_size = call::page_size();
        let frame_size = pool.frame_size();
        if frame_size > page_size {
            return Err(Error::FrameSize {
                frame_size,
                page_size,
            });
        }
        if !pool.base().addr().get().is_multiple_of(page_size) {
            return Err(Error::RegionNotAligned { page_size });
        }
        let reserved = pool.data_offset().max(PACKET_HEADROOM as usize);
        let most = frame_size.saturating_sub(LEAST_DATA);
        if reserved > most {
            return Err(Error::Headroom { reserved, most });
        }
        Ok(Self {
            pool,
            sockets: Arc::default(),
        })
    }

    /// The pool.
    #[must_use]
    pub fn pool(&self) -> &'p Pool<'p> {
        self.pool
    }

    /// The longest packet in bytes that one frame can receive.
    #[must_use]
    pub fn max_receive(&self) -> usize {
        self.pool.frame_size().saturating_sub(self.rx_offset())
    }

    /// Bytes from a frame's start to where the kernel puts received data.
    #[must_use]
    pub fn rx_offset(&self) -> usize {
        self.headroom() as usize + PACKET_HEADROOM as usize
    }

    /// The kernel keeps 256 bytes in front of the data by itself; what the pool wants beyond that
    /// is the UMEM's headroom.
    fn headroom(&self) -> u32 {
        (self.pool.data_offset() as u32).saturating_sub(PACKET_HEADROOM)
    }

    /// Registers the region with a socket.
    pub(crate) fn register(&self, socket: BorrowedFd<'_>) -> Result<(), Error> {
        let bytes = self.pool.region_len();
        let reg = UmemReg {
            addr: self.pool.base().expose_provenance().get() as u64,
            len: bytes as u64,
            chunk_size: self.pool.frame_size() as u32,
            headroom: self.headroom(),
            flags: 0,
            tx_metadata_len: 0,
        };
        // SAFETY: the region is the pool's, and the pool gives a frame to nobody else while it is
        // posted or sent (`Account`). It is not used otherwise before the socket is closed: that is
        // the contract of `new_unchecked`, and `Channel::drop` gives frames back only when the
        // kernel has let go.
        unsafe { call::register_umem(socket, &reg) }.map_err(|errno| match errno {
            Errno::NOBUFS | Errno::NOMEM => Error::LockLimit { bytes },
            errno => Error::system("register the pool as UMEM")(errno),
        })
    }

    /// The sockets whose registration others may share, for as long as the answer is held: none of
    /// them is closed meanwhile.
    pub(crate) fn sharing(&self) -> Sharing<'_> {
        // A thread that panicked while it held the lock has left the list as good as it was.
        Sharing(self.sockets.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The sockets that have the region registered.
pub(crate) struct Sharing<'a>(MutexGuard<'a, Vec<Registered>>);

impl Sharing<'_> {
    /// One that works in this mode.
    pub(crate) fn donor(&self, zero_copy: bool) -> Option<RawFd> {
        self.0
            .iter()
            .find(|socket| socket.zero_copy == zero_copy)
            .map(|socket| socket.fd)
    }

    /// Adds a bound socket.
    pub(crate) fn add(&mut self, socket: &impl AsFd, zero_copy: bool) {
        self.0.push(Registered {
            fd: socket.as_fd().as_raw_fd(),
            zero_copy,
        });
    }

    /// Removes a socket that is about to be closed.
    pub(crate) fn remove(&mut self, socket: &impl AsFd) {
        let fd = socket.as_fd().as_raw_fd();
        self.0.retain(|socket| socket.fd != fd);
    }
}

impl fmt::Debug for Umem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Umem")
            .field("frames", &self.pool.frames())
            .field("frame_size", &self.pool.frame_size())
            .field("rx_offset", &self.rx_offset())
            .finish_non_exhaustive()
    }
}

/// The kernel wants so many bytes of each frame for data at least: the largest headroom that it
/// takes is the frame less 256 less 448 (the size of its own bookkeeping behind the data).
const LEAST_DATA: usize = 448;

#[cfg(test)]
mod tests {
    use super::*;
    use linecard::mempool::{PoolConfig, Region, Slot};

    fn pool(config: PoolConfig, skip: usize) -> &'static Pool<'static> {
        let memory: &'static mut [u8] = std::vec![0; 64 * config.frame_size + 8192].leak();
        let start = memory.as_ptr().align_offset(4096) + skip;
        let slots: &'static [Slot] = (0..64).map(|_| Slot::new()).collect::<Vec<_>>().leak();
        let memory = &mut memory[start..start + 64 * config.frame_size];
        let pool = Pool::new(Region::from_slice(memory), slots, config).unwrap();
        std::boxed::Box::leak(std::boxed::Box::new(pool))
    }

    #[test]
    fn received_data_begins_behind_private_area_and_headroom() {
        let umem = Umem::new(pool(PoolConfig::default(), 0)).unwrap();
        assert_eq!(
            (umem.headroom(), umem.rx_offset(), umem.max_receive()),
            (0, 256, 1792)
        );
        let config = PoolConfig {
            private: 128,
            headroom: 256,
            ..PoolConfig::default()
        };
        let umem = Umem::new(pool(config, 0)).unwrap();
        assert_eq!(
            (umem.headroom(), umem.rx_offset(), umem.max_receive()),
            (128, 384, 1664)
        );
        let config = PoolConfig {
            private: 0,
            headroom: 64,
            ..PoolConfig::default()
        };
        let umem = Umem::new(pool(config, 0)).unwrap();
        assert_eq!((umem.headroom(), umem.rx_offset()), (0, 256));
    }

    #[test]
    fn a_pool_that_cannot_be_a_umem_is_named() {
        let large = PoolConfig {
            frame_size: 8192,
            ..PoolConfig::default()
        };
        assert!(matches!(
            Umem::new(pool(large, 0)),
            Err(Error::FrameSize {
                frame_size: 8192,
                ..
            })
        ));
        let pool_off_page = pool(PoolConfig::default(), 64);
        assert!(matches!(
            Umem::new(pool_off_page),
            Err(Error::RegionNotAligned { .. })
        ));
        let deep = PoolConfig {
            headroom: 1664,
            colours: 1,
            ..PoolConfig::default()
        };
        assert_eq!(
            Umem::new(pool(deep, 0)).unwrap_err(),
            Error::Headroom {
                reserved: 1664,
                most: 1600
            }
        );
    }
}

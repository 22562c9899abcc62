//! Frames in one region of memory: pool, per-core cache, ledger.
//!
//! A [`Pool`] cuts a region that the caller provides into *frames* of one power-of-two size. The
//! same region is what a driver registers as UMEM, posts to a virtqueue, or puts behind mbufs.
//!
//! ```text
//! frame:   | private | headroom      | data ........ | tailroom      |
//!          0         private         offset          offset+len      frame size
//! ```
//!
//! - A [`Frame`] is one owned frame with a window on its bytes. Dropping it gives it back.
//! - A [`Cache`] is one core's stack of free frames; bursts are allocated from it and freed into
//!   it without an atomic read-modify-write.
//! - The shared free list behind the caches is lock-free: a thread that stops anywhere holds up
//!   nobody.
//! - The [`Ledger`] says where every frame is: free, cached, posted to a device, waiting for a
//!   completion, or held by the program. [`Pool::audit`] fails when one is lost or there twice.
//!
//! What it does not promise: frames are not handed out in any order; a frame's bytes are whatever
//! was last in it; and freeing one frame at a time without a cache costs an atomic
//! compare-and-swap for each.
//!
//! ```
//! use linecard::mempool::{Cache, Pool, PoolConfig, Region, Slot};
//!
//! let mut memory = vec![0u8; 64 * 2048 + 63];
//! let slots: Vec<Slot> = (0..64).map(|_| Slot::new()).collect();
//! let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default())?;
//! let mut cache = Cache::new(&pool, "core 0", 32)?;
//!
//! let mut frame = cache.alloc().expect("64 frames are free");
//! frame.append(4).expect("a new frame has tailroom").copy_from_slice(b"ping");
//! assert_eq!(frame.data(), b"ping");
//! cache.free(frame);
//! drop(cache);
//! pool.audit()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod account;
mod bursts;
mod cache;
mod carry;
mod chain;
mod colours;
mod frame;
mod framed;
mod free_list;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod heads;
mod home;
mod ledger;
mod limbo;
mod pool;
mod shared;

pub use account::{Account, AccountId, FrameIndex};
pub use bursts::{Receiving, Sending};
pub use cache::Cache;
pub(crate) use carry::{Carried, PORT_MASK};
pub use chain::Segments;
pub use colours::Colours;
pub use frame::{Frame, PoolTag, RoomError};
pub use free_list::Slot;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
pub(crate) use heads::{EightHeads, eight_starts_mut, heads, heads_mut};
pub use ledger::{AuditError, Entry, Ledger, Place};
pub use limbo::Limbo;
pub use pool::{Pool, PoolConfig, PoolError};
pub use shared::{Receiver, SharedAccount};

// What a region is, and what devices call its bytes, is for drivers without a pool as well.
pub use crate::platform::{DeviceAddress, DmaMap, Region};

#[cfg(all(test, not(loom)))]
mod burst_tests;
#[cfg(test)]
mod tests;
#[cfg(all(test, not(loom)))]
mod window_tests;

//! The device's side of a virtqueue: what a back end, and a fake device, do with a guest's rings.
//!
//! ```text
//!   guest (driver)                            device (this module)
//!   descriptors, available ────────────────►  pop:  chains of (memory, length, writable)
//!                                             ... copies in or out ...
//!   used  ◄────────────────────────────────── put:  done with a chain, so many bytes written
//!   interrupt ("call") ◄───────────────────── publish: all at once; says whether one is wanted
//! ```
//!
//! [`SplitQueue`] and [`PackedQueue`] are the two ring formats (VIRTIO 1.2, 2.7 and 2.8), behind
//! one trait, [`DeviceQueue`], by which whatever is built on them is compiled for each. Neither
//! allocates.
//!
//! # The guest is hostile
//!
//! It can write any byte of the rings at any moment, so each field is read once into a register
//! and checked there: indices against the ring, chains against loops, addresses through
//! [`GuestMemory`], the order of what is readable and what is writable. What breaks a rule is a
//! [`GuestFault`] by name; the queue is then out of service and gives the same fault ever after,
//! and nothing more of the guest is read or written through it.
//!
//! What is *in* the memory of a chain may change while it is read. So copy first
//! ([`Segment::read`]), and check the copy.
//!
//! ```
//! use core::ptr::NonNull;
//! use core::sync::atomic::AtomicU64;
//! use linecard_virtio::queue::device::{
//!     DeviceQueue, GuestFault, GuestMemory, RingAddresses, RingConfig, Segments, SplitQueue,
//! };
//!
//! /// A guest of one page, at address 0.
//! #[derive(Debug)]
//! struct Page(Box<[AtomicU64; 512]>);
//! // SAFETY: what is given lies in the box, which stays where it is when `Page` is moved.
//! unsafe impl GuestMemory for Page {
//!     fn translate(&self, address: u64, len: usize) -> Option<NonNull<u8>> {
//!         let at = usize::try_from(address).ok()?;
//!         if at.checked_add(len)? > 4096 { return None }
//!         NonNull::new(self.0.as_ptr().cast::<u8>().cast_mut().wrapping_add(at))
//!     }
//! }
//!
//! let page = Page(Box::new([const { AtomicU64::new(0) }; 512]));
//! let rings = RingAddresses { descriptors: 0, driver: 256, device: 512 };
//! let config = RingConfig { size: 16, ..RingConfig::default() };
//! let mut queue = SplitQueue::new(page, rings, config)?;
//! let mut segments = Segments::<64>::new();
//! assert!(queue.pop(&mut segments)?.is_none(), "the guest has made nothing available");
//! # Ok::<(), GuestFault>(())
//! ```

mod chain;
mod copy;
mod fault;
#[cfg(any(test, feature = "test-utils"))]
mod heap;
mod memory;
mod packed;
mod resume;
mod ring;
mod split;
mod walk;
mod window;

pub use chain::{Chain, Segment, Segments, Single};
pub use fault::GuestFault;
#[cfg(any(test, feature = "test-utils"))]
pub use heap::HeapGuest;
pub use memory::GuestMemory;
pub use packed::PackedQueue;
pub use ring::{DeviceQueue, Position, RingAddresses, RingConfig};
pub use split::SplitQueue;

#[cfg(test)]
mod tests;

//! What a port implements: clock, device memory, barriers, prefetch.
//!
//! The core never asks an operating system for anything. A port gives it a [`Clock`]; a
//! [`DmaMap`] says how devices address a region, and a [`Dma`] gives drivers memory for their
//! rings and keeps frames in step with devices that do not see the caches:
//!
//! - [`Arena`] cuts rings from memory that the caller provides; its frames are coherent and cost
//!   nothing to hand over;
//! - [`NonCoherent`] around it does real [`CacheMaintenance`] for every frame;
//! - [`barrier`] orders what a device must see in order.
//!
//! It is also the one place where the core is written for a processor: vectors for checksums, hashes, look-ups, four or
//! eight headers or eight descriptors at a time. Each has a plain way beside it that gives the same, for other
//! processors.

pub mod barrier;
mod cache;
mod carry;
mod clock;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod columns;
mod dma;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod eight;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod entries;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod four;
mod gfni;
mod isa;
mod lanes;
mod mark;
mod places;
mod prefetch;
mod rank;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod row;
mod stamp;
mod wide;
mod words;

pub use cache::{CacheInstruction, CacheMaintenance};
pub(crate) use carry::carry;
pub use clock::{Clock, Instant, ManualClock, NoClock};
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
pub(crate) use columns::{Columns, HALF};
pub(crate) use dma::REGION_ALIGN;
pub use dma::{
    Arena, DeviceAddress, Dma, DmaBuffer, DmaError, DmaMap, NonCoherent, Region, Window,
};
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
pub(crate) use eight::{Avx2, Eight};
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
pub(crate) use entries::entries;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
pub(crate) use four::Numbers;
pub(crate) use gfni::{Gfni, Matrices, matrices};
pub(crate) use isa::{Bits, Work};
pub(crate) use lanes::{Halves, Lanes, Longs, Wide};
pub(crate) use places::{Places, load_all};
pub use prefetch::{prefetch_read, prefetch_write};
pub(crate) use rank::rank;
pub(crate) use stamp::Stride;
pub(crate) use wide::{sum_of_bytes, sum_of_words};
pub(crate) use words::Words;

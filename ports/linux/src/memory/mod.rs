//! Memory for pools and look-up tables: on huge pages wherever the machine gives them.
//!
//! A forwarder touches memory at random: a header here, a route there. On 4 KiB pages nearly
//! every such touch also misses the TLB, and the same routing loop takes about twice as long.
//! So [`Mapping::new`] tries, in this order:
//!
//! 1. **hugetlb**, 1 GiB pages for mappings that fill most of one, else 2 MiB pages: set aside
//!    by the administrator, guaranteed once mapped;
//! 2. **transparent huge pages** (`madvise` and `MADV_COLLAPSE`): no privilege, no set-up, given
//!    when the kernel finds contiguous memory;
//! 3. **4 KiB pages**: always there, and said aloud.
//!
//! What it got is in [`Mapping::pages`], whose `Display` names the cost. A caller that would
//! rather fail than run slowly asks for [`PagePolicy::Require`].
//!
//! Whatever the pages, they are all touched before the mapping is handed out, so the data path
//! never takes a page fault, and locked as far as `RLIMIT_MEMLOCK` allows.
//!
//! - [`Table`] holds values: a look-up table, or anything that is looked up at random;
//! - [`PoolMemory`] holds the frames of a pool;
//! - [`Shared`] is what another process is to map, where the frames are in a memfd;
//! - [`Mapping`] is what all stand on; [`HugePages`] and [`Reservation`] count and ask for pages.
//!
//! ```
//! use linecard_linux::memory::{PagePolicy, Table};
//!
//! let table = Table::new("next hops", 1 << 16, PagePolicy::Prefer, |_| 0_u16)?;
//! println!("{}", table.pages());
//! # Ok::<(), linecard_linux::memory::MemoryError>(())
//! ```

mod error;
mod hugetlb;
mod mapping;
mod pages;
mod pool;
mod shared;
mod table;

pub use error::MemoryError;
pub use hugetlb::{HugePages, Reservation};
pub use mapping::Mapping;
pub use pages::{PagePolicy, Pages};
pub use pool::PoolMemory;
pub use shared::{PortMemory, Shared};
pub use table::Table;

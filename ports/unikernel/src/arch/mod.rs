//! What differs between processors, behind the same names. The rest of the image is shared.
//!
//! | name | what it is |
//! |---|---|
//! | `Calibration` | how fast the counter runs, found out between entry and first use |
//! | `ticks` | the counter |
//! | `serial` | the console: `put` and `take` a byte, `put_raw` bytes to the host |
//! | `exit` | the end, with a status that a host can see |
//! | `is_device` | whether addresses are mapped for devices |
//!
//! Boot code, page tables, traps and what the machine says of itself are the architecture's own,
//! and there only with the feature `image`; they end in a call of `linecard_main`. The library
//! compiles everywhere, so that a workspace builds and its tests run on any host.

#[cfg_attr(target_arch = "x86_64", path = "x86_64/mod.rs")]
#[cfg_attr(target_arch = "aarch64", path = "aarch64/mod.rs")]
#[cfg_attr(
    not(any(target_arch = "x86_64", target_arch = "aarch64")),
    path = "none.rs"
)]
mod imp;

#[cfg(all(
    feature = "image",
    not(any(target_arch = "x86_64", target_arch = "aarch64"))
))]
compile_error!("there is no boot code for this processor: images are for x86-64 and aarch64");

#[cfg(target_arch = "x86_64")]
pub(crate) use imp::io;
#[cfg(all(feature = "self-test", target_arch = "aarch64"))]
pub(crate) use imp::uncached;
pub use imp::{Calibration, exit};
pub(crate) use imp::{is_device, serial, ticks};

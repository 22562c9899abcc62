//! What differs between processors, behind the same names: `boot`, `serial`, `clock`, `exit`.

#[cfg(target_arch = "aarch64")]
#[path = "aarch64/mod.rs"]
mod imp;
#[cfg(target_arch = "x86_64")]
#[path = "x86_64/mod.rs"]
mod imp;

pub use imp::clock::{Calibration, CycleClock};
pub use imp::exit::exit;
#[cfg(target_arch = "x86_64")]
pub(crate) use imp::io;
pub(crate) use imp::{DEVICES, fixed_devices, serial};

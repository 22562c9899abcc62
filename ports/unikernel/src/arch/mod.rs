//! What differs between processors, behind the same names: `boot`, `serial`, `clock`, `exit`.

#[cfg(target_arch = "x86_64")]
#[path = "x86_64/mod.rs"]
mod imp;
#[cfg(not(target_arch = "x86_64"))]
compile_error!("linecard-unikernel boots x86-64 machines only");

pub use imp::clock::{Calibration, CycleClock};
pub use imp::exit::exit;
#[cfg(target_arch = "x86_64")]
pub(crate) use imp::io;
pub(crate) use imp::{DEVICES, fixed_devices, serial};

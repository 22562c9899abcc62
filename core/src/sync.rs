//! The one door to everything that two cores touch at once; loom's under `--cfg loom`.

#[cfg(not(loom))]
pub(crate) use core::sync::atomic;
#[cfg(loom)]
pub(crate) use loom::sync::atomic;

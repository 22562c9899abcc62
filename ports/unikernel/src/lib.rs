//! Linecard without an operating system.
//!
//! A bootable image is a program on this library: the image in this package is one, which routes,
//! forwards UDP or connects ports, as its kernel command line says. From the bottom up:
//!
//! - [`arch`](Calibration): entry, counter, serial console and exit of x86-64 (PVH: QEMU's `q35` and
//!   `microvm`) and aarch64 (Linux's boot protocol: `virt`); all that differs between processors;
//! - [`device_tree`]: what a machine says of itself where it has one;
//! - [`config`]: the command line, in the words of the `linecard` command;
//! - [`run`]: ports, forwarder and worker, until the end;
//! - [`replay`]: a capture from memory through a forwarder, as `linecard replay` does it.
//!
//! Everything but the entry compiles and is tested on a host. The entry needs the feature `image`,
//! `extern "Rust" fn linecard_main(Boot) -> !` from the program, and the linker script of this
//! package; `cargo run -p linecard-qemu` is the build.
#![no_std]
#![deny(unsafe_code)]

#[cfg(test)]
extern crate std;

#[allow(unsafe_code)]
mod arch;
mod clock;
pub mod config;
mod console;
pub mod device_tree;
#[allow(unsafe_code)]
pub mod discover;
pub mod forwarder;
#[allow(unsafe_code)]
pub mod memory;
#[allow(unsafe_code)]
pub mod pci;
pub mod replay;
pub mod routes;
pub mod run;
#[cfg(feature = "self-test")]
#[allow(unsafe_code)]
pub mod self_test;
pub mod setup;
#[allow(unsafe_code)]
pub mod transport;

pub use arch::{Calibration, exit};
pub use clock::CycleClock;
pub use console::Console;

/// What a program is given when the machine starts.
///
/// ```
/// use linecard_unikernel::{Boot, config::{Config, ConfigError}};
/// fn configured(boot: &Boot) -> Result<Config<'static>, ConfigError<'static>> {
///     Config::parse(boot.command_line)
/// }
/// ```
#[derive(Debug)]
pub struct Boot {
    /// The kernel command line.
    pub command_line: &'static str,
    /// The module (QEMU: `-initrd`), if there is one.
    pub module: Option<&'static [u8]>,
    /// The RAM that nobody uses.
    pub ram: memory::Ram,
    /// The measurement of the clock, under way since the entry.
    pub calibration: Calibration,
    /// Where the machine has devices, or places for them.
    pub buses: discover::Buses,
}

#[cfg(feature = "image")]
#[allow(unsafe_code)]
mod entry {
    use super::Boot;

    unsafe extern "Rust" {
        /// The program, called once.
        safe fn linecard_main(boot: Boot) -> !;
    }

    /// Hands the machine to the program.
    pub(crate) fn main(boot: Boot) -> ! {
        linecard_main(boot)
    }
}
#[cfg(feature = "image")]
pub(crate) use entry::main as linecard_main;

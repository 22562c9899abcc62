//! The bootable image, built and run: what `cargo run -p linecard-qemu` does, and its tests.
//!
//! - [`build`]: cargo with the flags that make an image, for either processor;
//! - [`Guest`]: QEMU with the image and two ports, ended with this value;
//! - [`Hosts`]: two network namespaces with a tap each, the ports' other ends;
//! - [`calls`]: the call graph of a linked image, and whether the burst functions can panic.

mod build;
pub mod calls;
mod elf;
mod guest;
mod hosts;
mod machine;
#[allow(unsafe_code)]
mod tap;

pub use build::{Image, build, stripped_size};
pub use guest::{Guest, Setup};
pub use hosts::Hosts;
pub use machine::{Machine, Processor};
pub use tap::Tap;

/// What is missing on this machine, with the Debian package that has it.
///
/// ```
/// assert_eq!(linecard_qemu::missing(&[("sh", "dash")]), None);
/// let why = linecard_qemu::missing(&[("qemu-system-vax", "simh")]);
/// assert_eq!(why.as_deref(), Some("no program qemu-system-vax: install the Debian package simh"));
/// ```
#[must_use]
pub fn missing(programs: &[(&str, &str)]) -> Option<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = |program: &str| {
        let mut folders = std::env::split_paths(&path);
        folders.any(|folder| folder.join(program).is_file())
    };
    let (program, package) = programs.iter().find(|(program, _)| !found(program))?;
    Some(format!(
        "no program {program}: install the Debian package {package}"
    ))
}

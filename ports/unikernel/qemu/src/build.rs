//! The image, by cargo and a stable compiler.
//!
//! For x86-64 it is a program for the hosted target, linked without anything of the host: statically,
//! at a fixed address, by the linker that comes with the toolchain. For aarch64 no such target is
//! at hand: Debian's compiler builds `core` for a bare one from Debian's sources, under `target/` and
//! once (`.ci/check --bare`), and the same linker links; QEMU is given a flat file, as its boot
//! protocol has it.

use core::sync::atomic::{AtomicU32, Ordering};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs, io};

use crate::Processor;
use crate::elf::Memory;

/// A built image.
///
/// ```no_run
/// use linecard_qemu::{Processor, build};
/// let image = build(Processor::X86_64, &[])?;
/// println!("{}", image.path.display());
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// What it is for.
    pub processor: Processor,
    /// Where it is, with its symbols: an ELF file.
    pub path: PathBuf,
    /// What a loader is given: the same, or the flat file that is made of it.
    pub boot: PathBuf,
}

/// Builds the image, with these features besides `image`.
///
/// `--target` keeps the flags from what cargo builds to run while building.
///
/// # Errors
/// What cargo said, or what is missing.
pub fn build(processor: Processor, features: &[&str]) -> Result<Image, String> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let top = top.canonicalize().map_err(|error| error.to_string())?;
    let target = env::var_os("CARGO_TARGET_DIR").map_or("target".into(), PathBuf::from);
    let target = top.join(target);
    let (triple, script) = match processor {
        Processor::X86_64 => ("x86_64-unknown-linux-gnu", "x86_64.ld"),
        Processor::Aarch64 => ("aarch64-unknown-none", "aarch64.ld"),
    };
    let script = top.join("ports/unikernel/link").join(script);
    // A folder for each set of features: tests build several at a time.
    let first = match processor {
        Processor::X86_64 => "image",
        Processor::Aarch64 => "image-aarch64",
    };
    let folder = target.join([&[first], features].concat().join("-"));
    let inline = match processor {
        Processor::X86_64 => 25,
        // Its instructions are larger.
        Processor::Aarch64 => 10,
    };
    let mut flags = vec![
        "-Clinker-flavor=ld.lld".to_owned(),
        "-Crelocation-model=static".into(),
        // Size before speed where it is cheap: the image is to be small.
        format!("-Cllvm-args=-inline-threshold={inline}"),
        format!("-Clink-arg=-T{}", script.display()),
        "-Clink-arg=-static".into(),
        "-Clink-arg=-no-pie".into(),
        "-Clink-arg=--build-id=none".into(),
    ];
    let mut command = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    match processor {
        Processor::X86_64 => flags.extend([
            "-Clinker=rust-lld".into(),
            "-Cno-redzone=yes".into(),
            // Sections are aligned to pages in memory, for their protection, and not in the file.
            "-Clink-arg=-n".into(),
        ]),
        Processor::Aarch64 => {
            let linker = linker()?;
            let bare = bare(&top, &target, triple)?;
            flags.push(format!("-Clinker={}", linker.display()));
            flags.extend([
                "--sysroot".into(),
                bare.join("sysroot").display().to_string(),
            ]);
            command
                .env("RUSTC", bare.join("rustc"))
                // A wrapper, as clippy's, is for another compiler.
                .env_remove("RUSTC_WRAPPER")
                .env_remove("RUSTC_WORKSPACE_WRAPPER");
        }
    }
    command
        .args(["build", "--locked", "--profile", "image"])
        .args(["--target", triple])
        .args(["--package", "linecard-unikernel", "--bin", "linecard-image"])
        .args(["--features", &[&["image"], features].concat().join(",")])
        .current_dir(&top)
        .env("CARGO_TARGET_DIR", &folder)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
        .env_remove("RUSTFLAGS");
    run(&mut command, "cargo")?;
    let path = folder.join(triple).join("image/linecard-image");
    let boot = match processor {
        Processor::X86_64 => path.clone(),
        Processor::Aarch64 => flatten(&path).map_err(|error| error.to_string())?,
    };
    Ok(Image {
        processor,
        path,
        boot,
    })
}

/// Bytes of the image without symbols and debug information: of what a loader is given.
///
/// # Errors
/// If `objcopy` (Debian package binutils) is not there or complains, which is asked for x86-64's.
pub fn stripped_size(image: &Image) -> io::Result<u64> {
    if image.boot != image.path {
        return Ok(fs::metadata(&image.boot)?.len());
    }
    let bare = image.path.with_extension("stripped");
    let status = Command::new("objcopy")
        .arg("--strip-all")
        .args([&image.path, &bare])
        .status()?;
    if !status.success() {
        return Err(io::Error::other(format!("objcopy: {status}")));
    }
    Ok(fs::metadata(bare)?.len())
}

/// The folder with a compiler and a `core` for this target, which are made if they are not there yet.
fn bare(top: &Path, target: &Path, triple: &str) -> Result<PathBuf, String> {
    let mut command = Command::new(top.join(".ci/check"));
    command
        .args(["--bare", triple])
        .env("CARGO_TARGET_DIR", target);
    run(&mut command, ".ci/check --bare").map_err(|why| {
        format!("no compiler for {triple} (Debian packages rustc-web and rust-web-src): {why}")
    })?;
    Ok(target.join("bare"))
}

/// The linker that comes with the toolchain, by its path: another compiler does not find it.
fn linker() -> Result<PathBuf, String> {
    let ask = |what: &str| {
        let output = run(Command::new("rustc").args(["--print", what]), "rustc")?;
        let text = String::from_utf8_lossy(&output.stdout);
        Ok::<PathBuf, String>(PathBuf::from(text.trim()))
    };
    let path = ask("target-libdir")?.with_file_name("bin/rust-lld");
    if path.is_file() {
        Ok(path)
    } else {
        Err(format!("the toolchain has no linker at {}", path.display()))
    }
}

/// Runs a command to its end; what it said if that was not well.
fn run(command: &mut Command, name: &str) -> Result<Output, String> {
    let output = command
        .output()
        .map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        Ok(output)
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// Makes the flat file of an ELF file, beside it.
fn flatten(path: &Path) -> io::Result<PathBuf> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let flat = path.with_extension("flat");
    // Whole or not at all: another test may start what is there.
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let new = path.with_extension(format!("{}-{count}", std::process::id()));
    fs::write(&new, Memory::of(&fs::read(path)?).flat())?;
    fs::rename(&new, &flat)?;
    Ok(flat)
}

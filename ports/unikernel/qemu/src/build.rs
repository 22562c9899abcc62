//! The image, by cargo and the stable toolchain.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// A built image.
///
/// ```no_run
/// let image = linecard_qemu::build(&[])?;
/// println!("{}", image.path.display());
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Where it is, with its symbols.
    pub path: PathBuf,
}

/// Builds the image for x86-64, with these features besides `image`.
///
/// It is a program for the hosted target, linked without anything of the host: statically, at a
/// fixed address, by the linker that comes with the toolchain. `--target` keeps the flags from what
/// cargo builds to run while building.
///
/// # Errors
/// What cargo said.
pub fn build(features: &[&str]) -> Result<Image, String> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let top = top.canonicalize().map_err(|error| error.to_string())?;
    let script = top.join("ports/unikernel/link/x86_64.ld");
    let target = env::var_os("CARGO_TARGET_DIR").map_or(top.join("target"), PathBuf::from);
    // A folder for each set of features: tests build several at a time.
    let folder = ["image"].iter().chain(features).copied();
    let target = top.join(target).join(folder.collect::<Vec<_>>().join("-"));
    let flags = [
        "-Clinker=rust-lld",
        "-Clinker-flavor=ld.lld",
        "-Crelocation-model=static",
        "-Cno-redzone=yes",
        // Size before speed where it is cheap: the image is to be small.
        "-Cllvm-args=-inline-threshold=25",
        &format!("-Clink-arg=-T{}", script.display()),
        "-Clink-arg=-static",
        "-Clink-arg=-no-pie",
        // Sections are not aligned to pages in the file: memory has one protection for all.
        "-Clink-arg=-n",
        "-Clink-arg=--build-id=none",
    ];
    let mut command = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    command
        .args([
            "build",
            "--locked",
            "--profile",
            "image",
            "--target",
            TARGET,
        ])
        .args(["--package", "linecard-unikernel", "--bin", "linecard-image"])
        .arg("--features")
        .arg(
            ["image"]
                .iter()
                .chain(features)
                .copied()
                .collect::<Vec<_>>()
                .join(","),
        )
        .current_dir(&top)
        .env("CARGO_TARGET_DIR", &target)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
        .env_remove("RUSTFLAGS");
    let output = command
        .output()
        .map_err(|error| format!("cargo: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let path = target.join(TARGET).join("image/linecard-image");
    Ok(Image { path })
}

/// Bytes of the image without symbols and debug information.
///
/// # Errors
/// If `objcopy` (Debian package binutils) is not there or complains.
pub fn stripped_size(image: &Image) -> io::Result<u64> {
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

const TARGET: &str = "x86_64-unknown-linux-gnu";

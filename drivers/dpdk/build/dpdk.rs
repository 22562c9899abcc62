//! libdpdk by pkg-config, and the shim by the system's C compiler.

use std::env;
use std::process::Command;

/// The oldest version whose headers have what the shim uses (`rte_bus_name`, opaque devices).
const OLDEST: &str = "22.11";

/// Says to Cargo what to link, and compiles the shim.
pub(crate) fn build() -> Result<(), String> {
    println!("cargo::rerun-if-changed=src/shim");
    for name in [
        "PKG_CONFIG",
        "PKG_CONFIG_PATH",
        "PKG_CONFIG_LIBDIR",
        "PKG_CONFIG_SYSROOT_DIR",
        "LINECARD_DPDK_STATIC",
    ] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    let wanted = format!("--atleast-version={OLDEST}");
    if let Err(why) = pkg_config(&[&wanted]) {
        return Err(match pkg_config(&["--modversion"]) {
            Ok(found) => format!(
                "libdpdk {} is too old: {OLDEST} or newer is needed",
                found.trim()
            ),
            Err(_) => format!(
                "libdpdk {OLDEST} or newer is needed for the feature `dpdk`, and pkg-config does \
                 not find it (Debian and Ubuntu: apt install dpdk-dev pkgconf): {why}"
            ),
        });
    }
    // Whether all of DPDK goes into the program, or its drivers are found when it is started.
    let fixed = env::var_os("LINECARD_DPDK_STATIC").is_some();
    let mut shim = cc::Build::new();
    shim.file("src/shim/eal.c")
        .file("src/shim/mempool.c")
        .file("src/shim/port.c")
        .file("src/shim/rss.c")
        .warnings(true)
        // Which the crate `cc` would keep for debuggers: a register less in each loop over a burst.
        .force_frame_pointer(false)
        .flag("-Wno-unused-parameter");
    println!("cargo::rerun-if-changed=src/shim/shim.h");
    for flag in pkg_config(&["--cflags"])?.split_whitespace() {
        match flag.strip_prefix("-I") {
            // The library's headers are not ours to warn about.
            Some(path) => shim.flag("-isystem").flag(path),
            None => shim.flag(flag),
        };
    }
    // What the program is compiled for comes behind the distribution's choice, and so wins.
    if let Ok(cpu) = env::var("LINECARD_DPDK_MARCH") {
        shim.flag(format!("-march={cpu}"));
    }
    println!("cargo::rerun-if-env-changed=LINECARD_DPDK_MARCH");
    if env::var_os("CARGO_FEATURE_TEST_UTILS").is_some() {
        shim.file("src/shim/ring.c");
    }
    shim.try_compile("linecard_dpdk_shim")
        .map_err(|error| format!("the shim for libdpdk does not compile: {error}"))?;
    let libs = match fixed {
        true => pkg_config(&["--static", "--libs"])?,
        false => pkg_config(&["--libs"])?,
    };
    link(&libs, fixed);
    if env::var_os("CARGO_FEATURE_TEST_UTILS").is_some() && !fixed {
        println!("cargo::rustc-link-lib=dylib=rte_net_ring");
    }
    Ok(())
}

/// Hands the linker's flags to Cargo.
fn link(libs: &str, fixed: bool) {
    for flag in libs.split_whitespace() {
        if let Some(path) = flag.strip_prefix("-L") {
            println!("cargo::rustc-link-search=native={path}");
        } else if let Some(archive) = flag.strip_prefix("-l:") {
            // A driver registers itself by a constructor that nobody calls: take it whole.
            println!("cargo::rustc-link-lib=static:+whole-archive,+verbatim={archive}");
        } else if let Some(name) = flag.strip_prefix("-l") {
            // Debian has no static libsystemd, and what wants it is not linked.
            let unwanted = fixed && name == "systemd";
            if !unwanted && (fixed || USED.contains(&name)) {
                println!("cargo::rustc-link-lib=dylib={name}");
            }
        }
    }
}

/// Of the shared libraries, those that the shim calls.
const USED: [&str; 7] = [
    "rte_eal",
    "rte_ethdev",
    "rte_kvargs",
    // Part of `rte_eal` before 23.11.
    "rte_log",
    "rte_mbuf",
    "rte_mempool",
    "rte_ring",
];

fn pkg_config(arguments: &[&str]) -> Result<String, String> {
    let program = env::var_os("PKG_CONFIG").unwrap_or_else(|| "pkg-config".into());
    let output = Command::new(&program)
        .args(arguments)
        .arg("libdpdk")
        .output()
        .map_err(|error| format!("{} does not run: {error}", program.display()))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr)
            .trim()
            .replace('\n', " ")),
    }
}

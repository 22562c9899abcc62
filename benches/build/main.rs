//! Finds libdpdk and compiles the peers over it; where there is none, says so to the benches. Likewise the
//! forwarders over packet sockets, for which a C compiler is enough.
//!
//! Nothing here fails the build: a bench without these peers still has the others. What went wrong
//! stands in the row's place. `LINECARD_REQUIRE_DPDK` makes it an error, for CI.

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=peers");
    for name in ["PKG_CONFIG_PATH", "PKG_CONFIG_LIBDIR", REQUIRE] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    // So that installing it is noticed.
    for folder in pkg_config(&["--variable", "pc_path", "pkg-config"])
        .unwrap_or_default()
        .trim()
        .split(':')
    {
        if Path::new(folder).is_dir() {
            println!("cargo::rerun-if-changed={folder}");
        }
    }
    match compile() {
        Ok(program) => println!("cargo::rustc-env=LINECARD_PEERS={program}"),
        Err(why) if env::var_os(REQUIRE).is_some() => println!("cargo::error={why}"),
        Err(why) => println!("cargo::rustc-env=LINECARD_PEERS_MISSING={why}"),
    }
    match compile_forward() {
        Ok(program) => println!("cargo::rustc-env=LINECARD_FORWARD={program}"),
        Err(why) => println!("cargo::rustc-env=LINECARD_FORWARD_MISSING={why}"),
    }
}

/// The forwarders over packet sockets: one of them wants libpcap, and says so if there is none.
fn compile_forward() -> Result<String, String> {
    let folder = env::var("OUT_DIR").map_err(|error| error.to_string())?;
    let program = format!("{folder}/linecard-forward");
    let mut command = compiler();
    command.args(["-std=gnu11", "-O3", "-Wall", "-Wextra", "-march=native"]);
    command.args(["-o", &program, "peers/forward.c"]);
    if let Ok(flags) = pkg_config(&["--cflags", "--libs", "libpcap"]) {
        command.arg("-DHAVE_PCAP").args(flags.split_whitespace());
    }
    finish(command, "the forwarders over packet sockets").map(|()| program)
}

fn compiler() -> Command {
    Command::new(env::var("CC").unwrap_or_else(|_| "cc".to_owned()))
}

fn finish(mut command: Command, what: &str) -> Result<(), String> {
    let output = command.output();
    let output = output.map_err(|error| format!("the C compiler: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!(
            "{what} do not compile: {}",
            one_line(&output.stderr)
        )),
    }
}

/// Gives the program's path.
fn compile() -> Result<String, String> {
    let folder = env::var("OUT_DIR").map_err(|error| error.to_string())?;
    let program = format!("{folder}/linecard-peers");
    pkg_config(&["--exists", "libdpdk"]).map_err(|_| "no libdpdk (Debian: dpdk-dev, pkgconf)")?;
    let flags = pkg_config(&["--cflags", "libdpdk"])?;
    let libraries = pkg_config(&["--libs", "libdpdk"])?;
    let mut command = compiler();
    command.args(["-std=gnu11", "-O3", "-Wall", "-Wextra", "-o", &program]);
    // The hash by GFNI is not in the stable interface; its header sets variables in one branch and uses them in another.
    command.args(["-DALLOW_EXPERIMENTAL_API", "-Wno-maybe-uninitialized"]);
    for flag in flags.split_whitespace() {
        match flag.strip_prefix("-I") {
            // The library's headers are not ours to warn about.
            Some(path) => command.arg("-isystem").arg(path),
            None => command.arg(flag),
        };
    }
    // Behind the distribution's choice, and so it wins: the processor that measures.
    command.arg("-march=native");
    command.args(SOURCES.map(|name| format!("peers/{name}.c")));
    command.arg("-Wl,--as-needed");
    command.args(libraries.split_whitespace());
    finish(command, "the peers over libdpdk").map(|()| program)
}

fn pkg_config(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("pkg-config")
        .args(arguments)
        .output()
        .map_err(|error| format!("pkg-config: {error}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(one_line(&output.stderr)),
    }
}

fn one_line(text: &[u8]) -> String {
    String::from_utf8_lossy(text).trim().replace('\n', " | ")
}

/// The program's sources.
const SOURCES: [&str; 17] = [
    "belt",
    "checksum",
    "hash",
    "lookups",
    "lpm",
    "lpm6",
    "main",
    "packets",
    "pool",
    "ports",
    "ptype",
    "ring",
    "ring_threads",
    "rings",
    "route",
    "tables",
    "udp",
];

const REQUIRE: &str = "LINECARD_REQUIRE_DPDK";

//! What it refuses, and how it says so.

use core::time::Duration;
use std::fs;

use linecard_testnet::{Child, Namespace, available};

use super::{Folder, ends, linecard, refuses};

/// Two namespaces with a veth pair, `lc0` in the first.
fn veth() -> Option<(Namespace, Namespace)> {
    if !available(&["ip", "setpriv"]) {
        return None;
    }
    let (here, there) = (
        Namespace::new().expect("a namespace"),
        Namespace::new().expect("a namespace"),
    );
    here.pair("lc0", &there, "lc1");
    Some((here, there))
}

fn has_program(namespace: &Namespace) -> bool {
    namespace.ip("-details link show dev lc0").contains("xdp")
}

const CROSS: [&str; 5] = ["run", "-f", "cross-connect", "--port", "null"];

#[test]
fn bad_configurations_say_where_and_what() {
    let folder = Folder::new("config");
    let file = folder.file(
        "bad.toml",
        "forwarder = \"router\"\n[[port]]\ndevice = \"af_xdp:eth0,quue=1\"\n",
    );
    refuses(
        &mut linecard(&["run", "--config", &file]),
        2,
        &format!("{file}:3:10: port[0].device: unknown option `quue`; did you mean `queue`?"),
    );
    let file = folder.file("bad.toml", "[pool\n");
    refuses(
        &mut linecard(&["run", "--config", &file]),
        2,
        &format!("{file}:1:6: "),
    );
    refuses(
        &mut linecard(&["run", "--config", "/nonexistent.toml"]),
        2,
        "cannot read the configuration: /nonexistent.toml: No such file or directory",
    );
    refuses(
        &mut linecard(&["run"]),
        2,
        "a port is missing; give at least one",
    );
    refuses(
        &mut linecard(&["run", "-p", "null", "-p", "null"]),
        2,
        "the forwarder is missing; choose one by `--forwarder router`",
    );
    refuses(
        &mut linecard(&["demo", "--duration", "soon"]),
        2,
        "--duration: `soon` is no length of time; \
         expected a number with its unit, as 50us, 10ms, 5s or 2m",
    );
}

#[test]
fn a_wrong_command_line_ends_with_two_as_well() {
    let (status, _, stderr) = ends(&mut linecard(&["run", "--prot", "null"]));
    assert_eq!(status, Some(2));
    assert!(stderr.contains("--port"), "{stderr}");
}

#[test]
fn an_interface_that_is_not_there() {
    // Without root the privilege may be missed first.
    if !available(&[]) {
        return;
    }
    let mut command = linecard(&CROSS);
    refuses(
        command.args(["--port", "af_xdp:lcnowhere0"]),
        1,
        "port port1 (af_xdp:lcnowhere0): there is no interface lcnowhere0 in this network \
         namespace: `ip link` lists those that are",
    );
}

#[test]
fn a_pool_too_small() {
    let mut command = linecard(&CROSS);
    refuses(
        command.args(["--port", "af_xdp:lo", "--frames", "1000"]),
        1,
        "the pool is too small: 1000 frames, and the ports need 4224 to begin; \
         make it larger with `--frames 8192`",
    );
}

#[test]
fn a_cpu_that_is_not_there() {
    refuses(
        linecard(&CROSS).args(["--port", "null", "--cpu", "4000"]),
        1,
        "cannot run on CPU 4000: this process may use CPU",
    );
}

#[test]
#[allow(unsafe_code)]
fn huge_pages_that_are_required_and_not_there() {
    use std::os::unix::process::CommandExt;
    let mut command = linecard(&CROSS);
    // More than other tests set aside for a moment.
    command.args(["--port", "null", "--frames", "65536"]);
    command.args(["--huge-pages", "require"]);
    let no_transparent_pages = || {
        // SAFETY: PR_SET_THP_DISABLE takes integers alone.
        match unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, 1, 0, 0, 0) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        }
    };
    // SAFETY: between fork and exec prctl(2) takes no lock and touches no memory.
    unsafe { command.pre_exec(no_transparent_pages) };
    refuses(
        &mut command,
        1,
        "packet pool: huge pages are required and there are too few: 128 MiB wanted",
    );
}

#[test]
fn without_permission() {
    let Some((here, _there)) = veth() else {
        return;
    };
    // Somebody else must be able to read the program.
    let folder = Folder::new("nobody");
    let copy = folder.0.join("linecard");
    fs::copy(env!("CARGO_BIN_EXE_linecard"), &copy).expect("a copy");
    let mut command = here.command("setpriv");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .args(["--inh-caps=-all", "--bounding-set=-all"])
        .arg(&copy)
        .args(CROSS)
        .args(["--port", "af_xdp:lc0,name=lan"]);
    refuses(&mut command, 1, "port lan (af_xdp:lc0): no permission to ");
    assert!(!has_program(&here));
}

#[test]
fn a_queue_that_is_taken() {
    let Some((here, _there)) = veth() else {
        return;
    };
    let start = || {
        let mut command = here.command(env!("CARGO_BIN_EXE_linecard"));
        command.args(CROSS).args(["--port", "af_xdp:lc0"]);
        command
    };
    let mut first = Child::start(&mut start());
    let began = std::time::Instant::now();
    while !has_program(&here) {
        assert!(!first.has_ended(), "{}", first.printed());
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "{}",
            first.printed()
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    refuses(
        &mut start(),
        1,
        "another XDP program is attached to lc0: stop the program that holds it",
    );
    // The first one does not notice.
    assert!(!first.has_ended(), "{}", first.printed());
    first.signal(libc::SIGTERM);
    let status = first.wait(Duration::from_secs(10));
    assert!(status.success(), "{}", first.printed());
    assert!(!has_program(&here));
}

#[test]
fn an_output_that_cannot_be_written() {
    let mut command = linecard(&CROSS);
    refuses(
        command.args(["--port", "pcap:-,out=/nonexistent/out.pcap"]),
        1,
        "/nonexistent/out.pcap",
    );
    let (status, stdout, stderr) = ends(linecard(&CROSS).args([
        "--port",
        "generator,count=10",
        "--stats-json",
        "/nonexistent/j",
    ]));
    assert_eq!(status, Some(1));
    assert!(
        stdout.contains("balanced"),
        "the report is printed all the same: {stdout}"
    );
    assert!(
        stderr.ends_with("cannot write /nonexistent/j: No such file or directory (os error 2)\n"),
        "{stderr}"
    );
}

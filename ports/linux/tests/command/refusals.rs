//! What it refuses, and how it says so.

use core::time::Duration;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use linecard_testnet::{Child, Folder, Namespace, TakenQueue};

use super::scene::Scene;
use super::{ends, linecard, refuses};

const CROSS: [&str; 5] = ["run", "-f", "cross-connect", "--port", "null"];

fn has_program(namespace: &Namespace) -> bool {
    namespace.ip("-details link show dev lc0").contains("xdp")
}

#[test]
fn bad_configurations_say_where_and_what() {
    let folder = Folder::new("command-config");
    let write = |name: &str, text: &str| {
        let file = folder.write(name, text);
        file.to_str().expect("a name").to_owned()
    };
    let file = write(
        "bad.toml",
        "forwarder = \"router\"\n[[port]]\ndevice = \"af_xdp:eth0,quue=1\"\n",
    );
    refuses(
        &mut linecard(&["run", "--config", &file]),
        2,
        &format!("{file}:3:10: port[0].device: unknown option `quue`; did you mean `queue`?"),
    );
    let file = write("bad.toml", "[pool\n");
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
fn a_bad_configuration_leaves_nothing() {
    let scene = Scene::new("nothing");
    scene.refuses(
        &mut scene.linecard(&["generator,cuont=5"]),
        2,
        "--port: unknown option `cuont`; did you mean `count`?",
    );
}

#[test]
fn an_interface_that_is_not_there() {
    // Without root the privilege may be missed first.
    let Some(scene) = Scene::with_veth("interface") else {
        return;
    };
    // What comes before it is set up by then: an interface with its program, huge pages. In
    // generic mode an offload of the interface is switched off as well.
    for mode in ["native", "generic"] {
        let lan = format!("af_xdp:lc0,mode={mode}");
        let mut command = scene.linecard(&[&lan, "af_xdp:lcnowhere0"]);
        command.arg("--reserve-huge-pages");
        scene.refuses(
            &mut command,
            1,
            "port port2 (af_xdp:lcnowhere0): there is no interface lcnowhere0 in this network \
             namespace: `ip link` lists those that are",
        );
    }
}

#[test]
fn a_pool_too_small() {
    let scene = Scene::new("pool");
    let mut command = scene.linecard(&["af_xdp:lo"]);
    scene.refuses(
        command.args(["--frames", "1000"]),
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
    let scene = Scene::new("pages");
    let mut command = scene.linecard(&["null"]);
    // More than other tests set aside for a moment.
    command.args(["--frames", "65536", "--huge-pages", "require"]);
    let no_transparent_pages = || {
        // SAFETY: PR_SET_THP_DISABLE takes integers alone.
        match unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, 1, 0, 0, 0) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        }
    };
    // SAFETY: between fork and exec prctl(2) takes no lock and touches no memory.
    unsafe { command.pre_exec(no_transparent_pages) };
    scene.refuses(
        &mut command,
        1,
        "packet pool: huge pages are required and there are too few: 128 MiB wanted",
    );
}

#[test]
fn without_permission() {
    let Some(scene) = Scene::with_veth("nobody") else {
        return;
    };
    // Somebody else must be able to read the program, and to write where it is told to.
    let copy = scene.folder.join("linecard");
    fs::copy(env!("CARGO_BIN_EXE_linecard"), &copy).expect("a copy");
    let all = fs::Permissions::from_mode(0o777);
    fs::set_permissions(&*scene.folder, all).expect("our own folder");
    let as_root = scene.linecard(&["af_xdp:lc0"]);
    let mut command = scene.command("setpriv");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .args(["--inh-caps=-all", "--bounding-set=-all"])
        .arg(&copy)
        .args(as_root.get_args());
    scene.refuses(
        &mut command,
        1,
        "port port1 (af_xdp:lc0): no permission to ",
    );
}

#[test]
fn a_queue_that_is_taken() {
    let Some(scene) = Scene::with_veth("queue") else {
        return;
    };
    let taken = scene.here().inside(|| TakenQueue::on("lc0"));
    for mode in ["native", "generic"] {
        scene.refuses(
            &mut scene.linecard(&[&format!("af_xdp:lc0,mode={mode}")]),
            1,
            "queue 0 of lc0 belongs to another AF_XDP socket",
        );
    }
    // Whose it was, has it still; and when that lets go, the queue can be had.
    drop(taken);
    let mut command = scene.linecard(&["af_xdp:lc0"]);
    let (status, _, stderr) = ends(command.args(["--duration", "50ms"]));
    assert_eq!(status, Some(0), "{stderr}");
}

#[test]
fn more_queues_than_there_are() {
    let Some(scene) = Scene::with_veth("queues") else {
        return;
    };
    scene.refuses(
        &mut scene.linecard(&["af_xdp:lc0,queues=3"]),
        1,
        "port port1 (af_xdp:lc0): lc0 has no queue 1: it has 1, counted from 0",
    );
}

#[test]
fn an_interface_that_another_linecard_has() {
    let Some(scene) = Scene::with_veth("second") else {
        return;
    };
    let here = scene.here();
    let mut first = here.command(env!("CARGO_BIN_EXE_linecard"));
    let mut first = Child::start(first.args(CROSS).args(["--port", "af_xdp:lc0"]));
    let began = std::time::Instant::now();
    while !first.printed().contains("port port1: ") {
        assert!(!first.has_ended(), "{}", first.printed());
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "{}",
            first.printed()
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    scene.refuses(
        &mut scene.linecard(&["af_xdp:lc0"]),
        1,
        "another XDP program is attached to lc0: stop the program that holds it",
    );
    // The first one does not notice.
    assert!(!first.has_ended(), "{}", first.printed());
    first.signal(libc::SIGTERM);
    let status = first.wait(Duration::from_secs(10));
    assert!(status.success(), "{}", first.printed());
    assert!(!has_program(here));
}

#[test]
fn an_output_that_cannot_be_written() {
    let mut command = linecard(&CROSS);
    refuses(
        command.args(["--port", "pcap:-,out=/nonexistent/out.pcap"]),
        1,
        "/nonexistent/out.pcap",
    );
    // Not after a run without end, but before it begins.
    refuses(
        linecard(&CROSS).args(["--port", "generator", "--stats-json", "/nonexistent/j"]),
        1,
        "cannot write /nonexistent/j: No such file or directory (os error 2)",
    );
    // Nor does a run that cannot begin change the figures of the last.
    let folder = Folder::new("command-figures");
    let old = folder.write("old.json", "old");
    let new = folder.join("new.json");
    for figures in [&old, &new] {
        let arguments = ["--port", "pcap:/nonexistent", "--stats-json"];
        refuses(
            linecard(&CROSS).args(arguments).arg(figures),
            1,
            "cannot read /nonexistent",
        );
    }
    assert_eq!(fs::read_to_string(&old).expect("it is there"), "old");
    assert!(!new.exists());
}

#[test]
fn an_output_that_is_an_input() {
    let folder = Folder::new("command-input");
    let config = folder.write(
        "config.toml",
        "forwarder = \"cross-connect\"\n[[port]]\ndevice = \"null\"\n[[port]]\ndevice = \"null\"\n",
    );
    // A capture of no packets, in the byte order of this machine.
    let capture = folder.join("in.pcap");
    let header = [0xa1b2_c3d4, 4 << 16 | 2, 0, 0, 65_535, 1];
    let before = header.map(u32::to_ne_bytes).concat();
    fs::write(&capture, &before).expect("a file");
    let link = folder.join("link.pcap");
    std::os::unix::fs::symlink(&capture, &link).expect("a link");
    let [capture, link, config] =
        [&capture, &link, &config].map(|path| path.to_str().expect("a name"));
    let (input, output) = (format!("pcap:{capture}"), format!("pcap:-,out={link}"));
    for (arguments, lost) in [
        (
            vec!["replay", capture, capture, "-f", "cross-connect"],
            capture,
        ),
        (vec!["replay", capture, link, "-f", "cross-connect"], link),
        (
            vec!["run", "-f", "cross-connect", "-p", &input, "-p", &output],
            link,
        ),
        (
            vec![
                "run",
                "-f",
                "cross-connect",
                "-p",
                &input,
                "-p",
                "null",
                "--stats-json",
                link,
            ],
            link,
        ),
        (
            vec!["run", "--config", config, "--stats-json", config],
            config,
        ),
    ] {
        refuses(
            &mut linecard(&arguments),
            1,
            &format!("cannot write {lost}: it is read as well, and would be lost"),
        );
    }
    assert_eq!(fs::read(capture).expect("it is there"), before);
}

#[test]
fn figures_on_a_capture() {
    let folder = Folder::new("command-figures-capture");
    let capture = folder.write("in.pcap", "");
    let new = folder.join("new.pcap");
    // The same, by another way.
    let around = folder.join("../").join(folder.file_name().expect("a name"));
    let around = around.join("new.pcap");
    let why = "a capture is written to it as well, and one of the two would be lost";
    for figures in [&new, &around] {
        let port = format!("pcap:-,out={}", new.display());
        let refused = format!("cannot write {}: {why}", figures.display());
        let mut run = linecard(&CROSS);
        run.args(["--port", &port, "--stats-json"]).arg(figures);
        refuses(&mut run, 1, &refused);
        let mut replay = linecard(&["replay"]);
        replay.args([&capture, &new]).args(["-f", "cross-connect"]);
        refuses(replay.arg("--stats-json").arg(figures), 1, &refused);
    }
    // One that is there already.
    fs::write(&new, "old").expect("a file");
    let port = format!("pcap:-,out={}", new.display());
    let mut run = linecard(&CROSS);
    run.args(["--port", &port, "--stats-json"]).arg(&new);
    refuses(&mut run, 1, why);
    assert_eq!(fs::read_to_string(&new).expect("it is there"), "old");
}

#[test]
fn an_output_that_two_ports_write() {
    let folder = Folder::new("command-twice");
    let out = folder.join("out.pcap");
    let port = format!("pcap:-,out={}", out.display());
    refuses(
        linecard(&CROSS[..3]).args(["--port", &port, "--port", &port]),
        1,
        "another port or program is writing to it",
    );
    assert!(!out.exists());
}

//! Where a refused command is run, and what it could leave there.

use core::time::Duration;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Instant;

use linecard_linux::memory::HugePages;
use linecard_testnet::{Folder, Namespace, available};

use super::refuses;

/// A folder of the test's own, in which the command runs, and two namespaces with a veth pair, of
/// which it runs in the first, if anybody may have those here.
pub(super) struct Scene {
    pub(super) folder: Folder,
    /// The command's, with `lc0`, and the one at the other end, with `lc1`.
    pub(super) namespaces: Option<(Namespace, Namespace)>,
}

/// All that a command could leave, wherever somebody would find it.
#[derive(Debug, PartialEq, Eq)]
struct Traces {
    /// Interfaces with their flags, addresses and XDP programs, routes and neighbours, and the
    /// offloads of `lc0`, one of which a program in generic mode switches off.
    network: String,
    /// In the test's folder, and where huge pages, pinned programs and namespaces are files.
    files: BTreeSet<PathBuf>,
}

impl Scene {
    /// Without a network of its own.
    pub(super) fn new(test: &str) -> Self {
        Self {
            folder: Folder::new(&format!("command-{test}")),
            namespaces: None,
        }
    }

    /// With one; none where that cannot be.
    pub(super) fn with_veth(test: &str) -> Option<Self> {
        if !available(&["ip", "ethtool", "setpriv"]) {
            return None;
        }
        let new = || Namespace::new().expect("a namespace");
        let (here, there) = (new(), new());
        here.pair("lc0", &there, "lc1");
        here.run("ethtool", "-K lc0 gro on");
        soon(|| {
            [&here, &there]
                .iter()
                .all(|end| end.ip("link show up").contains("state UP"))
        });
        Some(Self {
            namespaces: Some((here, there)),
            ..Self::new(test)
        })
    }

    pub(super) fn here(&self) -> &Namespace {
        let (here, _) = self.namespaces.as_ref().expect("a scene with veth");
        here
    }

    /// `program`, in the folder and the namespace.
    pub(super) fn command(&self, program: impl AsRef<Path>) -> Command {
        let program = program.as_ref().to_str().expect("a name");
        let mut command = match &self.namespaces {
            Some((here, _)) => here.command(program),
            None => Command::new(program),
        };
        command.current_dir(&*self.folder);
        command
    }

    /// `linecard` there, wiring ports that are written as in a file; the first one writes a
    /// capture, and its figures are wanted as well: all of that would be left.
    pub(super) fn linecard(&self, ports: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_linecard"));
        command.args(WIRED);
        for port in ports {
            command.args(["--port", port]);
        }
        command
    }

    /// It ends with this code and this message, and everything is as it was.
    #[track_caller]
    pub(super) fn refuses(&self, command: &mut Command, code: i32, message: &str) {
        // Huge pages are the machine's: somebody else may take or give some meanwhile. What the
        // command leaves, it leaves each time.
        let pages = |_| {
            let (before, pages) = (self.traces(), HugePages::of(HugePages::SIZE_2M).total);
            refuses(command, code, message);
            let now = HugePages::of(HugePages::SIZE_2M).total;
            // A link may blink when a program is taken off it.
            soon(|| self.traces() == before);
            assert_eq!(self.traces(), before, "{command:?}");
            (pages, now)
        };
        let runs: Vec<_> = (0..5).map(pages).take_while(|(a, b)| a != b).collect();
        assert!(runs.len() < 5, "huge pages before and after: {runs:?}");
    }

    fn traces(&self) -> Traces {
        let network = self.namespaces.as_ref().map(|(here, there)| {
            [
                here.ip("-details address show"),
                here.ip("route show table all"),
                here.ip("neighbour show"),
                here.run("ethtool", "-k lc0"),
                there.ip("-details address show"),
            ]
            .concat()
        });
        let folders = [&*self.folder].into_iter();
        let shared = SHARED.into_iter().map(Path::new);
        let entries = folders.chain(shared).filter_map(|at| fs::read_dir(at).ok());
        Traces {
            network: network.unwrap_or_default(),
            files: entries
                .flatten()
                .map(|entry| entry.expect("an entry").path())
                .collect(),
        }
    }
}

/// Waits a little for something that comes by itself.
fn soon(mut there: impl FnMut() -> bool) {
    let began = Instant::now();
    while !there() && began.elapsed() < Duration::from_secs(2) {
        thread::sleep(Duration::from_millis(10));
    }
}

const WIRED: [&str; 8] = [
    "run",
    "-f",
    "cross-connect",
    "--port",
    "pcap:-,out=out.pcap,name=first",
    "--connect=first port1",
    "--stats-json",
    "stats.json",
];
/// Where what outlives a process is a file.
const SHARED: [&str; 3] = ["/dev/hugepages", "/sys/fs/bpf", "/run/netns"];

//! Another process of DPDK's: `dpdk-testpmd`, with its files.

use core::time::Duration;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use linecard_testnet::Child;

/// A testpmd that forwards between two endless sources.
pub(crate) struct Neighbour {
    child: Child,
    prefix: String,
    files: Vec<PathBuf>,
}

impl Neighbour {
    /// Starts one and waits until it forwards.
    pub(crate) fn start(prefix: &str) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        assert!(cores > 1, "one core for testpmd, and one for the test");
        // Line by line, although it is a pipe; `stdbuf` becomes testpmd.
        let mut command = Command::new("stdbuf");
        command.args(["-oL", "dpdk-testpmd", "-l", "0-1", "--no-pci", "-m", "128"]);
        if !has_huge_pages() {
            command.arg("--no-huge");
        }
        command.arg(format!("--file-prefix={prefix}"));
        command.args(["--vdev=net_null0", "--vdev=net_null1", "--"]);
        command.args(["--stats-period=1", "--total-num-mbufs=2048"]);
        let mut neighbour = Self {
            child: Child::start(&mut command),
            prefix: prefix.into(),
            files: Vec::new(),
        };
        neighbour.goes_on();
        neighbour.files = files_of(prefix);
        assert!(
            !neighbour.files.is_empty(),
            "its files are there to be disturbed"
        );
        neighbour
    }

    /// Asserts that it is there with all of its files, and still forwards.
    pub(crate) fn is_undisturbed(&mut self) {
        assert_eq!(files_of(&self.prefix), self.files);
        self.goes_on();
    }

    /// Waits until it has said a larger number than it had.
    fn goes_on(&mut self) {
        let before = self.forwarded();
        let deadline = Instant::now() + PATIENCE;
        while self.forwarded() <= before {
            let ended = self.child.has_ended();
            let text = self.child.printed();
            assert!(!ended && Instant::now() < deadline, "testpmd: {text}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Packets that its first port has sent, by what it said last.
    fn forwarded(&self) -> u64 {
        let text = self.child.printed();
        let numbers = text.split("TX-packets:").skip(1).filter_map(|rest| {
            let (number, _) = rest.trim_start().split_once([' ', '\n'])?;
            number.parse().ok()
        });
        numbers.max().unwrap_or(0)
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        self.child.signal(libc::SIGKILL);
        let _ = self.child.wait(PATIENCE);
        // It leaves its files behind, and huge pages in them.
        for file in files_of(&self.prefix) {
            let _ = fs::remove_file(&file);
            let _ = fs::remove_dir_all(&file);
        }
    }
}

/// All that is there of a process by its prefix: folders of DPDK's with what is in them, sockets,
/// huge pages.
pub(crate) fn files_of(prefix: &str) -> Vec<PathBuf> {
    let mut folders = vec![
        PathBuf::from("/run/dpdk"),
        "/tmp/dpdk".into(),
        "/tmp".into(),
        "/dev/shm".into(),
    ];
    folders.extend(
        std::env::var_os("XDG_RUNTIME_DIR").map(|folder| PathBuf::from(folder).join("dpdk")),
    );
    folders.extend(mounts_of_huge_pages());
    let mut found = Vec::new();
    for folder in folders {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(prefix) {
                let inside = fs::read_dir(entry.path()).into_iter().flatten().flatten();
                found.extend(inside.map(|entry| entry.path()));
                found.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

/// Whether there is a mount of huge pages with 256 MiB free.
pub(crate) fn has_huge_pages() -> bool {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let number = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        number.unwrap_or(0)
    };
    let kilobytes = number("HugePages_Free:") * number("Hugepagesize:");
    kilobytes >= 256 * 1024 && !mounts_of_huge_pages().is_empty()
}

fn mounts_of_huge_pages() -> Vec<PathBuf> {
    let text = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let mounts = text.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (place, kind) = (fields.next()?, fields.next()?);
        (kind == "hugetlbfs").then(|| PathBuf::from(place))
    });
    mounts.collect()
}

const PATIENCE: Duration = Duration::from_secs(60);

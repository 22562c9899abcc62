//! DPDK's `dpdk-testpmd`, as the other end.

use std::thread;

use linecard_testnet::Testpmd;

/// Starts it with one virtual device, forwarding what comes in back out. Waits until it does.
pub(crate) fn start(vdev: &str, more: &[&str]) -> Testpmd {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    assert!(cores > 1, "one core for testpmd, and one for the test");
    let eal = ["-l", "0-1", "--no-huge", "-m", "256"];
    let mut testpmd = Testpmd::start(None, &eal, &[vdev], more).unwrap();
    testpmd.ask("start", "io packet forwarding").unwrap();
    testpmd
}

/// Stops forwarding; gives how many packets it had no room to send.
pub(crate) fn stop(testpmd: &mut Testpmd) -> u64 {
    let line = testpmd.ask("stop", "TX-dropped:").unwrap();
    let rest = line.split("TX-dropped:").nth(1).unwrap_or_default();
    let number = rest.split_whitespace().next().unwrap_or_default();
    number.parse().unwrap()
}

#[test]
fn a_testpmd_that_was_killed_leaves_no_folder() {
    if !Testpmd::is_there() {
        return;
    }
    let testpmd = start("net_null0", &[]);
    let folder = testpmd.folder().clone();
    assert!(folder.exists(), "DPDK makes it: {folder:?}");
    drop(testpmd);
    assert!(!folder.exists(), "it is left behind: {folder:?}");
}

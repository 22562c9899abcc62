//! A process that is killed in the middle of its work leaves nothing behind, and another one takes
//! its place; and one of DPDK's own beside them does not notice.

use core::time::Duration;
use std::process::Command;
use std::time::Instant;

use linecard_dpdk::{Eal, EalConfig, HugePages};
use linecard_testnet::{Child, Testpmd};

use crate::neighbour::{Neighbour, files_of, has_huge_pages};
use crate::{circle, memory};

#[test]
fn a_killed_process_leaves_nothing_and_starts_again() {
    if !Testpmd::is_there() {
        return;
    }
    let id = std::process::id();
    let mut neighbour = Neighbour::start(&format!("lcneighbour{id}"));
    let pages = match has_huge_pages() {
        true => &["no", "huge"][..],
        false => &["no"],
    };
    for pages in pages {
        let prefix = format!("lckilled{id}{pages}");
        for _ in 0..2 {
            let mut child = start(&prefix, pages, u64::MAX);
            let deadline = Instant::now() + PATIENCE;
            while !child.printed().contains("forwarding") {
                let ended = child.has_ended();
                let text = child.printed();
                assert!(!ended && Instant::now() < deadline, "{text}");
                std::thread::sleep(Duration::from_millis(20));
            }
            // Two processes at work side by side.
            neighbour.is_undisturbed();
            assert_eq!(files_of(&prefix), Vec::<std::path::PathBuf>::new());
            child.signal(libc::SIGKILL);
            assert!(!child.wait(PATIENCE).success(), "it was killed");
            assert_eq!(files_of(&prefix), Vec::<std::path::PathBuf>::new());
        }
        let mut child = start(&prefix, pages, 1_000_000);
        let status = child.wait(PATIENCE);
        let text = child.printed();
        assert!(status.success() && text.contains("balanced"), "{text}");
        assert_eq!(files_of(&prefix), Vec::<std::path::PathBuf>::new());
        neighbour.is_undisturbed();
    }
}

/// This program again, sending so many packets round.
fn start(prefix: &str, pages: &str, packets: u64) -> Child {
    let this = std::env::current_exe().expect("this program");
    Child::start(
        Command::new(this)
            .args(["--exact", "killed::child", "--nocapture"])
            .env(CHILD, format!("{prefix} {pages} {packets}")),
    )
}

/// Does nothing but in the processes that the test above starts.
#[test]
fn child() {
    let Ok(text) = std::env::var(CHILD) else {
        return;
    };
    let mut words = text.split(' ');
    let mut word = || words.next().expect("three words");
    let (prefix, pages, packets) = (word(), word(), word());
    let config = EalConfig {
        file_prefix: prefix.into(),
        huge_pages: match pages {
            "huge" => HugePages::InMemory,
            _ => HugePages::No,
        },
        pci: false,
        ..EalConfig::default()
    };
    let eal = Eal::start(&config).expect("DPDK starts");
    let memory = memory(eal, circle::FRAMES);
    let mut said = false;
    circle::run(&memory, packets.parse().expect("a number"), |seen| {
        if !said && seen > 100_000 {
            println!("forwarding");
            said = true;
        }
    });
    println!("balanced");
}

const CHILD: &str = "LINECARD_DPDK_KILLED";
const PATIENCE: Duration = Duration::from_secs(60);

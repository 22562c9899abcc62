//! `linecard check`: what works on this machine, and what to do about the rest.
//!
//! Every line is something tried or read now, never guessed from a version number, and comes with
//! advice where it is not as it should be.

mod interfaces;

use core::fmt;
use std::borrow::Cow;
use std::fs;
use std::io::{self, Write};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use rustix::process::{Resource, getrlimit};
use rustix::system::uname;
use rustix::thread::{CapabilitySet, capabilities};

use crate::affinity;
use crate::clock::MonotonicClock;
use crate::memory::{HugePages, Mapping, PagePolicy, Pages};

/// How one thing stands.
///
/// ```
/// use linecard_linux::cli::check::{Finding, State};
///
/// let finding = Finding {
///     what: "clock".into(),
///     state: State::Good,
///     found: "there".into(),
///     advice: None,
/// };
/// assert_eq!(finding.to_string(), "ok   clock              there");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub what: Cow<'static, str>,
    /// How it stands.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What to do, if something is to be done.
    pub advice: Option<String>,
}

/// How good a [`Finding`] is.
///
/// ```
/// use linecard_linux::cli::check::{State, findings};
///
/// let bad = findings().into_iter().filter(|finding| finding.state == State::Bad);
/// bad.for_each(|finding| println!("{finding}"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// As it should be.
    Good,
    /// Works, but slower or with less.
    Fair,
    /// Does not work.
    Bad,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.state {
            State::Good => "ok  ",
            State::Fair => "fair",
            State::Bad => "no  ",
        };
        write!(f, "{mark} {:<18} {}", self.what, self.found)?;
        match &self.advice {
            Some(advice) => write!(f, "\n{:<24}-> {advice}", ""),
            None => Ok(()),
        }
    }
}

/// Looks at everything.
///
/// ```
/// let findings = linecard_linux::cli::check::findings();
/// assert!(findings.iter().any(|finding| finding.what == "huge pages"));
/// ```
#[must_use]
pub fn findings() -> Vec<Finding> {
    vec![
        kernel(),
        cpus(),
        nodes(),
        clock(),
        huge_pages(),
        transparent_pages(),
        locked_memory(),
        af_xdp_socket(),
        bpf(),
        net_admin(),
    ]
}

/// Prints the findings, those of the named interfaces or of all, and what they come to.
///
/// # Errors
/// What `out` answers.
///
/// ```
/// let mut out = Vec::new();
/// linecard_linux::cli::check::run(&["lo".to_owned()], &mut out)?;
/// assert!(String::from_utf8_lossy(&out).contains("kernel"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn run(interfaces: &[String], out: &mut impl Write) -> io::Result<()> {
    let findings = findings();
    for finding in &findings {
        writeln!(out, "{finding}")?;
    }
    writeln!(out)?;
    for finding in interfaces::findings(interfaces) {
        writeln!(out, "{finding}")?;
    }
    let works = |names: &[&str]| {
        findings
            .iter()
            .all(|finding| finding.state != State::Bad || !names.contains(&&*finding.what))
    };
    writeln!(out)?;
    writeln!(
        out,
        "generator, loopback, null and pcap ports: work as any user"
    )?;
    if works(&[SOCKET, BPF, NET_ADMIN]) {
        writeln!(out, "af_xdp ports: nothing stands in the way")
    } else {
        writeln!(out, "af_xdp ports: not for this process; see above")
    }
}

fn kernel() -> Finding {
    let name = uname();
    let release = name.release().to_string_lossy().into_owned();
    let mut numbers = release
        .split(|c: char| !c.is_ascii_digit())
        .map(|part| part.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    // 5.9: bpf links for XDP, by which the program goes away with its owner. 6.6: fragments.
    let (state, advice) = match version {
        (major, minor) if (major, minor) >= (6, 6) => (State::Good, None),
        (major, minor) if (major, minor) >= (5, 9) => (
            State::Fair,
            Some("6.6 or newer: AF_XDP with packets longer than a frame".into()),
        ),
        _ => (
            State::Bad,
            Some("5.9 or newer: XDP programs that go away with their owner".into()),
        ),
    };
    Finding {
        what: "kernel".into(),
        state,
        found: format!("Linux {release}"),
        advice,
    }
}

fn cpus() -> Finding {
    match affinity::allowed() {
        Ok(cpus) => Finding {
            what: "CPUs".into(),
            state: if cpus.len() > 1 {
                State::Good
            } else {
                State::Fair
            },
            found: affinity::list(&cpus),
            advice: (cpus.len() == 1).then(|| {
                "a worker that spins on the only CPU starves the kernel's own packet work: \
                 use `--idle yield`, or more CPUs"
                    .into()
            }),
        },
        Err(error) => Finding {
            what: "CPUs".into(),
            state: State::Bad,
            found: format!("sched_getaffinity: {error}"),
            advice: None,
        },
    }
}

fn nodes() -> Finding {
    let nodes = affinity::nodes();
    let one = nodes.len() == 1;
    Finding {
        what: "NUMA nodes".into(),
        state: State::Good,
        found: if one {
            "one: all memory is equally far".into()
        } else {
            format!("{nodes:?}")
        },
        advice: (!one).then(|| "pin the worker to the node of its card: `--cpu N`".into()),
    }
}

fn clock() -> Finding {
    if MonotonicClock::new().reads_counter() {
        return Finding {
            what: "clock".into(),
            state: State::Good,
            found: "the CPU's time-stamp counter".into(),
            advice: None,
        };
    }
    Finding {
        what: "clock".into(),
        state: State::Fair,
        found: "CLOCK_MONOTONIC, asked of the kernel every time".into(),
        advice: Some("the kernel does not trust this CPU's counter: nothing to be done".into()),
    }
}

fn huge_pages() -> Finding {
    let (big, small) = (
        HugePages::of(HugePages::SIZE_1G),
        HugePages::of(HugePages::SIZE_2M),
    );
    let enough = big.free > 0 || small.free >= DEFAULT_POOL_PAGES;
    Finding {
        what: "huge pages".into(),
        state: if enough { State::Good } else { State::Fair },
        found: format!(
            "{} of {} of 2 MiB free, {} of {} of 1 GiB",
            small.free, small.total, big.free, big.total
        ),
        advice: (!enough).then(|| {
            format!(
                "`sysctl vm.nr_hugepages={}` or `--reserve-huge-pages`",
                DEFAULT_POOL_PAGES + ROUTER_PAGES
            )
        }),
    }
}

fn transparent_pages() -> Finding {
    let mode = fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled")
        .map(|text| text.trim().to_owned())
        .unwrap_or_else(|_| "not there".into());
    let got = Mapping::new("trial", 8 << 20, PagePolicy::Prefer).map(|trial| trial.pages());
    let (state, found) = match got {
        Ok(pages @ (Pages::Huge1G | Pages::Huge2M)) => {
            (State::Good, format!("not needed: {pages}"))
        }
        Ok(pages) if pages.is_huge() => (State::Good, format!("{mode}: a trial got all it asked")),
        Ok(pages @ Pages::Transparent { .. }) => (State::Fair, format!("{mode}: {pages}")),
        Ok(Pages::Small) => (State::Fair, format!("{mode}: a trial got none")),
        Err(error) => (State::Bad, error.to_string()),
    };
    Finding {
        what: "transparent pages".into(),
        state,
        found,
        advice: (state != State::Good).then(|| {
            "`echo madvise > /sys/kernel/mm/transparent_hugepage/enabled`, as root".into()
        }),
    }
}

fn locked_memory() -> Finding {
    let limit = getrlimit(Resource::Memlock).current;
    let free = limit.is_none() || has(CapabilitySet::IPC_LOCK);
    Finding {
        what: "locked memory".into(),
        state: if free { State::Good } else { State::Fair },
        found: match limit {
            _ if has(CapabilitySet::IPC_LOCK) => "no limit (CAP_IPC_LOCK)".into(),
            None => "no limit".into(),
            Some(bytes) => format!("{} KiB", bytes >> 10),
        },
        advice: (!free).then(|| "`ulimit -l unlimited`, so that packets are never swapped".into()),
    }
}

fn af_xdp_socket() -> Finding {
    let tried = socket_with(
        AddressFamily::XDP,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        None,
    );
    let (state, found, advice) = match tried {
        Ok(_) => (State::Good, "can be made".into(), None),
        Err(Errno::PERM | Errno::ACCESS) => (
            State::Bad,
            "not permitted".into(),
            Some("run as root, or give CAP_NET_RAW".into()),
        ),
        Err(Errno::AFNOSUPPORT) => (
            State::Bad,
            "unknown to this kernel".into(),
            Some("a kernel built with CONFIG_XDP_SOCKETS".into()),
        ),
        Err(errno) => (State::Bad, errno.to_string(), None),
    };
    Finding {
        what: SOCKET.into(),
        state,
        found,
        advice,
    }
}

fn bpf() -> Finding {
    let may = has(CapabilitySet::BPF) || has(CapabilitySet::SYS_ADMIN);
    Finding {
        what: BPF.into(),
        state: if may { State::Good } else { State::Bad },
        found: if may { "permitted" } else { "not permitted" }.into(),
        advice: (!may).then(|| "run as root, or give CAP_BPF and CAP_NET_ADMIN".into()),
    }
}

fn net_admin() -> Finding {
    let may = has(CapabilitySet::NET_ADMIN);
    Finding {
        what: NET_ADMIN.into(),
        state: if may { State::Good } else { State::Bad },
        found: if may { "permitted" } else { "not permitted" }.into(),
        advice: (!may).then(|| "run as root, or give CAP_NET_ADMIN".into()),
    }
}

fn has(capability: CapabilitySet) -> bool {
    capabilities(None).is_ok_and(|sets| sets.effective.contains(capability))
}

const SOCKET: &str = "AF_XDP socket";
const BPF: &str = "BPF programs";
const NET_ADMIN: &str = "attaching XDP";
/// 2 MiB pages of the default pool: 32 MiB of frames, 1 MiB of side table.
const DEFAULT_POOL_PAGES: usize = 17;
/// 2 MiB pages of a router's tables.
const ROUTER_PAGES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_comes_with_everything_that_can_be_bettered() {
        for finding in findings() {
            if finding.state == State::Good && finding.what != "NUMA nodes" {
                assert_eq!(finding.advice, None, "{finding}");
            }
        }
    }

    #[test]
    fn report_ends_with_what_works() {
        let mut out = Vec::new();
        run(&[], &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("work as any user"), "{text}");
        assert!(text.contains("af_xdp ports: "), "{text}");
    }
}

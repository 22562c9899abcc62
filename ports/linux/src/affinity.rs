//! Where a worker runs, and how far its memory and its interface are from there.
//!
//! A worker is pinned so that its caches stay warm and its time is its own; [`pin`] does it and
//! [`allowed`] says which CPUs this process may use (a container or `taskset` may have taken some
//! away). On machines of more than one NUMA node, [`interface_node`] and [`node_of_cpu`] say
//! whether a worker and its card are on the same one; Linux places memory on the node of the CPU
//! that touches it first, so a pool touched by a pinned thread is local without further ado.

use core::fmt;
use std::fs;
use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Why a thread could not be pinned.
///
/// ```
/// let error = linecard_linux::affinity::pin(100_000).unwrap_err();
/// assert!(matches!(error, linecard_linux::affinity::PinError::NotAllowed { cpu: 100_000, .. }));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum PinError {
    /// The CPU is offline, does not exist, or is not among those this process may use.
    NotAllowed {
        /// The CPU that was asked for.
        cpu: usize,
        /// Those that may be used.
        allowed: Vec<usize>,
    },
    /// The kernel refused.
    Refused {
        /// The CPU that was asked for.
        cpu: usize,
        /// What it answered.
        source: io::Error,
    },
}

impl fmt::Display for PinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAllowed { cpu, allowed } => write!(
                f,
                "cannot run on CPU {cpu}: this process may use {}; choose one of these",
                Ranges(allowed)
            ),
            Self::Refused { cpu, source } => {
                write!(f, "cannot run on CPU {cpu}: sched_setaffinity: {source}")
            }
        }
    }
}

impl core::error::Error for PinError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Refused { source, .. } => Some(source),
            Self::NotAllowed { .. } => None,
        }
    }
}

/// The CPUs that this thread may run on, in order.
///
/// # Errors
/// What the kernel answered to `sched_getaffinity`.
///
/// ```
/// let cpus = linecard_linux::affinity::allowed()?;
/// assert!(!cpus.is_empty());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn allowed() -> io::Result<Vec<usize>> {
    let set = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU)
        .filter(|&cpu| set.is_set(cpu))
        .collect())
}

/// Keeps the calling thread on one CPU.
///
/// # Errors
/// [`PinError`] if that CPU is not to be had.
///
/// ```
/// use linecard_linux::affinity;
///
/// let first = affinity::allowed()?[0];
/// std::thread::spawn(move || affinity::pin(first)).join().unwrap().unwrap();
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn pin(cpu: usize) -> Result<(), PinError> {
    let refused = |source: rustix::io::Errno| PinError::Refused {
        cpu,
        source: source.into(),
    };
    let may = sched_getaffinity(None).map_err(refused)?;
    if cpu >= CpuSet::MAX_CPU || !may.is_set(cpu) {
        return Err(PinError::NotAllowed {
            cpu,
            allowed: allowed().unwrap_or_default(),
        });
    }
    let mut only = CpuSet::new();
    only.set(cpu);
    sched_setaffinity(None, &only).map_err(refused)
}

/// NUMA nodes with memory or CPUs, in order; one node on a machine without NUMA.
///
/// ```
/// assert!(!linecard_linux::affinity::nodes().is_empty());
/// ```
#[must_use]
pub fn nodes() -> Vec<usize> {
    fs::read_to_string("/sys/devices/system/node/online")
        .ok()
        .and_then(|text| parse_list(&text))
        .filter(|nodes| !nodes.is_empty())
        .unwrap_or_else(|| vec![0])
}

/// The NUMA node of a CPU, if the kernel says.
///
/// ```
/// use linecard_linux::affinity;
///
/// let cpu = affinity::allowed()?[0];
/// if let Some(node) = affinity::node_of_cpu(cpu) {
///     assert!(affinity::nodes().contains(&node));
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use]
pub fn node_of_cpu(cpu: usize) -> Option<usize> {
    nodes().into_iter().find(|node| {
        fs::read_to_string(format!("/sys/devices/system/node/node{node}/cpulist"))
            .ok()
            .and_then(|text| parse_list(&text))
            .is_some_and(|cpus| cpus.contains(&cpu))
    })
}

/// The NUMA node that an interface's card is attached to; none for a virtual interface, or where
/// the firmware does not say.
///
/// ```
/// assert_eq!(linecard_linux::affinity::interface_node("lo"), None, "it is on no card");
/// ```
#[must_use]
pub fn interface_node(interface: &str) -> Option<usize> {
    // A name with a slash is no interface, and must not lead out of the directory.
    if interface.contains('/') {
        return None;
    }
    let text = fs::read_to_string(format!("/sys/class/net/{interface}/device/numa_node")).ok()?;
    // The kernel writes -1 for "unknown".
    text.trim().parse().ok()
}

/// CPUs as the kernel writes them: `CPUs 0-3,8`.
///
/// ```
/// assert_eq!(linecard_linux::affinity::list(&[0, 1, 2, 8]), "CPUs 0-2,8");
/// ```
#[must_use]
pub fn list(cpus: &[usize]) -> String {
    Ranges(cpus).to_string()
}

/// The kernel's list format, `0-3,8`.
fn parse_list(text: &str) -> Option<Vec<usize>> {
    let mut all = Vec::new();
    for part in text.trim().split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        all.extend(first..=last);
    }
    Some(all)
}

/// Prints CPUs as the kernel does: `CPUs 0-3,8`.
struct Ranges<'a>(&'a [usize]);

impl fmt::Display for Ranges<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.len() == 1 { "CPU " } else { "CPUs " })?;
        for (index, run) in self.0.chunk_by(|a, b| a + 1 == *b).enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            match run {
                [only] => write!(f, "{only}")?,
                [first, .., last] => write!(f, "{first}-{last}")?,
                [] => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pinned_thread_may_run_on_that_cpu_only() {
        let last = *allowed().unwrap().last().unwrap();
        let after = std::thread::spawn(move || {
            pin(last).unwrap();
            allowed().unwrap()
        });
        assert_eq!(after.join().unwrap(), [last]);
    }

    #[test]
    fn a_cpu_that_is_not_there_names_those_that_are() {
        for cpu in [CpuSet::MAX_CPU - 1, CpuSet::MAX_CPU, usize::MAX] {
            let error = pin(cpu).unwrap_err();
            assert!(matches!(error, PinError::NotAllowed { .. }));
            let text = error.to_string();
            assert!(text.contains("this process may use CPU"), "{text}");
        }
    }

    #[test]
    fn lists_read_and_print_as_the_kernel_writes_them() {
        assert_eq!(parse_list("0-3,8\n"), Some(vec![0, 1, 2, 3, 8]));
        assert_eq!(parse_list("\n"), Some(vec![]));
        assert_eq!(parse_list("0-x"), None);
        assert_eq!(Ranges(&[0, 1, 2, 3, 8]).to_string(), "CPUs 0-3,8");
        assert_eq!(Ranges(&[1]).to_string(), "CPU 1");
    }

    #[test]
    fn interface_names_cannot_leave_their_directory() {
        assert_eq!(interface_node("../../../../etc"), None);
        assert_eq!(interface_node("lo"), None);
    }

    #[test]
    fn every_allowed_cpu_is_on_a_node_that_is_listed() {
        for cpu in allowed().unwrap() {
            if let Some(node) = node_of_cpu(cpu) {
                assert!(nodes().contains(&node));
            }
        }
    }
}

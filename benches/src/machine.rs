//! On what machine, and when.

use std::fs;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// What a figure depends on besides the code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name, and how many of them the program may use.
    pub processor: String,
    /// Whether it is a virtual machine.
    pub hypervisor: bool,
    /// The kernel's release.
    pub kernel: String,
    /// What governs the processor's frequency.
    pub governor: String,
    /// Huge pages: reserved, and transparent.
    pub pages: String,
    /// NUMA nodes.
    pub nodes: usize,
    /// The load of the last minute when measuring began.
    pub load: String,
}

impl Machine {
    /// This one, now.
    #[must_use]
    pub fn here() -> Self {
        let cpuinfo = read("/proc/cpuinfo");
        let field = |name: &str| {
            let line = cpuinfo.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split_once(':'))
                .map_or("unknown", |(_, value)| value.trim())
        };
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let meminfo = read("/proc/meminfo");
        let huge = meminfo
            .lines()
            .filter_map(|line| line.strip_prefix("HugePages_Total:"))
            .map(str::trim)
            .next();
        let governor = read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
        let transparent = read("/sys/kernel/mm/transparent_hugepage/enabled");
        let load = read("/proc/loadavg");
        Self {
            processor: format!("{processors} x {}", field("model name")),
            hypervisor: field("flags").split(' ').any(|flag| flag == "hypervisor"),
            kernel: or(read("/proc/sys/kernel/osrelease").trim(), "unknown"),
            governor: or(governor.trim(), "none that the kernel shows"),
            pages: format!(
                "{} reserved of 2 MiB, transparent {}",
                huge.unwrap_or("none"),
                or(transparent.trim(), "not there"),
            ),
            nodes: linecard_linux::affinity::nodes().len().max(1),
            load: or(load.split(' ').next().unwrap_or_default(), "unknown"),
        }
    }

    /// In one line.
    #[must_use]
    pub fn line(&self) -> String {
        let Self {
            processor,
            kernel,
            governor,
            pages,
            nodes,
            load,
            ..
        } = self;
        let kind = if self.hypervisor { " (virtual)" } else { "" };
        format!(
            "{processor}{kind}, Linux {kernel}, governor: {governor}, huge pages: {pages}, NUMA nodes: {nodes}, load {load}"
        )
    }
}

/// The date of now, as `2026-01-31`.
#[must_use]
pub fn today() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    date(now.map_or(0, |since| since.as_secs() / 86_400))
}

/// The date so many days after the first of January 1970, in the Gregorian calendar.
fn date(days: u64) -> String {
    let leap = |year: u64| {
        (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400)
    };
    let (mut year, mut left) = (1970, days);
    while left >= 365 + u64::from(leap(year)) {
        left -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for days in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if left < days {
            break;
        }
        left -= days;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", left + 1)
}

/// A file's text; nothing if it is not there.
fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn or(text: &str, otherwise: &str) -> String {
    if text.is_empty() { otherwise } else { text }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(11_016), "2000-02-29");
        assert_eq!(date(11_017), "2000-03-01");
        assert_eq!(date(20_453), "2025-12-31");
        assert_eq!(date(20_454), "2026-01-01");
    }

    #[test]
    fn this_machine_has_a_line() {
        let line = Machine::here().line();
        assert!(
            line.contains(", Linux ") && line.contains("NUMA nodes: "),
            "{line}"
        );
    }
}

//! The final word on a run, for people.

use core::fmt;
use core::time::Duration;

use linecard::mempool::Ledger;
use linecard::trace::Phase;

use super::live::{Nanos, Rate};
use super::sample::{Exchanged, Latency, Totals, rate};
use crate::memory::Pages;
use crate::runner::PortStats;

/// All that is known of a run when it has ended. `Display` is what the command prints.
///
/// ```
/// use linecard_linux::stats::Report;
///
/// fn summary(report: &Report) -> String {
///     format!("{}: {:.1} Mpps", report.forwarder, report.received_per_second() / 1e6)
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Report {
    /// What was done with packets.
    pub forwarder: &'static str,
    /// From the first poll to the last.
    pub elapsed: Duration,
    /// Of this, the time that the workers' threads had a CPU, of all together. On a machine shared
    /// with others it is less.
    pub cpu_time: Duration,
    /// What was counted.
    pub totals: Totals,
    /// The ports, in order.
    pub ports: Vec<PortReport>,
    /// The phases of the work, each with its picoseconds a packet.
    pub phases: Vec<(Phase, u64)>,
    /// How long packets stayed.
    pub latency: Option<Latency>,
    /// The pages that the packets lay on.
    pub pages: Pages,
    /// What each worker counted.
    pub workers: Vec<WorkerReport>,
    /// Where every frame was at the end.
    pub ledger: Ledger,
}

/// What one worker counted: packets that went from one to another are counted by both.
///
/// ```
/// use linecard_linux::stats::WorkerReport;
///
/// fn own(worker: &WorkerReport) -> u64 {
///     worker.totals.received - worker.exchanged.taken_over
/// }
/// ```
#[derive(Debug, Clone)]
pub struct WorkerReport {
    /// The CPU that it was kept on.
    pub cpu: Option<usize>,
    /// The time that its thread had a CPU.
    pub cpu_time: Duration,
    /// What it counted.
    pub totals: Totals,
    /// What went to others, and came from them.
    pub exchanged: Exchanged,
}

/// What one port counted.
///
/// ```
/// use linecard_linux::stats::PortReport;
///
/// fn lost(port: &PortReport) -> u64 {
///     port.stats.rx.dropped() + port.stats.tx.dropped()
/// }
/// ```
#[derive(Debug, Clone)]
pub struct PortReport {
    /// Its name.
    pub name: String,
    /// What it is made of.
    pub device: &'static str,
    /// What its driver says of how it was set up.
    pub status: Option<String>,
    /// What its queues counted.
    pub stats: PortStats,
    /// What its device counts by names of its own, if it does: all of it. `Display` shows what is not
    /// zero and not counted by the queues as well.
    pub device_stats: Vec<(String, u64)>,
}

impl PortReport {
    /// What the device counted that the queues did not.
    fn peculiar(&self) -> impl Iterator<Item = &(String, u64)> {
        let stats = self.device_stats.iter();
        stats.filter(|(name, count)| *count > 0 && !is_common(name))
    }
}

impl Report {
    /// Packets that a second brought.
    #[must_use]
    pub fn received_per_second(&self) -> f64 {
        rate(self.totals.received, self.elapsed)
    }

    /// Nanoseconds of the workers' CPUs that a packet took, everything included: meaningful when
    /// the workers had no rest. `None` if nothing came.
    #[must_use]
    pub fn nanos_per_packet(&self) -> Option<f64> {
        (self.totals.received > 0)
            .then(|| self.cpu_time.as_nanos() as f64 / self.totals.received as f64)
    }

    /// The share of the time in which the workers' threads had a CPU, at most 1.
    #[must_use]
    pub fn cpu_share(&self) -> f64 {
        if self.elapsed.is_zero() {
            return 0.0;
        }
        let time = self.elapsed.as_secs_f64() * self.workers.len().max(1) as f64;
        (self.cpu_time.as_secs_f64() / time).min(1.0)
    }

    /// The share of rounds that found nothing: a worker with rest to spare has a high one.
    #[must_use]
    pub fn idle_share(&self) -> f64 {
        if self.totals.polls == 0 {
            return 0.0;
        }
        self.totals.idle as f64 / self.totals.polls as f64
    }

    /// Whether every frame is back in the pool, and every packet accounted for.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        let Ledger {
            total,
            free,
            surplus,
            violations,
            ..
        } = self.ledger;
        free == total && surplus == 0 && violations == 0 && self.totals.under_way() == 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let totals = &self.totals;
        writeln!(
            f,
            "{} for {:.3} s, packets on {}",
            self.forwarder,
            self.elapsed.as_secs_f64(),
            self.pages
        )?;
        writeln!(
            f,
            "  received  {:>14} packets  {}",
            totals.received,
            Rate(self.received_per_second())
        )?;
        writeln!(
            f,
            "  sent      {:>14} packets  {}",
            totals.sent,
            Rate(rate(totals.sent, self.elapsed))
        )?;
        for (name, count) in [
            ("made", totals.made),
            ("punted", totals.punted),
            ("slow path", totals.exceptions),
        ] {
            if count > 0 {
                writeln!(f, "  {name:<9} {count:>14} packets")?;
            }
        }
        writeln!(f, "  dropped   {:>14} packets", totals.dropped())?;
        for (why, count) in &totals.drops {
            writeln!(f, "    {:<20} {count:>14}", why.to_string())?;
        }
        if let Some(nanos) = self.nanos_per_packet()
            && self.idle_share() < BUSY
        {
            write!(f, "  cost      {nanos:>14.1} ns per packet, all in")?;
            if self.cpu_share() < SHARED {
                write!(
                    f,
                    " ({} for {:.0} % of the time)",
                    match self.workers.len() {
                        0 | 1 => "the worker had its CPU",
                        _ => "the workers had their CPUs",
                    },
                    self.cpu_share() * 100.0
                )?;
            }
            writeln!(f)?;
        }
        for (phase, picos) in &self.phases {
            writeln!(
                f,
                "    {:<20} {:>14.1} ns",
                phase.to_string(),
                *picos as f64 / 1e3
            )?;
        }
        if let Some(latency) = &self.latency {
            writeln!(
                f,
                "  latency   p50 {}, p99 {}, p99.9 {}, max {} ({} packets measured)",
                Nanos(latency.p50),
                Nanos(latency.p99),
                Nanos(latency.p99_9),
                Nanos(latency.max),
                latency.count
            )?;
        }
        if self.workers.len() > 1 {
            for (number, worker) in self.workers.iter().enumerate() {
                writeln!(f, "  worker {number}{worker}")?;
            }
        }
        for port in &self.ports {
            write!(f, "  port {} ({}", port.name, port.device)?;
            if let Some(status) = &port.status {
                write!(f, ", {status}")?;
            }
            writeln!(f, ")")?;
            writeln!(f, "    rx {}", port.stats.rx)?;
            writeln!(f, "    tx {}", port.stats.tx)?;
            let mut between = "    device ";
            for (name, count) in port.peculiar() {
                write!(f, "{between}{name} {count}")?;
                between = ", ";
            }
            if between == ", " {
                writeln!(f)?;
            }
        }
        write!(f, "  ledger    {}", self.ledger)?;
        let verdict = if self.is_balanced() {
            "balanced: every frame is back, every packet accounted for"
        } else {
            "NOT BALANCED"
        };
        write!(f, "\n  {verdict}")
    }
}

/// What stands behind a worker's number.
impl fmt::Display for WorkerReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(cpu) = self.cpu {
            write!(f, " on CPU {cpu}")?;
        }
        let (totals, exchanged) = (&self.totals, &self.exchanged);
        write!(f, ": received {}, sent {}", totals.received, totals.sent)?;
        write!(f, ", dropped {}", totals.dropped())?;
        for (name, count) in [
            ("handed over", exchanged.handed_over),
            ("passed on", exchanged.passed_on),
            ("taken over", exchanged.taken_over),
        ] {
            if count > 0 {
                write!(f, ", {name} {count}")?;
            }
        }
        Ok(())
    }
}

/// Whether a device's statistic is packets or bytes, in all or of a queue, by DPDK's names.
fn is_common(name: &str) -> bool {
    let rest = name
        .strip_prefix("rx_")
        .or_else(|| name.strip_prefix("tx_"));
    let Some(rest) = rest else { return false };
    let what = match rest
        .strip_prefix('q')
        .and_then(|queue| queue.split_once('_'))
    {
        Some((queue, what)) if queue.bytes().all(|byte| byte.is_ascii_digit()) => what,
        _ => rest,
    };
    matches!(what, "good_packets" | "good_bytes" | "packets" | "bytes")
}

/// Above this share of empty rounds, time divided by packets says nothing of what a packet costs.
const BUSY: f64 = 0.01;
/// Below this share of its CPU a worker's rates are not its own.
const SHARED: f64 = 0.97;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_devices_statistics_those_are_shown_that_say_something_new() {
        let stats = [
            ("rx_good_packets", 5),
            ("tx_q12_bytes", 7),
            ("rx_q0_errors", 1),
            ("rx_mbuf_allocation_errors", 0),
            ("mac_local_errors", 3),
        ];
        let port = PortReport {
            name: "a".into(),
            device: "dpdk",
            status: None,
            stats: PortStats::default(),
            device_stats: stats.map(|(name, count)| (name.into(), count)).to_vec(),
        };
        let shown: Vec<&str> = port.peculiar().map(|(name, _)| name.as_str()).collect();
        assert_eq!(shown, ["rx_q0_errors", "mac_local_errors"]);
    }
}

//! The final word on a replay.

use core::fmt;
use core::time::Duration;
use std::path::PathBuf;

use linecard::device::{RxStats, TxStats};

use crate::stats::Report;

/// What became of every record of a capture.
///
/// ```
/// use linecard_linux::replay::ReplayReport;
///
/// fn lost(report: &ReplayReport) -> u64 {
///     report.records - report.run.totals.received
/// }
/// ```
#[derive(Debug, Clone)]
pub struct ReplayReport {
    /// The capture.
    pub input: PathBuf,
    /// What was written.
    pub output: PathBuf,
    /// Records of the capture.
    pub records: u64,
    /// Where and why the capture breaks off, if it does.
    pub fault: Option<String>,
    /// How much time passed by the capture's clock, to the end of all waiting.
    pub span: Duration,
    /// What worker and ports counted.
    pub run: Report,
}

impl ReplayReport {
    /// Whether every record, every packet and every frame is accounted for.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        let (rx, tx) = self.both();
        // A capture that breaks off counts as one error, beyond its records.
        let errors = u64::from(self.fault.is_some());
        self.run.is_balanced()
            && self.records + errors == rx.packets + rx.dropped()
            && self.run.totals.sent == tx.packets + tx.dropped()
    }

    /// What all ports together counted.
    fn both(&self) -> (RxStats, TxStats) {
        let mut both = (RxStats::default(), TxStats::default());
        for port in &self.run.ports {
            both.0.add(&port.stats.rx);
            both.1.add(&port.stats.tx);
        }
        both
    }
}

impl fmt::Display for ReplayReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rx, tx) = self.both();
        let totals = &self.run.totals;
        writeln!(
            f,
            "{} through {}: {} records over {:.3} s",
            self.input.display(),
            self.run.forwarder,
            self.records,
            self.span.as_secs_f64()
        )?;
        if let Some(fault) = &self.fault {
            writeln!(f, "  the capture breaks off: {fault}")?;
        }
        writeln!(f, "  received  {:>10}", rx.packets)?;
        for (name, count, why) in [
            (
                "unsupported",
                rx.unsupported,
                "of a link that is not Ethernet",
            ),
            ("oversize", rx.oversize, "longer than a frame of the pool"),
            ("truncated", rx.truncated, "cut short by the capture"),
            ("invalid", rx.invalid, "not packets at all"),
        ] {
            if count > 0 {
                writeln!(f, "  not taken {count:>10}  {name}: {why}")?;
            }
        }
        if totals.made > 0 {
            writeln!(f, "  made      {:>10}", totals.made)?;
        }
        if totals.punted > 0 {
            writeln!(f, "  punted    {:>10}", totals.punted)?;
        }
        writeln!(f, "  dropped   {:>10}", totals.dropped())?;
        for (why, count) in &totals.drops {
            writeln!(f, "    {:<22} {count:>10}", why.to_string())?;
        }
        writeln!(
            f,
            "  sent      {:>10}  to {}",
            tx.packets,
            self.output.display()
        )?;
        if tx.dropped() > 0 {
            writeln!(f, "  not sent  {:>10}  {tx}", tx.dropped())?;
        }
        write!(f, "  ledger    {}", self.run.ledger)?;
        let verdict = if self.is_balanced() {
            "balanced: every record, packet and frame is accounted for"
        } else {
            "NOT BALANCED"
        };
        write!(f, "\n  {verdict}")
    }
}

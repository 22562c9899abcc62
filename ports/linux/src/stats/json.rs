//! The final word on a run, for machines.
//!
//! One object. Keys are stable; new ones may be added. Times are in the unit that their key ends
//! with.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use super::report::{Report, WorkerReport};

#[derive(Serialize)]
struct Root<'a> {
    version: &'static str,
    forwarder: &'a str,
    elapsed_s: f64,
    cpu_s: f64,
    worker: Worker,
    received_pps: f64,
    ns_per_packet: Option<f64>,
    idle_share: f64,
    phases_ns: BTreeMap<String, f64>,
    latency_ns: Option<Latency>,
    pages: &'a str,
    cpu: Option<usize>,
    workers: Vec<OneWorker>,
    ports: Vec<Port<'a>>,
    ledger: Ledger,
    balanced: bool,
}

#[derive(Serialize)]
struct Worker {
    received: u64,
    made: u64,
    sent: u64,
    punted: u64,
    exceptions: u64,
    dropped: u64,
    under_way: i64,
    drops: BTreeMap<String, u64>,
}

/// What one of several counted: packets that went between them are among these.
#[derive(Serialize)]
struct OneWorker {
    cpu: Option<usize>,
    cpu_s: f64,
    received: u64,
    made: u64,
    sent: u64,
    dropped: u64,
    exceptions: u64,
    handed_over: u64,
    passed_on: u64,
    taken_over: u64,
}

#[derive(Serialize)]
struct Latency {
    count: u64,
    mean: u64,
    p50: u64,
    p99: u64,
    p99_9: u64,
    max: u64,
}

#[derive(Serialize)]
struct Port<'a> {
    name: &'a str,
    device: &'a str,
    status: Option<&'a str>,
    rx: BTreeMap<&'static str, u64>,
    tx: BTreeMap<&'static str, u64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    device_stats: BTreeMap<&'a str, u64>,
}

#[derive(Serialize)]
struct Ledger {
    total: usize,
    free: usize,
    cached: usize,
    held: usize,
    posted: usize,
    completing: usize,
    surplus: usize,
}

impl OneWorker {
    fn of(worker: &WorkerReport) -> Self {
        let (totals, exchanged) = (&worker.totals, &worker.exchanged);
        Self {
            cpu: worker.cpu,
            cpu_s: worker.cpu_time.as_secs_f64(),
            received: totals.received,
            made: totals.made,
            sent: totals.sent,
            dropped: totals.dropped(),
            exceptions: totals.exceptions,
            handed_over: exchanged.handed_over,
            passed_on: exchanged.passed_on,
            taken_over: exchanged.taken_over,
        }
    }
}

impl Report {
    /// Writes the report as JSON to a file, or to standard output where the path is `-`.
    ///
    /// # Errors
    /// What the kernel answered.
    pub fn write_json(&self, path: &Path) -> io::Result<()> {
        let text = serde_json::to_string_pretty(&self.root()).map_err(io::Error::other)?;
        if path == Path::new("-") {
            let mut out = io::stdout().lock();
            return writeln!(out, "{text}");
        }
        let mut file = File::create(path)?;
        writeln!(file, "{text}")
    }

    fn root(&self) -> Root<'_> {
        let totals = &self.totals;
        Root {
            version: env!("CARGO_PKG_VERSION"),
            forwarder: self.forwarder,
            elapsed_s: self.elapsed.as_secs_f64(),
            cpu_s: self.cpu_time.as_secs_f64(),
            worker: Worker {
                received: totals.received,
                made: totals.made,
                sent: totals.sent,
                punted: totals.punted,
                exceptions: totals.exceptions,
                dropped: totals.dropped(),
                under_way: totals.under_way(),
                drops: totals
                    .drops
                    .iter()
                    .map(|(why, count)| (why.to_string(), *count))
                    .collect(),
            },
            received_pps: self.received_per_second(),
            ns_per_packet: self.nanos_per_packet(),
            idle_share: self.idle_share(),
            phases_ns: self
                .phases
                .iter()
                .map(|(phase, picos)| (phase.to_string(), *picos as f64 / 1e3))
                .collect(),
            latency_ns: self.latency.map(|latency| Latency {
                count: latency.count,
                mean: latency.mean,
                p50: latency.p50,
                p99: latency.p99,
                p99_9: latency.p99_9,
                max: latency.max,
            }),
            pages: self.pages.name(),
            cpu: self.workers.first().and_then(|worker| worker.cpu),
            workers: self.workers.iter().map(OneWorker::of).collect(),
            ports: self
                .ports
                .iter()
                .map(|port| Port {
                    name: &port.name,
                    device: port.device,
                    status: port.status.as_deref(),
                    rx: port.stats.rx.iter().collect(),
                    tx: port.stats.tx.iter().collect(),
                    device_stats: port
                        .device_stats
                        .iter()
                        .map(|(name, count)| (name.as_str(), *count))
                        .collect(),
                })
                .collect(),
            ledger: Ledger {
                total: self.ledger.total,
                free: self.ledger.free,
                cached: self.ledger.cached,
                held: self.ledger.held,
                posted: self.ledger.posted,
                completing: self.ledger.completing,
                surplus: self.ledger.surplus,
            },
            balanced: self.is_balanced(),
        }
    }
}

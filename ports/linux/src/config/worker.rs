//! What a [`Draft`] says of its workers: how many, where, and how they go about it.

use core::time::Duration;

use super::check::{in_range, invalid};
use super::draft::{Draft, Setting};
use super::error::{ConfigError, Problem};
use super::{Idle, Worker, values};

pub(super) fn worker(draft: &Draft) -> Result<Worker, ConfigError> {
    let default = Worker::default();
    let cpus = draft.cpus.as_ref().map(cpus).transpose()?;
    let count = count(draft, cpus.as_ref().map_or(1, Vec::len))?;
    let idle = draft.idle.as_ref().map(|setting| {
        match setting.value.as_str() {
            "spin" => Some(Idle::Spin),
            "yield" => Some(Idle::Yield),
            other => other
                .strip_prefix("sleep:")
                .and_then(values::duration)
                .filter(|time| !time.is_zero() && *time <= LONGEST_SLEEP)
                .map(Idle::Sleep),
        }
        .ok_or_else(|| {
            let expected = "spin, yield, or sleep:50us (100ms at most)";
            invalid(setting, "idle strategy", expected)
        })
    });
    Ok(Worker {
        count,
        cpus: cpus.unwrap_or_default(),
        burst: match &draft.burst {
            None => default.burst,
            Some(setting) => *Worker::BURSTS
                .iter()
                .find(|burst| u64::from(**burst) == setting.value)
                .ok_or_else(|| {
                    setting.error(Problem::Invalid {
                        what: "burst size",
                        value: setting.value.to_string(),
                        expected: "16, 32 or 64",
                    })
                })?,
        },
        idle: idle.transpose()?.unwrap_or(default.idle),
    })
}

/// How many workers there are: as many as CPUs, if nothing else is said.
fn count(draft: &Draft, cpus: usize) -> Result<usize, ConfigError> {
    let what = "number of workers";
    let count = match &draft.workers {
        Some(_) => in_range(draft.workers.as_ref(), what, 1, 1, MAX_WORKERS)?,
        None => cpus as u64,
    };
    let Some(setting) = &draft.cpus else {
        return Ok(count as usize);
    };
    if count != cpus as u64 || cpus == 0 {
        let all: Vec<String> = setting.value.iter().map(u64::to_string).collect();
        return Err(setting.error(Problem::Invalid {
            what: "list of the workers' CPUs",
            value: all.join(","),
            expected: "one for each worker",
        }));
    }
    let count = setting.value.len() as u64;
    let many = Setting {
        value: count,
        origin: setting.origin.clone(),
    };
    in_range(Some(&many), what, 1, 1, MAX_WORKERS).map(|count| count as usize)
}

/// Where they are kept, each on a CPU of its own.
fn cpus(setting: &Setting<Vec<u64>>) -> Result<Vec<usize>, ConfigError> {
    let mut cpus = Vec::with_capacity(setting.value.len());
    for &value in &setting.value {
        let origin = setting.origin.clone();
        let one = Setting { value, origin };
        let cpu = in_range(Some(&one), "CPU", 0, 0, MAX_CPU)? as usize;
        if cpus.contains(&cpu) {
            return Err(setting.error(Problem::Duplicate {
                what: "CPU",
                value: cpu.to_string(),
            }));
        }
        cpus.push(cpu);
    }
    Ok(cpus)
}

/// So long it may take a worker to notice that it is to end.
const LONGEST_SLEEP: Duration = Duration::from_millis(100);
const MAX_WORKERS: u64 = crate::runner::MAX_WORKERS as u64;
/// The kernel's largest `NR_CPUS` is 8,192.
const MAX_CPU: u64 = 8_191;

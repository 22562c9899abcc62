//! What a unit of work may cost in instructions: held by CI, as times cannot be.
//!
//! Callgrind counts the same every time, on any machine, with the same compiler. A budget is what
//! was counted and a twentieth more, so that a new compiler does not break it and a check too many
//! in a burst does. Where a change makes a row cheaper, its budget goes down with it.

use core::time::Duration;
use std::time::Instant;

use crate::counts;

/// What one contender of one scenario may cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// The scenario's name.
    pub scenario: &'static str,
    /// The contender's name.
    pub contender: &'static str,
    /// Instructions a unit.
    pub at_most: f64,
}

/// Has each counted, and prints what it costs beside what it may.
///
/// # Errors
/// Which are over their budgets, cost nothing or could not be counted; that there are none, or no valgrind.
pub fn hold<'a>(budgets: impl Iterator<Item = &'a Budget>) -> Result<(), String> {
    let mut over = Vec::new();
    let mut held = 0;
    for &Budget {
        scenario,
        contender,
        at_most,
    } in budgets
    {
        let counted = counts::of(scenario, contender, Instant::now() + EACH)?;
        let counted = counted.map(|counts| counts.instructions);
        let verdict = judge(counted, at_most);
        let counted = counted.map_or("not counted".to_owned(), |count| format!("{count:.1}"));
        println!("{verdict:<5} {scenario}: {contender}: {counted} of {at_most}");
        if verdict == FAILS {
            over.push(scenario);
        }
        held += 1;
    }
    match over.is_empty() {
        true if held == 0 => Err("nothing of that name has a budget".into()),
        true => Ok(()),
        false => Err(format!("over budget, or not counted: {over:?}")),
    }
}

/// A row that costs nothing was not counted right.
fn judge(counted: Option<f64>, at_most: f64) -> &'static str {
    match counted {
        Some(count) if count > 0.0 && count <= at_most => HOLDS,
        _ => FAILS,
    }
}

const fn budget(scenario: &'static str, contender: &'static str, at_most: f64) -> Budget {
    Budget {
        scenario,
        contender,
        at_most,
    }
}

/// What CI holds.
pub const BUDGETS: &[Budget] = &[
    // With ports that count bytes, which take twice as many without AVX-512, as valgrind's processor is.
    budget("router/in-memory", "linecard router, packets in hand", 97.3),
    budget(
        "router/in-memory",
        "linecard cross-connect, packets in hand",
        29.7,
    ),
    budget("udp/in-memory", "linecard UDP, packets in hand", 72.8),
    budget("parse/udp/verified", "linecard", 66.3),
    budget("parse/mix/verified", "linecard", 73.9),
    budget("checksum/20", "linecard", 30.6),
    // By lanes; by AVX2, where valgrind has it, about half of that.
    // That of a processor without AVX2; with it, half.
    budget("checksum/1500", "linecard", 579.0),
    // With what asks for lines a few bursts ahead, which pays between threads.
    budget("ring/spsc/bulk-32", "linecard spsc", 4.8),
    budget("ring/mpmc/bulk-32", "linecard mpmc", 4.9),
    // That of a processor without AVX-512, as valgrind's: choosing between the two costs it two.
    budget("mempool/bulk-32", "linecard, packets through a cache", 26.8),
    // With the device, which takes 56 over split rings and 239 over packed ones.
    budget("virtio/split", "linecard", 358.2),
    budget("virtio/packed", "linecard", 554.8),
    budget("toeplitz/12", "linecard, byte tables", 32.0),
    budget("lpm4/zipf", "linecard, bulk 32, 46 MiB", 5.5),
    // With DPDK's driver, on ordinary pages under valgrind.
    #[cfg(feature = "dpdk")]
    budget(
        "dpdk/mempool",
        "linecard, mbufs in frames, huge pages",
        88.0,
    ),
    #[cfg(feature = "dpdk")]
    budget(
        "dpdk/io/net_null",
        "linecard cross-connect, net_null, huge pages",
        190.0,
    ),
    #[cfg(feature = "dpdk")]
    budget(
        "dpdk/io/net_ring",
        "linecard cross-connect, net_ring, huge pages",
        73.0,
    ),
    #[cfg(feature = "dpdk")]
    budget(
        "dpdk/5tswap/net_ring",
        "linecard UDP forwarder, net_ring, huge pages",
        114.5,
    ),
];

const HOLDS: &str = "holds";
const FAILS: &str = "FAILS";
/// How long counting one takes at most: it is a few seconds.
const EACH: Duration = Duration::from_secs(120);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenarios::SCENARIOS;

    #[test]
    fn each_is_of_a_scenario_that_can_be_counted() {
        for budget in BUDGETS {
            let found = SCENARIOS.iter().find(|other| other.name == budget.scenario);
            assert!(found.is_some_and(|found| found.counted), "{budget:?}");
        }
    }

    #[test]
    fn too_many_none_and_unknown_fail() {
        assert_eq!(judge(Some(10.0), 10.0), HOLDS);
        assert_eq!(judge(Some(10.1), 10.0), FAILS);
        assert_eq!(judge(Some(0.0), 10.0), FAILS);
        assert_eq!(judge(None, 10.0), FAILS);
    }
}

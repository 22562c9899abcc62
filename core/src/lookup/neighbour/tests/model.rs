//! The table against a model that looks at everyone.

use std::collections::BTreeMap;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;

/// What the model knows of one neighbour; the end of a state is looked for, not queued.
#[derive(Clone, Copy, Debug)]
struct Model {
    state: NeighbourState,
    mac: Option<MacAddr>,
    end: u64,
    asked: u8,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Resolve(u16),
    Learn(u16, Option<u8>, bool, bool),
    Observe(u16, u8),
    Confirm(u16),
    Remove(u16),
    Wait(u64),
}

fn any_step() -> impl Strategy<Value = Step> {
    let number = || 0u16..12;
    prop_oneof![
        4 => number().prop_map(Step::Resolve),
        3 => (number(), prop::option::of(1u8..3), any::<bool>(), any::<bool>())
            .prop_map(|(number, mac, solicited, replaces)| {
                Step::Learn(number, mac, solicited, replaces)
            }),
        2 => (number(), 1u8..3).prop_map(|(number, mac)| Step::Observe(number, mac)),
        1 => number().prop_map(Step::Confirm),
        1 => number().prop_map(Step::Remove),
        4 => prop::sample::select(vec![1u64, 300, 1000, 5000, 20_000]).prop_map(Step::Wait),
    ]
}

/// Applies what is due at `now`, one neighbour after the other, as the RFC words it. Returns how
/// many solicitations that sends.
fn age(model: &mut BTreeMap<u16, Model>, now: u64) -> usize {
    use NeighbourState::{Delay, Failed, Incomplete, Probe};
    let mut sent = 0;
    model.retain(|_, neighbour| {
        if neighbour.end > now {
            return true;
        }
        match neighbour.state {
            Failed => return false,
            Probe if neighbour.asked == 3 => return false,
            Incomplete if neighbour.asked == 3 => {
                (neighbour.state, neighbour.end) = (Failed, now + 1000);
            }
            Delay => {
                sent += 1;
                *neighbour = Model {
                    state: Probe,
                    end: now + 1000,
                    asked: 1,
                    ..*neighbour
                };
            }
            Probe | Incomplete => {
                sent += 1;
                (neighbour.asked, neighbour.end) = (neighbour.asked + 1, now + 1000);
            }
            _ => {}
        }
        true
    });
    sent
}

fn run(steps: Vec<Step>) {
    use NeighbourState::{Delay, Failed, Incomplete, Reachable, Stale};
    // Reachable for no time at all: nothing is left to chance, and stale comes at once.
    let config = NeighbourConfig {
        reachable: Duration::ZERO,
        ..NeighbourConfig::default()
    };
    let mut entries = entries(64);
    let mut table = Neighbours::new(config, &mut entries);
    let mut model: BTreeMap<u16, Model> = BTreeMap::new();
    let mut now = 1;
    for step in steps {
        let entry = |state, mac, end| Model {
            state,
            mac,
            end,
            asked: 0,
        };
        match step {
            Step::Resolve(number) => {
                table.resolve(key(number), at(now));
                let fresh = Model {
                    asked: 1,
                    ..entry(Incomplete, None, now + 1000)
                };
                let known = model.entry(number).or_insert(fresh);
                if matches!(known.state, Stale | Reachable) {
                    *known = entry(Delay, known.mac, now + 5000);
                }
            }
            Step::Learn(number, said, solicited, replaces) => {
                let said = said.map(mac);
                table.learn(
                    key(number),
                    Advertisement {
                        mac: said,
                        solicited,
                        replaces,
                    },
                    at(now),
                );
                if let Some(known) = model.get_mut(&number) {
                    let fresh = if solicited { Reachable } else { Stale };
                    let same = said.is_none() || said == known.mac;
                    if known.mac.is_none() {
                        if said.is_some() {
                            *known = entry(fresh, said, u64::MAX);
                        }
                    } else if (replaces || same) && (solicited || !same) {
                        *known = entry(fresh, said.or(known.mac), u64::MAX);
                    }
                }
            }
            Step::Observe(number, said) => {
                table.observe(key(number), mac(said), at(now));
                let known = model.entry(number).or_insert(entry(Stale, None, u64::MAX));
                if known.mac != Some(mac(said)) {
                    *known = entry(Stale, Some(mac(said)), u64::MAX);
                }
            }
            Step::Confirm(number) => {
                table.confirm(&key(number), at(now));
                if let Some(known) = model.get_mut(&number).filter(|known| known.mac.is_some()) {
                    *known = entry(Reachable, known.mac, u64::MAX);
                }
            }
            Step::Remove(number) => {
                let there = model.remove(&number).is_some();
                assert_eq!(table.remove(&key(number)).is_some(), there);
            }
            Step::Wait(millis) => {
                now += millis;
                let actions = drain(&mut table, at(now));
                let sent = age(&mut model, now);
                let solicits = |action: &&_| matches!(action, NeighbourAction::Solicit { .. });
                assert_eq!(actions.iter().filter(solicits).count(), sent);
            }
        }
        for number in 0..12 {
            let known = model.get(&number);
            assert_eq!(
                table.state(&key(number)),
                known.map(|known| known.state),
                "{step:?}"
            );
            let known = known.filter(|known| known.state != Failed);
            assert_eq!(
                table.lookup(&key(number)),
                known.and_then(|known| known.mac),
                "{step:?}"
            );
        }
        table.store.assert_sound();
    }
}

proptest! {
    #[test]
    fn agrees_with_a_model_that_looks_at_everyone(
        steps in prop::collection::vec(any_step(), 1..120),
    ) {
        run(steps);
    }
}

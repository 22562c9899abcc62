//! The rules of RFC 4861 one by one, who can push whom out, and a model under random operations.

use core::net::Ipv6Addr;
use std::vec::Vec;
use std::{format, vec};

use super::*;
use crate::platform::Instant;
use crate::wire::MacAddr;

mod model;

fn key(number: u16) -> NeighbourKey {
    NeighbourKey::v6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, number), number % 2)
}

fn mac(number: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0, number])
}

fn at(millis: u64) -> Instant {
    Instant::from_nanos(millis * 1_000_000)
}

fn entries(count: usize) -> Vec<NeighbourEntry> {
    vec![NeighbourEntry::EMPTY; count]
}

fn drain(table: &mut Neighbours<'_>, now: Instant) -> Vec<NeighbourAction> {
    core::iter::from_fn(|| table.poll(now)).collect()
}

/// A table whose neighbour 1 has the MAC address 1 and the given state.
fn with_state(entries: &mut [NeighbourEntry], state: NeighbourState) -> Neighbours<'_> {
    let mut table = Neighbours::new(NeighbourConfig::default(), entries);
    let start = at(0);
    if state == NeighbourState::Incomplete {
        table.resolve(key(1), start);
        return table;
    }
    table.observe(key(1), mac(1), start);
    match state {
        NeighbourState::Reachable => table.confirm(&key(1), start),
        NeighbourState::Delay | NeighbourState::Probe => {
            table.resolve(key(1), start);
        }
        _ => {}
    }
    if state == NeighbourState::Probe {
        assert_eq!(drain(&mut table, at(5000)).len(), 1);
    }
    assert_eq!(table.state(&key(1)), Some(state));
    table
}

#[test]
fn nobody_answers() {
    let mut entries = entries(8);
    let mut table = Neighbours::new(NeighbourConfig::default(), &mut entries);
    let Resolution::Wait {
        slot,
        solicit: true,
        displaced: None,
    } = table.resolve(key(1), at(0))
    else {
        panic!()
    };
    let again = Resolution::Wait {
        slot,
        solicit: false,
        displaced: None,
    };
    assert_eq!(table.resolve(key(1), at(1)), again);
    assert!(table.hold(slot) && table.hold(slot) && table.hold(slot));
    assert!(!table.hold(slot), "three may wait");
    table.release(slot);
    assert_eq!(table.pending(slot), 2);
    let ask = NeighbourAction::Solicit {
        key: key(1),
        slot,
        to: None,
    };
    assert_eq!(drain(&mut table, at(999)), []);
    assert_eq!(table.next_deadline(), Some(at(1000)));
    assert_eq!(drain(&mut table, at(1000)), [ask]);
    assert_eq!(drain(&mut table, at(2000)), [ask]);
    let failed = NeighbourAction::Failed {
        key: key(1),
        slot,
        pending: 2,
    };
    assert_eq!(drain(&mut table, at(3000)), [failed]);
    assert_eq!(table.resolve(key(1), at(3500)), Resolution::Unreachable);
    assert!(!table.hold(slot));
    assert_eq!(drain(&mut table, at(4000)), []);
    assert!(table.is_empty());
    assert_eq!(table.next_deadline(), None);
    assert!(matches!(
        table.resolve(key(1), at(4001)),
        Resolution::Wait { solicit: true, .. }
    ));
}

#[test]
fn a_neighbour_is_resolved_goes_stale_and_is_probed() {
    let mut entries = entries(8);
    let mut table = Neighbours::new(NeighbourConfig::default(), &mut entries);
    let Resolution::Wait { slot, .. } = table.resolve(key(1), at(0)) else {
        panic!()
    };
    assert!(table.hold(slot));
    let learned = table.learn(key(1), Advertisement::reply(mac(1)), at(10));
    assert_eq!(
        learned,
        Learned::Resolved {
            slot,
            mac: mac(1),
            pending: 1
        }
    );
    assert_eq!(table.pending(slot), 0);
    // A confirmation holds for 15 to 45 s.
    assert_eq!(table.resolve(key(1), at(15_000)), Resolution::Known(mac(1)));
    assert_eq!(table.state(&key(1)), Some(NeighbourState::Reachable));
    assert_eq!(table.resolve(key(1), at(45_010)), Resolution::Known(mac(1)));
    assert_eq!(table.state(&key(1)), Some(NeighbourState::Delay));
    assert_eq!(drain(&mut table, at(50_009)), []);
    let probe = NeighbourAction::Solicit {
        key: key(1),
        slot,
        to: Some(mac(1)),
    };
    assert_eq!(drain(&mut table, at(50_010)), [probe]);
    assert_eq!(table.resolve(key(1), at(50_500)), Resolution::Known(mac(1)));
    assert_eq!(drain(&mut table, at(51_010)), [probe]);
    table.learn(key(1), Advertisement::reply(mac(1)), at(51_100));
    assert_eq!(table.state(&key(1)), Some(NeighbourState::Reachable));
    assert_eq!(drain(&mut table, at(60_000)), []);
    // Next time it is gone: three probes, then its entry goes.
    table.resolve(key(1), at(100_000));
    let mut asked = 0;
    for second in 100..110 {
        for action in drain(&mut table, at(second * 1000)) {
            match action {
                NeighbourAction::Solicit { to, .. } => {
                    assert_eq!(to, Some(mac(1)));
                    asked += 1;
                }
                NeighbourAction::Failed { pending, .. } => {
                    assert_eq!((asked, pending, second), (3, 0, 108));
                }
            }
        }
    }
    assert!(table.is_empty());
}

/// The table of RFC 4861 appendix C, for what a neighbour advertisement does.
#[test]
fn advertisements_do_what_the_rfc_says() {
    use NeighbourState::{Delay, Incomplete, Probe, Reachable, Stale};
    let said = |number: Option<u8>, flags: &str| Advertisement {
        mac: number.map(mac),
        solicited: flags.contains('S'),
        replaces: flags.contains('O'),
    };
    // State, what is said (own address: 1, another: 2), new state and address.
    let rows = [
        (Incomplete, said(None, "SO"), Incomplete, 0),
        (Incomplete, said(Some(2), "S"), Reachable, 2),
        (Incomplete, said(Some(2), "SO"), Reachable, 2),
        (Incomplete, said(Some(2), ""), Stale, 2),
        (Incomplete, said(Some(2), "O"), Stale, 2),
        (Reachable, said(Some(2), "S"), Stale, 1),
        (Reachable, said(Some(2), ""), Stale, 1),
        (Stale, said(Some(2), "S"), Stale, 1),
        (Delay, said(Some(2), ""), Delay, 1),
        (Probe, said(Some(2), "S"), Probe, 1),
        (Stale, said(Some(1), "S"), Reachable, 1),
        (Probe, said(Some(1), "SO"), Reachable, 1),
        (Probe, said(None, "S"), Reachable, 1),
        (Delay, said(None, ""), Delay, 1),
        (Probe, said(Some(1), "O"), Probe, 1),
        (Reachable, said(Some(1), ""), Reachable, 1),
        (Probe, said(Some(2), "SO"), Reachable, 2),
        (Reachable, said(Some(2), "SO"), Reachable, 2),
        (Reachable, said(Some(2), "O"), Stale, 2),
        (Delay, said(Some(2), "O"), Stale, 2),
        (Probe, said(Some(2), "O"), Stale, 2),
    ];
    for (before, said, after, number) in rows {
        let mut entries = entries(8);
        let mut table = with_state(&mut entries, before);
        table.learn(key(1), said, at(5001));
        let what = format!("{before:?} told {said:?}");
        assert_eq!(table.state(&key(1)), Some(after), "{what}");
        let expected = after.is_resolved().then_some(mac(number));
        assert_eq!(table.lookup(&key(1)), expected, "{what}");
    }
}

#[test]
fn solicitations_of_others_make_and_change_entries() {
    use NeighbourState::{Delay, Incomplete, Probe, Reachable, Stale};
    for before in [Incomplete, Reachable, Stale, Delay, Probe] {
        for number in [1, 2] {
            let mut entries = entries(8);
            let mut table = with_state(&mut entries, before);
            let learned = table.observe(key(1), mac(number), at(5001));
            let unchanged = before != Incomplete && number == 1;
            assert_eq!(
                table.state(&key(1)),
                Some(if unchanged { before } else { Stale })
            );
            assert_eq!(table.lookup(&key(1)), Some(mac(number)));
            assert_eq!(
                matches!(learned, Learned::Resolved { .. }),
                before == Incomplete
            );
            assert_eq!(learned == Learned::Ignored, unchanged);
        }
    }
}

#[test]
fn what_nobody_asked_for_makes_no_entry() {
    let mut entries = entries(8);
    let mut table = Neighbours::new(NeighbourConfig::default(), &mut entries);
    assert_eq!(
        table.learn(key(1), Advertisement::gratuitous(mac(1)), at(0)),
        Learned::Ignored
    );
    assert_eq!(
        table.learn(key(1), Advertisement::reply(mac(1)), at(0)),
        Learned::Ignored
    );
    assert!(table.is_empty());
}

#[test]
fn addresses_of_no_station_are_not_learned() {
    let mut entries = entries(8);
    for bad in [
        MacAddr::ZERO,
        MacAddr::BROADCAST,
        MacAddr([0x33, 0x33, 0, 0, 0, 1]),
    ] {
        let mut table = with_state(&mut entries, NeighbourState::Stale);
        assert_eq!(
            table.learn(key(1), Advertisement::reply(bad), at(0)),
            Learned::Ignored
        );
        assert_eq!(table.observe(key(1), bad, at(0)), Learned::Ignored);
        assert_eq!(table.observe(key(2), bad, at(0)), Learned::Ignored);
        assert!(!table.insert_permanent(key(3), bad));
        assert_eq!((table.len(), table.lookup(&key(1))), (1, Some(mac(1))));
    }
}

#[test]
fn a_permanent_neighbour_stays_as_it_is() {
    let mut entries = entries(4);
    let mut table = Neighbours::new(NeighbourConfig::default(), &mut entries);
    assert!(table.insert_permanent(key(1), mac(1)));
    assert_eq!(
        table.learn(key(1), Advertisement::reply(mac(2)), at(0)),
        Learned::Ignored
    );
    assert_eq!(table.observe(key(1), mac(2), at(0)), Learned::Ignored);
    table.confirm(&key(1), at(0));
    assert_eq!(
        table.resolve(key(1), at(1_000_000)),
        Resolution::Known(mac(1))
    );
    table.flush_port(key(1).port(), |_, _| panic!());
    // Two may be resolved; with both permanent, nobody else gets in.
    assert!(table.insert_permanent(key(2), mac(2)));
    assert!(!table.insert_permanent(key(3), mac(3)));
    assert!(matches!(
        table.resolve(key(3), at(0)),
        Resolution::Wait { .. }
    ));
    assert_eq!(
        table.learn(key(3), Advertisement::reply(mac(3)), at(1)),
        Learned::Ignored
    );
    assert_eq!(
        (table.lookup(&key(1)), table.lookup(&key(2))),
        (Some(mac(1)), Some(mac(2)))
    );
    assert!(table.remove(&key(1)).is_some());
    assert!(table.remove(&key(1)).is_none());
}

#[test]
fn a_scan_costs_no_neighbour_its_entry() {
    let config = NeighbourConfig {
        unresolved: 16,
        ..NeighbourConfig::default()
    };
    let mut entries = entries(64);
    let mut table = Neighbours::new(config, &mut entries);
    for number in 0..48 {
        assert_eq!(table.observe(key(number), mac(1), at(0)), Learned::Updated);
    }
    let mut refused = 0;
    // 10,000 addresses a second for 20 seconds.
    for step in 0..200_000u64 {
        let now = Instant::from_nanos(step * 100_000);
        let target = NeighbourKey::v6(Ipv6Addr::from_bits(u128::from(step) << 17), 0);
        match table.resolve(target, now) {
            Resolution::Full => refused += 1,
            Resolution::Wait { .. } => {}
            other => panic!("{other:?}"),
        }
        while table.poll(now).is_some() {}
        assert!(table.unresolved() <= 16);
    }
    assert!(refused > 190_000, "{refused}");
    for number in 0..48 {
        assert_eq!(table.lookup(&key(number)), Some(mac(1)));
    }
    // In the middle of it, one who answers at once still gets in.
    let now = at(20_100);
    let Resolution::Wait { slot, .. } = table.resolve(key(1000), now) else {
        panic!()
    };
    let learned = table.learn(key(1000), Advertisement::reply(mac(7)), now);
    assert_eq!(
        learned,
        Learned::Resolved {
            slot,
            mac: mac(7),
            pending: 0
        }
    );
    table.store.assert_sound();
}

#[test]
fn patience_ends_and_what_waited_is_handed_back() {
    let config = NeighbourConfig {
        unresolved: 2,
        ..NeighbourConfig::default()
    };
    let mut entries = entries(4);
    let mut table = Neighbours::new(config, &mut entries);
    let Resolution::Wait { slot: first, .. } = table.resolve(key(1), at(0)) else {
        panic!()
    };
    assert!(table.hold(first));
    table.resolve(key(2), at(50));
    assert_eq!(table.resolve(key(3), at(99)), Resolution::Full);
    let displaced = Some(Displaced {
        key: key(1),
        pending: 1,
    });
    let taken = Resolution::Wait {
        slot: first,
        solicit: true,
        displaced,
    };
    assert_eq!(table.resolve(key(3), at(100)), taken);
    assert_eq!(table.pending(first), 0);
    assert_eq!(table.resolve(key(1), at(149)), Resolution::Full);
    assert!(matches!(
        table.resolve(key(1), at(150)),
        Resolution::Wait {
            displaced: None,
            ..
        }
    ));
}

#[test]
fn the_least_recently_used_makes_room_for_one_who_answers() {
    let config = NeighbourConfig {
        unresolved: 1,
        ..NeighbourConfig::default()
    };
    let mut entries = entries(17);
    let mut table = Neighbours::new(config, &mut entries);
    for number in 0..16 {
        assert_eq!(table.observe(key(number), mac(1), at(0)), Learned::Updated);
    }
    assert_eq!(
        table.observe(key(99), mac(1), at(0)),
        Learned::Ignored,
        "strangers displace nobody"
    );
    for number in (0..16).filter(|number| *number != 11) {
        table.resolve(key(number), at(u64::from(number) + 1));
    }
    for (newcomer, gone) in [(100, 11), (101, 0), (102, 1)] {
        table.resolve(key(newcomer), at(50));
        let learned = table.learn(key(newcomer), Advertisement::reply(mac(9)), at(51));
        assert!(matches!(learned, Learned::Resolved { .. }));
        assert_eq!(table.lookup(&key(gone)), None);
        assert_eq!(table.len(), 16);
    }
    table.store.assert_sound();
}

#[test]
fn a_port_that_goes_down_takes_its_neighbours_along() {
    let mut entries = entries(32);
    let mut table = Neighbours::new(NeighbourConfig::default(), &mut entries);
    for number in 0..10 {
        table.observe(key(number), mac(1), at(0));
    }
    let Resolution::Wait { slot, .. } = table.resolve(key(11), at(0)) else {
        panic!()
    };
    assert!(table.hold(slot));
    let mut dropped = Vec::new();
    table.flush_port(1, |slot, displaced| dropped.push((slot, displaced)));
    assert_eq!(
        dropped,
        [(
            slot,
            Displaced {
                key: key(11),
                pending: 1
            }
        )]
    );
    assert!((0..10).all(|number| table.lookup(&key(number)).is_some() == (number % 2 == 0)));
    assert_eq!(table.iter().count(), 5);
    table.store.assert_sound();
}

#[test]
fn a_table_without_entries_refuses() {
    let mut table = Neighbours::new(NeighbourConfig::default(), &mut []);
    assert_eq!(table.resolve(key(1), at(0)), Resolution::Full);
    assert_eq!(table.observe(key(1), mac(1), at(0)), Learned::Ignored);
    assert!(!table.insert_permanent(key(1), mac(1)));
    assert_eq!((table.poll(at(0)), table.lookup(&key(1))), (None, None));
}

//! What is asked of devices of all kinds, of which none is here.

use std::string::ToString;

use super::*;

/// A device with four queues' worth of everything.
fn device() -> Info {
    Info {
        rss: (RssFields::IPV4 | RssFields::IPV4_TCP | RssFields::L3_SRC_ONLY).bits(),
        key_size: 52,
        table_size: 128,
        ..Info::default()
    }
}

fn with_fields(fields: RssFields) -> Rss {
    Rss {
        fields: Some(fields),
        ..Rss::default()
    }
}

#[test]
fn by_default_a_device_hashes_what_it_can_if_anybody_wants_it() {
    let plan = |queues, hash| Rss::default().plan(&device(), queues, hash);
    let none = plan(1, false).expect("a plan");
    assert_eq!((none.fields, none.chosen), (0, false));
    let types = RssFields::IPV4 | RssFields::IPV4_TCP;
    // Of the kinds all, but not the sides, of which one excludes the other.
    for (queues, hash) in [(1, true), (2, false), (4, true)] {
        let plan = plan(queues, hash).expect("a plan");
        assert_eq!(RssFields(plan.fields), types, "{queues}, {hash}");
        assert_eq!((plan.key_len, plan.entries, plan.chosen), (0, 0, false));
    }
    let nothing = Info::default();
    let plan = Rss::default().plan(&nothing, 4, true).expect("a plan");
    assert_eq!(plan.fields, 0, "a device that has none is left alone");
}

#[test]
fn fields_that_are_not_offered_are_named() {
    let fields = RssFields::IP | RssFields::TCP | RssFields::L3_SRC_ONLY;
    let plan = with_fields(fields).plan(&device(), 1, false).expect("some");
    assert_eq!(plan.fields, device().rss, "of a group, what there is");
    let wanted = fields | RssFields::UDP | RssFields::IPV6_TCP_EX;
    let error = with_fields(wanted).plan(&device(), 4, false).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the device cannot hash udp; it offers ipv4+ipv4-tcp+l3-src-only"
    );
    let error = with_fields(RssFields::IPV6_TCP).plan(&device(), 4, false);
    assert!(
        matches!(error, Err(Error::RssFields { missing, .. }) if missing == RssFields::IPV6_TCP)
    );
    assert!(
        with_fields(RssFields::NONE)
            .plan(&device(), 4, false)
            .is_err()
    );
    let error = with_fields(RssFields::IP).plan(&Info::default(), 4, false);
    assert_eq!(error, Err(Error::NoRss));
}

#[test]
fn a_key_has_the_devices_length() {
    let with_key = |key| Rss {
        key: Some(key),
        ..Rss::default()
    };
    let plan = with_key(RssKey::SYMMETRIC).plan(&device(), 2, false);
    let plan = plan.expect("it is as long as is wanted");
    assert_eq!(plan.key_len, 52);
    assert_eq!(plan.key.0.get(50..52), Some(&[0x6d, 0x5a][..]));
    let own = RssKey::new(&[7; 40]).expect("a key");
    let error = with_key(own).plan(&device(), 2, false);
    let wrong = Error::RssKey {
        len: 40,
        wanted: 52,
    };
    assert_eq!(error, Err(wrong));
    let silent = Info {
        key_size: 0,
        ..device()
    };
    let plan = with_key(own).plan(&silent, 2, false).expect("40 will do");
    assert_eq!((plan.key_len, plan.key.0[39], plan.key.0[40]), (40, 7, 0));
    assert_eq!(RssKey::new(&[]), None);
    for text in [format!("{own:?}"), format!("{plan:?}")] {
        assert!(!text.contains('7'), "keys are not for logs: {text}");
    }
}

#[test]
fn a_table_goes_over_queues_that_there_are() {
    let first = |over| Rss {
        table: RssTable::First(over),
        ..Rss::default()
    };
    let plan = first(3).plan(&device(), 4, false).expect("three of four");
    assert_eq!((plan.entries, plan.over), (128, 3));
    for over in [0, 5] {
        let error = first(over).plan(&device(), 4, false);
        assert_eq!(
            error,
            Err(Error::Queues {
                wanted: over,
                most: 4
            })
        );
    }
    let fixed = Info {
        table_size: 0,
        ..device()
    };
    assert_eq!(first(2).plan(&fixed, 4, false), Err(Error::NoRssTable));
}

#[test]
fn functions_are_chosen_where_they_can_be() {
    let function = Rss {
        function: RssFunction::SymmetricToeplitz,
        ..Rss::default()
    };
    let error = function.plan(&device(), 2, false).unwrap_err();
    assert!(error.to_string().contains("SymmetricToeplitz"), "{error}");
    let able = Info {
        functions: 1 << 3,
        ..device()
    };
    assert_eq!(
        function.plan(&able, 2, false).map(|plan| plan.function),
        Ok(3)
    );
}

#[test]
fn names_are_read_as_they_are_written() {
    for (name, field) in GROUPS.into_iter().chain(SINGLE) {
        assert_eq!(RssFields::named(name), Some(field));
        assert_eq!(field.to_string(), name);
    }
    assert_eq!(RssFields::named("ipx"), None);
    let mixed = RssFields::UDP | RssFields::from_bits(1 << 40);
    assert_eq!(mixed.to_string(), "udp+0x10000000000");
    assert_eq!(RssFields::NONE.to_string(), "nothing");
}

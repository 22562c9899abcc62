//! Tests of the IPv4 options.

use std::string::ToString;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;

fn all(bytes: &[u8]) -> Vec<Result<Ipv4Option<'_>, WireError>> {
    Ipv4Options::new(bytes).collect()
}

#[test]
fn lengths_that_cannot_be() {
    for bytes in [&[7][..], &[7, 0, 4], &[7, 1, 4], &[7, 4, 4], &[200, 3]] {
        assert_eq!(
            all(bytes),
            [Err(WireError::BadOption(bytes[0]))],
            "{bytes:?}"
        );
    }
}

#[test]
fn the_list_ends_where_it_says() {
    assert_eq!(all(&[1, 1, 0, 7, 200]), []);
    assert_eq!(all(&[]), []);
    let other = |kind, data| Ok(Ipv4Option::Other(Ipv4OptionKind(kind), data));
    assert_eq!(
        all(&[130, 2, 1, 94, 3, 9, 0]),
        [other(130, &[][..]), other(94, &[9][..])]
    );
}

#[test]
fn routes_whose_pointer_is_wrong() {
    for data in [&[][..], &[3, 0, 0, 0, 0], &[5, 0, 0, 0, 0], &[4, 0, 0, 0]] {
        assert_eq!(Ipv4Route::new(data), None, "{data:?}");
    }
    let full = Ipv4Route::new(&[12, 1, 1, 1, 1]).unwrap();
    assert_eq!((full.visited().len(), full.next_hop()), (1, None));
}

#[test]
fn routes_and_alerts_are_shown() {
    let bytes = [131, 11, 8, 10, 0, 0, 1, 10, 0, 0, 2, 148, 4, 0, 0];
    let shown: Vec<_> = all(&bytes)
        .into_iter()
        .map(|option| option.unwrap().to_string())
        .collect();
    assert_eq!(
        shown,
        ["loose source route 10.0.0.1 ^ 10.0.0.2", "router alert 0"]
    );
    assert_eq!(all(&[148, 5, 0, 0, 0]), [Err(WireError::BadOption(148))]);
}

#[test]
fn timestamps_with_addresses() {
    let mut data = [0; 18];
    data[..2].copy_from_slice(&[13, 0xf1]);
    let timestamp = Ipv4Timestamp::new(&data).unwrap();
    assert_eq!(
        (
            timestamp.written().len(),
            timestamp.room(),
            timestamp.overflow()
        ),
        (8, 8, 15)
    );
    data[0] = 9;
    assert_eq!(Ipv4Timestamp::new(&data), None);
    data[0] = 4;
    assert_eq!(Ipv4Timestamp::new(&data), None);
}

proptest! {
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(prop_oneof![
        any::<u8>(), 0_u8..16, proptest::sample::select(&[7_u8, 68, 131, 137, 148][..]),
    ], 0..41)) {
        let mut used = 0;
        let mut failed = false;
        for option in Ipv4Options::new(&bytes) {
            prop_assert!(!failed);
            failed = option.is_err();
            if let Ok(option) = option {
                let _ = option.to_string();
                used += 2;
            }
        }
        prop_assert!(used <= bytes.len());
    }
}

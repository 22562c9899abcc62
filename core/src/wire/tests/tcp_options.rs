use std::string::ToString;
use std::vec::Vec;

use etherparse::TcpOptionElement as Theirs;
use proptest::prelude::*;

use super::*;

fn all(bytes: &[u8]) -> Vec<Result<TcpOption<'_>, WireError>> {
    TcpOptions::new(bytes).collect()
}

#[test]
fn those_of_a_linux_syn() {
    let bytes = [
        2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0, 1, 0, 0, 0, 0, 0, 1, 3, 3, 7,
    ];
    let text: Vec<_> = TcpOptions::new(&bytes)
        .map(|option| option.unwrap().to_string())
        .collect();
    assert_eq!(
        text,
        [
            "maximum segment size 1460",
            "SACK permitted",
            "timestamps 256 echo 0",
            "window scale 7"
        ]
    );
}

#[test]
fn sack_blocks() {
    let bytes = [
        5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 1, 0, 0, 0, 2, 0, 0, 9, 9,
    ];
    let options = all(&bytes);
    let [Ok(option @ TcpOption::Sack(blocks))] = options[..] else {
        panic!("{options:?}");
    };
    assert_eq!(blocks.len(), 2);
    assert_eq!(option.to_string(), "SACK 1-2 256-512");
    // The end of the list, and what is behind it.
    let mut walk = TcpOptions::new(&bytes);
    assert_eq!(walk.by_ref().count(), 1);
    assert_eq!(walk.rest(), [9, 9]);
}

#[test]
fn a_length_that_cannot_be_stops_the_walk() {
    // The bytes, how many options come before, the kind that is wrong, what is left.
    for (bytes, good, kind, left) in [
        (&[2, 4, 1, 2, 8][..], 1, 8, 1),
        (&[1, 1, 8, 0, 0, 0], 0, 8, 4),
        (&[99, 1], 0, 99, 2),
        (&[99, 3, 0, 99, 4, 0], 1, 99, 3),
        (&[1, 2, 3, 0, 1], 0, 2, 4),
        (&[3, 2], 0, 3, 2),
        (&[4, 3, 0], 0, 4, 3),
        (&[5, 2], 0, 5, 2),
        (&[5, 9, 0, 0, 0, 0, 0, 0, 0], 0, 5, 9),
        (&[1, 8, 9, 0, 0, 0, 0, 0, 0, 0], 0, 8, 9),
    ] {
        let mut walk = TcpOptions::new(bytes);
        assert_eq!(walk.by_ref().take(good).filter(Result::is_ok).count(), good);
        assert_eq!(
            walk.next(),
            Some(Err(WireError::BadOption(kind))),
            "{bytes:?}"
        );
        assert_eq!(walk.next(), None, "{bytes:?}");
        assert_eq!(walk.rest().len(), left, "{bytes:?}");
    }
}

#[test]
fn raw_options_leave_the_length_to_the_caller() {
    let mut walk = TcpOptions::new(&[3, 2, 253, 4, 0xf9, 0x89, 0]);
    let kinds: Vec<_> = core::iter::from_fn(|| walk.next_raw())
        .map(|raw| raw.map(|(kind, data)| (kind.0, data.len())))
        .collect();
    assert_eq!(kinds, [Ok((3, 0)), Ok((253, 2))]);
}

proptest! {
    #[test]
    fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..41)) {
        let mut walk = TcpOptions::new(&bytes);
        for (i, option) in walk.by_ref().enumerate() {
            prop_assert!(i <= bytes.len());
            if let Ok(option) = option {
                let _ = (option.to_string(), option.kind());
            }
        }
        prop_assert_eq!(walk.next(), None);
        prop_assert!(bytes.ends_with(walk.rest()));
    }

    /// Both say the same of each option that both know.
    #[test]
    fn agrees_with_etherparse(
        bytes in proptest::collection::vec(prop_oneof![0..11u8, any::<u8>()], 0..41),
    ) {
        let mut ours = TcpOptions::new(&bytes);
        for theirs in etherparse::TcpOptionsIterator::from_slice(&bytes) {
            let theirs = match theirs {
                // Padding is skipped here.
                Ok(Theirs::Noop) => continue,
                Ok(theirs) => theirs,
                // They know five options and end at any other.
                Err(error) => {
                    let kind = match error {
                        etherparse::TcpOptionReadError::UnknownId(kind) => {
                            prop_assert!(!matches!(kind, 0..=5 | 8));
                            return Ok(());
                        }
                        etherparse::TcpOptionReadError::UnexpectedEndOfSlice { option_id, .. }
                        | etherparse::TcpOptionReadError::UnexpectedSize { option_id, .. } => option_id,
                    };
                    prop_assert_eq!(ours.next(), Some(Err(WireError::BadOption(kind))));
                    return Ok(());
                }
            };
            let ours = ours.next().unwrap();
            let same = match (ours, theirs.clone()) {
                (Ok(TcpOption::MaxSegmentSize(a)), Theirs::MaximumSegmentSize(b)) => a == b,
                (Ok(TcpOption::WindowScale(a)), Theirs::WindowScale(b)) => a == b,
                (Ok(TcpOption::SackPermitted), Theirs::SelectiveAcknowledgementPermitted) => true,
                (Ok(TcpOption::Timestamps { value, echo }), Theirs::Timestamp(a, b)) => (value, echo) == (a, b),
                (Ok(TcpOption::Sack(blocks)), Theirs::SelectiveAcknowledgement(first, rest)) => {
                    blocks.eq([Some(first)].into_iter().chain(rest).flatten())
                }
                // Any number of blocks that is whole is taken here; theirs stops at four.
                _ => false,
            };
            prop_assert!(same, "{ours:?} {theirs:?}");
        }
    }
}

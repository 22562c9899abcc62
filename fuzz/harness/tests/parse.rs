//! What holds of `wire::parse` for all packets: it finds nothing that is not there, and says what the
//! views of `wire` say one after the other.

mod packets;

use linecard::wire::parse::{self, Check, Layer, Outcome};
use linecard_harness::parse::{
    check, checksum_is_all_that_differs, same_behind_ethernet, same_in_several_frames,
};
use packets::{damaged, good_frame, good_ip_packet};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4096,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn damaged_frames(frame in damaged(good_frame())) {
        let parsed = check(&frame, parse::parse::<{ parse::TRUST }>);
        checksum_is_all_that_differs(&frame, parsed);
    }

    #[test]
    fn damaged_ip_packets(packet in damaged(good_ip_packet())) {
        same_behind_ethernet(&packet);
    }

    #[test]
    fn random_bytes(
        mut bytes in prop::collection::vec(any::<u8>(), 0..120),
        ethertype in prop::sample::select(vec![0x0800u16, 0x86dd, 0x0806, 0x8100, 0x8847, 60]),
        known: bool,
    ) {
        if let (true, Some(field)) = (known, bytes.get_mut(12..14)) {
            field.copy_from_slice(&ethertype.to_be_bytes());
        }
        check(&bytes, parse::parse::<{ parse::TRUST }>);
        check(&bytes, parse::parse_ip::<{ parse::TRUST }>);
    }

    /// What is right to begin with is found whole, unless it is longer than what is followed.
    #[test]
    fn good_frames_are_well_formed(frame in good_frame()) {
        let parsed = check(&frame, parse::parse::<{ parse::VERIFY }>);
        let fits = match parsed.outcome {
            // Layer 4 of any number is not made for that number, nor is ARP of any kind.
            Outcome::Truncated(layer) => matches!(
                layer,
                Layer::Tcp | Layer::Udp | Layer::Icmp | Layer::Sctp | Layer::Gre | Layer::Extension
            ),
            Outcome::Malformed(check) => matches!(
                check,
                Check::UdpLength
                    | Check::TcpDataOffset
                    | Check::GreFlags
                    | Check::GreVersion
                    | Check::ArpFormat
                    | Check::AhLength
                    | Check::TooManyTags
                    | Check::TooManyExtensions
                    | Check::ExtensionsLength
                    | Check::HopByHopNotFirst
            ),
            _ => true,
        };
        prop_assert!(fits, "{}", parsed);
    }

    /// All of a packet in the first frame or not: as long as the headers are, the answer is the same.
    #[test]
    fn in_several_frames(frame in damaged(good_frame()), at: usize) {
        same_in_several_frames(&frame, at % (frame.len() + 1));
    }
}

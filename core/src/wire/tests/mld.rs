//! Tests of multicast listener discovery.

use std::string::ToString;
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::wire::{Icmpv6, IpProtocol};

const QUERIER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const GROUP: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 1);

fn ip(source: Ipv6Addr) -> Ipv6Header {
    let mut header = Ipv6Header::new(source, ALL_NODES, IpProtocol::ICMPV6, 0);
    header.set_hop_limit(1);
    header
}

/// A query of version 2 for a group, with these sources.
fn query(code: u16, group: Ipv6Addr, sources: &[Ipv6Addr]) -> Vec<u8> {
    let mut bytes = vec![0; 24];
    let header = MldHeader::new(Icmpv6Type::LISTENER_QUERY, code, group);
    header.write(&mut bytes).unwrap();
    let [high, low] = (sources.len() as u16).to_be_bytes();
    bytes.extend([2, 125, high, low]);
    bytes.extend(sources.iter().flat_map(Ipv6Addr::octets));
    bytes
}

fn error(source: Ipv6Addr, bytes: &[u8]) -> Option<WireError> {
    MldQuery::new(&ip(source), bytes).err()
}

#[test]
fn whose_queries_count() {
    let general = query(1000, Ipv6Addr::UNSPECIFIED, &[]);
    assert_eq!(error(QUERIER, &general), None);
    let wide = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    assert_eq!(error(wide, &general), Some(WireError::BadAddress));
    let unspecified = Ipv6Addr::UNSPECIFIED;
    assert_eq!(error(unspecified, &general), Some(WireError::BadAddress));
    let about_a_host = query(1000, wide, &[]);
    assert_eq!(error(QUERIER, &about_a_host), Some(WireError::BadAddress));
    let mut other = general;
    other[0] = 131;
    assert_eq!(error(QUERIER, &other), Some(WireError::Unsupported(131)));
}

#[test]
fn which_version_a_query_has() {
    let whole = query(1000, GROUP, &[QUERIER, QUERIER]);
    let ip = ip(QUERIER);
    for len in 0..whole.len() {
        let needed = match len {
            0..24 => 24,
            24 => {
                assert_eq!(MldQuery::new(&ip, &whole[..len]).unwrap().version(), 1);
                continue;
            }
            25..28 => 28,
            _ => 60,
        };
        let refused = MldQuery::new(&ip, &whole[..len]).err();
        assert_eq!(refused, Some(WireError::truncated(needed)), "{len}");
    }
    let query = MldQuery::new(&ip, &whole).unwrap();
    assert_eq!((query.version(), query.sources.len()), (2, 32));
    assert_eq!(query.group(), Some(GROUP));
    assert_eq!(
        query.to_string(),
        "ICMPv6 listener query, of ff02::1:ff00:1"
    );
}

#[test]
fn the_longest_delay() {
    let delay = |code, len| {
        let bytes = query(code, GROUP, &[]);
        let query = MldQuery::new(&ip(QUERIER), &bytes[..len]).unwrap();
        query.max_response_delay().as_millis()
    };
    assert_eq!(delay(0x7fff, 28), 32_767);
    assert_eq!(delay(0x8000, 28), 32_768);
    assert_eq!(delay(0x8001, 28), 32_776);
    // RFC 3810, 5.1.3: "from 0 milliseconds to 8387584 milliseconds (about 140 minutes)".
    assert_eq!(delay(0xffff, 28), 8_387_584);
    assert_eq!(delay(0xffff, 24), 65_535, "version 1 counts plainly");
}

#[test]
fn a_report_with_sources_and_more() {
    let mut bytes = vec![143, 0, 0, 0, 0, 0, 0, 2];
    bytes.extend([6, 1, 0, 1]);
    bytes.extend(GROUP.octets());
    bytes.extend(QUERIER.octets());
    bytes.extend([0xaa; 4]); // auxiliary data
    bytes.extend([3, 0, 0, 0]);
    bytes.extend(ALL_NODES.octets());
    let whole = bytes.len();
    for len in 0..whole {
        let refused = MldReport::new(&bytes[..len]).err();
        assert!(
            matches!(refused, Some(WireError::Truncated { .. })),
            "{len}"
        );
    }
    bytes.extend([1, 2, 3]); // "Additional Data" (RFC 3810, 5.2.11) is not a record
    let report = MldReport::new(&bytes).unwrap();
    let records: Vec<_> = report.records().collect();
    assert_eq!(records.len(), 2);
    assert_eq!(records[0].kind, MldRecordKind::BLOCK_OLD);
    assert_eq!(records[0].sources, QUERIER.octets());
    assert_eq!(records[1].group, ALL_NODES);
    assert!(report.to_string().ends_with("of ff02::1:ff00:1 ff02::1"));
    bytes[whole - 16] = 0x20;
    assert_eq!(MldReport::new(&bytes).err(), Some(WireError::BadAddress));
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        groups in prop::collection::vec(any::<u128>(), 0..20),
        kind in 1..=6_u8,
        short in 0..8_usize,
    ) {
        let group = |bits: u128| Ipv6Addr::from_bits(bits | 0xff << 120);
        let groups: Vec<_> = groups.into_iter().map(group).collect();
        let pseudo = PseudoHeader::ipv6(QUERIER, ALL_ROUTERS);
        let mut bytes = [0x55; 500];
        let kind = MldRecordKind(kind);
        let len = write_report(&mut bytes, kind, &groups, &pseudo).unwrap();
        prop_assert_eq!(len, report_len(groups.len()));
        prop_assert!(Icmpv6::new(&bytes[..len]).unwrap().checksum_ok(&pseudo));
        let records: Vec<_> = MldReport::new(&bytes[..len]).unwrap().records().collect();
        let sources = &[][..];
        let expected: Vec<_> =
            groups.iter().map(|&group| MldRecord { kind, group, sources }).collect();
        prop_assert_eq!(records, expected);
        let room = len.saturating_sub(short + 1);
        let refused = write_report(&mut bytes[..room], kind, &groups, &pseudo);
        prop_assert_eq!(refused, Err(WireError::no_room(len)));
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..120), report: bool) {
        let mut bytes = bytes;
        if let Some(first) = bytes.first_mut() {
            *first = if report { 143 } else { 130 };
        }
        if let Ok(query) = MldQuery::new(&ip(QUERIER), &bytes) {
            prop_assert!(query.sources.len() <= bytes.len());
            prop_assert!(query.max_response_delay().as_millis() <= 8_387_584);
        }
        if let Ok(report) = MldReport::new(&bytes) {
            let [.., high, low] = report.header.rest();
            let count = usize::from(u16::from_be_bytes([high, low]));
            prop_assert_eq!(report.records().count(), count);
        }
    }
}

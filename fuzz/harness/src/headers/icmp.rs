//! ICMP of both kinds, neighbour discovery, and multicast listener discovery.

use core::net::Ipv6Addr;

use linecard::wire::checksum::PseudoHeader;
use linecard::wire::mld::{self, MldQuery, MldReport};
use linecard::wire::ndp::{self as nd, Ndp, NdpOption, NdpOptions};
use linecard::wire::{
    Icmpv4, Icmpv4Message, Icmpv4Mut, Icmpv6, Icmpv6Message, Icmpv6Mut, Ipv4, Ipv6, Ipv6Header,
    icmpv4 as v4, icmpv6 as v6,
};

use super::{inside, shown, views};

/// Any bytes as an ICMP message, and as a packet that an error is about.
pub fn icmpv4(bytes: &[u8]) {
    if let Some(icmp) = views!(bytes, Icmpv4::new(), Icmpv4Mut, [payload], {
        set_checksum(checksum)
    }) {
        if let Some(Ok(quoted)) = icmp.quoted() {
            inside(bytes, quoted.payload);
        }
        let mut copy = bytes.to_vec();
        let mut edit = Icmpv4Mut::new(&mut copy).expect("it was one");
        // Bytes that the message does not use become zero.
        edit.set_message(icmp.message());
        assert_eq!(edit.message(), icmp.message());
        edit.fill_checksum();
        assert!(edit.checksum_ok());
    }
    if let Ok(packet) = Ipv4::new(bytes) {
        let message = Icmpv4Message::TimeExceeded { code: 0 };
        let mut out = [0; 1500];
        let len = v4::write_error(&mut out, message, bytes).expect("there is room");
        let error = Icmpv4::new(&out[..len]).expect("it was just written");
        assert!(error.checksum_ok());
        assert_eq!(error.message(), message);
        let quoted = error
            .quoted()
            .expect("it is an error")
            .expect("it was a packet");
        assert_eq!(quoted.header, packet.header);
        // No error about an error: such a chain would have no end.
        let _ = v4::may_cause_error(&packet);
        let mut answer = vec![
            0x45, 0, 0, 0, 0, 0, 0, 0, 64, 1, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
        ];
        answer.extend(&out[..len]);
        let total = (answer.len() as u16).to_be_bytes();
        answer[2..4].copy_from_slice(&total);
        assert!(!v4::may_cause_error(
            &Ipv4::new(&answer).expect("it is whole")
        ));
    }
}

/// Any bytes as an ICMPv6 message, and as a packet that an error is about.
pub fn icmpv6(bytes: &[u8]) {
    let pseudo = PseudoHeader::ipv6(Ipv6Addr::LOCALHOST, Ipv6Addr::UNSPECIFIED);
    if let Some(icmp) = views!(bytes, Icmpv6::new(), Icmpv6Mut, [payload], {
        set_checksum(checksum)
    }) {
        if let Some(Ok(quoted)) = icmp.quoted() {
            inside(bytes, quoted.payload);
        }
        let mut copy = bytes.to_vec();
        let mut edit = Icmpv6Mut::new(&mut copy).expect("it was one");
        edit.set_message(icmp.message());
        assert_eq!(edit.message(), icmp.message());
        edit.fill_checksum(&pseudo);
        assert!(edit.checksum_ok(&pseudo));
    }
    if let Ok(packet) = Ipv6::new(bytes) {
        let message = Icmpv6Message::TimeExceeded { code: 0 };
        let mut out = [0; 1500];
        let len = v6::write_error(&mut out, message, bytes, &pseudo).expect("there is room");
        // RFC 4443, 2.4 (c): the error fits into the smallest MTU.
        assert!(len + 40 <= 1280);
        let error = Icmpv6::new(&out[..len]).expect("it was just written");
        assert!(error.checksum_ok(&pseudo));
        let quoted = error
            .quoted()
            .expect("it is an error")
            .expect("it was a packet");
        assert_eq!(quoted.header, packet.header);
        let _ = v6::may_cause_error(&packet, message);
    }
}

/// Any bytes as an IPv6 packet of neighbour discovery, and its options written again.
pub fn ndp(bytes: &[u8]) {
    let Some((fixed, upper)) = bytes.split_first_chunk::<40>() else {
        return;
    };
    let (ip, _) = <Ipv6Header as linecard::wire::Header>::split(fixed).expect("40 bytes are one");
    if let Ok(message) = Ndp::new(ip, upper) {
        assert_eq!(ip.hop_limit(), 255);
        assert!(!shown(&message).is_empty());
        // Their lengths are right; an option may still be too short for its kind.
        for option in message.options() {
            assert!(
                !option
                    .map_or_else(|error| shown(&error), |option| shown(&option))
                    .is_empty()
            );
        }
    }
    for option in NdpOptions::new(upper).map_while(Result::ok) {
        again(&option);
    }
    assert!(nd::is_solicited_node(nd::solicited_node(ip.source())));
}

/// Any bytes as an IPv6 packet of multicast listener discovery, and its groups reported again.
pub fn mld(bytes: &[u8]) {
    let Some((fixed, upper)) = bytes.split_first_chunk::<40>() else {
        return;
    };
    let (ip, _) = <Ipv6Header as linecard::wire::Header>::split(fixed).expect("40 bytes are one");
    if let Ok(query) = MldQuery::new(ip, upper) {
        assert_eq!(ip.hop_limit(), 1);
        assert!(ip.source().is_unicast_link_local() && !shown(&query).is_empty());
        assert!(query.group().is_none_or(|group| group.is_multicast()));
        // RFC 3810, 5.1.3: the longest that can be written.
        assert!(query.max_response_delay().as_millis() <= 8_387_584);
        inside(bytes, query.sources);
    }
    if let Ok(report) = MldReport::new(upper) {
        assert!(!shown(&report).is_empty());
        inside(bytes, report.records);
        let mut groups = Vec::new();
        for record in report.records() {
            assert!(record.group.is_multicast() && record.sources.len() % 16 == 0);
            inside(report.records, record.sources);
            groups.push(record.group);
        }
        let pseudo = PseudoHeader::ipv6(ip.source(), mld::ALL_ROUTERS);
        let mut out = vec![0; mld::report_len(groups.len())];
        let kind = mld::MldRecordKind::IS_EXCLUDE;
        let len = mld::write_report(&mut out, kind, &groups, &pseudo).expect("there is room");
        let again = MldReport::new(&out[..len]).expect("it was just written");
        assert!(again.records().map(|record| record.group).eq(groups));
    }
}

/// An option that was read is written and read again.
fn again(option: &NdpOption<'_>) {
    assert!(!shown(option).is_empty());
    let mut out = [0; 2048];
    let rest = option.write(&mut out).expect("there is room").len();
    let length = out.len() - rest;
    let mut options = NdpOptions::new(&out[..length]);
    assert_eq!(options.next(), Some(Ok(*option)));
    assert_eq!(options.next(), None);
}

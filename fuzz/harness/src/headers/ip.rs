//! IPv4 and IPv6.

use linecard::wire::{
    Ah, AhMut, IpProtocol, Ipv4, Ipv4Mut, Ipv6, Ipv6Extension, Ipv6Extensions, Ipv6Fragment,
    Ipv6FragmentMut, Ipv6Mut, Ipv6OptionsExt, Ipv6OptionsExtMut, Ipv6Routing, Ipv6RoutingMut,
};

use super::{inside, shown, views};

/// Any bytes as an IPv4 packet; a checksum that was right stays right when the TTL goes down.
pub fn ipv4(bytes: &[u8]) {
    let packet = views!(bytes, Ipv4::new(), Ipv4Mut, [options, payload],
        {set_dscp(dscp), set_ecn(ecn), set_total_len(total_len), set_ident(ident), set_ttl(ttl),
         set_protocol(protocol), set_checksum(checksum), set_source(source),
         set_destination(destination), set_dont_fragment(dont_fragment)});
    if let Ok(quoted) = Ipv4::new_quoted(bytes) {
        inside(bytes, quoted.payload);
        assert!(quoted.payload.len() >= packet.map_or(0, |packet| packet.payload.len()));
    }
    let Some(packet) = packet else { return };
    for option in packet.options() {
        assert!(
            !shown(&option.map_or_else(|error| shown(&error), |option| shown(&option))).is_empty()
        );
    }
    let mut copy = bytes.to_vec();
    let mut edit = Ipv4Mut::new(&mut copy).expect("it was one");
    let ok = edit.checksum_ok();
    assert_eq!(ok, packet.checksum_ok());
    if edit.decrement_ttl().is_some() {
        assert_eq!(edit.ttl(), packet.ttl() - 1);
        assert_eq!(edit.checksum_ok(), ok, "{packet}");
    } else {
        assert!(packet.ttl() <= 1);
    }
    edit.fill_checksum();
    assert!(edit.checksum_ok());
}

/// Any bytes as an IPv6 packet, and what follows its extension headers.
pub fn ipv6(bytes: &[u8]) {
    let packet = views!(bytes, Ipv6::new(), Ipv6Mut, [payload],
        {set_dscp(dscp), set_ecn(ecn), set_flow_label(flow_label), set_payload_len(payload_len),
         set_next_header(next_header), set_hop_limit(hop_limit), set_source(source),
         set_destination(destination)});
    if let Ok(quoted) = Ipv6::new_quoted(bytes) {
        inside(bytes, quoted.payload);
        assert!(quoted.payload.len() >= packet.map_or(0, |packet| packet.payload.len()));
    }
    let Some(packet) = packet else { return };
    chain(packet.next_header(), packet.payload);
    let mut copy = bytes.to_vec();
    let mut edit = Ipv6Mut::new(&mut copy).expect("it was one");
    match edit.decrement_hop_limit() {
        Some(left) => assert_eq!(left, packet.hop_limit() - 1),
        None => assert!(packet.hop_limit() <= 1),
    }
}

/// Any bytes as each of the extension headers, and as a chain of them.
pub fn ipv6_extensions(bytes: &[u8]) {
    let Some((&first, bytes)) = bytes.split_first() else {
        return;
    };
    chain(IpProtocol(first), bytes);
    if let Some(options) = views!(
        bytes,
        Ipv6OptionsExt::new(),
        Ipv6OptionsExtMut,
        [payload],
        { set_next_header(next_header) }
    ) {
        for option in options.options() {
            assert!(
                !option
                    .map_or_else(|error| shown(&error), |option| shown(&option))
                    .is_empty()
            );
        }
    }
    if let Some(routing) = views!(bytes, Ipv6Routing::new(), Ipv6RoutingMut, [payload],
        {set_next_header(next_header), set_segments_left(segments_left)})
    {
        assert!(
            routing
                .addresses()
                .is_none_or(|addresses| addresses.count() <= 127)
        );
    }
    views!(bytes, Ipv6Fragment::new(), Ipv6FragmentMut, [payload],
        {set_next_header(next_header), set_ident(ident)});
    views!(bytes, Ah::new(), AhMut, [payload],
        {set_next_header(next_header), set_spi(spi), set_sequence(sequence)});
}

/// Walks a chain of extension headers; both ways of walking agree.
fn chain(first: IpProtocol, bytes: &[u8]) {
    let mut walk = Ipv6Extensions::new(first, bytes);
    let mut outcome = Ok(());
    let mut count = 0;
    for extension in walk.by_ref() {
        count += 1;
        outcome = extension.map(|extension: Ipv6Extension<'_>| inside(bytes, extension.payload()));
    }
    assert!(count <= usize::from(Ipv6Extensions::MAX) + 1);
    inside(bytes, walk.payload());
    assert_eq!(walk.offset() + walk.payload().len(), bytes.len());
    match Ipv6Extensions::new(first, bytes).upper() {
        Ok(upper) => {
            assert_eq!(outcome, Ok(()));
            assert_eq!(
                (upper.protocol, upper.offset),
                (walk.next_header(), walk.offset())
            );
            assert_eq!(upper.payload, walk.payload());
        }
        Err(error) => assert_eq!(outcome, Err(error)),
    }
}

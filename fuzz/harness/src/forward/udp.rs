//! The UDP forwarder on any stream.

use linecard::forward::udp::{Endpoint, UdpForwarder, UdpRule};
use linecard::packet::PortId;
use linecard::wire::checksum::PseudoHeader;
use linecard::wire::parse::{VERIFY, parse};
use linecard::wire::{
    EthernetMut, Ipv4Mut, Ipv4OptionKind, Ipv4Options, Ipv6Extension, Ipv6Extensions, Ipv6Mut,
    Kinds, MacAddr, UdpMut,
};

use super::rig::{run, with_pool};
use crate::input::Input;

/// UDP to port 53 goes across and has its destination rewritten, all else is dropped. What
/// leaves is what a plain rewriting with checksums computed anew makes of it, in order; a wrong
/// UDP checksum stays wrong, and none stays none.
pub fn udp_forwarder(bytes: &[u8]) {
    with_pool(|pool, stats| {
        let mut forwarder = UdpForwarder::<4>::new();
        for from in [0, 1] {
            for new in ["192.0.2.1", "2001:db8::1"] {
                let mut rule = UdpRule::to(PortId(from ^ 1));
                rule.from = Some(PortId(from));
                rule.destination = Endpoint {
                    network: None,
                    port: Some(53),
                };
                rule.new_destination_mac = Some(NEXT);
                rule.new_destination = Some(new.parse().expect("an address"));
                rule.new_destination_port = Some(5353);
                forwarder.add(rule).expect("there is room for four");
            }
        }
        let mut outputs = Vec::new();
        let inputs = run(pool, stats, forwarder, &mut Input::new(bytes), &mut outputs);
        for port in [0, 1] {
            let came = inputs.iter().filter(|sent| sent.port != port);
            let mut left = outputs.iter().filter(|sent| sent.port == port);
            for (wanted, exact) in came.filter_map(|sent| rewritten(&sent.bytes)) {
                let sent = &left.next().expect("nothing is lost").bytes;
                match exact {
                    Exact::All => assert_eq!(*sent, wanted),
                    Exact::ButChecksumAt(at) => {
                        assert_eq!(sent[..at], wanted[..at]);
                        assert_eq!(sent[at + 2..], wanted[at + 2..]);
                    }
                }
            }
            assert!(left.next().is_none(), "nothing else is sent");
        }
    });
}

/// How much of a packet is known beforehand.
enum Exact {
    All,
    /// The checksum was wrong before, and need only be wrong.
    ButChecksumAt(usize),
}

/// What must become of a packet; `None` if it matches no rule, or names further stations on its
/// way, so that its destination is not the one that UDP's checksum counts.
fn rewritten(bytes: &[u8]) -> Option<(Vec<u8>, Exact)> {
    let parsed = parse::<VERIFY>(bytes);
    let kinds = parsed.layers.kinds();
    if !parsed.outcome.is_well_formed()
        || kinds.contains(Kinds::FRAGMENT)
        || !kinds.contains(Kinds::UDP)
    {
        return None;
    }
    let (l3, l4) = (parsed.layers.l3_offset(), parsed.layers.l4_offset()?);
    let mut packet = bytes.to_vec();
    EthernetMut::new(&mut packet).ok()?.set_destination(NEXT);
    let (before, after, length) = if kinds.contains(Kinds::IPV4) {
        let mut ip = Ipv4Mut::new(&mut packet[l3..]).ok()?;
        let mut options = Ipv4Options::new(ip.options);
        let mut kinds = core::iter::from_fn(|| options.next_raw()).map_while(Result::ok);
        if kinds.any(|(kind, _)| SOURCE_ROUTES.contains(&kind)) {
            return None;
        }
        let (source, old) = (ip.source(), ip.destination());
        let new = [192, 0, 2, 1].into();
        ip.set_destination(new);
        ip.fill_checksum();
        let length = usize::from(ip.total_len());
        (
            PseudoHeader::ipv4(source, old),
            PseudoHeader::ipv4(source, new),
            length,
        )
    } else {
        let mut ip = Ipv6Mut::new(&mut packet[l3..]).ok()?;
        let mut extensions = Ipv6Extensions::new(ip.next_header(), ip.payload);
        if extensions.any(|extension| matches!(extension, Ok(Ipv6Extension::Routing(_)))) {
            return None;
        }
        let (source, old) = (ip.source(), ip.destination());
        let new = "2001:db8::1".parse().expect("an address");
        ip.set_destination(new);
        let length = 40 + ip.payload.len();
        (
            PseudoHeader::ipv6(source, old),
            PseudoHeader::ipv6(source, new),
            length,
        )
    };
    let mut udp = UdpMut::new(&mut packet[l4..l3 + length]).ok()?;
    if udp.destination_port() != 53 {
        return None;
    }
    let (had, ok) = (udp.has_checksum(), udp.checksum_ok(&before));
    udp.set_destination_port(5353);
    if had && ok {
        udp.fill_checksum(&after);
    }
    let exact = match had && !ok {
        true => Exact::ButChecksumAt(l4 + 6),
        false => Exact::All,
    };
    Some((packet, exact))
}

const NEXT: MacAddr = MacAddr([2, 0, 0, 0, 0, 9]);
const SOURCE_ROUTES: [Ipv4OptionKind; 2] = [
    Ipv4OptionKind::LOOSE_SOURCE_ROUTE,
    Ipv4OptionKind::STRICT_SOURCE_ROUTE,
];

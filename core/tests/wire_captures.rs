//! The views of `linecard::wire` on real, odd and hostile packets: nothing panics, and every part
//! of every accepted header lies inside the bytes that it was made from.
//!
//! Frames come from a generator that stacks headers and then damages them, and from the captures of
//! `LINECARD_DATA/pcap` where that is set.

mod captures;

use core::fmt::Display;
use core::net::{Ipv4Addr, Ipv6Addr};
use std::collections::BTreeMap;

use linecard::wire::checksum::PseudoHeader;
use linecard::wire::ndp::{Ndp, NeighborFlags};
use linecard::wire::*;

/// How often each kind of header was accepted.
type Seen = BTreeMap<&'static str, usize>;

#[test]
fn captures_are_walked() {
    let Some(captures) = captures::all() else {
        return;
    };
    let mut seen = Seen::new();
    let (mut files, mut frames) = (0, 0);
    for capture in &captures {
        println!("{}", capture.name); // seen only if something fails
        files += 1;
        for frame in &capture.frames {
            frames += 1;
            let mut walk = Walk {
                frame,
                seen: &mut seen,
            };
            match capture.link {
                captures::ETHERNET => walk.ethernet(frame),
                link if captures::RAW_IP.contains(&link) => walk.ip(frame),
                // Not for us, and all the better as hostile input.
                _ => Walk {
                    frame,
                    seen: &mut Seen::new(),
                }
                .ethernet(frame),
            }
            everywhere(frame);
        }
    }
    println!("{files} captures, {frames} frames: {seen:?}");
    assert!(
        files >= 200 && frames >= 1000,
        "{files} files, {frames} frames: was anything read?"
    );
    for name in [
        "Ethernet",
        "LLC",
        "SNAP",
        "VLAN",
        "ARP",
        "MPLS",
        "IPv4",
        "IPv4 option",
        "IPv6",
    ] {
        assert!(seen.contains_key(name), "no {name} was accepted");
    }
    for name in [
        "IPv6 extension",
        "IPv6 option",
        "ICMPv4",
        "ICMPv6",
        "NDP",
        "NDP option",
        "quote",
    ] {
        assert!(seen.contains_key(name), "no {name} was accepted");
    }
}

#[test]
fn generated_packets_are_walked_whole() {
    for (name, frame, expected) in generated() {
        let mut seen = Seen::new();
        Walk {
            frame: &frame,
            seen: &mut seen,
        }
        .ethernet(&frame);
        let kinds: Vec<_> = seen.into_keys().collect();
        assert_eq!(kinds, expected, "{name}");
    }
}

#[test]
fn damaged_packets_are_walked() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let originals = generated();
    for round in 0..30_000 {
        let (_, frame, _) = &originals[round % originals.len()];
        let mut frame = frame.clone();
        for _ in 0..random.below(4) {
            let at = random.below(frame.len());
            frame[at] = match random.below(3) {
                0 => random.below(256) as u8,
                1 => [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
                _ => frame[at] ^ 1 << random.below(8),
            };
        }
        if random.below(3) == 0 {
            frame.truncate(random.below(frame.len() + 1));
        }
        Walk {
            frame: &frame,
            seen: &mut Seen::new(),
        }
        .ethernet(&frame);
    }
    for (_, frame, _) in &originals {
        for len in 0..=frame.len() {
            Walk {
                frame: &frame[..len],
                seen: &mut Seen::new(),
            }
            .ethernet(&frame[..len]);
        }
        everywhere(frame);
    }
}

/// Walks the layers of a frame, from view to view.
struct Walk<'a, 's> {
    frame: &'a [u8],
    seen: &'s mut Seen,
}

impl<'a> Walk<'a, '_> {
    /// A view of this kind was accepted: it can be shown, and its parts are inside the frame.
    fn accepted(&mut self, kind: &'static str, view: &impl Display, parts: &[&[u8]]) {
        assert!(!view.to_string().is_empty());
        let frame = self.frame.as_ptr_range();
        for part in parts.iter().map(|part| part.as_ptr_range()) {
            let inside = frame.start <= part.start && part.end <= frame.end;
            assert!(inside, "{kind}: {part:?} of {frame:?}");
        }
        *self.seen.entry(kind).or_default() += 1;
    }

    fn ethernet(&mut self, bytes: &'a [u8]) {
        let Ok(view) = Ethernet::new(bytes) else {
            return;
        };
        self.accepted("Ethernet", &view, &[view.payload]);
        let mut tags = VlanTags::new(&view);
        while let Some(tag) = tags.next() {
            if let Ok((_, tag)) = tag {
                self.accepted("VLAN", tag, &[tags.payload()]);
            }
        }
        self.ethertype(tags.ethertype(), tags.payload());
    }

    fn ethertype(&mut self, ethertype: EtherType, bytes: &'a [u8]) {
        match ethertype {
            EtherType::ARP => {
                if let Ok(view) = Arp::new(bytes) {
                    self.accepted("ARP", &view, &[]);
                }
            }
            EtherType::IPV4 | EtherType::IPV6 => self.ip(bytes),
            EtherType::MPLS | EtherType::MPLS_UPSTREAM => {
                let mut stack = MplsStack::new(bytes);
                while let Some(entry) = stack.next() {
                    match entry {
                        Ok(entry) => self.accepted("MPLS", entry, &[stack.payload()]),
                        Err(_) => return,
                    }
                }
                self.ip(stack.payload());
            }
            length if length.is_length() => {
                let Ok(view) = Llc::new(length, bytes) else {
                    return;
                };
                self.accepted("LLC", &view, &[view.control, view.payload]);
                if !view.is_snap() {
                    return;
                }
                if let Ok(snap) = Snap::new(view.payload) {
                    self.accepted("SNAP", &snap, &[snap.payload]);
                    // Not `ethertype` again: a length in SNAP is none.
                    if snap.ethertype() == Some(EtherType::IPV4) {
                        self.ip(snap.payload);
                    }
                }
            }
            _ => {}
        }
    }

    fn ip(&mut self, bytes: &'a [u8]) {
        if let Ok(view) = Ipv4::new(bytes) {
            self.ipv4("IPv4", view);
            rewritten_ipv4(bytes);
            if view.is_fragment() {
                return;
            }
            match view.protocol() {
                IpProtocol::ICMP => self.icmpv4(view.payload),
                IpProtocol::IPV4 | IpProtocol::IPV6 => self.ip(view.payload),
                _ => {}
            }
        }
        if let Ok(view) = Ipv6::new(bytes) {
            self.accepted("IPv6", &view, &[view.payload]);
            if let Some(upper) = self.extensions(&view) {
                let pseudo = PseudoHeader::ipv6(view.source(), view.destination());
                match upper.protocol {
                    IpProtocol::ICMPV6 => self.icmpv6(&view, &pseudo, upper.payload),
                    IpProtocol::IPV4 | IpProtocol::IPV6 => self.ip(upper.payload),
                    _ => {}
                }
            }
        }
    }

    fn ipv4(&mut self, kind: &'static str, view: Ipv4<'a>) {
        self.accepted(kind, &view, &[view.options, view.payload]);
        for option in view.options().flatten() {
            let data = match option {
                Ipv4Option::Other(_, data) => data,
                Ipv4Option::Timestamp(timestamp) => timestamp.written(),
                _ => &[],
            };
            let parts = if data.is_empty() {
                &[][..]
            } else {
                &[data][..]
            };
            self.accepted("IPv4 option", &option, parts);
        }
        let _ = icmpv4::may_cause_error(&view);
    }

    /// Walks the extension headers; gives what is behind them if that starts with its header.
    fn extensions(&mut self, view: &Ipv6<'a>) -> Option<Ipv6Upper<'a>> {
        for extension in view.extensions().flatten() {
            self.accepted("IPv6 extension", &extension, &[extension.payload()]);
            match extension {
                Ipv6Extension::HopByHop(view) | Ipv6Extension::Destination(view) => {
                    self.accepted("IPv6 options", &view, &[view.options]);
                    for option in view.options().flatten() {
                        let _ = option.kind().action();
                        self.accepted("IPv6 option", &option, &[]);
                    }
                }
                Ipv6Extension::Routing(view) => {
                    let count = view.addresses().map_or(0, |addresses| addresses.count());
                    assert!(count * 16 + 4 <= view.data.len() || count == 0);
                    self.accepted("IPv6 routing", &view, &[view.data]);
                }
                Ipv6Extension::Auth(view) => self.accepted("AH", &view, &[view.check_value]),
                _ => {}
            }
        }
        let _ = icmpv6::may_cause_error(view, Icmpv6Message::TimeExceeded { code: 0 });
        let upper = view.upper().ok()?;
        assert_eq!(upper.payload, &view.payload[upper.offset..]);
        upper.has_header().then_some(upper)
    }

    fn icmpv4(&mut self, bytes: &'a [u8]) {
        let Ok(view) = Icmpv4::new(bytes) else {
            return;
        };
        self.accepted("ICMPv4", &view, &[view.payload]);
        let mut copy = bytes.to_vec();
        let mut written = Icmpv4Mut::new(&mut copy).unwrap();
        written.fill_checksum();
        assert!(written.checksum_ok());
        if view.checksum_ok() {
            assert!(same_checksum(written.checksum(), view.checksum()));
        }
        if let Some(Ok(quote)) = view.quoted() {
            self.ipv4("quote", quote);
        }
    }

    fn icmpv6(&mut self, ip: &Ipv6<'a>, pseudo: &PseudoHeader, bytes: &'a [u8]) {
        let Ok(view) = Icmpv6::new(bytes) else {
            return;
        };
        self.accepted("ICMPv6", &view, &[view.payload]);
        let mut copy = bytes.to_vec();
        let mut written = Icmpv6Mut::new(&mut copy).unwrap();
        written.fill_checksum(pseudo);
        assert!(written.checksum_ok(pseudo));
        if view.checksum_ok(pseudo) {
            assert!(same_checksum(written.checksum(), view.checksum()));
        }
        if let Some(Ok(quote)) = view.quoted() {
            self.accepted("quote", &quote, &[quote.payload]);
            self.extensions(&quote);
        }
        if let Ok(message) = Ndp::new(ip.header, bytes) {
            self.accepted("NDP", &message, &[]);
            for option in message.options().flatten() {
                self.accepted("NDP option", &option, &[]);
            }
        }
    }
}

/// What a router does to a packet keeps its checksum right, if it was.
fn rewritten_ipv4(bytes: &[u8]) {
    let mut copy = bytes.to_vec();
    let mut view = Ipv4Mut::new(&mut copy).unwrap();
    let (ok, checksum) = (view.checksum_ok(), view.checksum());
    view.fill_checksum();
    assert!(view.checksum_ok());
    assert_eq!(ok, same_checksum(view.checksum(), checksum));
    if view.decrement_ttl().is_some() {
        assert!(view.checksum_ok());
    }
}

/// The same number in one's complement, where zero has two forms.
fn same_checksum(a: u16, b: u16) -> bool {
    a == b || matches!((a, b), (0, 0xffff) | (0xffff, 0))
}

/// Makes each view, read-only and mutable, at each offset of a frame's first bytes.
fn everywhere(frame: &[u8]) {
    let mut copy = frame.to_vec();
    for at in 0..frame.len().min(96) {
        let bytes = &frame[at..];
        Walk {
            frame,
            seen: &mut Seen::new(),
        }
        .ethernet(bytes);
        let mut walk = Walk {
            frame,
            seen: &mut Seen::new(),
        };
        walk.ethertype(EtherType::ARP, bytes);
        walk.ethertype(EtherType::MPLS, bytes);
        walk.ip(bytes);
        walk.icmpv4(bytes);
        for kind in [
            IpProtocol::HOP_BY_HOP,
            IpProtocol::ROUTING,
            IpProtocol::FRAGMENT,
            IpProtocol::AH,
        ] {
            let extensions = Ipv6Extensions::new(kind, bytes);
            let _ = extensions
                .upper()
                .map(|upper| assert_eq!(upper.payload, &bytes[upper.offset..]));
        }
        let bytes = &mut copy[at..];
        let length = EtherType(bytes.first().copied().unwrap_or_default().into());
        let _ = EthernetMut::new(bytes).map(|view| view.payload.len());
        let _ = LlcMut::new(length, bytes).map(|view| view.payload.len());
        let _ = SnapMut::new(bytes).map(|view| view.payload.len());
        let _ = VlanMut::new(bytes).map(|view| view.payload.len());
        let _ = MplsMut::new(bytes).map(|view| view.payload.len());
        let _ = ArpMut::new(bytes).map(|view| view.operation());
        let _ = Ipv4Mut::new(bytes).map(|view| view.payload.len());
        let _ = Ipv6Mut::new(bytes).map(|view| view.payload.len());
        let _ = Ipv6OptionsExtMut::new(bytes).map(|view| view.options.len());
        let _ = Ipv6RoutingMut::new(bytes).map(|view| view.data.len());
        let _ = Ipv6FragmentMut::new(bytes).map(|view| view.payload.len());
        let _ = AhMut::new(bytes).map(|view| view.check_value.len());
        let _ = Icmpv4Mut::new(bytes).map(|view| view.payload.len());
        let _ = Icmpv6Mut::new(bytes).map(|view| view.payload.len());
        let _ = ndp::RouterSolicitationMut::new(bytes).map(|view| view.options.len());
        let _ = ndp::RouterAdvertisementMut::new(bytes).map(|view| view.options.len());
        let _ = ndp::NeighborMut::new(bytes).map(|view| view.options.len());
        let _ = ndp::RedirectMut::new(bytes).map(|view| view.options.len());
        let _ = vlan::pop(bytes);
        let _ = vlan::push(bytes, EtherType::QINQ, VlanTci(7));
    }
}

const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const HOST_4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const ROUTER_4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 254);
const HOST_6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const ROUTER_6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xfe);

/// Well-formed frames, each with the kinds of headers in it, sorted.
fn generated() -> Vec<(&'static str, Vec<u8>, Vec<&'static str>)> {
    let icmp = icmpv4_error();
    let options = [
        7, 11, 8, 10, 0, 0, 3, 0, 0, 0, 0, 148, 4, 0, 0, 68, 8, 5, 0, 0, 0, 0, 0, 0,
    ];
    let packet = ipv4(IpProtocol::ICMP, &options, &icmp);
    let double = [tag(EtherType::VLAN), tag(EtherType::IPV4), packet.clone()].concat();
    let labels = [
        bytes_of(&MplsHeader::new(MplsLabel(100), 0, false, 64)),
        bytes_of(&MplsHeader::new(MplsLabel(200), 0, true, 64)),
        ipv4(IpProtocol::UDP, &[], &[0; 8]),
    ];
    let snap = [
        bytes_of(&LlcHeader::new(Sap::SNAP, Sap::SNAP, LlcHeader::UNNUMBERED)),
        bytes_of(&SnapHeader::for_ethertype(EtherType::IPV4)),
        ipv4(IpProtocol::UDP, &[], &[0; 8]),
    ]
    .concat();
    let chain = [
        &[43, 0, 5, 2, 0, 0, 1, 0][..], // hop-by-hop: router alert
        &[51, 2, 4, 0, 0, 0, 0, 0],
        &[0xfe; 16], // one segment
        &[60, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1],
        &[7; 12],                      // AH
        &[44, 0, 0x3e, 3, 1, 2, 3, 0], // destination: an option
        &[58, 0, 0, 1, 0, 0, 0, 9],    // first fragment
        &icmpv6_error(),
    ]
    .concat();
    let arp = bytes_of(&ArpHeader::request(MAC, HOST_4, ROUTER_4));

    let quoted = ["ICMPv4", "IPv4", "IPv4 option", "quote"];
    let extended = [
        "AH",
        "Ethernet",
        "ICMPv6",
        "IPv6",
        "IPv6 extension",
        "IPv6 option",
        "IPv6 options",
        "IPv6 routing",
        "quote",
    ];
    vec![
        (
            "ARP",
            ethernet(EtherType::ARP, &arp),
            vec!["ARP", "Ethernet"],
        ),
        (
            "ICMP error",
            ethernet(EtherType::IPV4, &packet),
            [&["Ethernet"], &quoted[..]].concat(),
        ),
        (
            "two tags",
            ethernet(EtherType::QINQ, &double),
            [&["Ethernet"], &quoted[..], &["VLAN"]].concat(),
        ),
        (
            "labels",
            ethernet(EtherType::MPLS, &labels.concat()),
            vec!["Ethernet", "IPv4", "MPLS"],
        ),
        (
            "SNAP",
            ethernet(EtherType(snap.len() as u16), &snap),
            vec!["Ethernet", "IPv4", "LLC", "SNAP"],
        ),
        (
            "extensions",
            ethernet(EtherType::IPV6, &ipv6(IpProtocol::HOP_BY_HOP, &chain)),
            extended.to_vec(),
        ),
        (
            "NDP",
            ethernet(EtherType::IPV6, &ipv6(IpProtocol::ICMPV6, &advertisement())),
            vec!["Ethernet", "ICMPv6", "IPv6", "NDP", "NDP option"],
        ),
    ]
    .into_iter()
    .map(|(name, frame, mut kinds)| {
        kinds.sort_unstable();
        (name, frame, kinds)
    })
    .collect()
}

fn bytes_of(header: &impl Header) -> Vec<u8> {
    let mut bytes = vec![0; size_of_val(header)];
    header.write(&mut bytes).unwrap();
    bytes
}

fn ethernet(ethertype: EtherType, payload: &[u8]) -> Vec<u8> {
    let mut frame = bytes_of(&EthernetHeader::new(MacAddr::BROADCAST, MAC, ethertype));
    frame.extend(payload);
    frame.resize(frame.len().max(60), 0);
    frame
}

fn tag(ethertype: EtherType) -> Vec<u8> {
    bytes_of(&VlanHeader::new(VlanTci::new(0, false, 7), ethertype))
}

fn ipv4(protocol: IpProtocol, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let len = (options.len() + payload.len()) as u16;
    let mut header = Ipv4Header::new(HOST_4, ROUTER_4, protocol, len).unwrap();
    header.set_header_words((20 + options.len()) as u8 / 4);
    let mut packet = [&bytes_of(&header), options, payload].concat();
    Ipv4Mut::new(&mut packet).unwrap().fill_checksum();
    packet
}

fn ipv6(next_header: IpProtocol, payload: &[u8]) -> Vec<u8> {
    let mut header = Ipv6Header::new(HOST_6, ROUTER_6, next_header, payload.len() as u16);
    header.set_hop_limit(255);
    [&bytes_of(&header), payload].concat()
}

fn icmpv4_error() -> Vec<u8> {
    let mut out = vec![0; 576];
    let packet = ipv4(IpProtocol::UDP, &[], &[0; 8]);
    let code = icmpv4::unreachable::FRAGMENTATION_NEEDED;
    let message = Icmpv4Message::Unreachable {
        code,
        next_hop_mtu: 1400,
    };
    let len = icmpv4::write_error(&mut out, message, &packet).unwrap();
    out.truncate(len);
    out
}

fn icmpv6_error() -> Vec<u8> {
    let mut out = vec![0; 1280];
    let packet = ipv6(IpProtocol::UDP, &[0; 8]);
    let pseudo = PseudoHeader::ipv6(HOST_6, ROUTER_6);
    let message = Icmpv6Message::PacketTooBig { mtu: 1280 };
    let len = icmpv6::write_error(&mut out, message, &packet, &pseudo).unwrap();
    out.truncate(len);
    out
}

fn advertisement() -> Vec<u8> {
    let mut out = vec![0; 32];
    let pseudo = PseudoHeader::ipv6(HOST_6, ROUTER_6);
    ndp::write_advertisement(&mut out, HOST_6, MAC, NeighborFlags::SOLICITED, &pseudo).unwrap();
    out
}

/// xorshift64: enough to damage packets with, and the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

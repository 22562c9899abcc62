//! From view to view through a frame, each looked at.

use core::fmt::Display;

use linecard::wire::checksum::PseudoHeader;
use linecard::wire::ndp::Ndp;
use linecard::wire::*;

use crate::Seen;

/// Walks the layers of a frame, from view to view.
pub(crate) struct Walk<'a, 's> {
    pub(crate) frame: &'a [u8],
    pub(crate) seen: &'s mut Seen,
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

    pub(crate) fn ethernet(&mut self, bytes: &'a [u8]) {
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

    pub(crate) fn ip(&mut self, bytes: &'a [u8]) {
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
pub(crate) fn everywhere(frame: &[u8]) {
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

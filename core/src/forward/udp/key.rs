//! Rules as they are compared and applied: one form a family, all in host order.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::plain::Words;
use super::rule::{Endpoint, Network, UdpRule, UdpRuleError};
use super::table::Table;
use crate::lookup::{Prefix4, Prefix6};
use crate::packet::{Packet, PortId};
use crate::pipeline::{DropReason, Verdict};
use crate::wire::checksum::Delta;
use crate::wire::{
    EthernetHeader, Header, Ipv4Header, Ipv4OptionKind, Ipv4Options, Ipv6, Ipv6Extension,
    Ipv6Header, Kinds, Layers, MacAddr, UdpHeader,
};

/// A rule whose parts fit together.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(super) struct Compiled {
    /// What plain packets are compared with and rewritten by; first, to lie together.
    pub(super) words: Words,
    pub(super) verdict: Verdict,
    from: Option<PortId>,
    v4: Option<Addresses<u32, Prefix4>>,
    v6: Option<Addresses<u128, Prefix6>>,
    ports: Ports,
    macs: [Option<MacAddr>; 2],
    destination_port: Option<u16>,
}

/// The addresses of a rule, for one family.
#[derive(Debug, Clone, Copy)]
struct Addresses<A, P> {
    source: P,
    destination: P,
    new_source: Option<A>,
    new_destination: Option<A>,
}

impl Addresses<u32, Prefix4> {
    #[inline]
    const fn is_between(&self, source: u32, destination: u32) -> bool {
        self.source.contains(source) && self.destination.contains(destination)
    }
}

impl Addresses<u128, Prefix6> {
    #[inline]
    const fn is_between(&self, source: u128, destination: u128) -> bool {
        self.source.contains(source) && self.destination.contains(destination)
    }
}

/// The UDP ports of a rule, source first.
#[derive(Debug, Clone, Copy)]
struct Ports {
    /// The bits that count, and what they must be: source port in the upper half.
    mask: u32,
    value: u32,
    new_source: Option<u16>,
    new_destination: Option<u16>,
}

impl Compiled {
    pub(super) fn new(rule: &UdpRule) -> Result<Self, UdpRuleError> {
        if rule.new_source_port == Some(0) || rule.new_destination_port == Some(0) {
            return Err(UdpRuleError::PortZero);
        }
        let families = [
            rule.source
                .network
                .map(|network| matches!(network, Network::V4(_))),
            rule.destination
                .network
                .map(|network| matches!(network, Network::V4(_))),
            rule.new_source.map(|address| address.is_ipv4()),
            rule.new_destination.map(|address| address.is_ipv4()),
        ];
        let mut families = families.into_iter().flatten();
        let first = families.next();
        if families.any(|family| Some(family) != first) {
            return Err(UdpRuleError::MixedFamilies);
        }
        let v4 = first.unwrap_or(true).then(|| Addresses {
            source: prefix4(rule.source),
            destination: prefix4(rule.destination),
            new_source: rule.new_source.and_then(bits4),
            new_destination: rule.new_destination.and_then(bits4),
        });
        let v6 = (!first.unwrap_or(false)).then(|| Addresses {
            source: prefix6(rule.source),
            destination: prefix6(rule.destination),
            new_source: rule.new_source.and_then(bits6),
            new_destination: rule.new_destination.and_then(bits6),
        });
        let half = |port: Option<u16>| port.map_or((0, 0), |port| (0xffff, u32::from(port)));
        let ((source_mask, source), (mask, destination)) =
            (half(rule.source.port), half(rule.destination.port));
        Ok(Self {
            words: Words::new(rule, v4.is_some()),
            verdict: Verdict::send(rule.to),
            from: rule.from,
            v4,
            v6,
            ports: Ports {
                mask: source_mask << 16 | mask,
                value: source << 16 | destination,
                new_source: rule.new_source_port,
                new_destination: rule.new_destination_port,
            },
            macs: [rule.new_source_mac, rule.new_destination_mac],
            destination_port: rule.destination.port,
        })
    }

    /// The only port to which what it takes may go; `None` if that may be any.
    pub(super) const fn destination_port(&self) -> Option<u16> {
        self.destination_port
    }
}

/// Finds the first rule that takes the packet, and rewrites it. `packet.layers` say that it is
/// whole UDP in one piece.
///
/// # Errors
///
/// [`DropReason::NO_MATCH`]; or why a packet that matches cannot be rewritten.
pub(super) fn first_match<const RULES: usize>(
    rules: &Table<RULES>,
    packet: &mut Packet<'_>,
) -> Result<Verdict, DropReason> {
    let (layers, port) = (packet.layers, packet.port);
    let data = packet.data_mut();
    let (l3, l4) = (
        layers.l3_offset(),
        layers.l4_offset().ok_or(DropReason::MALFORMED_L4)?,
    );
    let (front, udp) = data.split_at_mut_checked(l4).ok_or(DropReason::TRUNCATED)?;
    let (ethernet, ip) = front
        .split_at_mut_checked(l3)
        .ok_or(DropReason::TRUNCATED)?;
    let (udp, _) = UdpHeader::split_mut(udp).map_err(|_| DropReason::TRUNCATED)?;
    let ports = u32::from(udp.source_port()) << 16 | u32::from(udp.destination_port());
    let to_port = udp.destination_port();
    let takes = |rule: &Compiled| {
        ports & rule.ports.mask == rule.ports.value && rule.from.is_none_or(|from| from == port)
    };
    let rule;
    let change;
    if layers.contains(Kinds::IPV4) {
        let (header, options) = Ipv4Header::split_mut(ip).map_err(|_| DropReason::TRUNCATED)?;
        let (source, destination) = (header.source().to_bits(), header.destination().to_bits());
        let matched = rules.find(to_port, |rule| {
            takes(rule) && rule.v4.is_some_and(|at| at.is_between(source, destination))
        });
        rule = matched.ok_or(DropReason::NO_MATCH)?;
        let at = rule.v4.as_ref().ok_or(DropReason::NO_MATCH)?;
        if !options.is_empty() && at.new_destination.is_some() && is_source_routed(options) {
            return Err(DropReason::OPTIONS);
        }
        change = rewrite4(header, at);
    } else {
        let (header, _) = Ipv6Header::split(ip).map_err(|_| DropReason::TRUNCATED)?;
        let (source, destination) = (header.source().to_bits(), header.destination().to_bits());
        let matched = rules.find(to_port, |rule| {
            takes(rule) && rule.v6.is_some_and(|at| at.is_between(source, destination))
        });
        rule = matched.ok_or(DropReason::NO_MATCH)?;
        let at = rule.v6.as_ref().ok_or(DropReason::NO_MATCH)?;
        if at.new_destination.is_some() && is_routed(ip, layers) {
            return Err(DropReason::OPTIONS);
        }
        let (header, _) = Ipv6Header::split_mut(ip).map_err(|_| DropReason::TRUNCATED)?;
        change = rewrite6(header, at);
    }
    let change = change + rewrite_ports(udp, &rule.ports);
    udp.update_checksum(change);
    rewrite_macs(ethernet, rule.macs);
    Ok(rule.verdict)
}

/// Writes the new addresses and the header checksum; gives what they do to the UDP checksum.
#[inline]
fn rewrite4(header: &mut Ipv4Header, at: &Addresses<u32, Prefix4>) -> Delta {
    let mut change = Delta::NONE;
    if let Some(new) = at.new_source.map(Ipv4Addr::from_bits) {
        change += Delta::of_ipv4(header.source(), new);
        header.set_source(new);
    }
    if let Some(new) = at.new_destination.map(Ipv4Addr::from_bits) {
        change += Delta::of_ipv4(header.destination(), new);
        header.set_destination(new);
    }
    header.set_checksum(change.apply(header.checksum()));
    change
}

/// Writes the new addresses; gives what they do to the UDP checksum.
#[inline]
fn rewrite6(header: &mut Ipv6Header, at: &Addresses<u128, Prefix6>) -> Delta {
    let mut change = Delta::NONE;
    if let Some(new) = at.new_source.map(Ipv6Addr::from_bits) {
        change += change6(header.source(), new);
        header.set_source(new);
    }
    if let Some(new) = at.new_destination.map(Ipv6Addr::from_bits) {
        change += change6(header.destination(), new);
        header.set_destination(new);
    }
    change
}

/// Not inlined: it is long, and stands twice.
#[inline(never)]
fn change6(old: Ipv6Addr, new: Ipv6Addr) -> Delta {
    Delta::of_ipv6(old, new)
}

/// Writes the new ports; gives what they do to the UDP checksum.
#[inline]
fn rewrite_ports(udp: &mut UdpHeader, ports: &Ports) -> Delta {
    let mut change = Delta::NONE;
    if let Some(new) = ports.new_source {
        change += Delta::of_u16(udp.source_port(), new);
        udp.set_source_port(new);
    }
    if let Some(new) = ports.new_destination {
        change += Delta::of_u16(udp.destination_port(), new);
        udp.set_destination_port(new);
    }
    change
}

/// Writes the new Ethernet addresses, source first.
#[inline]
fn rewrite_macs(front: &mut [u8], [source, destination]: [Option<MacAddr>; 2]) {
    if let Ok((header, _)) = EthernetHeader::split_mut(front) {
        if let Some(mac) = source {
            header.set_source(mac);
        }
        if let Some(mac) = destination {
            header.set_destination(mac);
        }
    }
}

/// Whether IPv4 options name further stations: then the destination is one of several, and UDP's
/// checksum counts the last (RFC 1122 section 3.2.1.8 (c)).
#[cold]
fn is_source_routed(options: &[u8]) -> bool {
    let mut options = Ipv4Options::new(options);
    core::iter::from_fn(|| options.next_raw())
        .map_while(Result::ok)
        .any(|(kind, _)| SOURCE_ROUTES.contains(&kind))
}

const SOURCE_ROUTES: [Ipv4OptionKind; 2] = [
    Ipv4OptionKind::LOOSE_SOURCE_ROUTE,
    Ipv4OptionKind::STRICT_SOURCE_ROUTE,
];

/// Whether an IPv6 routing header names further stations, for the same reason (RFC 8200 section
/// 8.1).
fn is_routed(ip: &[u8], layers: Layers) -> bool {
    layers.contains(Kinds::L3_OPTIONS)
        && Ipv6::new_quoted(ip).is_ok_and(|view| {
            view.extensions()
                .map_while(Result::ok)
                .any(|extension| matches!(extension, Ipv6Extension::Routing(_)))
        })
}

fn prefix4(endpoint: Endpoint) -> Prefix4 {
    match endpoint.network {
        Some(Network::V4(prefix)) => prefix,
        _ => Prefix4::DEFAULT,
    }
}

fn prefix6(endpoint: Endpoint) -> Prefix6 {
    match endpoint.network {
        Some(Network::V6(prefix)) => prefix,
        _ => Prefix6::DEFAULT,
    }
}

const fn bits4(address: IpAddr) -> Option<u32> {
    match address {
        IpAddr::V4(address) => Some(address.to_bits()),
        IpAddr::V6(_) => None,
    }
}

const fn bits6(address: IpAddr) -> Option<u128> {
    match address {
        IpAddr::V6(address) => Some(address.to_bits()),
        IpAddr::V4(_) => None,
    }
}

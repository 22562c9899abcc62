//! Multicast listener discovery: who is told to which groups the router listens (RFC 3810, and
//! RFC 2710 where a querier knows no other).
//!
//! A port's groups are few and reported all at once, in one message, whichever of them was asked
//! for or is new.

use core::mem::replace;
use core::net::Ipv6Addr;
use core::time::Duration;

use heapless::Vec;

use super::control::NOW;
use super::icmp6::{HEADERS, blank6};
use super::interface::is_link_local;
use super::ipv6::Facts6;
use super::{Interface, LocalTraffic, NEVER, Router};
use crate::lookup::Lpm;
use crate::packet::{Packet, PortId};
use crate::pipeline::{Context, DropReason};
use crate::platform::Instant;
use crate::wire::checksum::PseudoHeader;
use crate::wire::mld::{self, MldHeader, MldQuery, MldRecordKind};
use crate::wire::ndp::solicited_node;
use crate::wire::{
    EthernetHeader, Header, IpProtocol, Ipv6Header, Ipv6OptionKind, Ipv6Options, Ipv6OptionsHeader,
    MacAddr,
};

/// What a port has yet to say of its groups.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listener {
    /// When it says so next.
    at: Instant,
    /// How often it is still to say so unasked.
    left: u8,
    /// Until when there is a querier of version 1.
    old_until: Instant,
    /// Whether the link was up when it was last looked at.
    up: bool,
}

impl Listener {
    pub(super) const NONE: Self = Self {
        at: NEVER,
        left: 0,
        old_until: Instant::from_nanos(0),
        up: true,
    };
}

impl<'p, A: Lpm<u32>, B: Lpm<u128>> Router<'_, 'p, A, B> {
    /// What was said while a link was down was heard by nobody, and behind one that comes up there may
    /// be somebody else: the groups are told anew.
    pub(super) fn watch_links(&mut self, cx: &Context<'_, 'p>) {
        for index in 0..self.interfaces.len() {
            let port = PortId(index as u16);
            let up = cx.link_up(port);
            let interface = self.interfaces.get_mut(index);
            let before = interface.map(|interface| replace(&mut interface.listener.up, up));
            if up && before == Some(false) {
                self.listen(port);
            }
        }
    }

    /// A port has a new address: its groups are told (RFC 4861 section 7.2.1).
    pub(super) fn listen(&mut self, port: PortId) {
        let left = self.config.listener_reports;
        if left > 0
            && let Some(interface) = self.interfaces.get_mut(usize::from(port.0))
        {
            interface.listener.left = left;
            interface.listener.at = NOW;
            self.due = NOW;
        }
    }

    /// A query, at `at` bytes from the IPv6 header's start. A program that has a stack of its own
    /// gets it as well, for groups of its own.
    pub(super) fn queried(
        &mut self,
        packet: Packet<'p>,
        facts: &Facts6,
        at: usize,
        cx: &mut Context<'_, 'p>,
    ) {
        let ip = packet.data().get(EthernetHeader::LEN..).unwrap_or_default();
        let message = ip.get(at..facts.total_len).unwrap_or_default();
        let query = Ipv6Header::split(ip).and_then(|(header, _)| MldQuery::new(header, message));
        // RFC 3810 section 6.2: a query without a router alert is discarded, too.
        let (Ok(query), true) = (query, has_router_alert(ip)) else {
            return cx.drop(packet, DropReason::MALFORMED_L4);
        };
        let port = packet.port;
        let listens = |group: Ipv6Addr| {
            let interface = self.interface(port);
            interface.is_some_and(|interface| interface.groups().contains(&group))
        };
        let wanted = query.group().is_none_or(listens);
        if wanted && self.config.listener_reports > 0 {
            let delay = self.random_delay(port, query.max_response_delay());
            let (now, old) = (cx.now(), query.version() == 1);
            if let Some(interface) = self.interfaces.get_mut(usize::from(port.0)) {
                let listener = &mut interface.listener;
                listener.at = listener.at.min(now + delay);
                if old {
                    listener.old_until = now + OLD_QUERIER;
                }
                self.due = self.due.min(listener.at);
            }
        }
        match self.config.local {
            LocalTraffic::Punt => cx.punt(packet),
            LocalTraffic::Refuse => cx.drop(packet, DropReason::CONSUMED),
        }
    }

    /// Sends the reports whose time has come.
    pub(super) fn report_groups(&mut self, cx: &mut Context<'_, 'p>) {
        let now = cx.now();
        for index in 0..self.interfaces.len() {
            let port = PortId(index as u16);
            let delay = self.random_delay(port, UNSOLICITED);
            let Some(interface) = self.interfaces.get_mut(index) else {
                return;
            };
            let listener = &mut interface.listener;
            if listener.at > now {
                self.due = self.due.min(listener.at);
                continue;
            }
            let kind = match listener.left {
                0 => MldRecordKind::IS_EXCLUDE,
                _ => MldRecordKind::TO_EXCLUDE,
            };
            listener.left = listener.left.saturating_sub(1);
            listener.at = match listener.left {
                0 => NEVER,
                _ => now + delay,
            };
            self.due = self.due.min(listener.at);
            let old = listener.old_until > now;
            let groups = interface.groups();
            match old {
                _ if groups.is_empty() => {}
                false => self.report(port, kind, &groups, mld::ALL_ROUTERS, cx),
                true => {
                    for &group in &groups {
                        self.report(port, kind, &[group], group, cx);
                    }
                }
            }
        }
    }

    /// One report; to a group itself, it is of version 1.
    fn report(
        &self,
        port: PortId,
        kind: MldRecordKind,
        groups: &[Ipv6Addr],
        to: Ipv6Addr,
        cx: &mut Context<'_, 'p>,
    ) {
        let Some(interface) = self.interface(port) else {
            return;
        };
        // RFC 3810 section 5.2.13: the unspecified one, if it has no link-local address.
        let mut own = interface.ipv6().map(|(own, _)| own);
        let source = own.find(|own| is_link_local(own.to_bits()));
        let source = source.unwrap_or(Ipv6Addr::UNSPECIFIED);
        let pseudo = PseudoHeader::ipv6(source, to);
        let all = to == mld::ALL_ROUTERS;
        let message_len = match all {
            true => mld::report_len(groups.len()),
            false => MldHeader::LEN,
        };
        let len = ROUTER_ALERT.len() + message_len;
        let mut header = Ipv6Header::new(source, to, IpProtocol::HOP_BY_HOP, 0);
        header.set_hop_limit(HOP_LIMIT);
        let mut packet = blank6(port, header, len, cx);
        let bytes = packet.as_mut().map(Packet::data_mut);
        let bytes = bytes.and_then(|bytes| bytes.get_mut(HEADERS..));
        if let Some((alert, message)) = bytes.and_then(<[u8]>::split_first_chunk_mut) {
            *alert = ROUTER_ALERT;
            // There is room: the packet was made with it.
            let _ = match all {
                true => mld::write_report(message, kind, groups, &pseudo),
                false => mld::write_report_v1(message, to, &pseudo),
            };
        }
        let station = MacAddr::for_ipv6_multicast(to);
        self.send_nd(port, packet, station, cx, |stats| &stats.listener_reports);
    }

    /// Any time from zero to `most`: ports that begin together do not answer together.
    fn random_delay(&mut self, port: PortId, most: Duration) -> Duration {
        let key = self
            .interfaces
            .get(usize::from(port.0))
            .map_or(0, |interface| interface.key);
        // SplitMix64: https://prng.di.unimi.it/splitmix64.c
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.random ^ key;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        let nanos = (u128::from(bits) * u128::from(most.as_nanos() as u64)) >> 64;
        Duration::from_nanos(nanos as u64)
    }
}

impl Interface {
    /// The groups that it listens to and reports, each once: not that of all nodes, to which
    /// everybody listens (RFC 3810 section 6).
    #[inline(never)]
    pub(super) fn groups(&self) -> Vec<Ipv6Addr, GROUPS> {
        let mut groups = Vec::new();
        if self.ipv6.is_empty() {
            return groups;
        }
        let all = self.ipv6.iter();
        let own = all.flat_map(|own| [Some(own.address), own.anycast()]);
        let solicited = own
            .flatten()
            .map(|own| solicited_node(Ipv6Addr::from_bits(own)));
        for group in core::iter::once(ALL_ROUTERS).chain(solicited) {
            if !groups.contains(&group) {
                // There is room for all.
                let _ = groups.push(group);
            }
        }
        groups
    }
}

/// Whether a packet has a router alert among its hop-by-hop options, which come first and have been
/// checked.
fn has_router_alert(ip: &[u8]) -> bool {
    let Ok((first, rest)) = Ipv6Header::split(ip) else {
        return false;
    };
    let Ok((header, rest)) = Ipv6OptionsHeader::split(rest) else {
        return false;
    };
    if first.next_header() != IpProtocol::HOP_BY_HOP {
        return false;
    }
    let len = usize::from(header.header_len()).saturating_sub(Ipv6OptionsHeader::LEN);
    let mut options = Ipv6Options::new(rest.get(..len).unwrap_or_default());
    while let Some(Ok((kind, _))) = options.next_raw() {
        if kind == Ipv6OptionKind::ROUTER_ALERT {
            return true;
        }
    }
    false
}

/// Hop-by-hop options before ICMPv6: a router alert about MLD (RFC 2711 section 2.1), and two bytes
/// of padding.
const ROUTER_ALERT: [u8; 8] = [IpProtocol::ICMPV6.0, 0, 5, 2, 0, 0, 1, 0];

/// RFC 3810 section 5: "a link-local Source Address, an IPv6 Hop Limit of 1".
const HOP_LIMIT: u8 = 1;

/// Between reports that nobody asked for (RFC 3810 section 9.11: Unsolicited Report Interval).
const UNSOLICITED: Duration = Duration::from_secs(1);

/// For how long a querier of version 1 counts as there (RFC 3810 section 9.12: twice the Query
/// Interval of 125 s and the Query Response Interval of 10 s).
const OLD_QUERIER: Duration = Duration::from_secs(260);

/// RFC 4291 section 2.7.1.
const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);

/// All routers, and each address's own and its link's.
const GROUPS: usize = 1 + 2 * Interface::ADDRESSES;

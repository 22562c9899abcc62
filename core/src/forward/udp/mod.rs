//! A UDP forwarder: matches UDP flows and rewrites their addresses and ports.
//!
//! ```text
//!   parse ──> first rule that matches ──> addresses, ports, both checksums ──> send(rule's port)
//!     │              └── none ──> Others: drop, or leave to the next stage
//!     └── not UDP, or a fragment ──> Others
//! ```
//!
//! Rules are made into words and found by destination port. What is plain (Ethernet, IPv4 without
//! options, whole UDP) is compared with them and rewritten by words, several datagrams at a time where the
//! processor has vectors and all came in by one known port: four, by AVX2 in fewer instructions, and eight
//! as far as they go to one port. Everything else goes the same way by the book, header by header.
//!
//! Checksums are updated, never computed anew (RFC 1624): one that was wrong stays wrong, and its
//! receiver will see. A UDP checksum of zero, which says that there is none, stays zero; one that
//! comes out as zero is sent as `ffff` (RFC 768). The TTL is left as it is: this is a bump in the
//! wire, not a router; a loop of such forwarders would not end by itself.
//!
//! ```
//! use linecard::forward::udp::{Endpoint, UdpForwarder, UdpRule};
//! use linecard::packet::PortId;
//!
//! // What comes for port 53 of whatever address goes to 192.0.2.1, port 5353, by port 1.
//! let mut forwarder: UdpForwarder<8> = UdpForwarder::new();
//! let mut rule = UdpRule::to(PortId(1));
//! rule.destination = Endpoint { network: None, port: Some(53) };
//! rule.new_destination = Some("192.0.2.1".parse()?);
//! rule.new_destination_port = Some(5353);
//! forwarder.add(rule)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod alike;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod four;
mod key;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod lot;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod patience;
mod plain;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod rows;
mod rule;
mod table;

use core::fmt;
use core::hint::cold_path;

use self::key::Compiled;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
use self::patience::Patience;
use self::plain::Head;
pub use self::rule::{Endpoint, Network, UdpRule, UdpRuleError};
use self::table::Table;
use super::reason_of;
use crate::packet::{Offloads, Packet};
use crate::pipeline::{Ahead, DropReason, Lot, Parts, Stage, Verdict};
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
use crate::platform::Avx2;
use crate::trace::Phase;
use crate::wire::parse::{TRUST, VERIFY, parse_first};
use crate::wire::{Header, Kinds, vxlan};

/// A UDP forwarder of up to `RULES` rules, as a stage. See the [module](self) for an example.
///
/// The first rule that matches wins; a packet costs a comparison for each rule before it that names
/// the packet's destination port, or none. There may be 65,535 rules at most, whatever `RULES` says.
pub struct UdpForwarder<const RULES: usize = 64> {
    rules: Table<RULES>,
    others: Others,
    /// Whether eights and rows are tried.
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    eights: Patience,
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    rows: Patience,
}

/// What becomes of packets that no rule takes: not UDP, fragments, and UDP that matches none.
///
/// ```
/// use linecard::forward::udp::{Others, UdpForwarder};
/// let forwarder = UdpForwarder::<4>::new().others(Others::Leave);
/// # let _ = forwarder;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Others {
    /// They are dropped: UDP as [`NO_MATCH`](DropReason::NO_MATCH), fragments as
    /// [`FRAGMENT`](DropReason::FRAGMENT), the rest as
    /// [`UNKNOWN_PROTOCOL`](DropReason::UNKNOWN_PROTOCOL).
    #[default]
    Drop,
    /// The next stage decides.
    Leave,
}

impl<const RULES: usize> UdpForwarder<RULES> {
    /// A forwarder without rules.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            rules: Table::new(),
            others: Others::Drop,
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            eights: Patience::NEW,
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            rows: Patience::NEW,
        }
    }

    /// What becomes of packets that no rule takes.
    #[must_use]
    pub const fn others(mut self, others: Others) -> Self {
        self.others = others;
        self
    }

    /// Adds a rule behind those that are there.
    ///
    /// # Errors
    ///
    /// [`UdpRuleError`]: there are `RULES` already, or the rule contradicts itself.
    pub fn add(&mut self, rule: UdpRule) -> Result<(), UdpRuleError> {
        self.rules.push(Compiled::new(&rule)?)
    }

    /// Rules in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether it has no rules.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Decides on the undecided, four at a time, which all came in by this port.
    ///
    /// Not inlined: the loop keeps the registers to itself.
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    #[inline(never)]
    fn decide_fours(
        &self,
        from: crate::packet::PortId,
        packets: &mut [Packet<'_>],
        verdicts: &mut [Verdict],
        ahead: &mut Ahead<'_, '_>,
    ) {
        let (fours, packets) = packets.as_chunks_mut();
        let (their_verdicts, verdicts) = verdicts.as_chunks_mut();
        // Taken out, so that it stays in registers.
        let mut next = core::mem::take(ahead);
        let any = self.rules.any_from(from);
        for (four, verdicts) in fours.iter_mut().zip(their_verdicts) {
            next.ask_four();
            if four::decide(&self.rules, from, any, four, verdicts).is_none() {
                cold_path();
                self.decide_each(four, verdicts, &mut Ahead::default());
            }
        }
        *ahead = next;
        if !packets.is_empty() {
            self.decide_each(packets, verdicts, ahead);
        }
    }

    /// Likewise packet by packet, of whatever port.
    #[inline(never)]
    fn decide_each(
        &self,
        packets: &mut [Packet<'_>],
        verdicts: &mut [Verdict],
        ahead: &mut Ahead<'_, '_>,
    ) {
        // Taken out, so that it stays in registers.
        let mut next = core::mem::take(ahead);
        for (packet, verdict) in packets.iter_mut().zip(verdicts) {
            next.ask();
            if !verdict.is_undecided() {
                cold_path();
                continue;
            }
            *verdict = if packet.is_chained() {
                cold_path();
                Verdict::drop(DropReason::CHAINED)
            } else if let Some(verdict) = self.decide_plain(packet) {
                verdict
            } else {
                cold_path();
                self.decide(packet)
            };
        }
        *ahead = next;
    }

    /// Decides on a packet if it is plain, as most are.
    #[inline(always)]
    fn decide_plain(&self, packet: &mut Packet<'_>) -> Option<Verdict> {
        let port = packet.port;
        let (data, layers) = packet.data_and_layers_mut();
        let (head, rest) = Head::split_mut(data).ok()?;
        let flow = head.plain(rest.len())?;
        let to = flow.destination_port();
        let rule = self.rules.find(to, |rule| rule.words.takes(flow, port));
        let is_special = match rule {
            Some(rule) => rule.words.is_special,
            None => true,
        };
        if is_special && to == vxlan::PORT {
            return None;
        }
        *layers = Head::LAYERS;
        Some(match rule {
            Some(rule) => {
                head.rewrite(flow, &rule.words);
                rule.verdict
            }
            None => self.other(DropReason::NO_MATCH),
        })
    }

    /// Decides on any packet.
    #[inline(never)]
    fn decide(&self, packet: &mut Packet<'_>) -> Verdict {
        // What `parse` does, in the copy of it that others use as well: an image stays small.
        let parsed = if packet.offloads.contains(Offloads::L3_GOOD) {
            parse_first::<TRUST>(packet.data(), packet.len())
        } else {
            parse_first::<VERIFY>(packet.data(), packet.len())
        };
        packet.layers = parsed.layers;
        if !parsed.outcome.is_well_formed() {
            return Verdict::drop(reason_of(parsed.outcome));
        }
        let kinds = parsed.layers.kinds();
        if kinds.contains(Kinds::FRAGMENT) {
            return self.other(DropReason::FRAGMENT);
        }
        if !kinds.contains(Kinds::UDP) {
            return self.other(DropReason::UNKNOWN_PROTOCOL);
        }
        let verdict = key::first_match(&self.rules, packet);
        verdict.unwrap_or_else(|why| self.other(why))
    }

    fn other(&self, why: DropReason) -> Verdict {
        match self.others {
            Others::Drop => Verdict::drop(why),
            Others::Leave => Verdict::UNDECIDED,
        }
    }
}

impl<const RULES: usize> Default for UdpForwarder<RULES> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'p, const RULES: usize> Stage<'p> for UdpForwarder<RULES> {
    // Always: where no lot's port is known, nothing is compiled for those that are.
    #[inline(always)]
    fn process(&mut self, lot: &mut Lot<'_, 'p>) {
        let from = lot.port();
        let Parts {
            packets,
            verdicts,
            ahead,
            ..
        } = lot.parts();
        match from {
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Some(from) => match Avx2::known() {
                Some(avx2) => lot::decide(avx2, self, from, packets, verdicts, ahead),
                None => self.decide_fours(from, packets, verdicts, ahead),
            },
            _ => self.decide_each(packets, verdicts, ahead),
        }
        lot.mark(Phase::REWRITE);
    }
}

impl<const RULES: usize> fmt::Debug for UdpForwarder<RULES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UdpForwarder")
            .field("rules", &self.rules.len())
            .field("others", &self.others)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

//! Both passes in one, for eights of packets.

use super::{Found, Interface, Table};
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
use super::{Own, eight, find_left, forward, key};
use crate::lookup::Lpm;
use crate::packet::{Packet, PortId};
use crate::pipeline::{Ahead, Verdict};
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
use crate::platform::Avx2;

/// What packets are forwarded by.
pub(in super::super) struct Rules<'a, 'm, L> {
    pub(in super::super) routes: &'a L,
    pub(in super::super) table: &'a Table<'m>,
    pub(in super::super) interfaces: &'a [Interface],
    /// The verdict of those that are left to the slow path.
    pub(in super::super) slow: Verdict,
}

/// Does what [`find`](super::find) and [`forward`](super::forward) do. If verdicts are `fresh`, they say nothing, and no
/// packet is decided.
///
/// Gives how many have the verdict `slow`, and the verdict of all packets if it is known to be one;
/// `None`, and nothing has happened, if the processor has no way to do that, or packets may not be all of one port.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
#[inline(always)]
pub(in super::super) fn pass<'p, L: Lpm<u32>>(
    rules: &Rules<'_, '_, L>,
    from: Option<PortId>,
    packets: &mut [Packet<'p>],
    verdicts: &mut [Verdict],
    fresh: bool,
    found: &mut Found,
    ahead: &mut Ahead<'_, 'p>,
) -> Option<(usize, Option<Verdict>)> {
    let (port, avx2) = (from?, Avx2::known()?);
    let interfaces = rules.interfaces;
    let mac = key(interfaces, port);
    let passed = avx2.run(eight::Pass {
        avx2,
        routes: rules.routes,
        hops: rules.table.hops(),
        mac,
        packets,
        verdicts,
        fresh,
        found,
        // Taken out, so that it stays in registers.
        next: core::mem::take(ahead),
    });
    let eight::Passed {
        left,
        sent,
        same,
        next,
    } = passed;
    *ahead = next;
    let all = !u32::MAX.unbounded_shl(packets.len() as u32);
    if sent == all && found.bits.fragments == 0 {
        return Some((0, same));
    }
    if fresh {
        undecide(verdicts, sent);
    }
    let own = Own { interfaces, mac };
    let others = forward_left(rules, own, packets, verdicts, found, left, sent);
    Some((others, None))
}

#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
#[inline(always)]
pub(in super::super) fn pass<'p, L: Lpm<u32>>(
    rules: &Rules<'_, '_, L>,
    _from: Option<PortId>,
    _packets: &mut [Packet<'p>],
    _verdicts: &mut [Verdict],
    _fresh: bool,
    _found: &mut Found,
    _ahead: &mut Ahead<'_, 'p>,
) -> Option<(usize, Option<Verdict>)> {
    let _ = (rules.routes, rules.table, rules.interfaces, rules.slow);
    None
}

/// Those that are not `sent` have no verdict.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
#[inline(never)]
fn undecide(verdicts: &mut [Verdict], sent: u32) {
    let not_sent = |at: usize| sent >> (at % 32) & 1 == 0;
    for (_, verdict) in verdicts
        .iter_mut()
        .enumerate()
        .filter(|(at, _)| not_sent(*at))
    {
        *verdict = Verdict::UNDECIDED;
    }
}

/// Likewise the packets that are not `sent`; those with a bit in `left` have not been looked at.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
#[inline(never)]
fn forward_left<L: Lpm<u32>>(
    rules: &Rules<'_, '_, L>,
    own: Own<'_>,
    packets: &mut [Packet<'_>],
    verdicts: &mut [Verdict],
    found: &mut Found,
    left: u32,
    sent: u32,
) -> usize {
    let Rules {
        routes,
        table,
        slow,
        ..
    } = rules;
    find_left(*routes, own, packets, verdicts, found, left);
    forward(*routes, table, packets, verdicts, found, sent, *slow)
}

//! Whole lots, by AVX2.
//!
//! Much traffic goes to few ports. As far as eights of a lot go where its first packet goes, [one
//! rule](super::alike) is compared with all of them; the rest go [by rows](super::rows), four at a time with a rule for
//! each; and what these leave goes the ways of all other processors.

use super::alike::Alike;
use super::table::{AnyRule, Table};
use super::{UdpForwarder, four, rows};
use crate::packet::{Packet, PortId};
use crate::pipeline::{Ahead, Verdict};
use crate::platform::{Avx2, Work};

/// Decides on the undecided, which all came in by this port.
#[inline]
pub(super) fn decide<'p, const RULES: usize>(
    avx2: Avx2,
    stage: &mut UdpForwarder<RULES>,
    from: PortId,
    packets: &mut [Packet<'p>],
    verdicts: &mut [Verdict],
    ahead: &mut Ahead<'_, 'p>,
) {
    stage.rules.complete_rows();
    let any = stage.rules.any_from(from);
    let mut done = 0;
    if packets.len() >= 8 && stage.eights.tries() {
        done = avx2.run(Eights {
            avx2,
            rules: &stage.rules,
            from,
            any,
            packets,
            verdicts,
            ahead,
        });
        stage.eights.note(done > 0);
    }
    let packets = packets.get_mut(done..).unwrap_or_default();
    let verdicts = verdicts.get_mut(done..).unwrap_or_default();
    if !packets.is_empty() {
        decide_rest(avx2, stage, from, any, packets, verdicts, ahead);
    }
}

/// Likewise, four at a time.
#[inline(never)]
fn decide_rest<'p, const RULES: usize>(
    avx2: Avx2,
    stage: &mut UdpForwarder<RULES>,
    from: PortId,
    any: AnyRule,
    packets: &mut [Packet<'p>],
    verdicts: &mut [Verdict],
    ahead: &mut Ahead<'_, 'p>,
) {
    let mut done = 0;
    if packets.len() >= 4 && stage.rows.tries() {
        let (fours, _) = packets.as_chunks_mut();
        let (their_verdicts, _) = verdicts.as_chunks_mut();
        let all = 4 * fours.len();
        done = avx2.run(Fours {
            avx2,
            stage,
            from,
            any,
            packets: fours,
            verdicts: their_verdicts,
            ahead,
        });
        stage.rows.note(done == all);
    }
    let packets = packets.get_mut(done..).unwrap_or_default();
    let verdicts = verdicts.get_mut(done..).unwrap_or_default();
    match packets.len() {
        0 => {}
        1..4 => stage.decide_each(packets, verdicts, ahead),
        _ => stage.decide_fours(from, packets, verdicts, ahead),
    }
}

/// Packets of a lot, eight by eight as far as they are alike. Gives how many that were.
struct Eights<'a, 'n, 'p, const RULES: usize> {
    avx2: Avx2,
    rules: &'a Table<RULES>,
    from: PortId,
    any: AnyRule,
    packets: &'a mut [Packet<'p>],
    verdicts: &'a mut [Verdict],
    ahead: &'a mut Ahead<'n, 'p>,
}

impl<const RULES: usize> Work for Eights<'_, '_, '_, RULES> {
    type Output = usize;

    #[inline(always)]
    fn work(self) -> usize {
        let Some(alike) = self
            .packets
            .first()
            .and_then(|packet| Alike::new(self.avx2, self.rules, self.from, self.any, packet))
        else {
            return 0;
        };
        // Taken out, so that it stays in registers.
        let mut next = core::mem::take(self.ahead);
        let (eights, _) = self.packets.as_chunks_mut();
        let (verdicts, _) = self.verdicts.as_chunks_mut();
        let mut done = 0;
        for (eight, verdicts) in eights.iter_mut().zip(verdicts) {
            if alike.decide(eight, verdicts).is_none() {
                break;
            }
            // Behind the work: it takes a fortieth less time than the other way round.
            next.ask_eight();
            done += 8;
        }
        *self.ahead = next;
        done
    }
}

/// Packets of a lot, four by four, as long as most are taken by rows. Gives how many have been decided on.
struct Fours<'a, 'n, 'p, const RULES: usize> {
    avx2: Avx2,
    stage: &'a UdpForwarder<RULES>,
    from: PortId,
    any: AnyRule,
    packets: &'a mut [[Packet<'p>; 4]],
    verdicts: &'a mut [[Verdict; 4]],
    ahead: &'a mut Ahead<'n, 'p>,
}

impl<const RULES: usize> Work for Fours<'_, '_, '_, RULES> {
    type Output = usize;

    #[inline(always)]
    fn work(self) -> usize {
        let (avx2, from, any, rules) = (self.avx2, self.from, self.any, &self.stage.rules);
        // Taken out, so that it stays in registers.
        let mut next = core::mem::take(self.ahead);
        let (mut done, mut left) = (0, 0);
        let verdicts = self.verdicts.chunks_mut(FOURS);
        for (fours, verdicts) in self.packets.chunks_mut(FOURS).zip(verdicts) {
            // Two loads, one behind the other, and a product: done before, nobody waits for them.
            let mut firsts = [[0; 4]; FOURS];
            for (four, firsts) in fours.iter().zip(&mut firsts) {
                *firsts = rows::first_rules(rules, any, four);
            }
            for ((four, verdicts), firsts) in fours.iter_mut().zip(verdicts).zip(&firsts) {
                next.ask_four();
                done += 4;
                if rows::decide(avx2, rules, from, *firsts, four, verdicts).is_some() {
                    left = 0;
                    continue;
                }
                otherwise(self.stage, from, any, four, verdicts);
                left += 1;
                if left == LEFT {
                    *self.ahead = next;
                    return done;
                }
            }
        }
        *self.ahead = next;
        done
    }
}

/// The other ways to decide on four.
#[cold]
#[inline(never)]
fn otherwise<const RULES: usize>(
    stage: &UdpForwarder<RULES>,
    from: PortId,
    any: AnyRule,
    packets: &mut [Packet<'_>; 4],
    verdicts: &mut [Verdict; 4],
) {
    if four::decide(&stage.rules, from, any, packets, verdicts).is_none() {
        stage.decide_each(packets, verdicts, &mut Ahead::default());
    }
}

/// Fours whose rules are looked up before the first is rewritten: a burst.
const FOURS: usize = 8;
/// Fours in a row that rows do not take, after which the rest of a lot goes another way: where several rules share a
/// port, one behind the first takes most, and trying in vain costs more than it saves.
const LEFT: u32 = 4;

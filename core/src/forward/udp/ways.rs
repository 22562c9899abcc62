//! Each way to decide on packets gives what the others give.

use super::super::super::testing::Lab;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
use super::super::alike::Alike;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
use super::super::plain::Flow;
use super::super::*;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
use crate::packet::PortId;

/// What becomes of a packet by both ways, which is the same; whether the short one took it.
pub(super) fn both_ways<'p, const RULES: usize>(
    lab: &mut Lab<'p>,
    stage: &UdpForwarder<RULES>,
    port: u16,
    frame: &[u8],
) -> bool {
    let [mut short, mut general] = [(); 2].map(|()| lab.chain(port, &[frame]));
    let expected = stage.decide(&mut general);
    let Some(verdict) = stage.decide_plain(&mut short) else {
        assert_eq!(short.data(), frame, "what is left is as it was");
        return false;
    };
    assert_eq!(verdict, expected, "{frame:02x?}");
    assert_eq!(short.data(), general.data(), "{frame:02x?}");
    assert_eq!(short.layers, general.layers);
    true
}

/// What becomes of four packets together, which is what becomes of each alone; whether they were taken
/// together, which they are if the short way would have taken each and a rule takes it. By AVX2 too, where that
/// is, which takes those of them whose first rules these are.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
pub(super) fn four_at_a_time<'p, const RULES: usize>(
    lab: &mut Lab<'p>,
    stage: &mut UdpForwarder<RULES>,
    port: u16,
    frames: [&[u8]; 4],
) -> bool {
    stage.rules.complete_rows();
    let stage = &*stage;
    let mut each = frames.map(|frame| lab.chain(port, &[frame]));
    let expected = each.each_mut().map(|packet| stage.decide_plain(packet));
    let alone = expected.map(|verdict| verdict.filter(|verdict| verdict.port().is_some()));
    let taken = alone.iter().all(Option::is_some);
    let (rules, from) = (&stage.rules, PortId(port));
    let any = rules.any_from(from);
    let by =
        |lab: &mut Lab<'p>,
         decide: &mut dyn FnMut(&mut [Packet<'p>; 4], &mut [Verdict; 4]) -> bool| {
            let mut four = frames.map(|frame| lab.chain(port, &[frame]));
            let mut verdicts = [Verdict::UNDECIDED; 4];
            let together = decide(&mut four, &mut verdicts);
            for at in 0..4 {
                if together {
                    assert_eq!(Some(verdicts[at]), expected[at], "{at}");
                    assert_eq!(four[at].data(), each[at].data(), "{:02x?}", frames[at]);
                    assert_eq!(four[at].layers, each[at].layers);
                } else {
                    assert_eq!(verdicts[at], Verdict::UNDECIDED);
                    assert_eq!(four[at].data(), frames[at], "what is left is as it was");
                }
            }
            together
        };
    let together = by(lab, &mut |four, verdicts| {
        four::decide(rules, from, any, four, verdicts).is_some()
    });
    assert_eq!(together, taken, "{frames:02x?}");
    if let Some(avx2) = Avx2::known() {
        let firsts = {
            let four = frames.map(|frame| lab.chain(port, &[frame]));
            rows::first_rules(rules, any, &four)
        };
        let together = by(lab, &mut |four, verdicts| {
            rows::decide(avx2, rules, from, firsts, four, verdicts).is_some()
        });
        // It takes what the first rule takes.
        let first = frames.iter().zip(firsts).all(|(frame, first)| {
            let flow = Head::split(frame).ok().map(|(head, _)| head.flow());
            let rule = rules.rule(first);
            rule.zip(flow)
                .is_some_and(|(rule, flow)| rule.words.takes(flow, from))
        });
        assert_eq!(together, taken && first, "{frames:02x?}");
    }
    taken
}

/// What becomes of eight packets together by AVX2, where that is: what becomes of each alone, if the first rule for the
/// first one's port takes all of them, and all go there. Whether it did.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
pub(super) fn eight_at_a_time<'p, const RULES: usize>(
    lab: &mut Lab<'p>,
    stage: &mut UdpForwarder<RULES>,
    port: u16,
    frames: [&[u8]; 8],
) -> bool {
    let Some(avx2) = Avx2::known() else {
        return false;
    };
    stage.rules.complete_rows();
    let (stage, from) = (&*stage, PortId(port));
    let any = stage.rules.any_from(from);
    let [mut eight, mut each] = [(); 2].map(|()| frames.map(|frame| lab.chain(port, &[frame])));
    let expected = each.each_mut().map(|packet| stage.decide_plain(packet));
    let mut verdicts = [Verdict::UNDECIDED; 8];
    let [first, ..] = &eight;
    let alike = Alike::new(avx2, &stage.rules, from, any, first);
    let together = alike.is_some_and(|alike| {
        let mut decided = verdicts;
        decided[usize::from(frames[0][0]) % 8] = Verdict::PUNT;
        assert!(alike.decide(&mut eight, &mut decided).is_none());
        alike.decide(&mut eight, &mut verdicts).is_some()
    });
    let flows = frames.map(|frame| Head::split(frame).ok().map(|(head, _)| head.flow()));
    let to = flows[0].map(|flow| flow.destination_port());
    let first = to.and_then(|to| stage.rules.rule(stage.rules.first_number(to, any)));
    let all = flows.into_iter().zip(expected).all(|(flow, verdict)| {
        let sent = verdict.is_some_and(|verdict| verdict.port().is_some());
        let takes = |(flow, first): (Flow, &Compiled)| {
            Some(flow.destination_port()) == to && first.words.takes(flow, from)
        };
        sent && flow.zip(first).is_some_and(takes)
    });
    assert_eq!(together, all, "{frames:02x?}");
    for at in 0..8 {
        if together {
            assert_eq!(Some(verdicts[at]), expected[at], "{at}");
            assert_eq!(eight[at].data(), each[at].data(), "{:02x?}", frames[at]);
            assert_eq!(eight[at].layers, each[at].layers);
        } else {
            assert_eq!(verdicts[at], Verdict::UNDECIDED);
            assert_eq!(eight[at].data(), frames[at], "what is left is as it was");
        }
    }
    together
}

/// Whether [`eight_at_a_time`] may give that they were.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
pub(super) fn go_by_eights() -> bool {
    Avx2::known().is_some()
}

#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
pub(super) const fn go_by_eights() -> bool {
    false
}

/// Elsewhere none go together.
#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
pub(super) fn eight_at_a_time<'p, const RULES: usize>(
    _: &mut Lab<'p>,
    _: &mut UdpForwarder<RULES>,
    _: u16,
    _: [&[u8]; 8],
) -> bool {
    false
}

/// Elsewhere all go one by one.
#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
pub(super) fn four_at_a_time<'p, const RULES: usize>(
    lab: &mut Lab<'p>,
    stage: &mut UdpForwarder<RULES>,
    port: u16,
    frames: [&[u8]; 4],
) -> bool {
    let taken = frames.map(|frame| both_ways(lab, stage, port, frame));
    taken == [true; 4]
}

/// Decides on a lot; as a processor without AVX2 does it, if that is `hidden`.
pub(super) fn process<'p, const RULES: usize>(
    stage: &mut UdpForwarder<RULES>,
    lot: &mut Lot<'_, 'p>,
    hidden: bool,
) {
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    if hidden {
        return Avx2::hidden(|| stage.process(lot));
    }
    let _ = hidden;
    stage.process(lot);
}

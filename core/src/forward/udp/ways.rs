//! Each way to decide on packets gives what the others give.

use super::super::super::testing::Lab;
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

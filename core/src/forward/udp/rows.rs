//! Four datagrams at a time, by AVX2.
//!
//! ```text
//!   byte   0        10       14      18      22      26      30      34      38      42
//!   head   addresses  │ type │version│ident.,│TTL,   │source │destin-│ports  │length,│
//!                     │      │length │offset │checks.│       │ation  │       │checks.│
//!   row               ├────────── lower ─────────────┼─────────── upper ─────────────┤
//! ```
//!
//! A row has all that is looked at but the Ethernet addresses: its rule is compared with it, and it is
//! made anew, by one instruction each where [four rows](super::four) take two. Turned into columns, the lower
//! four numbers of a register are words of the IPv4 headers, and the upper four words of the flows. Lanes of 16
//! bits are less 2^15 throughout, as the instruction that adds them takes them as signed.
//!
//! Four are decided on if all of them are plain and each one's first rule takes it. Else nothing is changed.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::key::Compiled;
use super::plain::Head;
use super::table::{AnyRule, Table};
use crate::packet::{Packet, PortId};
use crate::pipeline::Verdict;
use crate::platform::{Avx2, Columns, Eight, HALF, Numbers};
use crate::wire::vxlan;

/// A rule, by rows.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Rows {
    /// The bits that count, and what they are. In the place of UDP's length and checksum is the port by which a
    /// packet came in.
    pub(super) mask: [u32; 8],
    pub(super) value: [u32; 8],
    /// The bits that stay, and those that are turned over then.
    pub(super) keep: [u32; 8],
    pub(super) set: [u32; 8],
    /// 1 for each half of the flow that the checksums have to be corrected for, 0 for what is
    /// [known](super::plain::Words::known).
    pub(super) weights: [u32; 8],
    /// What the checksums lose for each word of the flow, besides what is unknown of it.
    pub(super) loss: [u32; 8],
    /// The bits of the frame's first 16 bytes that stay, and those that are set.
    pub(super) keep_front: [u64; 2],
    pub(super) set_front: [u64; 2],
    pub(super) verdict: Verdict,
}

impl Rows {
    pub(super) fn new(rule: &Compiled) -> Self {
        let words = &rule.words;
        let [mask, value, keep, set, known] =
            [words.mask, words.value, words.keep, words.set, words.known].map(halves);
        // An unknown half adds what it was, less 2^15, where it should add what it was less 2^16 - 1.
        let weights = known.map(|bits| [0, 16].map(|half| u32::from(bits >> half & 0xffff == 0)));
        let loss = [0, 1, 2].map(|at| {
            let unknown: u32 = weights[at].iter().sum();
            words.change[at].wrapping_add(unknown * (HALF - 1))
        });
        let weights = weights.map(|[low, high]| low | high << 16);
        let (keep_front, set_front) = (halves(words.keep_front), halves(words.set_front));
        let [_, _, keep_10, keep_12] = keep_front;
        let [_, _, set_10, set_12] = set_front;
        let keep_type = keep_10 >> 16 | keep_12 << 16;
        let set_type = set_10 >> 16 | set_12 << 16;
        let biased = |keep: u32, set: u32| set | keep & LESS;
        let is_ipv4 = mask[3] == 0;
        Self {
            mask: [
                0xffff_0000,
                0xff,
                0xff3f_0000,
                0xff00,
                mask[0],
                mask[1],
                mask[2],
                if is_ipv4 { words.from_mask } else { !0 },
            ],
            value: [
                0x0008_0000 ^ LESS,
                0x45 ^ LESS,
                LESS,
                0x1100 ^ LESS,
                value[0] ^ LESS,
                value[1] ^ LESS,
                value[2] ^ LESS,
                // No port has that number.
                if is_ipv4 { words.from } else { !0 },
            ],
            keep: [keep_type, !0, !0, !0, keep[0], keep[1], keep[2], keep[3]],
            set: [
                biased(keep_type, set_type),
                LESS,
                LESS,
                LESS,
                biased(keep[0], set[0]),
                biased(keep[1], set[1]),
                biased(keep[2], set[2]),
                biased(keep[3], set[3]),
            ],
            weights: [0, 0, 0, 0, weights[0], weights[1], weights[2], 0],
            loss: [0, 0, 0, 0, loss[0], loss[1], loss[2], 0],
            keep_front: words.keep_front,
            set_front: words.set_front,
            verdict: rule.verdict,
        }
    }
}

impl Rows {
    /// Whether it takes nothing that came in by this port.
    #[inline(always)]
    pub(super) const fn is_elsewhere(&self, PortId(from): PortId) -> bool {
        let ([.., mask], [.., value]) = (self.mask, self.value);
        (value ^ from as u32) & mask != 0
    }
}

/// Windows of 16 bytes as four numbers.
const fn halves([low, high]: [u64; 2]) -> [u32; 4] {
    [
        low as u32,
        (low >> 32) as u32,
        high as u32,
        (high >> 32) as u32,
    ]
}

/// The numbers of the rules to be looked at first for four packets, as far as there are any.
#[inline(always)]
pub(super) fn first_rules<const RULES: usize>(
    rules: &Table<RULES>,
    any: AnyRule,
    four: &[Packet<'_>; 4],
) -> [u32; 4] {
    match Packet::heads::<38>(four) {
        Some((heads, _)) => {
            heads.map(|[.., a, b]| rules.first_number(u16::from_be_bytes([*a, *b]), any))
        }
        None => [u32::MAX; 4],
    }
}

/// A head by its first row.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Front {
    pub(super) front: [u8; 16],
    _rest: [u8; 26],
}

/// And by the one behind.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Back {
    _front: [u8; 10],
    pub(super) row: [u8; 32],
}

/// Decides on four packets that came in by this port, and rewrites them; `None`, and nothing has changed,
/// unless all of them are plain and these rules take them.
#[inline(always)]
pub(super) fn decide<const RULES: usize>(
    avx2: Avx2,
    rules: &Table<RULES>,
    from: PortId,
    [a, b, c, d]: [u32; 4],
    packets: &mut [Packet<'_>; 4],
    verdicts: &mut [Verdict; 4],
) -> Option<()> {
    let ([e, f, g, h], frames) = Packet::heads_and_layers_mut(packets)?;
    let layers = [e.1, f.1, g.1, h.1];
    let heads: [&mut [u8; 42]; 4] = [e.0, f.0, g.0, h.0];
    let rules = [
        rules.rows(a)?,
        rules.rows(b)?,
        rules.rows(c)?,
        rules.rows(d)?,
    ];
    let less = Eight::splat(avx2, LESS);
    let rows = heads.each_ref().map(|head| {
        let back: &Back = zerocopy::transmute_ref!(&**head);
        Eight::from_le_bytes(avx2, &back.row) ^ less
    });
    // Types and sources; versions, lengths and destinations; and so on.
    let columns = Eight::turn_fours(rows);
    let bad = wrong(avx2, columns, frames, verdicts) | differ(avx2, rows, rules, from);
    if !bad.are_zero() {
        return None;
    }
    let [e, f, g, h] = rules;
    let ends = checksums(avx2, columns[3], rows, rules);
    let [i, j, k, l] = heads;
    write(avx2, i, e, rows[0], ends.pick::<0b00_00_00_00>());
    write(avx2, j, f, rows[1], ends.pick::<0b01_01_01_01>());
    write(avx2, k, g, rows[2], ends.pick::<0b10_10_10_10>());
    write(avx2, l, h, rows[3], ends);
    for layers in layers {
        *layers = Head::LAYERS;
    }
    Verdict::write_four(verdicts, rules.map(|rule| rule.verdict));
    Some(())
}

/// Not zero, if a packet is decided on, its header checksum or a length is wrong, or it goes to VXLAN's port.
#[inline(always)]
fn wrong(avx2: Avx2, columns: [Eight; 4], frames: Numbers, verdicts: &[Verdict; 4]) -> Eight {
    let splat = |number| Eight::splat(avx2, number);
    let [types, versions, offsets, ages] = columns;
    // The header checksum: versions and destinations, offsets and sources, ages. Ten halves make less than
    // 2^20; once folded, only 0xffff is a multiple of 2^16 - 1 other than zero, which a version of 4 rules out.
    let sums = versions.signed_halves() + offsets.but::<0b1111_0000>(types).signed_halves();
    let sums = sums + sums.uppers(sums) + ages.signed_halves() + splat(10 * HALF);
    let sums = splat(0xffff).without(sums + sums.right::<16>());

    let lengths = ages.uppers(ages).with_upper_halves(versions);
    let lengths = wrong_lengths(avx2, lengths ^ splat(LESS), Eight::below(avx2, frames));

    // In the lower four it would be an offset, and wrong as well.
    let vxlan = (offsets | splat(0xffff)).equals(splat(VXLAN));
    let decided = Numbers::from(Verdict::words(verdicts));
    Eight::below(avx2, (sums | lengths).lower() | decided) | vxlan
}

/// Not zero, if lengths are wrong: UDP's below, IPv4's above. In frames of these lengths.
#[inline(always)]
pub(super) fn wrong_lengths(avx2: Avx2, lengths: Eight, frames: Eight) -> Eight {
    let splat = |number| Eight::splat(avx2, number);
    // UDP's length is all that there is behind IPv4's header: what is behind it is not UDP's, and rare
    // (RFC 9868). And it is at least UDP's header, at most what is there.
    let lengths = lengths.swap_bytes_of_halves();
    let differ = lengths.minus_halves(lengths.lower_halves_twice()) ^ splat(20 << 16);
    let room = frames + splat(0xffff_0000_u32.wrapping_sub(34));
    differ | lengths.exceed_halves_by(room) | splat(8).exceed_halves_by(lengths)
}

/// The bits that count for the rules, and are not as they say.
#[inline(always)]
fn differ(avx2: Avx2, rows: [Eight; 4], rules: [&Rows; 4], from: PortId) -> Eight {
    let from = Eight::splat(avx2, from.0.into());
    let differ = |at: usize| {
        let row: Eight = rows[at].but::<0b1000_0000>(from);
        (row ^ Eight::load(avx2, &rules[at].value)) & Eight::load(avx2, &rules[at].mask)
    };
    differ(0) | differ(1) | differ(2) | differ(3)
}

/// TTLs, protocols and IPv4's checksums after the change; UDP's lengths and checksums.
#[inline(always)]
fn checksums(avx2: Avx2, ages: Eight, rows: [Eight; 4], rules: [&Rows; 4]) -> Eight {
    // By rows: what the sums get for each word of the flow.
    let gain = |at: usize| {
        let unknown = rows[at].weigh_halves(Eight::load(avx2, &rules[at].weights));
        unknown - Eight::load(avx2, &rules[at].loss)
    };
    let [sources, destinations, ports, _] = Eight::turn_fours([gain(0), gain(1), gain(2), gain(3)]);
    let addresses = sources + destinations;
    let gains = addresses.uppers(addresses + ports);
    // Equation 3 of RFC 1624, `~(~HC + c)`: it is the sum in brackets that is folded, and it is zero
    // only if all of it is. UDP's: one more in the sum, and one more at the end, so that it never
    // comes out as 0 (RFC 768).
    let ages = ages ^ Eight::splat(avx2, LESS);
    let old = ages.right::<16>();
    let sums = Eight::splats(avx2, 0xffff, 0x1_0000) - old - gains;
    let sums = sums + sums.swap_halves();
    let none = old.equals(Eight::splats(avx2, !0, 0));
    let new = Eight::splats(avx2, 0xffff_0000, 0).minus_halves(sums);
    ages.with_upper_halves(new.without(none))
}

/// Writes a head.
#[inline(always)]
fn write(avx2: Avx2, head: &mut [u8; 42], rule: &Rows, row: Eight, ends: Eight) {
    let front: &mut Front = zerocopy::transmute_mut!(head);
    let bytes = Numbers::from_le_bytes(&front.front) & rule.keep_front.into();
    front.front = (bytes | rule.set_front.into()).to_le_bytes();
    let back: &mut Back = zerocopy::transmute_mut!(head);
    let row = (row & Eight::load(avx2, &rule.keep)) ^ Eight::load(avx2, &rule.set);
    back.row = row.but::<0b1000_1000>(ends).to_le_bytes();
}

/// By which lanes of 16 bits are less, in both halves of a number: the highest bit turned over.
pub(super) const LESS: u32 = 0x8000_8000;

/// VXLAN's port in the upper half, less 2^15.
const VXLAN: u32 = (vxlan::PORT.swap_bytes() as u32) << 16 ^ 0x8000_0000 | 0xffff;

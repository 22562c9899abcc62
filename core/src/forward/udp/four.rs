//! Four datagrams at a time.
//!
//! ```text
//!   byte   0          10      14      18      22      26      30      34      38      42
//!   head   addresses  │  type │version│ident.,│TTL,   │source │destin-│ports  │length,│
//!                     │       │length │offset │checks.│       │ation  │       │checks.│
//!   rows   ├── front ─┼─ ─ ┤  │       │       │       │       │       │       │       │
//!                     ├─────────── kinds ─────────────┼──────────── flow ─────────────┤
//! ```
//!
//! Rows that are turned into columns are looked at for four packets in one step, without a branch; a rule,
//! which is each packet's own, is compared with the row of its flow. Four are decided on if all of them
//! are plain and taken by a rule. Else nothing is changed, and they go [one by one](super::plain), which
//! has the same rules: those of [`Head::plain`] and [`Head::rewrite`].

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::key::Compiled;
use super::plain::{Head, Words};
use super::table::{AnyRule, Table};
use crate::packet::{Packet, PortId};
use crate::pipeline::Verdict;
use crate::platform::Numbers;
use crate::wire::vxlan;

/// A head as it is read.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Rows {
    _addresses: [u8; 10],
    kinds: [u8; 16],
    flow: [u8; 16],
}

/// A head as it is written.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Changes {
    front: [u8; 16],
    _kinds: [u8; 6],
    /// TTL, protocol and header checksum.
    ages: [u8; 4],
    flow: [u8; 16],
}

/// What is known of four plain heads: their flows' rows, and those columns that are looked at again.
struct Four {
    flows: [Numbers; 4],
    /// TTL, protocol, header checksum.
    ages: Numbers,
    /// UDP's ports.
    ports: Numbers,
    /// UDP's length and checksum.
    ends: Numbers,
}

/// Decides on four packets that came in by this port, and rewrites them; `None`, and nothing has changed,
/// unless all of them are plain and taken.
#[inline(always)]
pub(super) fn decide<const RULES: usize>(
    rules: &Table<RULES>,
    from: PortId,
    any: AnyRule,
    packets: &mut [Packet<'_>; 4],
    verdicts: &mut [Verdict; 4],
) -> Option<()> {
    let ([a, b, c, d], frames) = Packet::heads_and_layers_mut(packets)?;
    let layers = [a.1, b.1, c.1, d.1];
    let heads = [a.0, b.0, c.0, d.0]
        .map(|bytes: &mut [u8; 42]| -> &mut Head { zerocopy::transmute_mut!(bytes) });
    let read = heads.each_ref().map(|head| &**head);
    let four = look(read, frames, verdicts)?;
    let rules = match four.first_rules(rules, from, any) {
        Some(rules) => rules,
        None => find_each(rules, from, read)?,
    };
    four.rewrite(heads, rules.map(|rule| &rule.words));
    for layers in layers {
        *layers = Head::LAYERS;
    }
    *verdicts = rules.map(|rule| rule.verdict);
    Some(())
}

/// Looks at four heads, in frames of these lengths, as [`Head::plain`] does at one; `None` unless all of
/// them are undecided and plain, and none goes to VXLAN's port.
#[inline(always)]
fn look(heads: [&Head; 4], frames: Numbers, verdicts: &[Verdict; 4]) -> Option<Four> {
    let rows: [&Rows; 4] = heads.map(|head| zerocopy::transmute_ref!(head));
    let flows = rows.map(|rows| Numbers::from_le_bytes(&rows.flow));
    let [types, versions, offsets, ages] =
        Numbers::turn(rows.map(|rows| Numbers::from_le_bytes(&rows.kinds)));
    let [sources, destinations, ports, ends] = Numbers::turn(flows);
    let (low, high) = (Numbers::splat(0xffff), Numbers::splat(0xffff_0000));

    // Ethertype 0x0800, version 4 with 20 bytes of header; UDP; no more fragments, no offset.
    let kinds =
        (types & high) | (versions & Numbers::splat(0xff)) | (ages & Numbers::splat(0xff00));
    let kinds = kinds ^ Numbers::splat(0x0008_1145);
    let parts = offsets & Numbers::splat(0xff3f_0000);
    // The header checksum. Ten halves make less than 2^20; once folded, only 0xffff is a multiple of
    // 2^16 - 1 other than zero, which a version of 4 rules out.
    let sums = versions.halves() + offsets.halves() + ages.halves();
    let sums = sums + sources.halves() + destinations.halves();
    let sums = sums + Numbers::splat(10 * Numbers::HALF);
    let sums = (sums.right::<16>() + (sums & low)) ^ low;

    // UDP's length is all that there is behind IPv4's header: what is behind it is not UDP's, and rare
    // (RFC 9868). And it is at least UDP's header, at most what is there.
    let lengths = ((versions & high) | (ends & low)).swap_bytes_of_halves();
    let udp_lengths = lengths & low;
    let differ = lengths.right::<16>() ^ (udp_lengths + Numbers::splat(20));
    let few =
        Numbers::splat(8).exceeds(udp_lengths) | (udp_lengths + Numbers::splat(34)).exceeds(frames);

    let vxlan = Numbers::splat(vxlan::PORT.swap_bytes().into());
    let vxlan = ports.right::<16>().equals(vxlan);
    let decided = Numbers::from(Verdict::words(verdicts));
    if !(kinds | parts | sums | differ | few | vxlan | decided).are_zero() {
        return None;
    }
    Some(Four {
        flows,
        ages,
        ports,
        ends,
    })
}

impl Four {
    /// The rules that take them, if each is the first to be looked at for what came in by this port.
    #[inline(always)]
    fn first_rules<'a, const RULES: usize>(
        &self,
        rules: &'a Table<RULES>,
        from: PortId,
        any: AnyRule,
    ) -> Option<[&'a Compiled; 4]> {
        let [a, b, c, d]: [u32; 4] = Table::<RULES>::buckets_of(self.ports).into();
        let a = rules.first_of(a, any)?;
        let b = rules.first_of(b, any)?;
        let c = rules.first_of(c, any)?;
        let d = rules.first_of(d, any)?;
        let [e, f, g, h] = self.flows;
        let differ = differ(e, a) | differ(f, b) | differ(g, c) | differ(h, d);
        let [i, j, k, l] = [a, b, c, d].map(|rule| rule.words.elsewhere(from));
        (differ.are_zero() && i | j | k | l == 0).then_some([a, b, c, d])
    }

    /// As [`Head::rewrite`] does.
    #[inline(always)]
    fn rewrite(self, heads: [&mut Head; 4], rules: [&Words; 4]) {
        let [a, b, c, d] = self.flows;
        let [e, f, g, h] = rules;
        // By rows: what has to be taken from the checksums, for each word of the flow. The halves of what is
        // not known, inverted, are summed less `HALF` each.
        let rows = [loss(a, e), loss(b, f), loss(c, g), loss(d, h)];
        let [sources, destinations, ports, _] = Numbers::turn(rows);
        let addresses = sources + destinations;
        // Equation 3 of RFC 1624, `~(~HC + c)`: it is the sum in brackets that is folded, and it is zero
        // only if all of it is.
        let splat = Numbers::splat;
        let sums = splat(0xffff + 4 * Numbers::HALF) - self.ages.right::<16>() + addresses;
        let ages = (self.ages & splat(0xffff)) | (folded(sums) ^ splat(0xffff_0000));
        // UDP's: one more in the sum, and one more at the end, so that it never comes out as 0 (RFC 768).
        let old = self.ends.right::<16>();
        let sums = splat(0x1_0000 + 6 * Numbers::HALF) - old + addresses + ports;
        let none = old.equals(splat(0));
        let new = (splat(0) - folded(sums)).without(none);
        let ends = (self.ends & splat(0xffff)) | new;

        let [ages, ends]: [[u32; 4]; 2] = [ages.into(), ends.into()];
        let [i, j, k, l] = heads;
        write(i, e, a, ages[0], ends[0]);
        write(j, f, b, ages[1], ends[1]);
        write(k, g, c, ages[2], ends[2]);
        write(l, h, d, ages[3], ends[3]);
    }
}

/// The bits of a flow that count for the rule, and are not as it says.
#[inline(always)]
fn differ(flow: Numbers, rule: &Compiled) -> Numbers {
    (flow ^ rule.words.value.into()) & rule.words.mask.into()
}

/// What the checksums lose for each word of a flow, less twice [`Numbers::HALF`].
#[inline(always)]
fn loss(flow: Numbers, rule: &Words) -> Numbers {
    let unknown = (flow | rule.known.into()) ^ Numbers::splat(!0);
    unknown.halves() + rule.change.into()
}

/// The sums of 16 bits that these are, in the upper halves; below 2^32 - 2^16.
#[inline(always)]
fn folded(sums: Numbers) -> Numbers {
    let sums = (sums & Numbers::splat(0xffff)) + sums.right::<16>();
    (sums + sums.right::<16>()).left::<16>()
}

/// Writes a head.
#[inline(always)]
fn write(head: &mut Head, rule: &Words, flow: Numbers, ages: u32, end: u32) {
    let changes: &mut Changes = zerocopy::transmute_mut!(head);
    let front = Numbers::from_le_bytes(&changes.front) & rule.keep_front.into();
    changes.front = (front | rule.set_front.into()).to_le_bytes();
    changes.ages = ages.to_le_bytes();
    changes.flow = ((flow & rule.keep.into()) | rule.set.into()).to_le_bytes();
    if let Some(bytes) = changes.flow.last_chunk_mut() {
        *bytes = end.to_le_bytes();
    }
}

/// The rules that take four packets that came in by this port, if each is taken.
#[inline(never)]
fn find_each<'a, const RULES: usize>(
    rules: &'a Table<RULES>,
    from: PortId,
    [a, b, c, d]: [&Head; 4],
) -> Option<[&'a Compiled; 4]> {
    let find = |head: &Head| {
        let flow = head.flow();
        rules.find(flow.destination_port(), |rule| rule.words.takes(flow, from))
    };
    Some([find(a)?, find(b)?, find(c)?, find(d)?])
}

//! Eight datagrams to one port at a time, by AVX2.
//!
//! What goes to one port has one rule to be looked at first. It is compared with all eight by [rows](super::rows), and
//! what is asked of each head, and what becomes of its checksums, is worked out in eight columns.

use super::plain::Head;
use super::rows::{Back, Front, LESS, Rows, wrong_lengths};
use super::table::{AnyRule, Table};
use crate::packet::{Packet, PortId};
use crate::pipeline::Verdict;
use crate::platform::{Avx2, Columns, Eight, HALF, Numbers};
use crate::wire::{Header, Layers, vxlan};

/// The rule to be looked at first for what goes to a port.
#[derive(Clone, Copy)]
pub(super) struct Alike<'a> {
    avx2: Avx2,
    rule: &'a Rows,
    /// The bits of a [row](Back) that count, with those of the port, and what they are.
    mask: Eight,
    value: Eight,
    /// The bits of a row that stay, and those that are set.
    keep: Eight,
    set: Eight,
    /// Likewise of the frame's first 16 bytes.
    keep_front: Numbers,
    set_front: Numbers,
    /// Both Ethernet addresses become others.
    are_addresses_new: bool,
    /// What the sums that IPv4's and UDP's checksums are made of begin with.
    bases: [u32; 2],
}

impl<'a> Alike<'a> {
    /// For what came in by `from` and goes to the same port as this packet. `None` if none is taken together.
    #[inline(always)]
    pub(super) fn new<const RULES: usize>(
        avx2: Avx2,
        rules: &'a Table<RULES>,
        from: PortId,
        any: AnyRule,
        packet: &Packet<'_>,
    ) -> Option<Self> {
        let (head, _) = Head::split(packet.data()).ok()?;
        let port = head.flow().destination_port();
        let rule = rules.rows(rules.first_number(port, any))?;
        if port == vxlan::PORT || rule.is_elsewhere(from) {
            return None;
        }
        // The port's place, in the upper half of the last but one, counts whatever the rule says; the last does not, as
        // it has no bits of the flow.
        let place = Eight::load(avx2, &[0, 0, 0, 0, 0, 0, 0xffff_0000, 0]);
        let port = Eight::splat(avx2, u32::from(port.swap_bytes()) << 16) & place;
        let less = Eight::splat(avx2, LESS);
        let mask = Eight::load(avx2, &rule.mask).but::<0b1000_0000>(Eight::splat(avx2, 0));
        let keep = Eight::load(avx2, &rule.keep);
        let [source, destination, ports] = [4, 5, 6].map(|at: usize| rule.loss[at]);
        let addresses = source.wrapping_add(destination);
        Some(Self {
            avx2,
            rule,
            mask: mask | place,
            value: (Eight::load(avx2, &rule.value) ^ less).without(place) | port,
            keep,
            set: Eight::load(avx2, &rule.set) ^ (keep & less),
            keep_front: rule.keep_front.into(),
            set_front: rule.set_front.into(),
            are_addresses_new: rule.keep_front == [0, !0 << 32],
            bases: [
                addresses.wrapping_add(0xffff),
                addresses.wrapping_add(ports).wrapping_add(0x1_0000),
            ],
        })
    }

    /// Decides on eight packets that came in by this port, and rewrites them; `None`, and nothing has changed,
    /// unless all of them are plain, go to the port and are taken by the rule.
    #[inline(always)]
    pub(super) fn decide(
        &self,
        packets: &mut [Packet<'_>; 8],
        verdicts: &mut [Verdict; 8],
    ) -> Option<()> {
        let avx2 = self.avx2;
        let (heads, frames) = Packet::eight_heads_and_layers_mut(avx2, packets)?;
        let rows = heads.each_ref().map(|(head, _)| {
            let head: &[u8; 42] = head;
            let back: &Back = zerocopy::transmute_ref!(head);
            Eight::from_le_bytes(avx2, &back.row)
        });
        let differ = rows.map(|row| row ^ self.value);
        let differ = differ.into_iter().reduce(|all, row| all | row)?;
        if differ.meets(self.mask) {
            return None;
        }
        let columns = Eight::columns(rows);
        let decided = Eight::load(avx2, &Verdict::words(verdicts));
        if !(self.wrong(columns, frames) | decided).are_zero() {
            return None;
        }
        let [ages, ends] = self.checksums(columns);
        let ends = [ages.lowers(ends), ages.uppers(ends)];
        if self.are_addresses_new {
            self.write::<true>(heads, ends);
        } else {
            self.write::<false>(heads, ends);
        }
        *verdicts = [self.rule.verdict; 8];
        Some(())
    }

    /// Not zero, if a header checksum or a length is wrong.
    #[inline(always)]
    fn wrong(&self, columns: [Eight; 8], frames: Eight) -> Eight {
        let [_, versions, offsets, ages, sources, destinations, _, ends] = columns;
        let splat = |number| Eight::splat(self.avx2, number);
        // The header checksum. Ten halves make less than 2^20; once folded, only 0xffff is a multiple of
        // 2^16 - 1 other than zero, which a version of 4 rules out.
        let sums = versions.halves() + offsets.halves() + ages.halves();
        let sums = sums + sources.halves() + destinations.halves() + splat(10 * HALF);
        let sums = splat(0xffff).without(sums + sums.right::<16>());
        sums | wrong_lengths(self.avx2, ends.with_upper_halves(versions), frames)
    }

    /// TTLs, protocols and IPv4's checksums after the change; UDP's lengths and checksums.
    #[inline(always)]
    fn checksums(&self, columns: [Eight; 8]) -> [Eight; 2] {
        let [_, _, _, ages, sources, destinations, ports, ends] = columns;
        let splat = |number| Eight::splat(self.avx2, number);
        let [source, destination, port] = [4, 5, 6].map(|at: usize| splat(self.rule.weights[at]));
        let (sources, destinations) = (sources ^ splat(LESS), destinations ^ splat(LESS));
        let addresses = sources.weigh_halves(source) + destinations.weigh_halves(destination);
        let all = addresses + (ports ^ splat(LESS)).weigh_halves(port);
        // Equation 3 of RFC 1624, as in the rows.
        let sums = splat(self.bases[0]) - ages.right::<16>() - addresses;
        let new = splat(0xffff_0000).minus_halves(sums + sums.swap_halves());
        let ages = ages.with_upper_halves(new);
        let old = ends.right::<16>();
        let sums = splat(self.bases[1]) - old - all;
        let new = splat(0).minus_halves(sums + sums.swap_halves());
        let none = old.equals(splat(0));
        [ages, ends.with_upper_halves(new.without(none))]
    }

    /// Writes the heads; `ends` have the first four's last numbers of both rows' halves, and the last four's.
    #[inline(always)]
    fn write<const ARE_ADDRESSES_NEW: bool>(
        &self,
        [a, b, c, d, e, f, g, h]: [HeadMut<'_>; 8],
        [first, last]: [Eight; 2],
    ) {
        // One by one: an iterator would go through memory.
        self.write_one::<ARE_ADDRESSES_NEW>(a, first.pick::<0b00_00_00_00>());
        self.write_one::<ARE_ADDRESSES_NEW>(b, first.pick::<0b01_01_01_01>());
        self.write_one::<ARE_ADDRESSES_NEW>(c, first.pick::<0b10_10_10_10>());
        self.write_one::<ARE_ADDRESSES_NEW>(d, first);
        self.write_one::<ARE_ADDRESSES_NEW>(e, last.pick::<0b00_00_00_00>());
        self.write_one::<ARE_ADDRESSES_NEW>(f, last.pick::<0b01_01_01_01>());
        self.write_one::<ARE_ADDRESSES_NEW>(g, last.pick::<0b10_10_10_10>());
        self.write_one::<ARE_ADDRESSES_NEW>(h, last);
    }

    #[inline(always)]
    fn write_one<const ARE_ADDRESSES_NEW: bool>(&self, (head, layers): HeadMut<'_>, ends: Eight) {
        *layers = Head::LAYERS;
        let back: &mut Back = zerocopy::transmute_mut!(&mut *head);
        // Read again: that is a part of the instruction, where eight rows and their columns want more registers than
        // there are.
        let row = (Eight::from_le_bytes(self.avx2, &back.row) & self.keep) | self.set;
        // What is behind the addresses in the first 16 bytes is in the row as well.
        let front: &mut Front = zerocopy::transmute_mut!(&mut *head);
        let bytes = if ARE_ADDRESSES_NEW {
            self.set_front
        } else {
            (Numbers::from_le_bytes(&front.front) & self.keep_front) | self.set_front
        };
        front.front = bytes.to_le_bytes();
        let back: &mut Back = zerocopy::transmute_mut!(head);
        back.row = row.but::<0b1000_1000>(ends).to_le_bytes();
    }
}

/// A head, and the layers of its packet.
type HeadMut<'a> = (&'a mut [u8; 42], &'a mut Layers);

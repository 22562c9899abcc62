//! aarch64, whose instructions are words: read here, without a disassembler.
//!
//! | instruction | is |
//! |---|---|
//! | `BL`, and `B`, `B.cond`, `CBZ`, `CBNZ`, `TBZ`, `TBNZ` that leave their function | a call |
//! | `BLR`, and `BR` of an address that was not just computed from a table | a call of whatever |
//! | `BR` of a register that an `ADD` of two registers wrote last | a `match`: it stays in its function |
//! | `ADRP` and `ADD` of the same register, `ADR`, or a word of data that is where a function begins | its address, somewhere |
//!
//! For pairs of `ADRP` and `ADD` all those of a function are taken together, in whatever order they
//! are run: there may be an address too many among them and none too few.

use std::collections::{BTreeMap, BTreeSet};

use super::Calls;
use crate::elf::Memory;

/// Those of an image: its memory, and where its functions begin, in order.
pub(super) fn read(memory: &Memory, functions: &[(u64, String)]) -> Calls {
    let mut calls = Calls::default();
    let starts: BTreeMap<u64, &str> = functions
        .iter()
        .map(|(address, name)| (*address, name.as_str()))
        .collect();
    let name_at = |address: u64| starts.range(..=address).next_back().map(|(_, name)| *name);
    let ends = functions.iter().skip(1).map(|(address, _)| *address);
    for ((start, name), end) in functions.iter().zip(ends.chain([u64::MAX])) {
        let code: Vec<u32> = memory
            .bytes(*start, end)
            .chunks_exact(4)
            .map(|word| u32::from_le_bytes(word.try_into().unwrap_or_default()))
            .collect();
        let function = calls.functions.entry(name.clone()).or_default();
        let (mut pages, mut sums) = (BTreeSet::new(), BTreeSet::new());
        let mut addresses = BTreeSet::new();
        for (index, (&word, at)) in code.iter().zip((*start..).step_by(4)).enumerate() {
            if let Some(distance) = branch(word) {
                let target = at.wrapping_add_signed(distance);
                match name_at(target) {
                    Some(callee) if callee != name => {
                        function.calls.insert(callee.to_owned());
                    }
                    _ => {}
                }
            } else if is_any(word, 0xd63f_0000) {
                function.indirect += 1;
            } else if is_any(word, 0xd61f_0000) {
                let before = code.get(..index).unwrap_or_default();
                function.indirect += usize::from(!is_table(before, word >> 5 & 31));
            } else if word & 0x9f00_0000 == 0x9000_0000 {
                // ADRP: a page of 4 KiB, by its distance.
                let page = (at & !0xfff).wrapping_add_signed(high_low(word) << 12);
                pages.insert((word & 31, page));
            } else if word & 0x9f00_0000 == 0x1000_0000 {
                addresses.insert(at.wrapping_add_signed(high_low(word)));
            } else if word & 0xffc0_0000 == 0x9100_0000 {
                // ADD of a number of 12 bits.
                sums.insert((word >> 5 & 31, u64::from(word >> 10 & 0xfff)));
            }
        }
        for (register, page) in pages {
            let same = sums.iter().filter(|(from, _)| *from == register);
            addresses.extend(same.map(|(_, number)| page + number));
        }
        let named = addresses.iter().filter_map(|address| starts.get(address));
        calls.taken.extend(named.map(|&name| name.to_owned()));
    }
    for (_, word) in memory.words() {
        if let Some(&name) = starts.get(&word) {
            calls.taken.insert(name.to_owned());
        }
    }
    calls
}

/// How far a branch goes whose target is in its word (Arm ARM C4.1, branches).
fn branch(word: u32) -> Option<i64> {
    let bits = if word & 0x7c00_0000 == 0x1400_0000 {
        // B, BL.
        (0, 26)
    } else if word & 0xff00_0000 == 0x5400_0000 || word & 0x7e00_0000 == 0x3400_0000 {
        // B.cond, CBZ, CBNZ.
        (5, 19)
    } else if word & 0x7e00_0000 == 0x3600_0000 {
        // TBZ, TBNZ.
        (5, 14)
    } else {
        return None;
    };
    Some(signed(word >> bits.0, bits.1) * 4)
}

/// The distance of ADR and ADRP: 19 bits above 2.
fn high_low(word: u32) -> i64 {
    signed(word >> 5, 19) << 2 | i64::from(word >> 29 & 3)
}

/// The lowest bits as a number with a sign.
fn signed(word: u32, bits: u32) -> i64 {
    i64::from(((word << (32 - bits)).cast_signed()) >> (32 - bits))
}

/// An instruction of one register, whichever.
fn is_any(word: u32, instruction: u32) -> bool {
    word & !(31 << 5) == instruction
}

/// Whether the register was last written by an ADD of two registers: shifted or extended, as a place
/// in a table is.
fn is_table(before: &[u32], register: u32) -> bool {
    let near = before.iter().rev().take(NEAR);
    let last = near
        .copied()
        .find(|word| is_second(*word, register) || word & 31 == register && !is_store(*word));
    last.is_some_and(|word| word & 0xff20_0000 == 0x8b00_0000 || word & 0xffe0_0000 == 0x8b20_0000)
}

/// A load of a pair whose second half goes there.
fn is_second(word: u32, register: u32) -> bool {
    word & 0x3a40_0000 == 0x2840_0000 && word >> 10 & 31 == register
}

/// A store, or a branch that only looks at a register: it writes none.
fn is_store(word: u32) -> bool {
    let single = word & 0x3a00_0000 == 0x3800_0000 && word & 0x00c0_0000 == 0;
    let pair = word & 0x3a00_0000 == 0x2800_0000 && word & 0x0040_0000 == 0;
    single || pair || branch(word).is_some()
}

/// Instructions between a place in a table and the jump there.
const NEAR: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(code: &[u32], functions: &[(u64, &str)]) -> Calls {
        let bytes = code.iter().flat_map(|word| word.to_le_bytes()).collect();
        let functions: Vec<(u64, String)> = functions
            .iter()
            .map(|&(address, name)| (address, name.to_owned()))
            .collect();
        read(&Memory::at(0x1000, bytes), &functions)
    }

    #[test]
    fn calls_and_jumps_out_are_edges() {
        let code = [
            0x9400_0004, // 1000 a: bl 1010
            0x1400_0007, // 1004: b 1020
            0x54ff_ffc0, // 1008: b.eq 1000
            0xd65f_03c0, // 100c: ret
            0xb400_0080, // 1010 b: cbz x0, 1020
            0x3600_0080, // 1014: tbz w0, #0, 1024, in c
            0x17ff_fffa, // 1018: b 1000
            0xd65f_03c0, // 101c: ret
            0xd503_201f, // 1020 c: nop
            0xd65f_03c0, // 1024: ret
        ];
        let calls = calls(&code, &[(0x1000, "a"), (0x1010, "b"), (0x1020, "c")]);
        let of = |name: &str| {
            calls.functions[name]
                .calls
                .iter()
                .cloned()
                .collect::<Vec<_>>()
        };
        assert_eq!(
            (of("a"), of("b")),
            (vec!["b".into(), "c".into()], vec!["a".into(), "c".into()])
        );
        assert!(of("c").is_empty() && calls.taken.is_empty());
    }

    #[test]
    fn addresses_of_functions_are_seen() {
        let code = [
            0x9000_0008, // 1000 a: adrp x8, 1000
            0x9100_8109, // 1004: add x9, x8, #0x20: e
            0x1000_0060, // 1008: adr x0, 1014: in no function's first place
            0x1000_0080, // 100c: adr x0, 101c: d
            0xd63f_0100, // 1010: blr x8
            0xd65f_03c0, // 1014: ret
            0xd503_201f, // 1018
            0xd65f_03c0, // 101c d: ret
            0xd65f_03c0, // 1020 e: ret
            0x9100_8129, // 1024 f: add x9, x9, #0x20: of no page
            0x0000_1024, // 1028: a word of data: f
            0x0000_0000,
        ];
        let all = [(0x1000, "a"), (0x101c, "d"), (0x1020, "e"), (0x1024, "f")];
        let calls = calls(&code, &all);
        let taken: Vec<&str> = calls.taken.iter().map(String::as_str).collect();
        assert_eq!(taken, ["d", "e", "f"]);
        assert_eq!(calls.functions["a"].indirect, 1);
    }

    #[test]
    fn a_match_is_no_call_and_a_jump_to_what_was_loaded_is() {
        let table = [
            0x3868_4908, // a: ldrb w8, [x8, w8, uxtw]
            0x8b08_0929, // add x9, x9, x8, lsl #2
            0xf900_03e9, // str x9, [sp]
            0xd61f_0120, // br x9
        ];
        assert_eq!(calls(&table, &[(0x1000, "a")]).functions["a"].indirect, 0);
        let method = [
            0x8b08_0929, // a: add x9, x9, x8, lsl #2
            0xf940_0d29, // ldr x9, [x9, #24]
            0xd61f_0120, // br x9
        ];
        assert_eq!(calls(&method, &[(0x1000, "a")]).functions["a"].indirect, 1);
        let pair = [
            0x8b08_0929, // a: add x9, x9, x8, lsl #2
            0xa940_2408, // ldp x8, x9, [x0]
            0xd61f_0120, // br x9
        ];
        assert_eq!(calls(&pair, &[(0x1000, "a")]).functions["a"].indirect, 1);
    }

    #[test]
    fn a_way_to_the_panic_handler_is_found() {
        let code = [
            0x9400_0002, // 1000 poll: bl 1008
            0xd65f_03c0, // ret
            0xd63f_0100, // 1008 work: blr x8
            0xd65f_03c0, // ret
            0x1400_0001, // 1010 method: b 1014
            0xd503_207f, // 1014 rust_begin_unwind: wfi
            0x0000_1010, // a table: method
            0x0000_0000,
        ];
        let all = [
            (0x1000, "poll"),
            (0x1008, "work"),
            (0x1010, "method"),
            (0x1014, "rust_begin_unwind"),
        ];
        let verdict = calls(&code, &all).from(|name| name == "poll").unwrap();
        assert_eq!(
            verdict.panic.unwrap(),
            ["poll", "work", "method", "rust_begin_unwind"]
        );
    }
}

//! x86-64, whose instructions are of all lengths: as `objdump` reads them.

use std::collections::{BTreeMap, BTreeSet};

use super::Calls;
use crate::elf::Memory;

/// Those of a disassembly as `objdump -d --no-show-raw-insn -M intel` prints it, over the image's data.
pub(super) fn read(text: &str, memory: &Memory) -> Calls {
    let addresses = addresses(text);
    let mut calls = Calls::default();
    // Words from which an instruction loads the address of a function it names: the linker's
    // table of far functions, whose loads are calls as good as direct ones.
    let mut loaded = BTreeSet::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some((_, name)) = label(line) {
            current = name.to_owned();
            calls.functions.entry(current.clone()).or_default();
            continue;
        }
        let Some((_, instruction)) = line.split_once(":\t") else {
            continue;
        };
        let operation = instruction.split_ascii_whitespace().next();
        let operation = operation.unwrap_or_default();
        let is_call = operation == "call";
        let function = calls.functions.entry(current.clone()).or_default();
        let place = instruction.split_once("# ").and_then(|(_, place)| {
            let digits = place.split(' ').next()?;
            u64::from_str_radix(digits, 16).ok()
        });
        if let Some(place) = place
            && !operation.starts_with("lea")
            && let Some(&name) = memory.word(place).and_then(|word| addresses.get(&word))
        {
            loaded.insert(place);
            function.calls.insert(name.to_owned());
            continue;
        }
        if !is_call && !operation.starts_with('j') {
            let numbers = instruction.split([',', ' ', '[', ']', '+']);
            let numbers = numbers.filter_map(|word| word.trim().strip_prefix("0x"));
            for number in numbers.filter_map(|digits| u64::from_str_radix(digits, 16).ok()) {
                if let Some(&name) = addresses.get(&number) {
                    calls.taken.insert(name.to_owned());
                }
            }
            continue;
        }
        match target(instruction) {
            Some(name) if name != current => {
                function.calls.insert(name.to_owned());
            }
            Some(_) => {}
            // A jump by a scaled index into a table stays in its function.
            None if !is_call && instruction.contains("*8") => {}
            None => function.indirect += 1,
        }
    }
    for (place, word) in memory.words() {
        if let Some(&name) = addresses.get(&word)
            && !loaded.contains(&place)
        {
            calls.taken.insert(name.to_owned());
        }
    }
    calls
}

/// Where functions begin.
fn addresses(text: &str) -> BTreeMap<u64, &str> {
    text.lines().filter_map(label).collect()
}

/// The symbol of a line such as `0000000000101000 <name>:`, and its address.
fn label(line: &str) -> Option<(u64, &str)> {
    let (address, name) = line.strip_suffix(">:")?.split_once(" <")?;
    Some((u64::from_str_radix(address, 16).ok()?, name))
}

/// The symbol in `call 101000 <name+0x10>`.
fn target(instruction: &str) -> Option<&str> {
    if instruction.contains('[') {
        return None;
    }
    let (_, name) = instruction.split_once('<')?;
    let name = name.strip_suffix('>')?;
    Some(name.rsplit_once("+0x").map_or(name, |(name, _)| name))
}

//! Whether a function of the linked image can reach a panic.
//!
//! The image's machine code is disassembled (`objdump -d`, Debian package binutils). Every `call`,
//! and every jump that leaves its function, is an edge from one symbol to another. A panic of
//! whatever kind ends in the program's panic handler, whose symbol ends in `rust_begin_unwind`; a
//! function from which the walk over edges comes there can panic. What the optimiser removed is not
//! there, and what it kept is, whether or not it can happen at run time: the check is of the code as
//! it will run.
//!
//! A call through a register or through memory may lead to any function whose address is somewhere:
//! in the image's data, as in a table of methods, or in an instruction. All of those are taken to be
//! reached as soon as one such call is, but for formatting (`core::fmt` and implementations of its
//! traits): their addresses are in the tables of what can be printed, from which only formatting
//! itself calls, so that they count when a function of `core::fmt` is reached by its name. So are
//! the entry and the traps, `linecard_*`, to which nothing but the processor goes.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::process::Command;
use std::{fs, io};

use crate::Image;

/// Who calls whom.
///
/// ```
/// use linecard_qemu::calls::Calls;
///
/// let calls = Calls::parse(
///     "0000000000001000 <poll>:\n    1000:\tcall   1010 <index>\n    1005:\tret\n\
///      0000000000001010 <index>:\n    1010:\tjmp    1020 <_R_rust_begin_unwind>\n\
///      0000000000001020 <_R_rust_begin_unwind>:\n    1020:\tret\n\
///      0000000000001030 <quiet>:\n    1030:\tret\n",
/// );
/// let verdict = calls.from(|name| name == "poll").unwrap();
/// assert_eq!(verdict.panic.unwrap(), ["poll", "index", "_R_rust_begin_unwind"]);
/// assert!(calls.from(|name| name == "quiet").unwrap().panic.is_none());
/// ```
#[derive(Debug, Default)]
pub struct Calls {
    functions: BTreeMap<String, Function>,
    /// Functions whose address is somewhere.
    taken: BTreeSet<String>,
}

#[derive(Debug, Default)]
struct Function {
    calls: BTreeSet<String>,
    /// How many instructions call through a register or memory.
    indirect: usize,
}

/// What can be reached.
#[derive(Debug)]
pub struct Verdict {
    /// Functions reached.
    pub reached: usize,
    /// The way to the panic handler, if there is one.
    pub panic: Option<Vec<String>>,
    /// Calls through registers or memory among them.
    pub indirect: usize,
    /// Functions that those may lead to.
    pub taken: usize,
}

impl Calls {
    /// Those of an image.
    ///
    /// # Errors
    /// If `objdump` is not there or complains.
    pub fn of(image: &Image) -> io::Result<Self> {
        let output = Command::new("objdump")
            .args(["-d", "--no-show-raw-insn", "--wide", "-M", "intel"])
            .arg(&image.path)
            .output()?;
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(io::Error::other(why));
        }
        let memory = Memory::of(&fs::read(&image.path)?);
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(Self::read(&text, &memory))
    }

    /// Those of a disassembly, of which the data is not known.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self::read(text, &Memory::default())
    }

    fn read(text: &str, memory: &Memory) -> Self {
        let addresses = addresses(text);
        let mut calls = Self::default();
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

    /// What the functions reach whose names `root` picks; `None` if there is none.
    pub fn from(&self, root: impl Fn(&str) -> bool) -> Option<Verdict> {
        let mut before: BTreeMap<&str, Option<&str>> = BTreeMap::new();
        let mut next = VecDeque::new();
        for name in self.functions.keys().filter(|name| root(name)) {
            before.insert(name, None);
            next.push_back(name.as_str());
        }
        if next.is_empty() {
            return None;
        }
        let (mut indirect, mut taken) = (0, 0);
        let mut panic = None;
        while let Some(name) = next.pop_front() {
            if is_panic(name) {
                panic = Some(name);
                break;
            }
            let Some(function) = self.functions.get(name) else {
                continue;
            };
            let first = indirect == 0 && function.indirect > 0;
            indirect += function.indirect;
            let anywhere = self.taken.iter();
            let anywhere = anywhere.filter(|name| !is_formatting(name) && !is_entry(name));
            let anywhere: Vec<&String> = anywhere.filter(|_| first).collect();
            taken += anywhere.len();
            for callee in function.calls.iter().chain(anywhere) {
                if !before.contains_key(callee.as_str()) {
                    before.insert(callee, Some(name));
                    next.push_back(callee);
                }
            }
        }
        let way = panic.map(|last| {
            let mut way = vec![last.to_owned()];
            let mut at = last;
            while let Some(Some(caller)) = before.get(at) {
                way.insert(0, (*caller).to_owned());
                at = caller;
            }
            way
        });
        Some(Verdict {
            reached: before.len(),
            panic: way,
            indirect,
            taken,
        })
    }

    /// Whether the image has a panic handler at all: without one the walk could not find it.
    #[must_use]
    pub fn has_panic_handler(&self) -> bool {
        self.functions.keys().any(|name| is_panic(name))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            reached,
            panic,
            indirect,
            taken,
        } = self;
        match panic {
            Some(way) => write!(f, "can panic: {}", way.join(" -> ")),
            None => write!(
                f,
                "{reached} functions, none can panic ({indirect} calls through registers or \
                 memory, which may lead to {taken} of them)"
            ),
        }
    }
}

fn is_panic(name: &str) -> bool {
    name.ends_with("rust_begin_unwind")
}

/// What the processor alone comes to: the entry and the traps, whose addresses the boot code takes.
fn is_entry(name: &str) -> bool {
    name.starts_with("linecard_")
}

/// A function of `core::fmt`, or of an implementation of its traits, by the two ways of mangling.
fn is_formatting(name: &str) -> bool {
    name.contains("3fmt") || name.contains("..fmt..")
}

/// The image as it is loaded: addresses and bytes.
#[derive(Debug, Default)]
struct Memory(Vec<(u64, Vec<u8>)>);

impl Memory {
    /// The segments of a 64-bit little-endian ELF file that are loaded.
    fn of(file: &[u8]) -> Self {
        let number = |at: usize, len: usize| -> Option<u64> {
            let bytes = file.get(at..at + len)?;
            Some(
                bytes
                    .iter()
                    .rev()
                    .fold(0, |n, byte| n << 8 | u64::from(*byte)),
            )
        };
        let segments = |()| {
            let (start, count) = (number(32, 8)? as usize, number(56, 2)? as usize);
            let mut all = Vec::new();
            for header in (start..).step_by(56).take(count) {
                let (offset, len) = (number(header + 8, 8)? as usize, number(header + 32, 8)?);
                if number(header, 4)? == 1 {
                    let bytes = file.get(offset..offset + len as usize)?;
                    all.push((number(header + 16, 8)?, bytes.to_vec()));
                }
            }
            Some(all)
        };
        Self(segments(()).unwrap_or_default())
    }

    fn word(&self, at: u64) -> Option<u64> {
        self.0.iter().find_map(|(start, bytes)| {
            let from = usize::try_from(at.checked_sub(*start)?).ok()?;
            let word = bytes.get(from..)?.first_chunk()?;
            Some(u64::from_le_bytes(*word))
        })
    }

    /// Every aligned word and its address.
    fn words(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.0.iter().flat_map(|(start, bytes)| {
            let skip = (start.next_multiple_of(8) - start) as usize;
            let words = bytes.get(skip..).unwrap_or_default().chunks_exact(8);
            let places = (start.next_multiple_of(8)..).step_by(8);
            places.zip(words.map(|word| u64::from_le_bytes(word.try_into().unwrap_or_default())))
        })
    }
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

//! Whether a function of the linked image can reach a panic.
//!
//! The image's machine code is disassembled: x86-64's by `objdump -d` (Debian package binutils),
//! aarch64's here, where instructions are words. Every call,
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

mod aarch64;
mod x86_64;

use core::fmt;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::process::Command;
use std::{fs, io};

use crate::elf::{self, Memory};
use crate::{Image, Processor};

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
    /// If `objdump` is not there or complains, which is asked for x86-64's.
    pub fn of(image: &Image) -> io::Result<Self> {
        let file = fs::read(&image.path)?;
        let memory = Memory::of(&file);
        if image.processor == Processor::Aarch64 {
            return Ok(aarch64::read(&memory, &elf::functions(&file)));
        }
        let output = Command::new("objdump")
            .args(["-d", "--no-show-raw-insn", "--wide", "-M", "intel"])
            .arg(&image.path)
            .output()?;
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(io::Error::other(why));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(x86_64::read(&text, &memory))
    }

    /// Those of a disassembly of x86-64 code, of which the data is not known.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        x86_64::read(text, &Memory::default())
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

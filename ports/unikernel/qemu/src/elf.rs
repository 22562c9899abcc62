//! What is wanted of a 64-bit little-endian ELF file: its segments and its symbols.

/// The image as it is loaded: addresses and bytes.
#[derive(Debug, Default)]
pub(crate) struct Memory(Vec<(u64, Vec<u8>)>);

impl Memory {
    /// The segments that are loaded.
    pub(crate) fn of(file: &[u8]) -> Self {
        let segments = |()| {
            let (start, count) = (number(file, 32, 8)? as usize, number(file, 56, 2)? as usize);
            let mut all = Vec::new();
            for header in (start..).step_by(56).take(count) {
                let offset = number(file, header + 8, 8)? as usize;
                let len = number(file, header + 32, 8)? as usize;
                if number(file, header, 4)? == PT_LOAD {
                    let bytes = file.get(offset..)?.get(..len)?;
                    all.push((number(file, header + 16, 8)?, bytes.to_vec()));
                }
            }
            Some(all)
        };
        Self(segments(()).unwrap_or_default())
    }

    /// One segment.
    #[cfg(test)]
    pub(crate) fn at(start: u64, bytes: Vec<u8>) -> Self {
        Self(vec![(start, bytes)])
    }

    /// The 8 bytes at an address.
    pub(crate) fn word(&self, at: u64) -> Option<u64> {
        self.0.iter().find_map(|(start, bytes)| {
            let from = usize::try_from(at.checked_sub(*start)?).ok()?;
            let word = bytes.get(from..)?.first_chunk()?;
            Some(u64::from_le_bytes(*word))
        })
    }

    /// The bytes between two addresses of one segment, as far as it reaches.
    pub(crate) fn bytes(&self, from: u64, to: u64) -> &[u8] {
        let found = self.0.iter().find_map(|(start, bytes)| {
            let from = usize::try_from(from.checked_sub(*start)?).ok()?;
            let to = usize::try_from(to.checked_sub(*start)?).ok()?;
            bytes.get(from..to.min(bytes.len()))
        });
        found.unwrap_or_default()
    }

    /// Every aligned word and its address.
    pub(crate) fn words(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.0.iter().flat_map(|(start, bytes)| {
            let skip = (start.next_multiple_of(8) - start) as usize;
            let words = bytes.get(skip..).unwrap_or_default().chunks_exact(8);
            let places = (start.next_multiple_of(8)..).step_by(8);
            places.zip(words.map(|word| u64::from_le_bytes(word.try_into().unwrap_or_default())))
        })
    }

    /// The segments as one stretch of bytes from the lowest address on, gaps filled with zeroes.
    pub(crate) fn flat(&self) -> Vec<u8> {
        let segments = self.0.iter().filter(|(_, bytes)| !bytes.is_empty());
        let mut segments: Vec<_> = segments.collect();
        segments.sort();
        let mut flat = Vec::new();
        let first = segments.first().map_or(0, |(start, _)| *start);
        for (start, bytes) in segments {
            flat.resize((start - first) as usize, 0);
            flat.extend(bytes);
        }
        flat
    }
}

/// The symbols of code, by address; of several at one address a function's.
pub(crate) fn functions(file: &[u8]) -> Vec<(u64, String)> {
    let read = |()| {
        let (start, count) = (number(file, 40, 8)? as usize, number(file, 60, 2)? as usize);
        let header = |index: usize| start + 64 * index;
        let table = (0..count).find(|&index| number(file, header(index) + 4, 4) == Some(SYMTAB))?;
        let field = |section: usize, at: usize| number(file, header(section) + at, 8);
        let (offset, len) = (field(table, 24)? as usize, field(table, 32)? as usize);
        let strings = number(file, header(table) + 40, 4)? as usize;
        let (names, names_len) = (field(strings, 24)? as usize, field(strings, 32)? as usize);
        let names = file.get(names..)?.get(..names_len)?;
        let mut found: Vec<(u64, u64, bool, String)> = Vec::new();
        for symbol in (offset..offset + len).step_by(24) {
            let kind = number(file, symbol + 4, 1)? & 0xf;
            let section = number(file, symbol + 6, 2)? as usize;
            if section == 0 || section >= count || field(section, 8)? & EXECUTABLE == 0 {
                continue;
            }
            let name = names.get(number(file, symbol, 4)? as usize..)?;
            let name = name.split(|&byte| byte == 0).next()?;
            let name = String::from_utf8_lossy(name).into_owned();
            // `$x` and `$d` say where code and data begin, and are no functions.
            if (kind == FUNCTION || kind == NO_TYPE) && !name.starts_with('$') && !name.is_empty() {
                // The linker script's come last, as `__image_start`.
                let script = name.starts_with("__");
                found.push((number(file, symbol + 8, 8)?, FUNCTION - kind, script, name));
            }
        }
        found.sort();
        found.dedup_by_key(|(address, ..)| *address);
        Some(
            found
                .into_iter()
                .map(|(address, .., name)| (address, name))
                .collect(),
        )
    };
    read(()).unwrap_or_default()
}

/// The number of `len` bytes at an offset.
fn number(file: &[u8], at: usize, len: usize) -> Option<u64> {
    let bytes = file.get(at..)?.get(..len)?;
    Some(
        bytes
            .iter()
            .rev()
            .fold(0, |n, byte| n << 8 | u64::from(*byte)),
    )
}

const PT_LOAD: u64 = 1;
const SYMTAB: u64 = 2;
/// SHF_EXECINSTR.
const EXECUTABLE: u64 = 4;
/// STT_NOTYPE, as labels of assembly have it, and STT_FUNC.
const NO_TYPE: u64 = 0;
const FUNCTION: u64 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_become_one_stretch() {
        let memory = Memory(vec![
            (0x3000, vec![3]),
            (0x1000, vec![1; 4]),
            (0x2000, vec![]),
        ]);
        let flat = memory.flat();
        assert_eq!(
            (flat.len(), flat[3], flat[4], flat[0x2000]),
            (0x2001, 1, 0, 3)
        );
        assert_eq!(memory.bytes(0x1002, 0x1008), [1, 1]);
        assert!(memory.bytes(0x2fff, 0x3001).is_empty());
    }

    #[test]
    fn this_program_has_symbols() {
        let file = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let all = functions(&file);
        let this = all
            .iter()
            .any(|(_, name)| name.contains("this_program_has_symbols"));
        assert!(this, "{} symbols", all.len());
        assert!(all.is_sorted_by(|a, b| a.0 < b.0));
        assert!(functions(&file[..100]).is_empty());
        assert!(!Memory::of(&file).flat().is_empty());
    }
}

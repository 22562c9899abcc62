//! Nodes and their properties.

/// The nodes of a tree, each before those in it.
///
/// ```
/// use linecard_unikernel::device_tree::{Tree, TreeError};
///
/// /// Where the first node of this name is: the nodes that it is in.
/// fn depth_of(blob: &[u8], name: &str) -> Result<Option<usize>, TreeError> {
///     let mut nodes = Tree::new(blob)?.nodes();
///     Ok(nodes.find(|node| node.name == name).map(|node| node.depth))
/// }
/// assert_eq!(depth_of(&[0; 64], "memory"), Err(TreeError::NoTree));
/// ```
#[derive(Debug, Clone)]
pub struct Nodes<'a> {
    /// What is left of the structure.
    rest: &'a [u8],
    strings: &'a [u8],
    /// The nodes that are open: the way from the root.
    open: [Open; MAX_DEPTH],
    depth: usize,
}

/// What an open node says of those in it.
#[derive(Debug, Clone, Copy, Default)]
struct Open {
    address_cells: u32,
    size_cells: u32,
    /// Whether their addresses are the processor's.
    one_to_one: bool,
    /// Whether it is `/reserved-memory`.
    reserved: bool,
}

/// A node of a device tree: what [`Nodes`] gives, where an example is.
#[derive(Debug, Clone, Copy)]
pub struct Node<'a> {
    /// Its name, with the address behind `@` if it has one.
    pub name: &'a str,
    /// Nodes that it is in: 0 for the root.
    pub depth: usize,
    properties: &'a [u8],
    strings: &'a [u8],
    parent: Open,
}

impl<'a> Nodes<'a> {
    pub(super) fn new(structure: &'a [u8], strings: &'a [u8]) -> Self {
        Self {
            rest: structure,
            strings,
            open: [Open::default(); MAX_DEPTH],
            depth: 0,
        }
    }
}

impl<'a> Iterator for Nodes<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        loop {
            let (token, rest) = token(self.rest)?;
            self.rest = rest;
            match token {
                Token::Begin(name) => {
                    let depth = self.depth;
                    let root = Open {
                        one_to_one: true,
                        ..Open::default()
                    };
                    let parent = match depth.checked_sub(1) {
                        Some(above) => *self.open.get(above)?,
                        None => root,
                    };
                    let node = Node {
                        name,
                        depth,
                        properties: rest,
                        strings: self.strings,
                        parent,
                    };
                    // Deeper than any machine's: what was read until here must do.
                    *self.open.get_mut(depth)? = node.opens();
                    self.depth = depth + 1;
                    return Some(node);
                }
                Token::End => self.depth = self.depth.checked_sub(1)?,
                Token::Property { .. } | Token::Nothing => {}
            }
        }
    }
}

impl<'a> Node<'a> {
    /// The value of a property.
    ///
    /// A node's properties come before the nodes in it (section 5.4.2).
    pub fn property(&self, name: &str) -> Option<&'a [u8]> {
        let mut rest = self.properties;
        loop {
            let (token, behind) = token(rest)?;
            rest = behind;
            match token {
                Token::Property { name: at, value } => {
                    let this = self.strings.get(at as usize..).and_then(terminated);
                    if this.is_some_and(|(this, _)| this == name.as_bytes()) {
                        return Some(value);
                    }
                }
                Token::Nothing => {}
                Token::Begin(_) | Token::End => return None,
            }
        }
    }

    /// A property that is text.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        let (text, _) = terminated(self.property(name)?)?;
        core::str::from_utf8(text).ok()
    }

    /// A property that is a number of one or two cells.
    pub fn number(&self, name: &str) -> Option<u64> {
        let value = self.property(name)?;
        match value.len() {
            4 | 8 => Some(number(value)),
            _ => None,
        }
    }

    /// Whether it is compatible with this.
    pub fn is(&self, what: &str) -> bool {
        let mut rest = self.property("compatible").unwrap_or_default();
        while let Some((one, behind)) = terminated(rest) {
            if one == what.as_bytes() {
                return true;
            }
            rest = behind;
        }
        false
    }

    /// Whether it may be used: nothing says that it may not (section 2.3.4).
    pub fn is_enabled(&self) -> bool {
        matches!(self.text("status"), None | Some("okay" | "ok"))
    }

    /// Whether it is part of the memory that firmware or devices keep (section 3.5).
    pub fn is_reserved(&self) -> bool {
        self.parent.reserved
    }

    /// The addresses and lengths of `reg`; none if a bus is in between that has addresses of its own.
    pub fn places(&self) -> impl Iterator<Item = (u64, u64)> + 'a {
        let Open {
            address_cells,
            size_cells,
            one_to_one,
            ..
        } = self.parent;
        let known = (1..=2).contains(&address_cells) && (1..=2).contains(&size_cells);
        let value = if known && one_to_one {
            self.property("reg").unwrap_or_default()
        } else {
            &[]
        };
        let (address, size) = if known {
            (4 * address_cells as usize, 4 * size_cells as usize)
        } else {
            (4, 4)
        };
        value.chunks_exact(address + size).map(move |place| {
            let (at, len) = place.split_at_checked(address).unwrap_or_default();
            (number(at), number(len))
        })
    }

    /// What it says of the nodes in it.
    fn opens(&self) -> Open {
        // Section 2.3.5: where nothing is said.
        let cells = |name, otherwise| match self.property(name) {
            Some(value) => be32(value, 0).unwrap_or(0),
            None => otherwise,
        };
        let passes = self.depth == 0 || self.property("ranges").is_some_and(<[u8]>::is_empty);
        let reserved = self.depth == 1 && self.name == "reserved-memory";
        Open {
            address_cells: cells("#address-cells", 2),
            size_cells: cells("#size-cells", 1),
            one_to_one: self.parent.one_to_one && passes,
            reserved,
        }
    }
}

/// A step of the structure (section 5.4.1).
enum Token<'a> {
    Begin(&'a str),
    End,
    /// `name` is where its name begins among the strings.
    Property {
        name: u32,
        value: &'a [u8],
    },
    Nothing,
}

/// The next token and what is behind it; `None` at the end, or where nothing that is a token begins.
fn token(structure: &[u8]) -> Option<(Token<'_>, &[u8])> {
    let kind = be32(structure, 0)?;
    let rest = structure.get(4..)?;
    match kind {
        1 => {
            let (name, _) = terminated(rest)?;
            let behind = rest.get((name.len() + 1).next_multiple_of(4)..)?;
            // A name of other bytes is the name of nothing that is looked for.
            let name = core::str::from_utf8(name).unwrap_or_default();
            Some((Token::Begin(name), behind))
        }
        2 => Some((Token::End, rest)),
        3 => {
            let (len, name) = (be32(rest, 0)? as usize, be32(rest, 4)?);
            let rest = rest.get(8..)?;
            let value = rest.get(..len)?;
            let behind = rest.get(len.checked_next_multiple_of(4)?..)?;
            Some((Token::Property { name, value }, behind))
        }
        4 => Some((Token::Nothing, rest)),
        _ => None,
    }
}

/// The bytes before the first zero, and those behind it.
fn terminated(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|&byte| byte == 0)?;
    Some((bytes.get(..end)?, bytes.get(end + 1..)?))
}

/// The cell at an offset: big-endian.
pub(super) fn be32(bytes: &[u8], offset: usize) -> Option<u32> {
    let cell = bytes.get(offset..)?.first_chunk()?;
    Some(u32::from_be_bytes(*cell))
}

/// The number that cells make; of more than two the last two.
pub(super) fn number(cells: &[u8]) -> u64 {
    cells
        .iter()
        .fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// Nodes in nodes; `virt` has 4.
const MAX_DEPTH: usize = 16;

//! What a machine says of itself in a flattened device tree (Devicetree Specification 0.4): memory,
//! command line, module, console, virtio and PCI, and how it is turned off.
//!
//! The tree comes from outside: every offset and length in it is checked, a walk is over after as
//! many steps as the tree has words, and what does not fit into the lists here is left out. A tree
//! that ends early gives what was read until then.
//!
//! - [`Tree`]: the blob, and its nodes one by one;
//! - [`Machine`]: what is picked from them.

mod machine;
mod node;

#[cfg(test)]
mod tests;

use core::fmt;

pub use machine::{Ecam, Machine, PowerCall};
pub use node::{Node, Nodes};

use node::be32;

/// A flattened device tree.
///
/// ```
/// use linecard_unikernel::device_tree::{Tree, TreeError};
/// assert_eq!(Tree::new(&[0; 64]).unwrap_err(), TreeError::NoTree);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Tree<'a> {
    /// Pairs of address and length that nobody may use, until one of zeroes.
    reserved: &'a [u8],
    structure: &'a [u8],
    strings: &'a [u8],
}

/// Why bytes are no device tree.
///
/// ```
/// use linecard_unikernel::device_tree::TreeError;
/// assert_eq!(TreeError::Version(2).to_string(), "a device tree of version 2, not 16 or 17");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TreeError {
    /// They do not begin as one does.
    NoTree,
    /// It is compatible with this version only; known are 16 and 17.
    Version(u32),
    /// This part of it is not within it.
    Part(&'static str),
}

impl<'a> Tree<'a> {
    /// How long the tree is that begins so; `None` if none does.
    pub fn len_of(header: &[u8; 8]) -> Option<usize> {
        let [a, b, c, d, len @ ..] = *header;
        (u32::from_be_bytes([a, b, c, d]) == MAGIC).then_some(u32::from_be_bytes(len) as usize)
    }

    /// The tree of a blob, which may be longer.
    ///
    /// # Errors
    /// [`TreeError`].
    pub fn new(blob: &'a [u8]) -> Result<Self, TreeError> {
        let header = blob.first_chunk().ok_or(TreeError::NoTree)?;
        let len = Self::len_of(header).ok_or(TreeError::NoTree)?;
        let blob = blob.get(..len).ok_or(TreeError::Part("its end"))?;
        let field = |index: usize| be32(blob, 4 * index).ok_or(TreeError::Part("its header"));
        let oldest = field(6)?;
        if field(5)? < 16 || oldest > 17 {
            return Err(TreeError::Version(oldest));
        }
        let part = |name, start: u32, len: Option<u32>| {
            let rest = blob.get(start as usize..);
            let part = match len {
                Some(len) => rest.and_then(|rest| rest.get(..len as usize)),
                None => rest,
            };
            part.ok_or(TreeError::Part(name))
        };
        // The length of the structure came with version 17.
        let structure_len = if field(5)? >= 17 {
            Some(field(9)?)
        } else {
            None
        };
        Ok(Self {
            reserved: part("its reserved memory", field(4)?, None)?,
            structure: part("its structure", field(2)?, structure_len)?,
            strings: part("its strings", field(3)?, Some(field(8)?))?,
        })
    }

    /// Its nodes, each before those in it.
    pub fn nodes(&self) -> Nodes<'a> {
        Nodes::new(self.structure, self.strings)
    }

    /// Memory that the firmware keeps: address and length.
    pub fn reserved(&self) -> impl Iterator<Item = (u64, u64)> + 'a {
        let words = self.reserved.chunks_exact(8).map(|word| {
            word.iter()
                .fold(0u64, |number, &byte| number << 8 | u64::from(byte))
        });
        let mut words = words.fuse();
        core::iter::from_fn(move || Some((words.next()?, words.next()?)))
            .take_while(|&(address, len)| address != 0 || len != 0)
    }
}

impl fmt::Display for TreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTree => f.write_str("no device tree"),
            Self::Version(oldest) => {
                write!(f, "a device tree of version {oldest}, not 16 or 17")
            }
            Self::Part(name) => write!(f, "a device tree that does not hold {name}"),
        }
    }
}

impl core::error::Error for TreeError {}

/// Section 5.2, `magic`.
const MAGIC: u32 = 0xd00d_feed;

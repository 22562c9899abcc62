//! The parser: against the views, and against etherparse.

mod consistency;
mod difference;
mod theirs;

pub use consistency::{
    check, checksum_is_all_that_differs, same_behind_ethernet, same_in_several_frames,
};
pub use difference::Difference;
pub use theirs::{End, Theirs};

use linecard::wire::parse::{self as parser, Parsed};

/// Any bytes as a frame and as a packet: the parser finds what the views find and what etherparse
/// finds, and it finds the same when the packet comes in several frames.
pub fn parse(bytes: &[u8]) {
    let Some((&first, bytes)) = bytes.split_first() else {
        return;
    };
    let parsed = check(bytes, parser::parse::<{ parser::TRUST }>);
    checksum_is_all_that_differs(bytes, parsed);
    same_behind_ethernet(bytes);
    same_in_several_frames(bytes, first.into());
    compare(Start::Ethernet, bytes);
    compare(Start::Ip, bytes);
}

/// How a packet starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With Ethernet.
    Ethernet,
    /// With an IP header.
    Ip,
}

impl Start {
    /// What our parser says, header checksums left aside.
    pub fn ours(self, bytes: &[u8]) -> Parsed {
        match self {
            Self::Ethernet => parser::parse::<{ parser::TRUST }>(bytes),
            Self::Ip => parser::parse_ip::<{ parser::TRUST }>(bytes),
        }
    }
}

/// Holds both against each other; gives the difference, if there is one that may be.
///
/// # Panics
/// With a difference that has no name.
#[track_caller]
pub fn compare(start: Start, bytes: &[u8]) -> Option<Difference> {
    let ours = start.ours(bytes);
    let theirs = Theirs::of(start, bytes);
    if theirs.agrees(ours) {
        return None;
    }
    let difference = Difference::of(start, bytes, ours, &theirs);
    assert!(
        difference.is_some(),
        "{start:?}\nours   {ours}\ntheirs {theirs:?}\n{}",
        hex(bytes)
    );
    difference
}

fn hex(bytes: &[u8]) -> String {
    let line =
        |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x} ")).collect() };
    bytes.chunks(16).map(|bytes| line(bytes) + "\n").collect()
}

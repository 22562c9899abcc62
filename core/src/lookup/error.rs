//! Why a table refuses a change.

use core::fmt;

/// Why a route was not inserted, removed or even written down.
///
/// A table that answers with an error is unchanged: readers see what they saw before.
///
/// ```
/// use linecard::lookup::{NextHop, Prefix4, RouteError};
///
/// assert_eq!(Prefix4::new(0, 33), Err(RouteError::BadPrefixLength));
/// assert_eq!(NextHop::new(0x7fff), Err(RouteError::NextHopTooLarge));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RouteError {
    /// A prefix longer than its address: over 32 bits for IPv4, over 128 for IPv6.
    BadPrefixLength,
    /// A next hop above [`NextHop::MAX`](super::NextHop::MAX).
    NextHopTooLarge,
    /// The route would need more memory than the caller gave to the named part.
    TableFull(Full),
    /// The route to be removed is not in the table.
    NoSuchRoute,
}

/// Which part of a table's memory is used up.
///
/// ```
/// use linecard::lookup::{Full, RouteError};
///
/// let error = RouteError::TableFull(Full::Nodes);
/// assert_eq!(error.to_string(), "table full: no free node for a longer prefix");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Full {
    /// The store of routes holds as many as it was configured for.
    Routes,
    /// Every node of 8 bits is in use.
    Nodes,
    /// Every wide node, of the 12 bits from /20 to /32, is in use (IPv6).
    WideNodes,
    /// Every leaf is in use (IPv6).
    Leaves,
    /// Every cell is in use, of those for the routes of 20 to 24 bits (compact IPv4 table).
    Cells,
}

/// The memory handed to a table is smaller than its configuration asks for.
///
/// ```
/// use linecard::lookup::MemoryError;
///
/// let error = MemoryError { needed: 4, given: 1 };
/// assert_eq!(error.to_string(), "table memory too small: 4 cache lines needed, 1 given");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MemoryError {
    /// Cache lines that the configuration needs.
    pub needed: usize,
    /// Cache lines that were given.
    pub given: usize,
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadPrefixLength => f.write_str("prefix longer than its address"),
            Self::NextHopTooLarge => f.write_str("next hop above 32766"),
            Self::TableFull(Full::Routes) => f.write_str("table full: no room for another route"),
            Self::TableFull(Full::Nodes) => {
                f.write_str("table full: no free node for a longer prefix")
            }
            Self::TableFull(Full::WideNodes) => {
                f.write_str("table full: no free wide node for another /20")
            }
            Self::TableFull(Full::Leaves) => {
                f.write_str("table full: no free leaf for a longer prefix")
            }
            Self::TableFull(Full::Cells) => {
                f.write_str("table full: no free cells for a route of 20 to 24 bits")
            }
            Self::NoSuchRoute => f.write_str("no such route"),
        }
    }
}

impl core::error::Error for RouteError {}

impl fmt::Display for MemoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "table memory too small: {} cache lines needed, {} given",
            self.needed, self.given
        )
    }
}

impl core::error::Error for MemoryError {}

//! Why a ring could not be made, or a bulk not be moved.

use core::{error::Error, fmt};

/// The memory given for a ring has not a power of two of slots.
///
/// The slot of an index is found by masking its low bits, so that no division is needed and the
/// counters may wrap.
///
/// ```
/// use core::mem::MaybeUninit;
/// use linecard::ring::{Borrowed, CapacityError, spsc::Ring};
///
/// let mut slots = [const { MaybeUninit::<u32>::uninit() }; 12];
/// let error = Ring::<Borrowed<u32>>::over(&mut slots).unwrap_err();
/// assert_eq!(error, CapacityError { slots: 12 });
/// assert_eq!(error.to_string(), "a ring needs a power of two of slots, not 12");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CapacityError {
    /// How many slots there were.
    pub slots: usize,
}

impl fmt::Display for CapacityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a ring needs a power of two of slots, not {}",
            self.slots
        )
    }
}

impl Error for CapacityError {}

/// Why a *bulk* moved nothing: it moves all items or none.
///
/// ```
/// use linecard::ring::{BulkError, Inline, spsc::Ring};
///
/// let mut ring = Ring::<Inline<u32, 4>>::new();
/// let (mut producer, _consumer) = ring.split();
/// let mut items: &[u32] = &[1, 2, 3, 4, 5];
/// assert_eq!(
///     producer.enqueue_bulk(&mut items),
///     Err(BulkError::NoRoom { wanted: 5, room: 4 })
/// );
/// assert_eq!(items.len(), 5);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BulkError {
    /// The ring has not enough free slots. More than its capacity will never fit.
    NoRoom {
        /// Items that were to go in.
        wanted: usize,
        /// Free slots.
        room: usize,
    },
    /// The ring holds not enough items.
    TooFew {
        /// Items that were to come out.
        wanted: usize,
        /// Items in the ring.
        held: usize,
    },
    /// The place that the items were to go to is too small for them.
    NoSpare {
        /// Items that were to come out.
        wanted: usize,
        /// Items that the place can take.
        spare: usize,
    },
}

impl fmt::Display for BulkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NoRoom { wanted, room } => {
                write!(f, "room for {room} items in the ring, not for {wanted}")
            }
            Self::TooFew { wanted, held } => {
                write!(f, "{held} items in the ring, not {wanted}")
            }
            Self::NoSpare { wanted, spare } => {
                write!(
                    f,
                    "room for {spare} items at the destination, not for {wanted}"
                )
            }
        }
    }
}

impl Error for BulkError {}

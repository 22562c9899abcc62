//! What goes into the table, and what comes out.

use super::NeighbourKey;
use crate::wire::MacAddr;

/// What to do with a packet for a neighbour.
///
/// ```
/// use linecard::lookup::Resolution;
/// use linecard::wire::MacAddr;
///
/// let answer = Resolution::Known(MacAddr([2, 0, 0, 0, 0, 1]));
/// assert_eq!(answer.mac(), Some(MacAddr([2, 0, 0, 0, 0, 1])));
/// assert_eq!(Resolution::Full.mac(), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Send it there.
    Known(MacAddr),
    /// Keep it until the neighbour has answered.
    Wait {
        /// The entry's number, the same as long as it lives.
        slot: u32,
        /// A solicitation is to be sent now: this is the first packet.
        solicit: bool,
        /// Whose packets waited in this slot until now: they are to be dropped.
        displaced: Option<Displaced>,
    },
    /// It did not answer: drop it, and say so to its sender.
    Unreachable,
    /// Too many neighbours have not answered yet: drop it.
    Full,
}

impl Resolution {
    /// Where to send it, if that is known.
    #[inline]
    pub const fn mac(self) -> Option<MacAddr> {
        match self {
            Self::Known(mac) => Some(mac),
            _ => None,
        }
    }
}

/// A neighbour that lost its entry before it had answered.
///
/// ```
/// use core::net::Ipv4Addr;
/// use linecard::lookup::{Displaced, NeighbourKey};
///
/// let key = NeighbourKey::v4(Ipv4Addr::new(192, 0, 2, 7), 0);
/// assert_eq!(Displaced { key, pending: 2 }.pending, 2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Displaced {
    /// Who it was.
    pub key: NeighbourKey,
    /// How many packets waited for it.
    pub pending: u16,
}

/// What time made due.
///
/// ```
/// use linecard::lookup::NeighbourAction;
///
/// fn describe(action: NeighbourAction) -> String {
///     match action {
///         NeighbourAction::Solicit { key, to: None, .. } => format!("ask all for {key}"),
///         NeighbourAction::Solicit { key, to: Some(mac), .. } => format!("ask {mac} for {key}"),
///         NeighbourAction::Failed { key, pending, .. } => format!("{key}: drop {pending}"),
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeighbourAction {
    /// Send a solicitation (an ARP request).
    Solicit {
        /// For whom.
        key: NeighbourKey,
        /// The entry's number.
        slot: u32,
        /// To this address only; `None`: to the solicited-node multicast address, or by
        /// broadcast.
        to: Option<MacAddr>,
    },
    /// It did not answer: drop what waits in the slot, and say so to the senders.
    Failed {
        /// Who.
        key: NeighbourKey,
        /// The entry's number.
        slot: u32,
        /// How many packets wait.
        pending: u16,
    },
}

/// What a neighbour says of itself: a neighbour advertisement, or an ARP reply.
///
/// ```
/// use linecard::lookup::Advertisement;
/// use linecard::wire::MacAddr;
///
/// let mac = MacAddr([2, 0, 0, 0, 0, 1]);
/// assert!(Advertisement::reply(mac).solicited);
/// assert!(!Advertisement::gratuitous(mac).solicited);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advertisement {
    /// Its MAC address, if it says it (the target link-layer address option).
    pub mac: Option<MacAddr>,
    /// It answers a solicitation (the S flag).
    pub solicited: bool,
    /// It replaces another MAC address (the O flag).
    pub replaces: bool,
}

impl Advertisement {
    /// An ARP reply sent to this router.
    pub const fn reply(mac: MacAddr) -> Self {
        Self {
            mac: Some(mac),
            solicited: true,
            replaces: true,
        }
    }

    /// A gratuitous ARP, or an unsolicited advertisement with its override flag set.
    pub const fn gratuitous(mac: MacAddr) -> Self {
        Self {
            mac: Some(mac),
            solicited: false,
            replaces: true,
        }
    }
}

/// What became of what a neighbour said.
///
/// ```
/// use linecard::lookup::Learned;
///
/// assert_ne!(Learned::Ignored, Learned::Updated);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learned {
    /// Nothing changed.
    Ignored,
    /// An entry was made, changed or confirmed.
    Updated,
    /// It was asked for, and here it is: send what waits in the slot.
    Resolved {
        /// The entry's number.
        slot: u32,
        /// Where to.
        mac: MacAddr,
        /// How many packets wait; the entry counts none from here on.
        pending: u16,
    },
}

//! From what is wrong with a packet to why it was dropped.

use crate::pipeline::DropReason;
use crate::wire::parse::{Check, Layer, Outcome};

/// Why a packet with this outcome of [`parse`](crate::wire::parse) is dropped by whoever cannot
/// use it.
///
/// ```
/// use linecard::forward::reason_of;
/// use linecard::pipeline::DropReason;
/// use linecard::wire::parse::{Check, Layer, Outcome};
///
/// assert_eq!(reason_of(Outcome::Malformed(Check::Ipv4Checksum)), DropReason::L3_CHECKSUM);
/// assert_eq!(reason_of(Outcome::Truncated(Layer::Ethernet)), DropReason::MALFORMED_L2);
/// assert_eq!(reason_of(Outcome::LaterFragment), DropReason::FRAGMENT);
/// ```
#[must_use]
pub const fn reason_of(outcome: Outcome) -> DropReason {
    match outcome {
        Outcome::Complete => DropReason::UNDECIDED,
        Outcome::FirstFragment | Outcome::LaterFragment => DropReason::FRAGMENT,
        Outcome::Truncated(Layer::Ethernet | Layer::Vlan | Layer::Llc | Layer::Mpls) => {
            DropReason::MALFORMED_L2
        }
        Outcome::Truncated(_) => DropReason::TRUNCATED,
        Outcome::Malformed(check) => match check {
            Check::TooManyTags | Check::LlcLength | Check::TooManyLabels => {
                DropReason::MALFORMED_L2
            }
            Check::Ipv4Checksum => DropReason::L3_CHECKSUM,
            Check::UdpLength | Check::TcpDataOffset | Check::GreFlags | Check::GreVersion => {
                DropReason::MALFORMED_L4
            }
            _ => DropReason::MALFORMED_L3,
        },
        Outcome::UnknownEtherType(_)
        | Outcome::UnknownSap(_)
        | Outcome::UnknownInMpls
        | Outcome::UnknownProtocol(_) => DropReason::UNKNOWN_PROTOCOL,
    }
}

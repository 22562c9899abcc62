//! Why a packet was dropped.

use core::fmt;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        impl DropReason {
            $($(#[$doc])* pub const $name: Self = Self($code);)*

            /// The reason's name, as statistics print it: `ttl_expired`. A reason of the
            /// program's own is `custom`.
            pub const fn name(self) -> &'static str {
                match self.0 {
                    $($code => $text,)*
                    _ => "custom",
                }
            }

            /// The reasons that Linecard gives, in order.
            pub fn all() -> impl Iterator<Item = Self> {
                [$($code),*].into_iter().map(Self)
            }
        }
    };
}

/// Why a packet was dropped. Each has a counter of its own.
///
/// Numbers from [`DropReason::CUSTOM`] up to 63 are the program's own.
///
/// ```
/// use linecard::pipeline::DropReason;
/// const TOO_YOUNG: DropReason = DropReason::custom(0);
/// assert_eq!(DropReason::TTL_EXPIRED.name(), "ttl_expired");
/// assert_eq!(TOO_YOUNG.to_string(), "custom_0");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct DropReason(u8);

reasons! {
    /// No stage gave a verdict.
    UNDECIDED = 0, "undecided";
    /// Layer 2 cannot be read: too short, or too many tags.
    MALFORMED_L2 = 1, "malformed_l2";
    /// The packet is shorter than its headers say.
    TRUNCATED = 2, "truncated";
    /// An IP header that breaks its rules: version, header length, total length.
    MALFORMED_L3 = 3, "malformed_l3";
    /// The IPv4 header checksum is wrong.
    L3_CHECKSUM = 4, "l3_checksum";
    /// A layer-4 header that breaks its rules.
    MALFORMED_L4 = 5, "malformed_l4";
    /// The layer-4 checksum is wrong.
    L4_CHECKSUM = 6, "l4_checksum";
    /// Neither IP nor ARP, and nobody wants it.
    UNKNOWN_PROTOCOL = 7, "unknown_protocol";
    /// The Ethernet destination is another station's.
    NOT_FOR_US = 8, "not_for_us";
    /// A source address that no packet may have (RFC 1812 section 5.3.7).
    MARTIAN_SOURCE = 9, "martian_source";
    /// A destination that is never forwarded (RFC 1812 section 5.3.7).
    MARTIAN_DESTINATION = 10, "martian_destination";
    /// The TTL or hop limit ran out.
    TTL_EXPIRED = 11, "ttl_expired";
    /// No route to the destination.
    NO_ROUTE = 12, "no_route";
    /// A route that says to drop.
    BLACKHOLE = 13, "blackhole";
    /// Longer than the outgoing link takes.
    TOO_BIG = 14, "too_big";
    /// The next hop did not say its Ethernet address.
    NO_NEIGHBOUR = 15, "no_neighbour";
    /// Too many packets wait for that next hop's address.
    NEIGHBOUR_QUEUE_FULL = 16, "neighbour_queue_full";
    /// Options that the forwarder does not take.
    OPTIONS = 17, "options";
    /// A fragment where a whole packet is needed.
    FRAGMENT = 18, "fragment";
    /// No rule matched, and the default is to drop.
    NO_MATCH = 19, "no_match";
    /// A rule says to drop.
    FILTERED = 20, "filtered";
    /// An answer was due, and too many were sent already.
    RATE_LIMITED = 21, "rate_limited";
    /// There was no frame for a packet to be made.
    NO_FRAME = 22, "no_frame";
    /// The packet has no room for a header to be prepended.
    NO_HEADROOM = 23, "no_headroom";
    /// The packet is in several frames where one is needed.
    CHAINED = 24, "chained";
    /// A verdict named a port that the worker does not have.
    NO_PORT = 25, "no_port";
    /// The outgoing port took no more.
    TX_FULL = 26, "tx_full";
    /// Nobody took the punted packets.
    PUNT_FULL = 27, "punt_full";
    /// It was for the forwarder itself and needed no answer, as an ARP reply. No fault.
    CONSUMED = 28, "consumed";
    /// It was for the forwarder itself, which does not speak that protocol.
    NOT_SPOKEN = 29, "not_spoken";
    /// The worker was stopped before it was sent.
    SHUTDOWN = 30, "shutdown";
    /// It would have left by the port it came in by, where that is not allowed.
    HAIRPIN = 31, "hairpin";
}

impl DropReason {
    /// The first number of the program's own reasons.
    pub const CUSTOM: u8 = 40;

    /// How many numbers there are.
    pub const COUNT: usize = 64;

    /// A reason of the program's own; those past the last number share it.
    pub const fn custom(number: u8) -> Self {
        let code = Self::CUSTOM.saturating_add(number);
        Self(if code < Self::COUNT as u8 {
            code
        } else {
            Self::COUNT as u8 - 1
        })
    }

    /// The reason of this number; numbers past the last share it.
    pub const fn from_code(code: u8) -> Self {
        Self(if code < Self::COUNT as u8 {
            code
        } else {
            Self::COUNT as u8 - 1
        })
    }

    /// The reason's number, below [`COUNT`](Self::COUNT).
    #[inline]
    pub const fn code(self) -> u8 {
        self.0
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.checked_sub(Self::CUSTOM) {
            Some(number) => write!(f, "custom_{number}"),
            None => f.write_str(self.name()),
        }
    }
}

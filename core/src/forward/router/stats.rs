//! What a router counts beyond the reasons for its drops.

use core::fmt;

use crate::trace::Counter;

macro_rules! counters {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$doc:meta])* $field:ident,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Default)]
        pub struct $name {
            $($(#[$doc])* pub $field: Counter,)*
        }

        impl $name {
            /// All at zero.
            #[cfg(not(loom))]
            pub const fn new() -> Self {
                Self { $($field: Counter::new(),)* }
            }

            /// All at zero.
            #[cfg(loom)]
            pub fn new() -> Self {
                Self::default()
            }

            /// Each counter's name and value, in the order of the fields.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
                [$((stringify!($field), &self.$field),)*]
                    .into_iter()
                    .map(|(name, counter)| (name, counter.value()))
            }
        }
    };
}

counters! {
    /// What a router counted: it writes, any thread reads.
    ///
    /// Packets that were dropped are counted by reason, where the worker counts.
    ///
    /// ```
    /// use linecard::forward::router::RouterStats;
    /// static STATS: RouterStats = RouterStats::new();
    /// assert_eq!(STATS.echo_replies.value(), 0);
    /// assert_eq!(STATS.to_string(), "nothing yet");
    /// ```
    pub struct RouterStats {
        /// ARP requests sent.
        arp_requests,
        /// ARP replies sent.
        arp_replies,
        /// Neighbour solicitations sent.
        solicitations,
        /// Neighbour advertisements sent.
        advertisements,
        /// Reports of multicast listeners sent.
        listener_reports,
        /// Neighbours that told their Ethernet address, or a new one.
        resolved,
        /// Neighbours that did not answer.
        unresolved,
        /// Packets that waited for a neighbour's address.
        parked,
        /// ICMP echo requests answered, of both versions.
        echo_replies,
        /// ICMP time exceeded sent, of both versions.
        time_exceeded,
        /// ICMP destination unreachable sent, of both versions.
        unreachable,
        /// ICMP fragmentation needed and packet too big sent.
        too_big,
        /// ICMP parameter problem sent, of both versions.
        parameter_problem,
        /// ICMP errors that were due and not sent, because too many were.
        rate_limited,
        /// Packets that were fragmented.
        fragmented,
        /// Fragments made of them.
        fragments,
        /// ARP packets and neighbour advertisements from others that claim an address of ours.
        conflicts,
        /// Packets that could not be made because there was no frame.
        no_frame,
    }
}

impl fmt::Display for RouterStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut counted = self.iter().filter(|&(_, count)| count != 0);
        let Some((name, count)) = counted.next() else {
            return f.write_str("nothing yet");
        };
        write!(f, "{name} {count}")?;
        counted.try_for_each(|(name, count)| write!(f, ", {name} {count}"))
    }
}

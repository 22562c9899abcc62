//! What a queue counts, by the same names in every driver.

use core::fmt;

macro_rules! stats {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$doc:meta])* $field:ident,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[$doc])* pub $field: u64,)*
        }

        impl $name {
            /// Each counter's name and value, in the order of the fields.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
                [$((stringify!($field), self.$field),)*].into_iter()
            }

            /// Adds another queue's counters to these.
            pub fn add(&mut self, other: &Self) {
                $(self.$field = self.$field.wrapping_add(other.$field);)*
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{} packets, {} bytes", self.packets, self.bytes)?;
                for (name, count) in self.iter().skip(2).filter(|&(_, count)| count != 0) {
                    write!(f, ", {name} {count}")?;
                }
                Ok(())
            }
        }
    };
}

stats! {
    /// What a receive queue counted since it was opened.
    ///
    /// `packets` were given to the program. All that follow were not, each under one name.
    ///
    /// ```
    /// use linecard::device::RxStats;
    /// let mut stats = RxStats::default();
    /// stats.packets = 2;
    /// stats.bytes = 128;
    /// stats.missed = 1;
    /// assert_eq!(stats.to_string(), "2 packets, 128 bytes, missed 1");
    /// ```
    pub struct RxStats {
        /// Packets given to the program.
        packets,
        /// Their bytes, from the Ethernet header to the end of the payload, without the FCS.
        bytes,
        /// Packets that the device dropped because the program did not take them in time.
        missed,
        /// Times that the pool had no frame for the device to fill.
        no_frames,
        /// Packets longer than a frame, or than the device was set up for.
        oversize,
        /// Packets cut short, by the wire or by the capture.
        truncated,
        /// Packets of a link whose headers the device cannot make Ethernet of.
        unsupported,
        /// Completions that broke the rules: an index, address or length that cannot be.
        invalid,
        /// Packets that the device or the kernel dropped for another reason.
        errors,
        /// Packets dropped on purpose by a fault-injecting wrapper.
        injected,
        /// System calls or doorbells made to receive.
        kicks,
    }
}

stats! {
    /// What a transmit queue counted since it was opened.
    ///
    /// Each packet taken by `tx_burst` is in `packets`, or in one of the drops: `oversize`,
    /// `undersize`, `unsupported`, `link_down`, `errors`, `injected`.
    ///
    /// ```
    /// use linecard::device::TxStats;
    /// let mut stats = TxStats::default();
    /// stats.packets = 3;
    /// stats.oversize = 2;
    /// assert_eq!(stats.dropped(), 2);
    /// ```
    pub struct TxStats {
        /// Packets handed to the device.
        packets,
        /// Their bytes, from the Ethernet header to the end of the payload, without the FCS.
        bytes,
        /// Packets that the device says it is done with.
        completed,
        /// Packets dropped: longer than the device takes.
        oversize,
        /// Packets dropped: shorter than an Ethernet header, 14 bytes.
        undersize,
        /// Packets dropped: in a form that the device does not take, such as several frames.
        unsupported,
        /// Packets dropped: the link is down.
        link_down,
        /// Packets dropped by the device or the kernel for another reason.
        errors,
        /// Packets dropped on purpose by a fault-injecting wrapper.
        injected,
        /// Times that a burst did not fit and its rest was left with the caller.
        full,
        /// Completions that broke the rules: an index or address that cannot be.
        invalid,
        /// Packets copied into another frame, because theirs is of another pool.
        copied,
        /// System calls or doorbells made to send.
        kicks,
        /// Kicks that the device or the kernel refused for the moment.
        busy,
    }
}

impl RxStats {
    /// Packets that came, as far as is known, and were not given to the program.
    pub const fn dropped(&self) -> u64 {
        self.missed
            + self.oversize
            + self.truncated
            + self.unsupported
            + self.invalid
            + self.errors
            + self.injected
    }
}

impl TxStats {
    /// Packets that were taken and never sent.
    pub const fn dropped(&self) -> u64 {
        self.oversize
            + self.undersize
            + self.unsupported
            + self.link_down
            + self.errors
            + self.injected
    }
}

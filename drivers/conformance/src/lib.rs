//! One suite that every driver of [`linecard`] passes.
//!
//! What a device promises is written down in [`linecard::device`]; here it is asked. A driver brings
//! a [`Harness`]: how to make a port, and a far side that injects frames and collects them. One line
//! then makes all tests of it:
//!
//! ```no_run
//! linecard_conformance::suite!(linecard_conformance::LoopbackHarness);
//!
//! /// So that the suite sees whether a burst allocates.
//! #[global_allocator]
//! static ALLOCATOR: linecard_conformance::CountingAllocator = linecard_conformance::CountingAllocator;
//! # fn main() {}
//! ```
//!
//! ```text
//!                 the port under test                  the far side
//!
//!   a test ---> tx_burst  ---> [ driver ] --- wire --->  collect  ---> compared with what was sent
//!   a test <--- rx_burst  <--- [ driver ] <-- wire ---   inject   <--- numbered frames
//!                                                        step
//! ```
//!
//! Every frame is numbered and its bytes follow from its number, so that one that is lost, doubled,
//! out of order or changed is told by name. Every test ends in the same way: everything that is
//! under way arrives, the statistics add up (each packet that was taken is counted once), the queue
//! is closed, and the pool's audit finds every frame back in its place. On the way every call is
//! watched: a burst that allocates, that gives another number than it says, or that touches a packet
//! it did not take, fails the test whichever it is.
//!
//! What a driver cannot do it says as data, in its [`Profile`] and its [`Limits`], and the tests
//! assert what holds instead. A port in another process or in an image is tested from outside, as a
//! [`Forwarder`], with [`forwarder_suite!`]; a [`Harness`] passes those tests too.
//!
//! The suite is itself tested with devices that are broken on purpose, one for each thing that it
//! must notice (`tests/broken`).

mod bench;
pub mod check;
mod far;
mod frames;
mod harness;
mod memory;
mod pool;
mod profile;
mod reflector;

pub use harness::{Forwarder, Harness, Injected, Totals, Wire};
pub use linecard_testnet::CountingAllocator;
pub use memory::{LoopbackHarness, NullHarness};
pub use pool::{pool, pool_with};
pub use profile::{Fills, Foreign, Inject, LeftOut, Limits, Overflow, Profile, Setup};
pub use reflector::Reflector;

/// Makes a test of each function in [`check`] for one [`Harness`]. For several in one file, put
/// each into a module of its own.
///
/// ```no_run
/// mod loopback {
///     linecard_conformance::suite!(linecard_conformance::LoopbackHarness);
/// }
/// mod null {
///     linecard_conformance::suite!(linecard_conformance::NullHarness);
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! suite {
    ($harness:ty) => {
        $crate::tests! { $harness;
            lifecycle: a_queue_is_opened_once, closing_gives_back_what_is_under_way,
                a_reset_port_works_again, an_idle_port_can_be_reset;
            packets: lengths_at_the_edges_are_received_or_counted,
                lengths_at_the_edges_are_sent_or_counted,
                packets_anywhere_in_their_frames_are_sent, chained_packets_are_sent_or_counted,
                packets_of_another_pool_are_sent_or_counted, a_burst_is_appended_to,
                held_packets_are_left_alone;
            pressure: unsent_packets_are_given_back_intact,
                a_full_receive_queue_loses_nothing_unaccounted, an_empty_pool_only_delays,
                indices_wrap;
            random: random_walks_balance;
            traffic: a_million_are_received, a_million_are_sent, lengths_up_to_the_longest_arrive,
                bursts_of_any_size_pass, an_idle_queue_does_nothing, capabilities_are_consistent,
                the_allocator_is_watched;
        }
        $crate::forwarder_suite!($crate::Reflector<$harness>);
    };
}

/// Makes a test of each function in [`check::through`] for one [`Forwarder`].
///
/// ```no_run
/// use linecard_conformance::{LoopbackHarness, Reflector};
/// linecard_conformance::forwarder_suite!(Reflector<LoopbackHarness>);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! forwarder_suite {
    ($forwarder:ty) => {
        $crate::tests! { $forwarder;
            through: a_million_come_through, lengths_come_through, groups_come_through;
        }
    };
}

/// Makes tests of functions.
#[doc(hidden)]
#[macro_export]
macro_rules! tests {
    ($type:ty;) => {};
    ($type:ty; $module:ident: $($name:ident),+; $($rest:tt)*) => {
        $(#[test]
        fn $name() {
            $crate::check::$module::$name::<$type>();
        })+
        $crate::tests! { $type; $($rest)* }
    };
}

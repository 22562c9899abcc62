//! The suite notices: devices that are broken on purpose, each in one way, and the test that says so.
//!
//! Each fault is put into a port that otherwise passes (`tests/memory.rs`).
#![allow(unsafe_code, unreachable_pub)]

mod device;

use linecard_conformance::check::{lifecycle, packets, pressure, random, through, traffic};
use linecard_conformance::{CountingAllocator, Reflector};

use device::{Broken, fault};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// A test each: the fault, the check that it fails, and a part of what that says.
macro_rules! caught {
    ($($name:ident: $module:ident::$check:ident says $message:literal;)+) => {
        $(#[test]
        #[should_panic(expected = $message)]
        #[allow(non_snake_case)] // the fault's own name
        fn $name() {
            $module::$check::<Broken<{ fault::$name }>>();
        })+
    };
}

caught! {
    LOSES_RECEIVED: traffic::a_million_are_received says "frames were lost or are out of order";
    LOSES_THE_LAST_RECEIVED: traffic::a_million_are_received says "1 frames lost";
    LOSES_SENT: traffic::a_million_are_sent says "frames were lost or are out of order";
    DOUBLES_RECEIVED: traffic::a_million_are_received says "it came twice";
    DOUBLES_SENT: traffic::a_million_are_sent says "came, and none was due";
    SWAPS_RECEIVED: traffic::a_million_are_received says "lost or are out of order";
    SWAPS_SENT: traffic::a_million_are_sent says "lost or are out of order";
    SPOILS_RECEIVED: traffic::lengths_up_to_the_longest_arrive says "it has changed on the way";
    SPOILS_SENT: traffic::lengths_up_to_the_longest_arrive says "it has changed on the way";
    CUTS_LONG_ONES: traffic::lengths_up_to_the_longest_arrive says "it has changed on the way";
    LOSES_AT_2_TO_THE_16: pressure::indices_wrap says "frames were lost or are out of order";
    LEAKS_SENT: traffic::a_million_are_sent says "992 held";
    LEAKS_ONE_RECEIVED: traffic::a_million_are_received says "1 held";
    KEEPS_FRAMES_WHEN_CLOSED: lifecycle::closing_gives_back_what_is_under_way says "are still held";
    NEVER_COMPLETES: traffic::bursts_of_any_size_pass says "is not done with";
    FORGETS_TO_COUNT_RECEIVED: traffic::bursts_of_any_size_pass says "received packets and bytes";
    COUNTS_WRONG_BYTES_RECEIVED: traffic::bursts_of_any_size_pass says "received packets and bytes";
    FORGETS_TO_COUNT_SENT: traffic::bursts_of_any_size_pass says "that tx_burst took";
    COUNTS_SENT_TWICE: traffic::bursts_of_any_size_pass says "that tx_burst took";
    COUNTS_WRONG_BYTES_SENT: traffic::bursts_of_any_size_pass says "bytes sent";
    COUNTS_NO_COMPLETIONS: traffic::bursts_of_any_size_pass says "completed and sent";
    COUNTS_DROPS_AS_SENT: packets::lengths_at_the_edges_are_sent_or_counted says "lost or are out of order";
    LOSES_SHORT_ONES_UNCOUNTED: packets::lengths_at_the_edges_are_received_or_counted says "came where number 0 of 0 bytes was due";
    COUNTS_A_DROP_THAT_WAS_NONE: traffic::bursts_of_any_size_pass says "that were not received";
    FORGETS_FULL: pressure::unsent_packets_are_given_back_intact says "bursts that did not fit";
    FREES_WHAT_DOES_NOT_FIT: pressure::unsent_packets_are_given_back_intact says "a queue of 256 that holds";
    TURNS_WHAT_DOES_NOT_FIT: pressure::unsent_packets_are_given_back_intact says "has changed, or its place";
    MARKS_WHAT_DOES_NOT_FIT: pressure::unsent_packets_are_given_back_intact says "has changed, or its place";
    TAKES_FROM_THE_BACK: pressure::unsent_packets_are_given_back_intact says "has changed, or its place";
    SAYS_MORE_THAN_IT_TOOK: traffic::bursts_of_any_size_pass says "tx_burst says that it took";
    SAYS_MORE_THAN_IT_GAVE: traffic::bursts_of_any_size_pass says "rx_burst says";
    DISTURBS_THE_CALLERS_BURST: packets::a_burst_is_appended_to says "a packet of the caller's";
    MAKES_PACKETS_UP: traffic::an_idle_queue_does_nothing says "none was due";
    DROPS_WITHOUT_FRAMES: pressure::an_empty_pool_only_delays says "lost";
    DROPS_ONE_OF_MANY: pressure::a_full_receive_queue_loses_nothing_unaccounted says "lost";
    OPENS_TWICE: lifecycle::a_queue_is_opened_once says "a queue that is open";
    OPENS_ANY_QUEUE: lifecycle::a_queue_is_opened_once says "a queue that is not there";
    KEEPS_COUNTS_AT_RESET: lifecycle::a_reset_port_works_again says "since a reset";
    LEAKS_AT_RESET: lifecycle::a_reset_port_works_again says "10 held";
    IS_DEAD_AFTER_RESET: lifecycle::an_idle_port_can_be_reset says "frames lost";
    FORGETS_TAILS: packets::chained_packets_are_sent_or_counted says "7 held";
    SENDS_FIRST_PARTS: packets::chained_packets_are_sent_or_counted says "it has changed on the way";
    LOSES_FOREIGN: packets::packets_of_another_pool_are_sent_or_counted says "lost or are out of order";
    SPOILS_WITHOUT_HEADROOM: packets::packets_anywhere_in_their_frames_are_sent says "it has changed";
    ALLOCATES_TO_RECEIVE: traffic::bursts_of_any_size_pass says "rx_burst has asked the allocator";
    ALLOCATES_TO_SEND: traffic::bursts_of_any_size_pass says "tx_burst has asked the allocator";
    SAYS_TOO_SHORT_A_FRAME: traffic::capabilities_are_consistent says "a frame of the MTU";
    WRITES_TO_HELD_PACKETS: packets::held_packets_are_left_alone says "was written to";
    LOSES_ONE_IN_A_WHILE: random::random_walks_balance says "lost or are out of order";
}

#[test]
#[should_panic(expected = "frames were lost or are out of order")]
fn a_forwarder_that_loses_is_caught() {
    through::a_million_come_through::<Reflector<Broken<{ fault::LOSES_SENT }>>>();
}

#[test]
#[should_panic(expected = "frames that went through, counted and real")]
fn a_forwarder_that_miscounts_is_caught() {
    through::groups_come_through::<Reflector<Broken<{ fault::COUNTS_SENT_TWICE }>>>();
}

/// The port without a fault passes every check that is used above: it is the fault that is caught.
mod without_a_fault {
    linecard_conformance::suite!(super::Broken<{ super::fault::NONE }>);
}

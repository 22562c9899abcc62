//! The forwarders that the benches compare over veth forward: what they are given comes out as it was, in order.
//!
//! Needs root; where it cannot run it says so, and fails instead when `LINECARD_REQUIRE_VETH` is set.

use core::time::Duration;

use linecard_af_xdp::Config;
use linecard_benches::af_xdp::lane::{Input, Lane};
use linecard_benches::af_xdp::turn::Poller;
use linecard_benches::af_xdp::{crates, others, ours};
use linecard_testnet::{Meter, PacketSocket, available};

/// Nobody else speaks it.
const ETHERTYPE: u16 = PacketSocket::ETHERTYPE;

/// A lane, if it can be had.
fn lane(input: Input) -> Option<Lane> {
    available(&["ip"]).then(|| Lane::new(input).expect("a lane"))
}

/// Sends frames of all lengths to a forwarder, and looks at what comes out.
fn passes(lane: &Lane, who: &str) {
    let (near, far) = lane.outside(|| {
        (
            PacketSocket::on("gen0", ETHERTYPE),
            PacketSocket::on("out1", ETHERTYPE),
        )
    });
    // A busy machine, and programs that wait a millisecond for a block to be full.
    far.set_timeout(Duration::from_secs(30));
    for number in 0..100_usize {
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5];
        let len = 60 + number * 13;
        frame.extend((14..len).map(|at| (at * 7 + number) as u8));
        near.send(&frame);
        let came = far
            .receive()
            .unwrap_or_else(|| panic!("{who}: frame {number} is lost"));
        assert!(
            came == frame,
            "{who}: frame {number} of {len} bytes is another one"
        );
    }
}

#[test]
fn ours_forwards() {
    let Some(lane) = lane(Input::Xdp) else { return };
    let poller = Poller::new(&lane.inside, None, || {
        let stage = ours::cross_connect()?;
        ours::worker(ours::open(Config::default())?, stage, |rx, tx| (rx, tx))
    });
    let poller = poller.expect("a worker");
    poller.hold(false);
    passes(&lane, "ours");
}

#[test]
fn loops_over_other_crates_forward() {
    for (name, open) in crates::LOOPS {
        let Some(lane) = lane(Input::Xdp) else { return };
        let poller = Poller::new(&lane.inside, None, open).expect("a loop");
        poller.hold(false);
        passes(&lane, name);
    }
}

#[test]
fn packet_sockets_forward() {
    for form in ["tpacket", "pcap"] {
        let Some(lane) = lane(Input::Stack) else {
            return;
        };
        match others::start_packet_socket(&lane.inside, form, 0) {
            Ok(_peer) => passes(&lane, form),
            Err(why) if why.contains("no libpcap") || why.contains("compile") => {
                println!("{form}: left out: {why}");
            }
            Err(why) => panic!("{form}: {why}"),
        }
    }
}

#[test]
fn the_flood_comes_through_and_is_counted() {
    if !available(&["ip"]) {
        return;
    }
    let lane = Lane::flooded(Input::Stack, None).expect("a lane with a flood");
    others::route_by_kernel(&lane);
    lane.flood(true).expect("it begins");
    let end = std::time::Instant::now() + Duration::from_secs(30);
    // The kernel takes only packets whose header checksum is right.
    while lane.count().expect("a count") < 10_000 {
        assert!(
            std::time::Instant::now() < end,
            "the flood does not come through"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    lane.flood(false).expect("it ends");
    let rest = lane.count().expect("a count");
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(lane.count().expect("a count"), rest, "it has ended");
}

#[test]
fn system_calls_are_counted_and_the_time_between_them() {
    if !available(&[]) {
        return;
    }
    let this = rustix::thread::gettid().as_raw_pid().cast_unsigned();
    let meter = Meter::of(this).expect("programs at the tracepoints");
    let running = meter.start().expect("they are attached");
    for _ in 0..1000 {
        std::thread::yield_now();
    }
    let (calls, between) = running.stop().expect("it can be read");
    assert!((1000..1100).contains(&calls), "{calls}");
    assert!(between > Duration::ZERO, "{between:?}");
}

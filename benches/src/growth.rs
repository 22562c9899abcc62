//! What a packet costs as work grows: flows, routes, bursts, sizes. The rows are points of curves.

use linecard::platform::NoClock;

use crate::harness::Contender;
use crate::peer_router::same_mac;
use crate::routing::{
    FLOWS, FRAME, ROUTES, belt, bench_flows, cross_connect, frame, frames, generated_flows,
    router_stage, router_with, through, through_by,
};

fn point(
    name: &str,
    at: usize,
    build: impl FnOnce(&'static str) -> Result<Contender, String> + 'static,
) -> Contender {
    let name: &'static str = format!("{name} @ {at}").leak();
    Contender::lazy(name, move || build(name))
}

/// From 2^6 to 2^20 flows, over 500,000 routes.
///
/// # Errors
/// None: each point is built by itself.
pub fn flows() -> Result<Vec<Contender>, String> {
    let mut points = Vec::new();
    for power in (6..=20).step_by(2) {
        let flows = 1_u32 << power;
        points.push(point("linecard router", flows as usize, move |name| {
            generated_flows(name, router_stage(same_mac)?, flows, ROUTES)
        }));
        points.push(point(
            "linecard cross-connect",
            flows as usize,
            move |name| generated_flows(name, cross_connect()?, flows, ROUTES),
        ));
    }
    Ok(points)
}

/// From 10^3 to 10^6 routes, with 8,192 flows over all of them.
///
/// # Errors
/// None: each point is built by itself.
pub fn routes() -> Result<Vec<Contender>, String> {
    let counts = [1_000, 4_000, 16_000, 64_000, 250_000, 500_000, 1_000_000];
    let points = counts.into_iter().map(|routes| {
        point("linecard router", routes, move |name| {
            let flows = bench_flows(FLOWS, routes);
            let frames: Result<_, _> = flows.iter().map(|flow| frame(flow, FRAME)).collect();
            let (cache, rx, tx) = belt(false, frames?)?;
            through(name, router_with(routes, same_mac)?, cache, rx, tx)
        })
    });
    Ok(points.collect())
}

/// Bursts of 1 to 256 packets.
///
/// # Errors
/// None: each point is built by itself.
pub fn burst() -> Result<Vec<Contender>, String> {
    Ok([
        of::<1>(),
        of::<2>(),
        of::<4>(),
        of::<8>(),
        of::<16>(),
        of::<32>(),
        of::<64>(),
        of::<128>(),
        of::<256>(),
    ]
    .into_iter()
    .flatten()
    .collect())
}

fn of<const BURST: usize>() -> [Contender; 2] {
    [
        point("linecard router", BURST, |name| {
            let (cache, rx, tx) = belt(false, frames()?)?;
            let stage = router_stage(same_mac)?;
            through_by::<_, _, _, _, BURST>(name, stage, cache, (rx, tx), NoClock, None)
        }),
        point("linecard cross-connect", BURST, |name| {
            let (cache, rx, tx) = belt(false, frames()?)?;
            let stage = cross_connect()?;
            through_by::<_, _, _, _, BURST>(name, stage, cache, (rx, tx), NoClock, None)
        }),
    ]
}

/// Frames of 64 to 1,518 bytes, with the FCS; already in hand.
///
/// # Errors
/// None: each point is built by itself.
pub fn size() -> Result<Vec<Contender>, String> {
    let sizes = [64, 128, 256, 512, 1024, 1518].into_iter();
    let points = sizes.flat_map(|size: usize| {
        let frames = move || {
            let flows = bench_flows(FLOWS, ROUTES);
            flows
                .iter()
                .map(|flow| frame(flow, size - FCS))
                .collect::<Result<Vec<_>, _>>()
        };
        [
            point("linecard router", size, move |name| {
                let (cache, rx, tx) = belt(false, frames()?)?;
                through(name, router_stage(same_mac)?, cache, rx, tx)
            }),
            point("linecard cross-connect", size, move |name| {
                let (cache, rx, tx) = belt(false, frames()?)?;
                through(name, cross_connect()?, cache, rx, tx)
            }),
        ]
    });
    Ok(points.collect())
}

/// Bytes of the frame check sequence, which a card takes off.
const FCS: usize = 4;

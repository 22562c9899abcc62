//! Cache maintenance for devices that do not see the processor's caches: what it costs a line.
//!
//! A packet's lines are written, as a forwarder would, and then synced for the device. The row
//! `nothing` is the writing alone. Instructions that the processor does not have have no row.

use linecard::mempool::{Cache, Frame, Pool, PoolConfig, Region, Slot};
use linecard::platform::{Arena, CacheInstruction, CacheMaintenance, Dma, NonCoherent, Window};

use crate::harness::Contender;

/// Frames that are synced in turn: their lines fit the second-level cache and not the first.
const FRAMES: usize = 256;

/// Bytes of a cache line, and lines of a packet with its headers alone, and of a long one.
const LINE: usize = 64;
const LONG: usize = 23;

/// The headers of each packet, one line, before the device reads them.
pub fn header_for_device() -> Result<Vec<Contender>, String> {
    contenders(1, |dma, frame, len| {
        dma.sync_for_device(frame.as_ptr(), len)
    })
}

/// A packet of 1,472 bytes, before the device reads it.
pub fn packet_for_device() -> Result<Vec<Contender>, String> {
    contenders(LONG, |dma, frame, len| {
        dma.sync_for_device(frame.as_ptr(), len)
    })
}

/// A packet of 1,472 bytes, before the processor reads it again.
pub fn packet_for_cpu() -> Result<Vec<Contender>, String> {
    contenders(LONG, |dma, frame, len| {
        dma.sync_for_cpu(frame.as_ptr(), len)
    })
}

type Maintained = NonCoherent<&'static Arena<'static>>;

fn contenders(
    lines: usize,
    sync: impl Fn(&Maintained, &Frame<'static>, usize) + Copy + 'static,
) -> Result<Vec<Contender>, String> {
    let names = [
        (CacheInstruction::Nothing, "nothing (the writes alone)"),
        (CacheInstruction::Clwb, "CLWB, SFENCE"),
        (CacheInstruction::ClflushOpt, "CLFLUSHOPT, SFENCE"),
        (CacheInstruction::Clflush, "CLFLUSH"),
        (CacheInstruction::DcVac, "DC CVAC / CIVAC, DSB"),
    ];
    let mut contenders = Vec::new();
    for (instruction, name) in names {
        match CacheMaintenance::with(instruction) {
            Some(cache) => contenders.push(contender(name, cache, lines, sync)?),
            None => eprintln!("{instruction}: not on this processor"),
        }
    }
    Ok(contenders)
}

fn contender(
    name: &'static str,
    maintenance: CacheMaintenance,
    lines: usize,
    sync: impl Fn(&Maintained, &Frame<'static>, usize) + 'static,
) -> Result<Contender, String> {
    let config = PoolConfig::default();
    let memory: &'static mut [u8] = vec![0; FRAMES * config.frame_size + LINE].leak();
    let slots: &'static [Slot] = (0..FRAMES).map(|_| Slot::new()).collect::<Vec<_>>().leak();
    let region = Region::from_slice(memory);
    let windows: &'static [Window<'static>] = vec![Window::of(&region)].leak();
    let arena = Arena::new(Region::from_slice(&mut [])).with_windows(windows);
    let arena: &'static Arena<'static> = Box::leak(Box::new(arena));
    let dma = NonCoherent::new(arena, maintenance);
    let pool = Pool::new(region, slots, config).map_err(|error| error.to_string())?;
    let pool: &'static Pool<'static> = Box::leak(Box::new(pool));
    let mut cache = Cache::new(pool, "bench", 32).map_err(|error| error.to_string())?;
    let mut frames = Vec::new();
    while let Some(mut frame) = cache.alloc() {
        frame
            .append(lines * LINE)
            .map_err(|error| error.to_string())?;
        frames.push(frame);
    }
    let mut next = 0;
    let mut value = 0u8;
    Ok(Contender::timed(name, move |units| {
        for _ in 0..units / lines as u64 {
            value = value.wrapping_add(1);
            if let Some(frame) = frames.get_mut(next) {
                for line in frame.data_mut().chunks_mut(LINE) {
                    line[0] = value;
                }
                sync(&dma, frame, lines * LINE);
            }
            next = if next + 1 < frames.len() { next + 1 } else { 0 };
        }
    }))
}

//! What only a machine can show: its caches, and what it refuses. For tests in QEMU, and for a first
//! look at another machine. (QEMU has no caches: there `cache` shows that the instructions run and
//! harm nothing, and on a machine that has some, that they do what they are for.)
//!
//! | `--self-test` | does | ends |
//! |---|---|---|
//! | `cache` | writes memory by one side and reads it by the other, through the cache maintenance | well |
//! | `panic` | panics | with the place |
//! | `stack` | recurses until the stack is full | with a fault |
//! | `write-code` | writes to its own code | with a fault |
//! | `run-data` | calls what is data | with a fault |
//! | `null` | reads address 8 | with a fault |
//! | `beyond` | reads at 0x7000'0000, where a machine of 16 MiB has nothing | with a fault |

use core::hint::black_box;

use linecard::platform::{Arena, CacheMaintenance, Dma, NonCoherent, barrier};

use crate::console::say;
use crate::memory::{OutOfMemory, Ram};

/// Does it; whether all was well, which only `cache` can be.
///
/// # Panics
/// If it is asked to.
pub fn run(name: &str, mut ram: Ram) -> bool {
    match name {
        "cache" => {
            let well = cache(&mut ram);
            say!("cache: {well:?}");
            return well == Ok(true);
        }
        "panic" => panic!("deliberate, {name}"),
        "stack" => say!("{}", deeper(0)),
        "write-code" => write(run as *const () as usize, 0),
        "run-data" => {
            let Ok(code) = ram.slice("code", 64, |_| 0u8) else {
                return false;
            };
            let code: *mut u8 = code.as_mut_ptr();
            // SAFETY: none: the processor is to refuse it.
            let code: extern "C" fn() = unsafe { core::mem::transmute(code) };
            code();
        }
        "null" => say!("{}", read(8)),
        "beyond" => say!("{}", read(0x7000_0000)),
        _ => say!("no self-test {name}"),
    }
    say!("{name}: it was not refused");
    false
}

/// What one side writes the other reads: the processor through its caches, and a device past them.
/// Where there is no way past them the bytes must at least stay what they are.
fn cache(ram: &mut Ram) -> Result<bool, OutOfMemory> {
    let cache = CacheMaintenance::detect();
    say!("cache: {}, lines of {}", cache.instruction(), cache.line());
    let arena = Arena::new(ram.region("frames", 2 * BYTES)?);
    let dma = NonCoherent::new(&arena, cache);
    let expected = ram.slice("what is expected", BYTES, |_| 0u8)?;
    let Ok(frame) = dma.allocate(BYTES, 64) else {
        return Ok(false);
    };
    let here = frame.at.as_ptr().addr();
    let there = uncached(here);
    let mut number = 0u8;
    for (at, len) in [
        (0, BYTES),
        (1, 1),
        (63, 2),
        (64, 64),
        (100, 1500),
        (4095, 2),
    ] {
        for (from, to) in [(here, there), (there, here)] {
            for (offset, byte) in expected.iter_mut().enumerate().skip(at).take(len) {
                number = number.wrapping_mul(5).wrapping_add(17);
                *byte = number;
                write(from + offset, number);
            }
            let place = frame.at.map_addr(|first| first.saturating_add(at));
            if from == here {
                dma.sync_for_device(place, len);
            } else {
                dma.sync_for_cpu(place, len);
            }
            barrier::write();
            barrier::full();
            barrier::read();
            barrier::mmio();
            let wrong = |side: usize| {
                let mut bytes = expected.iter().enumerate();
                bytes.find(|(offset, byte)| read(side + offset) != **byte)
            };
            if let Some((offset, byte)) = wrong(to).or(wrong(from)) {
                say!("cache: byte {offset} is not {byte}, after {at}, {len}");
                return Ok(false);
            }
        }
    }
    Ok(true)
}

#[cfg(target_arch = "aarch64")]
use crate::arch::uncached;

/// There is no second way to memory.
#[cfg(not(target_arch = "aarch64"))]
fn uncached(address: usize) -> usize {
    address
}

fn write(address: usize, byte: u8) {
    let at: *mut u8 = core::ptr::with_exposed_provenance_mut(address);
    // SAFETY: memory of the caller's, or an address that the processor is to refuse.
    unsafe { at.write_volatile(byte) };
}

fn read(address: usize) -> u8 {
    let at: *const u8 = core::ptr::with_exposed_provenance(address);
    // SAFETY: as in `write`.
    unsafe { at.read_volatile() }
}

/// Another half kibibyte of stack, and so on.
#[inline(never)]
fn deeper(depth: u64) -> u64 {
    let taken = black_box([depth; 64]);
    if depth == u64::MAX {
        return 0;
    }
    let below = deeper(depth + 1);
    taken
        .iter()
        .fold(below, |sum, word| sum.wrapping_add(*word))
}

/// A few pages.
const BYTES: usize = 16 * 1024;

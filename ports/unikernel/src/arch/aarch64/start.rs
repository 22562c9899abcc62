//! What the machine says of itself at the start: its device tree.

use core::arch::asm;
use core::slice;

use super::{exit, serial};
use crate::arch::Calibration;
use crate::console::say;
use crate::device_tree::{Machine, Tree};
use crate::discover::Buses;
use crate::memory::{Ram, Span};
use crate::pci::Host;
use crate::{Boot, linecard_main};

/// The first compiled code: on the boot stack, with memory mapped one to one.
#[unsafe(no_mangle)]
extern "C" fn linecard_start(tree: u64, counter: u64) -> ! {
    let calibration = Calibration::begin(counter);
    let Some(tree) = blob(tree) else {
        serial::init(UART);
        // As when QEMU is given the ELF file and not the flat one that is made of it.
        say!("no device tree at {tree:#x}: this was not started by Linux's boot protocol");
        crate::exit(false);
    };
    let machine = match Machine::of(tree) {
        Ok(machine) => machine,
        Err(error) => {
            serial::init(UART);
            say!("{error}");
            crate::exit(false);
        }
    };
    exit::power_by(machine.power);
    let mapped = |address: &u64| super::is_device(*address, address.saturating_add(0x1000));
    serial::init(machine.serial.filter(mapped).unwrap_or(UART));
    let mut taken: heapless::Vec<Span, 18> = heapless::Vec::new();
    let _ = taken.push(Span::of(tree.as_ptr().addr(), tree.len()));
    let module = machine.module.and_then(|(address, len)| {
        let bytes = bytes(address, len)?;
        let _ = taken.push(Span::of(bytes.as_ptr().addr(), bytes.len()));
        Some(bytes)
    });
    for &(address, len) in &machine.reserved {
        let _ = taken.push(Span::of(address as usize, len as usize));
    }
    let mut ram = Ram::EMPTY;
    let mut end = MEMORY.start;
    for &(address, len) in &machine.memory {
        let (first, last) = (
            address.max(MEMORY.start),
            address.saturating_add(len).min(MEMORY.end),
        );
        end = end.max(last);
        let len = last.saturating_sub(first);
        ram.offer(Span::of(first as usize, len as usize), &taken);
    }
    unmap_from(end);
    linecard_main(Boot {
        command_line: machine.command_line,
        module,
        ram,
        calibration: calibration.or(machine.timer),
        buses: Buses {
            pci: machine.ecam.as_ref().and_then(Host::of),
            places: machine.places,
        },
    })
}

/// The device tree at an address.
fn blob(address: u64) -> Option<&'static [u8]> {
    let header = bytes(address, 8)?.first_chunk()?;
    bytes(address, Tree::len_of(header)? as u64)
}

/// Bytes that the loader left in memory.
fn bytes(address: u64, len: u64) -> Option<&'static [u8]> {
    let end = address.checked_add(len)?;
    if address < MEMORY.start || end > MEMORY.end {
        return None;
    }
    let at: *const u8 = core::ptr::with_exposed_provenance(address as usize);
    // SAFETY: it is where the boot code mapped memory. The loader wrote it, who says so in the
    // machine's name, and nobody writes it: `taken` keeps it out of the memory that is handed out.
    Some(unsafe { slice::from_raw_parts(at, len as usize) })
}

/// Takes the blocks of 2 MiB out of the page tables that are beyond memory, so that a wild address
/// is a fault and nothing there is fetched ahead.
fn unmap_from(end: u64) {
    unsafe extern "C" {
        static mut linecard_ram: [u64; 512];
    }
    let table: *mut u64 = (&raw mut linecard_ram).cast();
    let first = end.saturating_sub(MEMORY.start).div_ceil(BLOCK) as usize;
    for index in first.max(1)..512 {
        // SAFETY: the table has 512 entries, and only this function writes it, once; blocks that
        // hold the image, the tree or memory that is handed out are below `end`.
        unsafe { table.wrapping_add(index).write_volatile(0) };
    }
    // SAFETY: they make the change seen (Arm ARM D8, TLB maintenance), and touch nothing else.
    unsafe {
        asm!(
            "dsb ishst",
            "tlbi vmalle1",
            "dsb ish",
            "isb",
            options(nostack, preserves_flags)
        );
    }
}

/// Where the byte of memory at an address is a second time, past the caches: as a device sees it that
/// does not see them.
#[cfg(feature = "self-test")]
pub(crate) fn uncached(address: usize) -> usize {
    unsafe extern "C" {
        static mut linecard_level1: [u64; 512];
    }
    let table: *mut u64 = (&raw mut linecard_level1).cast();
    // A block of 1 GiB: accessed, not executable, of the third kind of memory, outer shareable.
    let block = MEMORY.start | 1 << 54 | 1 << 53 | 1 << 10 | 2 << 8 | 2 << 2 | 1;
    // SAFETY: the table has 512 entries, of which this one is nobody else's; nothing was mapped
    // there, so that no old translation is kept.
    unsafe { table.wrapping_add(ALIAS).write_volatile(block) };
    // SAFETY: they make the change seen, and touch nothing else.
    unsafe { asm!("dsb ishst", "isb", options(nostack, preserves_flags)) };
    (ALIAS << 30) | (address & ((1 << 30) - 1))
}

/// The gibibyte of addresses by which memory is reached uncached.
#[cfg(feature = "self-test")]
const ALIAS: usize = 3;
/// What the boot code mapped as memory.
const MEMORY: core::ops::Range<u64> = 1 << 30..2 << 30;
const BLOCK: u64 = 2 << 20;
/// Where QEMU's `virt` has its serial port, for machines that name none.
const UART: u64 = 0x0900_0000;

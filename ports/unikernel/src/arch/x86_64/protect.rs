//! What memory may be used for, and a stack for faults.
//!
//! The boot code maps everything writable and executable. From here on nothing is both:
//!
//! ```text
//!   0      a page           nothing: where null pointers lead
//!          low memory       read, write
//!   1 MiB  .text            execute, read
//!          .rodata          read
//!          .data, .bss      read, write
//!          a page of .bss   nothing: the stack grows down towards it
//!          the stack        read, write
//!   ... all other memory, devices from 2 GiB on:  read, write
//! ```
//!
//! The image lies in the first 2 MiB (the linker script says so), which get a table of small pages; the
//! rest keeps its large ones. Write protection holds for the image itself (`CR0.WP`, set at boot). A
//! function with a frame larger than the guard page touches every page on its way down, as the compiler
//! sees to.
//!
//! A fault comes in on a stack of its own: where the other one has no room left there is none for
//! what the processor tells of the fault either, and the machine would reset without a word.

use core::arch::asm;
use core::arch::x86_64::__cpuid;
use core::cell::UnsafeCell;
use core::ops::Range;

/// Protects the image. To be called once, before anything else is done.
pub(crate) fn install() {
    load_tables();
    let no_execute = match enable_no_execute() {
        true => NO_EXECUTE,
        false => 0,
    };
    let (text, rodata, guard) = (text(), rodata(), guard());
    for page in 0..ENTRIES {
        let start = page * PAGE;
        let rights = if text.contains(&start) {
            PRESENT
        } else if rodata.contains(&start) {
            PRESENT | no_execute
        } else if guard.contains(&start) {
            0
        } else {
            PRESENT | WRITABLE | no_execute
        };
        // SAFETY: `SMALL` has `ENTRIES` entries, and is nobody else's: no table names it yet.
        unsafe { (*SMALL.0.get())[page] = start as u64 | rights };
    }
    let directories = (&raw mut linecard_pd).cast::<u64>();
    // The first two of them map the 2 GiB of memory, the others devices.
    for index in 1..4 * ENTRIES {
        // SAFETY: the boot code's four directories lie behind each other, of 512 entries each.
        let entry = unsafe { directories.add(index) };
        // SAFETY: as above; only the processor reads them besides.
        let old = unsafe { entry.read_volatile() };
        // SAFETY: as above. What is mapped stays so, and no code runs there.
        unsafe { entry.write_volatile(old | no_execute) };
    }
    let small = SMALL.0.get().expose_provenance() as u64;
    // SAFETY: the first entry, for the first 2 MiB; all that the program uses there stays mapped, with
    // the rights that it needs.
    unsafe { directories.write_volatile(small | PRESENT | WRITABLE) };
    forget();
}

/// Takes the first page away, where a null pointer leads. To be called when all that a loader may
/// have left there was read.
pub(crate) fn unmap_null() {
    // SAFETY: only the processor reads the table besides, and nobody has anything in that page (the
    // caller has seen to it).
    unsafe { SMALL.0.get().cast::<u64>().write_volatile(0) };
    forget();
}

/// What a page fault at this address, with this error code, says of the program.
pub(crate) fn reason(address: u64, error: u64) -> &'static str {
    if guard().contains(&(address as usize)) {
        "the stack is full"
    } else if error & FETCHED != 0 {
        "it is not code"
    } else if error & (WAS_PRESENT | WROTE) == WAS_PRESENT | WROTE {
        "it may not be written"
    } else {
        "nothing is mapped"
    }
}

/// Has the processor look at the tables anew.
fn forget() {
    // SAFETY: CR3 is written with what it holds.
    unsafe { asm!("mov {0}, cr3", "mov cr3, {0}", out(reg) _, options(nostack, preserves_flags)) };
}

/// Loads segment descriptors that can be written to, and with them where faults find their stack.
fn load_tables() {
    // SAFETY: `FAULT_STACK` lives for ever; one past its end is where a stack begins.
    let stack = unsafe { FAULT_STACK.0.get().add(1) };
    // SAFETY: this is the only place that touches `TASK` before the processor is told of it.
    let task = unsafe { &mut *TASK.0.get() };
    task.fault_stack = (stack.expose_provenance() as u64).to_ne_bytes();
    task.io_map = (size_of::<Task>() as u16).to_ne_bytes();
    let at = TASK.0.get().expose_provenance() as u64;
    let limit = size_of::<Task>() as u64 - 1;
    // A 64-bit task state segment, available (Intel SDM volume 3, 8.2.3).
    let low = limit | (at & 0xff_ffff) << 16 | 0x89 << 40 | (at >> 24 & 0xff) << 56;
    // SAFETY: as with `TASK`.
    unsafe { *SEGMENTS.0.get() = [0, CODE, DATA, low, at >> 32] };
    #[repr(C, packed)]
    struct Pointer(u16, u64);
    let table = SEGMENTS.0.get().expose_provenance() as u64;
    let pointer = Pointer(size_of::<[u64; 5]>() as u16 - 1, table);
    // SAFETY: `pointer` describes `SEGMENTS`, whose code and data segments are at the selectors in use
    // and the same as before, and whose fourth describes `TASK`; both live for ever.
    unsafe {
        asm!(
            "lgdt [{pointer}]",
            "ltr {task:x}",
            pointer = in(reg) &raw const pointer,
            task = in(reg) 24u16,
            options(nostack, preserves_flags)
        );
    }
}

/// Lets page tables forbid execution, if the processor can.
fn enable_no_execute() -> bool {
    // CPUID 8000_0001h, EDX bit 20; every x86-64 processor has the leaf.
    let able = __cpuid(0x8000_0001).edx & 1 << 20 != 0;
    if able {
        // SAFETY: EFER is there in 64-bit mode, and bit 11 allows what page tables do not use yet.
        unsafe {
            asm!(
                "rdmsr",
                "or eax, 0x800",
                "wrmsr",
                in("ecx") 0xc000_0080u32,
                out("eax") _,
                out("edx") _,
                options(nostack, nomem)
            );
        }
    }
    able
}

/// From where the linker script has this to where it has that.
fn text() -> Range<usize> {
    (&raw const __image_start).addr()..(&raw const __text_end).addr()
}

fn rodata() -> Range<usize> {
    (&raw const __text_end).addr()..(&raw const __rodata_end).addr()
}

/// The page below the stack.
fn guard() -> Range<usize> {
    let start = (&raw const linecard_stack_guard).addr();
    start..start + PAGE
}

unsafe extern "C" {
    static __image_start: u8;
    static __text_end: u8;
    static __rodata_end: u8;
    static linecard_stack_guard: u8;
    static mut linecard_pd: u8;
}

/// The 64-bit task state segment (Intel SDM volume 3, figure 8-11), of which the first of seven stacks
/// for interrupts is used. Its fields of 8 bytes are not aligned to 8.
#[repr(C)]
struct Task {
    unused: [u32; 9],
    fault_stack: [u8; 8],
    unused_too: [u16; 29],
    io_map: [u8; 2],
}

const _: () = assert!(size_of::<Task>() == 104);
const _: () = assert!(core::mem::offset_of!(Task, fault_stack) == 36);
const _: () = assert!(core::mem::offset_of!(Task, io_map) == 102);

/// What the processor reads while it runs, and the program writes before that.
#[repr(C, align(4096))]
struct Own<T>(UnsafeCell<T>);

// SAFETY: `install`, which runs once and first, is all that touches them; then the processor alone
// does.
unsafe impl<T> Sync for Own<T> {}

static SMALL: Own<[u64; ENTRIES]> = Own(UnsafeCell::new([0; ENTRIES]));
static SEGMENTS: Own<[u64; 5]> = Own(UnsafeCell::new([0; 5]));
static TASK: Own<Task> = Own(UnsafeCell::new(Task {
    unused: [0; 9],
    fault_stack: [0; 8],
    unused_too: [0; 29],
    io_map: [0; 2],
}));
/// Room for what is written of a fault.
static FAULT_STACK: Own<[u8; 16 * 1024]> = Own(UnsafeCell::new([0; 16 * 1024]));

/// Segments of the whole address space, present and accessed: the processor need not write to them.
const CODE: u64 = 0x00af_9b00_0000_ffff;
const DATA: u64 = 0x00cf_9300_0000_ffff;

/// Bytes of a small page.
pub(crate) const PAGE: usize = 4096;
/// Entries of a table.
const ENTRIES: usize = 512;
// Bits of an entry (Intel SDM volume 3, table 4-20).
const PRESENT: u64 = 1;
const WRITABLE: u64 = 1 << 1;
const NO_EXECUTE: u64 = 1 << 63;
// Bits of a page fault's error code (4.7).
const WAS_PRESENT: u64 = 1;
const WROTE: u64 = 1 << 1;
const FETCHED: u64 = 1 << 4;

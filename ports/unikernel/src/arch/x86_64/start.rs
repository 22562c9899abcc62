//! What the machine says of itself at the start (Xen, `xen/include/public/arch-x86/hvm/start_info.h`).

use core::ffi::CStr;
use core::slice;

use super::{protect, serial, trap};
use crate::arch::Calibration;
use crate::console::say;
use crate::memory::{Ram, Span};
use crate::{Boot, linecard_main};

/// `struct hvm_start_info`, version 1.
#[repr(C)]
struct StartInfo {
    magic: u32,
    version: u32,
    flags: u32,
    modules: u32,
    module_list: u64,
    command_line: u64,
    rsdp: u64,
    memory_map: u64,
    memory_entries: u32,
    reserved: u32,
}

/// `struct hvm_modlist_entry`.
#[repr(C)]
struct Module {
    address: u64,
    len: u64,
    command_line: u64,
    reserved: u64,
}

/// `struct hvm_memmap_table_entry`.
#[repr(C)]
struct MemoryEntry {
    address: u64,
    len: u64,
    kind: u32,
    reserved: u32,
}

/// The first compiled code: on the boot stack, with memory mapped one to one.
#[unsafe(no_mangle)]
extern "C" fn linecard_start(info: u32, counter: u64) -> ! {
    serial::init();
    let calibration = Calibration::begin(counter);
    protect::install();
    trap::install();
    let info: *const StartInfo = core::ptr::with_exposed_provenance(info as usize);
    // SAFETY: PVH promises a start information of at least version 0 at this address, which is in
    // the first 2 GiB and so mapped; nothing has been written since.
    let magic = unsafe { (*info).magic };
    if magic != MAGIC {
        say!("no start information: its magic number is {magic:#x}");
        crate::exit(false);
    }
    // SAFETY: as above, the magic number is right; the machine describes itself in version 1, and
    // the fields that only version 1 has are looked at only then.
    let info = unsafe { &*info };
    let command_line = match info.command_line {
        0 => "",
        // SAFETY: PVH promises a string that ends in a zero.
        at => unsafe { CStr::from_ptr(pointer(at)) }
            .to_str()
            .unwrap_or(""),
    };
    let mut taken = [
        Span::of((&raw const *info).addr(), size_of::<StartInfo>()),
        Span::of(command_line.as_ptr().addr(), command_line.len()),
        Span::NONE,
        Span::NONE,
        Span::NONE,
    ];
    let mut module = None;
    if info.modules > 0 {
        // SAFETY: PVH promises a list of so many modules there.
        let first: &Module = unsafe { &*pointer(info.module_list) };
        // SAFETY: and the module's bytes where it says, which nobody else writes: `taken` keeps
        // them out of the memory that is handed out.
        let bytes: &[u8] =
            unsafe { slice::from_raw_parts(pointer(first.address), first.len as usize) };
        taken[2] = Span::of(bytes.as_ptr().addr(), bytes.len());
        taken[3] = Span::of((&raw const *first).addr(), size_of::<Module>());
        module = Some(bytes);
    }
    let mut ram = Ram::EMPTY;
    if info.version >= 1 {
        // SAFETY: version 1 has a memory map, of so many entries.
        let map: &[MemoryEntry] = unsafe {
            slice::from_raw_parts(pointer(info.memory_map), info.memory_entries as usize)
        };
        taken[4] = Span::of(map.as_ptr().addr(), size_of_val(map));
        for entry in map.iter().filter(|entry| entry.kind == USABLE) {
            // Above 2 GiB nothing is mapped as memory.
            let end = entry.address.saturating_add(entry.len).min(MAPPED);
            let len = end.saturating_sub(entry.address);
            ram.offer(Span::of(entry.address as usize, len as usize), &taken);
        }
    }
    // QEMU leaves the start information in the first page of q35, and nothing reads that again.
    let module_at = module.map_or(usize::MAX, |bytes| bytes.as_ptr().addr());
    if command_line.as_ptr().addr().min(module_at) >= protect::PAGE {
        protect::unmap_null();
    }
    linecard_main(Boot {
        command_line,
        module,
        ram,
        calibration,
        buses: super::buses(),
    })
}

/// Where that is: memory is mapped one to one.
fn pointer<T>(address: u64) -> *const T {
    core::ptr::with_exposed_provenance(address as usize)
}

const MAGIC: u32 = 0x336e_c578;
/// `XEN_HVM_MEMMAP_TYPE_RAM`.
const USABLE: u32 = 1;
/// How much is mapped as memory.
const MAPPED: u64 = 2 << 30;

//! From the entry of Linux's arm64 boot protocol to compiled code with a stack and page tables.
//!
//! The machine comes with its MMU off, `x0` holding the address of its device tree
//! (Linux, `Documentation/arch/arm64/booting.rst`), at EL2 or at EL1, where this runs on. Memory is
//! mapped one to one, in pages of 4 KiB where the image is, so that its code is executable and not
//! writable, and only its code:
//!
//! | addresses | what | as |
//! |---|---|---|
//! | below 128 MiB | flash | not mapped: nor is address 0 |
//! | to 1 GiB | devices | device memory (nGnRE) |
//! | to 2 GiB | memory | cached; what is beyond the machine's is taken out by `start` |
//! | the page below the stack | | not mapped |
//! | 256 to 257 GiB | PCI's configuration space | device memory |
//!
//! Floating point is switched on before any compiled code runs, which uses its registers freely.

use core::arch::global_asm;

global_asm!(
    r#"
    .section .boot, "ax", %progbits
    .globl linecard_image_header
linecard_image_header:
    b linecard_entry
    .long 0
    .quad {offset}                      // from a multiple of 2 MiB, where QEMU's memory begins
    .quad __image_end - linecard_image_header
    .quad 0x2                           // little-endian, pages of 4 KiB
    .quad 0, 0, 0
    .ascii "ARMd"
    .long 0

linecard_entry:
    msr daifset, #0xf
    mov x20, x0                         // the device tree
    mrs x0, CurrentEL
    lsr x0, x0, #2
    cmp x0, #1
    b.eq 1f
    cmp x0, #2
    b.ne linecard_park

    // At EL2: nothing that EL1 does is to come here.
    mov x0, #(1 << 31)                  // HCR_EL2.RW
    msr hcr_el2, x0
    mov x0, #3                          // EL1 may read counter and timer
    msr cnthctl_el2, x0
    msr cntvoff_el2, xzr
    mov x0, #0x33ff                     // floating point is not trapped
    msr cptr_el2, x0
    msr hstr_el2, xzr
    mrs x0, midr_el1
    msr vpidr_el2, x0
    mrs x0, mpidr_el1
    msr vmpidr_el2, x0
    ldr x0, ={sctlr_off}
    msr sctlr_el1, x0
    mov x0, #0x3c5                      // EL1 with a stack of its own, everything masked
    msr spsr_el2, x0
    adr x0, 1f
    msr elr_el2, x0
    eret

1:  isb
    mrs x21, cntvct_el0                 // when it all began
    // It runs where it was linked, or not at all: there is no console yet that could say so.
    adr x0, linecard_image_header
    ldr x1, =linecard_image_header
    cmp x0, x1
    b.ne linecard_park
    mov x0, #(3 << 20)                  // CPACR_EL1.FPEN
    msr cpacr_el1, x0
    ldr x0, =linecard_vectors
    msr vbar_el1, x0
    isb

    // What is not in the file is zeroed, the tables among it.
    ldr x0, =__bss_start
    ldr x1, =__bss_end
2:  stp xzr, xzr, [x0], #16
    cmp x0, x1
    b.lo 2b

    // 1 GiB an entry: devices, memory, and PCI's configuration.
    ldr x0, =linecard_level1
    ldr x1, =linecard_low + 3           // a table
    str x1, [x0]
    ldr x1, =linecard_ram + 3
    str x1, [x0, #8]
    ldr x1, =0x4000000000 + {device} + 1
    str x1, [x0, #(256 * 8)]
    // 2 MiB an entry: devices from 128 MiB on.
    ldr x0, =linecard_low
    ldr x1, =0x08000000 + {device} + 1  // a block
    add x2, x0, #4096
    add x0, x0, #(64 * 8)
3:  str x1, [x0], #8
    add x1, x1, #0x200000
    cmp x0, x2
    b.lo 3b
    // Memory, of which the first 2 MiB are the image's.
    ldr x0, =linecard_ram
    ldr x1, =0x40000000 + {data} + 1
    add x2, x0, #4096
4:  str x1, [x0], #8
    add x1, x1, #0x200000
    cmp x0, x2
    b.lo 4b
    ldr x0, =linecard_ram
    ldr x1, =linecard_pages + 3
    str x1, [x0]
    // 4 KiB an entry: first as data, then what is not.
    .macro pages start, end, attributes
    ldr x0, =\start
    ldr x1, =\end
    ldr x2, =\attributes
    bl linecard_map_pages
    .endm
    pages 0x40000000, 0x40200000, {data} + 3
    pages __image_start, __rodata_start, {code} + 3
    pages __rodata_start, __data_start, {constant} + 3
    pages __guard, __guard + 4096, 0
    // What caches may still hold of the addresses just written is older.
    ldr x0, =__bss_start
    ldr x1, =__bss_end
5:  dc ivac, x0
    add x0, x0, #16                     // no line is smaller
    cmp x0, x1
    b.lo 5b
    dsb sy

    ldr x0, =0x44ff04                   // attributes 0: device nGnRE; 1: cached; 2: not cached
    msr mair_el1, x0
    ldr x0, =0x803519                   // 39 bits, 4 KiB, inner shareable and cached, no upper half
    mrs x1, id_aa64mmfr0_el1
    and x1, x1, #7                      // physical addresses as wide as there are
    cmp x1, #5
    b.ls 6f
    mov x1, #5
6:  bfi x0, x1, #32, #3
    msr tcr_el1, x0
    ldr x0, =linecard_level1
    msr ttbr0_el1, x0
    isb
    tlbi vmalle1
    ic iallu
    dsb nsh
    isb
    ldr x0, ={sctlr_on}
    msr sctlr_el1, x0
    isb
    msr daifclr, #4                     // errors that come late are told

    ldr x0, =linecard_stack_end
    mov sp, x0
    mov x29, xzr
    mov x30, xzr
    mov x0, x20
    mov x1, x21
    bl linecard_start
linecard_park:
    wfe
    b linecard_park

// Maps pages from x0 to x1 one to one, with the attributes in x2, which are 0 for none.
linecard_map_pages:
    ldr x3, =linecard_pages
7:  cmp x0, x1
    b.hs 8f
    ubfx x4, x0, #12, #9
    orr x5, x0, x2
    cmp x2, #0
    csel x5, x5, xzr, ne
    str x5, [x3, x4, lsl #3]
    add x0, x0, #4096
    b 7b
8:  ret
    .ltorg

    .section .bss.tables, "aw", %nobits
    .balign 4096
    .globl linecard_level1
linecard_level1: .skip 4096
linecard_low:    .skip 4096
    .globl linecard_ram
linecard_ram:    .skip 4096
linecard_pages:  .skip 4096

    .section .stack, "aw", %nobits
    .balign 4096
    .skip {stack}
    .globl linecard_stack_end
linecard_stack_end:
    .text
"#,
    offset = const 0x8_0000,
    sctlr_off = const SCTLR_RESERVED,
    // MMU, caches, and the stack's alignment checked; what is writable is not executable.
    sctlr_on = const SCTLR_RESERVED | 1 | 1 << 2 | 1 << 3 | 1 << 12 | 1 << 19,
    device = const ACCESSED | NO_USER_CODE | NO_CODE,
    data = const ACCESSED | CACHED | SHARED | NO_USER_CODE | NO_CODE,
    constant = const ACCESSED | CACHED | SHARED | NO_USER_CODE | NO_CODE | READ_ONLY,
    code = const ACCESSED | CACHED | SHARED | NO_USER_CODE | READ_ONLY,
    stack = const 2 << 20,
);

/// Bits of SCTLR_EL1 that are ones in ARMv8.0 (Arm ARM, SCTLR_EL1: those that are RES1).
const SCTLR_RESERVED: u64 = 0x30d0_0800;

// Bits of a block or page descriptor (Arm ARM D8.3).
/// AttrIndx: the second of MAIR_EL1.
const CACHED: u64 = 1 << 2;
/// AP[2].
const READ_ONLY: u64 = 1 << 7;
/// Inner shareable.
const SHARED: u64 = 3 << 8;
/// AF: without it the first access is a fault.
const ACCESSED: u64 = 1 << 10;
/// PXN.
const NO_CODE: u64 = 1 << 53;
/// UXN.
const NO_USER_CODE: u64 = 1 << 54;

//! From the entry of the PVH note to 64-bit code with a stack.
//!
//! The machine comes in 32-bit protected mode without paging, `ebx` holding the address of its
//! start information (Xen's `docs/misc/pvh.pandoc`). Memory is mapped one to one in pages of 2 MiB:
//! the first 2 GiB cached, for RAM; the rest of the first 4 GiB uncached, where q35 and microvm have
//! their devices. SSE is switched on before any compiled code runs, which uses it freely. What may be
//! written and what executed, [`protect`](super::protect) sees to next.

use core::arch::global_asm;

global_asm!(
    r#"
    .section .note.Xen, "a", @note
    .balign 4
    .long 4, 8, 18              // lengths of name and description; XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .quad linecard_pvh_start

    .section .boot, "ax", @progbits
    .code32
    .globl linecard_pvh_start
linecard_pvh_start:
    cli
    cld
    mov esp, offset linecard_stack_end
    mov esi, ebx                // the start information
    rdtsc                       // when it all began
    push edx
    push eax

    // The tables are zero, as all of .bss.
    mov eax, offset linecard_pdpt
    or eax, 3                   // present, writable
    mov [linecard_pml4], eax
    mov eax, offset linecard_pd
    or eax, 3
    mov ecx, offset linecard_pdpt
2:  mov [ecx], eax
    add eax, 0x1000
    add ecx, 8
    cmp ecx, offset linecard_pdpt + 32
    jne 2b
    xor ecx, ecx
3:  mov eax, ecx
    shl eax, 21
    or eax, 0x83                // present, writable, 2 MiB
    cmp ecx, 1024
    jb 4f
    or eax, 0x18                // uncached from 2 GiB on
4:  mov [linecard_pd + ecx * 8], eax
    inc ecx
    cmp ecx, 2048
    jne 3b

    mov eax, cr4
    or eax, 0x620               // PAE, OSFXSR, OSXMMEXCPT
    mov cr4, eax
    mov eax, offset linecard_pml4
    mov cr3, eax
    mov ecx, 0xc0000080         // EFER
    rdmsr
    or eax, 0x100               // LME
    wrmsr
    mov eax, cr0
    and eax, 0x9ffffff3         // not CD, NW, EM, TS
    or eax, 0x80010022          // PG, WP, NE, MP
    mov cr0, eax
    lgdt [linecard_gdt_pointer]
    pop ebx                     // the counter at the start
    pop edx
    push 8
    mov eax, offset linecard_long_start
    push eax
    retf

    .code64
linecard_long_start:
    mov eax, 16
    mov ds, eax
    mov es, eax
    mov ss, eax
    xor eax, eax
    mov fs, eax
    mov gs, eax
    mov rsp, offset linecard_stack_end
    xor ebp, ebp
    mov edi, esi                // first argument: the start information
    mov esi, ebx
    shl rdx, 32
    or rsi, rdx                 // second: the counter
    call linecard_start
    ud2

    .balign 8
linecard_gdt:                   // as `protect` has them, for the way there
    .quad 0
    .quad 0x00af9b000000ffff    // 8: code, 64 bits
    .quad 0x00cf93000000ffff    // 16: data
linecard_gdt_pointer:
    .word 23
    .long linecard_gdt

    .section .bss.boot, "aw", @nobits
    .balign 4096
    .globl linecard_pd, linecard_stack_guard, linecard_stack_end
linecard_pml4:  .skip 4096
linecard_pdpt:  .skip 4096
linecard_pd:    .skip 4 * 4096
linecard_stack_guard: .skip 4096
linecard_stack: .skip 512 * 1024
linecard_stack_end:
    .text
"#
);

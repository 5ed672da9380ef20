/* SPDX-License-Identifier: GPL-2.0 */
/* From the boot loader, and from a start-up IPI, to 64-bit C. */
#define MB_MAGIC	0x1badb002
#ifdef FLAT
#define MB_FLAGS	0x10003
#else
#define MB_FLAGS	0x3
#endif
#define TRAMPOLINE	0x8000
#define STACK_SIZE	16384

	.section .multiboot, "a"
	.balign 4
header:	.long MB_MAGIC, MB_FLAGS, -(MB_MAGIC + MB_FLAGS)
#ifdef FLAT
	.long header, header, load_end, image_end, _start
#endif

	.text
	.code32
	.globl _start
_start:	cld
	mov	$stacks + STACK_SIZE, %esp
	mov	%eax, boot_eax
	mov	%ebx, boot_ebx

	/* 4 GiB mapped to themselves in 2 MiB pages */
	movl	$pdpt + 7, pml4
	mov	$pd + 7, %eax
	xor	%ecx, %ecx
1:	mov	%eax, pdpt(, %ecx, 8)
	add	$4096, %eax
	inc	%ecx
	cmp	$4, %ecx
	jne	1b
	mov	$0x87, %eax
	xor	%ecx, %ecx
1:	mov	%eax, pd(, %ecx, 8)
	add	$0x200000, %eax
	inc	%ecx
	cmp	$2048, %ecx
	jne	1b

	call	enter_long
	ljmp	$0x08, $1f
	.code64
1:	call	load_segments
	xor	%edi, %edi
	call	cpu_init
	call	guest_main
1:	hlt
	jmp	1b

	/* From 32-bit protected mode without paging to compatibility mode. */
	.code32
enter_long:
	lgdt	boot_gdtr
	mov	%cr4, %eax
	or	$0x620, %eax			/* PAE, OSFXSR, OSXMMEXCPT */
	mov	%eax, %cr4
	mov	$pml4, %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx
	rdmsr
	or	$0x100, %eax			/* LME */
	wrmsr
	mov	%cr0, %eax
	and	$~0x6000000c, %eax		/* caches on, FPU usable */
	or	$0x80000023, %eax		/* PG, NE, MP, PE */
	mov	%eax, %cr0
	ret

	.code64
load_segments:
	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	ret

	/*
	 * Where application processors start: copied to TRAMPOLINE. They take a
	 * number each, which gives them a stack.
	 */
	.globl trampoline, trampoline_end
	.code16
trampoline:
	cli
	xor	%ax, %ax
	mov	%ax, %ds
	lgdtl	TRAMPOLINE + trampoline_gdtr - trampoline
	mov	%cr0, %eax
	or	$1, %al
	mov	%eax, %cr0
	ljmpl	$0x18, $ap_start32
trampoline_gdtr:
	.word	0x7f
	.long	gdt
trampoline_end:

	.code32
ap_start32:
	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$1, %ebp
	lock xadd %ebp, ap_count
	inc	%ebp
	mov	%ebp, %esp
	inc	%esp
	imul	$STACK_SIZE, %esp
	add	$stacks, %esp
	call	enter_long
	ljmp	$0x08, $1f
	.code64
1:	call	load_segments
	mov	%ebp, %edi
	call	cpu_init
	mov	%ebp, %edi
	call	ap_main
1:	hlt
	jmp	1b

	.data
	.globl gdt
	.balign 16
gdt:	.quad 0
	.quad 0x00af9b000000ffff	/* 0x08: 64-bit code */
	.quad 0x00cf93000000ffff	/* 0x10: data */
	.quad 0x00cf9b000000ffff	/* 0x18: 32-bit code */
	.quad 0x00009b000000ffff	/* 0x20: 16-bit code */
	.quad 0x000093000000ffff	/* 0x28: 16-bit data */
	.quad 0x00cff3000000ffff	/* 0x30: user data */
	.quad 0x00affb000000ffff	/* 0x38: user 64-bit code */
	.quad 0x00cffb000000ffff	/* 0x40: user 32-bit code */
	.fill 7, 8, 0			/* 0x48: for tests */
	.fill 128, 8, 0			/* 0x80: task state segments */
gdt_end:
	.globl gdt_limit
gdt_limit: .word gdt_end - gdt - 1
boot_gdtr: .word gdt_end - gdt - 1
	.long	gdt
	.globl boot_eax, boot_ebx, ap_count
	.balign 4
boot_eax: .long 0
boot_ebx: .long 0
ap_count: .long 0

	.bss
	.balign 4096
	.globl pml4, stacks
pml4:	.skip 4096
pdpt:	.skip 4096
pd:	.skip 4 * 4096
stacks:	.skip 64 * STACK_SIZE
	.section .note.GNU-stack, "", @progbits

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Out of 64-bit mode and back: to 32-bit protected mode with a caller's paging,
 * to real mode, and to long mode with other page tables.
 */
#define REAL_CODE	0x7000		/* switches to real mode and back */
#define REAL_BODY	0x7100		/* the caller's 16-bit code */
#define REAL_STACK	0x7000
#define MSR_EFER	0xc0000080

/* struct mode32 of guest.h */
#define M_CR0		0
#define M_CR3		4
#define M_CR4		8
#define M_EFER		12
#define M_CODE		16
#define M_EBX		20
#define M_ESI		24
#define M_RESULT	28
#define M_VECTOR	32
#define M_ERROR		36
#define M_CR2		40
#define M_EIP		44

	.macro save_long
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	pushfq
	cli
	mov	%rsp, saved_rsp
	mov	%cr0, %rax
	mov	%eax, saved_cr0
	mov	%cr3, %rax
	mov	%eax, saved_cr3
	mov	%cr4, %rax
	mov	%eax, saved_cr4
	mov	$MSR_EFER, %ecx
	rdmsr
	and	$~0x400, %eax		/* LMA is not ours to write */
	mov	%eax, saved_efer
	.endm

	/* void run_mode32(struct mode32 *) */
	.text
	.code64
	.globl run_mode32
run_mode32:
	save_long
	mov	%edi, current
	ljmp	*to32
	.code32
enter32:
	mov	$0x10, %eax
	mov	%eax, %ss
	mov	%eax, %ds
	mov	%eax, %es
	mov	$mode_stack_end, %esp
	call	paging_off
	mov	current, %ebp
	mov	$MSR_EFER, %ecx
	mov	M_EFER(%ebp), %eax
	xor	%edx, %edx
	wrmsr
	mov	M_CR4(%ebp), %eax
	mov	%eax, %cr4
	mov	M_CR3(%ebp), %eax
	mov	%eax, %cr3
	lidt	idt32_desc
	mov	M_CR0(%ebp), %eax
	mov	%eax, %cr0
	jmp	1f
1:	mov	M_EBX(%ebp), %ebx
	mov	M_ESI(%ebp), %esi
	call	*M_CODE(%ebp)
	mov	current, %ebp
	mov	%eax, M_RESULT(%ebp)
	jmp	leave32

	/* Vector and error code are on the stack. */
trap32:
	mov	$0x10, %ebp
	mov	%ebp, %ss
	mov	%ebp, %ds
	mov	current, %ebp
	pop	M_VECTOR(%ebp)
	pop	M_ERROR(%ebp)
	pop	M_EIP(%ebp)
	mov	%cr2, %eax
	mov	%eax, M_CR2(%ebp)
	mov	$mode_stack_end, %esp
leave32:
	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %es
	call	paging_off
back_to_long:
	mov	saved_cr4, %eax
	mov	%eax, %cr4
	mov	saved_cr3, %eax
	mov	%eax, %cr3
	mov	$MSR_EFER, %ecx
	mov	saved_efer, %eax
	xor	%edx, %edx
	wrmsr
	mov	saved_cr0, %eax
	mov	%eax, %cr0
	ljmp	$0x08, $1f
	.code64
1:	mov	$0x10, %eax
	mov	%eax, %ss
	mov	%eax, %ds
	mov	%eax, %es
	mov	saved_rsp, %rsp
	call	load_gdt
	call	load_idt
	popfq
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

	.code32
paging_off:
	mov	%cr0, %eax
	and	$0x7fffffff, %eax
	mov	%eax, %cr0
	jmp	1f
1:	xor	%eax, %eax
	mov	%eax, %cr3
	ret

	/* void run_long(u64 cr3, u64 cr4, void (*fn)(void)): in long mode, changed so. */
	.code64
	.globl run_long
run_long:
	mov	%rdx, long_fn
	save_long
	mov	%edi, %ebp
	mov	%esi, %ebx
	ljmp	*to_long32
	.code32
long32:
	mov	$0x10, %eax
	mov	%eax, %ss
	mov	$mode_stack_end, %esp
	call	paging_off
	mov	%ebx, %eax
	mov	%eax, %cr4
	mov	%ebp, %cr3
	mov	saved_cr0, %eax
	mov	%eax, %cr0
	ljmp	$0x08, $1f
	.code64
1:	mov	$long_stack_end, %esp
	mov	long_fn, %rax
	call	*%rax
	ljmp	*to_leave
	.code32
leave_long:
	mov	$mode_stack_end, %esp
	call	paging_off
	jmp	back_to_long

	/*
	 * void run_real(const void *code, u32 len): copies 16-bit code to REAL_BODY
	 * and calls it there in real mode, flat segments 0, IDT as in a PC.
	 */
	.code64
	.globl run_real
run_real:
	save_long
	mov	%esi, %ecx
	mov	%rdi, %rsi
	mov	$REAL_BODY, %edi
	rep movsb
	mov	$real_start, %esi
	mov	$REAL_CODE, %edi
	mov	$real_end - real_start, %ecx
	rep movsb
	ljmp	*to_real32
	.code32
real32:
	mov	$0x10, %eax
	mov	%eax, %ss
	mov	%eax, %ds
	mov	%eax, %es
	call	paging_off
	mov	$MSR_EFER, %ecx
	xor	%eax, %eax
	xor	%edx, %edx
	wrmsr
	lidt	real_idt
	ljmp	$0x20, $REAL_CODE

	.code16
real_start:
	mov	$0x28, %eax
	mov	%eax, %ss
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %fs
	mov	%eax, %gs
	mov	%cr0, %eax
	and	$~1, %eax
	mov	%eax, %cr0
	ljmp	$0, $REAL_CODE + 1f - real_start
1:	xor	%ax, %ax
	mov	%ax, %ss
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %fs
	mov	%ax, %gs
	mov	$REAL_STACK, %sp
	mov	$REAL_BODY, %ax
	call	*%ax
	cli
	xor	%ax, %ax
	mov	%ax, %ds
	lgdtl	REAL_CODE + real_gdt - real_start
	mov	%cr0, %eax
	or	$1, %al
	mov	%eax, %cr0
	ljmpl	$0x18, $real_back
real_gdt:
	.word	0x7f
	.long	gdt
real_end:

	.code32
real_back:
	mov	$0x10, %eax
	mov	%eax, %ss
	mov	%eax, %ds
	mov	%eax, %es
	mov	$mode_stack_end, %esp
	jmp	back_to_long

	/*
	 * u32 run_compat(u32 code, u32 ebx, u32 esi): calls 32-bit code in compatibility
	 * mode, in long mode's tables; traps there are ordinary ones.
	 */
	.code64
	.globl run_compat
run_compat:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, compat_rsp
	mov	%esi, %ebx
	mov	%edx, %esi
	ljmp	*to_compat
	.code32
compat:
	mov	$mode_stack_end, %esp
	call	*%edi
	ljmp	$0x08, $1f
	.code64
1:	mov	compat_rsp, %rsp
	mov	%eax, %eax
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

	/* Entries of the 32-bit IDT */
	.code32
	.balign 16
	.globl trap32_entries
trap32_entries:
	vector = 0
	.rept 32
	.balign 16
	.if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17)
	push	$0
	.endif
	push	$vector
	jmp	trap32
	vector = vector + 1
	.endr

	.data
	.balign 8
to32:	.long enter32
	.word 0x18
to_long32: .long long32
	.word 0x18
to_leave: .long leave_long
	.word 0x18
to_real32: .long real32
	.word 0x18
to_compat: .long compat
	.word 0x18
	.globl idt32
idt32_desc: .word 32 * 8 - 1
	.long idt32
real_idt: .word 0x3ff
	.long 0
	.balign 8
saved_rsp: .quad 0
compat_rsp: .quad 0
long_fn: .quad 0
saved_cr0: .long 0
saved_cr3: .long 0
saved_cr4: .long 0
saved_efer: .long 0
current: .long 0

	.bss
	.balign 16
idt32:	.skip 32 * 8
	.skip 4096
mode_stack_end:
	.skip 16384
long_stack_end:
	.skip 16
	.section .note.GNU-stack, "", @progbits

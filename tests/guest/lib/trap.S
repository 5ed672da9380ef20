/* SPDX-License-Identifier: GPL-2.0 */
/* The 256 entries of the IDT, and the setjmp() behind TRY(). */
	.text
	.globl trap_entries
	.balign 16
trap_entries:
	vector = 0
	.rept 256
	.balign 16
	/* These push an error code themselves. */
	.if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
	pushq	$0
	.endif
	pushq	$vector
	jmp	trap_common
	vector = vector + 1
	.endr

trap_common:
	cld
	pushq	%rax
	pushq	%rcx
	pushq	%rdx
	pushq	%rbx
	pushq	%rbp
	pushq	%rsi
	pushq	%rdi
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	mov	%rsp, %rdi
	mov	%rsp, %rbx
	and	$~15, %rsp
	call	trap_dispatch
	mov	%rbx, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rdi
	popq	%rsi
	popq	%rbp
	popq	%rbx
	popq	%rdx
	popq	%rcx
	popq	%rax
	add	$16, %rsp
	iretq

	/* int trap_arm(struct jump *): NO_TRAP now, the vector when a trap comes back. */
	.globl trap_arm
trap_arm:
	mov	%rbx, 0(%rdi)
	mov	%rbp, 8(%rdi)
	mov	%r12, 16(%rdi)
	mov	%r13, 24(%rdi)
	mov	%r14, 32(%rdi)
	mov	%r15, 40(%rdi)
	lea	8(%rsp), %rax
	mov	%rax, 48(%rdi)
	mov	(%rsp), %rax
	mov	%rax, 56(%rdi)
	pushfq
	popq	64(%rdi)
	mov	$-1, %eax
	ret

	/* void enter_user(void (*fn)(void)) */
	.globl enter_user
enter_user:
	pushq	$0x33
	lea	user_stack_end(%rip), %rax
	pushq	%rax
	pushq	$0x2
	pushq	$0x3b
	pushq	%rdi
	iretq

	.bss
	.balign 4096
	.skip 8192
user_stack_end:
	.skip 16
	.section .note.GNU-stack, "", @progbits

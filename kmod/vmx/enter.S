/* SPDX-License-Identifier: GPL-2.0 */
/*
 * VM entry and exit, over and over: general registers, and what must be done before
 * the first return or indirect branch that follows an exit.
 *
 * The guest's registers are vcpu->regs in the hardware's encoding, eight bytes
 * each (asserted in run.c); RSP, RIP and RFLAGS are switched by the VMCS, the
 * rest of the processor by C code around this.
 */
#include <linux/linkage.h>
#include <linux/version.h>
#include <asm/alternative.h>
#include <asm/asm.h>
#include <asm/cpufeatures.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>
#include <asm/segment.h>
#include <asm/unwind_hints.h>

#define REG(n)		(8 * (n))
#define VMCS_HOST_RSP	0x6c14

	.section .rodata, "a"
	.balign 2
vmx_verw_sel:
	.word	__KERNEL_DS

	.section .noinstr.text, "ax"

/* Everything but RSP; RDI holds the register array and goes last. */
.macro LOAD_GUEST
	mov	REG(0)(%rdi), %rax
	mov	REG(1)(%rdi), %rcx
	mov	REG(2)(%rdi), %rdx
	mov	REG(3)(%rdi), %rbx
	mov	REG(5)(%rdi), %rbp
	mov	REG(6)(%rdi), %rsi
	mov	REG(8)(%rdi), %r8
	mov	REG(9)(%rdi), %r9
	mov	REG(10)(%rdi), %r10
	mov	REG(11)(%rdi), %r11
	mov	REG(12)(%rdi), %r12
	mov	REG(13)(%rdi), %r13
	mov	REG(14)(%rdi), %r14
	mov	REG(15)(%rdi), %r15
	mov	REG(7)(%rdi), %rdi
.endm

/*
 * Empty the processor's buffers of host data (MDS, TAA, MMIO stale data, RFDS).
 * The last thing before the entry: any load after it could fill them again.
 */
.macro CLEAR_BUFFERS
#if defined(X86_FEATURE_CLEAR_CPU_BUF_VM) && defined(X86_FEATURE_CLEAR_CPU_BUF)
	ALTERNATIVE_2 "jmp .Lno_verw_\@", "", X86_FEATURE_CLEAR_CPU_BUF, \
					  "", X86_FEATURE_CLEAR_CPU_BUF_VM
	verw	vmx_verw_sel(%rip)
.Lno_verw_\@:
#elif defined(X86_FEATURE_CLEAR_CPU_BUF)
	ALTERNATIVE "jmp .Lno_verw_\@", "", X86_FEATURE_CLEAR_CPU_BUF
	verw	vmx_verw_sel(%rip)
.Lno_verw_\@:
#endif
.endm

/* Against what the guest has taught the predictors; clobbers RAX, RCX and RDX. */
.macro EXIT_MITIGATIONS spec_ctrl:req
	/* The guest filled the return stack: overwrite it before the first RET. */
	FILL_RETURN_BUFFER %rcx, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT, \
			   X86_FEATURE_RSB_VMEXIT_LITE

	/*
	 * Legacy IBRS protects only against predictions made before it was last
	 * written, so it is written after every exit though nothing changed it.
	 */
	ALTERNATIVE "jmp .Lno_ibrs_\@", "", X86_FEATURE_KERNEL_IBRS
	mov	$MSR_IA32_SPEC_CTRL, %ecx
	mov	\spec_ctrl, %rax
	mov	%rax, %rdx
	shr	$32, %rdx
	wrmsr
	lfence
.Lno_ibrs_\@:

#if defined(X86_FEATURE_CLEAR_BHB_LOOP_ON_VMEXIT) && LINUX_VERSION_CODE < KERNEL_VERSION(6, 19, 0)
	/* From 6.19 on the sequence is KVM's only, and VMX is refused anyway. */
	ALTERNATIVE "", "call clear_bhb_loop", X86_FEATURE_CLEAR_BHB_LOOP_ON_VMEXIT
#endif
.endm

/*
 * int vmx_enter_guest(struct vmx_vcpu *vmx, u64 *host_rsp, bool launched, u64 spec_ctrl)
 *
 * host_rsp: HOST_RSP as the VMCS has it, updated; spec_ctrl: the value that
 * SPEC_CTRL has while this thread runs, used where the kernel relies on legacy
 * IBRS. Enters again for as long as vmx_exited() says so. Returns 0 after an exit, 1
 * with an error number in the VMCS, 2 without.
 */
SYM_FUNC_START(vmx_enter_guest)
	push	%rbp
#ifdef CONFIG_FRAME_POINTER
	mov	%rsp, %rbp
#endif
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
	push	%rcx
	push	%rdi

	cmp	%rsp, (%rsi)
	je	.Lhost_rsp_done
	mov	%rsp, (%rsi)
	mov	$VMCS_HOST_RSP, %eax
	vmwrite	%rsp, %rax
.Lhost_rsp_done:

	/* objtool cannot see that an exit goes on at vmx_guest_exited. */
	UNWIND_HINT_SAVE

	test	%dl, %dl
	jz	.Llaunch
.Lresume:
	LOAD_GUEST
	CLEAR_BUFFERS
	vmresume
	jmp	.Lfailed

.Llaunch:
	LOAD_GUEST
	CLEAR_BUFFERS
	vmlaunch
	jmp	.Lfailed

SYM_INNER_LABEL(vmx_guest_exited, SYM_L_GLOBAL)
	UNWIND_HINT_RESTORE
	ENDBR

	push	%rax
	mov	8(%rsp), %rax		/* vmx */
	pop	REG(0)(%rax)
	mov	%rcx, REG(1)(%rax)
	mov	%rdx, REG(2)(%rax)
	mov	%rbx, REG(3)(%rax)
	mov	%rbp, REG(5)(%rax)
	mov	%rsi, REG(6)(%rax)
	mov	%rdi, REG(7)(%rax)
	mov	%r8, REG(8)(%rax)
	mov	%r9, REG(9)(%rax)
	mov	%r10, REG(10)(%rax)
	mov	%r11, REG(11)(%rax)
	mov	%r12, REG(12)(%rax)
	mov	%r13, REG(13)(%rax)
	mov	%r14, REG(14)(%rax)
	mov	%r15, REG(15)(%rax)

	/* No guest value stays where speculation could use it. */
	mov	%rax, %rdi
	xor	%eax, %eax
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%ebx, %ebx
	xor	%ebp, %ebp
	xor	%esi, %esi
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	xor	%r12d, %r12d
	xor	%r13d, %r13d
	xor	%r14d, %r14d
	xor	%r15d, %r15d

	EXIT_MITIGATIONS 8(%rsp)

	call	vmx_exited
	test	%al, %al
	mov	(%rsp), %rdi
	jnz	.Lresume
	xor	%eax, %eax

.Lout:
	add	$16, %rsp
	pop	%rbx
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rbp
	RET

.Lfailed:
	/* CF: no current VMCS, so no error number. MOV keeps the flags. */
	mov	$1, %eax
	adc	$0, %eax
	/* What .Lout does not restore has the guest's values. */
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%esi, %esi
	xor	%edi, %edi
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	jmp	.Lout
SYM_FUNC_END(vmx_enter_guest)

/* void vmx_mitigations(u64 spec_ctrl): those of the above, to be timed */
SYM_FUNC_START(vmx_mitigations)
	CLEAR_BUFFERS
	EXIT_MITIGATIONS %rdi
	RET
SYM_FUNC_END(vmx_mitigations)

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The world switch: host registers out, guest registers in, VMRUN, and back.
 *
 * Called with interrupts off. GIF is 0 from CLGI to STGI, so that nothing but a
 * machine check gets in between while the processor holds the guest's FS, GS,
 * TR and system-call MSRs. RFLAGS.IF is 1 meanwhile: with V_INTR_MASKING it is
 * the host's IF at VMRUN that lets a physical interrupt end the guest's run. An
 * interrupt or NMI that did so is still pending after the exit; an NMI is taken
 * at STGI, an interrupt when the caller enables interrupts.
 *
 * VMRUN itself switches RAX, RSP, RIP, RFLAGS, segments and control registers,
 * by way of the VMCB and the host save area.
 *
 * After an exit no RET and no indirect branch comes before the return stack is
 * filled, and no conditional branch at all decides about that: alternatives do.
 */
#include <linux/linkage.h>
#include <linux/stringify.h>
#include <asm/alternative.h>
#include <asm/cpufeatures.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>
#include <asm/segment.h>

/* Offsets in vcpu->regs: the hardware's register numbers, see svm_enter(). */
#define VCPU_RCX	(1 * 8)
#define VCPU_RDX	(2 * 8)
#define VCPU_RBX	(3 * 8)
#define VCPU_RBP	(5 * 8)
#define VCPU_RSI	(6 * 8)
#define VCPU_RDI	(7 * 8)
#define VCPU_R8	(8 * 8)
#define VCPU_R9	(9 * 8)
#define VCPU_R10	(10 * 8)
#define VCPU_R11	(11 * 8)
#define VCPU_R12	(12 * 8)
#define VCPU_R13	(13 * 8)
#define VCPU_R14	(14 * 8)
#define VCPU_R15	(15 * 8)

.section .noinstr.text, "ax"

/* The last thing before the entry: any load after it could fill the buffers again. */
.macro CLEAR_BUFFERS
#ifdef X86_FEATURE_CLEAR_CPU_BUF_VM
	ALTERNATIVE "jmp .Lno_verw_\@", "", X86_FEATURE_CLEAR_CPU_BUF_VM
	verw	svm_verw_sel(%rip)
.Lno_verw_\@:
#endif
.endm

/* Against what the guest has taught the predictors, before the first RET. */
.macro EXIT_MITIGATIONS
#ifdef X86_FEATURE_IBPB_ON_VMEXIT
	ALTERNATIVE_2 "jmp .Lno_ibpb_\@", "", X86_FEATURE_ENTRY_IBPB, \
					   "", X86_FEATURE_IBPB_ON_VMEXIT
#else
	ALTERNATIVE "jmp .Lno_ibpb_\@", "", X86_FEATURE_ENTRY_IBPB
#endif
	mov	$MSR_IA32_PRED_CMD, %ecx
	mov	$PRED_CMD_IBPB, %eax
	xor	%edx, %edx
	wrmsr
.Lno_ibpb_\@:
	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT
	CALL_UNTRAIN_RET
.endm

/* void svm_vmrun(hpa_t vmcb_pa, u64 *regs, hpa_t host_pa) */
SYM_FUNC_START(svm_vmrun)
	push	%rbp
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
	push	%rdx		/* 8(%rsp) below: host_pa */
	push	%rsi		/* 0(%rsp) below: regs */
	mov	%rdi, %rax

	clgi
	sti
	vmload	%rax

	mov	VCPU_RCX(%rsi), %rcx
	mov	VCPU_RDX(%rsi), %rdx
	mov	VCPU_RBX(%rsi), %rbx
	mov	VCPU_RBP(%rsi), %rbp
	mov	VCPU_RDI(%rsi), %rdi
	mov	VCPU_R8(%rsi), %r8
	mov	VCPU_R9(%rsi), %r9
	mov	VCPU_R10(%rsi), %r10
	mov	VCPU_R11(%rsi), %r11
	mov	VCPU_R12(%rsi), %r12
	mov	VCPU_R13(%rsi), %r13
	mov	VCPU_R14(%rsi), %r14
	mov	VCPU_R15(%rsi), %r15
	mov	VCPU_RSI(%rsi), %rsi

	CLEAR_BUFFERS
	vmrun	%rax
	/* RAX is vmcb_pa again. */
	vmsave	%rax

	mov	(%rsp), %rax
	mov	%rcx, VCPU_RCX(%rax)
	mov	%rdx, VCPU_RDX(%rax)
	mov	%rbx, VCPU_RBX(%rax)
	mov	%rbp, VCPU_RBP(%rax)
	mov	%rsi, VCPU_RSI(%rax)
	mov	%rdi, VCPU_RDI(%rax)
	mov	%r8, VCPU_R8(%rax)
	mov	%r9, VCPU_R9(%rax)
	mov	%r10, VCPU_R10(%rax)
	mov	%r11, VCPU_R11(%rax)
	mov	%r12, VCPU_R12(%rax)
	mov	%r13, VCPU_R13(%rax)
	mov	%r14, VCPU_R14(%rax)
	mov	%r15, VCPU_R15(%rax)

	/* The host's FS, GS, TR, LDTR and system-call MSRs. */
	mov	8(%rsp), %rax
	vmload	%rax

	EXIT_MITIGATIONS

	/*
	 * No guest value stays where the host might speculate with it. RBX, RBP
	 * and R12-R15 are popped, RAX holds nothing of the guest's.
	 */
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%esi, %esi
	xor	%edi, %edi
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d

	add	$16, %rsp
	pop	%rbx
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rbp

	cli
	stgi
	RET
SYM_FUNC_END(svm_vmrun)

/* Parts of the above, to be timed. */

/* void svm_host_state(hpa_t vmcb_pa, hpa_t host_pa) */
SYM_FUNC_START(svm_host_state)
	mov	%rdi, %rax
	clgi
	vmload	%rax
	vmsave	%rax
	mov	%rsi, %rax
	vmload	%rax
	stgi
	RET
SYM_FUNC_END(svm_host_state)

/* void svm_mitigations(void) */
SYM_FUNC_START(svm_mitigations)
	CLEAR_BUFFERS
	EXIT_MITIGATIONS
	RET
SYM_FUNC_END(svm_mitigations)

#ifdef X86_FEATURE_CLEAR_CPU_BUF_VM
.section .rodata, "a"
	.balign	2
SYM_DATA_LOCAL(svm_verw_sel, .word __KERNEL_DS)
#endif

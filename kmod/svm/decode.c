// SPDX-License-Identifier: GPL-2.0
/*
 * From EXITCODE to a neutral exit: a table of kinds, then the operands.
 *
 * Pure: looks at the control block only. An exit code that is not in the table
 * stays UNCLAIMED, and the guest is stopped with a dump.
 */
#include <linux/kernel.h>
#include <linux/percpu.h>
#include <linux/string.h>
#include <asm/debugreg.h>
#include <asm/page.h>
#include <asm/processor-flags.h>
#include <asm/svm.h>

#include "svm/svm.h"

/* The exit is an instruction's: next_rip, where kept, is the one after it. */
#define INSN	0x80u

#define EXC(v)	(SVM_EXIT_EXCP_BASE + (v))

#define VEC_DB	1
#define VEC_BP	3
#define VEC_OF	4
#define VEC_PF	14
#define VEC_MC	18

/* Exceptions that push an error code: #DF #TS #NP #SS #GP #PF #AC #CP #VC #SX. */
#define VECS_WITH_ERROR	(BIT(8) | BIT(10) | BIT(11) | BIT(12) | BIT(13) | BIT(14) | \
			 BIT(17) | BIT(21) | BIT(29) | BIT(30))

#define TASK_IRET	BIT_ULL(36)	/* EXITINFO2 of a task switch */
#define TASK_JMP	BIT_ULL(38)
#define TASK_HAS_ERROR	BIT_ULL(44)

#define CR_IS_MOV	BIT_ULL(63)	/* EXITINFO1 of a CR access, with assists */

static const u8 exit_kinds[] = {
	[SVM_EXIT_READ_CR0]	= AERIE_EXIT_CR | INSN,
	[SVM_EXIT_READ_CR2]	= AERIE_EXIT_CR | INSN,
	[SVM_EXIT_READ_CR3]	= AERIE_EXIT_CR | INSN,
	[SVM_EXIT_READ_CR4]	= AERIE_EXIT_CR | INSN,
	[SVM_EXIT_READ_CR8]	= AERIE_EXIT_CR | INSN,
	[SVM_EXIT_WRITE_CR0]	= AERIE_EXIT_CR | INSN,
	[SVM_EXIT_WRITE_CR2]	= AERIE_EXIT_CR | INSN,
	[SVM_EXIT_WRITE_CR3]	= AERIE_EXIT_CR | INSN,
	[SVM_EXIT_WRITE_CR4]	= AERIE_EXIT_CR | INSN,
	[SVM_EXIT_WRITE_CR8]	= AERIE_EXIT_CR | INSN,
	[SVM_EXIT_CR0_SEL_WRITE] = AERIE_EXIT_CR | INSN,
	[SVM_EXIT_READ_DR0 ... SVM_EXIT_READ_DR7] = AERIE_EXIT_DR | INSN,
	[SVM_EXIT_WRITE_DR0 ... SVM_EXIT_WRITE_DR7] = AERIE_EXIT_DR | INSN,
	[EXC(0) ... EXC(VEC_MC - 1)] = AERIE_EXIT_EXCEPTION,
	[EXC(VEC_MC)]		= AERIE_EXIT_HOST_NMI,	/* the machine's, not the guest's */
	[EXC(VEC_MC + 1) ... EXC(31)] = AERIE_EXIT_EXCEPTION,
	[SVM_EXIT_INTR]		= AERIE_EXIT_HOST_INTR,
	[SVM_EXIT_NMI]		= AERIE_EXIT_HOST_NMI,
	[SVM_EXIT_SMI]		= AERIE_EXIT_SMI,
	[SVM_EXIT_INIT]		= AERIE_EXIT_INIT,
	[SVM_EXIT_VINTR]	= AERIE_EXIT_INTR_WINDOW,
	[SVM_EXIT_IDTR_READ ... SVM_EXIT_TR_WRITE] = AERIE_EXIT_DTABLE | INSN,
	[SVM_EXIT_RDTSC]	= AERIE_EXIT_RDTSC | INSN,
	[SVM_EXIT_RDPMC]	= AERIE_EXIT_RDPMC | INSN,
	[SVM_EXIT_CPUID]	= AERIE_EXIT_CPUID | INSN,
	[SVM_EXIT_RSM]		= AERIE_EXIT_VIRT_INSN,
	[SVM_EXIT_IRET]		= AERIE_EXIT_NMI_WINDOW,	/* see event.c */
	[SVM_EXIT_INVD]		= AERIE_EXIT_INVD | INSN,
	[SVM_EXIT_PAUSE]	= AERIE_EXIT_PAUSE | INSN,
	[SVM_EXIT_HLT]		= AERIE_EXIT_HLT | INSN,
	[SVM_EXIT_INVLPG]	= AERIE_EXIT_INVLPG | INSN,
	[SVM_EXIT_INVLPGA]	= AERIE_EXIT_VIRT_INSN,
	[SVM_EXIT_IOIO]		= AERIE_EXIT_PIO,
	[SVM_EXIT_MSR]		= AERIE_EXIT_RDMSR | INSN,
	[SVM_EXIT_TASK_SWITCH]	= AERIE_EXIT_TASK_SWITCH,
	[SVM_EXIT_FERR_FREEZE]	= AERIE_EXIT_OTHER,
	[SVM_EXIT_SHUTDOWN]	= AERIE_EXIT_TRIPLE_FAULT,
	[SVM_EXIT_VMRUN]	= AERIE_EXIT_VIRT_INSN,
	[SVM_EXIT_VMMCALL]	= AERIE_EXIT_HYPERCALL | INSN,
	[SVM_EXIT_VMLOAD ... SVM_EXIT_SKINIT] = AERIE_EXIT_VIRT_INSN,
	[SVM_EXIT_WBINVD]	= AERIE_EXIT_WBINVD | INSN,
	[SVM_EXIT_MONITOR]	= AERIE_EXIT_MONITOR | INSN,
	[SVM_EXIT_MWAIT]	= AERIE_EXIT_MWAIT | INSN,
	[SVM_EXIT_MWAIT_COND]	= AERIE_EXIT_MWAIT | INSN,
	[SVM_EXIT_XSETBV]	= AERIE_EXIT_XSETBV | INSN,
	[SVM_EXIT_RDPRU]	= AERIE_EXIT_VIRT_INSN,
};

static_assert(AERIE_NR_EXIT_KINDS <= INSN);

/* Length between two RIPs, or 0 where it is none. */
static u8 insn_len(u64 rip, u64 next_rip)
{
	u64 len = next_rip - rip;

	return next_rip && len <= 15 ? len : 0;
}

static void decode_cr(const struct svm_control *c, u32 code, bool assists,
		      struct aerie_exit *exit)
{
	if (code == SVM_EXIT_CR0_SEL_WRITE) {
		exit->cr.cr = 0;
		exit->cr.op = AERIE_CR_WRITE;
	} else {
		exit->cr.cr = code & 15;
		exit->cr.op = code & 16 ? AERIE_CR_WRITE : AERIE_CR_READ;
	}
	/* Without the mark it is CLTS, LMSW or SMSW: the core looks at the bytes. */
	exit->cr.decoded = assists && c->exit_info_1 & CR_IS_MOV;
	if (exit->cr.decoded)
		exit->cr.reg = c->exit_info_1 & 15;
}

/* APM, IOIO Intercepts. */
static void decode_io(const struct svm_control *c, struct aerie_exit *exit)
{
	const u64 info = c->exit_info_1;

	exit->pio.port = info >> 16;
	exit->pio.size = info >> SVM_IOIO_SIZE_SHIFT & 7;
	exit->pio.in = info & SVM_IOIO_TYPE_MASK;
	exit->pio.string = info & SVM_IOIO_STR_MASK;
	exit->pio.rep = info & BIT(SVM_IOIO_REP_SHIFT);
}

static void decode_exception(const struct svm_vmcb *vmcb, u8 vector, struct aerie_exit *exit)
{
	exit->exc.vector = vector;
	exit->exc.has_error = VECS_WITH_ERROR & BIT(vector);
	if (exit->exc.has_error)
		exit->exc.error = vmcb->control.exit_info_1;
	if (vector == VEC_PF)
		exit->exc.payload = vmcb->control.exit_info_2;
	if (vector == VEC_DB) {
		exit->exc.payload = vmcb->save.dr6 & SVM_DR6_EVENTS;
		/* Bochs takes the intercept before it writes DR6. */
		if (!exit->exc.payload && vmcb->save.rflags & X86_EFLAGS_TF)
			exit->exc.payload = DR_STEP;
	}
}

static void decode_task(const struct svm_control *c, struct aerie_exit *exit)
{
	exit->task.selector = c->exit_info_1;
	if (c->exit_info_2 & TASK_IRET)
		exit->task.source = 1;
	else if (c->exit_info_2 & TASK_JMP)
		exit->task.source = 2;
	else if (c->exit_int_info & SVM_EXITINTINFO_VALID)
		exit->task.source = 3;
	exit->task.has_error = c->exit_info_2 & TASK_HAS_ERROR;
	exit->task.error = exit->task.has_error ? c->exit_info_2 : 0;
}

/**
 * svm_decode() - fill a neutral exit from the VMCB
 * @vmcb: after #VMEXIT
 * @assists: the processor has decode assists
 * @exit: zeroed by the caller
 *
 * Context: any.
 */
void svm_decode(const struct svm_vmcb *vmcb, bool assists, struct aerie_exit *exit)
{
	const struct svm_control *c = &vmcb->control;
	const u32 code = c->exit_code;

	exit->kind = AERIE_EXIT_UNCLAIMED;
	exit->hw_reason = code;
	exit->hw_qual = c->exit_info_1;
	if (code >= ARRAY_SIZE(exit_kinds)) {
		if (code == SVM_EXIT_NPF)
			exit->kind = svm_decode_fault(c, assists, exit) ? AERIE_EXIT_FAULT :
								 AERIE_EXIT_UNCLAIMED;
		else if (code == (u32)SVM_EXIT_ERR)
			exit->kind = AERIE_EXIT_INVALID_STATE;
		return;
	}
	exit->kind = exit_kinds[code] & ~INSN;
	if (exit_kinds[code] & INSN)
		exit->insn_len = insn_len(vmcb->save.rip, c->next_rip);

	switch (exit->kind) {
	case AERIE_EXIT_PIO:
		decode_io(c, exit);
		exit->insn_len = insn_len(vmcb->save.rip, c->exit_info_2);
		break;
	case AERIE_EXIT_RDMSR:
		exit->msr.write = c->exit_info_1 & 1;
		if (exit->msr.write)
			exit->kind = AERIE_EXIT_WRMSR;
		break;
	case AERIE_EXIT_CR:
		decode_cr(c, code, assists, exit);
		break;
	case AERIE_EXIT_DR:
		exit->dr.dr = code & 15;
		exit->dr.write = code & 16;
		exit->dr.decoded = assists;
		if (assists)
			exit->dr.reg = c->exit_info_1 & 15;
		break;
	case AERIE_EXIT_EXCEPTION:
		decode_exception(vmcb, code - SVM_EXIT_EXCP_BASE, exit);
		break;
	case AERIE_EXIT_INVLPG:
		exit->invlpg.decoded = assists;
		if (assists)
			exit->invlpg.gva = c->exit_info_1;
		break;
	case AERIE_EXIT_TASK_SWITCH:
		decode_task(c, exit);
		break;
	default:
		break;
	}
}

/**
 * svm_decode_event() - the event whose delivery the exit cut off
 * @vmcb: after #VMEXIT with EXITINTINFO valid
 * @event: filled
 *
 * INT3 and INTO come as exceptions; no other instruction or condition raises
 * their vectors.
 */
void svm_decode_event(const struct svm_vmcb *vmcb, struct aerie_event *event)
{
	const struct svm_control *c = &vmcb->control;
	const u32 info = c->exit_int_info;

	*event = (struct aerie_event){ .vector = info & SVM_EXITINTINFO_VEC_MASK };
	switch (info & SVM_EXITINTINFO_TYPE_MASK) {
	case SVM_EXITINTINFO_TYPE_INTR:
		event->type = AERIE_EVENT_EXTINT;
		break;
	case SVM_EXITINTINFO_TYPE_NMI:
		event->type = AERIE_EVENT_NMI;
		break;
	case SVM_EXITINTINFO_TYPE_SOFT:
		event->type = AERIE_EVENT_SOFTINT;
		break;
	case SVM_EXITINTINFO_TYPE_EXEPT:
		event->type = event->vector == VEC_BP || event->vector == VEC_OF ?
			      AERIE_EVENT_SOFTEXC : AERIE_EVENT_EXCEPTION;
		event->has_error = info & SVM_EXITINTINFO_VALID_ERR;
		if (event->has_error)
			event->error = c->exit_int_error;
		if (event->vector == VEC_PF)
			event->payload = vmcb->save.cr2;
		if (event->vector == VEC_DB)
			event->payload = vmcb->save.dr6 & SVM_DR6_EVENTS;
		break;
	}
}

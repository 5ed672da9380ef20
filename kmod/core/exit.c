// SPDX-License-Identifier: GPL-2.0
/*
 * Acts on decoded exits: one handler a kind, chosen by a switch without a
 * default so that the compiler lists what is missing.
 *
 * All handlers run loaded. What they cannot finish there (memory to be
 * allocated, sleep) they leave to the run loop by what they return; the guest
 * then executes the instruction again or goes on after it.
 */
#include <asm/trapnr.h>
#include "backend.h"
#include "core/core.h"
#include "core/insn.h"
#include "core/policy.h"
#include "dev/chips.h"
#include "dev/lapic.h"
#include "uapi.h"
#include "trace.h"

static enum aerie_next gp(struct aerie_vcpu *vcpu)
{
	aerie_raise_gp(vcpu);
	return AERIE_NEXT_ENTER;
}

static enum aerie_next ud(struct aerie_vcpu *vcpu)
{
	aerie_raise_ud(vcpu);
	return AERIE_NEXT_ENTER;
}

static enum aerie_next skip(struct aerie_vcpu *vcpu, unsigned int len)
{
	aerie_skip(vcpu, len);
	return AERIE_NEXT_ENTER;
}

static enum aerie_next exit_hlt(struct aerie_vcpu *vcpu, struct aerie_exit *exit)
{
	/* What would end it depends on what is in service. */
	if (vcpu->pv.eoi_offer && aerie_pv_eoi_settle(vcpu))
		return AERIE_NEXT_FAULT;
	aerie_skip(vcpu, exit->insn_len);
	/* With TF set the #DB behind the HLT wakes at once. */
	if (aerie_reg_read(vcpu, AERIE_REG_RFLAGS) & X86_EFLAGS_TF) {
		WRITE_ONCE(vcpu->pv_kicked, false);
		vcpu->check_events = true;
	} else {
		insn_hlt(vcpu);
	}
	return vcpu->mp_state == AERIE_MP_RUNNING ? AERIE_NEXT_ENTER : AERIE_NEXT_HALT;
}

static enum aerie_next exit_rdmsr(struct aerie_vcpu *vcpu, struct aerie_exit *exit)
{
	u32 msr = vcpu->regs[AERIE_REG_RCX];
	int err = insn_rdmsr(vcpu);

	trace_aerie_msr(vcpu, false, msr, vcpu->msr_val, err);
	return err ? gp(vcpu) : skip(vcpu, exit->insn_len);
}

static enum aerie_next exit_wrmsr(struct aerie_vcpu *vcpu, struct aerie_exit *exit)
{
	int err = insn_wrmsr(vcpu);

	trace_aerie_msr(vcpu, true, vcpu->regs[AERIE_REG_RCX], vcpu->msr_val, err);
	return err ? gp(vcpu) : skip(vcpu, exit->insn_len);
}

/* Without decode assists: the operands of MOV CR, CLTS, LMSW, INVLPG. */
static enum aerie_next decode_operands(struct aerie_vcpu *vcpu, struct aerie_exit *exit,
				       struct aerie_insn *insn, bool *ok)
{
	enum aerie_next next = aerie_fetch(vcpu, insn, ok);

	if (!*ok)
		return next;
	*ok = false;
	exit->insn_len = insn->len;
	if (insn->map != 1)
		goto unclaimed;
	switch (insn->opcode) {
	case 0x06:
		exit->cr.op = AERIE_CR_CLTS;
		break;
	case 0x20:
	case 0x22:
		exit->cr.op = insn->opcode == 0x22 ? AERIE_CR_WRITE : AERIE_CR_READ;
		exit->cr.cr = insn->reg;
		exit->cr.reg = insn->rm;
		break;
	case 0x01:
		if ((insn->reg & 7) == 7 && insn->mem) {
			exit->invlpg.gva = aerie_operand_linear(vcpu, insn);
			break;
		}
		if ((insn->reg & 7) == 6) {
			u16 msw;

			exit->cr.op = AERIE_CR_LMSW;
			if (insn->mem) {
				next = aerie_linear_read(vcpu, aerie_operand_linear(vcpu, insn),
							 &msw, 2, ok);
				if (!*ok)
					return next;
			} else {
				msw = aerie_reg_read(vcpu, insn->rm);
			}
			exit->cr.lmsw = msw;
			break;
		}
		if ((insn->reg & 7) == 4) {
			exit->cr.op = AERIE_CR_SMSW;
			break;
		}
		fallthrough;
	default:
		goto unclaimed;
	}
	*ok = true;
	return AERIE_NEXT_ENTER;

unclaimed:
	/* Not what the hardware said: another vCPU is rewriting the code. */
	return ud(vcpu);
}

static int cr_write(struct aerie_vcpu *vcpu, unsigned int cr, u64 val)
{
	switch (cr) {
	case 0:
		return aerie_cr0_write(vcpu, val);
	case 3:
		return aerie_cr3_write(vcpu, val);
	case 4:
		return aerie_cr4_write(vcpu, val);
	case 8:
		vcpu->check_events = true;
		return aerie_cr8_write(vcpu, val);
	}
	return 1;
}

static u64 cr_read(struct aerie_vcpu *vcpu, unsigned int cr)
{
	switch (cr) {
	case 0:
		return aerie_reg_read(vcpu, AERIE_REG_CR0);
	case 2:
		return vcpu->cr2;
	case 3:
		return aerie_reg_read(vcpu, AERIE_REG_CR3);
	case 4:
		return aerie_reg_read(vcpu, AERIE_REG_CR4);
	}
	return aerie_lapic_cr8(vcpu);
}

/* SMSW: 16 bits in memory, in a register as many as it has. */
static enum aerie_next store_msw(struct aerie_vcpu *vcpu, const struct aerie_insn *insn, bool *ok)
{
	u64 cr0 = aerie_reg_read(vcpu, AERIE_REG_CR0);

	*ok = true;
	if (insn->mem)
		return aerie_linear_write(vcpu, aerie_operand_linear(vcpu, insn), &cr0, 2, ok);
	/* The upper half of CR0 is 0. */
	if (insn->opsize == 2)
		cr0 = (aerie_reg_read(vcpu, insn->rm) & ~0xffffull) | (u16)cr0;
	aerie_reg_write(vcpu, insn->rm, cr0);
	return AERIE_NEXT_ENTER;
}

#define LMSW_BITS	(X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS)

static enum aerie_next exit_cr(struct aerie_vcpu *vcpu, struct aerie_exit *exit)
{
	struct aerie_insn insn;
	bool long_mode, ok = true;
	u64 cr0, val;
	int err = 0;

	if (!exit->cr.decoded) {
		enum aerie_next next = decode_operands(vcpu, exit, &insn, &ok);

		if (!ok)
			return next;
	}
	long_mode = aerie_vcpu_cpu_mode(vcpu) == AERIE_MODE_64;
	switch (exit->cr.op) {
	case AERIE_CR_WRITE:
		val = aerie_reg_read(vcpu, exit->cr.reg);
		err = cr_write(vcpu, exit->cr.cr, long_mode ? val : (u32)val);
		break;
	case AERIE_CR_READ:
		val = cr_read(vcpu, exit->cr.cr);
		aerie_reg_write(vcpu, exit->cr.reg, long_mode ? val : (u32)val);
		break;
	case AERIE_CR_CLTS:
		cr0 = aerie_reg_read(vcpu, AERIE_REG_CR0);
		err = aerie_cr0_write(vcpu, cr0 & ~X86_CR0_TS);
		break;
	case AERIE_CR_LMSW:
		/* LMSW can set PE but not clear it. */
		cr0 = aerie_reg_read(vcpu, AERIE_REG_CR0);
		err = aerie_cr0_write(vcpu, (cr0 & ~(LMSW_BITS & ~(u64)X86_CR0_PE)) |
					    (exit->cr.lmsw & LMSW_BITS));
		break;
	case AERIE_CR_SMSW: {
		enum aerie_next next = store_msw(vcpu, &insn, &ok);

		if (!ok)
			return next;
		break;
	}
	}
	/* The PDPTEs of PAE paging may have to be made resident first. */
	if (err == -EAGAIN)
		return AERIE_NEXT_FAULT;
	return err ? gp(vcpu) : skip(vcpu, exit->insn_len);
}

/*
 * MOV DR: the guest gets the debug registers until the next put and executes
 * the instruction again; what must fault, an alias or DR7.GD then does by itself.
 */
static enum aerie_next exit_dr(struct aerie_vcpu *vcpu)
{
	aerie_dr_own(vcpu);
	return AERIE_NEXT_ENTER;
}

static enum aerie_next exit_invlpg(struct aerie_vcpu *vcpu, struct aerie_exit *exit)
{
	struct aerie_insn insn;
	bool ok = true;

	if (!exit->invlpg.decoded) {
		enum aerie_next next = decode_operands(vcpu, exit, &insn, &ok);

		if (!ok)
			return next;
	}
	aerie_backend->flush_gva(vcpu, exit->invlpg.gva);
	return skip(vcpu, exit->insn_len);
}

static enum aerie_next exit_xsetbv(struct aerie_vcpu *vcpu, struct aerie_exit *exit)
{
	u64 val = (u32)aerie_reg_read(vcpu, AERIE_REG_RAX) |
		  aerie_reg_read(vcpu, AERIE_REG_RDX) << 32;

	if (!(aerie_reg_read(vcpu, AERIE_REG_CR4) & X86_CR4_OSXSAVE))
		return ud(vcpu);
	if (aerie_hw(cpl)(vcpu) ||
	    aerie_xcr0_write(vcpu, aerie_reg_read(vcpu, AERIE_REG_RCX), val))
		return gp(vcpu);
	aerie_fpu_xcr0(vcpu);
	return skip(vcpu, exit->insn_len);
}

static enum aerie_next exit_pio(struct aerie_vcpu *vcpu, struct aerie_exit *exit)
{
	u64 val;

	if (exit->pio.string)
		return aerie_emulate(vcpu, exit);
	val = insn_pio(vcpu, exit->pio.port, exit->pio.size, exit->pio.in);
	trace_aerie_pio(vcpu, !exit->pio.in, exit->pio.port, exit->pio.size, val);
	return skip(vcpu, exit->insn_len);
}

/* A device or nothing is at @gpa: the instruction is emulated. */
static enum aerie_next exit_mmio(struct aerie_vcpu *vcpu, struct aerie_exit *exit)
{
	gpa_t gpa = exit->fault.gpa;

	if (exit->fault.walk) {
		aerie_vm_kill(vcpu->vm, AERIE_STOP_GUEST,
			      "vCPU %u: page table at 0x%llx, where there is no memory",
			      vcpu->id, gpa);
		return AERIE_NEXT_STOP;
	}
	if (exit->fault.acc & AERIE_ACC_FETCH) {
		aerie_vm_kill(vcpu->vm, AERIE_STOP_GUEST,
			      "vCPU %u: execution at 0x%llx, where there is no memory",
			      vcpu->id, gpa);
		return AERIE_NEXT_STOP;
	}
	/* Not the instruction at RIP accesses it: there is nothing to emulate. */
	if (vcpu->reinject.type) {
		aerie_vm_kill(vcpu->vm, AERIE_STOP_GUEST,
			      "vCPU %u: delivery of vector %u accesses 0x%llx, where there is no memory",
			      vcpu->id, vcpu->reinject.vector, gpa);
		return AERIE_NEXT_STOP;
	}
	exit->kind = aerie_lapic_claims(vcpu->lapic, gpa) ? AERIE_EXIT_APIC : AERIE_EXIT_MMIO;
	vcpu->check_events = true;
	return aerie_emulate(vcpu, NULL);
}

static enum aerie_next exit_fault(struct aerie_vcpu *vcpu, struct aerie_exit *exit)
{
	gpa_t gpa = exit->fault.gpa;
	int err = aerie_mem_fault(&vcpu->vm->mem, gpa, exit->fault.acc, GFP_NOWAIT);

	trace_aerie_fault(vcpu, gpa, exit->fault.acc, err);
	if (!err)
		return AERIE_NEXT_ENTER;
	if (err == -EFAULT)
		return exit_mmio(vcpu, exit);
	vcpu->fault_gpa = gpa;
	vcpu->fault_acc = exit->fault.acc;
	return AERIE_NEXT_FAULT;
}

/*
 * An exception intercepted so that it cannot loop in the processor (#DB, #AC):
 * the guest gets it. Its own effects on DR6 have happened already.
 */
static enum aerie_next exit_exception(struct aerie_vcpu *vcpu, struct aerie_exit *exit)
{
	aerie_raise(vcpu, exit->exc.vector, exit->exc.has_error, exit->exc.error,
		    exit->exc.payload);
	return AERIE_NEXT_ENTER;
}

static enum aerie_next exit_unknown(struct aerie_vcpu *vcpu, struct aerie_exit *exit)
{
	unsigned int i;

	pr_info_ratelimited("aerie: %s: vCPU %u: %s (0x%x), qualification 0x%llx\n",
			    vcpu->vm->config.name, vcpu->id,
			    aerie_backend->reason_name(exit->hw_reason), exit->hw_reason,
			    exit->hw_qual);
	for (i = 0; i < AERIE_NR_REGS; i += 3)
		pr_info_ratelimited("aerie: %s: %-6s %016llx %-6s %016llx %-6s %016llx\n",
				    vcpu->vm->config.name,
				    aerie_reg_names[i], aerie_reg_read(vcpu, i),
				    aerie_reg_names[i + 1], aerie_reg_read(vcpu, i + 1),
				    aerie_reg_names[i + 2], aerie_reg_read(vcpu, i + 2));
	aerie_vm_kill(vcpu->vm, AERIE_STOP_UNKNOWN_EXIT,
		      "vCPU %u: unexpected exit %s (0x%x) at rip 0x%llx", vcpu->id,
		      aerie_backend->reason_name(exit->hw_reason), exit->hw_reason,
		      aerie_reg_read(vcpu, AERIE_REG_RIP));
	return AERIE_NEXT_STOP;
}

/* Exits of one whole instruction, whose length must be known before it takes effect. */
#define EXITS_INSN							\
	(BIT_ULL(AERIE_EXIT_CPUID) | BIT_ULL(AERIE_EXIT_HLT) |		\
	 BIT_ULL(AERIE_EXIT_PAUSE) | BIT_ULL(AERIE_EXIT_HYPERCALL) |	\
	 BIT_ULL(AERIE_EXIT_RDMSR) | BIT_ULL(AERIE_EXIT_WRMSR) |	\
	 BIT_ULL(AERIE_EXIT_INVD) | BIT_ULL(AERIE_EXIT_WBINVD) |	\
	 BIT_ULL(AERIE_EXIT_XSETBV))

enum aerie_next aerie_exit_handle(struct aerie_vcpu *vcpu, struct aerie_exit *exit)
{
	if (!exit->insn_len && EXITS_INSN & BIT_ULL(exit->kind)) {
		struct aerie_insn insn;
		enum aerie_next next;
		bool ok;

		next = aerie_fetch(vcpu, &insn, &ok);
		if (!ok)
			return next;
		exit->insn_len = insn.len;
	}
	switch ((enum aerie_exit_kind)exit->kind) {
	case AERIE_EXIT_HOST_INTR:
	case AERIE_EXIT_HOST_NMI:
	case AERIE_EXIT_SMI:
	case AERIE_EXIT_INIT:
	case AERIE_EXIT_SIPI:
	case AERIE_EXIT_PREEMPT_TIMER:
		return AERIE_NEXT_ENTER;
	case AERIE_EXIT_INTR_WINDOW:
	case AERIE_EXIT_NMI_WINDOW:
		vcpu->check_events = true;
		return AERIE_NEXT_ENTER;
	case AERIE_EXIT_EXCEPTION:
		return exit_exception(vcpu, exit);
	case AERIE_EXIT_TRIPLE_FAULT:
		aerie_vm_request_reset(vcpu->vm);
		return AERIE_NEXT_STOP;
	case AERIE_EXIT_CPUID:
		insn_cpuid(vcpu);
		return skip(vcpu, exit->insn_len);
	case AERIE_EXIT_HLT:
		return exit_hlt(vcpu, exit);
	case AERIE_EXIT_PAUSE:
		aerie_skip(vcpu, exit->insn_len);
		return AERIE_NEXT_YIELD;
	case AERIE_EXIT_HYPERCALL:
		insn_hypercall(vcpu);
		return skip(vcpu, exit->insn_len);
	case AERIE_EXIT_RDMSR:
		return exit_rdmsr(vcpu, exit);
	case AERIE_EXIT_WRMSR:
		return exit_wrmsr(vcpu, exit);
	case AERIE_EXIT_RDPMC:		/* CPUID offers no counters */
		return gp(vcpu);
	case AERIE_EXIT_CR:
		return exit_cr(vcpu, exit);
	case AERIE_EXIT_DR:
		return exit_dr(vcpu);
	case AERIE_EXIT_INVLPG:
		return exit_invlpg(vcpu, exit);
	case AERIE_EXIT_INVD:		/* guest caches are the host's: nothing to do */
	case AERIE_EXIT_WBINVD:
		return skip(vcpu, exit->insn_len);
	case AERIE_EXIT_XSETBV:
		return exit_xsetbv(vcpu, exit);
	case AERIE_EXIT_MONITOR:	/* not offered by CPUID */
	case AERIE_EXIT_MWAIT:
	case AERIE_EXIT_VIRT_INSN:
		return ud(vcpu);
	case AERIE_EXIT_PIO:
		return exit_pio(vcpu, exit);
	case AERIE_EXIT_EOI:
		aerie_lapic_ended(vcpu, exit->eoi.vector);
		vcpu->check_events = true;	/* its timer may have another tick */
		return AERIE_NEXT_ENTER;
	case AERIE_EXIT_FAULT:
	case AERIE_EXIT_MMIO:
	case AERIE_EXIT_APIC:
		return exit_fault(vcpu, exit);
	case AERIE_EXIT_TASK_SWITCH:
		aerie_vm_kill(vcpu->vm, AERIE_STOP_GUEST,
			      "vCPU %u: hardware task switch to selector 0x%x, not supported",
			      vcpu->id, exit->task.selector);
		return AERIE_NEXT_STOP;
	case AERIE_EXIT_RDTSC:		/* never asked for */
	case AERIE_EXIT_DTABLE:
	case AERIE_EXIT_INVALID_STATE:
	case AERIE_EXIT_OTHER:
	case AERIE_EXIT_UNCLAIMED:
	case AERIE_NR_EXIT_KINDS:
		return exit_unknown(vcpu, exit);
	}
	return exit_unknown(vcpu, exit);
}

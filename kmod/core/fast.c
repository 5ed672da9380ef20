// SPDX-License-Identifier: GPL-2.0
/*
 * The fast path: exits that are over before the run loop hears of them.
 *
 * A backend calls aerie_fast() between an exit and the next entry, interrupts
 * off, where the exit is one whole instruction of known length and there is
 * nothing out of the ordinary about it: no TF, no event cut off, no CR8 that has
 * changed, no NMI followed by hand. Then all that completing the instruction takes
 * besides its own effect is RIP, RF and the end of an interrupt shadow, which the
 * backend sees to. Whatever is not so, or faults, takes the long way with nothing
 * done yet; with tracing on every exit does, for that is where tracepoints are.
 *
 * From one entry to the next interrupts stay off and the mode stays
 * AERIE_VCPU_GUEST. So whoever posts a request meanwhile sends an IPI; it waits,
 * as does any interrupt of this processor, the tick and the scheduler's among
 * them, and ends the next entry before an instruction is executed. What others do
 * hence needs no look here and no barrier. What has to be looked at is what the
 * handler itself may have left: a request to its own vCPU, an event to inject, a
 * thread it has woken that shall run here at once, a softirq.
 *
 * Interrupts get in every AERIE_FAST_RUN exits all the same: under Bochs' VMX a
 * guest that does nothing but exit, its own interrupts off, keeps them out.
 */
#include <linux/gfp.h>
#include <linux/interrupt.h>
#include <linux/sched.h>
#include <asm/processor-flags.h>
#include <asm/tsc.h>

#include "core/core.h"
#include "core/fetch.h"
#include "core/insn.h"
#include "dev/lapic.h"
#include "trace.h"

/* Has a handler left something to look at before the next entry? */
static __always_inline bool waits(struct aerie_vcpu *vcpu)
{
	return READ_ONCE(vcpu->requests) || vcpu->check_events;
}

/* The same of one that may have woken threads. */
static __always_inline bool waits_or_woke(struct aerie_vcpu *vcpu)
{
	return waits(vcpu) || need_resched() || aerie_softirqs_wait(vcpu);
}

static u64 mov_linear(struct aerie_vcpu *vcpu, const struct aerie_insn *insn)
{
	u64 off = (s64)insn->disp;

	if (insn->base != 0xff)
		off += aerie_reg_read(vcpu, insn->base);
	if (insn->index != 0xff)
		off += vcpu->regs[insn->index] << insn->scale;
	if (insn->rip_relative)
		off += aerie_reg_read(vcpu, AERIE_REG_RIP) + insn->len;
	return insn->adsize == 4 ? (u32)off : off;
}

/*
 * Is the faulting access that of @insn, whole? The processor has translated it and
 * checked it for reading or writing; nothing else of @insn accesses memory.
 */
static bool is_access(const struct aerie_exit *exit, const struct aerie_insn *insn, gva_t gva)
{
	const u64 in_page = PAGE_SIZE - 1;

	if (exit->fault.gva_valid)
		return gva == exit->fault.gva && (gva & in_page) + insn->opsize <= PAGE_SIZE;
	return !((gva ^ exit->fault.gpa) & in_page) && (gva & in_page) + insn->opsize <= PAGE_SIZE;
}

static void mov_store(struct aerie_vcpu *vcpu, const struct aerie_insn *insn, gpa_t gpa, bool apic)
{
	u64 val = insn->plain_mov == AERIE_MOV_STORE_IMM ? insn->imm : vcpu->regs[insn->reg];

	if (apic)
		aerie_lapic_write(vcpu, gpa & (PAGE_SIZE - 1), val);
	else
		aerie_bus_write(&vcpu->vm->mmio, vcpu, gpa, insn->opsize, val);
}

static void mov_load(struct aerie_vcpu *vcpu, const struct aerie_insn *insn, gpa_t gpa, bool apic)
{
	u64 val, keep = ~0ull >> (64 - 8 * insn->opsize);

	if (apic)
		vcpu->io_val = aerie_lapic_read(vcpu, gpa & (PAGE_SIZE - 1));
	else
		aerie_bus_read(&vcpu->vm->mmio, vcpu, gpa, insn->opsize, &vcpu->io_val);
	val = vcpu->io_val & keep;
	if (insn->opsize < 4)
		val |= vcpu->regs[insn->reg] & ~keep;
	vcpu->regs[insn->reg] = val;
}

static noinline bool fast_mmio(struct aerie_vcpu *vcpu, struct aerie_exit *exit, bool apic)
{
	const bool store = exit->fault.acc & AERIE_ACC_WRITE;
	const struct aerie_insn *insn;

	if (trace_aerie_mmio_enabled())
		return false;
	insn = aerie_fetch_fast(vcpu, exit);
	if (!insn || !insn->plain_mov || (insn->plain_mov == AERIE_MOV_LOAD) == store ||
	    !is_access(exit, insn, mov_linear(vcpu, insn)))
		return false;
	exit->kind = apic ? AERIE_EXIT_APIC : AERIE_EXIT_MMIO;
	exit->insn_len = insn->len;
	if (store)
		mov_store(vcpu, insn, exit->fault.gpa, apic);
	else
		mov_load(vcpu, insn, exit->fault.gpa, apic);
	return true;
}

/* Memory that is missing, or a device. */
static __always_inline bool fast_fault(struct aerie_vcpu *vcpu, struct aerie_exit *exit)
{
	struct aerie_mem *mem = &vcpu->vm->mem;
	gpa_t gpa = exit->fault.gpa;

	if (trace_aerie_fault_enabled())
		return false;
	exit->insn_len = 0;		/* the instruction is executed again */
	if ((gpa < AERIE_PCI_HOLE_START || gpa >= AERIE_PCI_HOLE_END) &&
	    aerie_mem_is_ram(mem, gpa, 1))
		return !aerie_mem_fault(mem, gpa, exit->fault.acc, GFP_NOWAIT);
	if (exit->fault.walk || exit->fault.acc & AERIE_ACC_FETCH)
		return false;
	return fast_mmio(vcpu, exit, aerie_lapic_claims(vcpu->lapic, gpa));
}

/* What changes no mode and loads nothing: the rest of a write of CR0 or CR4 may wait. */
#define FAST_CR0	(X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_NE | X86_CR0_WP | X86_CR0_AM)
#define FAST_CR4	(X86_CR4_DE | X86_CR4_PGE | X86_CR4_SMEP | X86_CR4_SMAP)

/* MOV to CR0 or CR4 in 64-bit code, where it does not decide how code is executed. */
static noinline bool fast_cr(struct aerie_vcpu *vcpu, struct aerie_exit *exit)
{
	const struct aerie_insn *insn = aerie_fetch_fast(vcpu, exit);
	u64 val;

	if (!insn || insn->map != 1 || insn->opcode != 0x22 || insn->lock)
		return false;
	exit->insn_len = insn->len;
	val = aerie_reg_read(vcpu, insn->rm);
	switch (insn->reg) {
	case 0:
		return !((val ^ aerie_reg_read(vcpu, AERIE_REG_CR0)) & ~(u64)FAST_CR0) &&
		       !aerie_cr0_write(vcpu, val);
	case 4:
		return !((val ^ aerie_reg_read(vcpu, AERIE_REG_CR4)) & ~(u64)FAST_CR4) &&
		       !aerie_cr4_write(vcpu, val);
	}
	return false;
}

/* All is done, but the run loop has to look at what follows. */
static __always_inline enum aerie_fast last(struct aerie_vcpu *vcpu, unsigned int kind)
{
	vcpu->done_kind = kind;
	return AERIE_FAST_DONE;
}

static __always_inline enum aerie_fast again(struct aerie_vcpu *vcpu, unsigned int kind)
{
	u64 took;

	if (unlikely(!--vcpu->fast_left))
		return last(vcpu, kind);
	took = rdtsc() - vcpu->exited_tsc;
	vcpu->entered_tsc += took;
	aerie_stat_add(&vcpu->stats->exits[kind], took);
	return AERIE_FAST_AGAIN;
}

static __always_inline enum aerie_fast again_or_last(struct aerie_vcpu *vcpu, unsigned int kind)
{
	return unlikely(waits_or_woke(vcpu)) ? last(vcpu, kind) : again(vcpu, kind);
}

/* Exits take the long way past their tracepoints. */
static __always_inline bool traced(void)
{
	return trace_aerie_exit_enabled() || trace_aerie_entry_enabled();
}

enum aerie_fast aerie_fast_cpuid(struct aerie_vcpu *vcpu)
{
	if (traced())
		return AERIE_FAST_NO;
	insn_cpuid(vcpu);
	return again(vcpu, AERIE_EXIT_CPUID);
}

enum aerie_fast aerie_fast_rdmsr(struct aerie_vcpu *vcpu)
{
	if (traced() || trace_aerie_msr_enabled() || insn_rdmsr(vcpu))
		return AERIE_FAST_NO;
	return unlikely(waits(vcpu)) ? last(vcpu, AERIE_EXIT_RDMSR) :
				       again(vcpu, AERIE_EXIT_RDMSR);
}

enum aerie_fast aerie_fast_wrmsr(struct aerie_vcpu *vcpu)
{
	if (traced() || trace_aerie_msr_enabled() || insn_wrmsr(vcpu))
		return AERIE_FAST_NO;
	return again_or_last(vcpu, AERIE_EXIT_WRMSR);
}

enum aerie_fast aerie_fast_hypercall(struct aerie_vcpu *vcpu)
{
	if (traced())
		return AERIE_FAST_NO;
	insn_hypercall(vcpu);
	return again_or_last(vcpu, AERIE_EXIT_HYPERCALL);
}

enum aerie_fast aerie_fast_hlt(struct aerie_vcpu *vcpu)
{
	/* What would end it depends on what is in service. */
	if (traced() || (vcpu->pv.eoi_offer && unlikely(aerie_pv_eoi_settle(vcpu))))
		return AERIE_FAST_NO;
	insn_hlt(vcpu);
	return last(vcpu, AERIE_EXIT_HLT);
}

enum aerie_fast aerie_fast_nothing(struct aerie_vcpu *vcpu, unsigned int kind)
{
	return traced() ? AERIE_FAST_NO : again(vcpu, kind);
}

enum aerie_fast aerie_fast_pio(struct aerie_vcpu *vcpu, u16 port, unsigned int size, bool in)
{
	if (traced() || trace_aerie_pio_enabled())
		return AERIE_FAST_NO;
	insn_pio(vcpu, port, size, in);
	return again_or_last(vcpu, AERIE_EXIT_PIO);
}

enum aerie_fast aerie_fast_fault(struct aerie_vcpu *vcpu, struct aerie_exit *exit)
{
	if (traced() || !fast_fault(vcpu, exit))
		return AERIE_FAST_NO;
	return again_or_last(vcpu, exit->kind);
}

enum aerie_fast aerie_fast_decoded(struct aerie_vcpu *vcpu, struct aerie_exit *exit)
{
	const struct aerie_insn *insn;

	if (traced())
		return AERIE_FAST_NO;
	if (exit->kind == AERIE_EXIT_CR)
		return fast_cr(vcpu, exit) ? again_or_last(vcpu, exit->kind) : AERIE_FAST_NO;
	insn = aerie_fetch_fast(vcpu, exit);
	if (!insn)
		return AERIE_FAST_NO;
	exit->insn_len = insn->len;
	return aerie_fast(vcpu, exit->kind);
}

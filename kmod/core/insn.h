/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What instructions do that exit and touch nothing but registers: for fast.c and
 * exit.c. The registers named here are switched by entry and exit, so they are
 * always current in vcpu->regs and always written back; RFLAGS is asked for.
 */
#ifndef AERIE_CORE_INSN_H
#define AERIE_CORE_INSN_H

#include <linux/bits.h>
#include <linux/nospec.h>
#include <asm/apicdef.h>
#include <asm/msr-index.h>
#include <uapi/linux/kvm_para.h>

#include "backend.h"
#include "core/core.h"
#include "core/policy.h"
#include "dev/lapic.h"

static __always_inline void insn_cpuid(struct aerie_vcpu *vcpu)
{
	const struct aerie_vm *vm = vcpu->vm;
	u32 leaf = vcpu->regs[AERIE_REG_RAX];
	const u32 *out;

	if (leaf < 32 && vm->cpuid_plain & BIT(leaf))
		out = vm->cpuid_basic[array_index_nospec(leaf, 32)];
	else
		out = aerie_cpuid(vcpu, leaf, vcpu->regs[AERIE_REG_RCX]);
	vcpu->regs[AERIE_REG_RAX] = out[0];
	vcpu->regs[AERIE_REG_RBX] = out[1];
	vcpu->regs[AERIE_REG_RCX] = out[2];
	vcpu->regs[AERIE_REG_RDX] = out[3];
}

/* These two: 0, or 1 for #GP(0), and then nothing has happened. */

static __always_inline int insn_rdmsr(struct aerie_vcpu *vcpu)
{
	if (unlikely(aerie_msr_read(vcpu, vcpu->regs[AERIE_REG_RCX], &vcpu->msr_val)))
		return 1;
	vcpu->regs[AERIE_REG_RAX] = (u32)vcpu->msr_val;
	vcpu->regs[AERIE_REG_RDX] = vcpu->msr_val >> 32;
	return 0;
}

static __always_inline int insn_wrmsr(struct aerie_vcpu *vcpu)
{
	const u32 msr = vcpu->regs[AERIE_REG_RCX];
	const u64 val = (u32)vcpu->regs[AERIE_REG_RAX] | vcpu->regs[AERIE_REG_RDX] << 32;

	vcpu->msr_val = val;
	/* Those that are written most are not looked up. */
	if (msr - APIC_BASE_MSR < AERIE_X2APIC_MSRS)
		return aerie_lapic_x2apic_write(vcpu, msr, val);
	if (msr == MSR_IA32_TSC_DEADLINE) {
		aerie_lapic_write_deadline(vcpu, val);
		return 0;
	}
	return aerie_msr_write(vcpu, msr, val);
}

/* The vCPU runs on where something waits for it, else it is halted. */
static __always_inline void insn_hlt(struct aerie_vcpu *vcpu)
{
	vcpu->halt_if = aerie_reg_read(vcpu, AERIE_REG_RFLAGS) & X86_EFLAGS_IF;
	vcpu->check_events = true;
	if (aerie_event_wakes(vcpu))
		WRITE_ONCE(vcpu->pv_kicked, false);
	else
		vcpu->mp_state = AERIE_MP_HALTED;
}

/* KVM's hypercall ABI. */
static __always_inline void insn_hypercall(struct aerie_vcpu *vcpu)
{
	u64 *rax = &vcpu->regs[AERIE_REG_RAX];

	if (aerie_hw(cpl)(vcpu))
		*rax = -KVM_EPERM;
	else if ((u32)*rax - KVM_HC_KICK_CPU > KVM_HC_SCHED_YIELD - KVM_HC_KICK_CPU)
		*rax = -KVM_ENOSYS;
	else
		*rax = aerie_pv_hypercall(vcpu);
}

/* IN and OUT. Returns the value moved, for the trace. */
static __always_inline u64 insn_pio(struct aerie_vcpu *vcpu, u16 port, unsigned int size, bool in)
{
	const u64 mask = ~0ull >> (64 - 8 * size);
	u64 *rax = &vcpu->regs[AERIE_REG_RAX], val = *rax & mask;

	if (!in) {
		aerie_bus_write(&vcpu->vm->pio, vcpu, port, size, val);
		return val;
	}
	aerie_bus_read(&vcpu->vm->pio, vcpu, port, size, &vcpu->io_val);
	val = vcpu->io_val;
	/* A 32-bit destination clears the upper half, shorter ones keep it. */
	*rax = size == 4 ? val : (*rax & ~mask) | val;
	return val;
}

#endif

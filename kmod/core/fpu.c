// SPDX-License-Identifier: GPL-2.0
/*
 * Registers that are switched by software around the loaded section: the
 * guest's x87 to AVX-512 state, XCR0, and the debug registers DR0-DR3.
 *
 * kernel_fpu_begin() gives the processor's FPU to this thread and keeps
 * preemption off until kernel_fpu_end(); in between the guest's state is in the
 * registers and no exit touches it. The XSAVE area holds every component the
 * host enables and a guest may have, whatever the guest's own XCR0 says, so
 * components the guest has switched off for a while keep their content.
 */
#include <linux/cpufeature.h>
#include <linux/hw_breakpoint.h>
#include <linux/slab.h>
#include <asm/debugreg.h>
#include <asm/fpu/api.h>
#include <asm/fpu/types.h>
#include <asm/fpu/xcr.h>
#include "compat.h"
#include "core/core.h"
#include "core/policy.h"

#define FPU_FXSAVE_BYTES	512u
#define FPU_FCW_RESET		0x40u	/* SDM, x87 state at reset */
#define FPU_MXCSR_OFFSET	24u

/* What a guest may have of it: no dynamic (AMX) or protection-key state. */
#define FPU_COMPONENTS							\
	(XFEATURE_MASK_FP | XFEATURE_MASK_SSE | XFEATURE_MASK_YMM |	\
	 XFEATURE_MASK_OPMASK | XFEATURE_MASK_ZMM_Hi256 | XFEATURE_MASK_Hi16_ZMM)

static bool fpu_xsave;		/* XSAVE is on in the host */
static u64 fpu_host_xcr0;
static u64 fpu_mask;		/* components saved and restored */
static u32 fpu_bytes;

int aerie_fpu_init(void)
{
	u32 eax, ebx, ecx, edx;

	fpu_xsave = boot_cpu_has(X86_FEATURE_XSAVE) && (__read_cr4() & X86_CR4_OSXSAVE);
	fpu_bytes = FPU_FXSAVE_BYTES;
	if (!fpu_xsave)
		return 0;
	fpu_host_xcr0 = xgetbv(XCR_XFEATURE_ENABLED_MASK);
	fpu_mask = fpu_host_xcr0 & FPU_COMPONENTS;
	cpuid_count(0xd, 0, &eax, &ebx, &ecx, &edx);
	fpu_bytes = max(ebx, FPU_FXSAVE_BYTES + 64);
	return 0;
}

void aerie_fpu_reset(struct aerie_vcpu *vcpu)
{
	struct fxregs_state *fx = vcpu->fpu;

	memset(vcpu->fpu, 0, vcpu->fpu_size);
	fx->cwd = FPU_FCW_RESET;
	fx->twd = 0;		/* abridged: all empty; FTW 5555h of reset is not visible */
	fx->mxcsr = 0x1f80;
	if (fpu_xsave)		/* header: FP and SSE are in the area, the rest initial */
		*(u64 *)(vcpu->fpu + FPU_FXSAVE_BYTES) = XFEATURE_MASK_FPSSE;
	vcpu->xcr0 = XFEATURE_MASK_FP;
}

int aerie_fpu_create(struct aerie_vcpu *vcpu)
{
	/* Power-of-two kmalloc sizes are aligned to their size, XSAVE wants 64. */
	vcpu->fpu_size = roundup_pow_of_two(fpu_bytes);
	vcpu->fpu = kzalloc(vcpu->fpu_size, GFP_KERNEL_ACCOUNT);
	if (!vcpu->fpu)
		return -ENOMEM;
	aerie_fpu_reset(vcpu);
	return 0;
}

void aerie_fpu_destroy(struct aerie_vcpu *vcpu)
{
	kfree(vcpu->fpu);
}

static void fpu_restore(struct aerie_vcpu *vcpu)
{
	/* Some of AMD's leave FIP, FDP and FOP as they are, which are somebody else's. */
	if (static_cpu_has_bug(X86_BUG_FXSAVE_LEAK))
		asm volatile("fninit");
	if (fpu_xsave)
		asm volatile("xrstor64 (%0)" : : "r" (vcpu->fpu), "a" ((u32)fpu_mask),
			     "d" ((u32)(fpu_mask >> 32)) : "memory");
	else
		asm volatile("fxrstor64 (%0)" : : "r" (vcpu->fpu) : "memory");
}

static void fpu_save(struct aerie_vcpu *vcpu)
{
	if (fpu_xsave)
		asm volatile("xsave64 (%0)" : : "r" (vcpu->fpu), "a" ((u32)fpu_mask),
			     "d" ((u32)(fpu_mask >> 32)) : "memory");
	else
		asm volatile("fxsave64 (%0)" : : "r" (vcpu->fpu) : "memory");
}

void aerie_fpu_xcr0(struct aerie_vcpu *vcpu)
{
	if (fpu_xsave)
		xsetbv(XCR_XFEATURE_ENABLED_MASK, vcpu->xcr0);
}

void aerie_fpu_load(struct aerie_vcpu *vcpu)
{
	fpu_restore(vcpu);
	if (vcpu->xcr0 != fpu_host_xcr0)
		aerie_fpu_xcr0(vcpu);
}

void aerie_fpu_put(struct aerie_vcpu *vcpu)
{
	if (fpu_xsave && vcpu->xcr0 != fpu_host_xcr0)
		xsetbv(XCR_XFEATURE_ENABLED_MASK, fpu_host_xcr0);
	fpu_save(vcpu);
}

static DEFINE_PER_CPU(struct compat_host_dr, host_dr);

void aerie_dr_own(struct aerie_vcpu *vcpu)
{
	compat_host_dr_keep(this_cpu_ptr(&host_dr));
	/* Before the first exit the host's breakpoints are still on, whatever their addresses. */
	if (unlikely(hw_breakpoint_active()))
		set_debugreg(0, 7);
	set_debugreg(vcpu->dr[0], 0);
	set_debugreg(vcpu->dr[1], 1);
	set_debugreg(vcpu->dr[2], 2);
	set_debugreg(vcpu->dr[3], 3);
	vcpu->dr_dirty = true;
	aerie_backend->dr6_set(vcpu, vcpu->dr6);
	aerie_backend->dr_intercept(vcpu, false);
}

/* Enabled breakpoints must be in the registers; else the first MOV DR puts them there. */
void aerie_dr_load(struct aerie_vcpu *vcpu)
{
	if (unlikely(vcpu->dr7 & 0xff))
		aerie_dr_own(vcpu);
}

void aerie_dr_put(struct aerie_vcpu *vcpu)
{
	if (likely(!vcpu->dr_dirty)) {
		/* DR0-3 are still the host's; every exit has cleared DR7. */
		if (unlikely(hw_breakpoint_active()))
			set_debugreg(__this_cpu_read(cpu_dr7), 7);
		return;
	}
	vcpu->dr6 = aerie_backend->dr6_get(vcpu);
	vcpu->dr7 = aerie_backend->dr7_get(vcpu);
	get_debugreg(vcpu->dr[0], 0);
	get_debugreg(vcpu->dr[1], 1);
	get_debugreg(vcpu->dr[2], 2);
	get_debugreg(vcpu->dr[3], 3);
	vcpu->dr_dirty = false;
	aerie_backend->dr_intercept(vcpu, true);
	set_debugreg(DR6_RESERVED, 6);
	if (hw_breakpoint_active())
		compat_host_dr_restore(this_cpu_ptr(&host_dr));
}

// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's TSC, and deadlines in it.
 *
 * A guest's TSC is the host's plus an offset, the same for all vCPUs until a
 * guest writes TSC or TSC_ADJUST; the difference a vCPU has made is always in
 * its TSC_ADJUST.
 */
#include <linux/minmax.h>
#include <asm/msr-index.h>

#include "backend.h"
#include "core/host.h"
#include "core/policy.h"
#include "dev/lapic.h"
#include "dev/timer.h"

#define MAX_TICKS	(1ull << 60)	/* years: no sum overflows */
#define FALLBACK_KHZ	1000000u

u32 aerie_tsc_khz(void)
{
	return aerie_host_tsc_khz() ?: FALLBACK_KHZ;
}

u64 aerie_guest_tsc(struct aerie_vcpu *vcpu)
{
	return aerie_host_tsc() + vcpu->tsc_offset;
}

struct aerie_deadline aerie_tsc_to_deadline(struct aerie_vcpu *vcpu, u64 tsc)
{
	/* TSC first, and rounded up: never a time before the TSC has got there. */
	u64 tsc_now = aerie_guest_tsc(vcpu), now = aerie_now_ns(), ns = now;

	if (tsc_now < tsc)
		ns += aerie_line_span(&vcpu->vm->clock.line, min_t(u64, tsc - tsc_now, MAX_TICKS));
	return (struct aerie_deadline){ .ns = ns, .now = now };
}

void aerie_tsc_reset(struct aerie_vcpu *vcpu)
{
	vcpu->tsc_adjust = 0;
	vcpu->tsc_offset = vcpu->vm->tsc_offset;
	aerie_backend->tsc_offset_set(vcpu, vcpu->tsc_offset);
}

/* Move the vCPU's TSC, and what was derived from it. */
static void shift_tsc(struct aerie_vcpu *vcpu, u64 delta)
{
	if (!delta)
		return;
	vcpu->tsc_adjust += delta;
	vcpu->tsc_offset += delta;
	aerie_backend->tsc_offset_set(vcpu, vcpu->tsc_offset);
	aerie_lapic_tsc_changed(vcpu);
	aerie_clock_changed(vcpu);
}

int aerie_tsc_msr_read(struct aerie_vcpu *vcpu, u32 msr, u64 *val)
{
	switch (msr) {
	case MSR_IA32_TSC:
		*val = aerie_guest_tsc(vcpu);
		return 0;
	case MSR_IA32_TSC_ADJUST:
		*val = vcpu->tsc_adjust;
		return 0;
	}
	return 1;
}

int aerie_tsc_msr_write(struct aerie_vcpu *vcpu, u32 msr, u64 val)
{
	switch (msr) {
	case MSR_IA32_TSC:
		shift_tsc(vcpu, val - aerie_guest_tsc(vcpu));
		return 0;
	case MSR_IA32_TSC_ADJUST:
		shift_tsc(vcpu, val - vcpu->tsc_adjust);
		return 0;
	}
	return 1;
}

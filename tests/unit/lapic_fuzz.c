// SPDX-License-Identifier: GPL-2.0
/*
 * Local APICs under random register accesses, messages, acknowledges and time.
 * Besides the sanitizers: invariants of priorities, modes, and host timer load.
 */
// sources: kmod/dev/lapic.c kmod/dev/lapic_ipi.c kmod/dev/lapic_timer.c
#include "fake_lapic.h"

#define NR	5

static void check(const char *what, bool ok)
{
	if (!ok) {
		fprintf(stderr, "broken: %s\n", what);
		abort();
	}
}

static int highest(struct aerie_lapic *lapic, u32 reg)
{
	int v;

	for (v = 255; v >= 0; v--)
		if (lapic_test(lapic, reg, v))
			return v;
	return -1;
}

static void invariants(struct aerie_vcpu *vcpu)
{
	struct aerie_lapic *lapic = vcpu->lapic;
	u64 mode = lapic->base_msr & MODE_X2APIC;
	u32 isr, tpr;
	int irr = highest(lapic, APIC_IRR), v = aerie_lapic_highest(vcpu);

	check("mode", mode != X2APIC_ENABLE);
	check("hint", irr < 0 || lapic->irr_pending);
	check("isrv", lapic->isrv == highest(lapic, APIC_ISR));
	isr = lapic->isrv < 0 ? 0 : lapic->isrv & 0xf0;
	tpr = lapic_get(lapic, APIC_TASKPRI);
	check("tpr", tpr <= 0xff && aerie_lapic_cr8(vcpu) == tpr >> 4);
	check("ppr", lapic_get(lapic, APIC_PROCPRI) == ((tpr & 0xf0) >= isr ? tpr : isr));
	check("highest", v < 0 || ((u32)(v & 0xf0) > (lapic_get(lapic, APIC_PROCPRI) & 0xf0) &&
				   v == highest(lapic, APIC_IRR)));
	check("vectors", !(*lapic_word(lapic, APIC_IRR, 0) & 0xffff) &&
			 !(*lapic_word(lapic, APIC_ISR, 0) & 0xffff));
	check("nmi", atomic_read(&vcpu->nmi_queued) <= 2);
	check("period", (lapic_get(lapic, APIC_LVTT) & LAPIC_LVT_TIMER_MODE) !=
			APIC_LVT_TIMER_PERIODIC || !lapic->timer_deadline_ns ||
			lapic->timer_period_ns >= 10000);
	check("version", lapic_get(lapic, APIC_LVR) == 0x50014);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int fired;
	size_t i;

	machine(NR, true);
	for (i = 0; i + 8 <= size; i += 8) {
		struct aerie_vcpu *vcpu = &vcpus[data[i + 1] % NR];
		u32 arg = get_unaligned_le16(data + i + 2), val = get_unaligned_le32(data + i + 4);
		int vector;
		u64 out;

		switch (data[i] % 12) {
		case 0:
			if (aerie_lapic_claims(vcpu->lapic, vcpu->lapic->base_msr & PAGE_MASK))
				aerie_lapic_read(vcpu, arg & 0xfff);
			break;
		case 1:
			if (aerie_lapic_claims(vcpu->lapic, vcpu->lapic->base_msr & PAGE_MASK))
				aerie_lapic_write(vcpu, arg & 0xff0, val);
			break;
		case 2:
			aerie_lapic_msr_read(vcpu, 0x800 + (arg & 0xff), &out);
			break;
		case 3:
			aerie_lapic_msr_write(vcpu, 0x800 + (arg & 0x3f),
					      val | (u64)(arg >> 8) << 32);
			break;
		case 4:
			aerie_lapic_msr_write(vcpu, MSR_IA32_APICBASE,
					      APIC_DEFAULT_PHYS_BASE | (arg & 0xf00));
			break;
		case 5:
			aerie_lapic_msr_write(vcpu, MSR_IA32_TSC_DEADLINE, now_ns * 2 + val);
			aerie_lapic_msr_read(vcpu, MSR_IA32_TSC_DEADLINE, &out);
			break;
		case 6:
			aerie_apic_send(&vm, &(struct aerie_apic_msg) {
				.dest = val, .vector = arg, .mode = arg >> 8 & 7,
				.logical = arg & 0x800, .level = arg & 0x1000,
				.x2apic = arg & 0x2000 });
			break;
		case 7:
			vector = aerie_lapic_highest(vcpu);
			if (vector >= 0)
				aerie_lapic_ack(vcpu, vector);
			break;
		case 8:
			aerie_lapic_eoi(vcpu);
			break;
		case 9:
			fired = kicks[0] + kicks[1] + kicks[2] + kicks[3] + kicks[4];
			pass(val);
			/* However it is set, nobody looked: one alarm each at most. */
			check("storm", kicks[0] + kicks[1] + kicks[2] + kicks[3] + kicks[4] <=
				       fired + NR);
			break;
		case 10:
			aerie_lapic_set_cr8(vcpu, arg);
			aerie_lapic_lint(vcpu, arg >> 8 & 1);
			break;
		case 11:
			if (arg & 1)
				aerie_lapic_reset(vcpu, arg & 2);
			else
				aerie_lapic_tsc_changed(vcpu);
			atomic_set(&vcpu->nmi_queued, 0);
			break;
		}
		invariants(vcpu);
	}
	machine(0, false);
	return 0;
}

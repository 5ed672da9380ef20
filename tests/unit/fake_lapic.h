/* SPDX-License-Identifier: GPL-2.0 */
/* Local APICs without a machine: a clock that is set by hand, counted kicks and EOIs. */
#ifndef FAKE_LAPIC_H
#define FAKE_LAPIC_H

#include <asm/apicdef.h>
#include <asm/msr-index.h>
#include "aerie.h"
#include "core/policy.h"
#include "dev/chips.h"
#include "dev/lapic.h"
#include "dev/lapic_regs.h"

#define FAKE_TSC_PER_NS	2	/* the guest's TSC, 0 at time 0 */

static struct aerie_vm vm;
static struct aerie_vcpu vcpus[AERIE_MAX_VCPUS];
static u64 now_ns;
static unsigned int kicks[AERIE_MAX_VCPUS];
static int last_eoi;		/* vector the I/O APIC was told, -1 none */
static unsigned int arms;	/* times a host timer was set */

u64 aerie_now_ns(void)
{
	return now_ns;
}

struct aerie_deadline aerie_tsc_to_deadline(struct aerie_vcpu *vcpu, u64 tsc)
{
	return (struct aerie_deadline){ max_t(u64, now_ns, tsc / FAKE_TSC_PER_NS), now_ns };
}

void aerie_timer_init(struct aerie_timer *timer, void (*fn)(struct aerie_timer *timer))
{
	timer->fn = fn;
	timer->hr.expires = -1;
}

void aerie_timer_arm(struct aerie_timer *timer, u64 deadline_ns)
{
	timer->hr.expires = deadline_ns;
	arms++;
}

void aerie_timer_disarm(struct aerie_timer *timer)
{
	timer->hr.expires = -1;
}

void aerie_timer_fini(struct aerie_timer *timer)
{
	aerie_timer_disarm(timer);
}

void aerie_vcpu_kick(struct aerie_vcpu *vcpu)
{
	kicks[vcpu->id]++;
}

void aerie_ioapic_eoi(struct aerie_ioapic *ioapic, u8 vector)
{
	last_eoi = vector;
}

u32 aerie_guest_phys_bits(struct aerie_vm *v)
{
	return 40;
}

/* Who tests pv_eoi.c has its own. */
__attribute__((weak)) int aerie_pv_eoi_settle(struct aerie_vcpu *vcpu)
{
	return 0;
}

/* Move the clock, and let host timers fire on the way. */
static inline void pass(u64 ns)
{
	u64 end = now_ns + ns;

	for (;;) {
		struct aerie_timer *next = NULL;
		unsigned int i;

		for (i = 0; i < vm.nr_vcpus; i++) {
			struct aerie_timer *t = &vcpus[i].lapic->timer;

			if (t->hr.expires >= 0 && (u64)t->hr.expires <= end &&
			    (!next || t->hr.expires < next->hr.expires))
				next = t;
		}
		if (!next)
			break;
		now_ns = max_t(u64, now_ns, next->hr.expires);
		next->hr.expires = -1;
		next->fn(next);
	}
	now_ns = end;
}

/* A machine of @nr vCPUs after reset, software-enabled where @enable. */
static inline void machine(unsigned int nr, bool enable)
{
	unsigned int i;

	for (i = 0; i < vm.nr_vcpus; i++)
		aerie_lapic_destroy(&vcpus[i]);
	memset(&vm, 0, sizeof(vm));
	memset(vcpus, 0, sizeof(vcpus));
	memset(kicks, 0, sizeof(kicks));
	vm.nr_vcpus = nr;
	vm.vcpus_present = nr ? ~0ull >> (64 - nr) : 0;
	now_ns = 1000;
	last_eoi = -1;
	arms = 0;
	for (i = 0; i < nr; i++) {
		vcpus[i].vm = &vm;
		vcpus[i].id = i;
		vm.vcpus[i] = &vcpus[i];
		if (aerie_lapic_create(&vcpus[i]))
			abort();
		if (enable)
			aerie_lapic_write(&vcpus[i], APIC_SPIV, 0x1ff);
	}
}

static inline int wr(unsigned int cpu, u32 reg, u64 val)
{
	return aerie_lapic_msr_write(&vcpus[cpu], APIC_BASE_MSR + (reg >> 4), val);
}

static inline u64 rd(unsigned int cpu, u32 reg)
{
	u64 val = ~0ull;

	return aerie_lapic_msr_read(&vcpus[cpu], APIC_BASE_MSR + (reg >> 4), &val) ?
	       ~0ull : val;
}

static inline int set_base(unsigned int cpu, u64 mode)
{
	return aerie_lapic_msr_write(&vcpus[cpu], MSR_IA32_APICBASE,
				     APIC_DEFAULT_PHYS_BASE | mode);
}

#define MODE_OFF	0
#define MODE_XAPIC	XAPIC_ENABLE
#define MODE_X2APIC	(XAPIC_ENABLE | X2APIC_ENABLE)

#endif

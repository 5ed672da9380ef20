// SPDX-License-Identifier: GPL-2.0
/* KVM's help for guests: steal time, the preempted flag, hypercalls between vCPUs. */
// sources: kmod/core/pv.c kmod/sched/time.c
#include <asm/kvm_para.h>
#include <uapi/linux/kvm_para.h>
#include "backend.h"
#include "core/core.h"
#include "core/policy.h"
#include "dev/lapic.h"
#include "ktap.h"
#include "sched/sched.h"

#define AT	0x10040ull	/* where the guest has its structure */
#define MS	1000000ull

static struct aerie_vm vm;
static struct aerie_vcpu vcpus[3];
static struct aerie_vcpu *const vcpu = &vcpus[0];
static union {
	struct kvm_steal_time st;
	u8 bytes[64];
} area;
static bool missing, waits;
static unsigned int flushes, kicks, odd_writes;
static enum aerie_cpu_mode mode;
static struct { u64 low, high, min, icr; unsigned int width; } ipi;

static void flush_tlb(struct aerie_vcpu *v) { flushes++; }
static const struct aerie_backend fake = { .flush_tlb = flush_tlb };
const struct aerie_backend *aerie_backend = &fake;

u64 aerie_now_ns(void) { return 0; }
void aerie_vcpu_kick(struct aerie_vcpu *v) { kicks++; }
enum aerie_cpu_mode aerie_vcpu_cpu_mode(struct aerie_vcpu *v) { return mode; }
bool aerie_sched_waits(const struct aerie_vcpu *v) { return waits; }

s64 aerie_clock_pairing(struct aerie_vcpu *v, gpa_t gpa, u64 type) { return gpa + type; }
int aerie_pv_eoi_write(struct aerie_vcpu *v, u64 val) { return 0; }
int aerie_pv_eoi_settle(struct aerie_vcpu *v) { return v->pv.eoi_offer ? -EAGAIN : 0; }

s64 aerie_apic_send_set(struct aerie_vcpu *v, u64 low, u64 high, unsigned int width, u64 min,
			u64 icr)
{
	ipi.low = low;
	ipi.high = high;
	ipi.width = width;
	ipi.min = min;
	ipi.icr = icr;
	return 2;
}

static u8 *at(gpa_t gpa, size_t len)
{
	return gpa >= AT && gpa + len <= AT + sizeof(area) ? area.bytes + (gpa - AT) : NULL;
}

int aerie_mem_write(struct aerie_mem *mem, gpa_t gpa, const void *buf, size_t len, gfp_t gfp)
{
	EXPECT_EQ(gfp, GFP_NOWAIT);
	if (!at(gpa, len))
		return -EFAULT;
	if (missing)
		return -EAGAIN;
	memcpy(at(gpa, len), buf, len);
	odd_writes += area.st.version & 1 && len == 8;
	return 0;
}

int aerie_mem_cmpxchg(struct aerie_mem *mem, gpa_t gpa, unsigned int size, u64 *old, u64 new,
		      gfp_t gfp)
{
	u8 *p = at(gpa, size);

	EXPECT_EQ(size, 1);
	if (!p)
		return -EFAULT;
	if (missing)
		return -EAGAIN;
	if (*p == *old) {
		*p = new;
		return 1;
	}
	*old = *p;
	return 0;
}

static void setup(void)
{
	unsigned int i;

	memset(&vcpus, 0, sizeof(vcpus));
	memset(&area, 0, sizeof(area));
	missing = waits = false;
	flushes = kicks = odd_writes = 0;
	mode = AERIE_MODE_64;
	vm.nr_vcpus = ARRAY_SIZE(vcpus);
	for (i = 0; i < vm.nr_vcpus; i++) {
		vcpus[i].vm = &vm;
		vcpus[i].id = i;
		vm.vcpus[i] = &vcpus[i];
	}
	aerie_pv_reset(vcpu);
	aerie_sched_time_start(&vcpu->sched.time, 0);
}

static int write_steal(u64 val)
{
	return aerie_pv_msr_write(vcpu, MSR_KVM_STEAL_TIME, val);
}

static bool asked(enum aerie_request req)
{
	return test_and_clear_bit(req, &vcpu->requests);
}

TEST(registers_take_what_they_may)
{
	u64 val;

	setup();
	EXPECT_EQ(write_steal(AT | 1 | 2), 1);		/* reserved bits */
	EXPECT_EQ(write_steal(AT | 0x20 | 1), 1);
	EXPECT(!asked(AERIE_REQ_STEAL));
	EXPECT_EQ(write_steal(AT | 1), 0);
	EXPECT(asked(AERIE_REQ_STEAL));
	EXPECT_EQ(aerie_pv_msr_read(vcpu, MSR_KVM_STEAL_TIME, &val), 0);
	EXPECT_EQ(val, AT | 1);
	EXPECT_EQ(aerie_pv_msr_read(vcpu, MSR_KVM_POLL_CONTROL, &val), 0);
	EXPECT_EQ(val, 1);
	EXPECT_EQ(aerie_pv_msr_write(vcpu, MSR_KVM_POLL_CONTROL, 2), 1);
	EXPECT_EQ(aerie_pv_msr_write(vcpu, MSR_KVM_POLL_CONTROL, 0), 0);
	EXPECT_EQ(vcpu->pv.poll_control, 0);
}

TEST(nothing_is_told_unless_asked_for)
{
	setup();
	aerie_sched_time_enter(&vcpu->sched.time, AERIE_SCHED_WAIT, 5 * MS);
	aerie_pv_leave(vcpu);
	aerie_pv_return(vcpu);
	EXPECT_EQ(vcpu->requests, 0);
	EXPECT_EQ(aerie_pv_update(vcpu), 0);
	EXPECT_EQ(area.st.version | area.st.steal | area.st.preempted, 0);
}

TEST(steal_is_told_with_an_odd_version_meanwhile)
{
	setup();
	write_steal(AT | 1);
	aerie_sched_time_enter(&vcpu->sched.time, AERIE_SCHED_RUN, 0);
	aerie_sched_time_enter(&vcpu->sched.time, AERIE_SCHED_WAIT, 3 * MS);
	aerie_sched_time_enter(&vcpu->sched.time, AERIE_SCHED_RUN, 10 * MS);
	EXPECT_EQ(aerie_pv_update(vcpu), 0);
	EXPECT_EQ(area.st.steal, 7 * MS);
	EXPECT_EQ(area.st.version, 2);
	EXPECT_EQ(odd_writes, 1);
	/* Nothing has changed. */
	EXPECT_EQ(aerie_pv_update(vcpu), 0);
	EXPECT_EQ(area.st.version, 2);
}

TEST(who_is_away_says_so_and_does_what_was_left)
{
	setup();
	write_steal(AT | 1);
	aerie_pv_leave(vcpu);
	EXPECT_EQ(area.st.preempted, KVM_VCPU_PREEMPTED);
	/* Nothing that would keep it from sleeping. */
	asked(AERIE_REQ_STEAL);
	aerie_pv_leave(vcpu);
	EXPECT_EQ(vcpu->requests, 0);
	aerie_pv_return(vcpu);
	EXPECT(asked(AERIE_REQ_STEAL));
	EXPECT_EQ(aerie_pv_update(vcpu), 0);
	EXPECT_EQ(area.st.preempted, 0);
	EXPECT_EQ(flushes, 0);

	aerie_pv_leave(vcpu);
	area.st.preempted |= KVM_VCPU_FLUSH_TLB;	/* another vCPU */
	EXPECT_EQ(aerie_pv_update(vcpu), 0);
	EXPECT_EQ(area.st.preempted, 0);
	EXPECT_EQ(flushes, 1);

	/* A guest that plays with the mark has its TLB flushed, and that is all. */
	aerie_pv_leave(vcpu);
	area.st.preempted = 0x5a;
	EXPECT_EQ(aerie_pv_update(vcpu), 0);
	EXPECT_EQ(area.st.preempted, 0);
	EXPECT_EQ(flushes, 2);
}

TEST(memory_that_is_missing_is_asked_for)
{
	setup();
	write_steal(AT | 1);
	aerie_sched_time_enter(&vcpu->sched.time, AERIE_SCHED_RUN, 10 * MS);
	missing = true;
	aerie_pv_leave(vcpu);
	EXPECT(!vcpu->pv.away);
	EXPECT_EQ(aerie_pv_update(vcpu), -EAGAIN);
	EXPECT_EQ(vcpu->fault_gpa, AT);
	EXPECT_EQ(vcpu->fault_acc, AERIE_ACC_WRITE);
	missing = false;
	EXPECT_EQ(aerie_pv_update(vcpu), 0);
	EXPECT_EQ(area.st.steal, 10 * MS);

	/* It goes while the vCPU is away: the mark is not taken for done. */
	aerie_pv_leave(vcpu);
	missing = true;
	EXPECT_EQ(aerie_pv_update(vcpu), -EAGAIN);
	missing = false;
	area.st.preempted |= KVM_VCPU_FLUSH_TLB;
	EXPECT_EQ(aerie_pv_update(vcpu), 0);
	EXPECT_EQ(flushes, 1);
}

TEST(where_there_is_no_memory_it_is_off)
{
	setup();
	write_steal(0x7ffff000 | 1);
	aerie_sched_time_enter(&vcpu->sched.time, AERIE_SCHED_RUN, 10 * MS);
	EXPECT_EQ(aerie_pv_update(vcpu), 0);
	EXPECT_EQ(vcpu->pv.steal_msr, 0);
}

static u64 call(u64 nr, u64 a0, u64 a1, u64 a2, u64 a3)
{
	vcpu->regs[AERIE_REG_RAX] = nr;
	vcpu->regs[AERIE_REG_RBX] = a0;
	vcpu->regs[AERIE_REG_RCX] = a1;
	vcpu->regs[AERIE_REG_RDX] = a2;
	vcpu->regs[AERIE_REG_RSI] = a3;
	return aerie_pv_hypercall(vcpu);
}

TEST(an_offer_that_stands_is_seen_to_first)
{
	setup();
	vcpu->pv.eoi_offer = 1;
	EXPECT_EQ(aerie_pv_update(vcpu), -EAGAIN);
	vcpu->pv.eoi_offer = 0;
	EXPECT_EQ(aerie_pv_update(vcpu), 0);
}

TEST(a_kick_ends_a_halt)
{
	setup();
	EXPECT_EQ(call(KVM_HC_KICK_CPU, 0, 2, 0, 0), 0);
	EXPECT(vcpus[2].pv_kicked && !vcpus[1].pv_kicked);
	EXPECT(test_bit(AERIE_REQ_EVENT, &vcpus[2].requests));
	EXPECT_EQ(kicks, 1);
	EXPECT(!asked(AERIE_REQ_YIELD));
	/* It has no processor: it gets this one. */
	waits = true;
	EXPECT_EQ(call(KVM_HC_KICK_CPU, 0, 1, 0, 0), 0);
	EXPECT(asked(AERIE_REQ_YIELD));
	EXPECT_EQ(vcpu->yield_to, 2);
	/* One that is not there. */
	EXPECT_EQ(call(KVM_HC_KICK_CPU, 0, 3, 0, 0), 0);
	EXPECT_EQ(call(KVM_HC_KICK_CPU, 0, ~0ull, 0, 0), 0);
	EXPECT_EQ(kicks, 2);
}

TEST(a_processor_is_given_to_who_waits)
{
	setup();
	EXPECT_EQ(call(KVM_HC_SCHED_YIELD, 1, 0, 0, 0), 0);
	EXPECT(!asked(AERIE_REQ_YIELD));
	waits = true;
	EXPECT_EQ(call(KVM_HC_SCHED_YIELD, 1, 0, 0, 0), 0);
	EXPECT(asked(AERIE_REQ_YIELD));
	EXPECT_EQ(call(KVM_HC_SCHED_YIELD, 0, 0, 0, 0), 0);	/* to itself */
	EXPECT_EQ(call(KVM_HC_SCHED_YIELD, 64, 0, 0, 0), 0);
	EXPECT(!asked(AERIE_REQ_YIELD));
}

TEST(interrupts_go_to_a_set)
{
	setup();
	EXPECT_EQ(call(KVM_HC_SEND_IPI, 1ull << 40 | 6, 1, 3, 0xfd), 2);
	EXPECT_EQ(ipi.low, 1ull << 40 | 6);
	EXPECT_EQ(ipi.high, 1);
	EXPECT_EQ(ipi.width, 64);
	EXPECT_EQ(ipi.min, 3);
	EXPECT_EQ(ipi.icr, 0xfd);
	/* 32-bit code has half of each register. */
	mode = AERIE_MODE_32;
	EXPECT_EQ(call(1ull << 32 | KVM_HC_SEND_IPI, 1ull << 40 | 6, 1, 3, 0xfd), 2);
	EXPECT_EQ(ipi.low, 6);
	EXPECT_EQ(ipi.width, 32);
}

TEST(others_are_unknown)
{
	setup();
	EXPECT_EQ(call(KVM_HC_CLOCK_PAIRING, 0x1000, 2, 0, 0), 0x1002);
	EXPECT_EQ(call(KVM_HC_MAP_GPA_RANGE, 0, 0, 0, 0), (u64)-KVM_ENOSYS);
	EXPECT_EQ(call(1ull << 32 | KVM_HC_KICK_CPU, 0, 1, 0, 0), (u64)-KVM_ENOSYS);
	mode = AERIE_MODE_32;
	EXPECT_EQ(call(KVM_HC_MAP_GPA_RANGE, 0, 0, 0, 0), (u32)-KVM_ENOSYS);
}

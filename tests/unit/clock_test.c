// SPDX-License-Identifier: GPL-2.0
/* The guest's TSC, deadlines in it, and KVM's paravirtual clock. */
// sources: kmod/core/tsc.c kmod/core/clock.c kmod/core/clock_line.c
#include <asm/kvm_para.h>
#include <asm/msr-index.h>
#include <asm/pvclock-abi.h>
#include <uapi/linux/kvm_para.h>
#include "backend.h"
#include "core/core.h"
#include "core/host.h"
#include "core/policy.h"
#include "dev/lapic.h"
#include "dev/timer.h"
#include "ktap.h"

#define BASE	0x10000ull	/* of the guest memory that is there */
#define LEN	0x3000ull

static struct aerie_vm vm;
static struct aerie_vcpu vcpu, other;
static u64 now_ns, wall_ns, tsc, hw_offset;	/* the wall clock is so much ahead */
static u32 khz;
static bool stable;		/* the host keeps its time by the TSC */
static unsigned int tsc_changes, stops;
static u8 ram[LEN];
static gpa_t missing;		/* a page that is not resident */
static u32 seen_busy;		/* version while the content was written */

static void tsc_offset_set(struct aerie_vcpu *v, u64 offset) { hw_offset = offset; }
static const struct aerie_backend fake = { .tsc_offset_set = tsc_offset_set };
const struct aerie_backend *aerie_backend = &fake;

u64 aerie_now_ns(void) { return now_ns; }
u64 aerie_wall_at(u64 ns) { return wall_ns + ns; }
u64 aerie_host_tsc(void) { return tsc; }
u32 aerie_host_tsc_khz(void) { return khz; }
bool aerie_host_clock_pair(u64 *at_tsc, u64 *at_ns)
{
	*at_tsc = tsc;
	*at_ns = now_ns;
	return stable;
}
void aerie_vm_request(struct aerie_vm *v, int request)
{
	unsigned int i;

	stops++;
	for (i = 0; i < v->nr_vcpus; i++)
		v->vcpus[i]->requests |= BIT(request);
}
void aerie_lapic_tsc_changed(struct aerie_vcpu *v) { tsc_changes++; }

int aerie_mem_write(struct aerie_mem *mem, gpa_t gpa, const void *buf, size_t len, gfp_t gfp)
{
	u32 version;

	EXPECT_EQ(gfp, GFP_NOWAIT);
	if (gpa < BASE || gpa >= BASE + LEN || gpa + len > BASE + LEN)
		return -EFAULT;
	if (missing && (gpa & PAGE_MASK) <= missing && gpa + len > missing)
		return -EAGAIN;
	if (len > 4) {
		memcpy(&version, ram + gpa - BASE, 4);
		seen_busy = version;
	}
	memcpy(ram + gpa - BASE, buf, len);
	return 0;
}

int aerie_mem_populate(struct aerie_mem *mem, gpa_t gpa, gfp_t gfp)
{
	return (gpa & PAGE_MASK) == missing ? -EAGAIN : 0;
}

static void start(u32 host_khz)
{
	memset(&vm, 0, sizeof(vm));
	memset(&vcpu, 0, sizeof(vcpu));
	memset(&other, 0, sizeof(other));
	memset(ram, 0xee, sizeof(ram));
	vcpu.vm = other.vm = &vm;
	vm.vcpus[0] = &vcpu;
	vm.vcpus[1] = &other;
	vm.nr_vcpus = 2;
	khz = host_khz;
	stable = true;
	now_ns = 1000000000;
	wall_ns = 1700000000ull * 1000000000 + 5 - now_ns;
	tsc = 987654321;
	missing = 0;
	tsc_changes = stops = 0;
	aerie_clock_start(&vm);
	aerie_tsc_reset(&vcpu);
	aerie_tsc_reset(&other);
}

/* Let @ns pass on both clocks. */
static void pass(u64 ns)
{
	now_ns += ns;
	tsc += (u64)((unsigned __int128)ns * khz / 1000000);
}

static u64 msr(u32 num)
{
	u64 val = 0xdead;

	EXPECT_EQ(aerie_tsc_msr_read(&vcpu, num, &val) && aerie_clock_msr_read(&vcpu, num, &val), 0);
	return val;
}

static void set(u32 num, u64 val)
{
	EXPECT_EQ(aerie_tsc_msr_write(&vcpu, num, val) && aerie_clock_msr_write(&vcpu, num, val), 0);
}

TEST(tsc_starts_at_zero)
{
	start(2500000);
	EXPECT_EQ(aerie_guest_tsc(&vcpu), 0);
	EXPECT_EQ(hw_offset, -987654321ull);
	pass(1000000000);
	EXPECT_EQ(msr(MSR_IA32_TSC), 2500000000);
	EXPECT_EQ(aerie_tsc_khz(), 2500000);
	khz = 0;
	EXPECT(aerie_tsc_khz() != 0);
}

TEST(tsc_and_adjust_move_together)
{
	start(1000000);
	pass(5000);
	set(MSR_IA32_TSC, 1000000);
	EXPECT_EQ(msr(MSR_IA32_TSC), 1000000);
	EXPECT_EQ(msr(MSR_IA32_TSC_ADJUST), 995000);
	EXPECT_EQ(hw_offset, vcpu.tsc_offset);
	EXPECT_EQ(tsc_changes, 1);
	/* Where there is a clock page it has to follow. */
	EXPECT_EQ(vcpu.requests, 0);
	set(MSR_KVM_SYSTEM_TIME_NEW, BASE | 1);
	vcpu.requests = 0;
	set(MSR_IA32_TSC_ADJUST, 0);
	EXPECT_EQ(vcpu.requests, BIT(AERIE_REQ_CLOCK));
	EXPECT_EQ(msr(MSR_IA32_TSC), 5000);
	EXPECT_EQ(tsc_changes, 2);
	set(MSR_IA32_TSC_ADJUST, -6000ull);
	EXPECT_EQ(msr(MSR_IA32_TSC), -1000ull);
	set(MSR_IA32_TSC_ADJUST, -6000ull);
	EXPECT_EQ(tsc_changes, 3);
	aerie_tsc_reset(&vcpu);
	EXPECT_EQ(msr(MSR_IA32_TSC), 5000);
	EXPECT_EQ(msr(MSR_IA32_TSC_ADJUST), 0);
}

static u64 deadline(u64 tsc)
{
	struct aerie_deadline d = aerie_tsc_to_deadline(&vcpu, tsc);

	EXPECT_EQ(d.now, now_ns);
	return d.ns;
}

TEST(deadlines)
{
	static const u32 rates[] = { 100000, 999999, 1000000, 2095078, 3700000, 5000000 };
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(rates); i++) {
		start(rates[i]);
		pass(12345678);
		for (j = 1; j < 48; j++) {
			u64 ticks = (1ull << j) + j, at, exact;

			at = deadline(aerie_guest_tsc(&vcpu) + ticks) - now_ns;
			exact = (unsigned __int128)ticks * 1000000 / rates[i];
			/* Never early; late by a nanosecond or two, and 1 in 10^9. */
			EXPECT(at > exact || at * (u64)rates[i] >= ticks * 1000000);
			EXPECT(at <= exact + 2 + exact / 500000000);
		}
		EXPECT_EQ(deadline(aerie_guest_tsc(&vcpu)), now_ns);
		EXPECT_EQ(deadline(1), now_ns);
		/* As far away as can be, but not in the past. */
		EXPECT(deadline(~0ull) > now_ns + (1ull << 57));
	}
}

static u64 guest_clock(const struct pvclock_vcpu_time_info *info)
{
	u64 delta = aerie_guest_tsc(&vcpu) - info->tsc_timestamp;

	delta = info->tsc_shift < 0 ? delta >> -info->tsc_shift : delta << info->tsc_shift;
	return info->system_time + (u64)((unsigned __int128)delta * info->tsc_to_system_mul >> 32);
}

TEST(system_time_stable)
{
	static const u32 rates[] = { 100000, 1000000, 1999999, 2000001, 3300000 };
	struct pvclock_vcpu_time_info info;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rates); i++) {
		start(rates[i]);
		pass(777);
		set(MSR_KVM_SYSTEM_TIME_NEW, (BASE + 0x40) | 1);
		EXPECT_EQ(msr(MSR_KVM_SYSTEM_TIME_NEW), (BASE + 0x40) | 1);
		EXPECT(vcpu.requests & BIT(AERIE_REQ_CLOCK));
		EXPECT_EQ(aerie_clock_update(&vcpu), 0);
		memcpy(&info, ram + 0x40, sizeof(info));
		EXPECT_EQ(info.version, 2);
		EXPECT_EQ(seen_busy & 1, 1);
		EXPECT_EQ(info.flags, PVCLOCK_TSC_STABLE_BIT);
		EXPECT_EQ(ram[0x40 + sizeof(info)], 0xee);
		pass(3600ull * 1000000000);
		/* An hour later to four microseconds: mul has 30 bits at least. */
		EXPECT(guest_clock(&info) <= now_ns - vm.clock.base_ns);
		EXPECT(guest_clock(&info) + 4000 >= now_ns - vm.clock.base_ns);
		/* A vCPU that has moved its TSC still knows the time. */
		set(MSR_IA32_TSC, 42);
		EXPECT_EQ(aerie_clock_update(&vcpu), 0);
		memcpy(&info, ram + 0x40, sizeof(info));
		EXPECT_EQ(info.version, 4);
		EXPECT(guest_clock(&info) <= now_ns - vm.clock.base_ns);
		EXPECT(guest_clock(&info) + 4000 >= now_ns - vm.clock.base_ns);
	}
}

/* What a vCPU's page makes of now. */
static u64 page_clock(gpa_t at)
{
	struct pvclock_vcpu_time_info info;

	memcpy(&info, ram + (at - BASE), sizeof(info));
	EXPECT_EQ(info.version & 1, 0);
	return guest_clock(&info);
}

TEST(follows_the_host)
{
	u64 last = 0, error, worst = 0, shown;
	unsigned int i;

	start(2100000);
	set(MSR_KVM_SYSTEM_TIME_NEW, BASE | 1);
	EXPECT_EQ(aerie_clock_msr_write(&other, MSR_KVM_SYSTEM_TIME_NEW, (BASE + 0x40) | 1), 0);
	EXPECT_EQ(aerie_clock_update(&vcpu), 0);
	EXPECT_EQ(aerie_clock_update(&other), 0);
	for (i = 0; i < 4000; i++) {
		/* For ten seconds as fast as its TSC, then for as long slower, then faster. */
		s64 ppm = i / 1000 == 1 ? -500 : i / 1000 == 2 ? 500 : 0;

		now_ns += 10000000;
		tsc += 21000 * (1000000 - ppm) / 1000000 * 1000;
		vcpu.exited_tsc = tsc;
		shim_jiffies++;
		vcpu.requests = other.requests = 0;
		aerie_clock_look(&vcpu);
		/* If the line is new all have it, and nobody was in the guest. */
		EXPECT_EQ(vcpu.requests, other.requests);
		shown = page_clock(BASE);
		EXPECT_EQ(page_clock(BASE + 0x40), shown);
		EXPECT(shown >= last);
		last = shown;
		error = max(shown, now_ns - vm.clock.base_ns) - min(shown, now_ns - vm.clock.base_ns);
		worst = max(worst, error);
	}
	EXPECT(worst > 100000 && worst < 300000);
	EXPECT(error < 20000);
	EXPECT(stops > 2 && stops < 10);
}

TEST(slept_while_the_host_went_slower)
{
	u64 before;

	start(2000000);
	set(MSR_KVM_SYSTEM_TIME_NEW, BASE | 1);
	EXPECT_EQ(aerie_clock_update(&vcpu), 0);
	pass(1000000000);
	vcpu.exited_tsc = tsc;
	before = page_clock(BASE);
	/* Nobody has looked at it meanwhile: it may be set back, to what it has shown. */
	now_ns += 60000000000ull;
	tsc += 60ull * 2001000000;
	EXPECT(page_clock(BASE) > now_ns - vm.clock.base_ns + 20000000);
	shim_jiffies += 60 * HZ;
	aerie_clock_look(&vcpu);
	EXPECT_EQ(page_clock(BASE), now_ns - vm.clock.base_ns);
	EXPECT(page_clock(BASE) > before);
	/* What is left of a run before this one says nothing. */
	aerie_clock_start(&vm);
	aerie_tsc_reset(&vcpu);
	set(MSR_KVM_SYSTEM_TIME_NEW, BASE | 1);
	EXPECT_EQ(aerie_clock_update(&vcpu), 0);
	now_ns += 1000000;
	shim_jiffies += HZ;
	aerie_clock_look(&vcpu);
	EXPECT_EQ(page_clock(BASE), 1000000);
}

TEST(pairing)
{
	struct kvm_clock_pairing pairing;

	start(2000000);
	pass(3000000000ull);
	set(MSR_IA32_TSC_ADJUST, 77);
	EXPECT_EQ(aerie_clock_pairing(&vcpu, BASE + 8, KVM_CLOCK_PAIRING_WALLCLOCK), 0);
	memcpy(&pairing, ram + 8, sizeof(pairing));
	EXPECT_EQ(pairing.sec, 1700000003);
	EXPECT_EQ(pairing.nsec, 5);
	EXPECT_EQ(pairing.tsc, 6000000077);
	EXPECT_EQ(aerie_clock_pairing(&vcpu, BASE + 8, 1), -KVM_EOPNOTSUPP);
	EXPECT_EQ(aerie_clock_pairing(&vcpu, ~0ull, 0), -KVM_EFAULT);
	EXPECT_EQ(aerie_clock_pairing(&vcpu, BASE + LEN - 8, 0), -KVM_EFAULT);
	/* Where memory is missing: before the guest goes on. */
	missing = BASE + 0x1000;
	vcpu.requests = 0;
	EXPECT_EQ(aerie_clock_pairing(&vcpu, BASE + 0x1000, 0), 0);
	EXPECT_EQ(vcpu.requests, BIT(AERIE_REQ_CLOCK));
	EXPECT_EQ(aerie_clock_update(&vcpu), -EAGAIN);
	EXPECT_EQ(vcpu.fault_gpa & PAGE_MASK, missing);
	missing = 0;
	EXPECT_EQ(aerie_clock_update(&vcpu), 0);
	memcpy(&pairing, ram + 0x1000, sizeof(pairing));
	EXPECT_EQ(pairing.sec, 1700000003);
	stable = false;
	EXPECT_EQ(aerie_clock_pairing(&vcpu, BASE + 8, 0), -KVM_EOPNOTSUPP);
}

TEST(system_time_unstable)
{
	struct pvclock_vcpu_time_info info;

	start(2000000);
	stable = false;
	shim_jiffies += HZ;
	aerie_clock_look(&vcpu);
	set(MSR_KVM_SYSTEM_TIME, BASE | 1);	/* the old number */
	pass(1000000);
	EXPECT_EQ(aerie_clock_update(&vcpu), 0);
	memcpy(&info, ram, sizeof(info));
	EXPECT_EQ(info.flags, 0);
	EXPECT_EQ(info.system_time, 1000000);
	EXPECT_EQ(info.tsc_timestamp, 2000000);
	/* Another processor's TSC is elsewhere: the next page is right again. */
	tsc += 123456789;
	EXPECT_EQ(aerie_clock_update(&vcpu), 0);
	memcpy(&info, ram, sizeof(info));
	EXPECT_EQ(guest_clock(&info), 1000000);
	/* Who moves between such processors asks for it, once. */
	vcpu.requests = 0;
	vcpu.cpu = 1;
	aerie_clock_load(&vcpu);
	EXPECT_EQ(vcpu.requests, BIT(AERIE_REQ_CLOCK));
	vcpu.requests = 0;
	aerie_clock_load(&vcpu);
	EXPECT_EQ(vcpu.requests, 0);
	/* And a few times a second all do. */
	shim_jiffies += HZ;
	aerie_clock_look(&vcpu);
	EXPECT_EQ(vcpu.requests, BIT(AERIE_REQ_CLOCK));
	set(MSR_KVM_SYSTEM_TIME, 0);
	vcpu.requests = 0;
	vcpu.cpu = 3;
	aerie_clock_load(&vcpu);
	EXPECT_EQ(vcpu.requests, 0);
	/* Disabled: the page is the guest's again. */
	memset(ram, 0xee, sizeof(ram));
	EXPECT_EQ(aerie_clock_update(&vcpu), 0);
	EXPECT_EQ(ram[0], 0xee);
}

TEST(wall_clock)
{
	struct pvclock_wall_clock wall;
	u32 num;

	for (num = 0; num < 2; num++) {
		start(2000000);
		pass(3000000000ull);
		set(num ? MSR_KVM_WALL_CLOCK : MSR_KVM_WALL_CLOCK_NEW, BASE + 8);
		EXPECT_EQ(aerie_clock_update(&vcpu), 0);
		memcpy(&wall, ram + 8, sizeof(wall));
		EXPECT_EQ(wall.version, 2);
		EXPECT_EQ(wall.sec, 1700000000);
		EXPECT_EQ(wall.nsec, 5);
		/* Once for each write. */
		memset(ram, 0xee, sizeof(ram));
		EXPECT_EQ(aerie_clock_update(&vcpu), 0);
		EXPECT_EQ(ram[8], 0xee);
	}
}

TEST(pages_not_resident)
{
	start(2000000);
	missing = BASE + 0x1000;
	/* Across two pages, the second one missing. */
	set(MSR_KVM_SYSTEM_TIME_NEW, (BASE + 0xff0) | 1);
	EXPECT_EQ(aerie_clock_update(&vcpu), -EAGAIN);
	EXPECT_EQ(vcpu.fault_gpa & PAGE_MASK, missing);
	EXPECT_EQ(vcpu.fault_acc, AERIE_ACC_WRITE);
	/* The first one missing. */
	set(MSR_KVM_SYSTEM_TIME_NEW, (BASE + 0x1ff0) | 1);
	EXPECT_EQ(aerie_clock_update(&vcpu), -EAGAIN);
	EXPECT_EQ(vcpu.fault_gpa & PAGE_MASK, missing);
	set(MSR_KVM_WALL_CLOCK_NEW, BASE + 0x1000);
	EXPECT_EQ(aerie_clock_update(&vcpu), -EAGAIN);
	EXPECT_EQ(vcpu.fault_gpa, BASE + 0x1000);
	missing = 0;
	EXPECT_EQ(aerie_clock_update(&vcpu), 0);
	EXPECT_EQ(*(u32 *)(ram + 0x1000), 2);
	EXPECT_EQ(*(u32 *)(ram + 0x1ff0), 2);
}

TEST(hostile_addresses)
{
	static const u64 bad[] = { 0, 1, BASE - 1, BASE + LEN - 8, ~0ull, 1ull << 63, ~0ull - 30 };
	unsigned int i;

	start(2000000);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		set(MSR_KVM_SYSTEM_TIME_NEW, bad[i] | 1);
		set(MSR_KVM_WALL_CLOCK_NEW, bad[i]);
		EXPECT_EQ(aerie_clock_update(&vcpu), 0);
	}
	EXPECT_EQ(aerie_clock_msr_write(&vcpu, 0x4b564d03, 0), 1);
	EXPECT_EQ(aerie_tsc_msr_write(&vcpu, 0x4b564d03, 0), 1);
}

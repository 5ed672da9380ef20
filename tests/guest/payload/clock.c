// SPDX-License-Identifier: GPL-2.0
/*
 * A guest that reads KVM's clock on all its processors without end: it never goes back.
 * Where the hypervisor tells the host's wall clock (KVM_HC_CLOCK_PAIRING), it is compared
 * with the guest's. To a byte at the serial port it says what time it is, and what it has found;
 * a 'q' ends it.
 */
#include "guest.h"

#define MSR_WALL	0x4b564d00
#define MSR_SYSTEM	0x4b564d01
#define HC_PAIRING	9
#define COM1		0x3f8
#define EVERY_NS	10000000

struct page {
	u32 version, pad;
	u64 tsc, ns;
	u32 mul;
	signed char shift;
	u8 flags, pad2[2];
} __attribute__((packed, aligned(64)));

static volatile struct page pages[MAX_CPUS];
static struct { u32 version, sec, nsec; } __attribute__((aligned(16))) wall_at_start;
static struct { s64 sec, nsec; u64 tsc; u32 flags, pad[9]; } __attribute__((aligned(64))) pairing;

static u64 latest __attribute__((aligned(64)));
static u32 backward;
static u64 reads, furthest;
static s64 behind, ahead;	/* of the host's wall clock, at most */
static u32 pairs;
static volatile bool stop;

/* Nanoseconds at a TSC, or now. */
static u64 clock_at(u32 id, u64 tsc)
{
	const volatile struct page *p = &pages[id];
	u64 delta, ns;
	u32 version;

	do {
		version = p->version & ~1u;
		barrier();
		delta = (tsc ?: rdtsc()) - p->tsc;
		delta = p->shift < 0 ? delta >> -p->shift : delta << p->shift;
		ns = p->ns + (u64)((unsigned __int128)delta * p->mul >> 32);
		barrier();
	} while (version != p->version);
	return ns;
}

/* One reading: not less than what anybody has read before. */
static u64 look(u32 id)
{
	u64 before = __atomic_load_n(&latest, __ATOMIC_SEQ_CST), now = clock_at(id, 0), old;

	if (now < before) {
		atomic_inc(&backward);
		if (before - now > furthest)
			furthest = before - now;
	}
	old = before;
	while (old < now && !__atomic_compare_exchange_n(&latest, &old, now, false,
							 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
	return now;
}

static u64 wall(u64 clock)
{
	return wall_at_start.sec * 1000000000ull + wall_at_start.nsec + clock;
}

static s64 hypercall(u64 nr, u64 a0, u64 a1)
{
	s64 ret;

	if (cpuid(0, 0).b == 0x756e6547)
		asm volatile("vmcall" : "=a"(ret) : "a"(nr), "b"(a0), "c"(a1) : "memory");
	else
		asm volatile("vmmcall" : "=a"(ret) : "a"(nr), "b"(a0), "c"(a1) : "memory");
	return ret;
}

/*
 * The guest's wall clock beside the host's, both at the TSC that the host names; which is
 * not before the page's only if that has not been written meanwhile.
 */
static void compare(u32 id)
{
	u32 version = pages[id].version;
	s64 off;

	if (hypercall(HC_PAIRING, (uintptr_t)&pairing, 0))
		return;
	off = wall(clock_at(id, pairing.tsc)) - (pairing.sec * 1000000000 + pairing.nsec);
	if (pages[id].version != version)
		return;
	pairs++;
	if (off < behind)
		behind = off;
	if (off > ahead)
		ahead = off;
}

static void set_up(u32 id)
{
	wrmsr(MSR_SYSTEM, (uintptr_t)&pages[id] | 1);
}

static void others(void *arg)
{
	u32 id = this_cpu()->id;

	set_up(id);
	/* Bochs' VMX keeps the host's interrupts out while a guest has its own off. */
	sti();
	while (!stop)
		look(id);
	cli();
}

static void tell(void)
{
	u64 now = wall(look(0));

	printf("# time %llu backward %u by %llu pairs %u behind %lld ahead %lld reads %llu %s\n",
	       (unsigned long long)now, backward, (unsigned long long)furthest, pairs,
	       (long long)-behind, (long long)ahead, (unsigned long long)reads,
	       pages[0].flags & 1 ? "stable" : "unstable");
}

TEST(clock)
{
	u64 next = 0, now;
	u32 i, nr;
	u8 key = 0;

	nr = smp_start();
	wrmsr(MSR_WALL, (uintptr_t)&wall_at_start);
	set_up(0);
	for (i = 1; i < nr; i++)
		cpu_start(i, others, NULL);
	printf("# clock\n");
	while (key != 'q') {
		now = look(0);
		reads++;
		if (now >= next) {
			compare(0);
			next = now + EVERY_NS;
		}
		if (!(inb(COM1 + 5) & 1))
			continue;
		key = inb(COM1);
		tell();
	}
	stop = true;
	for (i = 1; i < nr; i++)
		cpu_wait(i);
	EXPECT_EQ(backward, 0);
}

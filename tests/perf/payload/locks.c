// SPDX-License-Identifier: GPL-2.0
/*
 * Processors that all want the same lock again and again, in the order they came: each waits
 * until the one before it is done. It begins with all of them waiting. "rounds=N" times all
 * together; kick=1: who has waited for a while halts and is woken by the hypervisor's call for
 * that, as Linux's locks do it under KVM. Tells "locks N TICKS", the time by the TSC.
 */
#include "guest.h"

#define HC_KICK_CPU	5
#define TRIES		32768u		/* before it halts; Linux's SPIN_THRESHOLD */
#define HELD		200u		/* instructions, with the lock */
#define FREE		2000u		/* and without */

static volatile u32 next, serving, asleep[MAX_CPUS];	/* its ticket and one, or 0 */
static u32 rounds, nr;
static bool kick;
static u64 start;

static void work(u32 n)
{
	for (n /= 2; n; n--)
		barrier();
}

static void hypercall(u32 nr, u64 a, u64 b)
{
	u64 ret = nr;

	if (cpuid(0, 0).b == 0x756e6547)	/* "Genu" */
		asm volatile("vmcall" : "+a"(ret) : "b"(a), "c"(b) : "memory");
	else
		asm volatile("vmmcall" : "+a"(ret) : "b"(a), "c"(b) : "memory");
}

/* Woken by whoever makes it its turn; what comes before HLT is not lost. */
static void sleep_for(u32 ticket)
{
	u32 id = this_cpu()->id;

	__atomic_store_n(&asleep[id], ticket + 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&serving, __ATOMIC_SEQ_CST) != ticket)
		asm volatile("hlt" ::: "memory");
	__atomic_store_n(&asleep[id], 0, __ATOMIC_SEQ_CST);
}

static u32 lock(void)
{
	u32 ticket = __atomic_fetch_add(&next, 1, __ATOMIC_SEQ_CST), tries = 0;

	while (serving != ticket) {
		pause();
		if (kick && ++tries == TRIES) {
			sleep_for(ticket);
			tries = 0;
		}
	}
	return ticket;
}

static void unlock(u32 ticket)
{
	u32 i;

	__atomic_store_n(&serving, ticket + 1, __ATOMIC_SEQ_CST);
	for (i = 0; kick && i < nr; i++) {
		if (asleep[i] == ticket + 2)
			hypercall(HC_KICK_CPU, 0, cpus[i].apic_id);
	}
}

static void contend(void *arg)
{
	u32 ticket;

	cli();
	do {
		ticket = lock();
		if (!ticket) {
			while (next < nr)
				pause();
			start = rdtsc();
		}
		work(HELD);
		unlock(ticket);
		work(FREE);
	} while (ticket < rounds);
}

TEST(locks)
{
	rounds = boot_option("rounds=", 1000);
	kick = boot_option("kick=", 0);
	nr = smp_start();
	smp_run(contend, NULL);
	printf("locks %u %lu\n", rounds, rdtsc() - start);
	EXPECT(serving > rounds);
}

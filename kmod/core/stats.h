/* SPDX-License-Identifier: GPL-2.0 */
/* Counters per vCPU: exits by reason with time and a log2 histogram. */
#ifndef AERIE_CORE_STATS_H
#define AERIE_CORE_STATS_H

#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/minmax.h>
#include <linux/types.h>

/* Neutral exit kinds: X(ENUM, "name"). Order is shown order and wire value. */
#define AERIE_EXIT_KINDS(X)						\
	X(UNCLAIMED, "unclaimed")					\
	X(HOST_INTR, "host-interrupt")	X(HOST_NMI, "host-nmi")		\
	X(INTR_WINDOW, "interrupt-window") X(NMI_WINDOW, "nmi-window")	\
	X(EXCEPTION, "exception")	X(TRIPLE_FAULT, "triple-fault")	\
	X(CPUID, "cpuid")		X(HLT, "hlt")			\
	X(PAUSE, "pause")		X(HYPERCALL, "hypercall")	\
	X(RDMSR, "rdmsr")		X(WRMSR, "wrmsr")		\
	X(RDTSC, "rdtsc")		X(RDPMC, "rdpmc")		\
	X(CR, "cr-access")		X(DR, "dr-access")		\
	X(DTABLE, "descriptor-table")	X(TASK_SWITCH, "task-switch")	\
	X(INVLPG, "invlpg")		X(INVD, "invd")			\
	X(WBINVD, "wbinvd")		X(XSETBV, "xsetbv")		\
	X(MONITOR, "monitor")		X(MWAIT, "mwait")		\
	X(PIO, "pio")			X(FAULT, "nested-fault")	\
	X(MMIO, "mmio")			X(APIC, "apic")			\
	X(INIT, "init")			X(SIPI, "sipi")			\
	X(SMI, "smi")			X(VIRT_INSN, "vmx-svm-instruction") \
	X(INVALID_STATE, "invalid-state") X(PREEMPT_TIMER, "preemption-timer") \
	X(OTHER, "other")		X(EOI, "eoi")

enum aerie_exit_kind {
#define X(id, name) AERIE_EXIT_##id,
	AERIE_EXIT_KINDS(X)
#undef X
	AERIE_NR_EXIT_KINDS
};

extern const char * const aerie_exit_names[AERIE_NR_EXIT_KINDS];

#define AERIE_HIST_BUCKETS	32	/* bucket n: 2^n to 2^(n+1)-1 TSC cycles */

struct aerie_exit_stat {
	u64 count;
	u64 total_tsc;
	u64 min_tsc, max_tsc;	/* U64_MAX and 0 before the first */
	u64 hist[AERIE_HIST_BUCKETS];
};

struct aerie_vcpu_stats {
	struct aerie_exit_stat exits[AERIE_NR_EXIT_KINDS];
	u64 loads;		/* times loaded */
	u64 halts;		/* times it went to sleep in HLT */
	u64 injected[7];	/* by enum aerie_event_type */
	u64 guest_tsc;		/* time in the guest */
};

/* An exit was handled in @cycles. */
static __always_inline void aerie_stat_add(struct aerie_exit_stat *s, u64 cycles)
{
	OPTIMIZER_HIDE_VAR(s);		/* an address worth computing once */
	if (cycles < s->min_tsc)
		s->min_tsc = cycles;
	if (cycles > s->max_tsc)
		s->max_tsc = cycles;
	s->count++;
	s->total_tsc += cycles;
	s->hist[min_t(unsigned long, __fls(cycles | 1), AERIE_HIST_BUCKETS - 1)]++;
}

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/* What VMs and vCPUs hold for scheduling. */
#ifndef AERIE_SCHED_TYPES_H
#define AERIE_SCHED_TYPES_H

#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/mutex.h>
#include <linux/types.h>

#include "dev/timer.h"

/* What a vCPU does; it always does one of these, so their times add up to all time. */
enum aerie_sched_state {
	AERIE_SCHED_IDLE,	/* halted, or waits for a start-up IPI */
	AERIE_SCHED_RUN,	/* its thread has a processor */
	AERIE_SCHED_WAIT,	/* could run, but others do */
	AERIE_SCHED_CAPPED,	/* could run, but the VM has had its cap */
	AERIE_SCHED_BLOCKED,	/* waits for memory */
	AERIE_SCHED_PAUSED,	/* the VM does not run */
	AERIE_SCHED_STATES
};

#define AERIE_LATENCY_BUCKETS	32	/* bucket n: 2^n to 2^(n+1)-1 ns */

/* Where a vCPU's time goes; its own thread writes. */
struct aerie_sched_time {
	unsigned int version;	/* odd while it changes */
	u32 state;		/* enum aerie_sched_state */
	u64 since_ns;
	u64 ns[AERIE_SCHED_STATES];
};

/* A weight that no nice level has, as levels in turn. Own thread. */
struct aerie_weight {
	s64 owed;		/* what it should have had, less what it had */
	int nice;		/* level in use */
};

/* How long a vCPU looks for something to do before it sleeps. Own thread. */
struct aerie_poll {
	u32 ns;
};

/* What a vCPU is given beyond its turn: see grace.c. Own thread. */
struct aerie_grace {
	struct aerie_timer timer;
	u64 since_ns, until_ns;	/* until_ns is 0 where there is none */
	u64 given;		/* times */
	unsigned int wasted;	/* the last so many were used up */
	unsigned int without;	/* the next so many are not given */
};

/* Whether a vCPU spins: see spin.c. Own thread. */
struct aerie_spin {
	struct aerie_timer timer;
	bool spins;		/* it did when it was put last, and has not been loaded since; [a] reads */
	bool armed;
	bool halted;		/* its last turn ended so */
	unsigned int in_a_row;	/* turns that it has spun in */
	u64 ns;			/* from the next look that finds nothing to the one behind it */
	u64 rip;		/* close to a PAUSE, where it was looked at last; or 0 */
};

/* A VM's cap, as a time: see cap.c. */
struct aerie_cap {
	u32 percent;		/* of one processor, 0: none */
	atomic64_t paid_ns;
};

/**
 * struct aerie_vcpu_sched - of a vCPU
 *
 * [t] only its own thread writes; [a] anybody
 */
struct aerie_vcpu_sched {
	struct aerie_sched_time time;		/* [t] */
	u64 latency[AERIE_LATENCY_BUCKETS];	/* [t] waits for a processor */
	u64 woken_ns;				/* [a] when it was last woken, 0: not since it slept */
	unsigned long next_look, next_weight;	/* [t] jiffies */
	u64 looked_ns, looked_busy_ns;		/* [t] at the last look: time, run and waited */
	u32 busy;				/* [t] 1024ths of the time, lately */
	u64 charged_ns;				/* [t] of its run time, to the cap */
	u64 yields;				/* [t] gave its processor to another vCPU */
	u64 capped;				/* [t] times the cap stopped it */
	u64 last_wait_ns;			/* [t] for a processor */
	u64 skew_max_ns;			/* [t] longest that another waited while it ran */
	u32 last_yield;				/* [t] whom it gave it to */
	struct aerie_weight weight;		/* [t] */
	struct aerie_poll poll;			/* [t] */
	struct aerie_grace grace;		/* [t] */
	struct aerie_spin spin;			/* [t] */
};

#define AERIE_SCHED_WEIGHT	100u	/* unless somebody says otherwise */

/* What the user wants of a VM. */
struct aerie_sched_config {
	u32 weight;		/* 1 to AERIE_WEIGHT_MAX */
	u32 cap_percent;	/* of one processor, 0: none */
	u64 period_ns, budget_ns;	/* of each vCPU, 0: no reservation */
	struct cpumask pin;	/* empty: any */
};

/* What of it is to change. */
struct aerie_sched_change {
	bool weight, cap, period, budget, pin;
	struct aerie_sched_config to;
};

/* Of a VM. */
struct aerie_vm_sched {
	struct aerie_sched_config config;
	u64 reserved;		/* vm->lock: a bit for each vCPU that has its reservation */
	struct mutex policy_lock;	/* of threads: who gives a reservation, or leaves it */
	struct aerie_cap cap;
};

#endif

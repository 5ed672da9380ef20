// SPDX-License-Identifier: GPL-2.0
/* The clock and the timers device models run by: the host's monotonic clock and hrtimers. */
#include <linux/hrtimer.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/timekeeping.h>

#include "compat.h"
#include "dev/timer.h"

u64 aerie_now_ns(void)
{
	return ktime_get_ns();
}

u64 aerie_wall_ns(void)
{
	return ktime_get_real_ns();
}

u64 aerie_wall_at(u64 ns)
{
	return ktime_to_ns(ktime_mono_to_real(ns_to_ktime(ns)));
}

static enum hrtimer_restart timer_expired(struct hrtimer *hr)
{
	struct aerie_timer *timer = container_of(hr, struct aerie_timer, hr);

	/* If it arms the timer again, it has been enqueued by the time we return. */
	timer->fn(timer);
	return HRTIMER_NORESTART;
}

void aerie_timer_init(struct aerie_timer *timer, void (*fn)(struct aerie_timer *timer))
{
	timer->fn = fn;
	compat_hrtimer_setup(&timer->hr, timer_expired);
}

void aerie_timer_arm(struct aerie_timer *timer, u64 deadline_ns)
{
	/* It fires here, where its vCPU runs, or has last: nobody looks for another processor. */
	hrtimer_start(&timer->hr, ns_to_ktime(min_t(u64, deadline_ns, KTIME_MAX)),
		      HRTIMER_MODE_ABS_PINNED_HARD);
}

void aerie_timer_disarm(struct aerie_timer *timer)
{
	hrtimer_try_to_cancel(&timer->hr);
}

void aerie_timer_fini(struct aerie_timer *timer)
{
	hrtimer_cancel(&timer->hr);
}

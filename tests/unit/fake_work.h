/* SPDX-License-Identifier: GPL-2.0 */
/* Works that wait in one queue until the test runs them, in order. */
#ifndef FAKE_WORK_H
#define FAKE_WORK_H

#include "shim.h"

#define MAX_WORKS	32

static struct work_struct *works[MAX_WORKS];
static unsigned int nr_works;

struct workqueue_struct *alloc_workqueue(const char *name, unsigned int flags, int max_active, ...)
{
	return (struct workqueue_struct *)works;	/* only ever handed back */
}

void destroy_workqueue(struct workqueue_struct *wq)
{
	if (nr_works)
		abort();
}

bool cancel_work_sync(struct work_struct *work)
{
	unsigned int i;

	for (i = 0; i < nr_works; i++) {
		if (works[i] != work)
			continue;
		memmove(works + i, works + i + 1, (--nr_works - i) * sizeof(works[0]));
		return true;
	}
	return false;
}

bool queue_work(struct workqueue_struct *wq, struct work_struct *work)
{
	unsigned int i;

	for (i = 0; i < nr_works; i++)
		if (works[i] == work)
			return false;
	if (nr_works == MAX_WORKS)
		abort();
	works[nr_works++] = work;
	return true;
}

/* Run what is queued, and what that queues; returns how many works ran. */
static __maybe_unused unsigned int works_run(void)
{
	struct work_struct *work;
	unsigned int n = 0;

	while (nr_works) {
		work = works[0];
		cancel_work_sync(work);
		work->func(work);
		n++;
	}
	return n;
}

#endif

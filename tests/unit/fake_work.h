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

/* Those that wait for their time do so until the test says that it has come. */
static struct delayed_work *later[MAX_WORKS];

bool queue_delayed_work(struct workqueue_struct *wq, struct delayed_work *work, unsigned long delay)
{
	unsigned int i, free = MAX_WORKS;

	for (i = 0; i < MAX_WORKS; i++) {
		if (later[i] == work)
			return false;
		if (!later[i])
			free = i;
	}
	if (free == MAX_WORKS)
		abort();
	later[free] = work;
	return true;
}

bool cancel_delayed_work_sync(struct delayed_work *work)
{
	unsigned int i;

	for (i = 0; i < MAX_WORKS; i++) {
		if (later[i] != work)
			continue;
		later[i] = NULL;
		return true;
	}
	return false;
}

/* The time of each of them, once. */
static __maybe_unused void delayed_works_run(void)
{
	struct delayed_work *due[MAX_WORKS];
	unsigned int i;

	memcpy(due, later, sizeof(due));
	memset(later, 0, sizeof(later));
	for (i = 0; i < MAX_WORKS; i++)
		if (due[i])
			due[i]->work.func(&due[i]->work);
}

#endif

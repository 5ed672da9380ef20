/* SPDX-License-Identifier: GPL-2.0 */
/* Work waits until a test runs it. */
#ifndef SHIM_WORKQUEUE_H
#define SHIM_WORKQUEUE_H
#include "../shim.h"

#define WQ_UNBOUND	1
#define WQ_MEM_RECLAIM	2

struct workqueue_struct {
	int nothing;
};

#define SHIM_WORKS	64
extern struct work_struct *shim_works[SHIM_WORKS];

#define INIT_WORK(w, fn)	((w)->func = (fn))
#define cond_resched()		do { } while (0)

static inline struct workqueue_struct *alloc_workqueue(const char *name, int flags, int max)
{
	static struct workqueue_struct queue;

	return &queue;
}

static inline void destroy_workqueue(struct workqueue_struct *queue)
{
}

static inline bool queue_work(struct workqueue_struct *queue, struct work_struct *work)
{
	int i;

	for (i = 0; i < SHIM_WORKS && shim_works[i]; i++)
		if (shim_works[i] == work)
			return false;
	if (i == SHIM_WORKS)
		abort();
	shim_works[i] = work;
	return true;
}

static inline bool cancel_work_sync(struct work_struct *work)
{
	int i;

	for (i = 0; i < SHIM_WORKS && shim_works[i]; i++) {
		if (shim_works[i] != work)
			continue;
		memmove(shim_works + i, shim_works + i + 1,
			(SHIM_WORKS - 1 - i) * sizeof(shim_works[0]));
		shim_works[SHIM_WORKS - 1] = NULL;
		return true;
	}
	return false;
}

/* Run what waits, and what is queued by that. */
static inline void shim_works_run(void)
{
	struct work_struct *work;

	while ((work = shim_works[0])) {
		cancel_work_sync(work);
		work->func(work);
	}
}

#endif

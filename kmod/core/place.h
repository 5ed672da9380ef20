/* SPDX-License-Identifier: GPL-2.0 */
/* Where vCPU threads run. */
#ifndef AERIE_CORE_PLACE_H
#define AERIE_CORE_PLACE_H

struct task_struct;

/**
 * aerie_place() - keep a vCPU's thread on the processors of the module parameter cpus
 * @task: created, not yet woken
 *
 * Without the parameter, or when none of its processors is online right now, the thread
 * may run anywhere. As with any thread, whoever may can move it later (taskset), and the
 * kernel does when the last of its processors goes offline.
 *
 * Context: may sleep.
 */
void aerie_place(struct task_struct *task);

#endif

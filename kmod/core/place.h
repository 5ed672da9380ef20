/* SPDX-License-Identifier: GPL-2.0 */
/* Where vCPU threads run. */
#ifndef AERIE_CORE_PLACE_H
#define AERIE_CORE_PLACE_H

struct cpumask;
struct task_struct;

/**
 * aerie_place() - keep a vCPU's thread on some processors
 * @task: the thread
 * @pin: those that the user wants, of those of the module parameter cpus; empty: all of these
 *
 * Without @pin and the parameter, or when none of its processors is online right now, the
 * thread may run anywhere. As with any thread, whoever may can move it later (taskset), and
 * the kernel does when the last of its processors goes offline.
 *
 * Context: may sleep. Return: 0; -EINVAL none of @pin is online and allowed; -ENOMEM.
 */
int aerie_place(struct task_struct *task, const struct cpumask *pin);

#endif

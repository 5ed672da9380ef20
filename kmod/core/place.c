// SPDX-License-Identifier: GPL-2.0
/* The module parameter cpus: the processors that vCPU threads run on. */
#include <linux/cpumask.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>

#include "core/place.h"

static struct cpumask cpus;	/* empty: all; written once, at load */

static int cpus_set(const char *val, const struct kernel_param *kp)
{
	int err = cpulist_parse(val, &cpus);

	if (!err && !cpumask_empty(&cpus) && !cpumask_intersects(&cpus, cpu_online_mask))
		err = -ERANGE;
	if (err)
		pr_err("aerie: cpus=%s is not a list of processors that are online\n", val);
	return err;
}

static int cpus_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%*pbl\n", cpumask_pr_args(&cpus));
}

static const struct kernel_param_ops cpus_ops = {
	.set = cpus_set,
	.get = cpus_get,
};

module_param_cb(cpus, &cpus_ops, NULL, 0444);
MODULE_PARM_DESC(cpus, "processors that vCPUs run on, a list as 1-3,6 (all)");

void aerie_place(struct task_struct *task)
{
	if (!cpumask_empty(&cpus))
		set_cpus_allowed_ptr(task, &cpus);
}

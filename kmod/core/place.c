// SPDX-License-Identifier: GPL-2.0
/* The processors that vCPU threads run on: those of the module parameter cpus, or some of them. */
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

int aerie_place(struct task_struct *task, const struct cpumask *pin)
{
	const struct cpumask *all = cpumask_empty(&cpus) ? cpu_possible_mask : &cpus;
	cpumask_var_t mask;
	int err = -EINVAL;

	if (cpumask_empty(pin)) {
		set_cpus_allowed_ptr(task, all);
		return 0;
	}
	if (!alloc_cpumask_var(&mask, GFP_KERNEL))
		return -ENOMEM;
	if (cpumask_and(mask, pin, all) && cpumask_intersects(mask, cpu_online_mask))
		err = set_cpus_allowed_ptr(task, mask);
	free_cpumask_var(mask);
	return err;
}

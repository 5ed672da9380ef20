// SPDX-License-Identifier: GPL-2.0
/*
 * A module that stands in for aerie.ko where the lab itself is tested: what=WORDS
 * makes it do wrong what the lab has to notice, when it is loaded; who writes to its
 * parameter hang gets a processor that loops with interrupts off.
 */
#include <linux/delay.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

static char *what = "";
module_param(what, charp, 0444);

static noinline int hang_set(const char *val, const struct kernel_param *kp)
{
	local_irq_disable();
	for (;;)
		cpu_relax();
	return 0;
}

static const struct kernel_param_ops hang_ops = { .set = hang_set };
module_param_cb(hang, &hang_ops, NULL, 0200);

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);
static DEFINE_SPINLOCK(spin);

/* Both orders, one after the other: no deadlock, but lockdep sees that one can be. */
static void take_both_ways(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);
	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
}

static void sleep_while_atomic(void)
{
	spin_lock(&spin);
	might_sleep();
	spin_unlock(&spin);
}

static noinline void write_past_end(void)
{
	size_t size = 40;
	char *p = kmalloc(size, GFP_KERNEL);

	OPTIMIZER_HIDE_VAR(size);
	if (p)
		WRITE_ONCE(p[size], 1);
	kfree(p);
}

static noinline int shift_too_far(void)
{
	int by = 40;

	OPTIMIZER_HIDE_VAR(by);
	return 1 << by;
}

static noinline void leak(void)
{
	void *p = kmalloc(100, GFP_KERNEL);

	/* No tail call: the backtrace shall name this function. */
	barrier_data(&p);
}

static int __init stand_in_init(void)
{
	if (strstr(what, "warn"))
		WARN(1, "asked to warn\n");
	if (strstr(what, "locks"))
		take_both_ways();
	if (strstr(what, "sleep"))
		sleep_while_atomic();
	if (strstr(what, "write"))
		write_past_end();
	if (strstr(what, "shift"))
		pr_info("shifted: %d\n", shift_too_far());
	if (strstr(what, "leak"))
		leak();
	if (strstr(what, "busy"))
		__module_get(THIS_MODULE);
	return strstr(what, "refuse") ? -ENODEV : 0;
}

static void __exit stand_in_exit(void)
{
}

module_init(stand_in_init);
module_exit(stand_in_exit);
MODULE_DESCRIPTION("Does wrong what scripts/lab has to notice");
MODULE_LICENSE("GPL");

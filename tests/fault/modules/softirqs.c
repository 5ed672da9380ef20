// SPDX-License-Identifier: GPL-2.0
/*
 * A softirq that never ends: each time it has been done it is there again, so that the kernel
 * leaves it to a thread of its own, and it waits whenever another thread has the processor.
 */
#include <linux/compiler.h>
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/module.h>

static bool over;

static void again(struct tasklet_struct *tasklet)
{
	udelay(20);
	if (!READ_ONCE(over))
		tasklet_schedule(tasklet);
}

static DECLARE_TASKLET(endless, again);

static int __init softirqs_init(void)
{
	tasklet_schedule(&endless);
	return 0;
}

static void __exit softirqs_exit(void)
{
	WRITE_ONCE(over, true);
	tasklet_kill(&endless);
}

module_init(softirqs_init);
module_exit(softirqs_exit);
MODULE_DESCRIPTION("A softirq that never ends");
MODULE_LICENSE("GPL");

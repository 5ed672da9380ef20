// SPDX-License-Identifier: GPL-2.0
/*
 * The processors: taken when the first guest starts, given back after the last.
 *
 * While the count of users is not 0, every online processor is in VMX or SVM
 * operation, and a processor that comes online enters it before it runs tasks:
 * both are the CPU hotplug core's work, through one dynamic state. Taking them
 * is refused whole when another hypervisor already uses any of them. On reboot
 * and kexec all VMs are parked first and the processors left after that, as
 * always by a thread on each of them: where that runs no vCPU is loaded. The
 * crash path has the kernel's own emergency hook where it offers one.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/module.h>
#include <linux/reboot.h>
#include <linux/syscore_ops.h>
#include "compat.h"
#include "control.h"
#include "core/core.h"

static DEFINE_MUTEX(hw_lock);		/* hw_users, hw_state */
static unsigned int hw_users;
static int hw_state;			/* the dynamic hotplug state while taken, else 0 */
static bool hw_down;			/* the machine goes down: no new users */
static DEFINE_PER_CPU(bool, hw_on);	/* this processor is in VMX/SVM operation */

bool aerie_hw_on(void)
{
	return __this_cpu_read(hw_on);
}

bool aerie_hw_down(void)
{
	return READ_ONCE(hw_down);
}

static int cpu_on(unsigned int cpu)
{
	unsigned long flags;
	int err;

	local_irq_save(flags);
	err = aerie_backend->cpu_enable();
	if (!err)
		__this_cpu_write(hw_on, true);
	local_irq_restore(flags);
	return err;
}

static int cpu_off(unsigned int cpu)
{
	unsigned long flags;

	local_irq_save(flags);
	if (__this_cpu_read(hw_on)) {
		__this_cpu_write(hw_on, false);
		aerie_backend->cpu_disable();
	}
	local_irq_restore(flags);
	return 0;
}

/* Leave VMX or SVM operation everywhere. */
static void hw_give_back(void)
{
	lockdep_assert_held(&hw_lock);
	if (hw_state)
		cpuhp_remove_state(hw_state);
	hw_state = 0;
}

static void cpu_look(void *used)
{
	if (!__this_cpu_read(hw_on) && aerie_backend->cpu_in_use())
		atomic_inc(used);
}

int aerie_hw_check(struct aerie_why *why)
{
	atomic_t used = ATOMIC_INIT(0);

	on_each_cpu(cpu_look, &used, 1);
	if (!atomic_read(&used))
		return 0;
	return aerie_refuse(why, -EBUSY, 0,
			    "another hypervisor (KVM?) holds the processors; stop its guests or unload it (kvm_intel, kvm_amd), see aerie doctor");
}

int aerie_hw_get(struct aerie_why *why)
{
	int err = 0;

	mutex_lock(&hw_lock);
	if (hw_down) {
		err = aerie_refuse(why, -ESHUTDOWN, 0, "the machine is going down");
		goto out;
	}
	if (!hw_users) {
		err = aerie_hw_check(why);
		if (err)
			goto out;
		err = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "virt/aerie:online",
					cpu_on, cpu_off);
		if (err < 0) {
			err = aerie_refuse(why, err, 0,
					   "a processor refused to enter VMX or SVM operation");
			goto out;
		}
		hw_state = err;
		err = 0;
	}
	hw_users++;
out:
	mutex_unlock(&hw_lock);
	return err;
}

void aerie_hw_put(void)
{
	mutex_lock(&hw_lock);
	if (!--hw_users)
		hw_give_back();
	mutex_unlock(&hw_lock);
}

/* Before reboot, halt, power-off and kexec. */
static int hw_reboot(struct notifier_block *nb, unsigned long event, void *unused)
{
	mutex_lock(&hw_lock);
	WRITE_ONCE(hw_down, true);
	mutex_unlock(&hw_lock);
	aerie_vm_quiesce_all();
	/* A start or a reset that is under way may still load vCPUs: they find nothing on. */
	mutex_lock(&hw_lock);
	hw_give_back();
	mutex_unlock(&hw_lock);
	return NOTIFY_OK;
}

static struct notifier_block hw_reboot_nb = {
	.notifier_call = hw_reboot,
};

/* Suspend: the other processors go through hotplug, the last one comes here. */
static int hw_suspend(COMPAT_SYSCORE_ARG)
{
	if (hw_state)
		cpu_off(smp_processor_id());
	return 0;
}

static void hw_resume(COMPAT_SYSCORE_ARG)
{
	if (hw_state && cpu_on(smp_processor_id()))
		pr_err("aerie: processor %d lost after resume\n", smp_processor_id());
}

COMPAT_SYSCORE(hw_syscore, hw_suspend, hw_resume);

/* A crash: interrupts off, this processor only, nothing to wait for. */
static void hw_emergency(void)
{
	if (__this_cpu_read(hw_on)) {
		__this_cpu_write(hw_on, false);
		aerie_backend->cpu_disable();
	}
}

int aerie_hw_init(struct aerie_why *why)
{
	int err = register_reboot_notifier(&hw_reboot_nb);

	if (err)
		return aerie_refuse(why, err, 0, "cannot register for reboot");
	register_syscore(&hw_syscore);
	compat_emergency_register(hw_emergency);
	return 0;
}

void aerie_hw_exit(void)
{
	compat_emergency_unregister(hw_emergency);
	unregister_syscore(&hw_syscore);
	unregister_reboot_notifier(&hw_reboot_nb);
}

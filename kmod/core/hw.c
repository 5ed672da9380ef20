// SPDX-License-Identifier: GPL-2.0
/*
 * The processors: taken when the first guest starts, given back after the last.
 *
 * While the count of users is not 0, every online processor is in VMX or SVM
 * operation, and a processor that comes online enters it before it runs tasks:
 * both are the CPU hotplug core's work, through one dynamic state. Taking them
 * is refused whole when another hypervisor already uses any of them. On reboot
 * and kexec all VMs are parked first and the processors left after that, as
 * always by a thread on each of them: where that runs no vCPU is loaded.
 *
 * In a crash the kernel calls one function on each processor to leave VMX or SVM
 * operation. It has one slot for that, KVM fills it too, and who finds it filled
 * gets a WARN. So Aerie's function is there only while it holds the processors and
 * KVM's module of the same vendor is not loaded: a module notifier empties the slot
 * before that module starts and fills it when it has gone. Beside a KVM that is
 * loaded and idle
 *
 * - before 6.12 a function is there from the load of KVM's module on, and leaves VMX
 *   or SVM operation whoever has entered it (SVM before 6.6: the kernel itself does);
 * - from 6.12 on KVM's is there only while it holds the processors: from its load on,
 *   which then fails beside guests of Aerie, or with kvm.enable_virt_at_load=0 while
 *   it has guests. So nobody leaves in a crash. SVM stands that: whenever an NMI can
 *   come GIF is 1, and EFER.SVME alone hinders no kernel that starts. VMX does not:
 *   CR4.VMXE cannot be cleared and INIT is blocked. There Aerie does not start beside
 *   kvm_intel, and kvm_intel is not let in while Aerie holds the processors;
 * - from 6.19 on the slot is KVM's alone. VMX refuses to load there for more reasons.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/kobject.h>
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
static bool hw_kvm;			/* KVM's module is there; written under hw_lock */
static bool hw_hooked;			/* the crash hook is in its slot; hw_lock */
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

/* A crash: interrupts off, this processor only, nothing to wait for. */
static void hw_emergency(void)
{
	if (__this_cpu_read(hw_on)) {
		__this_cpu_write(hw_on, false);
		aerie_backend->cpu_disable();
	}
}

static void crash_hook(bool want)
{
	lockdep_assert_held(&hw_lock);
	if (want == hw_hooked)
		return;
	hw_hooked = want;
	if (want)
		compat_emergency_register(hw_emergency);
	else
		compat_emergency_unregister(hw_emergency);
}

/* Enter VMX or SVM operation everywhere. */
static int hw_take(void)
{
	int state;

	lockdep_assert_held(&hw_lock);
	crash_hook(!hw_kvm);
	state = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "virt/aerie:online", cpu_on, cpu_off);
	if (state < 0) {
		crash_hook(false);
		return state;
	}
	hw_state = state;
	return 0;
}

/* Leave it. */
static void hw_give_back(void)
{
	lockdep_assert_held(&hw_lock);
	if (hw_state)
		cpuhp_remove_state(hw_state);
	hw_state = 0;
	crash_hook(false);
}

/* Neither can run beside the other, idle as it may be. */
static bool kvm_excludes_us(void)
{
	return COMPAT_KVM_HOOKS_LATE && aerie_backend->crash_must_leave;
}

static int hw_module(struct notifier_block *nb, unsigned long event, void *data)
{
	const struct module *mod = data;
	int ret = NOTIFY_OK;

	if (strcmp(mod->name, aerie_backend->kvm_module))
		return NOTIFY_DONE;
	mutex_lock(&hw_lock);
	if (event == MODULE_STATE_COMING && hw_state && kvm_excludes_us()) {
		pr_info("aerie: %s cannot be loaded while guests of Aerie run\n", mod->name);
		ret = notifier_from_errno(-EBUSY);
	} else {
		WRITE_ONCE(hw_kvm, event != MODULE_STATE_GOING);
		crash_hook(hw_state && !hw_kvm);
	}
	mutex_unlock(&hw_lock);
	return ret;
}

static struct notifier_block hw_module_nb = {
	.notifier_call = hw_module,
};

/* Loaded, or built in. */
static bool module_there(const char *name)
{
	struct kobject *kobj = kset_find_obj(THIS_MODULE->mkobj.kobj.kset, name);

	kobject_put(kobj);
	return kobj;
}

static void cpu_look(void *used)
{
	if (!__this_cpu_read(hw_on) && aerie_backend->cpu_in_use())
		atomic_inc(used);
}

#define HELD(who, module)								\
	{ module, who " holds the processors (" module "); stop its guests or unload "	\
	  module ", see aerie doctor" }

int aerie_hw_check(struct aerie_why *why)
{
	static const struct {
		const char *module, *msg;
	} others[] = {
		HELD("KVM", "kvm_intel"),
		HELD("KVM", "kvm_amd"),
		HELD("VirtualBox", "vboxdrv"),
		HELD("VMware", "vmmon"),
	};
	atomic_t used = ATOMIC_INIT(0);
	int i;

	on_each_cpu(cpu_look, &used, 1);
	if (!atomic_read(&used)) {
		if (READ_ONCE(hw_kvm) && kvm_excludes_us())
			return aerie_refuse(why, -EBUSY, 0,
				"KVM is loaded (kvm_intel), and this kernel could not leave VMX operation in a crash beside it; unload kvm_intel, see aerie doctor");
		return 0;
	}
	for (i = 0; i < ARRAY_SIZE(others); i++)
		if (module_there(others[i].module))
			return aerie_refuse(why, -EBUSY, 0, others[i].msg);
	return aerie_refuse(why, -EBUSY, 0,
			    "another hypervisor holds the processors; stop its guests or unload it, see aerie doctor");
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
		err = hw_take();
		if (err) {
			aerie_refuse(why, err, 0,
				     "a processor refused to enter VMX or SVM operation");
			goto out;
		}
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

int aerie_hw_init(struct aerie_why *why)
{
	int err = register_reboot_notifier(&hw_reboot_nb);

	if (err)
		return aerie_refuse(why, err, 0, "cannot register for reboot");
	register_syscore(&hw_syscore);
	register_module_notifier(&hw_module_nb);
	/* If it loads right now: the notifier hears of it once more when it is live. */
	mutex_lock(&hw_lock);
	WRITE_ONCE(hw_kvm, hw_kvm || module_there(aerie_backend->kvm_module));
	mutex_unlock(&hw_lock);
	return 0;
}

void aerie_hw_exit(void)
{
	unregister_module_notifier(&hw_module_nb);
	unregister_syscore(&hw_syscore);
	unregister_reboot_notifier(&hw_reboot_nb);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Makes entries such as no processor accepts: a kprobe where aerie.ko is about to enter a guest
 * asks for the injection of what is no event (VMX), or for the host's ASID (SVM), in threads whose
 * name begins with THREAD.
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/sched.h>
#include "svm/svm.h"
#include "vmx/vmx.h"

#define TYPE_RESERVED	(1u << 8)

static char thread[TASK_COMM_LEN] = "none";
module_param_string(thread, thread, sizeof(thread), 0444);

static bool chosen(void)
{
	return !strncmp(current->comm, thread, strlen(thread));
}

/* int svm_enter(struct aerie_vcpu *vcpu, ...) */
static int at_svm_enter(struct kprobe *p, struct pt_regs *regs)
{
	struct svm_control *c = &to_svm((struct aerie_vcpu *)regs->di)->vmcb->control;

	if (chosen()) {
		c->asid = 0;
		c->clean = 0;
	}
	return 0;
}

/* int vmx_enter(struct aerie_vcpu *vcpu, ...) */
static int at_vmx_enter(struct kprobe *p, struct pt_regs *regs)
{
	if (chosen())
		asm volatile("vmwrite %0, %1"
			     : : "r" ((u64)(INTR_INFO_VALID_MASK | TYPE_RESERVED)),
				 "r" ((u64)VM_ENTRY_INTR_INFO_FIELD) : "cc");
	return 0;
}

static struct kprobe probes[] = {
	{ .symbol_name = "svm_enter", .pre_handler = at_svm_enter },
	{ .symbol_name = "vmx_enter", .pre_handler = at_vmx_enter },
};

static int __init bad_entry_init(void)
{
	struct kprobe *both[] = { &probes[0], &probes[1] };

	return register_kprobes(both, ARRAY_SIZE(both));
}

static void __exit bad_entry_exit(void)
{
	struct kprobe *both[] = { &probes[0], &probes[1] };

	unregister_kprobes(both, ARRAY_SIZE(both));
}

module_init(bad_entry_init);
module_exit(bad_entry_exit);
MODULE_DESCRIPTION("Entries that the processor refuses");
MODULE_LICENSE("GPL");

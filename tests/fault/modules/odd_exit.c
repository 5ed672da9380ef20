// SPDX-License-Identifier: GPL-2.0
/*
 * Makes the processor seem to leave a guest for a reason that no manual has: a
 * kprobe where aerie.ko starts to decode an exit changes the reason to CODE, in
 * threads whose name begins with THREAD.
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/sched.h>
#include "svm/svm.h"
#include "vmx/vmx.h"

static char thread[TASK_COMM_LEN] = "none";
module_param_string(thread, thread, sizeof(thread), 0444);
static uint code;
module_param(code, uint, 0444);

static bool chosen(void)
{
	return !strncmp(current->comm, thread, strlen(thread));
}

/* void svm_decode(const struct svm_vmcb *vmcb, ...) */
static int at_svm_decode(struct kprobe *p, struct pt_regs *regs)
{
	if (chosen())
		((struct svm_vmcb *)regs->di)->control.exit_code = code;
	return 0;
}

/* void vmx_decode_exit(struct aerie_vcpu *vcpu, ...) */
static int at_vmx_decode_exit(struct kprobe *p, struct pt_regs *regs)
{
	if (chosen())
		to_vmx((struct aerie_vcpu *)regs->di)->exit_reason = code;
	return 0;
}

static struct kprobe probes[] = {
	{ .symbol_name = "svm_decode", .pre_handler = at_svm_decode },
	{ .symbol_name = "vmx_decode_exit", .pre_handler = at_vmx_decode_exit },
};

static int __init odd_exit_init(void)
{
	struct kprobe *both[] = { &probes[0], &probes[1] };

	return register_kprobes(both, ARRAY_SIZE(both));
}

static void __exit odd_exit_exit(void)
{
	struct kprobe *both[] = { &probes[0], &probes[1] };

	unregister_kprobes(both, ARRAY_SIZE(both));
}

module_init(odd_exit_init);
module_exit(odd_exit_exit);
MODULE_DESCRIPTION("Exits of a guest for a reason that Aerie does not know");
MODULE_LICENSE("GPL");

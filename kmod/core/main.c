// SPDX-License-Identifier: GPL-2.0
/* Module load and unload: the init ladder. */
#include <linux/module.h>
#include "control.h"
#include "core/core.h"
#include "core/mitigate.h"
#include "core/policy.h"
#include "dev/chips.h"
#include "virtio/blk.h"
#include "virtio/virtio.h"

const struct aerie_backend *aerie_backend;

#define AERIE_HW_DEFINE(op) \
	DEFINE_STATIC_CALL_NULL(aerie_hw_##op, *((struct aerie_backend *)NULL)->op);
AERIE_HW_OPS(AERIE_HW_DEFINE)

/* The vendor whose extensions this processor has, ready for use. */
static int __init backend_choose(struct aerie_why *why)
{
	static struct aerie_backend * const backends[] = { &aerie_vmx, &aerie_svm };
	int i, err = -EOPNOTSUPP;

	for (i = 0; i < ARRAY_SIZE(backends); i++) {
		err = backends[i]->probe(why);
		if (err == -ENODEV)
			continue;	/* not this vendor */
		if (err)
			return err;
		aerie_backend = backends[i];
		return 0;
	}
	why->msg = "the processor has neither VMX nor SVM, or a hypervisor above hides them";
	return -EOPNOTSUPP;
}

static int __init aerie_init(void)
{
	struct aerie_why why = {};
	int err;

	err = backend_choose(&why);
	if (err)
		goto err_why;
#define AERIE_HW_BIND(op)	static_call_update(aerie_hw_##op, aerie_backend->op);
	AERIE_HW_OPS(AERIE_HW_BIND)
	aerie_mitigations_init();
	aerie_msr_init();
	err = aerie_backend->setup(&why);
	if (err)
		goto err_why;
	err = aerie_mm_init();
	if (err)
		goto err_backend;
	err = aerie_fpu_init();
	if (err)
		goto err_mm;
	err = aerie_hw_init(&why);
	if (err)
		goto err_mm;
	err = aerie_tty_init();
	if (err)
		goto err_hw;
	err = aerie_virtio_start();
	if (err)
		goto err_tty;
	err = aerie_blk_start();
	if (err)
		goto err_virtio;
	err = aerie_netdev_start();
	if (err)
		goto err_blk;
	aerie_debugfs_init();
	err = aerie_nl_init();
	if (err)
		goto err_debugfs;
	pr_info("aerie: ready, %s\n", aerie_backend->name);
	return 0;

err_debugfs:
	aerie_debugfs_exit();
	aerie_netdev_stop();
err_blk:
	aerie_blk_stop();
err_virtio:
	aerie_virtio_stop();
err_tty:
	aerie_tty_exit();
err_hw:
	aerie_hw_exit();
err_mm:
	aerie_mm_exit();
err_backend:
	aerie_backend->teardown();
err_why:
	pr_err("aerie: cannot load: %s (error %d)\n", why.msg ?: "out of memory", err);
	return err;
}

static void __exit aerie_exit(void)
{
	aerie_nl_exit();
	aerie_debugfs_exit();
	aerie_netdev_stop();
	aerie_blk_stop();
	aerie_virtio_stop();
	aerie_tty_exit();
	aerie_hw_exit();
	aerie_swapfile_exit();
	aerie_mm_exit();
	aerie_backend->teardown();
}

module_init(aerie_init);
module_exit(aerie_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Aerie hypervisor");
MODULE_VERSION("0.1");

// SPDX-License-Identifier: GPL-2.0
/* The module parameter check_entry: consistency checks of the control block before entry. */
#include <linux/module.h>
#include <linux/moduleparam.h>

#include "core/check.h"

#ifdef AERIE_DEBUG
DEFINE_STATIC_KEY_TRUE(aerie_check_entry);
#else
DEFINE_STATIC_KEY_FALSE(aerie_check_entry);
#endif

static int check_set(const char *val, const struct kernel_param *kp)
{
	bool on = true;
	int err = val ? kstrtobool(val, &on) : 0;

	if (err)
		return err;
	if (on)
		static_branch_enable(&aerie_check_entry);
	else
		static_branch_disable(&aerie_check_entry);
	return 0;
}

static int check_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%c\n", static_key_enabled(&aerie_check_entry) ? 'Y' : 'N');
}

static const struct kernel_param_ops check_ops = {
	.flags = KERNEL_PARAM_OPS_FL_NOARG,
	.set = check_set,
	.get = check_get,
};

module_param_cb(check_entry, &check_ops, NULL, 0644);
MODULE_PARM_DESC(check_entry,
		 "check the VMCS or VMCB against the manuals' rules before every entry");

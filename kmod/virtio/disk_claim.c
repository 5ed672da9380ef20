// SPDX-License-Identifier: GPL-2.0
/*
 * Who has which file of the host in use: disks of VMs, and swap. One writer, or any number
 * of readers. Of a block device nobody else may have claimed it either (bdev.c).
 */
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/mutex.h>

#include "aerie.h"
#include "virtio/disk_claim.h"

static LIST_HEAD(claims);
static DEFINE_MUTEX(claims_lock);

/* claims_lock is held. */
static const char *refusal(const struct aerie_disk_claim *claim)
{
	const struct aerie_disk_claim *other;

	list_for_each_entry(other, &claims, node) {
		if (other->mapping != claim->mapping || !(other->writes || claim->writes))
			continue;
		if (!other->vm)
			return "is in use as swap";
		return other->vm == claim->vm ? "is in use by this VM already" :
						"is in use by another VM, and one of them writes";
	}
	return NULL;
}

int aerie_disk_claim(struct aerie_disk_claim *claim, const struct file *file,
		     const struct aerie_vm *vm, bool writes, u32 attr, struct aerie_why *why)
{
	const char *msg;

	claim->mapping = file->f_mapping;
	claim->vm = vm;
	claim->writes = writes;
	mutex_lock(&claims_lock);
	msg = refusal(claim);
	if (!msg)
		list_add(&claim->node, &claims);
	else
		claim->mapping = NULL;
	mutex_unlock(&claims_lock);
	return msg ? aerie_refuse(why, -EBUSY, attr, msg) : 0;
}

void aerie_disk_unclaim(struct aerie_disk_claim *claim)
{
	if (!claim->mapping)
		return;
	mutex_lock(&claims_lock);
	list_del(&claim->node);
	mutex_unlock(&claims_lock);
	claim->mapping = NULL;
}

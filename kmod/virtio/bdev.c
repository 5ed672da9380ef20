// SPDX-License-Identifier: GPL-2.0
/*
 * Block devices of the host that a guest is given: claimed, as mounts, swap, LVM and RAID
 * claim theirs, so that none of these, nor another O_EXCL, can have it meanwhile.
 *
 * All of ours claim in one name, because which VMs may share a device is blk.c's rule. A
 * claim keeps out claims, it does not keep out reads and writes of who has the right to
 * open the device and asks for no claim: no kernel does.
 */
#include <linux/err.h>
#include <linux/fs.h>

#include "compat.h"
#include "uapi.h"
#include "virtio/virtio.h"

static const char holder[] = "aerie";

int aerie_bdev_claim(struct file *file, void **bdev, u32 attr, struct aerie_why *why)
{
	struct inode *inode = file->f_mapping->host;
	void *claim;

	*bdev = NULL;
	if (!S_ISBLK(inode->i_mode))
		return 0;
	claim = compat_bdev_claim(inode->i_rdev, (void *)holder);
	if (PTR_ERR_OR_ZERO(claim) == -EBUSY)
		return aerie_refuse(why, -EBUSY, attr,
				    "is in use by the host: mounted, or claimed by a program");
	if (IS_ERR(claim))
		return PTR_ERR(claim);
	*bdev = claim;
	return 0;
}

void aerie_bdev_release(void *bdev)
{
	if (bdev)
		compat_bdev_release(bdev);
}

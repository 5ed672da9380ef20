/* SPDX-License-Identifier: GPL-2.0 */
/* A file of the host that a disk, or swap, has in use. */
#ifndef AERIE_VIRTIO_DISK_CLAIM_H
#define AERIE_VIRTIO_DISK_CLAIM_H

#include <linux/list.h>
#include <linux/types.h>

struct address_space;
struct aerie_vm;
struct aerie_why;
struct file;

/* Zeroed: none. */
struct aerie_disk_claim {
	struct list_head node;		/* in the list of all */
	const struct address_space *mapping;
	const struct aerie_vm *vm;
	bool writes;
};

/**
 * aerie_disk_claim() - have a file for oneself, or with others who only read
 * @claim: zeroed; in use until aerie_disk_unclaim()
 * @file: the file
 * @vm: whose disk it is, NULL for swap
 * @writes: it is going to be written
 * @attr: the attribute that named it
 * @why: reason of a refusal
 *
 * Context: may sleep. Return: 0, -EBUSY.
 */
int aerie_disk_claim(struct aerie_disk_claim *claim, const struct file *file,
		     const struct aerie_vm *vm, bool writes, u32 attr, struct aerie_why *why);

/* Does nothing where there is no claim. Context: may sleep. */
void aerie_disk_unclaim(struct aerie_disk_claim *claim);

#endif

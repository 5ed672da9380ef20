// SPDX-License-Identifier: GPL-2.0
/*
 * Devices that come and go, or change, while a VM exists: attached, detached and changed by
 * the user, ejected by the guest.
 *
 *            attach                     detach
 *   (none) ----------> attached ----------------------> asked
 *      ^                  | force; the VM does not run    | the guest ejects; reset or
 *      |                  v                               v stop of the VM; force
 *      +----------------- (gone) <------------------------+
 *
 * What a driver uses cannot just vanish from the bus: Linux's drivers wait for ever for
 * what they have asked for, or for a reset to be done, and no slot of that guest changes
 * any more. So a device that is taken by force loses its file and its name at once, and
 * what is left fails all requests. The guest is asked to let go of that; it stays until
 * it does, as above, or until its slot is needed. One that no driver uses vanishes.
 *
 * All of it happens under vm->lock. How a device leaves while vCPUs run is told in
 * dev/device.h and, for the slots, in dev/hotplug.c.
 */
#include <linux/bits.h>
#include <linux/string.h>

#include "control.h"
#include "core/core.h"
#include "dev/chips.h"
#include "dev/device.h"
#include "dev/pci.h"
#include "uapi.h"
#include "virtio/virtio.h"

int aerie_plug_create(struct aerie_vm *vm, const struct aerie_vm_config *what,
		      struct aerie_why *why)
{
	int err = what->entropy ? aerie_virtio_rng_create(vm, why) : 0;
	u32 i;

	if (!err && what->hvc)
		err = aerie_virtio_console_create(vm, why);
	for (i = 0; !err && i < what->nr_disks; i++)
		err = aerie_virtio_blk_create(vm, &what->disks[i], why);
	for (i = 0; !err && i < what->nr_nics; i++)
		err = aerie_virtio_net_create(vm, &what->nics[i], why);
	if (!err && what->has_balloon)
		err = aerie_virtio_balloon_create(vm, &what->balloon, why);
	return err;
}

static void tell(struct aerie_plug *plug, const struct aerie_dev *dev)
{
	strscpy(plug->name, dev->name, sizeof(plug->name));
	plug->id = dev->id;
	plug->slot = dev->pci->slot;
	plug->asked = aerie_hotplug_asked(dev->vm, dev->pci->slot);
}

/* For people it is there no more: not in lists, its name is free. */
static void device_hide(struct aerie_vm *vm, struct aerie_dev *dev)
{
	aerie_debugfs_device_remove(dev);
	mutex_lock(&vm->devs_lock);
	dev->gone = true;
	mutex_unlock(&vm->devs_lock);
}

static void device_free(struct aerie_vm *vm, struct aerie_dev *dev)
{
	unsigned int slot = dev->pci->slot;

	aerie_device_remove(dev);
	aerie_hotplug_empty(vm, slot);
}

/* Take it away, but for what a driver that uses it may still ask. */
static void device_take(struct aerie_vm *vm, struct aerie_dev *dev)
{
	char name[AERIE_NAME_LEN];

	strscpy(name, dev->name, sizeof(name));
	device_hide(vm, dev);
	if (vm->devs_on && dev->ops->sever && dev->ops->sever(dev)) {
		aerie_hotplug_ask(vm, dev->pci->slot);
	} else {
		device_free(vm, dev);
		if (vm->devs_on)
			aerie_hotplug_look(vm, 0);
	}
	aerie_nl_event_device(vm, AERIE_EV_DETACHED, name);
}

/* The guest has let it go. */
static void device_out(struct aerie_vm *vm, struct aerie_dev *dev)
{
	char name[AERIE_NAME_LEN];
	bool told = dev->gone;

	strscpy(name, dev->name, sizeof(name));
	if (!told)
		device_hide(vm, dev);
	device_free(vm, dev);
	if (!told)
		aerie_nl_event_device(vm, AERIE_EV_DETACHED, name);
}

/* Have a slot free, if only what a driver still uses of a device that has gone is in it. */
static void make_room(struct aerie_vm *vm)
{
	struct aerie_dev *dev = aerie_pci_full(vm) ? aerie_device_gone(vm) : NULL;

	if (dev)
		device_free(vm, dev);
}

void aerie_plug_eject(struct aerie_vm *vm, bool also_asked)
{
	u32 slots = aerie_hotplug_ejected(vm, also_asked);
	unsigned int slot;

	for (slot = 0; slot < AERIE_PCI_SLOTS; slot++)
		if (slots & BIT(slot))
			device_out(vm, aerie_device_at(vm, slot));
}

int aerie_vm_attach(struct aerie_vm *vm, const struct aerie_vm_config *what,
		    struct aerie_plug *plug, struct aerie_why *why)
{
	struct aerie_dev *dev;
	int err;

	if (what->nr_disks + what->nr_nics + what->hvc + what->entropy + what->has_balloon != 1)
		return aerie_refuse(why, -EINVAL, 0, "one device is attached at a time");
	err = aerie_vm_lock(vm, why);
	if (err)
		return err;
	make_room(vm);
	err = aerie_plug_create(vm, what, why);
	if (!err) {
		dev = list_last_entry(&vm->devs, struct aerie_dev, node);
		aerie_debugfs_device_add(dev);
		if (vm->devs_on)
			aerie_hotplug_look(vm, dev->pci->slot);
		tell(plug, dev);
		aerie_nl_event_device(vm, AERIE_EV_ATTACHED, dev->name);
	}
	mutex_unlock(&vm->lock);
	return err;
}

int aerie_vm_detach(struct aerie_vm *vm, const char *name, bool force,
		    struct aerie_plug *plug, struct aerie_why *why)
{
	struct aerie_dev *dev;
	int err = aerie_vm_lock(vm, why);

	if (err)
		return err;
	dev = aerie_device_find(vm, name);
	if (!dev) {
		err = aerie_refuse(why, -ENODEV, AERIE_A_DEV_NAME, "is no device of the VM");
	} else if (!dev->pci) {
		err = aerie_refuse(why, -EOPNOTSUPP, AERIE_A_DEV_NAME,
				   "is part of the machine and cannot be removed");
	} else if (vm->devs_on && !force) {
		aerie_hotplug_ask(vm, dev->pci->slot);
		tell(plug, dev);
	} else {
		tell(plug, dev);
		plug->asked = false;
		device_take(vm, dev);
	}
	mutex_unlock(&vm->lock);
	return err;
}

int aerie_vm_disk_change(struct aerie_vm *vm, const struct aerie_disk_change *change,
			 struct aerie_disk_info *info, struct aerie_why *why)
{
	int err = aerie_vm_lock(vm, why);

	if (err)
		return err;
	err = aerie_virtio_blk_change(vm, change, info, why);
	mutex_unlock(&vm->lock);
	return err;
}

int aerie_vm_balloon(struct aerie_vm *vm, const struct aerie_balloon_config *config,
		     struct aerie_balloon_info *info, struct aerie_why *why)
{
	int err = aerie_vm_lock(vm, why);

	if (err)
		return err;
	err = aerie_virtio_balloon_set(vm, config, info, why);
	mutex_unlock(&vm->lock);
	return err;
}

bool aerie_vm_ballooned(struct aerie_vm *vm, u64 *wanted, u64 *actual)
{
	bool has;

	mutex_lock(&vm->devs_lock);
	has = aerie_virtio_balloon_size(vm, wanted, actual);
	mutex_unlock(&vm->devs_lock);
	return has;
}

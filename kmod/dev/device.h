/* SPDX-License-Identifier: GPL-2.0 */
/* What every device model offers to the machine that holds it. */
#ifndef AERIE_DEV_DEVICE_H
#define AERIE_DEV_DEVICE_H

#include <linux/limits.h>
#include <linux/list.h>
#include "aerie.h"
#include "state/field.h"

struct aerie_dev;
struct aerie_pci_dev;
struct aerie_vm;

#define AERIE_DEV_QUEUES	17	/* the most that a device has */

/**
 * struct aerie_dev_info - what people are told of a device
 * @kind: "disk", ...
 * @backing: what of the host is behind it, a path or ""
 * @serial: serial number or ""
 * @read_only: it cannot be written to
 * @nr_queues: entries of @queues
 * @queues: what each has counted since the device was made
 */
struct aerie_dev_info {
	const char *kind;
	char backing[PATH_MAX];
	char serial[AERIE_SERIAL_LEN + 1];
	bool read_only;
	struct aerie_disk_info disk;	/* without a size: it is none */
	u32 ifindex;			/* of the host interface; 0: it is none */
	u8 mac[AERIE_MAC_LEN];
	char bridge[AERIE_IFNAME_LEN];	/* that it was to join, or "" */
	u32 nr_queues;
	struct {
		u64 requests, interrupts;
	} queues[AERIE_DEV_QUEUES];
};

/**
 * struct aerie_dev_ops - a class of device
 * @name: shown in debugfs, where the device has no name of its own
 * @create: allocate, claim ranges, return the device or ERR_PTR(); may sleep
 * @destroy: release ranges, stop timers, free; may sleep
 * @quiesce: stop whatever accesses guest memory on its own, until resume or reset;
 *	     vCPUs are parked; may sleep; NULL where nothing does
 * @resume: go on where @quiesce has stopped; vCPUs are parked; may sleep; or NULL
 * @reset: power-on state; vCPUs are parked; may sleep
 * @sever: take from the device what of the host is behind it; from then on it fails
 *	   whatever it is asked for, so that a driver that does not know yet gets answers.
 *	   False, and nothing is done, where no driver uses it. May sleep; vCPUs may run;
 *	   NULL where the device cannot be had without
 * @describe: fill in @info, which is zeroed; may sleep; devices in a PCI slot have it
 * @record: table that describes what @state points at
 * @state: copy the state into @buf (@record->size bytes) under the device's lock
 */
struct aerie_dev_ops {
	const char *name;
	struct aerie_dev *(*create)(struct aerie_vm *vm);
	void (*destroy)(struct aerie_dev *dev);
	void (*quiesce)(struct aerie_dev *dev);
	void (*resume)(struct aerie_dev *dev);
	void (*reset)(struct aerie_dev *dev);
	bool (*sever)(struct aerie_dev *dev);
	void (*describe)(struct aerie_dev *dev, struct aerie_dev_info *info);
	const struct aerie_record *record;
	void (*state)(struct aerie_dev *dev, void *buf);
};

/*
 * Embedded first in every device.
 *
 * vm->devs changes under vm->lock and vm->devs_lock both, so that either will do to walk
 * it. A device is freed after it has left the list, its debugfs file has gone, and
 * accesses of vCPUs that found it on a bus have ended: who comes by one of these ways may
 * use it until it leaves.
 */
struct aerie_dev {
	const struct aerie_dev_ops *ops;
	struct aerie_vm *vm;
	const char *name;		/* unique in the VM; NULL: that of @ops */
	struct aerie_pci_dev *pci;	/* in a slot; NULL: part of the machine, stays */
	bool gone;			/* for people; the guest's driver has yet to notice */
	u32 id;				/* unique in the VM, also after it has gone */
	struct dentry *debugfs;		/* its file */
	struct list_head node;		/* vm->devs, in order of creation */
};

/* The classes every machine has, in order of creation. */
extern const struct aerie_dev_ops aerie_ioapic_dev;
extern const struct aerie_dev_ops aerie_pic_dev;
extern const struct aerie_dev_ops aerie_cpu_hotplug_dev;
extern const struct aerie_dev_ops aerie_pit_dev;
extern const struct aerie_dev_ops aerie_rtc_dev;
extern const struct aerie_dev_ops aerie_pm_dev;
extern const struct aerie_dev_ops aerie_hotplug_dev;
extern const struct aerie_dev_ops aerie_serial_dev;
extern const struct aerie_dev_ops aerie_pci_dev;

/**
 * aerie_devices_create() - create one device of each class
 * @vm: the VM; its buses, irq_lock, RAM ranges and console are ready
 *
 * Context: may sleep.
 * Return: 0 or the error of the class that failed; then none is left.
 */
int aerie_devices_create(struct aerie_vm *vm);

/**
 * aerie_device_add() - add a device that is not one of every machine's
 * @vm: the VM, being built, or its lock is held
 * @dev: the device; destroyed with the others
 * @ops: its class
 *
 * Context: may sleep.
 */
void aerie_device_add(struct aerie_vm *vm, struct aerie_dev *dev,
		      const struct aerie_dev_ops *ops);

/**
 * aerie_device_remove() - take a device out of the VM and destroy it
 * @dev: the device; its debugfs file has gone
 *
 * Context: may sleep; the VM's lock is held, vCPUs may run. Waits for what the device
 * is doing.
 */
void aerie_device_remove(struct aerie_dev *dev);

/*
 * The device of that name that has not gone; the one in that PCI slot, gone or not; one
 * that has gone. Or NULL. Context: the VM's lock is held.
 */
struct aerie_dev *aerie_device_find(struct aerie_vm *vm, const char *name);
struct aerie_dev *aerie_device_at(struct aerie_vm *vm, unsigned int slot);
struct aerie_dev *aerie_device_gone(struct aerie_vm *vm);

/**
 * aerie_device_name() - a name that no device has
 * @vm: the VM, being built, or its lock is held
 * @kind: what names of its kind begin with; the lowest number that is free follows
 * @buf: for the name
 * @size: of it
 */
void aerie_device_name(struct aerie_vm *vm, const char *kind, char *buf, size_t size);

/**
 * aerie_device_describe() - what people are told of the first device from @id on
 * @vm: the VM, in any state
 * @id: lowest that will do
 * @fn: called with it, under the lock of the list; may sleep
 * @arg: handed to @fn
 *
 * Devices that are part of every machine, and those that have gone, are left out. Context: may sleep.
 * Return: what @fn returns, or -ENOENT where there is none.
 */
int aerie_device_describe(struct aerie_vm *vm, u32 id,
			  int (*fn)(struct aerie_dev *dev, void *arg), void *arg);

/**
 * aerie_devices_quiesce() - see that no device accesses guest memory any more
 * @vm: the VM; vCPUs are parked
 *
 * Lasts until aerie_devices_resume() or aerie_devices_reset(). Context: may sleep.
 */
void aerie_devices_quiesce(struct aerie_vm *vm);

/* The end of it: devices go on with what they were at. Context: may sleep. */
void aerie_devices_resume(struct aerie_vm *vm);

/* As aerie_devices_quiesce(), for a guest that is at its end: only a reset follows. */
void aerie_devices_off(struct aerie_vm *vm);

/**
 * aerie_devices_destroy() - destroy all devices, newest first
 * @vm: the VM; vCPUs are gone
 */
void aerie_devices_destroy(struct aerie_vm *vm);

/**
 * aerie_devices_reset() - bring all devices to power-on state
 * @vm: the VM; vCPUs are parked
 */
void aerie_devices_reset(struct aerie_vm *vm);

#endif

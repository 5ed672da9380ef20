/* SPDX-License-Identifier: GPL-2.0 */
/* What every device model offers to the machine that holds it. */
#ifndef AERIE_DEV_DEVICE_H
#define AERIE_DEV_DEVICE_H

#include <linux/list.h>
#include "state/field.h"

struct aerie_vm;
struct aerie_dev;

/**
 * struct aerie_dev_ops - a class of device
 * @name: shown in debugfs, where the device has no name of its own
 * @create: allocate, claim ranges, return the device or ERR_PTR(); may sleep
 * @destroy: release ranges, stop timers, free; may sleep
 * @quiesce: stop whatever accesses guest memory on its own, until resume or reset;
 *	     vCPUs are parked; may sleep; NULL where nothing does
 * @resume: go on where @quiesce has stopped; vCPUs are parked; may sleep; or NULL
 * @reset: power-on state; vCPUs are parked; may sleep
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
	const struct aerie_record *record;
	void (*state)(struct aerie_dev *dev, void *buf);
};

/* Embedded first in every device. */
struct aerie_dev {
	const struct aerie_dev_ops *ops;
	struct aerie_vm *vm;
	const char *name;		/* unique in the VM; NULL: that of @ops */
	struct list_head node;		/* vm->devs, in order of creation */
};

/* The classes every machine has, in order of creation. */
extern const struct aerie_dev_ops aerie_ioapic_dev;
extern const struct aerie_dev_ops aerie_pic_dev;
extern const struct aerie_dev_ops aerie_pit_dev;
extern const struct aerie_dev_ops aerie_rtc_dev;
extern const struct aerie_dev_ops aerie_pm_dev;
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
 * @vm: the VM, being built
 * @dev: the device; destroyed with the others
 * @ops: its class
 */
void aerie_device_add(struct aerie_vm *vm, struct aerie_dev *dev,
		      const struct aerie_dev_ops *ops);

/**
 * aerie_device_remove() - take a device out of the VM and destroy it
 * @dev: the device
 *
 * Context: may sleep; the VM is being built.
 */
void aerie_device_remove(struct aerie_dev *dev);

/**
 * aerie_devices_quiesce() - see that no device accesses guest memory any more
 * @vm: the VM; vCPUs are parked
 *
 * Lasts until aerie_devices_resume() or aerie_devices_reset(). Context: may sleep.
 */
void aerie_devices_quiesce(struct aerie_vm *vm);

/* The end of it: devices go on with what they were at. Context: may sleep. */
void aerie_devices_resume(struct aerie_vm *vm);

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

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
 * @name: shown in debugfs, unique
 * @create: allocate, claim ranges, return the device or ERR_PTR(); may sleep
 * @destroy: release ranges, stop timers, free; may sleep
 * @reset: power-on state; vCPUs are parked; may sleep
 * @record: table that describes what @state points at
 * @state: copy the state into @buf (@record->size bytes) under the device's lock
 */
struct aerie_dev_ops {
	const char *name;
	struct aerie_dev *(*create)(struct aerie_vm *vm);
	void (*destroy)(struct aerie_dev *dev);
	void (*reset)(struct aerie_dev *dev);
	const struct aerie_record *record;
	void (*state)(struct aerie_dev *dev, void *buf);
};

/* Embedded first in every device. */
struct aerie_dev {
	const struct aerie_dev_ops *ops;
	struct aerie_vm *vm;
	struct list_head node;		/* vm->devs, in order of creation */
};

/* The classes every machine has, in order of creation. */
extern const struct aerie_dev_ops aerie_ioapic_dev;
extern const struct aerie_dev_ops aerie_pic_dev;
extern const struct aerie_dev_ops aerie_pit_dev;
extern const struct aerie_dev_ops aerie_rtc_dev;
extern const struct aerie_dev_ops aerie_pm_dev;
extern const struct aerie_dev_ops aerie_serial_dev;

/**
 * aerie_devices_create() - create one device of each class
 * @vm: the VM; its buses, irq_lock, RAM ranges and console are ready
 *
 * Context: may sleep.
 * Return: 0 or the error of the class that failed; then none is left.
 */
int aerie_devices_create(struct aerie_vm *vm);

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

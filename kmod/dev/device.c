// SPDX-License-Identifier: GPL-2.0
/* The list of device classes, and their creation, reset and destruction in order. */
#include <linux/err.h>
#include <linux/kernel.h>

#include "aerie.h"
#include "dev/device.h"

/* Interrupt controllers first: those that follow drive lines into them. */
static const struct aerie_dev_ops * const classes[] = {
	&aerie_ioapic_dev,
	&aerie_pic_dev,
	&aerie_pit_dev,
	&aerie_rtc_dev,
	&aerie_pm_dev,
	&aerie_serial_dev,
	&aerie_pci_dev,
};

void aerie_device_add(struct aerie_vm *vm, struct aerie_dev *dev,
		      const struct aerie_dev_ops *ops)
{
	dev->ops = ops;
	dev->vm = vm;
	if (!dev->name)
		dev->name = ops->name;
	list_add_tail(&dev->node, &vm->devs);
}

int aerie_devices_create(struct aerie_vm *vm)
{
	struct aerie_dev *dev;
	unsigned int i;

	INIT_LIST_HEAD(&vm->devs);
	for (i = 0; i < ARRAY_SIZE(classes); i++) {
		dev = classes[i]->create(vm);
		if (IS_ERR(dev)) {
			aerie_devices_destroy(vm);
			return PTR_ERR(dev);
		}
		aerie_device_add(vm, dev, classes[i]);
	}
	aerie_devices_reset(vm);
	return 0;
}

void aerie_device_remove(struct aerie_dev *dev)
{
	list_del(&dev->node);
	dev->ops->destroy(dev);
}

void aerie_devices_destroy(struct aerie_vm *vm)
{
	struct aerie_dev *dev, *next;

	list_for_each_entry_safe_reverse(dev, next, &vm->devs, node)
		aerie_device_remove(dev);
}

void aerie_devices_quiesce(struct aerie_vm *vm)
{
	struct aerie_dev *dev;

	list_for_each_entry(dev, &vm->devs, node)
		if (dev->ops->quiesce)
			dev->ops->quiesce(dev);
}

void aerie_devices_resume(struct aerie_vm *vm)
{
	struct aerie_dev *dev;

	list_for_each_entry(dev, &vm->devs, node)
		if (dev->ops->resume)
			dev->ops->resume(dev);
}

void aerie_devices_reset(struct aerie_vm *vm)
{
	struct aerie_dev *dev;

	list_for_each_entry(dev, &vm->devs, node)
		dev->ops->reset(dev);
}

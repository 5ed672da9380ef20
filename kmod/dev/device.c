// SPDX-License-Identifier: GPL-2.0
/* The list of device classes, and their creation, reset and destruction in order. */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/mutex.h>
#include <linux/string.h>

#include "aerie.h"
#include "dev/device.h"
#include "dev/pci.h"

/* Interrupt controllers first: those that follow drive lines into them. */
static const struct aerie_dev_ops * const classes[] = {
	&aerie_ioapic_dev,
	&aerie_pic_dev,
	&aerie_cpu_hotplug_dev,		/* the RTC notes how many there are */
	&aerie_pit_dev,
	&aerie_rtc_dev,
	&aerie_pm_dev,
	&aerie_hotplug_dev,
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
	mutex_lock(&vm->devs_lock);
	dev->id = ++vm->last_dev_id;
	list_add_tail(&dev->node, &vm->devs);
	mutex_unlock(&vm->devs_lock);
}

void aerie_device_remove(struct aerie_dev *dev)
{
	struct aerie_vm *vm = dev->vm;

	mutex_lock(&vm->devs_lock);
	list_del(&dev->node);
	mutex_unlock(&vm->devs_lock);
	dev->ops->destroy(dev);
}

struct aerie_dev *aerie_device_find(struct aerie_vm *vm, const char *name)
{
	struct aerie_dev *dev;

	list_for_each_entry(dev, &vm->devs, node)
		if (!dev->gone && !strcmp(dev->name, name))
			return dev;
	return NULL;
}

struct aerie_dev *aerie_device_gone(struct aerie_vm *vm)
{
	struct aerie_dev *dev;

	list_for_each_entry(dev, &vm->devs, node)
		if (dev->gone)
			return dev;
	return NULL;
}

struct aerie_dev *aerie_device_at(struct aerie_vm *vm, unsigned int slot)
{
	struct aerie_dev *dev;

	list_for_each_entry(dev, &vm->devs, node)
		if (dev->pci && dev->pci->slot == slot)
			return dev;
	return NULL;
}

void aerie_device_name(struct aerie_vm *vm, const char *kind, char *buf, size_t size)
{
	unsigned int n = 0;

	do
		snprintf(buf, size, "%s%u", kind, n++);
	while (aerie_device_find(vm, buf));
}

int aerie_device_describe(struct aerie_vm *vm, u32 id,
			  int (*fn)(struct aerie_dev *dev, void *arg), void *arg)
{
	struct aerie_dev *dev;
	int ret = -ENOENT;

	mutex_lock(&vm->devs_lock);
	list_for_each_entry(dev, &vm->devs, node) {
		if (dev->id >= id && dev->pci && !dev->gone) {
			ret = fn(dev, arg);
			break;
		}
	}
	mutex_unlock(&vm->devs_lock);
	return ret;
}

static void reset_all(struct aerie_vm *vm)
{
	struct aerie_dev *dev;

	list_for_each_entry(dev, &vm->devs, node)
		dev->ops->reset(dev);
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
	reset_all(vm);
	return 0;
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

	vm->devs_run = false;
	list_for_each_entry(dev, &vm->devs, node)
		if (dev->ops->quiesce)
			dev->ops->quiesce(dev);
}

void aerie_devices_resume(struct aerie_vm *vm)
{
	struct aerie_dev *dev;

	vm->devs_run = true;
	list_for_each_entry(dev, &vm->devs, node)
		if (dev->ops->resume)
			dev->ops->resume(dev);
}

void aerie_devices_off(struct aerie_vm *vm)
{
	vm->devs_on = false;
	aerie_devices_quiesce(vm);
}

void aerie_devices_reset(struct aerie_vm *vm)
{
	reset_all(vm);
	vm->devs_on = true;
	vm->devs_run = true;
}

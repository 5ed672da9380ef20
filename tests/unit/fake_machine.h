/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A machine without processors for tests of device models: ports, memory window,
 * a clock that moves when told, and weak stand-ins for what a test does not link.
 */
#ifndef FAKE_MACHINE_H
#define FAKE_MACHINE_H

#include "aerie.h"
#include "dev/chips.h"
#include "dev/device.h"
#include "dev/irq.h"
#include "dev/timer.h"

#define NEVER		(~0ull)
#define MAX_TIMERS	8

static struct aerie_vm vm;
static u64 now_ns, wall_ns;

static struct {
	struct aerie_timer *timer;
	u64 deadline;
} timers[MAX_TIMERS];
static unsigned int timers_fired;

u64 aerie_now_ns(void)
{
	return now_ns;
}

u64 aerie_wall_ns(void)
{
	return wall_ns;
}

void aerie_timer_init(struct aerie_timer *timer, void (*fn)(struct aerie_timer *timer))
{
	unsigned int i;

	timer->fn = fn;
	for (i = 0; timers[i].timer; i++)
		if (i == MAX_TIMERS - 1)
			abort();
	timers[i].timer = timer;
	timers[i].deadline = NEVER;
}

static unsigned int timer_index(const struct aerie_timer *timer)
{
	unsigned int i;

	for (i = 0; i < MAX_TIMERS; i++)
		if (timers[i].timer == timer)
			return i;
	abort();
}

void aerie_timer_arm(struct aerie_timer *timer, u64 deadline_ns)
{
	timers[timer_index(timer)].deadline = deadline_ns;
}

void aerie_timer_disarm(struct aerie_timer *timer)
{
	timers[timer_index(timer)].deadline = NEVER;
}

void aerie_timer_fini(struct aerie_timer *timer)
{
	timers[timer_index(timer)].timer = NULL;
}

/* Move the clocks; timers run at their deadlines. */
static __maybe_unused void advance(u64 ns)
{
	u64 end = now_ns + ns, at;
	struct aerie_timer *timer;
	unsigned int i, first;

	for (;;) {
		first = MAX_TIMERS;
		for (i = 0; i < MAX_TIMERS; i++)
			if (timers[i].timer && timers[i].deadline <= end &&
			    (first == MAX_TIMERS || timers[i].deadline < timers[first].deadline))
				first = i;
		if (first == MAX_TIMERS)
			break;
		at = max(now_ns, timers[first].deadline);
		wall_ns += at - now_ns;
		now_ns = at;
		timer = timers[first].timer;
		timers[first].deadline = NEVER;
		timers_fired++;
		timer->fn(timer);
	}
	wall_ns += end - now_ns;
	now_ns = end;
}

/* Move the clocks with the host too busy to run a timer. */
static __maybe_unused void stall(u64 ns)
{
	now_ns += ns;
	wall_ns += ns;
}

/* Lines and messages, where irq.c and the chips are not linked. */
static bool line[AERIE_NR_GSIS];
static unsigned int rises[AERIE_NR_GSIS];

__weak void aerie_irq_set(struct aerie_vm *v, unsigned int gsi,
					 unsigned int source, bool high)
{
	rises[gsi] += high && !line[gsi];
	line[gsi] = high;
}

static enum aerie_edge edge;	/* of every line */

__weak enum aerie_edge aerie_irq_edge(struct aerie_vm *v, unsigned int gsi)
{
	return edge;
}

static unsigned int intr_rises;

__weak void aerie_pic_intr(struct aerie_vm *v)
{
	intr_rises++;
}

static struct aerie_apic_msg last_msg;
static unsigned int messages;
static int takers = 1;	/* local APICs that take a message */

__weak int aerie_apic_send(struct aerie_vm *v, const struct aerie_apic_msg *msg)
{
	last_msg = *msg;
	messages++;
	return takers;
}

static int waits;	/* does a message find itself waiting there? */

__weak int aerie_apic_waits(struct aerie_vm *v, const struct aerie_apic_msg *msg)
{
	return takers ? waits : -1;
}

/* Of a message-signalled interrupt, what the device said. */
static struct {
	u64 addr;
	u32 data;
} last_msi;
static unsigned int msis;

__weak int aerie_msi_send(struct aerie_vm *v, u64 addr, u32 data)
{
	last_msi.addr = addr;
	last_msi.data = data;
	msis++;
	return takers;
}

static unsigned int resets, power_offs;

void aerie_vm_request_reset(struct aerie_vm *v)
{
	resets++;
}

void aerie_vm_power_off(struct aerie_vm *v)
{
	power_offs++;
}

static u8 printed[512];
static unsigned int nr_printed, rooms;

/* Called with what is printed, where set. */
static void (*console_hook)(struct aerie_console *con, const u8 *buf, size_t len);

void aerie_console_put(struct aerie_console *con, const u8 *buf, size_t len)
{
	if (console_hook)
		console_hook(con, buf, len);
	for (; len; len--)
		printed[nr_printed++ % sizeof(printed)] = *buf++;
}

void aerie_console_room(struct aerie_console *con)
{
	rooms++;
}

/* Ports and memory. */
static __maybe_unused u64 in(u16 port, unsigned int size)
{
	u64 val;

	aerie_bus_read(&vm.pio, NULL, port, size, &val);
	return val;
}

static __maybe_unused u8 inb(u16 port)
{
	return in(port, 1);
}

static __maybe_unused void outb(u16 port, u8 val)
{
	aerie_bus_write(&vm.pio, NULL, port, 1, val);
}

static __maybe_unused u32 readl(u64 gpa)
{
	u64 val;

	aerie_bus_read(&vm.mmio, NULL, gpa, 4, &val);
	return val;
}

static __maybe_unused void writel(u64 gpa, u32 val)
{
	aerie_bus_write(&vm.mmio, NULL, gpa, 4, val);
}

__weak void aerie_device_add(struct aerie_vm *v, struct aerie_dev *dev,
			     const struct aerie_dev_ops *ops)
{
	dev->ops = ops;
	dev->vm = v;
	list_add_tail(&dev->node, &v->devs);
}

__weak struct aerie_dev *aerie_device_find(struct aerie_vm *v, const char *name)
{
	struct aerie_dev *dev;

	list_for_each_entry(dev, &v->devs, node)
		if (dev->name && !strcmp(dev->name, name))
			return dev;
	return NULL;
}

static __maybe_unused struct aerie_dev *machine_add(const struct aerie_dev_ops *ops)
{
	struct aerie_dev *dev = ops->create(&vm);

	if (IS_ERR(dev))
		abort();
	aerie_device_add(&vm, dev, ops);
	ops->reset(dev);
	return dev;
}

static void machine_init(void)
{
	memset(&vm, 0, sizeof(vm));
	vm.config.nr_vcpus = 1;
	vm.config.nr_present = 1;
	vm.state = AERIE_VM_RUNNING;
	vm.console = (struct aerie_console *)printed;	/* only ever handed back */
	INIT_LIST_HEAD(&vm.devs);
	raw_spin_lock_init(&vm.irq_lock);
	aerie_bus_init(&vm.pio);
	aerie_bus_init(&vm.mmio);
	now_ns = 1000ull * NSEC_PER_SEC + 7;
	wall_ns = 1700000000ull * NSEC_PER_SEC;	/* 2023-11-14 22:13:20 UTC, a Tuesday */
	memset(timers, 0, sizeof(timers));
	memset(line, 0, sizeof(line));
	memset(rises, 0, sizeof(rises));
	timers_fired = 0;
	intr_rises = 0;
	messages = 0;
	msis = 0;
	resets = 0;
	power_offs = 0;
	nr_printed = 0;
	rooms = 0;
	takers = 1;
	edge = AERIE_EDGE_TAKEN;
	waits = 0;
}

static void machine_fini(void)
{
	struct aerie_dev *dev, *next;

	list_for_each_entry_safe_reverse(dev, next, &vm.devs, node) {
		list_del(&dev->node);
		dev->ops->destroy(dev);
	}
	aerie_bus_fini(&vm.pio);
	aerie_bus_fini(&vm.mmio);
}

#ifdef KTAP_H
/* The table fits the structure, has no overlap, and the state has no stray bytes. */
static __maybe_unused void expect_record(struct aerie_dev *dev)
{
	const struct aerie_record *rec = dev->ops->record;
	u8 *covered = calloc(1, rec->size), *a = calloc(1, rec->size), *b = calloc(1, rec->size);
	unsigned int i, j, end;

	memset(b, 0xa5, rec->size);
	dev->ops->state(dev, a);
	dev->ops->state(dev, b);
	EXPECT_EQ(memcmp(a, b, rec->size), 0);
	for (i = 0; i < rec->nr_fields; i++) {
		const struct aerie_field *f = &rec->fields[i];

		end = f->offset + f->size * f->count;
		EXPECT(end <= rec->size);
		EXPECT(f->size == 1 || f->size == 2 || f->size == 4 || f->size == 8);
		for (j = f->offset; j < end && j < rec->size; j++) {
			EXPECT_EQ(covered[j], 0);
			covered[j] = 1;
		}
	}
	/* What no field covers is padding: less than the widest member each time. */
	for (i = j = 0; i < rec->size; i++) {
		j = covered[i] ? 0 : j + 1;
		EXPECT(j < 8);
		EXPECT(covered[i] || !a[i]);
	}
	free(covered);
	free(a);
	free(b);
}
#endif

#endif

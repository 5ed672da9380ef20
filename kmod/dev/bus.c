// SPDX-License-Identifier: GPL-2.0
/*
 * Lookup of port and memory ranges: a sorted array under RCU.
 *
 * A table never changes size. Claiming builds a new one and swaps the pointer;
 * releasing clears the entry's range in the live table, which needs no memory and
 * so cannot fail, and the next claim leaves cleared entries out. Entries carry
 * their own copy of base and end, so that a search touches one array only.
 *
 * Readers disable preemption, which is an RCU reader on every configuration and
 * costs nothing on a loaded vCPU, whose preemption is off already.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/overflow.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "aerie.h"
#include "dev/bus.h"

struct bus_entry {
	u64 base, last;			/* both inclusive */
	struct aerie_range *range;	/* NULL once released */
};

struct aerie_bus_table {
	struct rcu_head rcu;
	unsigned int nr;
	struct bus_entry entries[];
};

void aerie_bus_init(struct aerie_bus *bus)
{
	RCU_INIT_POINTER(bus->table, NULL);
}

void aerie_bus_fini(struct aerie_bus *bus)
{
	struct aerie_bus_table *table = rcu_dereference_protected(bus->table, true);

	RCU_INIT_POINTER(bus->table, NULL);
	kfree(table);
}

int aerie_bus_claim(struct aerie_bus *bus, struct aerie_range *range)
{
	struct aerie_bus_table *old = rcu_dereference_protected(bus->table, true);
	struct bus_entry entry = { .base = range->base, .range = range };
	struct aerie_bus_table *table;
	unsigned int i, n = 0;
	bool placed = false;

	if (!range->len || check_add_overflow(range->base, range->len - 1, &entry.last))
		return -EINVAL;
	table = kmalloc(struct_size(table, entries, (old ? old->nr : 0) + 1), GFP_KERNEL);
	if (!table)
		return -ENOMEM;
	for (i = 0; old && i < old->nr; i++) {
		if (!old->entries[i].range)
			continue;
		if (old->entries[i].base <= entry.last && entry.base <= old->entries[i].last) {
			kfree(table);
			return -EBUSY;
		}
		if (!placed && entry.base < old->entries[i].base) {
			table->entries[n++] = entry;
			placed = true;
		}
		table->entries[n++] = old->entries[i];
	}
	if (!placed)
		table->entries[n++] = entry;
	table->nr = n;
	rcu_assign_pointer(bus->table, table);
	if (old)
		kfree_rcu(old, rcu);
	return 0;
}

int aerie_bus_claim_all(struct aerie_bus *bus, struct aerie_range *ranges, unsigned int nr)
{
	unsigned int i;
	int err;

	for (i = 0; i < nr; i++) {
		err = aerie_bus_claim(bus, &ranges[i]);
		if (err) {
			aerie_bus_release_all(bus, ranges, i);
			return err;
		}
	}
	return 0;
}

void aerie_bus_release(struct aerie_bus *bus, struct aerie_range *range)
{
	aerie_bus_release_all(bus, range, 1);
}

void aerie_bus_release_all(struct aerie_bus *bus, struct aerie_range *ranges, unsigned int nr)
{
	struct aerie_bus_table *table = rcu_dereference_protected(bus->table, true);
	bool found = false;
	unsigned int i, j;

	for (i = 0; table && i < table->nr; i++) {
		for (j = 0; j < nr; j++) {
			if (table->entries[i].range == &ranges[j]) {
				WRITE_ONCE(table->entries[i].range, NULL);
				found = true;
			}
		}
	}
	/* Also readers of earlier tables are gone after this. */
	if (found)
		synchronize_rcu_expedited();
}

/* The entry that ends first at @addr or beyond it: nobody else can claim that. */
static noinline unsigned int bus_search(const struct aerie_bus_table *table, u64 addr)
{
	unsigned int low = 0, high = table->nr, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (table->entries[mid].last < addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/*
 * The range of entry @i if it claims all of the access, or NULL. Here and below preemption is
 * disabled.
 */
static __always_inline struct aerie_range *bus_entry(const struct aerie_bus_table *table,
						     unsigned int i, u64 addr, unsigned int size)
{
	const struct bus_entry *entry = &table->entries[i];
	u64 last = addr + size - 1;

	return i < table->nr && addr >= entry->base && last <= entry->last && last >= addr ?
	       READ_ONCE(entry->range) : NULL;
}

/* A vCPU mostly goes on where it has been: the entry it found last is tried first. */
static __always_inline struct aerie_range *bus_again(struct aerie_bus *bus,
						     const struct aerie_vcpu *vcpu, u64 addr,
						     unsigned int size)
{
	const struct aerie_bus_table *table = rcu_dereference_sched(bus->table);

	return likely(vcpu && table) ? bus_entry(table, vcpu->bus_hint, addr, size) : NULL;
}

static struct aerie_range *bus_find(struct aerie_bus *bus, struct aerie_vcpu *vcpu, u64 addr,
				    unsigned int size)
{
	const struct aerie_bus_table *table = rcu_dereference_sched(bus->table);
	struct aerie_range *range;
	unsigned int i;

	if (!table)
		return NULL;
	i = bus_search(table, addr);
	range = bus_entry(table, i, addr, size);
	if (range && vcpu)
		vcpu->bus_hint = i;
	return range;
}

static u64 size_mask(unsigned int size)
{
	return ~0ull >> (64 - 8 * size);
}

static __always_inline u64 range_read(struct aerie_range *range, struct aerie_vcpu *vcpu,
				      u64 addr, unsigned int size)
{
	return range->ops->read(range, vcpu, addr - range->base, size) & size_mask(size);
}

static __always_inline void range_write(struct aerie_range *range, struct aerie_vcpu *vcpu,
					u64 addr, unsigned int size, u64 val)
{
	range->ops->write(range, vcpu, addr - range->base, size, val & size_mask(size));
}

/* The rest where the entry is another one: apart, so that it costs the others no registers. */

static noinline int read_anew(struct aerie_bus *bus, struct aerie_vcpu *vcpu, u64 addr,
			      unsigned int size, u64 *val)
{
	struct aerie_range *range = bus_find(bus, vcpu, addr, size);

	*val = range ? range_read(range, vcpu, addr, size) : size_mask(size);
	preempt_enable();
	return range ? 0 : -ENXIO;
}

static noinline int write_anew(struct aerie_bus *bus, struct aerie_vcpu *vcpu, u64 addr,
			       unsigned int size, u64 val)
{
	struct aerie_range *range = bus_find(bus, vcpu, addr, size);

	if (range)
		range_write(range, vcpu, addr, size, val);
	preempt_enable();
	return range ? 0 : -ENXIO;
}

int aerie_bus_read(struct aerie_bus *bus, struct aerie_vcpu *vcpu, u64 addr,
		   unsigned int size, u64 *val)
{
	struct aerie_range *range;

	preempt_disable();
	range = bus_again(bus, vcpu, addr, size);
	if (unlikely(!range))
		return read_anew(bus, vcpu, addr, size, val);
	*val = range_read(range, vcpu, addr, size);
	preempt_enable();
	return 0;
}

int aerie_bus_write(struct aerie_bus *bus, struct aerie_vcpu *vcpu, u64 addr,
		    unsigned int size, u64 val)
{
	struct aerie_range *range;

	preempt_disable();
	range = bus_again(bus, vcpu, addr, size);
	if (unlikely(!range))
		return write_anew(bus, vcpu, addr, size, val);
	range_write(range, vcpu, addr, size, val);
	preempt_enable();
	return 0;
}

void aerie_bus_for_each(struct aerie_bus *bus,
			void (*fn)(const struct aerie_range *range, void *arg),
			void *arg)
{
	const struct aerie_bus_table *table;
	const struct aerie_range *range;
	unsigned int i;

	preempt_disable();
	table = rcu_dereference_sched(bus->table);
	for (i = 0; table && i < table->nr; i++) {
		range = READ_ONCE(table->entries[i].range);
		if (range)
			fn(range, arg);
	}
	preempt_enable();
}

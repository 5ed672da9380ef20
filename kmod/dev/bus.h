/* SPDX-License-Identifier: GPL-2.0 */
/* Registry of port and memory ranges, each with its read and write handlers. */
#ifndef AERIE_DEV_BUS_H
#define AERIE_DEV_BUS_H

#include "types.h"

struct aerie_vcpu;
struct aerie_range;

/**
 * struct aerie_range_ops - handlers of a claimed range
 * @read: returns the value read, zero-extended
 * @write: takes a value of @size bytes, upper bits zero
 *
 * @off is relative to the range's base; @off + @size never crosses its end.
 * @size is 1, 2, 4 or 8. Handlers run under RCU with preemption disabled, on a
 * loaded vCPU or from a device thread (then @vcpu is NULL): they never sleep.
 */
struct aerie_range_ops {
	u64 (*read)(struct aerie_range *range, struct aerie_vcpu *vcpu,
		    u64 off, unsigned int size);
	void (*write)(struct aerie_range *range, struct aerie_vcpu *vcpu,
		      u64 off, unsigned int size, u64 val);
};

/**
 * struct aerie_range - a claimed range, embedded in its device
 * @base: first port or guest physical address
 * @len: length in bytes, not 0
 * @ops: handlers
 * @name: shown in debugfs
 */
struct aerie_range {
	u64 base;
	u64 len;
	const struct aerie_range_ops *ops;
	const char *name;
};

struct aerie_bus_table;	/* bus.c */

/* One address space; claimed ranges never overlap. */
struct aerie_bus {
	struct aerie_bus_table __rcu *table;	/* sorted by base */
};

/**
 * aerie_bus_init() - make an empty bus
 * @bus: the bus
 */
void aerie_bus_init(struct aerie_bus *bus);

/**
 * aerie_bus_fini() - free the table; no lookup may be under way
 * @bus: the bus
 */
void aerie_bus_fini(struct aerie_bus *bus);

/**
 * aerie_bus_claim() - add a range
 * @bus: the bus
 * @range: filled in by the caller, stays valid until released
 *
 * Context: may sleep; callers serialise changes with the VM's lock.
 * Return: 0, -EBUSY where it overlaps a claimed range, -EINVAL for an empty or
 * wrapping range, -ENOMEM.
 */
int aerie_bus_claim(struct aerie_bus *bus, struct aerie_range *range);

/**
 * aerie_bus_release() - remove a claimed range and wait for its users
 * @bus: the bus
 * @range: a range claimed before; one that is not claimed is left alone
 *
 * Context: may sleep. Never fails: it needs no memory.
 */
void aerie_bus_release(struct aerie_bus *bus, struct aerie_range *range);

/* Claim @nr ranges in a row, all or none. As aerie_bus_claim(). */
int aerie_bus_claim_all(struct aerie_bus *bus, struct aerie_range *ranges, unsigned int nr);

/* Release @nr ranges in a row with one wait for their users. As aerie_bus_release(). */
void aerie_bus_release_all(struct aerie_bus *bus, struct aerie_range *ranges, unsigned int nr);

/**
 * aerie_bus_read() - read through whatever range claims the address
 * @bus: the bus
 * @vcpu: the loaded vCPU, or NULL
 * @addr: port or guest physical address
 * @size: 1, 2, 4 or 8 bytes
 * @val: result; all ones in @size bytes where no range claims all of it
 *
 * Context: any up to hard interrupt.
 * Return: 0, or -ENXIO where no range claims the whole access.
 */
int aerie_bus_read(struct aerie_bus *bus, struct aerie_vcpu *vcpu, u64 addr,
		   unsigned int size, u64 *val);

/**
 * aerie_bus_write() - write through whatever range claims the address
 * @bus: the bus
 * @vcpu: the loaded vCPU, or NULL
 * @addr: port or guest physical address
 * @size: 1, 2, 4 or 8 bytes
 * @val: value; bits beyond @size are ignored
 *
 * Context: any up to hard interrupt.
 * Return: 0, or -ENXIO where no range claims the whole access.
 */
int aerie_bus_write(struct aerie_bus *bus, struct aerie_vcpu *vcpu, u64 addr,
		    unsigned int size, u64 val);

/**
 * aerie_bus_for_each() - call @fn for every claimed range in address order
 * @bus: the bus
 * @fn: called under RCU, must not sleep
 * @arg: handed to @fn
 */
void aerie_bus_for_each(struct aerie_bus *bus,
			void (*fn)(const struct aerie_range *range, void *arg),
			void *arg);

#endif

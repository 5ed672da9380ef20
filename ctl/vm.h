/* SPDX-License-Identifier: GPL-2.0 */
/* What the module tells about VMs, and finding one by name. */
#ifndef CTL_VM_H
#define CTL_VM_H

#include "nl.h"

struct out_table;

struct vm_vcpu {
	uint32_t id, tid;
	char state[16];
	uint64_t cpu_ns, exits;
};

struct vm {
	char name[AERIE_NAME_MAX + 1];
	uint32_t id, state, stop_kind, vcpus, vcpus_max;
	char reason[192];
	uint64_t memory, resident, tables, uptime_ns, cpu_ns, exits;
	char tty[32], hvc_tty[32];
	char *cmdline;
	struct vm_vcpu vcpu[AERIE_VCPUS_MAX];
	size_t nr_vcpu;
};

struct vm_list {
	struct vm *vm;
	size_t nr;
};

/* One VM, and all of them. vm_list() gives an empty list where it fails. */
enum status vm_get(const struct conn *conn, const char *name, struct vm *vm, struct refusal *e);
void vm_free(struct vm *vm);
/* The threads that are its vCPUs. */
struct out_table *vm_vcpu_table(const struct vm *vm);
enum status vm_list(const struct conn *conn, struct vm_list *list, struct refusal *e);
void vm_list_free(struct vm_list *list);

/**
 * vm_resolve() - the name somebody means
 * @conn: connection
 * @name: as given
 * @buf: for the result, AERIE_NAME_MAX + 1 bytes
 *
 * On a terminal a prefix that only one VM's name has is that name. Scripts say
 * what they mean: elsewhere @name is taken as it is.
 */
const char *vm_resolve(const struct conn *conn, const char *name, char *buf);

const char *state_name(uint32_t state);
const char *stop_kind_name(uint32_t kind);
const char *event_name(uint32_t event);

#endif

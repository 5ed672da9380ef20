/* SPDX-License-Identifier: GPL-2.0 */
/* What the netlink family asks of the core: the life of VMs, by reference. */
#ifndef AERIE_CONTROL_H
#define AERIE_CONTROL_H

#include "aerie.h"

/*
 * What a reference keeps, until the last aerie_vm_put(): config, id, tty, vcpus[]
 * with stats, lapic and task (a reference to the task_struct), the counters of
 * mem, reason. Destroying a VM frees the rest (guest memory, devices, console);
 * who needs that holds vm->lock and has seen a state before AERIE_VM_DYING.
 */

/**
 * aerie_vm_create() - make a VM: memory layout, vCPUs parked, devices, nothing loaded
 * @config: name unique among VMs; on success the VM owns its files and strings
 * @why: reason of a refusal
 *
 * Context: may sleep.
 * Return: the VM with a reference for the caller, or ERR_PTR(): -EEXIST name
 * taken, -EINVAL, -ENOMEM, -EBUSY, -ESHUTDOWN while the module goes.
 */
struct aerie_vm *aerie_vm_create(struct aerie_vm_config *config, struct aerie_why *why);

/* Give back files and strings of a configuration that no VM has taken over. May sleep. */
void aerie_vm_config_free(struct aerie_vm_config *config);

/* Life cycle. Context: may sleep. Return: 0, or -errno and why. */
int aerie_vm_start(struct aerie_vm *vm, struct aerie_why *why);	/* load image and run */
int aerie_vm_pause(struct aerie_vm *vm, struct aerie_why *why);	/* no vCPU does anything when it returns */
int aerie_vm_resume(struct aerie_vm *vm, struct aerie_why *why);
int aerie_vm_reset(struct aerie_vm *vm, struct aerie_why *why);
int aerie_vm_power_button(struct aerie_vm *vm, struct aerie_why *why);
/* Force to the stopped state (power cut), keeping it listed. */
int aerie_vm_stop(struct aerie_vm *vm, struct aerie_why *why);
/* Remove; returns when nothing of it is left but references. */
int aerie_vm_destroy(struct aerie_vm *vm, struct aerie_why *why);

/**
 * aerie_vm_disk_change() - change a disk, or ask what it is
 * @vm: the VM, in any state
 * @change: which disk, and what of it
 * @info: what it is then
 * @why: reason of a refusal
 *
 * Context: may sleep; of a process that may write to the file where it is resized.
 * Return: 0; -ENOENT no such disk; -EINVAL, -EACCES, -ENOSPC and so on where the file
 * cannot have that size: then nothing of it has been done.
 */
int aerie_vm_disk_change(struct aerie_vm *vm, const struct aerie_disk_change *change,
			 struct aerie_disk_info *info, struct aerie_why *why);

/**
 * struct aerie_cpus_info - the vCPUs of a VM
 * @present: that the guest has; @wanted: that it is to have; @possible: that it can have
 * @online: of those present, that it has started
 */
struct aerie_cpus_info {
	u32 present, wanted, possible, online;
};

/**
 * aerie_vm_cpus() - say how many vCPUs a guest is to have, or ask
 * @vm: the VM; it runs or is paused, where @wanted is not 0
 * @wanted: how many; or 0: as before
 * @info: what it is then
 * @why: reason of a refusal
 *
 * More are there at once, and the guest starts them when it likes; to let go of what is too
 * much it is asked, and event CPUS tells when it has done so.
 * Context: may sleep.
 * Return: 0; -ERANGE more than it can have; -EINVAL it does not run; -ENOENT.
 */
int aerie_vm_cpus(struct aerie_vm *vm, u32 wanted, struct aerie_cpus_info *info,
		  struct aerie_why *why);

#define AERIE_BALLOON_STATS	8	/* what a guest may say of its memory: VIRTIO_BALLOON_S_* */

/**
 * struct aerie_balloon_info - a balloon
 * @wanted: bytes that are wanted in it; @actual: that the guest says are
 * @reported: bytes reported as free so far
 * @config: what it is to have; @wanted follows from it
 * @has_stats: the guest has told @stats, ~0 for what it has not, @stats_age_ns ago
 */
struct aerie_balloon_info {
	u64 wanted, actual, reported;
	struct aerie_balloon_config config;
	bool has_stats;
	u64 stats[AERIE_BALLOON_STATS], stats_age_ns;
};

/**
 * aerie_vm_balloon() - say how much memory a guest is to do without, or ask
 * @vm: the VM, in any state
 * @config: what is wanted in its balloon; or NULL: as before
 * @info: what it is then
 * @why: reason of a refusal
 *
 * The guest's driver does what it can, and deflates by itself where it runs short. It is asked
 * for new figures each time, which the next call tells.
 * Context: may sleep.
 * Return: 0; -ENODEV it has none; -ERANGE more than its memory.
 */
int aerie_vm_balloon(struct aerie_vm *vm, const struct aerie_balloon_config *config,
		     struct aerie_balloon_info *info, struct aerie_why *why);

/**
 * aerie_vm_ballooned() - how much is in a VM's balloon
 * @vm: the VM, in any state
 * @wanted: set to the bytes that are wanted in it
 * @actual: set to those that are
 *
 * Context: may sleep. Return: false where it has none; both are 0 then.
 */
bool aerie_vm_ballooned(struct aerie_vm *vm, u64 *wanted, u64 *actual);

/* A device as it was told: attached, or to be detached. */
struct aerie_plug {
	char name[AERIE_NAME_LEN];
	u32 id;
	u32 slot;
	bool asked;		/* it is attached until the guest lets it go */
};

/**
 * aerie_vm_attach() - give a VM one more device, running or not
 * @vm: the VM
 * @what: its lists of devices have one device together; the rest is not looked at
 * @plug: filled in
 * @why: reason of a refusal
 *
 * Context: may sleep.
 * Return: 0, -EINVAL not one device, -ENOSPC no free slot, -EBUSY its file is in use,
 * -EEXIST, -ENOENT the VM is being destroyed, -ENOMEM.
 */
int aerie_vm_attach(struct aerie_vm *vm, const struct aerie_vm_config *what,
		    struct aerie_plug *plug, struct aerie_why *why);

/**
 * aerie_vm_detach() - take a device from a VM
 * @vm: the VM
 * @name: of the device
 * @force: take it away now; else a guest that runs or is paused is asked to let it go
 * @plug: filled in
 * @why: reason of a refusal
 *
 * Context: may sleep; waits for the request that the device is serving.
 * Return: 0, -ENODEV no such device, -EOPNOTSUPP it is part of the machine, -ENOENT the VM
 * is being destroyed.
 */
int aerie_vm_detach(struct aerie_vm *vm, const char *name, bool force,
		    struct aerie_plug *plug, struct aerie_why *why);

/**
 * aerie_swapfile_on() - let guest memory go to a file or block device
 * @file: readable, not empty; taken over on success
 * @why: reason of a refusal
 *
 * Context: may sleep. Return: 0; -EBADF, -EINVAL where it does not suit, -EBUSY it is in use,
 * -ENOSPC there are AERIE_SWAP_AREAS, -ENOMEM.
 */
int aerie_swapfile_on(struct file *file, struct aerie_why *why);

/**
 * aerie_swapfile_off() - bring back what has gone there, and let the file go
 * @path: as aerie_swapfile_next() tells it
 * @why: reason of a refusal
 *
 * Context: may sleep, and take long. Return: 0; -ENOENT; else it stays in use: -EINTR on a
 * signal, -ENOMEM, -EIO.
 */
int aerie_swapfile_off(const char *path, struct aerie_why *why);

struct aerie_swapfile_info {
	u64 bytes, used;
	char path[PATH_MAX];	/* as seen from the caller's root */
};

/* The first at number @id or behind it, which @id becomes. Context: may sleep. */
bool aerie_swapfile_next(unsigned int *id, struct aerie_swapfile_info *info);
/* Module unload: no VM is left. */
void aerie_swapfile_exit(void);

/* By name, with a reference, or NULL. Context: may sleep. */
struct aerie_vm *aerie_vm_find(const char *name);
/* The VM with the lowest id >= @id, with a reference, or NULL: for dumps. */
struct aerie_vm *aerie_vm_next(u32 id);
void aerie_vm_put(struct aerie_vm *vm);

/* Sum of the vCPUs' counters. @out is zeroed first. */
void aerie_vm_stats(struct aerie_vm *vm, struct aerie_vcpu_stats *out);
/* Since the VM was started: nanoseconds of processor time, of all threads or one, and exits. */
u64 aerie_vm_cpu_ns(struct aerie_vm *vm);
u64 aerie_vcpu_cpu_ns(struct aerie_vcpu *vcpu);
u64 aerie_vcpu_exits(struct aerie_vcpu *vcpu);

struct aerie_cost;

/**
 * aerie_vm_cost() - measure what the switch between guest and host costs
 * @vm: the VM; running or paused, the guest notices nothing
 * @id: the vCPU on whose thread it is done
 * @cost: filled in
 * @why: reason of a refusal
 *
 * Context: may sleep.
 * Return: 0, -EINVAL no such vCPU or not running, -EIO the processor does not do as
 * it should, -ENOMEM, -ESHUTDOWN.
 */
int aerie_vm_cost(struct aerie_vm *vm, u32 id, struct aerie_cost *cost, struct aerie_why *why);

/* hw.c: who holds the processors; 0 free or ours, else -EBUSY and why. */
int aerie_hw_check(struct aerie_why *why);

/* mitigate.c: one line each: name, active or not, where. */
struct aerie_mitigation {
	const char *name;
	const char *where;
	bool active;
};
/* The table; ends with a NULL name. */
const struct aerie_mitigation *aerie_mitigations(void);

/**
 * aerie_nl_event() - tell the multicast group that something happened to a VM
 * @vm: the VM; state, reason_kind and reason already say what is new
 * @event: AERIE_EV_* of the uapi
 *
 * Copies what it tells, a work item sends it: events arrive in the order of the
 * calls. While nobody listens it does nothing. When memory is short an event may be
 * lost, as on any multicast group.
 * Context: any up to hard interrupt; takes no lock of the VM.
 */
void aerie_nl_event(struct aerie_vm *vm, u32 event);
/* The same of an event about a device. */
void aerie_nl_event_device(struct aerie_vm *vm, u32 event, const char *device);
int aerie_nl_init(void);
void aerie_nl_exit(void);

#endif

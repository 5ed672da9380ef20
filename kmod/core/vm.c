// SPDX-License-Identifier: GPL-2.0
/*
 * The life of VMs.
 *
 *   created --start--> running <--pause/resume--> paused
 *                        |  ^                       |
 *          stop, power off  reset                stop
 *                        v  start                   v
 *                      stopped <--------------------+
 *   any of these --destroy--> dying: not found by name any more
 *
 * vm->state changes under vm->lock and vm->state_lock, except that anybody may
 * move running or paused to stopped under state_lock alone (aerie_vm_kill()).
 * What follows from that, and resets the guest asks for, is done by vm->work:
 * wait until all vCPUs have parked, then clear up or boot again. vCPUs run only
 * while aerie_vm_may_run().
 *
 * A stopped VM holds its configuration and its reason, no guest memory and no
 * processors. The module stays loaded while any VM exists.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include "boot/boot.h"
#include "control.h"
#include "core/core.h"
#include "core/policy.h"
#include "dev/chips.h"
#include "dev/device.h"
#include "dev/lapic.h"
#include "sched/sched.h"
#include "uapi.h"

#define VM_PEND_RESET	0	/* bit of vm->pending */

static LIST_HEAD(vms);
static DEFINE_MUTEX(vms_lock);		/* vms, vms_next_id, names */
static u32 vms_next_id = 1;

bool aerie_vm_may_run(const struct aerie_vm *vm)
{
	return READ_ONCE(vm->state) == AERIE_VM_RUNNING && !READ_ONCE(vm->pending);
}

static void vm_request_all(struct aerie_vm *vm, enum aerie_request req)
{
	u32 i;

	for (i = 0; i < vm->nr_vcpus; i++)
		aerie_vcpu_request(vm->vcpus[i], req);
}

static bool vm_all_parked(struct aerie_vm *vm)
{
	bool all = true;
	u32 i;

	spin_lock_irq(&vm->state_lock);
	for (i = 0; i < vm->nr_vcpus; i++)
		all &= vm->vcpus[i]->parked;
	spin_unlock_irq(&vm->state_lock);
	return all;
}

static void vm_set_state(struct aerie_vm *vm, enum aerie_vm_state state)
{
	spin_lock_irq(&vm->state_lock);
	WRITE_ONCE(vm->state, state);
	spin_unlock_irq(&vm->state_lock);
}

/* Make the vCPUs leave the run loop and wait until they have. */
static void vm_park(struct aerie_vm *vm)
{
	vm_request_all(vm, AERIE_REQ_PARK);
	wait_event(vm->state_wait, vm_all_parked(vm));
}

/* Call it after the VM's state was written: either it rests, or it sees that state. */
static bool vcpu_rests(const struct aerie_vcpu *vcpu)
{
	smp_mb();	/* pairs with vcpu_halt() */
	return READ_ONCE(vcpu->resting);
}

static bool vm_all_still(struct aerie_vm *vm)
{
	bool all = true;
	u32 i;

	for (i = 0; i < vm->nr_vcpus; i++)
		all &= READ_ONCE(vm->vcpus[i]->parked) || vcpu_rests(vm->vcpus[i]);
	return all;
}

/* Wait until no vCPU does anything. Those that do nothing are not told, they will see. */
static void vm_still(struct aerie_vm *vm)
{
	u32 i;

	for (i = 0; i < vm->nr_vcpus; i++)
		if (!vcpu_rests(vm->vcpus[i]))
			aerie_vcpu_request(vm->vcpus[i], AERIE_REQ_PARK);
	wait_event(vm->state_wait, vm_all_still(vm));
}

/* One that rests has nothing to do, or is being woken already. */
static void vm_wake(struct aerie_vm *vm)
{
	u32 i;

	for (i = 0; i < vm->nr_vcpus; i++)
		if (!vcpu_rests(vm->vcpus[i]))
			wake_up_process(vm->vcpus[i]->task);
}

void aerie_vm_kill(struct aerie_vm *vm, int kind, const char *fmt, ...)
{
	unsigned long flags;
	bool first;
	va_list args;

	spin_lock_irqsave(&vm->state_lock, flags);
	first = vm->state == AERIE_VM_RUNNING || vm->state == AERIE_VM_PAUSED;
	if (first) {
		WRITE_ONCE(vm->state, AERIE_VM_STOPPED);
		vm->reason_kind = kind;
		va_start(args, fmt);
		vscnprintf(vm->reason, sizeof(vm->reason), fmt, args);
		va_end(args);
	}
	spin_unlock_irqrestore(&vm->state_lock, flags);
	if (!first)
		return;
	vm_request_all(vm, AERIE_REQ_PARK);
	queue_work(system_unbound_wq, &vm->work);
}

void aerie_vm_power_off(struct aerie_vm *vm)
{
	aerie_vm_kill(vm, AERIE_STOP_POWEROFF, "powered off by the guest");
}

void aerie_vm_request_reset(struct aerie_vm *vm)
{
	if (test_and_set_bit(VM_PEND_RESET, &vm->pending))
		return;
	vm_request_all(vm, AERIE_REQ_PARK);
	queue_work(system_unbound_wq, &vm->work);
}

/* A boot image that is an open file. */
struct file_image {
	struct aerie_image image;
	struct file *file;
};

static int file_image_read(struct aerie_image *image, u64 off, void *buf, size_t len)
{
	struct file_image *fi = container_of(image, struct file_image, image);
	loff_t pos = off;
	ssize_t n;

	while (len) {
		n = kernel_read(fi->file, buf, len, &pos);
		if (n <= 0)
			return n ? n : -EIO;
		buf += n;
		len -= n;
	}
	return 0;
}

static struct aerie_image *file_image_init(struct file_image *fi, struct file *file)
{
	fi->file = file;
	fi->image.size = i_size_read(file->f_mapping->host);
	fi->image.read = file_image_read;
	return &fi->image;
}

static int vm_load_image(struct aerie_vm *vm, struct aerie_boot_state *state,
			 struct aerie_why *why)
{
	struct aerie_vm_config *c = &vm->config;
	struct file_image kernel, initrd, *mods;
	struct aerie_image **modp;
	struct aerie_boot boot = {
		.mem = &vm->mem,
		.kernel = file_image_init(&kernel, c->kernel),
		.initrd = c->initrd ? file_image_init(&initrd, c->initrd) : NULL,
		.nr_modules = c->nr_modules,
		.cmdline = c->cmdline,
		.nr_vcpus = vm->nr_vcpus,
		.nr_present = hweight64(vm->vcpus_present),
	};
	int err = -ENOMEM;
	u32 i;

	mods = kcalloc(c->nr_modules + 1, sizeof(*mods), GFP_KERNEL);
	modp = kcalloc(c->nr_modules + 1, sizeof(*modp), GFP_KERNEL);
	if (mods && modp) {
		for (i = 0; i < c->nr_modules; i++)
			modp[i] = file_image_init(&mods[i], c->modules[i]);
		boot.modules = modp;
		err = aerie_boot_load(&boot, state, why);
	}
	kfree(modp);
	kfree(mods);
	return err;
}

static void seg_flat(struct aerie_vcpu *vcpu, enum aerie_seg seg, u16 selector, u32 attr)
{
	struct aerie_segment s = { .selector = selector, .limit = ~0u, .attr = attr };

	aerie_backend->seg_set(vcpu, seg, &s);
}

#define ATTR_DATA	(0x3 | AERIE_SEG_S | AERIE_SEG_P | AERIE_SEG_DB | AERIE_SEG_G)
#define ATTR_CODE32	(0xb | AERIE_SEG_S | AERIE_SEG_P | AERIE_SEG_DB | AERIE_SEG_G)
#define ATTR_CODE64	(0xb | AERIE_SEG_S | AERIE_SEG_P | AERIE_SEG_L | AERIE_SEG_G)
#define ATTR_TSS	(0xb | AERIE_SEG_P)

/* Power-on reset, then what the boot protocol promises the first vCPU. */
static void vcpu_boot(struct aerie_vcpu *vcpu, void *arg)
{
	const struct aerie_boot_state *b = arg;
	struct aerie_segment tr = { .selector = 0x20, .limit = 0x67, .attr = ATTR_TSS };
	struct aerie_dtable gdt = { .base = b->gdt_base, .limit = b->gdt_limit };
	enum aerie_seg seg;

	/* INITs and start-up IPIs of the guest before. */
	clear_bit(AERIE_REQ_APIC, &vcpu->requests);
	xchg(&vcpu->lapic->pending, 0);
	aerie_vcpu_reset(vcpu, false);
	if (vcpu->id)
		return;
	aerie_reg_write(vcpu, AERIE_REG_RIP, b->rip);
	aerie_reg_write(vcpu, AERIE_REG_RSP, b->rsp);
	aerie_reg_write(vcpu, AERIE_REG_RAX, b->rax);
	aerie_reg_write(vcpu, AERIE_REG_RBX, b->rbx);
	aerie_reg_write(vcpu, AERIE_REG_RSI, b->rsi);
	aerie_reg_write(vcpu, AERIE_REG_RDX, 0);
	aerie_backend->gdt_set(vcpu, &gdt);
	aerie_backend->seg_set(vcpu, AERIE_SEG_TR, &tr);
	for (seg = AERIE_SEG_ES; seg <= AERIE_SEG_GS; seg++)
		seg_flat(vcpu, seg, 0x18, ATTR_DATA);
	if (b->long_mode) {
		vcpu->efer = EFER_LME | EFER_LMA;
		aerie_backend->cr4_set(vcpu, X86_CR4_PAE);
		aerie_backend->cr3_set(vcpu, b->cr3);
		aerie_backend->efer_set(vcpu, vcpu->efer);
		aerie_backend->cr0_set(vcpu, X86_CR0_PE | X86_CR0_ET | X86_CR0_PG);
		seg_flat(vcpu, AERIE_SEG_CS, 0x10, ATTR_CODE64);
	} else {
		aerie_backend->cr0_set(vcpu, X86_CR0_PE | X86_CR0_ET);
		seg_flat(vcpu, AERIE_SEG_CS, 0x10, ATTR_CODE32);
	}
}

/*
 * Bring the machine to power-on state with the image loaded. The vCPUs are
 * parked, the processors taken. On failure guest memory is empty.
 */
static int vm_boot(struct aerie_vm *vm, struct aerie_why *why)
{
	struct aerie_boot_state state = {};
	int err;
	u32 i;

	aerie_devices_off(vm);
	aerie_mem_clear(&vm->mem);
	aerie_plug_eject(vm, true);
	aerie_devices_reset(vm);
	err = vm_load_image(vm, &state, why);
	if (!err) {
		aerie_clock_start(vm);
		aerie_sched_start(vm);
	}
	for (i = 0; !err && i < vm->nr_vcpus; i++) {
		err = aerie_vcpu_call(vm->vcpus[i], vcpu_boot, &state);
		if (err)
			aerie_refuse(why, err, 0, "the machine is going down");
	}
	if (err)
		aerie_mem_clear(&vm->mem);
	return err;
}

/* A VM that no longer runs gives back guest memory and processors. vCPUs are parked. */
static void vm_settle(struct aerie_vm *vm)
{
	if (!vm->holds_cpus)
		return;
	aerie_devices_off(vm);
	aerie_mem_clear(&vm->mem);
	aerie_plug_eject(vm, true);
	aerie_cpu_hotplug_settle(vm);
	mutex_lock(&vm->call_lock);
	vm->holds_cpus = false;
	mutex_unlock(&vm->call_lock);
	aerie_hw_put();
}

/* The rest of a stop that aerie_vm_kill() has begun, if it is not done yet. */
static void vm_finish_stop(struct aerie_vm *vm)
{
	if (vm->state != AERIE_VM_STOPPED || !vm->holds_cpus)
		return;
	vm_park(vm);
	vm_settle(vm);
	aerie_nl_event(vm, AERIE_EV_STOPPED);
}

static int vm_check_on(struct aerie_vm *vm, struct aerie_why *why)
{
	if (vm->state == AERIE_VM_RUNNING || vm->state == AERIE_VM_PAUSED)
		return 0;
	return aerie_refuse(why, -EINVAL, AERIE_A_NAME, "the VM does not run");
}

/* Do a reset that has been asked for; one that fails stops the VM. */
static int vm_reset(struct aerie_vm *vm, struct aerie_why *why)
{
	int err = vm_check_on(vm, why);

	if (!err) {
		vm_park(vm);
		err = vm_boot(vm, why);
		if (err)
			aerie_vm_kill(vm, AERIE_STOP_HOST, "reset failed: %s",
				      why->msg ?: "out of memory");
		else
			aerie_nl_event(vm, AERIE_EV_RESET);
	}
	clear_bit(VM_PEND_RESET, &vm->pending);
	vm_wake(vm);
	return err;
}

static void vm_work(struct work_struct *work)
{
	struct aerie_vm *vm = container_of(work, struct aerie_vm, work);
	struct aerie_why why = {};

	mutex_lock(&vm->lock);
	vm_finish_stop(vm);
	if (test_bit(VM_PEND_RESET, &vm->pending))
		vm_reset(vm, &why);
	if (vm->state != AERIE_VM_DYING) {
		aerie_plug_eject(vm, false);
		aerie_sched_follow(vm, 0, NULL);
	}
	mutex_unlock(&vm->lock);
}

void aerie_vm_eject(struct aerie_vm *vm)
{
	queue_work(system_unbound_wq, &vm->work);
}

/* What the lists of devices hold; empty after it. */
static void config_devices_free(struct aerie_vm_config *c)
{
	while (c->nr_disks) {
		const struct aerie_disk_config *disk = &c->disks[--c->nr_disks];

		aerie_disk_files_put(disk->file, disk->layers, disk->nr_layers);
	}
	kfree(c->disks);
	c->disks = NULL;
	kfree(c->nics);
	c->nics = NULL;
	c->nr_nics = 0;
}

void aerie_vm_config_free(struct aerie_vm_config *c)
{
	u32 i;

	if (c->kernel)
		fput(c->kernel);
	if (c->initrd)
		fput(c->initrd);
	for (i = 0; i < c->nr_modules; i++)
		fput(c->modules[i]);
	kfree(c->modules);
	config_devices_free(c);
	kfree(c->cmdline);
}

static void vm_vcpus_stop(struct aerie_vm *vm)
{
	u32 i;

	for (i = 0; i < vm->nr_vcpus; i++)
		aerie_vcpu_stop(vm->vcpus[i]);
}

static void vm_vcpus_free(struct aerie_vm *vm)
{
	u32 i;

	for (i = 0; i < vm->nr_vcpus; i++)
		aerie_vcpu_kicks_sent(vm->vcpus[i]);
	synchronize_rcu_expedited();	/* a kick that arrives runs with interrupts off */
	while (vm->nr_vcpus)
		aerie_vcpu_free(vm->vcpus[--vm->nr_vcpus]);
}

static void vm_release(struct kref *ref)
{
	struct aerie_vm *vm = container_of(ref, struct aerie_vm, ref);

	vm_vcpus_free(vm);
	aerie_vm_config_free(&vm->config);
	kvfree(vm);
	module_put(THIS_MODULE);
}

void aerie_vm_put(struct aerie_vm *vm)
{
	kref_put(&vm->ref, vm_release);
}

static struct aerie_vm *vm_find_locked(const char *name)
{
	struct aerie_vm *vm;

	lockdep_assert_held(&vms_lock);
	list_for_each_entry(vm, &vms, node)
		if (!strcmp(vm->config.name, name))
			return vm;
	return NULL;
}

struct aerie_vm *aerie_vm_find(const char *name)
{
	struct aerie_vm *vm;

	mutex_lock(&vms_lock);
	vm = vm_find_locked(name);
	if (vm)
		kref_get(&vm->ref);
	mutex_unlock(&vms_lock);
	return vm;
}

struct aerie_vm *aerie_vm_next(u32 id)
{
	struct aerie_vm *vm, *found = NULL;

	mutex_lock(&vms_lock);
	list_for_each_entry(vm, &vms, node) {
		if (vm->id >= id) {
			found = vm;
			kref_get(&vm->ref);
			break;
		}
	}
	mutex_unlock(&vms_lock);
	return found;
}

/* Take apart what vm_build() made, but for what references keep. */
static void vm_unbuild(struct aerie_vm *vm)
{
	vm_vcpus_stop(vm);
	vm_settle(vm);
	aerie_devices_destroy(vm);
	aerie_console_destroy(vm->console);
	vm->console = NULL;
	aerie_backend->vm_fini(vm);
	aerie_cpuid_destroy(vm);
	aerie_mem_fini(&vm->mem);
}

/* The parts of a new VM; on failure none is left. */
static int vm_build(struct aerie_vm *vm, struct aerie_why *why)
{
	int err;

	err = aerie_mem_init(&vm->mem, vm->config.memory_bytes, aerie_backend->pte_ops);
	if (err)
		return err;
	vm->mem.flush = aerie_vm_flush;
	vm->mem.lone = vm->config.nr_vcpus == 1;
	err = aerie_share_join(&vm->mem, vm->config.share_group);
	if (err)
		goto err_mem;
	err = aerie_cpuid_create(vm);
	if (err)
		goto err_mem;
	aerie_msr_create(vm);
	if ((vm->mem.ram[vm->mem.nr_ram - 1].end - 1) >> aerie_guest_phys_bits(vm)) {
		err = aerie_refuse(why, -EINVAL, AERIE_A_MEMORY,
				   "memory reaches beyond what the guest's processors can address");
		goto err_cpuid;
	}
	err = aerie_backend->vm_init(vm);
	if (err)
		goto err_cpuid;
	vm->console = aerie_console_create(aerie_serial_receive, vm);
	if (IS_ERR(vm->console)) {
		err = PTR_ERR(vm->console);
		goto err_backend;
	}
	vm->tty = aerie_console_tty(vm->console);
	err = aerie_devices_create(vm);
	if (err)
		goto err_console;
	err = aerie_plug_create(vm, &vm->config, why);
	if (err)
		goto err_devices;
	while (vm->nr_vcpus < vm->config.nr_vcpus) {
		struct aerie_vcpu *vcpu = aerie_vcpu_create(vm, vm->nr_vcpus);

		if (IS_ERR(vcpu)) {
			err = PTR_ERR(vcpu);
			goto err_vcpus;
		}
		/* Whoever routes an interrupt finds as many as are counted. */
		vm->vcpus[vm->nr_vcpus] = vcpu;
		smp_store_release(&vm->nr_vcpus, vm->nr_vcpus + 1);
	}
	aerie_cpu_hotplug_settle(vm);
	return 0;

err_vcpus:
	vm_unbuild(vm);
	vm_vcpus_free(vm);
	return err;
err_devices:
	aerie_devices_destroy(vm);
err_console:
	aerie_console_destroy(vm->console);
	vm->console = NULL;
err_backend:
	aerie_backend->vm_fini(vm);
err_cpuid:
	aerie_cpuid_destroy(vm);
err_mem:
	aerie_mem_fini(&vm->mem);
	return err;
}

static void vm_init_locks(struct aerie_vm *vm)
{
	kref_init(&vm->ref);
	mutex_init(&vm->lock);
	mutex_init(&vm->call_lock);
	spin_lock_init(&vm->clock.lock);
	mutex_init(&vm->devs_lock);
	spin_lock_init(&vm->state_lock);
	raw_spin_lock_init(&vm->irq_lock);
	init_waitqueue_head(&vm->state_wait);
	INIT_WORK(&vm->work, vm_work);
	INIT_LIST_HEAD(&vm->devs);
	INIT_LIST_HEAD(&vm->node);
	aerie_bus_init(&vm->pio);
	aerie_bus_init(&vm->mmio);
}

struct aerie_vm *aerie_vm_create(struct aerie_vm_config *config, struct aerie_why *why)
{
	struct aerie_vm *vm;
	int err;

	if (!try_module_get(THIS_MODULE))
		return ERR_PTR(aerie_refuse(why, -ESHUTDOWN, 0, "the module is being unloaded"));
	err = -ENOMEM;
	vm = kvzalloc(aerie_backend->vm_size, GFP_KERNEL_ACCOUNT);
	if (!vm)
		goto err_module;
	vm_init_locks(vm);
	vm->config = *config;
	aerie_sched_vm_init(vm);
	vm->created_ns = ktime_get_ns();
	err = vm_build(vm, why);
	if (err)
		goto err_free;

	mutex_lock(&vms_lock);
	if (vm_find_locked(config->name)) {
		err = aerie_refuse(why, -EEXIST, AERIE_A_NAME, "a VM of that name exists");
	} else {
		vm->id = vms_next_id++;
		config_devices_free(&vm->config);
		list_add_tail(&vm->node, &vms);
		kref_get(&vm->ref);
		aerie_debugfs_vm_add(vm);
	}
	mutex_unlock(&vms_lock);
	if (err)
		goto err_build;
	memset(config, 0, sizeof(*config));
	aerie_nl_event(vm, AERIE_EV_CREATED);
	return vm;

err_build:
	vm_unbuild(vm);
	vm_vcpus_free(vm);
err_free:
	aerie_bus_fini(&vm->pio);
	aerie_bus_fini(&vm->mmio);
	kvfree(vm);
err_module:
	module_put(THIS_MODULE);
	return ERR_PTR(err);
}

int aerie_vm_lock(struct aerie_vm *vm, struct aerie_why *why)
{
	mutex_lock(&vm->lock);
	if (vm->state != AERIE_VM_DYING)
		return 0;
	mutex_unlock(&vm->lock);
	return aerie_refuse(why, -ENOENT, AERIE_A_NAME, "the VM is being destroyed");
}

int aerie_vm_start(struct aerie_vm *vm, struct aerie_why *why)
{
	int err = aerie_vm_lock(vm, why);

	if (err)
		return err;
	if (vm->state == AERIE_VM_RUNNING || vm->state == AERIE_VM_PAUSED) {
		err = aerie_refuse(why, -EALREADY, AERIE_A_NAME, "the VM runs already");
		goto out;
	}
	/* A stop whose work has not come to it yet. */
	vm_finish_stop(vm);
	vm_park(vm);
	err = aerie_hw_get(why);
	if (err)
		goto out;
	vm->holds_cpus = true;
	clear_bit(VM_PEND_RESET, &vm->pending);
	err = vm_boot(vm, why);
	if (err) {
		vm_settle(vm);
		goto out;
	}
	aerie_stats_start(vm);
	vm->started_ns = ktime_get_ns();
	spin_lock_irq(&vm->state_lock);
	vm->reason[0] = 0;
	vm->reason_kind = AERIE_STOP_NONE;
	WRITE_ONCE(vm->state, AERIE_VM_RUNNING);
	spin_unlock_irq(&vm->state_lock);
	vm_wake(vm);
	aerie_nl_event(vm, AERIE_EV_STARTED);
out:
	mutex_unlock(&vm->lock);
	return err;
}

int aerie_vm_pause(struct aerie_vm *vm, struct aerie_why *why)
{
	bool changed = false;
	int err = aerie_vm_lock(vm, why);

	if (err)
		return err;
	spin_lock_irq(&vm->state_lock);
	if (vm->state == AERIE_VM_RUNNING) {
		WRITE_ONCE(vm->state, AERIE_VM_PAUSED);
		changed = true;
	}
	spin_unlock_irq(&vm->state_lock);
	if (changed) {
		vm_still(vm);
		aerie_devices_quiesce(vm);
		aerie_nl_event(vm, AERIE_EV_PAUSED);
	} else {
		err = aerie_refuse(why, -EINVAL, AERIE_A_NAME, "the VM does not run");
	}
	mutex_unlock(&vm->lock);
	return err;
}

int aerie_vm_resume(struct aerie_vm *vm, struct aerie_why *why)
{
	bool changed = false;
	int err = aerie_vm_lock(vm, why);
	u32 i;

	if (err)
		return err;
	spin_lock_irq(&vm->state_lock);
	if (vm->state == AERIE_VM_PAUSED) {
		/* Timers look at it as soon as the VM runs. */
		WRITE_ONCE(vm->resumed_ns, ktime_get_ns());
		smp_store_release(&vm->state, AERIE_VM_RUNNING);
		changed = true;
	}
	spin_unlock_irq(&vm->state_lock);
	if (changed) {
		aerie_devices_resume(vm);
		/* Before they run; one that rests sees to it when it wakes. */
		for (i = 0; i < vm->nr_vcpus; i++)
			set_bit(AERIE_REQ_CLOCK, &vm->vcpus[i]->requests);
		vm_wake(vm);
		aerie_nl_event(vm, AERIE_EV_RESUMED);
	} else {
		err = aerie_refuse(why, -EINVAL, AERIE_A_NAME, "the VM is not paused");
	}
	mutex_unlock(&vm->lock);
	return err;
}

int aerie_vm_reset(struct aerie_vm *vm, struct aerie_why *why)
{
	int err = aerie_vm_lock(vm, why);

	if (err)
		return err;
	err = vm_check_on(vm, why);
	if (!err) {
		/* The work will find it done. */
		aerie_vm_request_reset(vm);
		err = vm_reset(vm, why);
	}
	mutex_unlock(&vm->lock);
	flush_work(&vm->work);	/* what a stop leaves to it */
	return err;
}

int aerie_vm_power_button(struct aerie_vm *vm, struct aerie_why *why)
{
	int err = aerie_vm_lock(vm, why);

	if (err)
		return err;
	err = vm_check_on(vm, why);
	if (!err) {
		err = aerie_pm_power_button(vm);
		if (err)
			aerie_refuse(why, err, AERIE_A_NAME,
				     "the guest does not listen to the power button");
		else
			aerie_nl_event(vm, AERIE_EV_POWER_BUTTON);
	}
	mutex_unlock(&vm->lock);
	return err;
}

int aerie_vm_stop(struct aerie_vm *vm, struct aerie_why *why)
{
	int err = aerie_vm_lock(vm, why);

	if (err)
		return err;
	err = vm_check_on(vm, why);
	mutex_unlock(&vm->lock);
	if (err)
		return err;
	aerie_vm_kill(vm, AERIE_STOP_FORCED, "stopped by the user");
	flush_work(&vm->work);
	return 0;
}

int aerie_vm_destroy(struct aerie_vm *vm, struct aerie_why *why)
{
	int err = aerie_vm_lock(vm, why);

	if (err)
		return err;
	vm_set_state(vm, AERIE_VM_DYING);
	vm_park(vm);
	/* Its directory goes first: as soon as the name is free another VM may take it. */
	aerie_debugfs_vm_remove(vm);
	mutex_lock(&vms_lock);
	list_del(&vm->node);
	mutex_unlock(&vms_lock);
	mutex_unlock(&vm->lock);

	/* Nobody finds it any more; whoever still holds it sees DYING. */
	cancel_work_sync(&vm->work);
	mutex_lock(&vm->lock);
	vm_unbuild(vm);
	aerie_bus_fini(&vm->pio);
	aerie_bus_fini(&vm->mmio);
	mutex_unlock(&vm->lock);
	aerie_nl_event(vm, AERIE_EV_DESTROYED);
	aerie_vm_put(vm);
	return 0;
}

void aerie_vm_quiesce_all(void)
{
	struct aerie_vm *vm;

	mutex_lock(&vms_lock);
	list_for_each_entry(vm, &vms, node) {
		aerie_vm_kill(vm, AERIE_STOP_HOST, "the host goes down");
		vm_park(vm);
	}
	mutex_unlock(&vms_lock);
}

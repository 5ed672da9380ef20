// SPDX-License-Identifier: GPL-2.0
/*
 * debugfs: aerie/{capabilities,mitigations}, and in aerie/vms a directory per VM with its
 * state, memory and its content, bus ranges, exits, scheduling and devices, and per vCPU its
 * registers, control block and local APIC.
 *
 * What belongs to a running vCPU is read on its own thread (aerie_vcpu_call()).
 * A VM's directory goes before the VM does, and debugfs waits for readers.
 */
#include <linux/debugfs.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include "control.h"
#include "core/core.h"
#include "core/policy.h"
#include "dev/device.h"
#include "dev/lapic.h"
#include "dev/timer.h"
#include "sched/sched.h"

static struct dentry *debugfs_root, *debugfs_vms;

static const char * const state_names[] = {
	[AERIE_VM_CREATED] = "created", [AERIE_VM_RUNNING] = "running",
	[AERIE_VM_PAUSED] = "paused", [AERIE_VM_STOPPED] = "stopped",
	[AERIE_VM_DYING] = "dying",
};

static int state_show(struct seq_file *m, void *unused)
{
	struct aerie_vm *vm = m->private;

	seq_printf(m, "name %s\nid %u\nstate %s\nreason %s\nvcpus %u\npresent 0x%llx\ncmdline %s\n",
		   vm->config.name, vm->id, state_names[READ_ONCE(vm->state)],
		   vm->reason[0] ? vm->reason : "-", vm->nr_vcpus,
		   READ_ONCE(vm->vcpus_present), vm->config.cmdline ?: "");
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(state);

static int memory_show(struct seq_file *m, void *unused)
{
	struct aerie_vm *vm = m->private;
	struct aerie_mem *mem = &vm->mem;
	unsigned int i;

	for (i = 0; i < mem->nr_ram; i++)
		seq_printf(m, "ram 0x%llx-0x%llx\n", mem->ram[i].start, mem->ram[i].end - 1);
	seq_printf(m, "granted_kib %llu\nresident_kib %lu\nlarge_kib %lu\nzero_kib %lu\nshared_kib %lu\nbroken %lu\nhashed %lu\nborn %lu\nshare_group %s\n",
		   mem->bytes >> 10, atomic_long_read(&mem->resident) << (PAGE_SHIFT - 10),
		   atomic_long_read(&mem->large) << (PAGE_SHIFT - 10),
		   atomic_long_read(&mem->zero) << (PAGE_SHIFT - 10),
		   atomic_long_read(&mem->shared) << (PAGE_SHIFT - 10),
		   atomic_long_read(&mem->broken), atomic_long_read(&mem->hashed),
		   atomic_long_read(&mem->born),
		   vm->config.share_group[0] ? vm->config.share_group : "-");
	seq_printf(m, "map_nodes %lu\nnested_tables %lu\nnested_root 0x%llx\nnested_levels %u\n",
		   atomic_long_read(&mem->nodes), atomic_long_read(&mem->npt.tables),
		   mem->npt.root_hpa, mem->npt.levels);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(memory);

/* Guest-physical memory: the offset is the address. Holes read as zeroes. */
static ssize_t ram_read(struct file *file, char __user *buf, size_t len, loff_t *pos)
{
	struct aerie_vm *vm = file->private_data;
	const gpa_t end = vm->mem.ram[vm->mem.nr_ram - 1].end;
	size_t done = 0;
	int err = 0;
	void *page;

	if (*pos < 0)
		return -EINVAL;
	page = (void *)__get_free_page(GFP_KERNEL);
	if (!page)
		return -ENOMEM;
	while (done < len && *pos < end && !fatal_signal_pending(current)) {
		size_t n = min_t(size_t, len - done, PAGE_SIZE - (*pos & ~PAGE_MASK));

		if (aerie_mem_dump(&vm->mem, *pos, page, n))
			memset(page, 0, n);
		if (copy_to_user(buf + done, page, n)) {
			err = -EFAULT;
			break;
		}
		done += n;
		*pos += n;
		cond_resched();
	}
	free_page((unsigned long)page);
	return done ?: err;
}

static const struct file_operations ram_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = ram_read,
	.llseek = default_llseek,
};

static void range_show(const struct aerie_range *range, void *arg)
{
	seq_printf(arg, "  0x%llx-0x%llx %s\n", range->base, range->base + range->len - 1,
		   range->name);
}

static int ranges_show(struct seq_file *m, void *unused)
{
	struct aerie_vm *vm = m->private;

	seq_puts(m, "ports\n");
	aerie_bus_for_each(&vm->pio, range_show, m);
	seq_puts(m, "memory\n");
	aerie_bus_for_each(&vm->mmio, range_show, m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(ranges);

static int exits_show(struct seq_file *m, void *unused)
{
	struct aerie_vcpu_stats *sum = kmalloc(sizeof(*sum), GFP_KERNEL);
	unsigned int kind, b;

	if (!sum)
		return -ENOMEM;
	aerie_vm_stats(m->private, sum);
	seq_printf(m, "%-20s %12s %16s %10s %10s  log2(cycles):count\n", "exit", "count",
		   "cycles", "min", "max");
	for (kind = 0; kind < AERIE_NR_EXIT_KINDS; kind++) {
		const struct aerie_exit_stat *s = &sum->exits[kind];

		if (!s->count)
			continue;
		seq_printf(m, "%-20s %12llu %16llu %10llu %10llu ", aerie_exit_names[kind],
			   s->count, s->total_tsc, s->min_tsc, s->max_tsc);
		for (b = 0; b < AERIE_HIST_BUCKETS; b++)
			if (s->hist[b])
				seq_printf(m, " %u:%llu", b, s->hist[b]);
		seq_putc(m, '\n');
	}
	seq_printf(m, "loads %llu\nhalts %llu\nguest_cycles %llu\n", sum->loads, sum->halts,
		   sum->guest_tsc);
	kfree(sum);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(exits);

/* What each vCPU did with its time, and how long they waited for a processor. */
static int sched_show(struct seq_file *m, void *unused)
{
	static const char * const states[AERIE_SCHED_STATES] = {
		[AERIE_SCHED_IDLE] = "idle", [AERIE_SCHED_RUN] = "run",
		[AERIE_SCHED_WAIT] = "wait", [AERIE_SCHED_CAPPED] = "capped",
		[AERIE_SCHED_BLOCKED] = "blocked", [AERIE_SCHED_PAUSED] = "paused",
	};
	u64 now = aerie_now_ns(), ns[AERIE_SCHED_STATES], waits[AERIE_LATENCY_BUCKETS] = {};
	struct aerie_vm *vm = m->private;
	unsigned int i, n;

	for (n = 0; n < vm->nr_vcpus; n++) {
		const struct aerie_vcpu_sched *s = &vm->vcpus[n]->sched;

		seq_printf(m, "vcpu%u %s", n, states[aerie_sched_time_read(&s->time, now, ns)]);
		for (i = 0; i < AERIE_SCHED_STATES; i++)
			seq_printf(m, " %s_ns %llu", states[i], ns[i]);
		seq_printf(m, " poll_ns %u busy %u/1024\n", s->poll.ns, s->busy);
		for (i = 0; i < AERIE_LATENCY_BUCKETS; i++)
			waits[i] += s->latency[i];
	}
	seq_puts(m, "waits log2(ns):count");
	for (i = 0; i < AERIE_LATENCY_BUCKETS; i++)
		if (waits[i])
			seq_printf(m, " %u:%llu", i, waits[i]);
	seq_putc(m, '\n');
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(sched);

/* Print state as its table describes it. */
static void record_show(struct seq_file *m, const struct aerie_record *r, const void *state)
{
	unsigned int f, i;

	seq_printf(m, "%s version %u\n", r->name, r->version);
	for (f = 0; f < r->nr_fields; f++) {
		const struct aerie_field *field = &r->fields[f];

		seq_printf(m, "  %-20s", field->name);
		for (i = 0; i < field->count; i++) {
			u64 val = 0;

			memcpy(&val, state + field->offset + i * field->size, field->size);
			seq_printf(m, " %llx", val);
		}
		seq_putc(m, '\n');
	}
}

static int device_show(struct seq_file *m, void *unused)
{
	struct aerie_dev *dev = m->private;
	void *state = kzalloc(dev->ops->record->size, GFP_KERNEL);

	if (!state)
		return -ENOMEM;
	dev->ops->state(dev, state);
	record_show(m, dev->ops->record, state);
	kfree(state);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(device);

static const char * const seg_names[AERIE_NR_SEGS] = {
	"es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr",
};

static void regs_dump(struct aerie_vcpu *vcpu, void *arg)
{
	struct aerie_dtable dt;
	struct seq_file *m = arg;
	unsigned int i;

	for (i = 0; i < AERIE_NR_REGS; i++)
		seq_printf(m, "%-6s %016llx\n", aerie_reg_names[i], aerie_reg_read(vcpu, i));
	seq_printf(m, "%-6s %016llx\n%-6s %016llx\n%-6s %016llx\n", "cr2", vcpu->cr2,
		   "efer", vcpu->efer, "xcr0", vcpu->xcr0);
	for (i = 0; i < AERIE_NR_SEGS; i++) {
		struct aerie_segment s;

		aerie_backend->seg_get(vcpu, i, &s);
		seq_printf(m, "%-6s %04x base %016llx limit %08x attributes %05x\n",
			   seg_names[i], s.selector, s.base, s.limit, s.attr);
	}
	aerie_backend->gdt_get(vcpu, &dt);
	seq_printf(m, "%-6s base %016llx limit %04x\n", "gdtr", dt.base, dt.limit);
	aerie_backend->idt_get(vcpu, &dt);
	seq_printf(m, "%-6s base %016llx limit %04x\n", "idtr", dt.base, dt.limit);
	seq_printf(m, "mp_state %u\nrequests %lx\n", vcpu->mp_state, vcpu->requests);
}

static int registers_show(struct seq_file *m, void *unused)
{
	return aerie_vcpu_call(m->private, regs_dump, m);
}
DEFINE_SHOW_ATTRIBUTE(registers);

static void control_dump(struct aerie_vcpu *vcpu, void *arg)
{
	aerie_backend->dump(vcpu, arg);
}

static int control_show(struct seq_file *m, void *unused)
{
	return aerie_vcpu_call(m->private, control_dump, m);
}
DEFINE_SHOW_ATTRIBUTE(control);

static int lapic_show(struct seq_file *m, void *unused)
{
	void *state = kzalloc(aerie_lapic_record.size, GFP_KERNEL);

	if (!state)
		return -ENOMEM;
	aerie_lapic_state(m->private, state);
	record_show(m, &aerie_lapic_record, state);
	kfree(state);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(lapic);

static int capabilities_show(struct seq_file *m, void *unused)
{
	seq_printf(m, "backend %s\n", aerie_backend->name);
	aerie_backend->show_caps(m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(capabilities);

static int mitigations_show(struct seq_file *m, void *unused)
{
	const struct aerie_mitigation *mit;

	for (mit = aerie_mitigations(); mit->name; mit++)
		seq_printf(m, "%-40s %-4s %s\n", mit->name, mit->active ? "on" : "off",
			   mit->where);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(mitigations);

void aerie_debugfs_vm_add(struct aerie_vm *vm)
{
	struct dentry *dir = debugfs_create_dir(vm->config.name, debugfs_vms);
	struct aerie_dev *dev;
	u32 i;

	vm->debugfs = dir;
	debugfs_create_file("state", 0400, dir, vm, &state_fops);
	debugfs_create_file("memory", 0400, dir, vm, &memory_fops);
	debugfs_create_file("ram", 0400, dir, vm, &ram_fops);
	debugfs_create_file("ranges", 0400, dir, vm, &ranges_fops);
	debugfs_create_file("exits", 0400, dir, vm, &exits_fops);
	debugfs_create_file("sched", 0400, dir, vm, &sched_fops);
	vm->debugfs_devs = debugfs_create_dir("devices", dir);
	list_for_each_entry(dev, &vm->devs, node)
		aerie_debugfs_device_add(dev);
	for (i = 0; i < vm->nr_vcpus; i++) {
		struct dentry *sub;
		char name[16];

		snprintf(name, sizeof(name), "vcpu%u", i);
		sub = debugfs_create_dir(name, dir);
		debugfs_create_file("registers", 0400, sub, vm->vcpus[i], &registers_fops);
		debugfs_create_file("control", 0400, sub, vm->vcpus[i], &control_fops);
		debugfs_create_file("lapic", 0400, sub, vm->vcpus[i], &lapic_fops);
	}
}

void aerie_debugfs_vm_remove(struct aerie_vm *vm)
{
	debugfs_remove_recursive(vm->debugfs);
	vm->debugfs = NULL;
}

void aerie_debugfs_device_add(struct aerie_dev *dev)
{
	dev->debugfs = debugfs_create_file(dev->name, 0400, dev->vm->debugfs_devs, dev,
					   &device_fops);
}

/* Waits for readers. */
void aerie_debugfs_device_remove(struct aerie_dev *dev)
{
	if (dev->vm->debugfs)
		debugfs_remove(dev->debugfs);
}

void aerie_debugfs_init(void)
{
	debugfs_root = debugfs_create_dir("aerie", NULL);
	debugfs_vms = debugfs_create_dir("vms", debugfs_root);
	debugfs_create_file("capabilities", 0400, debugfs_root, NULL, &capabilities_fops);
	debugfs_create_file("mitigations", 0400, debugfs_root, NULL, &mitigations_fops);
}

void aerie_debugfs_exit(void)
{
	debugfs_remove_recursive(debugfs_root);
}

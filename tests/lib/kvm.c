// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <elf.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "kvm.h"

#define COM1		0x3f8
#define COM1_LSR	(COM1 + 5)
#define COM1_SCRATCH	(COM1 + 7)
#define LSR_EMPTY	0x60
#define LSR_READY	0x01
#define PM1A_EN		0x602
#define PM1A_CNT	0x604
#define PM_TMR		0x608
#define PM_TIMER_HZ	3579545
#define BOOT_MAGIC	0x2badb002
#define BOOT_INFO	0x6000
#define BOOT_CMDLINE	0x6100
#define BOOT_HAS_CMDLINE 4
#define TSS_ADDR	0xfffbd000
#define PAGE_SIZE	4096	/* for KVM_COALESCED_MMIO_MAX */
#define CPUID_DEADLINE	(1u << 24)

uint8_t *vm_ram;
size_t vm_ram_bytes;
int vm_input = -1;
void (*vm_on_output)(void), (*vm_on_signal)(void);

static struct {
	int fd;
	struct kvm_run *run;
} vcpus[VM_MAX_CPUS];

/* Copy the image's segments; its header has been checked by the linker, so only sizes are. */
static uint32_t load_elf(const char *path)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	Elf32_Ehdr *eh;
	int i;

	if (fd < 0 || fstat(fd, &st))
		err(1, "%s", path);
	eh = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (eh == MAP_FAILED)
		err(1, "%s", path);
	if (st.st_size < (off_t)sizeof(*eh) || memcmp(eh->e_ident, ELFMAG, SELFMAG) ||
	    eh->e_ident[EI_CLASS] != ELFCLASS32)
		errx(1, "%s: not a 32-bit ELF file", path);
	for (i = 0; i < eh->e_phnum; i++) {
		Elf32_Phdr *ph = (void *)((char *)eh + eh->e_phoff) + i * eh->e_phentsize;

		if (ph->p_type != PT_LOAD)
			continue;
		if ((size_t)ph->p_paddr + ph->p_memsz > vm_ram_bytes ||
		    (off_t)(ph->p_offset + ph->p_filesz) > st.st_size)
			errx(1, "%s: does not fit", path);
		memcpy(vm_ram + ph->p_paddr, (char *)eh + ph->p_offset, ph->p_filesz);
	}
	close(fd);
	return eh->e_entry;
}

static int xioctl(int fd, unsigned long req, void *arg, const char *what)
{
	int ret = ioctl(fd, req, arg);

	if (ret < 0)
		err(1, "%s", what);
	return ret;
}

static void flat(struct kvm_segment *s, int code)
{
	*s = (struct kvm_segment){
		.limit = 0xffffffff, .selector = code ? 0x10 : 0x18, .type = code ? 0xb : 0x3,
		.present = 1, .db = 1, .s = 1, .g = 1,
	};
}

/* Multiboot's machine state: 32-bit flat, paging off. */
static void set_state(int vcpu, uint32_t entry)
{
	struct kvm_regs regs = {
		.rip = entry, .rax = BOOT_MAGIC, .rbx = BOOT_INFO, .rflags = 2,
	};
	struct kvm_sregs s;

	xioctl(vcpu, KVM_GET_SREGS, &s, "KVM_GET_SREGS");
	flat(&s.cs, 1);
	flat(&s.ds, 0);
	s.es = s.fs = s.gs = s.ss = s.ds;
	s.cr0 |= 1;
	/* AMD processors want to find a 32-bit TSS when the guest goes to long mode. */
	s.tr.type = 0xb;
	xioctl(vcpu, KVM_SET_SREGS, &s, "KVM_SET_SREGS");
	xioctl(vcpu, KVM_SET_REGS, &regs, "KVM_SET_REGS");
}

/* What KVM can do, TSC deadlines among it: those it tells by a capability of their own. */
static void set_cpuid(int kvm, int vcpu, unsigned int id)
{
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + 256 * sizeof(c->entries[0]));
	unsigned int i;

	if (!c)
		err(1, "calloc");
	c->nent = 256;
	xioctl(kvm, KVM_GET_SUPPORTED_CPUID, c, "KVM_GET_SUPPORTED_CPUID");
	for (i = 0; i < c->nent; i++) {
		struct kvm_cpuid_entry2 *e = &c->entries[i];

		if (e->function != 1)
			continue;
		e->ebx = (e->ebx & 0xffffff) | id << 24;
		if (ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0)
			e->ecx |= CPUID_DEADLINE;
	}
	xioctl(vcpu, KVM_SET_CPUID2, c, "KVM_SET_CPUID2");
	free(c);
}

static uint32_t pm_timer(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint32_t)(ts.tv_sec * PM_TIMER_HZ +
			  ts.tv_nsec * (uint64_t)PM_TIMER_HZ / 1000000000);
}

/* Two registers that only keep what is written. */
static uint16_t scratch, pm_enable;

static bool has_input(void)
{
	struct pollfd p = { .fd = vm_input, .events = POLLIN };

	return poll(&p, 1, 0) == 1 && p.revents & POLLIN;
}

static uint8_t input(void)
{
	uint8_t c = 0;

	return has_input() && read(vm_input, &c, 1) == 1 ? c : 0;
}

static uint32_t port_in(uint16_t port)
{
	switch (port) {
	case COM1: return vm_input < 0 ? ~0u : input();
	case COM1_LSR: return LSR_EMPTY | (has_input() ? LSR_READY : 0);
	case COM1_SCRATCH: return scratch;
	case PM1A_EN: return pm_enable;
	case PM_TMR: return pm_timer();
	default: return ~0u;
	}
}

/* False when the machine is off. */
static bool port_out(uint16_t port, uint32_t val)
{
	switch (port) {
	case COM1:
		if (vm_on_output)
			vm_on_output();
		else
			putchar(val);
		break;
	case COM1_SCRATCH: scratch = (uint8_t)val; break;
	case PM1A_EN: pm_enable = val; break;
	case PM1A_CNT: return false;
	}
	return true;
}

/* INS and OUTS do more than one access at a time. */
static bool ports(struct kvm_run *r)
{
	uint8_t *data = (uint8_t *)r + r->io.data_offset;
	uint32_t i, val;

	for (i = 0; i < r->io.count; i++, data += r->io.size) {
		if (r->io.direction == KVM_EXIT_IO_IN) {
			val = port_in(r->io.port);
			memcpy(data, &val, r->io.size);
		} else {
			val = 0;
			memcpy(&val, data, r->io.size);
			if (!port_out(r->io.port, val))
				return false;
		}
	}
	return true;
}

/* Output that KVM keeps until there is another exit. */
static struct kvm_coalesced_mmio_ring *kept;

void vm_keep_output(int vm)
{
	struct kvm_coalesced_mmio_zone zone = { .addr = COM1, .size = 1, .pio = 1 };
	int page = xioctl(vm, KVM_CHECK_EXTENSION, (void *)KVM_CAP_COALESCED_MMIO, "KVM_CHECK_EXTENSION");

	xioctl(vm, KVM_REGISTER_COALESCED_MMIO, &zone, "KVM_REGISTER_COALESCED_MMIO");
	kept = (void *)((char *)vcpus[0].run + page * PAGE_SIZE);
}

static void take_output(void)
{
	for (; kept->first != kept->last; kept->first = (kept->first + 1) % KVM_COALESCED_MMIO_MAX)
		port_out(COM1, kept->coalesced_mmio[kept->first].data[0]);
}

int vm_run(unsigned int cpu)
{
	struct kvm_run *r = vcpus[cpu].run;
	int ret;

	for (;;) {
		ret = ioctl(vcpus[cpu].fd, KVM_RUN, NULL);
		if (kept)
			take_output();
		if (ret < 0) {
			/* A processor that waits to be started is told to try again. */
			if (errno != EAGAIN && errno != EINTR)
				err(1, "KVM_RUN");
			if (vm_on_signal)
				vm_on_signal();
		} else if (r->exit_reason != KVM_EXIT_IO) {
			warnx("unexpected exit %u", r->exit_reason);
			return 1;
		} else if (!ports(r)) {
			return 0;
		}
	}
}

static void create_vcpu(int kvm, int vm, unsigned int id)
{
	int fd = xioctl(vm, KVM_CREATE_VCPU, (void *)(uintptr_t)id, "KVM_CREATE_VCPU");
	int size = xioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, NULL, "KVM_GET_VCPU_MMAP_SIZE");

	vcpus[id].fd = fd;
	vcpus[id].run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (vcpus[id].run == MAP_FAILED)
		err(1, "vCPU");
	set_cpuid(kvm, fd, id);
}

static void boot_info(const char *append)
{
	uint32_t *info = (uint32_t *)(vm_ram + BOOT_INFO);

	info[0] = BOOT_HAS_CMDLINE;
	info[4] = BOOT_CMDLINE;
	snprintf((char *)vm_ram + BOOT_CMDLINE, 1024, "%s", append);
}

int vm_create(const char *payload, size_t bytes, unsigned int cpus, bool large, const char *append)
{
	struct kvm_userspace_memory_region region = { .slot = 0 };
	struct kvm_pit_config pit = { .flags = 0 };
	unsigned int i;
	uint32_t entry;
	int kvm, vm;

	vm_ram_bytes = bytes;
	vm_ram = mmap(NULL, vm_ram_bytes + (2 << 20), PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (vm_ram == MAP_FAILED)
		err(1, "guest memory");
	vm_ram = (uint8_t *)(((uintptr_t)vm_ram + (2 << 20) - 1) & ~(uintptr_t)((2 << 20) - 1));
	madvise(vm_ram, vm_ram_bytes, large ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	entry = load_elf(payload);
	boot_info(append);

	kvm = open("/dev/kvm", O_RDWR);
	if (kvm < 0)
		err(4, "/dev/kvm");
	vm = xioctl(kvm, KVM_CREATE_VM, NULL, "KVM_CREATE_VM");
	xioctl(vm, KVM_SET_TSS_ADDR, (void *)TSS_ADDR, "KVM_SET_TSS_ADDR");
	xioctl(vm, KVM_CREATE_IRQCHIP, NULL, "KVM_CREATE_IRQCHIP");
	xioctl(vm, KVM_CREATE_PIT2, &pit, "KVM_CREATE_PIT2");
	region.memory_size = vm_ram_bytes;
	region.userspace_addr = (uintptr_t)vm_ram;
	xioctl(vm, KVM_SET_USER_MEMORY_REGION, &region, "KVM_SET_USER_MEMORY_REGION");
	for (i = 0; i < cpus; i++)
		create_vcpu(kvm, vm, i);
	set_state(vcpus[0].fd, entry);
	return vm;
}

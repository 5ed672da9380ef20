// SPDX-License-Identifier: GPL-2.0
/*
 * Runs a multiboot payload under /dev/kvm, as the peer in benchmarks: one vCPU,
 * the in-kernel interrupt controllers and timer, COM1 output to stdout, until
 * the payload writes the ACPI S5 value.
 *
 * usage: kvm [--large] [--memory MIB] PAYLOAD
 */
#define _GNU_SOURCE
#include <elf.h>
#include <err.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define COM1		0x3f8
#define COM1_LSR	(COM1 + 5)
#define LSR_EMPTY	0x60
#define PM1A_CNT	0x604
#define BOOT_MAGIC	0x2badb002
#define TSS_ADDR	0xfffbd000

static uint8_t *ram;
static size_t ram_bytes;

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
		if ((size_t)ph->p_paddr + ph->p_memsz > ram_bytes ||
		    (off_t)(ph->p_offset + ph->p_filesz) > st.st_size)
			errx(1, "%s: does not fit", path);
		memcpy(ram + ph->p_paddr, (char *)eh + ph->p_offset, ph->p_filesz);
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
	struct kvm_regs regs = { .rip = entry, .rax = BOOT_MAGIC, .rflags = 2 };
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

static void set_cpuid(int kvm, int vcpu)
{
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + 256 * sizeof(c->entries[0]));

	if (!c)
		err(1, "calloc");
	c->nent = 256;
	xioctl(kvm, KVM_GET_SUPPORTED_CPUID, c, "KVM_GET_SUPPORTED_CPUID");
	xioctl(vcpu, KVM_SET_CPUID2, c, "KVM_SET_CPUID2");
	free(c);
}

static int run(int vcpu, struct kvm_run *r)
{
	for (;;) {
		uint8_t *data;

		xioctl(vcpu, KVM_RUN, NULL, "KVM_RUN");
		if (r->exit_reason != KVM_EXIT_IO) {
			warnx("unexpected exit %u", r->exit_reason);
			return 1;
		}
		data = (uint8_t *)r + r->io.data_offset;
		if (r->io.direction == KVM_EXIT_IO_IN) {
			memset(data, r->io.port == COM1_LSR ? LSR_EMPTY : 0,
			       r->io.size * r->io.count);
			continue;
		}
		if (r->io.port == COM1)
			fwrite(data, 1, r->io.count, stdout);
		if (r->io.port == PM1A_CNT)
			return 0;
	}
}

int main(int argc, char **argv)
{
	struct kvm_userspace_memory_region region = { .slot = 0 };
	struct kvm_pit_config pit = { .flags = 0 };
	int large = 0, kvm, vm, vcpu, size;
	size_t mib = 128;
	struct kvm_run *r;
	uint32_t entry;

	while (argc > 2 && !strncmp(argv[1], "--", 2)) {
		if (!strcmp(argv[1], "--large")) {
			large = 1;
		} else if (!strcmp(argv[1], "--memory")) {
			mib = strtoul(argv[2], NULL, 0);
			argv++, argc--;
		}
		argv++, argc--;
	}
	if (argc != 2)
		errx(2, "usage: kvm [--large] [--memory MIB] PAYLOAD");
	ram_bytes = mib << 20;
	ram = mmap(NULL, ram_bytes + (2 << 20), PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (ram == MAP_FAILED)
		err(1, "guest memory");
	ram = (uint8_t *)(((uintptr_t)ram + (2 << 20) - 1) & ~(uintptr_t)((2 << 20) - 1));
	madvise(ram, ram_bytes, large ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	entry = load_elf(argv[1]);

	kvm = open("/dev/kvm", O_RDWR);
	if (kvm < 0)
		err(4, "/dev/kvm");
	vm = xioctl(kvm, KVM_CREATE_VM, NULL, "KVM_CREATE_VM");
	xioctl(vm, KVM_SET_TSS_ADDR, (void *)TSS_ADDR, "KVM_SET_TSS_ADDR");
	xioctl(vm, KVM_CREATE_IRQCHIP, NULL, "KVM_CREATE_IRQCHIP");
	xioctl(vm, KVM_CREATE_PIT2, &pit, "KVM_CREATE_PIT2");
	region.memory_size = ram_bytes;
	region.userspace_addr = (uintptr_t)ram;
	xioctl(vm, KVM_SET_USER_MEMORY_REGION, &region, "KVM_SET_USER_MEMORY_REGION");
	vcpu = xioctl(vm, KVM_CREATE_VCPU, NULL, "KVM_CREATE_VCPU");
	size = xioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, NULL, "KVM_GET_VCPU_MMAP_SIZE");
	r = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (r == MAP_FAILED)
		err(1, "vCPU");
	set_cpuid(kvm, vcpu);
	set_state(vcpu, entry);
	return run(vcpu, r);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Runs a multiboot payload under /dev/kvm, as the peer in benchmarks: the in-kernel
 * interrupt controllers and timer, COM1 output to stdout, the ACPI PM timer, two
 * doorbells (eventfds that nobody reads), until the payload writes the ACPI S5 value.
 *
 * usage: kvm [--large] [--cpus N] [--append TEXT] PAYLOAD
 *        kvm --measure create|pause|memory PAYLOAD
 *
 * The latter takes figures of such a program itself, for guests that write a byte to
 * COM1 and halt.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "measure.h"

#define COM1		0x3f8
#define COM1_LSR	(COM1 + 5)
#define LSR_EMPTY	0x60
#define PM1A_CNT	0x604
#define PM_TMR		0x608
#define PM_TIMER_HZ	3579545
#define DOORBELL_PORT	0xd00
#define DOORBELL_ADDRESS 0xfeb00000u
#define BOOT_MAGIC	0x2badb002
#define BOOT_INFO	0x6000
#define BOOT_CMDLINE	0x6100
#define BOOT_HAS_CMDLINE 4
#define TSS_ADDR	0xfffbd000
#define MAX_CPUS	8
#define CPUID_DEADLINE	(1u << 24)

static uint8_t *ram;
static const size_t ram_bytes = GUEST_BYTES;

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

/* An access by the guest is counted by an eventfd, which is all that comes of it. */
static void add_doorbell(int vm, uint64_t addr, uint32_t len, uint32_t flags)
{
	struct kvm_ioeventfd e = {
		.addr = addr, .len = len, .flags = flags, .fd = eventfd(0, EFD_NONBLOCK),
	};

	xioctl(vm, KVM_IOEVENTFD, &e, "KVM_IOEVENTFD");
}

static uint32_t pm_timer(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint32_t)(ts.tv_sec * PM_TIMER_HZ +
			  ts.tv_nsec * (uint64_t)PM_TIMER_HZ / 1000000000);
}

static void port_in(struct kvm_run *r, uint8_t *data)
{
	uint32_t val = r->io.port == COM1_LSR ? LSR_EMPTY : r->io.port == PM_TMR ? pm_timer() : 0;

	memset(data, 0, r->io.size * r->io.count);
	memcpy(data, &val, r->io.size);
}

/* Where to tell that the guest has said something, if somebody waits for that. */
static void (*on_output)(void);

/* Pausing: a signal gets the thread out of KVM_RUN, then it waits here. */
static volatile bool paused;
static sem_t said, parked, go;

static void park(void)
{
	while (paused) {
		sem_post(&parked);
		sem_wait(&go);
	}
}

static int run(int vcpu, struct kvm_run *r)
{
	for (;;) {
		uint8_t *data;

		/* A processor that waits to be started is told to try again. */
		if (ioctl(vcpu, KVM_RUN, NULL) < 0) {
			if (errno != EAGAIN && errno != EINTR)
				err(1, "KVM_RUN");
			park();
			continue;
		}
		if (r->exit_reason != KVM_EXIT_IO) {
			warnx("unexpected exit %u", r->exit_reason);
			return 1;
		}
		data = (uint8_t *)r + r->io.data_offset;
		if (r->io.direction == KVM_EXIT_IO_IN)
			port_in(r, data);
		else if (r->io.port == COM1 && on_output)
			on_output();
		else if (r->io.port == COM1)
			fwrite(data, 1, r->io.count, stdout);
		else if (r->io.port == PM1A_CNT)
			return 0;
	}
}

static struct vcpu {
	int fd;
	struct kvm_run *run;
} vcpus[MAX_CPUS];

static void create_vcpu(int kvm, int vm, unsigned int id)
{
	struct vcpu *v = &vcpus[id];
	int size;

	v->fd = xioctl(vm, KVM_CREATE_VCPU, (void *)(uintptr_t)id, "KVM_CREATE_VCPU");
	size = xioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, NULL, "KVM_GET_VCPU_MMAP_SIZE");
	v->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (v->run == MAP_FAILED)
		err(1, "vCPU");
	set_cpuid(kvm, v->fd, id);
}

static void *run_other(void *arg)
{
	struct vcpu *v = arg;

	exit(run(v->fd, v->run));
}

static void boot_info(unsigned int cpus, const char *append)
{
	uint32_t *info = (uint32_t *)(ram + BOOT_INFO);

	info[0] = BOOT_HAS_CMDLINE;
	info[4] = BOOT_CMDLINE;
	snprintf((char *)ram + BOOT_CMDLINE, 1024, "cpus=%u port=%u address=%u %s",
		 cpus, DOORBELL_PORT, DOORBELL_ADDRESS, append);
}

/* A machine with its image loaded; the first processor is where multiboot starts it. */
static void create(const char *payload, unsigned int cpus, bool large, const char *append)
{
	struct kvm_userspace_memory_region region = { .slot = 0 };
	struct kvm_pit_config pit = { .flags = 0 };
	unsigned int i;
	uint32_t entry;
	int kvm, vm;

	ram = mmap(NULL, ram_bytes + (2 << 20), PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (ram == MAP_FAILED)
		err(1, "guest memory");
	ram = (uint8_t *)(((uintptr_t)ram + (2 << 20) - 1) & ~(uintptr_t)((2 << 20) - 1));
	madvise(ram, ram_bytes, large ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	entry = load_elf(payload);
	boot_info(cpus, append);

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
	add_doorbell(vm, DOORBELL_PORT, 1, KVM_IOEVENTFD_FLAG_PIO);
	add_doorbell(vm, DOORBELL_ADDRESS, 4, 0);
	for (i = 0; i < cpus; i++)
		create_vcpu(kvm, vm, i);
	set_state(vcpus[0].fd, entry);
}

/* ---- Figures of the program itself -------------------------------------------- */

static uint64_t began;
static int tell;	/* who made this guest reads what it has to say */

/* In a process of its own, for nothing of one guest may be there for the next. */
static void in_child(const char *payload, void (*then)(void))
{
	began = rdtsc();
	on_output = then;
	create(payload, 1, false, "");
	exit(run(vcpus[0].fd, vcpus[0].run));
}

static void tell_time(void)
{
	report("create", 1, rdtsc() - began);
	exit(0);
}

static void measure_create(const char *payload)
{
	int i, status;

	for (i = 0; i < REPEATS; i++) {
		if (!fork())
			in_child(payload, tell_time);
		if (wait(&status) < 0 || status)
			errx(1, "a guest has failed");
	}
}

/* Bytes of guest memory that are there. */
static void tell_resident(void)
{
	static unsigned char there[GUEST_BYTES / 4096];
	uint64_t bytes = 0;
	size_t i;

	if (mincore(ram, ram_bytes, there))
		err(1, "mincore");
	for (i = 0; i < sizeof(there); i++)
		bytes += (there[i] & 1) * 4096;
	if (write(tell, &bytes, sizeof(bytes)) != sizeof(bytes))
		err(1, "pipe");
}

static void measure_memory(const char *payload)
{
	pid_t children[ALL_GUESTS];
	uint64_t bytes;
	int i, fds[2];

	if (pipe(fds))
		err(1, "pipe");
	tell = fds[1];
	for (i = 0; i < ALL_GUESTS; i++) {
		children[i] = fork();
		if (!children[i])
			in_child(payload, tell_resident);
		if (read(fds[0], &bytes, sizeof(bytes)) != sizeof(bytes))
			err(1, "pipe");
		count_guest(bytes);
	}
	for (i = 0; i < ALL_GUESTS; i++) {
		kill(children[i], SIGKILL);
		waitpid(children[i], NULL, 0);
	}
}

static void tell_said(void)
{
	sem_post(&said);
}

static void on_signal(int number)
{
	(void)number;
}

static void measure_pause(const char *payload)
{
	struct sigaction sa = { .sa_handler = on_signal };
	uint64_t start;
	pthread_t t;
	int i;

	sigaction(SIGUSR1, &sa, NULL);
	on_output = tell_said;
	create(payload, 1, false, "");
	if (pthread_create(&t, NULL, run_other, &vcpus[0]))
		errx(1, "pthread_create");
	sem_wait(&said);
	for (i = 0; i < REPEATS; i++) {
		nap_ms(2);
		start = rdtsc();
		paused = true;
		pthread_kill(t, SIGUSR1);
		sem_wait(&parked);
		paused = false;
		sem_post(&go);
		report("pause-resume", 1, rdtsc() - start);
	}
}

static int measure(const char *what, const char *payload)
{
	if (!strcmp(what, "create"))
		measure_create(payload);
	else if (!strcmp(what, "pause"))
		measure_pause(payload);
	else if (!strcmp(what, "memory"))
		measure_memory(payload);
	else
		errx(2, "%s: no such figure", what);
	return 0;
}

static const struct option options[] = {
	{ "large", no_argument, NULL, 'l' },
	{ "cpus", required_argument, NULL, 'c' },
	{ "append", required_argument, NULL, 'a' },
	{ "measure", required_argument, NULL, 'm' },
	{ }
};

int main(int argc, char **argv)
{
	const char *append = "", *what = NULL;
	unsigned int cpus = 1, i;
	bool large = false;
	pthread_t t;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (c == 'l')
			large = true;
		else if (c == 'c')
			cpus = strtoul(optarg, NULL, 0);
		else if (c == 'a')
			append = optarg;
		else if (c == 'm')
			what = optarg;
		else
			return 2;
	}
	if (optind != argc - 1 || cpus < 1 || cpus > MAX_CPUS)
		errx(2, "usage: kvm [--large] [--cpus N] [--append TEXT] [--measure WHAT] PAYLOAD");
	if (what)
		return measure(what, argv[optind]);
	create(argv[optind], cpus, large, append);
	for (i = 1; i < cpus; i++) {
		if (pthread_create(&t, NULL, run_other, &vcpus[i]))
			errx(1, "pthread_create");
	}
	return run(vcpus[0].fd, vcpus[0].run);
}

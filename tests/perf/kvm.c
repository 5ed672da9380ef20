// SPDX-License-Identifier: GPL-2.0
/*
 * Runs a multiboot payload under /dev/kvm, as the peer in benchmarks, with two doorbells
 * (eventfds that nobody reads) and a device that a thread serves: a virtqueue at a fixed
 * address, its doorbell, an MSI.
 *
 * usage: kvm [--large] [--mergeable] [--cpus N] [--memory MIB] [--deadline BUDGET:PERIOD]
 *            [--append TEXT] PAYLOAD
 *        kvm --measure create|pause|memory PAYLOAD
 *
 * stdin is what COM1 receives, with --input; at SIGUSR1 all the guest's memory is to leave
 * memory, with --pageout; vCPUs are under SCHED_DEADLINE with --deadline, in nanoseconds.
 * The latter takes figures of such a program itself, for guests that write a byte to
 * COM1 and halt.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <linux/sched.h>
#include <linux/kvm.h>
#include <linux/virtio_ring.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kvm.h"
#include "measure.h"

#define DOORBELL_PORT	0xd00
#define DOORBELL_ADDRESS 0xfeb00000u
#define DEVICE_ADDRESS	0xfeb01000u
#define RING_ADDRESS	0x1f00000u	/* RAM that the payload leaves alone */
#define RING_SIZE	8
#define DEVICE_GSI	24
#define MSI_ADDRESS	0xfee00000u	/* to the first processor */
#define DEVICE_VECTOR	0x60

/* An access by the guest is counted by an eventfd, which is all that comes of it. */
static void add_doorbell(int vm, uint64_t addr, uint32_t len, uint32_t flags, int fd)
{
	struct kvm_ioeventfd e = { .addr = addr, .len = len, .flags = flags, .fd = fd };

	if (fd < 0 || ioctl(vm, KVM_IOEVENTFD, &e))
		err(1, "KVM_IOEVENTFD");
}

static size_t guest_bytes = GUEST_BYTES;

static int create(const char *payload, unsigned int cpus, bool large, const char *append)
{
	char line[1024];
	int vm;

	snprintf(line, sizeof(line), "cpus=%u port=%u address=%u device=%u ring=%u %s", cpus,
		 DOORBELL_PORT, DOORBELL_ADDRESS, DEVICE_ADDRESS, RING_ADDRESS, append);
	vm = vm_create(payload, guest_bytes, cpus, large, line);
	add_doorbell(vm, DOORBELL_PORT, 1, KVM_IOEVENTFD_FLAG_PIO, eventfd(0, EFD_NONBLOCK));
	add_doorbell(vm, DOORBELL_ADDRESS, 4, 0, eventfd(0, EFD_NONBLOCK));
	return vm;
}

/* ---- The device ----------------------------------------------------------------- */

static int device_kick, device_irq;

/* Requests are given back as they come. */
static void serve(struct vring *ring)
{
	volatile uint16_t *avail = &ring->avail->idx;
	static const uint64_t one = 1;
	static uint16_t next;

	while (next != *avail) {
		ring->used->ring[next % RING_SIZE] = (struct vring_used_elem){
			.id = ring->avail->ring[next % RING_SIZE],
		};
		__atomic_store_n(&ring->used->idx, ++next, __ATOMIC_RELEASE);
		if (write(device_irq, &one, sizeof(one)) != sizeof(one))
			err(1, "irqfd");
	}
}

static void *device_thread(void *unused)
{
	struct vring ring;
	uint64_t kicks;

	(void)unused;
	vring_init(&ring, RING_SIZE, vm_ram + RING_ADDRESS, 4);
	while (read(device_kick, &kicks, sizeof(kicks)) == sizeof(kicks))
		serve(&ring);
	err(1, "doorbell");
}

static void add_device(int vm)
{
	static struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entry;
	} routing = {
		.head.nr = 1,
		.entry = {
			.gsi = DEVICE_GSI, .type = KVM_IRQ_ROUTING_MSI,
			.u.msi = { .address_lo = MSI_ADDRESS, .data = DEVICE_VECTOR },
		},
	};
	struct kvm_irqfd irqfd = { .gsi = DEVICE_GSI };
	pthread_t t;

	device_kick = eventfd(0, 0);
	device_irq = eventfd(0, 0);
	add_doorbell(vm, DEVICE_ADDRESS, 2, 0, device_kick);
	if (ioctl(vm, KVM_SET_GSI_ROUTING, &routing))
		err(1, "KVM_SET_GSI_ROUTING");
	irqfd.fd = device_irq;
	if (ioctl(vm, KVM_IRQFD, &irqfd))
		err(1, "KVM_IRQFD");
	if (pthread_create(&t, NULL, device_thread, NULL))
		errx(1, "pthread_create");
}

/*
 * What sched_setattr() takes; not all C libraries know it. KVM starts a thread when a VM first
 * runs, which nobody under SCHED_DEADLINE may that does not let it have another policy.
 */
static struct {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
} reservation = {
	.size = sizeof(reservation), .policy = SCHED_DEADLINE, .flags = SCHED_FLAG_RESET_ON_FORK,
};

static void parse_reservation(const char *text)
{
	if (sscanf(text, "%lu:%lu", &reservation.runtime, &reservation.period) != 2)
		errx(2, "%s: not BUDGET:PERIOD", text);
	reservation.deadline = reservation.period;
}

static int run(unsigned int cpu)
{
	if (reservation.period && syscall(SYS_sched_setattr, 0, &reservation, 0))
		err(1, "sched_setattr");
	return vm_run(cpu);
}

static void *run_thread(void *cpu)
{
	exit(run((uintptr_t)cpu));
}

/* ---- Figures of the program itself -------------------------------------------- */

static uint64_t began;
static int tell;	/* who made this guest reads what it has to say */

/* In a process of its own, for nothing of one guest may be there for the next. */
static void in_child(const char *payload, void (*then)(void))
{
	began = rdtsc();
	vm_on_output = then;
	create(payload, 1, false, "");
	exit(vm_run(0));
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

	if (mincore(vm_ram, vm_ram_bytes, there))
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
	vm_on_signal = park;
	vm_on_output = tell_said;
	create(payload, 1, false, "");
	if (pthread_create(&t, NULL, run_thread, NULL))
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

/* ---- Memory that leaves memory ------------------------------------------------- */

static void page_out(void)
{
	if (madvise(vm_ram, vm_ram_bytes, MADV_PAGEOUT))
		err(1, "MADV_PAGEOUT");
}

static void page_out_on_signal(void)
{
	struct sigaction sa = { .sa_handler = on_signal };

	vm_on_signal = page_out;
	sigaction(SIGUSR1, &sa, NULL);
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
	{ "mergeable", no_argument, NULL, 's' },
	{ "input", no_argument, NULL, 'i' },
	{ "pageout", no_argument, NULL, 'p' },
	{ "memory", required_argument, NULL, 'M' },
	{ "cpus", required_argument, NULL, 'c' },
	{ "deadline", required_argument, NULL, 'd' },
	{ "append", required_argument, NULL, 'a' },
	{ "measure", required_argument, NULL, 'm' },
	{ }
};

int main(int argc, char **argv)
{
	const char *append = "", *what = NULL;
	unsigned int cpus = 1, i;
	bool large = false, mergeable = false;
	pthread_t t;
	int c;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (c == 'l')
			large = true;
		else if (c == 's')
			mergeable = true;
		else if (c == 'i')
			vm_input = 0;
		else if (c == 'p')
			page_out_on_signal();
		else if (c == 'M')
			guest_bytes = strtoul(optarg, NULL, 0) << 20;
		else if (c == 'c')
			cpus = strtoul(optarg, NULL, 0);
		else if (c == 'd')
			parse_reservation(optarg);
		else if (c == 'a')
			append = optarg;
		else if (c == 'm')
			what = optarg;
		else
			return 2;
	}
	if (optind != argc - 1 || cpus < 1 || cpus > VM_MAX_CPUS)
		errx(2, "usage: kvm [--large] [--mergeable] [--input] [--pageout] [--cpus N] [--memory MIB]"
		     " [--deadline BUDGET:PERIOD] [--append TEXT] [--measure WHAT] PAYLOAD");
	if (what)
		return measure(what, argv[optind]);
	add_device(create(argv[optind], cpus, large, append));
	if (mergeable && madvise(vm_ram, vm_ram_bytes, MADV_MERGEABLE))
		err(1, "MADV_MERGEABLE");
	for (i = 1; i < cpus; i++) {
		if (pthread_create(&t, NULL, run_thread, (void *)(uintptr_t)i))
			errx(1, "pthread_create");
	}
	return run(0);
}

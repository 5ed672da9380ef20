// SPDX-License-Identifier: GPL-2.0
/*
 * Runs a multiboot payload under /dev/kvm, as the peer in benchmarks, with two doorbells
 * (eventfds that nobody reads).
 *
 * usage: kvm [--large] [--cpus N] [--append TEXT] PAYLOAD
 *        kvm --measure create|pause|memory PAYLOAD
 *
 * The latter takes figures of such a program itself, for guests that write a byte to
 * COM1 and halt.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kvm.h"
#include "measure.h"

#define DOORBELL_PORT	0xd00
#define DOORBELL_ADDRESS 0xfeb00000u

/* An access by the guest is counted by an eventfd, which is all that comes of it. */
static void add_doorbell(int vm, uint64_t addr, uint32_t len, uint32_t flags)
{
	struct kvm_ioeventfd e = {
		.addr = addr, .len = len, .flags = flags, .fd = eventfd(0, EFD_NONBLOCK),
	};

	if (ioctl(vm, KVM_IOEVENTFD, &e))
		err(1, "KVM_IOEVENTFD");
}

static void create(const char *payload, unsigned int cpus, bool large, const char *append)
{
	char line[1024];
	int vm;

	snprintf(line, sizeof(line), "cpus=%u port=%u address=%u %s", cpus, DOORBELL_PORT,
		 DOORBELL_ADDRESS, append);
	vm = vm_create(payload, GUEST_BYTES, cpus, large, line);
	add_doorbell(vm, DOORBELL_PORT, 1, KVM_IOEVENTFD_FLAG_PIO);
	add_doorbell(vm, DOORBELL_ADDRESS, 4, 0);
}

static void *run_thread(void *cpu)
{
	exit(vm_run((uintptr_t)cpu));
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
	if (optind != argc - 1 || cpus < 1 || cpus > VM_MAX_CPUS)
		errx(2, "usage: kvm [--large] [--cpus N] [--append TEXT] [--measure WHAT] PAYLOAD");
	if (what)
		return measure(what, argv[optind]);
	create(argv[optind], cpus, large, append);
	for (i = 1; i < cpus; i++) {
		if (pthread_create(&t, NULL, run_thread, (void *)(uintptr_t)i))
			errx(1, "pthread_create");
	}
	return vm_run(0);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Figures of Aerie that are taken in the host; kvm --measure takes the same of KVM.
 *
 * usage: aerie create|pause|memory PAYLOAD
 *        aerie boot KERNEL INITRD
 */
#define _GNU_SOURCE
#include <fcntl.h>

#include "nl.h"

#include "measure.h"

#define PATIENCE	60	/* seconds */

static struct nl nl;

static void must(int ret, const char *what)
{
	if (ret)
		errx(1, "%s: %s", what, ret < 0 ? strerror(-ret) : "no answer");
}

static void command(uint8_t cmd, const char *name, const char *what)
{
	must(nl_simple(&nl, cmd, name), what);
}

static int open_image(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

/* Create and start it; what its console is read from. */
static int start(const char *name, uint64_t memory, const char *kernel, const char *initrd,
		 const char *cmdline)
{
	struct nl_vm vm = {
		.name = name, .cmdline = cmdline, .memory = memory, .vcpus = 1,
		.kernel = open_image(kernel), .initrd = initrd ? open_image(initrd) : -1,
		.module = -1,
	};
	struct nl_request r;
	int32_t console = -1;

	nl_create(&nl, &r, &vm);
	must(nl_do(&nl, &r, 0, NULL, 0), "create");
	nl_named(&nl, &r, AERIE_CMD_CONSOLE_OPEN, name);
	must(nl_do(&nl, &r, AERIE_A_FD, &console, sizeof(console)), "console");
	command(AERIE_CMD_VM_START, name, "start");
	close(vm.kernel);
	if (initrd)
		close(vm.initrd);
	return console;
}

/* Until the guest has said something; the payload's first instructions are to. */
static void first_output(int console)
{
	char c;

	if (read(console, &c, 1) != 1)
		err(1, "console");
}

static uint64_t get(const char *name, uint16_t attr)
{
	struct nl_request r;
	uint64_t val = 0;

	nl_named(&nl, &r, AERIE_CMD_VM_GET, name);
	must(nl_do(&nl, &r, attr, &val, sizeof(val)), "get");
	return val;
}

static void create(const char *payload)
{
	uint64_t began;
	int i, console;

	for (i = 0; i < REPEATS; i++) {
		began = rdtsc();
		console = start("create", GUEST_BYTES, payload, NULL, NULL);
		first_output(console);
		report("create", 1, rdtsc() - began);
		close(console);
		command(AERIE_CMD_VM_DESTROY, "create", "destroy");
	}
}

static void pause_resume(const char *payload)
{
	int i, console = start("pause", GUEST_BYTES, payload, NULL, NULL);
	uint64_t began;

	first_output(console);
	for (i = 0; i < REPEATS; i++) {
		nap_ms(2);
		began = rdtsc();
		command(AERIE_CMD_VM_PAUSE, "pause", "pause");
		command(AERIE_CMD_VM_RESUME, "pause", "resume");
		report("pause-resume", 1, rdtsc() - began);
	}
	close(console);
	command(AERIE_CMD_VM_DESTROY, "pause", "destroy");
}

static void memory(const char *payload)
{
	char name[16];
	int i, console;

	for (i = 0; i < ALL_GUESTS; i++) {
		snprintf(name, sizeof(name), "memory-%d", i);
		console = start(name, GUEST_BYTES, payload, NULL, NULL);
		first_output(console);
		close(console);
		count_guest(get(name, AERIE_A_RESIDENT));
	}
	for (i = 0; i < ALL_GUESTS; i++) {
		snprintf(name, sizeof(name), "memory-%d", i);
		command(AERIE_CMD_VM_DESTROY, name, "destroy");
	}
}

/* A stock kernel until its first process has said "init". */
static void boot(const char *kernel, const char *initrd)
{
	uint64_t began = rdtsc();
	int console = start("boot", 256ull << 20, kernel, initrd, "console=ttyS0 quiet");
	char buf[1 << 16];
	size_t len = 0;
	ssize_t n;

	do {
		n = read(console, buf + len, sizeof(buf) - 1 - len);
		if (n <= 0)
			err(1, "console");
		len += (size_t)n;
		buf[len] = 0;
	} while (!strstr(buf, "init: here"));
	report("boot", 1, rdtsc() - began);
	report("boot-exits", 1, get("boot", AERIE_A_EXITS));
	close(console);
	command(AERIE_CMD_VM_DESTROY, "boot", "destroy");
}

int main(int argc, char **argv)
{
	if (argc < 3)
		errx(2, "usage: aerie create|pause|memory PAYLOAD, aerie boot KERNEL INITRD");
	if (!nl_open(&nl, PATIENCE))
		errx(4, "aerie.ko is not loaded");
	if (!strcmp(argv[1], "create"))
		create(argv[2]);
	else if (!strcmp(argv[1], "pause"))
		pause_resume(argv[2]);
	else if (!strcmp(argv[1], "memory"))
		memory(argv[2]);
	else if (!strcmp(argv[1], "boot") && argc == 4)
		boot(argv[2], argv[3]);
	else
		errx(2, "%s: no such figure", argv[1]);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Guests whose life is cut short: several processes do anything to a few VMs, in any
 * order and at the same time, and are killed themselves in the middle of it. Every
 * command must be answered, and in the end everything can be destroyed.
 *
 *   life SECONDS SEED KERNEL INITRD PAYLOAD...    stock kernel, bare-metal payloads
 *
 * KTAP. What it proves it proves on a debug kernel.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "nl.h"

#define SKIP		4
#define WORKERS		4
#define NAMES		3
#define PATIENCE	180	/* seconds until a command hangs */
#define MAX_IMAGES	8

static struct nl nl;
static uint32_t rng;
static int images[MAX_IMAGES], nr_images, initrd_fd, disk_fd;

/* What all the workers have done, to show that they have done something. */
static struct counts {
	uint32_t done[AERIE_CMD_MAX + 1], refused[AERIE_CMD_MAX + 1];
	uint32_t hung, odd;
	int32_t odd_error;
	uint32_t odd_cmd;
} *counts;

static uint32_t any(uint32_t below)
{
	rng ^= rng << 13;
	rng ^= rng >> 17;
	rng ^= rng << 5;
	return rng % below;
}

static void nap_us(uint32_t us)
{
	struct timespec ts = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000l };

	nanosleep(&ts, NULL);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static const char *any_name(void)
{
	static char name[16];

	snprintf(name, sizeof(name), "life-%u", any(NAMES));
	return name;
}

static void add(uint32_t *n)
{
	__atomic_add_fetch(n, 1, __ATOMIC_RELAXED);
}

/* What any command may say to somebody who is not alone. */
static bool expected(int err)
{
	switch (err) {
	case 0:
	case -ENOENT:
	case -EEXIST:
	case -EINVAL:		/* not in that state */
	case -EALREADY:
	case -EOPNOTSUPP:	/* no power button */
	case -ENODEV:		/* no such device, in one VM or the other */
	case -EBUSY:
	case -EINTR:
		return true;
	}
	return false;
}

static int judge(uint8_t cmd, int err)
{
	add(err ? &counts->refused[cmd] : &counts->done[cmd]);
	if (err == NL_NO_ANSWER) {
		add(&counts->hung);
	} else if (!expected(err)) {
		add(&counts->odd);
		counts->odd_error = err;
		counts->odd_cmd = cmd;
	}
	return err;
}

static void do_create(const char *name)
{
	bool stock = any(4) == 0;
	struct nl_vm vm = {
		.name = name, .memory = 128 << 20, .vcpus = 1 + any(4),
		.kernel = stock ? images[0] : images[1 + any((uint32_t)nr_images - 1)],
		.initrd = stock && any(2) ? initrd_fd : -1, .module = -1,
		.cmdline = "console=ttyS0",
	};
	struct nl_request r;

	nl_create(&nl, &r, &vm);
	if (!judge(AERIE_CMD_VM_CREATE, nl_do(&nl, &r, 0, NULL, 0)) && any(4))
		judge(AERIE_CMD_VM_START, nl_simple(&nl, AERIE_CMD_VM_START, name));
}

/* Descriptors that outlive the VM they are of, and are used then. */
static int held[4] = { -1, -1, -1, -1 };

static void do_console(const char *name)
{
	int32_t fd = -1, slot = (int32_t)any(4);
	struct nl_request r;
	char buf[256];

	nl_named(&nl, &r, AERIE_CMD_CONSOLE_OPEN, name);
	if (judge(AERIE_CMD_CONSOLE_OPEN, nl_do(&nl, &r, AERIE_A_FD, &fd, sizeof(fd))))
		return;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	close(held[slot]);
	held[slot] = fd;
	fd = held[any(4)];
	if (fd >= 0 && write(fd, "echo alive\n", 11) + read(fd, buf, sizeof(buf)) > 0)
		nap_us(any(500));
}

static void do_file(const char *name)
{
	static const char * const files[] = {
		"state", "memory", "ranges", "exits", "vcpu0/registers", "vcpu0/control",
		"vcpu0/lapic", "vcpu1/registers",
	};
	char path[128], buf[4096];
	int fd;

	if (any(4))
		snprintf(path, sizeof(path), "/sys/kernel/debug/aerie/vms/%s/%s", name,
			 files[any(sizeof(files) / sizeof(files[0]))]);
	else
		snprintf(path, sizeof(path), "/dev/ttyAERIE%u", any(NAMES));
	fd = open(path, O_RDWR | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		fd = open(path, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return;
	if (read(fd, buf, sizeof(buf)) < 0 || any(2))
		nap_us(any(3000));
	close(fd);
}

/* One disk for all VMs: some will not get it. */
static void do_device(const char *name)
{
	const char *device = any(8) ? "disk0" : "rng";
	struct nl_request r;
	uint32_t id;

	switch (any(4)) {
	case 0:
		nl_named(&nl, &r, AERIE_CMD_DEV_GET, name);
		r.nlh.nlmsg_flags |= NLM_F_DUMP;
		judge(AERIE_CMD_DEV_GET, nl_do(&nl, &r, 0, NULL, 0));
		break;
	case 1:
		judge(AERIE_CMD_DEV_DETACH, nl_detach(&nl, name, device, any(2)));
		break;
	default:
		judge(AERIE_CMD_DEV_ATTACH, nl_attach_disk(&nl, name, disk_fd, &id));
	}
}

static void do_list(void)
{
	struct nl_request r;

	nl_begin(&nl, &r, nl.family, NLM_F_DUMP, AERIE_CMD_VM_GET);
	judge(AERIE_CMD_VM_GET, nl_do(&nl, &r, 0, NULL, 0));
}

static void do_anything(void)
{
	static const uint8_t verbs[] = {
		AERIE_CMD_VM_START, AERIE_CMD_VM_PAUSE, AERIE_CMD_VM_RESUME, AERIE_CMD_VM_RESET,
		AERIE_CMD_VM_POWER_BUTTON, AERIE_CMD_VM_STOP, AERIE_CMD_VM_GET,
		AERIE_CMD_STAT_GET, AERIE_CMD_VM_START, AERIE_CMD_VM_RESUME,
		AERIE_CMD_MEM_GET, AERIE_CMD_MEM_MAP,
	};
	const char *name = any_name();
	uint32_t n = any(24);
	uint8_t verb;

	switch (n) {
	case 0:
	case 1:
	case 2:
	case 3:
		do_create(name);
		break;
	case 4:
	case 5:
		judge(AERIE_CMD_VM_DESTROY, nl_simple(&nl, AERIE_CMD_VM_DESTROY, name));
		break;
	case 6:
		do_console(name);
		break;
	case 7:
	case 8:
		do_file(name);
		break;
	case 9:
		do_list();
		break;
	case 10:
	case 11:
	case 12:
	case 13:
		do_device(name);
		break;
	default:
		verb = verbs[any(sizeof(verbs))];
		judge(verb, nl_simple(&nl, verb, name));
	}
}

static void __attribute__((noreturn)) work(uint32_t seed)
{
	rng = seed;
	if (!nl_open(&nl, PATIENCE))
		_exit(1);
	for (;;) {
		do_anything();
		if (any(3) == 0)
			nap_us(any(30000));
	}
}

static pid_t spawn(void)
{
	uint32_t seed = any(~0u) | 1;
	pid_t pid = fork();

	if (!pid)
		work(seed);
	return pid;
}

/* A killed process is gone soon, whatever it was in. */
static bool reap(pid_t pid)
{
	double end = now() + PATIENCE;
	int status;

	kill(pid, SIGKILL);
	while (waitpid(pid, &status, WNOHANG) != pid) {
		if (now() > end)
			return false;
		nap_us(1000);
	}
	return true;
}

static bool cut_short(unsigned int seconds)
{
	double end = now() + seconds;
	unsigned int killed = 0, i;
	pid_t pids[WORKERS];
	bool ok = true;

	for (i = 0; i < WORKERS; i++)
		pids[i] = spawn();
	while (ok && now() < end) {
		nap_us(1000 + any(300000));
		i = any(WORKERS);
		ok = reap(pids[i]);
		pids[i] = spawn();
		killed++;
	}
	for (i = 0; i < WORKERS; i++)
		ok &= reap(pids[i]);
	printf("# %u processes killed\n", killed);
	return ok;
}

static bool all_destroyed(void)
{
	char name[16];
	bool ok = true;
	int i, err;

	for (i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "life-%d", i);
		err = nl_simple(&nl, AERIE_CMD_VM_DESTROY, name);
		ok &= !err || err == -ENOENT;
		ok &= nl_simple(&nl, AERIE_CMD_VM_GET, name) == -ENOENT;
	}
	return ok;
}

static bool failed;

static void result(int nr, bool ok, const char *name)
{
	printf("%sok %d %s\n", ok ? "" : "not ", nr, name);
	fflush(stdout);
	failed |= !ok;
}

int main(int argc, char **argv)
{
	unsigned int cmd, done = 0;
	bool ok;
	int i;

	printf("KTAP version 1\n");
	if (argc < 6 || argc - 4 > MAX_IMAGES)
		return 1;
	rng = (uint32_t)strtoul(argv[2], NULL, 0) | 1;
	if (!nl_open(&nl, PATIENCE)) {
		printf("1..0 # SKIP module aerie is not loaded\n");
		return SKIP;
	}
	counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (counts == MAP_FAILED)
		return 1;
	initrd_fd = open(argv[4], O_RDONLY | O_CLOEXEC);
	disk_fd = open("/tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	if (disk_fd < 0 || ftruncate(disk_fd, 16 << 20))
		return 1;
	images[nr_images++] = open(argv[3], O_RDONLY | O_CLOEXEC);
	for (i = 5; i < argc; i++)
		images[nr_images++] = open(argv[i], O_RDONLY | O_CLOEXEC);
	for (i = 0; i < nr_images; i++)
		if (images[i] < 0 || initrd_fd < 0)
			return 1;
	printf("1..5\n# seed %u\n", rng);

	ok = cut_short((unsigned int)atoi(argv[1]));
	for (cmd = 0; cmd <= AERIE_CMD_MAX; cmd++) {
		done += counts->done[cmd];
		if (counts->done[cmd] + counts->refused[cmd])
			printf("# command %2u: %6u done, %6u refused\n", cmd, counts->done[cmd],
			       counts->refused[cmd]);
	}
	result(1, ok, "whoever is killed in a command ends");
	result(2, !counts->hung, "every command is answered");
	if (counts->odd)
		printf("# command %u: error %d\n", counts->odd_cmd, counts->odd_error);
	result(3, !counts->odd, "only with what it may be refused for");
	result(4, all_destroyed(), "all that is left can be destroyed");
	result(5, done > 20 && !nl_simple(&nl, AERIE_CMD_VERSION, NULL), "the module still answers");
	return failed;
}

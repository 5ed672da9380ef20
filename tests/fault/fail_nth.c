// SPDX-License-Identifier: GPL-2.0
/*
 * Every allocation fails once: each operation of the module is tried with its 1st
 * allocation failing, then its 2nd, and so on until one succeeds without having
 * come to the one that was to fail. It must fail with "out of memory" and leave
 * nothing behind, or succeed in spite of it.
 *
 *   fail_nth KERNEL PAYLOAD    stock kernel; bare-metal payload "memory"
 *
 * Takes a kernel with fault injection (/proc/self/fail-nth). What is left behind
 * unseen is for kmemleak to find, which the lab asks at the end. KTAP.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>

#include "nl.h"

#define SKIP		4
#define NAME		"failnth"
#define PATIENCE	240	/* seconds for an answer */
#define MOST		100000	/* allocations that no operation needs */

static struct nl nl;
static int kernel_fd, payload_fd, disk_fd, fail_fd;
static int tests, failures;

static void result(bool pass, const char *name)
{
	printf("%sok %d %s\n", pass ? "" : "not ", ++tests, name);
	fflush(stdout);
	failures += !pass;
}

/* ---- The failing allocation ------------------------------------------------ */

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}

static bool fail_verbose(const char *level)
{
	return write_file("/sys/kernel/debug/failslab/verbose", level) &&
	       write_file("/sys/kernel/debug/fail_page_alloc/verbose", level);
}

/*
 * Only caches marked so at boot (slub_debug=A) fail: checkers that go blind, or worse,
 * without memory for their notes keep theirs.
 */
static bool fail_marked_caches(void)
{
	char marked = '0';
	int fd = open("/sys/kernel/slab/filp/failslab", O_RDONLY);

	if (fd < 0 || read(fd, &marked, 1) != 1)
		marked = '0';
	close(fd);
	if (marked != '1')
		printf("# this host was not booted with slub_debug=A\n");
	return marked == '1' && write_file("/sys/kernel/debug/failslab/cache-filter", "Y");
}

/* All allocations count, and nobody prints a call trace for each that fails. */
static bool fail_setup(void)
{
	static const char * const files[][2] = {
		{ "failslab/ignore-gfp-wait", "N" },
		{ "fail_page_alloc/ignore-gfp-wait", "N" },
		{ "fail_page_alloc/ignore-gfp-highmem", "N" },
		{ "fail_page_alloc/min-order", "0" },
		/* For fail_always(). */
		{ "fail_page_alloc/task-filter", "Y" }, { "fail_page_alloc/times", "-1" },
		{ "fail_page_alloc/probability", "100" },
	};
	char path[128];
	unsigned int i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/%s", files[i][0]);
		if (!write_file(path, files[i][1]))
			return false;
	}
	fail_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	return fail_fd >= 0 && fail_verbose("0") && fail_marked_caches();
}

static void fail_arm(int fd, unsigned int nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", nth);

	if (pwrite(fd, text, (size_t)len, 0) != len)
		abort();
}

/* Disarm; whether the allocation has been come to. */
static bool fail_disarm(int fd)
{
	char text[16] = "";

	if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
		abort();
	fail_arm(fd, 0);
	return atoi(text) == 0;
}

/* ---- What is asked of the module -------------------------------------------- */

static bool exists(void)
{
	return nl_simple(&nl, AERIE_CMD_VM_GET, NAME) == 0;
}

static uint64_t get(uint16_t attr, size_t size)
{
	struct nl_request r;
	uint64_t value = ~0ull >> (64 - 8 * size);

	nl_named(&nl, &r, AERIE_CMD_VM_GET, NAME);
	if (nl_do(&nl, &r, attr, &value, size))
		return ~0ull;
	return value;
}

static uint32_t state(void)
{
	return (uint32_t)get(AERIE_A_STATE, sizeof(uint32_t));
}

static void request_create(struct nl_request *r, int fd, bool rich)
{
	struct nl_vm vm = {
		.name = NAME, .memory = 128 << 20, .vcpus = rich ? 3 : 1, .kernel = fd,
		.initrd = rich ? payload_fd : -1, .module = rich ? payload_fd : -1,
		.disk = rich ? disk_fd : 0,
		.nic = rich,
		.cmdline = rich ? "console=ttyS0" : "loops=0 stride=4",
	};

	nl_create(&nl, r, &vm);
}

static bool make(int fd)
{
	struct nl_request r;

	request_create(&r, fd, false);
	return nl_do(&nl, &r, 0, NULL, 0) == 0;
}

static bool destroy(void)
{
	return nl_simple(&nl, AERIE_CMD_VM_DESTROY, NAME) == 0;
}

/*
 * The error of a request sent with allocation @nth failing. An answer that was lost
 * for want of memory is -ENOBUFS: the command may have been done.
 */
static int send_failing(struct nl_request *r, unsigned int nth, bool *fired)
{
	int err;

	fail_arm(fail_fd, nth);
	err = nl_send(&nl, r);
	*fired = fail_disarm(fail_fd);
	return err ? err : nl_answer(&nl, 0, NULL, 0);
}

static bool shortage(int err)
{
	return err == -ENOMEM || err == -ENOBUFS;
}

/*
 * try(nth, &fired, &err) does an operation from the same state each time and says
 * whether what it left is right. After the first @exact ones only some are tried.
 */
typedef bool (*try_fn)(unsigned int nth, bool *fired, int *err);

static void walk(const char *name, try_fn try, unsigned int exact)
{
	unsigned int nth, points = 0, refused = 0;
	bool fired = true, right = true;
	int err = 0;

	for (nth = 1; fired && right && nth < MOST; nth += 1 + (nth > exact ? nth / 8 : 0)) {
		right = try(nth, &fired, &err);
		points += fired;
		refused += err != 0;
		if (!fired && err)
			right = false;
		if (!right) {
			printf("# allocation %u, which %s: error %d, state %d\n", nth,
			       fired ? "failed" : "was not reached", err, (int)state());
			/* Once more, for the kernel's log to say where it is. */
			fail_verbose("2");
			try(nth, &fired, &err);
			fail_verbose("0");
		}
	}
	printf("# %s: %u failures, %u refusals\n", name, points, refused);
	result(right && !fired && points, name);
}

static bool create_ends(int *err)
{
	bool there = exists();

	if (there && !destroy())
		return false;
	if (*err == 0)
		return there;
	return shortage(*err) && (!there || *err == -ENOBUFS);
}

static bool try_create(unsigned int nth, bool *fired, int *err)
{
	struct nl_request r;

	request_create(&r, kernel_fd, false);
	*err = send_failing(&r, nth, fired);
	return create_ends(err);
}

static bool try_create_rich(unsigned int nth, bool *fired, int *err)
{
	struct nl_request r;

	request_create(&r, payload_fd, true);
	*err = send_failing(&r, nth, fired);
	return create_ends(err);
}

/* Start: it runs, or it is as before and holds no memory. */
static bool try_start_of(int fd, unsigned int nth, bool *fired, int *err)
{
	struct nl_request r;
	uint32_t is;

	if (!make(fd))
		return false;
	nl_named(&nl, &r, AERIE_CMD_VM_START, NAME);
	*err = send_failing(&r, nth, fired);
	is = state();
	if (*err == -ENOMEM && (is != AERIE_STATE_CREATED ||
				get(AERIE_A_RESIDENT, sizeof(uint64_t))))
		return false;
	if (!*err && is == AERIE_STATE_CREATED)
		return false;
	return (!*err || shortage(*err)) && destroy();
}

static bool try_start(unsigned int nth, bool *fired, int *err)
{
	return try_start_of(payload_fd, nth, fired, err);
}

static bool try_start_linux(unsigned int nth, bool *fired, int *err)
{
	return try_start_of(kernel_fd, nth, fired, err);
}

static int open_fds_count(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

/* A descriptor, or an error and no descriptor. */
static bool try_console(unsigned int nth, bool *fired, int *err)
{
	int before = open_fds_count(), expected = before, fd = dup(0);
	struct nl_request r;
	bool right;

	close(fd);	/* the number that is next */
	nl_named(&nl, &r, AERIE_CMD_CONSOLE_OPEN, NAME);
	*err = send_failing(&r, nth, fired);
	if (!*err)
		expected++;
	right = open_fds_count() == expected || *err == -ENOBUFS;
	close(fd);
	return right && (!*err || shortage(*err)) && open_fds_count() == before;
}

static bool try_named(uint8_t cmd, unsigned int nth, bool *fired, int *err)
{
	struct nl_request r;

	nl_named(&nl, &r, cmd, NAME);
	*err = send_failing(&r, nth, fired);
	return !*err || shortage(*err);
}

static bool try_get(unsigned int nth, bool *fired, int *err)
{
	return try_named(AERIE_CMD_VM_GET, nth, fired, err);
}

static bool try_stat(unsigned int nth, bool *fired, int *err)
{
	return try_named(AERIE_CMD_STAT_GET, nth, fired, err);
}

static bool try_map(unsigned int nth, bool *fired, int *err)
{
	return try_named(AERIE_CMD_MEM_MAP, nth, fired, err);
}

static bool try_dump(unsigned int nth, bool *fired, int *err)
{
	struct nl_request r;

	nl_begin(&nl, &r, nl.family, NLM_F_DUMP, AERIE_CMD_VM_GET);
	*err = send_failing(&r, nth, fired);
	return !*err || shortage(*err);
}

static bool try_doctor(unsigned int nth, bool *fired, int *err)
{
	struct nl_request r;

	nl_named(&nl, &r, AERIE_CMD_DOCTOR, NULL);
	*err = send_failing(&r, nth, fired);
	return !*err || shortage(*err);
}

/* What must not fail for want of memory, though its answer may get lost. */
static bool try_pause(unsigned int nth, bool *fired, int *err)
{
	bool right = try_named(AERIE_CMD_VM_PAUSE, nth, fired, err);
	uint32_t is = state();

	if (is == AERIE_STATE_PAUSED)
		return right && !nl_simple(&nl, AERIE_CMD_VM_RESUME, NAME);
	/* Memory ran out in the netlink core, before we were asked. */
	return right && *err && is == AERIE_STATE_RUNNING;
}

static bool try_reset(unsigned int nth, bool *fired, int *err)
{
	bool right = try_named(AERIE_CMD_VM_RESET, nth, fired, err);
	uint32_t is = state();

	/* What it had in memory is gone by then: it stops, and can be started. */
	if (*err && is == AERIE_STATE_STOPPED)
		return right && !get(AERIE_A_RESIDENT, sizeof(uint64_t)) &&
		       !nl_simple(&nl, AERIE_CMD_VM_START, NAME);
	return right && is == AERIE_STATE_RUNNING;
}

static bool try_stop(unsigned int nth, bool *fired, int *err)
{
	bool right = try_named(AERIE_CMD_VM_STOP, nth, fired, err);
	uint32_t is = state();

	if (is == AERIE_STATE_STOPPED)
		return right && !get(AERIE_A_RESIDENT, sizeof(uint64_t)) &&
		       !nl_simple(&nl, AERIE_CMD_VM_START, NAME);
	return right && *err && is == AERIE_STATE_RUNNING;
}

/* ---- Swap, and how it is scheduled ------------------------------------------- */

static char swap_path[] = "/tmp/failnth-swap-XXXXXX";
static int swap_fd;

static bool swap_file(void)
{
	swap_fd = mkstemp(swap_path);
	return swap_fd >= 0 && !ftruncate(swap_fd, 2 << 20);
}

static void request_swap(struct nl_request *r, bool on)
{
	nl_named(&nl, r, on ? AERIE_CMD_SWAP_ON : AERIE_CMD_SWAP_OFF, NULL);
	if (on)
		nl_put(r, AERIE_A_SWAP_FD, &swap_fd, sizeof(swap_fd));
	else
		nl_put_string(r, AERIE_A_SWAP_PATH, swap_path);
}

static int swap(bool on)
{
	struct nl_request r;

	request_swap(&r, on);
	return nl_do(&nl, &r, 0, NULL, 0);
}

/* An answer may have been lost. */
static bool try_swap_on(unsigned int nth, bool *fired, int *err)
{
	struct nl_request r;
	int off;

	request_swap(&r, true);
	*err = send_failing(&r, nth, fired);
	off = swap(false);
	if (!*err)
		return !off;
	return shortage(*err) && (off == -ENOENT || (*err == -ENOBUFS && !off));
}

static bool try_swap_off(unsigned int nth, bool *fired, int *err)
{
	bool right = !swap(true);
	struct nl_request r;
	int off;

	request_swap(&r, false);
	*err = send_failing(&r, nth, fired);
	off = swap(false);
	if (!*err)
		return right && off == -ENOENT;
	return right && shortage(*err) && (!off || (*err == -ENOBUFS && off == -ENOENT));
}

static bool try_sched(unsigned int nth, bool *fired, int *err)
{
	uint32_t weight = 100 + nth % 100, cap = 50 + nth % 50;
	struct nl_request r;

	nl_named(&nl, &r, AERIE_CMD_SCHED_SET, NAME);
	nl_put(&r, AERIE_A_SCHED_WEIGHT, &weight, sizeof(weight));
	nl_put(&r, AERIE_A_SCHED_CAP, &cap, sizeof(cap));
	nl_put_string(&r, AERIE_A_SCHED_PIN, "0");
	*err = send_failing(&r, nth, fired);
	return !*err || shortage(*err);
}

static bool try_sched_get(unsigned int nth, bool *fired, int *err)
{
	return try_named(AERIE_CMD_SCHED_GET, nth, fired, err);
}

static bool try_destroy(unsigned int nth, bool *fired, int *err)
{
	bool right = make(payload_fd) && !nl_simple(&nl, AERIE_CMD_VM_START, NAME) &&
		     try_named(AERIE_CMD_VM_DESTROY, nth, fired, err);

	if (!exists())
		return right;
	return right && *err && destroy();
}

/* ---- Files ------------------------------------------------------------------ */

static char *paths[256];
static unsigned int nr_paths;
static const char *path;

static int collect(const char *file, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)at;
	if (type == FTW_F && nr_paths < sizeof(paths) / sizeof(paths[0]))
		paths[nr_paths++] = strdup(file);
	return 0;
}

static bool try_file(unsigned int nth, bool *fired, int *err)
{
	static char buf[4096];
	ssize_t n = 0;
	int fd;

	fail_arm(fail_fd, nth);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (fd >= 0)
		n = read(fd, buf, sizeof(buf));
	*err = fd < 0 || n < 0 ? -errno : 0;
	if (fd >= 0)
		close(fd);
	*fired = fail_disarm(fail_fd);
	/* A console without input; registers of what does not run. */
	if (*err == -EAGAIN || *err == -ESHUTDOWN)
		*err = 0;
	return !*err || *err == -ENOMEM;
}

static void walk_file(const char *file)
{
	path = file;
	walk(file, try_file, 50);
}

/* ---- A vCPU's own thread ---------------------------------------------------- */

static bool nap(unsigned int ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000l };

	return !nanosleep(&ts, NULL);
}

/* The thread of the only vCPU: the one task of that name. */
static int vcpu_tid(void)
{
	char comm[32], name[64];
	struct dirent *d;
	int fd, tid = 0;
	DIR *dir = opendir("/proc");

	while (dir && !tid && (d = readdir(dir))) {
		if (*d->d_name < '1' || *d->d_name > '9')
			continue;
		snprintf(name, sizeof(name), "/proc/%.16s/comm", d->d_name);
		fd = open(name, O_RDONLY);
		if (fd < 0)
			continue;
		memset(comm, 0, sizeof(comm));
		if (read(fd, comm, sizeof(comm) - 1) > 0 && !strncmp(comm, "aerie-" NAME "/0", 15))
			tid = atoi(d->d_name);
		close(fd);
	}
	if (dir)
		closedir(dir);
	return tid;
}

/* The machine with one allocation of its vCPU's failing: two ways are open to it. */
static bool runs_with(int fd, unsigned int nth)
{
	bool ok;

	fail_arm(fd, nth);
	ok = !nl_simple(&nl, AERIE_CMD_VM_START, NAME);
	nap(300);
	fail_arm(fd, 0);
	return ok && state() == AERIE_STATE_RUNNING && !nl_simple(&nl, AERIE_CMD_VM_STOP, NAME);
}

/*
 * A guest touches page after page. It does not notice that there is none at first;
 * when there is none for good it stops, says so, and can be started again.
 */
static void starve_guest(void)
{
	char path[64], reason[80] = "";
	bool ok = make(payload_fd);
	struct nl_request r;
	unsigned int nth, waits;
	int tid = vcpu_tid(), fd;

	snprintf(path, sizeof(path), "/proc/%d/fail-nth", tid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	for (nth = 1; ok && fd >= 0 && nth <= 12; nth++)
		ok = runs_with(fd, nth);
	close(fd);
	result(ok && fd >= 0, "a guest that gets no memory at once");

	snprintf(path, sizeof(path), "/proc/%d/make-it-fail", tid);
	ok = write_file(path, "1") && !nl_simple(&nl, AERIE_CMD_VM_START, NAME);
	/* Its memory goes a moment after it has stopped. */
	for (waits = 0; waits < 1000 && (state() == AERIE_STATE_RUNNING ||
					 get(AERIE_A_RESIDENT, sizeof(uint64_t))); waits++)
		nap(10);
	ok &= state() == AERIE_STATE_STOPPED && !get(AERIE_A_RESIDENT, sizeof(uint64_t));
	nl_named(&nl, &r, AERIE_CMD_VM_GET, NAME);
	nl_do(&nl, &r, AERIE_A_REASON, reason, 40);	/* of more */
	printf("# %s...\n", reason);
	result(ok && strstr(reason, "no memory"), "a guest that gets no memory at all");
	ok = write_file(path, "0") && !nl_simple(&nl, AERIE_CMD_VM_START, NAME);
	result(ok && destroy(), "it can be started again");
}

int main(int argc, char **argv)
{
	unsigned int i;

	printf("KTAP version 1\n");
	if (argc != 3)
		return 1;
	if (!nl_open(&nl, PATIENCE)) {
		printf("1..0 # SKIP module aerie is not loaded\n");
		return SKIP;
	}
	if (!fail_setup()) {
		printf("1..0 # SKIP this kernel does not inject faults\n");
		return SKIP;
	}
	kernel_fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	payload_fd = open(argv[2], O_RDONLY | O_CLOEXEC);
	disk_fd = memfd_create("disk", MFD_CLOEXEC);
	if (kernel_fd < 0 || payload_fd < 0 || disk_fd < 0 || ftruncate(disk_fd, 1 << 20)) {
		printf("Bail out! cannot open %s, %s or a disk\n", argv[1], argv[2]);
		return 1;
	}
	destroy();

	walk("create", try_create, MOST);
	walk("create with 3 vCPUs, a module, a command line", try_create_rich, MOST);
	walk("start", try_start, MOST);
	walk("start of a stock kernel", try_start_linux, 20);
	walk("destroy a running guest", try_destroy, MOST);
	starve_guest();

	if (!make(payload_fd) || nl_simple(&nl, AERIE_CMD_VM_START, NAME)) {
		printf("Bail out! no guest\n");
		return 1;
	}
	walk("open a console", try_console, MOST);
	walk("show", try_get, MOST);
	walk("list", try_dump, MOST);
	walk("stat", try_stat, MOST);
	walk("map", try_map, MOST);
	walk("doctor", try_doctor, MOST);
	walk("scheduling", try_sched, MOST);
	walk("what that is", try_sched_get, MOST);
	if (swap_file()) {
		walk("swap on", try_swap_on, MOST);
		walk("swap off", try_swap_off, MOST);
	} else {
		result(false, "a file for swap");
	}
	unlink(swap_path);
	walk("pause", try_pause, MOST);
	walk("reset", try_reset, MOST);
	walk("stop", try_stop, MOST);
	nftw("/sys/kernel/debug/aerie", collect, 16, FTW_PHYS);
	collect("/dev/ttyAERIE0", NULL, FTW_F, NULL);
	for (i = 0; i < nr_paths; i++)
		walk_file(paths[i]);
	result(destroy() && !exists(), "destroy");
	printf("1..%d\n", tests);
	return failures ? 1 : 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * What exits cost on this machine, and what they cost under KVM.
 *
 * The payload is that of scripts/bench, run a test at a time: a guest of Aerie as aerie
 * run makes it, and tests/perf/kvm.c for KVM. Both are programs whose output is the
 * payload's. Only one of the two hypervisors can hold the processors, so KVM's guests
 * are run when Aerie's are gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "cmd.h"
#include "mem.h"

const struct option_def opts_bench[] = {
	{ .name = "kvm", .help = "beside KVM's, and fail where KVM cannot be measured" },
	{ .name = "only", .arg = "TEST",
	  .help = "one of exits, mmio, x2apic, timer, registers, touch, two, device" },
	{ .name = "files", .arg = "DIRECTORY", .help = "where payload/exits.elf and kvm are" },
	OPTION_JSON,
	OPTION_QUIET,
	OPTION_END
};

/* Of the payload; each in a guest of its own, so that none finds what another leaves. */
static const struct test {
	const char *name, *cpus;
} tests[] = {
	{ "exits", "1" }, { "mmio", "1" }, { "x2apic", "1" }, { "timer", "1" },
	{ "registers", "1" }, { "touch", "1" }, { "two", "2" }, { "device", "1" },
};

#define NR_TESTS	(sizeof(tests) / sizeof(tests[0]))

struct job {
	const struct args *args;
	struct conn conn;
	bool aerie, kvm;		/* which are measured */
	char tool[PATH_MAX], *helper, *payload;
	char vm[AERIE_NAME_MAX + 1];
	const char *clear;		/* how the host clears pages */
	struct bench bench;
};

static volatile sig_atomic_t enough;

static void on_signal(int sig)
{
	enough = 1;
}

static char *__attribute__((format(printf, 1, 2))) format(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		out_of_memory();
	va_end(ap);
	return s;
}

static void files_free(struct job *job)
{
	free(job->payload);
	free(job->helper);
}

/* Are they in @dir? */
static bool files_in(struct job *job, const char *dir)
{
	files_free(job);
	job->payload = format("%s/payload/exits.elf", dir);
	job->helper = format("%s/kvm", dir);
	return !access(job->payload, R_OK) && !access(job->helper, X_OK);
}

/* They are where make install puts them, seen from the tool, or where they are built. */
static enum status find_files(struct job *job)
{
	const char *given = args_value(job->args, "files");
	ssize_t len = readlink("/proc/self/exe", job->tool, sizeof(job->tool) - 1);
	char *installed, *built;
	bool found;

	job->tool[len > 0 ? len : 0] = '\0';
	while (len > 0 && job->tool[len] != '/')
		len--;
	installed = given ? xstrdup(given) : format("%.*s/../libexec/aerie", (int)len, job->tool);
	built = format("%.*s/perf", (int)len, job->tool);
	found = files_in(job, installed) || (!given && files_in(job, built));
	if (!found)
		complain("bench", "payload/exits.elf and kvm are not in %s; make builds them, make install puts them in their place",
			 installed);
	free(installed);
	free(built);
	return found ? STATUS_OK : STATUS_FAILED;
}

/* As the kernel's clear_page() does it, in the payload's words. */
static const char *clear_method(void)
{
	char *line = NULL;
	size_t size = 0;
	const char *method = "64";
	FILE *f = fopen("/proc/cpuinfo", "r");

	while (f && getline(&line, &size, f) >= 0) {
		if (strncmp(line, "flags", 5))
			continue;
		method = strstr(line, " erms ") ? "1" : strstr(line, " rep_good ") ? "8" : "64";
		break;
	}
	free(line);
	if (f)
		fclose(f);
	return method;
}

/* Why KVM cannot make a guest, or NULL. */
static const char *kvm_refuses(char *buf, size_t size)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm;

	if (kvm < 0) {
		snprintf(buf, size, "/dev/kvm: %s%s", strerror(errno),
			 errno == ENOENT ? ", load kvm_intel or kvm_amd" : "");
		return buf;
	}
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0)
		snprintf(buf, size, "it can make no guest (%s); one hypervisor holds the processors at a time, aerie list shows guests of Aerie",
			 strerror(errno));
	else
		close(vm);
	close(kvm);
	return vm < 0 ? buf : NULL;
}

/* What to measure: KVM where it can be, or where it has to be. */
static enum status choose(struct job *job)
{
	bool must = args_has(job->args, "kvm");
	char buf[256];
	const char *why = kvm_refuses(buf, sizeof(buf));
	enum status status = STATUS_OK;

	if (must && why) {
		complain("bench", "KVM cannot be measured: %s", why);
		return STATUS_FAILED;
	}
	job->kvm = !why;
	/* Where KVM's module keeps ours out, one after the other is the only way. */
	if (must && access("/sys/module/aerie", F_OK)) {
		tell(job->args, "bench", "the module is not loaded: KVM's figures alone");
		return status;
	}
	status = conn_open(&job->conn);
	job->aerie = status == STATUS_OK;
	return status;
}

/* Run a program, its output into the pipe. The descriptor to read, or -1. */
static int spawn(char *const argv[], pid_t *pid)
{
	int fds[2], null;

	if (pipe2(fds, O_CLOEXEC))
		return -1;
	*pid = fork();
	if (!*pid) {
		null = open("/dev/null", O_RDONLY);
		dup2(null, STDIN_FILENO);
		dup2(fds[1], STDOUT_FILENO);
		execv(argv[0], argv);
		complain("bench", "%s: %s", argv[0], strerror(errno));
		_exit(STATUS_FAILED);
	}
	close(fds[1]);
	if (*pid < 0)
		close(fds[0]);
	return *pid < 0 ? -1 : fds[0];
}

/* Take in all that the payload says. True where it says that its test has passed. */
static bool read_figures(struct job *job, enum bench_engine engine, int fd, pid_t pid)
{
	FILE *f = fdopen(fd, "r");
	bool passed = false;
	char *line = NULL;
	size_t size = 0;

	if (!f)
		out_of_memory();
	while (!enough && getline(&line, &size, f) >= 0) {
		bench_line(&job->bench, engine, line);
		passed |= !strncmp(line, "ok 1 ", 5);
	}
	if (enough)
		kill(pid, SIGTERM);
	free(line);
	fclose(f);
	return passed;
}

static enum status run_test(struct job *job, const struct test *test, enum bench_engine engine)
{
	char append[128];
	char *aerie[] = {
		job->tool, "run", job->vm, "--quiet", "--memory", "128M",
		"--vcpus", (char *)test->cpus, "--kernel", job->payload,
		"--append", append, "--console", NULL
	}, *kvm[] = {
		job->helper, "--large", "--cpus", (char *)test->cpus,
		"--append", append, job->payload, NULL
	};
	struct refusal ignored;
	bool passed = false;
	int fd, result = 0;
	pid_t pid;

	/* Aerie has no eventfds yet: registers of the 8259 and the I/O APIC are like them. */
	snprintf(append, sizeof(append), "only=%s clear=%s%s", test->name, job->clear,
		 engine == BENCH_AERIE ? " port=161 address=4273995776" : "");
	fd = spawn(engine == BENCH_AERIE ? aerie : kvm, &pid);
	if (fd >= 0) {
		passed = read_figures(job, engine, fd, pid);
		while (waitpid(pid, &result, 0) < 0 && errno == EINTR)
			;
	}
	if (engine == BENCH_AERIE)
		conn_vm_call(&job->conn, AERIE_CMD_VM_DESTROY, job->vm, NULL, NULL, &ignored);
	if (enough) {
		complain("bench", "interrupted");
		return STATUS_FAILED;
	}
	/* It has said why. */
	if (fd >= 0 && WIFEXITED(result) && WEXITSTATUS(result))
		return engine == BENCH_AERIE ? WEXITSTATUS(result) : STATUS_FAILED;
	if (!passed) {
		complain("bench", "the payload's test '%s' has failed under %s", test->name,
			 engine == BENCH_AERIE ? "Aerie" : "KVM");
		return STATUS_FAILED;
	}
	return STATUS_OK;
}

static bool wanted(const struct args *args, const struct test *test)
{
	const char *only = args_value(args, "only");

	return !only || !strcmp(only, test->name);
}

static enum status run_tests(struct job *job, enum bench_engine engine)
{
	enum status status = STATUS_OK;
	size_t i;

	if (isatty(STDERR_FILENO))
		tell(job->args, NULL, "measuring %s ...", engine == BENCH_AERIE ? "Aerie" : "KVM");
	for (i = 0; i < NR_TESTS && status == STATUS_OK; i++) {
		if (wanted(job->args, &tests[i]))
			status = run_test(job, &tests[i], engine);
	}
	return status;
}

static uint64_t tsc(void)
{
	return __builtin_ia32_rdtsc();
}

/* The time-stamp counter's frequency, against the clock: it is what guests count, too. */
static uint64_t tsc_hz(void)
{
	struct timespec from, to, wait = { .tv_nsec = 100000000 };
	uint64_t start, ticks;

	clock_gettime(CLOCK_MONOTONIC, &from);
	start = tsc();
	nanosleep(&wait, NULL);
	clock_gettime(CLOCK_MONOTONIC, &to);
	ticks = tsc() - start;
	return (uint64_t)((double)ticks * 1e9 /
			  ((double)(to.tv_sec - from.tv_sec) * 1e9 +
			   (double)(to.tv_nsec - from.tv_nsec)));
}

static void print_bench(const struct job *job, uint64_t hz)
{
	struct out_table *table = bench_table(&job->bench, hz, job->kvm);
	struct json json = { .f = stdout };

	if (args_has(job->args, "json")) {
		json_open(&json, NULL, '{');
		json_u64(&json, "tsc_khz", hz / 1000);
		out_table_json(table, &json, "exits");
		json_close(&json, '}');
	} else {
		out_table_text(table, stdout);
	}
	out_table_free(table);
}

enum status cmd_bench(const struct args *args)
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct job job = { .args = args, .clear = clear_method() };
	enum status status;
	size_t i = 0;

	while (i < NR_TESTS && !wanted(args, &tests[i]))
		i++;
	if (i == NR_TESTS)
		return usage(args, "--only '%s' is no test", args_value(args, "only"));
	status = find_files(&job);
	if (status == STATUS_OK)
		status = choose(&job);
	if (status != STATUS_OK) {
		files_free(&job);
		return status;
	}
	snprintf(job.vm, sizeof(job.vm), "bench-%d", (int)getpid());
	/* No guest is left behind. */
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);

	if (job.aerie) {
		status = run_tests(&job, BENCH_AERIE);
		conn_close(&job.conn);
	}
	if (status == STATUS_OK && job.kvm)
		status = run_tests(&job, BENCH_KVM);
	if (status == STATUS_OK)
		print_bench(&job, tsc_hz());
	bench_free(&job.bench);
	files_free(&job);
	return status;
}

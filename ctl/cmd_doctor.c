// SPDX-License-Identifier: GPL-2.0
/*
 * Is this machine ready, and if not, what stands in the way: doctor and version.
 *
 * The module is asked where it is loaded. What else is told comes from CPUID, the
 * MSRs where the msr driver lets us, and /sys/module, so that it can be told
 * before anyone has tried to load anything.
 */
#include <cpuid.h>
#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>

#include "cmd.h"
#include "host.h"
#include "text.h"

#define MSR_FEATURE_CONTROL	0x3a		/* Intel: bit 0 locked, bit 2 VMX */
#define MSR_VM_CR		0xc0010114	/* AMD: bit 4 SVM disabled */

const struct option_def opts_json[] = {
	OPTION_JSON,
	OPTION_QUIET,
	OPTION_END
};

enum verdict { VERDICT_OK, VERDICT_NOTE, VERDICT_PROBLEM };

struct check {
	const char *name;
	enum verdict verdict;
	char text[320];
};

struct doctor {
	struct check check[16];
	size_t nr;
	bool problem;
	char next[320];		/* the first thing to do */
};

static void __attribute__((format(printf, 4, 5)))
found(struct doctor *d, const char *name, enum verdict verdict, const char *fmt, ...)
{
	struct check *check = &d->check[d->nr++];
	va_list ap;

	check->name = name;
	check->verdict = verdict;
	d->problem |= verdict == VERDICT_PROBLEM;
	va_start(ap, fmt);
	vsnprintf(check->text, sizeof(check->text), fmt, ap);
	va_end(ap);
}

/* Only the first advice is given: the rest depends on it. */
static void __attribute__((format(printf, 2, 3)))
advise(struct doctor *d, const char *fmt, ...)
{
	va_list ap;

	if (*d->next)
		return;
	va_start(ap, fmt);
	vsnprintf(d->next, sizeof(d->next), fmt, ap);
	va_end(ap);
}

static bool read_msr(uint32_t msr, uint64_t *value)
{
	int fd = open("/dev/cpu/0/msr", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = pread(fd, value, sizeof(*value), msr);
	close(fd);
	return n == sizeof(*value);
}

/* A flag in /proc/cpuinfo: what CPUID has and the kernel has not taken back. */
static bool kernel_flag(const char *flag)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[4096], *word, *rest;
	bool found = !f;	/* unknown: nothing to complain about */

	while (f && !found && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "flags", 5))
			continue;
		for (word = strtok_r(line, " \t\n", &rest); word && !found;
		     word = strtok_r(NULL, " \t\n", &rest))
			found = !strcmp(word, flag);
	}
	if (f)
		fclose(f);
	return found;
}

static bool module_loaded(const char *name)
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/module/%s", name);
	return !access(path, F_OK);
}

/* How many use a loaded module, -1 where that is not told (built in, or absent). */
static int module_users(const char *name)
{
	char path[96];
	int users = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/module/%s/refcnt", name);
	f = fopen(path, "re");
	if (f) {
		if (fscanf(f, "%d", &users) != 1)
			users = -1;
		fclose(f);
	}
	return users;
}

static bool cpu_bit(uint32_t leaf, int reg, int bit)
{
	uint32_t r[4];

	return __get_cpuid_count(leaf, 0, &r[0], &r[1], &r[2], &r[3]) && (r[reg] >> bit & 1);
}

static void cpu_vendor(char vendor[13])
{
	uint32_t max, b, c, d;

	__cpuid(0, max, b, c, d);
	memcpy(vendor, &b, 4);
	memcpy(vendor + 4, &d, 4);
	memcpy(vendor + 8, &c, 4);
	vendor[12] = '\0';
}

static void check_processor(struct doctor *d)
{
	enum { EAX, EBX, ECX, EDX };
	bool vmx = cpu_bit(1, ECX, 5), svm = cpu_bit(0x80000001, ECX, 2);
	bool guest = cpu_bit(1, ECX, 31);
	char vendor[13];

	cpu_vendor(vendor);
	if (svm && !cpu_bit(0x8000000a, EDX, 0)) {
		found(d, "processor", VERDICT_PROBLEM, "%s: SVM without nested paging", vendor);
		advise(d, "use a machine whose processors have nested paging");
	} else if (vmx || svm) {
		found(d, "processor", VERDICT_OK, "%s: %s%s", vendor,
		      vmx ? "VMX" : "SVM with nested paging",
		      guest ? ", nested in another hypervisor" : "");
	} else if (guest) {
		found(d, "processor", VERDICT_PROBLEM,
		      "%s: neither VMX nor SVM, hidden by the hypervisor this machine runs on",
		      vendor);
		advise(d, "turn on nested virtualization in the hypervisor above, or try aerie in an emulator: make shell");
	} else {
		found(d, "processor", VERDICT_PROBLEM, "%s: neither VMX nor SVM", vendor);
		advise(d, "use a machine whose processors have VMX or SVM, or try aerie in an emulator: make shell");
	}
}

static void check_firmware(struct doctor *d)
{
	bool vmx = cpu_bit(1, 2, 5), svm = cpu_bit(0x80000001, 2, 2), off;
	uint64_t value;

	if (!vmx && !svm)
		return;
	if (read_msr(vmx ? MSR_FEATURE_CONTROL : MSR_VM_CR, &value))
		off = vmx ? (value & 1) && !(value & 4) : value >> 4 & 1;
	else if (kernel_flag(vmx ? "vmx" : "svm"))
		return;		/* not every kernel takes the flag back: no way to know */
	else
		off = true;
	if (off) {
		found(d, "firmware", VERDICT_PROBLEM, "%s is turned off", vmx ? "VMX" : "SVM");
		advise(d, "turn virtualization on in the firmware's set-up");
	} else {
		found(d, "firmware", VERDICT_OK, "leaves %s on", vmx ? "VMX" : "SVM");
	}
}

static void check_others(struct doctor *d)
{
	static const char * const names[] = { "kvm_intel", "kvm_amd", "vboxdrv", "vmmon" };
	bool any = false;
	size_t i;
	int users;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!module_loaded(names[i]))
			continue;
		any = true;
		users = module_users(names[i]);
		if (users > 0)
			found(d, "others", VERDICT_NOTE, "%s is loaded and in use (%d)",
			      names[i], users);
		else
			found(d, "others", VERDICT_NOTE, "%s is loaded", names[i]);
	}
	if (!any)
		found(d, "others", VERDICT_OK, "no other hypervisor is loaded");
}

static const char *other_module(void)
{
	return module_loaded("kvm_amd") ? "kvm_amd" :
	       module_loaded("kvm_intel") ? "kvm_intel" :
	       module_loaded("vboxdrv") ? "vboxdrv" :
	       module_loaded("vmmon") ? "vmmon" : NULL;
}

static void check_hw_state(struct doctor *d, const struct host *host)
{
	const char *other = other_module();

	if (!strcmp(host->hw_state, "free")) {
		found(d, "taken", VERDICT_OK, "the processors are free");
	} else if (!strcmp(host->hw_state, "ours")) {
		found(d, "taken", VERDICT_OK, "the processors are Aerie's, guests run");
	} else {
		found(d, "taken", VERDICT_PROBLEM, "%s", host->hw_state);
		if (other)
			advise(d, "stop what uses %s, then: modprobe -r %s", other, other);
		else
			advise(d, "stop the other hypervisor");
	}
}

struct version {
	char version[32], backend[16];
	uint32_t abi;
};

static void read_version(struct nlattr **tb, void *arg)
{
	struct version *v = arg;

	get_str(tb[AERIE_A_VERSION], v->version, sizeof(v->version));
	get_str(tb[AERIE_A_BACKEND], v->backend, sizeof(v->backend));
	v->abi = get_u32(tb[AERIE_A_ABI]);
}

static enum status get_version(const struct conn *conn, struct version *v, struct refusal *e)
{
	*v = (struct version){};
	return conn_call(conn, conn_request(conn, AERIE_CMD_VERSION, 0), read_version, v, e);
}

static enum status check_module(struct doctor *d, struct host *host)
{
	struct version version;
	enum status status;
	struct refusal e;
	struct conn conn;

	status = conn_try_open(&conn);
	if (status != STATUS_OK) {
		found(d, "module", VERDICT_NOTE, "not loaded");
		advise(d, "make load (insmod aerie.ko); dmesg says why where it fails");
		conn_close(&conn);
		return STATUS_NO_MODULE;
	}
	status = get_version(&conn, &version, &e);
	if (status == STATUS_OK)
		status = host_get(&conn, host, &e);
	conn_close(&conn);
	if (status == STATUS_NOT_PERMITTED) {
		found(d, "module", VERDICT_NOTE, "loaded; what it has to say takes CAP_NET_ADMIN");
		advise(d, "ask again as root");
		return status;
	}
	if (status != STATUS_OK) {
		found(d, "module", VERDICT_PROBLEM, "loaded, but does not answer: %s", e.msg);
		advise(d, "load the module that this tool was built with");
		return status;
	}
	if (version.abi < AERIE_ABI) {
		found(d, "module", VERDICT_PROBLEM,
		      "version %s with interface %u is older than this tool's, %u",
		      version.version, version.abi, AERIE_ABI);
		advise(d, "load the module that this tool was built with");
	} else {
		found(d, "module", VERDICT_OK, "version %s, %s", version.version,
		      version.backend);
	}
	check_hw_state(d, host);
	return STATUS_OK;
}

static const char *verdict_name(enum verdict verdict)
{
	return verdict == VERDICT_OK ? "ok" : verdict == VERDICT_NOTE ? "note" : "problem";
}

static void print_caps(struct json *json, const char *caps)
{
	char line[256];
	size_t len;

	json_open(json, "capabilities", '[');
	for (; *caps; caps += len + (caps[len] == '\n')) {
		len = strcspn(caps, "\n");
		snprintf(line, sizeof(line), "%.*s", (int)len, caps);
		json_str(json, NULL, line);
	}
	json_close(json, ']');
}

static void print_doctor(const struct args *args, const struct doctor *d,
			 const struct host *host)
{
	static const struct out_col cols[] = {
		{ "CHECK", OUT_STR }, { "VERDICT", OUT_STR }, { "FINDING", OUT_STR },
	};
	struct out_table *checks = out_table_new(cols, 3);
	struct out_table *mitigations = host_mitigations(host);
	struct json json = { .f = stdout };
	size_t i;

	for (i = 0; i < d->nr; i++) {
		const struct check *check = &d->check[i];

		out_table_row(checks, (struct out_val[]){
			{ .str = check->name },
			{ .str = verdict_name(check->verdict) },
			{ .str = check->text },
		});
	}
	if (args_has(args, "json")) {
		json_open(&json, NULL, '{');
		out_table_json(checks, &json, "checks");
		out_table_json(mitigations, &json, "mitigations");
		if (host->caps)
			print_caps(&json, host->caps);
		json_str(&json, "next", d->next);
		json_close(&json, '}');
	} else {
		out_table_text(checks, stdout);
		if (host->nr_mitigations) {
			putchar('\n');
			out_table_text(mitigations, stdout);
		}
		if (host->caps && *host->caps)
			printf("\ncapabilities:\n%s\n", host->caps);
		printf("\nnext: %s\n", d->next);
	}
	out_table_free(checks);
	out_table_free(mitigations);
}

enum status cmd_doctor(const struct args *args)
{
	struct host host = {};
	struct doctor d = {};
	enum status status;

	check_processor(&d);
	check_firmware(&d);
	check_others(&d);
	status = check_module(&d, &host);
	advise(&d, "aerie run web -m 512M -k vmlinuz -i initrd.img -a \"console=ttyS0\"");
	print_doctor(args, &d, &host);
	host_free(&host);
	/* Loading the module would not help against a problem. */
	if (d.problem && (status == STATUS_OK || status == STATUS_NO_MODULE))
		status = STATUS_FAILED;
	return status;
}

enum status cmd_version(const struct args *args)
{
	struct json json = { .f = stdout };
	struct version version = {};
	enum status status;
	struct refusal e;
	bool loaded;
	struct conn conn;

	loaded = conn_try_open(&conn) == STATUS_OK;
	status = loaded ? get_version(&conn, &version, &e) : STATUS_OK;
	conn_close(&conn);

	if (args_has(args, "json")) {
		json_open(&json, NULL, '{');
		json_str(&json, "tool", AERIE_VERSION);
		json_u64(&json, "tool_abi", AERIE_ABI);
		json_bool(&json, "loaded", loaded);
		if (loaded && status == STATUS_OK) {
			json_str(&json, "module", version.version);
			json_u64(&json, "module_abi", version.abi);
			json_str(&json, "backend", version.backend);
		}
		json_close(&json, '}');
	} else {
		printf("aerie %s (interface %d)\n", AERIE_VERSION, AERIE_ABI);
		if (!loaded)
			puts("module: not loaded");
		else if (status == STATUS_OK)
			printf("module: %s (interface %u), %s\n", version.version, version.abi,
			       version.backend);
	}
	if (status != STATUS_OK)
		fail(NULL, "cannot ask the module for its version", &e);
	return status;
}

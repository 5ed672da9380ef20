// SPDX-License-Identifier: GPL-2.0
/* Making VMs and moving them through their life: run, create, start, ... destroy. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include "balloon.h"
#include "cmd.h"
#include "disk.h"
#include "image.h"
#include "mem.h"
#include "nic.h"
#include "sched.h"
#include "text.h"

#define DEFAULT_MEMORY	(512ull << 20)

#define OPTIONS_CREATE							\
	{ .name = "memory", .letter = 'm', .arg = "SIZE",		\
	  .help = "512M, 4G, ...; default 512M" },			\
	{ .name = "vcpus", .letter = 'c', .arg = "N[,max=M]",		\
	  .help = "virtual processors, 1 to 64, and that there may be; default 1" }, \
	{ .name = "kernel", .letter = 'k', .arg = "FILE",		\
	  .help = "Linux bzImage or multiboot image; needed" },		\
	{ .name = "initrd", .letter = 'i', .arg = "FILE",		\
	  .help = "initial RAM disk of a Linux kernel" },		\
	{ .name = "append", .letter = 'a', .arg = "TEXT",		\
	  .help = "kernel command line" },				\
	{ .name = "module", .arg = "FILE", .many = true,		\
	  .help = "module of a multiboot image" },			\
	{ .name = "disk", .letter = 'd', .arg = "FILE", .many = true,	\
	  .help = "disk: FILE[,OPTION...]: image, file or block device" },	\
	{ .name = "nic", .letter = 'n', .arg = "BRIDGE", .many = true,	\
	  .help = "network: BRIDGE[,mac=ADDRESS], or host for no bridge" }, \
	{ .name = "hvc",						\
	  .help = "a virtio console beside the serial port, hvc0" },	\
	{ .name = "balloon", .arg = "SIZE|auto",			\
	  .help = "memory to do without: SIZE or auto[,min=SIZE][,max=SIZE]" }, \
	OPTIONS_SCHED,							\
	{ .name = "share-group", .arg = "GROUP",			\
	  .help = "share equal memory with the VMs of that group" },	\
	{ .name = "name", .arg = "NAME",				\
	  .help = "the VM's name, as the operand VM" }

const struct option_def opts_run[] = {
	OPTIONS_CREATE,
	{ .name = "console", .help = "attach to the console; ends when the guest stops" },
	OPTION_QUIET,
	OPTION_END
};

const struct option_def opts_create[] = {
	OPTIONS_CREATE,
	OPTION_QUIET,
	OPTION_END
};

const struct option_def opts_plain[] = {
	OPTION_QUIET,
	OPTION_END
};

/* What a VM is to be made of, from the command line. */
struct recipe {
	char name[AERIE_NAME_MAX + 1];	/* or "": to be found */
	uint64_t memory;
	uint32_t vcpus, vcpus_max;
	const char *append, *group;
	int kernel, initrd;		/* descriptors, initrd -1 for none */
	int32_t module[AERIE_MODULES_MAX];
	size_t nr_modules;
	struct disk disk[AERIE_DISKS_MAX];
	size_t nr_disks;
	struct nic nic[AERIE_NICS_MAX];
	size_t nr_nics;
	bool hvc;
	bool has_balloon;
	struct balloon balloon;
	struct sched sched;
};

static int open_file(const struct args *args, const char *name, const char *option,
		     const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		complain(name, "cannot %s: %s %s: %s", args->command->name, option, path,
			 strerror(errno));
	return fd;
}

static int open_image(const struct args *args, const char *name, const char *option,
		      const char *path)
{
	return open_file(args, name, option, path, O_RDONLY);
}

enum status read_disk(const struct args *args, const char *what, const char *text,
		      struct disk *disk)
{
	char *word, *rest = xstrdup(text);
	enum status status;

	disk->fd = -1;
	disk->path = strsep(&rest, ",");
	if (!*disk->path)
		return usage(args, "%s '%s' names no file", what, text);
	while ((word = strsep(&rest, ","))) {
		if (!strcmp(word, "ro"))
			disk->read_only = true;
		else if (!strcmp(word, "direct"))
			disk->direct = true;
		else if (disk_limit_word(args, word, &disk->limit, &status)) {
			if (status != STATUS_OK)
				return status;
		} else if (strncmp(word, "serial=", 7))
			return usage(args, "%s: '%s' is none of ro, direct, serial=TEXT, iops=N, "
				     "bps=SIZE, burst=TIME", what, word);
		else if (strlen(word + 7) > AERIE_SERIAL_MAX)
			return usage(args, "%s: the serial number '%s' is longer than %d characters",
				     what, word + 7, AERIE_SERIAL_MAX);
		else
			strcpy(disk->serial, word + 7);
	}
	return STATUS_OK;
}

static bool open_disk_image(const struct args *args, const char *name, const char *what,
			    struct disk *disk)
{
	char why[IMAGE_WHY];

	disk->image = xcalloc(1, sizeof(*disk->image));
	if (image_open(disk->image, disk->path, (disk->read_only ? 0 : IMAGE_WRITE) |
		       (disk->direct ? IMAGE_DIRECT : 0), why))
		return true;
	complain(name, "cannot %s: %s %s", args->command->name, what, why);
	return false;
}

bool open_disk(const struct args *args, const char *name, const char *what, struct disk *disk)
{
	disk->fd = -1;
	if (image_is(disk->path))
		return open_disk_image(args, name, what, disk);
	disk->fd = open_file(args, name, what, disk->path, (disk->read_only ? O_RDONLY : O_RDWR) |
						     (disk->direct ? O_DIRECT : 0));
	if (disk->fd < 0)
		return false;
	/* The module says who has it; aerie image, which may write it, is told by the lock. */
	if (!flock(disk->fd, LOCK_SH | LOCK_NB) || errno != EWOULDBLOCK)
		return true;
	complain(name, "cannot %s: %s %s is in use by another program, which has locked it",
		 args->command->name, what, disk->path);
	return false;
}

void close_disk(struct disk *disk)
{
	if (disk->fd >= 0)
		close(disk->fd);
	if (disk->image)
		image_close(disk->image);
	free(disk->image);
	free(disk->path);
}

static enum status read_disks(const struct args *args, struct recipe *r)
{
	enum status status;
	size_t i;

	for (i = 0; i < args->nr_given; i++) {
		if (strcmp(args->given[i].option->name, "disk"))
			continue;
		if (r->nr_disks == AERIE_DISKS_MAX)
			return usage(args, "more than %d disks", AERIE_DISKS_MAX);
		status = read_disk(args, "--disk", args->given[i].value, &r->disk[r->nr_disks++]);
		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}

static enum status read_name(const struct args *args, struct recipe *r)
{
	const char *option = args_value(args, "name");
	const char *name = args->nr_operands ? args->operand[0] : option;

	if (args->nr_operands && option && strcmp(option, name))
		return usage(args, "two names, '%s' and '%s'", name, option);
	if (!name)
		return STATUS_OK;
	if (!name_valid(name))
		return usage(args, "'%s' is no name for a VM: up to %d letters, digits and . _ -, "
			     "not starting with . or -", name, AERIE_NAME_MAX);
	strcpy(r->name, name);
	return STATUS_OK;
}

/* N[,max=M] */
static enum status read_vcpus(const struct args *args, struct recipe *r)
{
	const char *text = args_value(args, "vcpus");
	enum status status = STATUS_OK;
	char *max, *nr;

	if (!text)
		return STATUS_OK;
	max = xstrdup(text);
	nr = strsep(&max, ",");
	if (!parse_u32(nr, &r->vcpus) || !r->vcpus || r->vcpus > AERIE_VCPUS_MAX)
		status = usage(args, "--vcpus '%s' is not 1 to %d", nr, AERIE_VCPUS_MAX);
	else if (!max)
		r->vcpus_max = r->vcpus;
	else if (strncmp(max, "max=", 4))
		status = usage(args, "--vcpus: '%s' is not max=M", max);
	else if (!parse_u32(max + 4, &r->vcpus_max) || r->vcpus_max < r->vcpus ||
		 r->vcpus_max > AERIE_VCPUS_MAX)
		status = usage(args, "--vcpus: '%s' is not %u to %d", max, r->vcpus,
			       AERIE_VCPUS_MAX);
	free(nr);
	return status;
}

/* The numbers first: nothing is opened for a command line that makes no sense. */
static enum status read_recipe(const struct args *args, struct recipe *r)
{
	const char *memory = args_value(args, "memory");
	enum status status = read_name(args, r);
	size_t i, modules = 0;

	if (status != STATUS_OK)
		return status;
	if (memory && !parse_size(memory, &r->memory))
		return usage(args, "--memory '%s' is no size, write 512M or 4G", memory);
	if (r->memory < AERIE_MEMORY_MIN)
		return usage(args, "--memory %s is less than 1M%s", memory,
			     r->memory >= 1 && r->memory < 65536 ? ", is M or G missing?" : "");
	if (r->memory > AERIE_MEMORY_MAX)
		return usage(args, "--memory %s is more than 16T", memory);
	if (r->memory % 4096)
		return usage(args, "--memory %s is not a multiple of 4K", memory);
	status = read_vcpus(args, r);
	if (status != STATUS_OK)
		return status;
	r->hvc = args_has(args, "hvc");
	r->group = args_value(args, "share-group");
	if (r->group && !name_valid(r->group))
		return usage(args, "--share-group '%s': up to %d letters, digits and . _ -, "
			     "not starting with . or -", r->group, AERIE_GROUP_MAX);
	r->append = args_value(args, "append");
	if (r->append && strlen(r->append) > AERIE_CMDLINE_MAX)
		return usage(args, "--append is longer than %d characters", AERIE_CMDLINE_MAX);
	for (i = 0; i < args->nr_given; i++)
		modules += !strcmp(args->given[i].option->name, "module");
	if (modules > AERIE_MODULES_MAX)
		return usage(args, "more than %d modules", AERIE_MODULES_MAX);
	status = read_disks(args, r);
	if (status == STATUS_OK)
		status = read_nics(args, r->nic, &r->nr_nics);
	r->has_balloon = args_has(args, "balloon");
	if (status == STATUS_OK && r->has_balloon)
		status = read_balloon(args, "--balloon", args_value(args, "balloon"), &r->balloon);
	if (status == STATUS_OK)
		status = read_sched(args, &r->sched);
	if (status != STATUS_OK)
		return status;
	if (!args_has(args, "kernel"))
		return usage(args, "--kernel FILE is missing");
	return STATUS_OK;
}

static enum status open_recipe(const struct args *args, struct recipe *r)
{
	const char *name = *r->name ? r->name : NULL;
	const char *initrd = args_value(args, "initrd");
	size_t i;
	int fd;

	r->kernel = open_image(args, name, "--kernel", args_value(args, "kernel"));
	if (r->kernel < 0)
		return STATUS_FAILED;
	if (initrd) {
		r->initrd = open_image(args, name, "--initrd", initrd);
		if (r->initrd < 0)
			return STATUS_FAILED;
	}
	for (i = 0; i < args->nr_given; i++) {
		if (strcmp(args->given[i].option->name, "module"))
			continue;
		fd = open_image(args, name, "--module", args->given[i].value);
		if (fd < 0)
			return STATUS_FAILED;
		r->module[r->nr_modules++] = fd;
	}
	for (i = 0; i < r->nr_disks; i++)
		if (!open_disk(args, name, "--disk", &r->disk[i]))
			return STATUS_FAILED;
	return STATUS_OK;
}

/* vm1, vm2, ...: the first that no VM has. */
static enum status find_name(const struct conn *conn, struct recipe *r, struct refusal *e)
{
	struct vm_list list;
	enum status status = vm_list(conn, &list, e);
	unsigned int n = 0;
	size_t i;

	do {
		snprintf(r->name, sizeof(r->name), "vm%u", ++n);
		for (i = 0; i < list.nr && strcmp(list.vm[i].name, r->name); i++)
			;
	} while (i < list.nr);
	vm_list_free(&list);
	return status;
}

static void read_id(struct nlattr **tb, void *arg)
{
	*(uint32_t *)arg = get_u32(tb[AERIE_A_VM_ID]);
}

static void put_layers(struct nl_msg *msg, const struct image *image)
{
	int32_t fds[AERIE_IMAGE_LAYERS_MAX][2];
	size_t i;

	for (i = 0; i < image->nr; i++) {
		fds[i][0] = image->layer[i].manifest;
		fds[i][1] = image->layer[i].data;
	}
	put_data(msg, AERIE_A_DISK_LAYERS, fds, image->nr * sizeof(fds[0]));
}

void put_disks(struct nl_msg *msg, const struct disk *disks, size_t nr)
{
	struct nlattr *list = put_nest(msg, AERIE_A_DISK_LIST), *disk;
	size_t i;

	for (i = 0; i < nr; i++) {
		disk = put_nest(msg, AERIE_A_DISK);
		if (disks[i].image)
			put_layers(msg, disks[i].image);
		else
			put_s32(msg, AERIE_A_DISK_FD, disks[i].fd);
		if (*disks[i].serial)
			put_str(msg, AERIE_A_SERIAL, disks[i].serial);
		disk_limit_put(msg, &disks[i].limit);
		nla_nest_end(msg, disk);
	}
	nla_nest_end(msg, list);
}

static enum status create_once(const struct conn *conn, const struct recipe *r, uint32_t *id,
			       struct refusal *e)
{
	struct nl_msg *msg = conn_request(conn, AERIE_CMD_VM_CREATE, 0);

	put_str(msg, AERIE_A_NAME, r->name);
	put_u64(msg, AERIE_A_MEMORY, r->memory);
	put_u32(msg, AERIE_A_VCPUS, r->vcpus);
	if (r->vcpus_max > r->vcpus)
		put_u32(msg, AERIE_A_VCPUS_MAX, r->vcpus_max);
	put_s32(msg, AERIE_A_KERNEL_FD, r->kernel);
	if (r->initrd >= 0)
		put_s32(msg, AERIE_A_INITRD_FD, r->initrd);
	if (r->nr_modules)
		put_data(msg, AERIE_A_MODULE_FDS, r->module,
			 r->nr_modules * sizeof(r->module[0]));
	if (r->nr_disks)
		put_disks(msg, r->disk, r->nr_disks);
	put_nics(msg, r->nic, r->nr_nics);
	if (r->hvc)
		put_data(msg, AERIE_A_HVC, NULL, 0);
	if (r->has_balloon)
		put_balloon(msg, &r->balloon);
	if (r->group)
		put_str(msg, AERIE_A_SHARE_GROUP, r->group);
	if (r->append)
		put_str(msg, AERIE_A_CMDLINE, r->append);
	return conn_call(conn, msg, read_id, id, e);
}

static enum status create_named(const struct conn *conn, struct recipe *r, uint32_t *id,
				struct refusal *e)
{
	enum status status;

	if (*r->name)
		return create_once(conn, r, id, e);
	/* Somebody else may take the name that we found: then find another. */
	do {
		status = find_name(conn, r, e);
		if (status == STATUS_OK)
			status = create_once(conn, r, id, e);
	} while (status == STATUS_FAILED && e->err == EEXIST);
	return status;
}

/* The VM is scheduled as asked for, or there is none. */
static enum status create(const struct conn *conn, struct recipe *r, uint32_t *id,
			  struct refusal *e)
{
	enum status status = create_named(conn, r, id, e);
	struct refusal ignored;

	if (status != STATUS_OK || !asks_sched(&r->sched))
		return status;
	status = set_sched(conn, r->name, &r->sched, e);
	if (status != STATUS_OK)
		conn_vm_call(conn, AERIE_CMD_VM_DESTROY, r->name, NULL, NULL, &ignored);
	return status;
}

/* A refusal that is about a file names the file. */
static void fail_create(const struct args *args, const struct recipe *r,
			const struct refusal *e)
{
	const char *name = *r->name ? r->name : NULL;

	if (e->attr == AERIE_A_KERNEL_FD)
		complain(name, "cannot create: --kernel %s %s", args_value(args, "kernel"),
			 e->msg);
	else if (e->attr == AERIE_A_INITRD_FD)
		complain(name, "cannot create: --initrd %s %s", args_value(args, "initrd"),
			 e->msg);
	else if (e->attr == AERIE_A_MODULE_FDS && r->nr_modules == 1)
		complain(name, "cannot create: --module %s %s", args_value(args, "module"),
			 e->msg);
	else if (e->attr == AERIE_A_MODULE_FDS)
		complain(name, "cannot create: one of the modules %s", e->msg);
	else if (e->attr == AERIE_A_DISK_LIST && r->nr_disks == 1)
		complain(name, "cannot create: --disk %s %s", r->disk[0].path, e->msg);
	else if (e->attr == AERIE_A_DISK_LIST)
		complain(name, "cannot create: one of the disks %s", e->msg);
	else if (e->attr == AERIE_A_NIC_LIST && r->nr_nics == 1)
		complain(name, "cannot create: --nic %s %s", args_value(args, "nic"), e->msg);
	else if (e->attr == AERIE_A_NIC_LIST)
		complain(name, "cannot create: one of the network interfaces %s", e->msg);
	else if (about_balloon(e))
		complain(name, "cannot create: --balloon %s: %s", args_value(args, "balloon"), e->msg);
	else
		fail(name, "cannot create", e);
}

static void say_created(const struct args *args, const struct recipe *r, const char *how)
{
	char size[TEXT_LEN], most[32] = "";

	if (r->vcpus_max > r->vcpus)
		snprintf(most, sizeof(most), " of up to %u", r->vcpus_max);
	tell(args, r->name, "%s (%u vCPU%s%s, %s), console: aerie console %s", how, r->vcpus,
	     r->vcpus == 1 ? "" : "s", most, text_size(r->memory, size), r->name);
}

/* The VM exists: run it, and where that fails leave nothing behind. */
static enum status run(const struct conn *conn, const struct args *args, const struct recipe *r,
		       uint32_t id, const sigset_t *unblocked)
{
	bool attach = args_has(args, "console");
	struct vm vm = { .id = id }, last;
	struct console con;
	struct refusal e, ignored;
	enum status status = STATUS_OK;

	strcpy(vm.name, r->name);
	if (attach)
		status = console_open(&con, conn, r->name, false, &e);
	if (status == STATUS_OK) {
		status = conn_vm_call(conn, AERIE_CMD_VM_START, r->name, NULL, NULL, &e);
		if (status != STATUS_OK && attach)
			console_close(&con);
	}
	if (status != STATUS_OK) {
		conn_vm_call(conn, AERIE_CMD_VM_DESTROY, r->name, NULL, NULL, &ignored);
		fail(r->name, "cannot start", &e);
		return status;
	}
	say_created(args, r, "running");
	if (!attach)
		return STATUS_OK;

	sigprocmask(SIG_SETMASK, unblocked, NULL);
	status = console_attach(&con, conn, &vm, args, &last);
	console_close(&con);
	/* The guest's own power-off and what a user did to it are no failures of it. */
	if (last.state == AERIE_STATE_STOPPED && last.stop_kind > AERIE_STOP_FORCED) {
		complain(r->name, "%s", last.reason);
		status = STATUS_FAILED;
	}
	return status;
}

static enum status end(struct recipe *r, enum status status)
{
	size_t i;

	for (i = 0; i < r->nr_disks; i++)
		close_disk(&r->disk[i]);
	return status;
}

static enum status create_or_run(const struct args *args, bool and_run)
{
	struct recipe r = { .memory = DEFAULT_MEMORY, .vcpus = 1, .vcpus_max = 1, .kernel = -1, .initrd = -1 };
	sigset_t signals, unblocked;
	struct refusal e;
	enum status status;
	uint32_t id = 0;
	struct conn conn;

	status = read_recipe(args, &r);
	if (status == STATUS_OK)
		status = open_recipe(args, &r);
	if (status == STATUS_OK)
		status = conn_open(&conn);
	if (status != STATUS_OK)
		return end(&r, status);

	/* Between the two commands is no place to be interrupted at. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, &unblocked);

	status = create(&conn, &r, &id, &e);
	if (status != STATUS_OK)
		fail_create(args, &r, &e);
	else if (and_run)
		status = run(&conn, args, &r, id, &unblocked);
	else
		say_created(args, &r, "created");
	conn_close(&conn);
	return end(&r, status);
}

enum status cmd_run(const struct args *args)
{
	return create_or_run(args, true);
}

enum status cmd_create(const struct args *args)
{
	return create_or_run(args, false);
}

struct verb {
	const char *name;
	int cmd;
	const char *done;
	const char *cannot;
};

static const struct verb verbs[] = {
	{ "start", AERIE_CMD_VM_START, "running", "cannot start" },
	{ "pause", AERIE_CMD_VM_PAUSE, "paused", "cannot pause" },
	{ "resume", AERIE_CMD_VM_RESUME, "running", "cannot resume" },
	{ "reset", AERIE_CMD_VM_RESET, "reset", "cannot reset" },
	{ "destroy", AERIE_CMD_VM_DESTROY, "destroyed", "cannot destroy" },
};

/* One command, for every VM that is named; the first failure is the status. */
enum status cmd_simple(const struct args *args)
{
	const struct verb *verb = verbs;
	enum status status, first = STATUS_OK;
	char buf[AERIE_NAME_MAX + 1];
	struct refusal e;
	const char *name;
	struct conn conn;
	size_t i;

	while (strcmp(verb->name, args->command->name))
		verb++;
	status = conn_open(&conn);
	if (status != STATUS_OK)
		return status;
	for (i = 0; i < args->nr_operands; i++) {
		name = vm_resolve(&conn, args->operand[i], buf);
		status = conn_vm_call(&conn, verb->cmd, name, NULL, NULL, &e);
		if (status == STATUS_OK)
			tell(args, name, "%s", verb->done);
		else
			fail(name, verb->cannot, &e);
		if (first == STATUS_OK)
			first = status;
	}
	conn_close(&conn);
	return first;
}

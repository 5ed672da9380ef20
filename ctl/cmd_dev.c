// SPDX-License-Identifier: GPL-2.0
/* Devices that come and go: attach and detach. */
#include <unistd.h>

#include "balloon.h"
#include "cmd.h"
#include "dev.h"
#include "nic.h"
#include "text.h"

#define DETACH_WAIT_NS	(30 * 1000000000ull)

const struct option_def opts_detach[] = {
	{ .name = "force", .help = "take it away now, whatever the guest is doing with it" },
	{ .name = "timeout", .letter = 't', .arg = "DURATION",
	  .help = "how long to wait for the guest; default 30s" },
	OPTION_QUIET,
	OPTION_END
};

/* ---- Attach --------------------------------------------------------------- */

/* A device from the command line: what to open for it, and what to ask for. */
struct device {
	const char *what;		/* follows the kind, or NULL */
	struct disk disk;
	struct nic nic;
	struct balloon balloon;
};

/* A kind of device that can be attached. */
struct kind {
	const char *name;
	const char *takes;		/* what its operand is, or NULL */
	bool may;			/* but it need not have one */
	enum status (*read)(const struct args *args, struct device *device);
	bool (*open)(const struct args *args, const char *vm, struct device *device);
	void (*put)(struct nl_msg *msg, const struct device *device);
};

static enum status disk_read(const struct args *args, struct device *device)
{
	return read_disk(args, "disk", device->what, &device->disk);
}

static bool disk_open(const struct args *args, const char *vm, struct device *device)
{
	return open_disk(args, vm, "disk", &device->disk);
}

static void disk_put(struct nl_msg *msg, const struct device *device)
{
	put_disks(msg, &device->disk, 1);
}

static enum status nic_read(const struct args *args, struct device *device)
{
	return read_nic(args, "nic", device->what, &device->nic);
}

static void nic_put(struct nl_msg *msg, const struct device *device)
{
	put_nics(msg, &device->nic, 1);
}

static void console_put(struct nl_msg *msg, const struct device *device)
{
	put_data(msg, AERIE_A_HVC, NULL, 0);
}

static void rng_put(struct nl_msg *msg, const struct device *device)
{
	put_data(msg, AERIE_A_ENTROPY, NULL, 0);
}

static enum status balloon_read(const struct args *args, struct device *device)
{
	return read_balloon(args, "balloon", device->what ? device->what : "0", &device->balloon);
}

static void balloon_put(struct nl_msg *msg, const struct device *device)
{
	put_balloon(msg, &device->balloon);
}

static const struct kind kinds[] = {
	{ "disk", "FILE[,OPTION...]", false, disk_read, disk_open, disk_put },
	{ "nic", "BRIDGE[,mac=ADDRESS]", false, nic_read, NULL, nic_put },
	{ "console", NULL, false, NULL, NULL, console_put },
	{ "rng", NULL, false, NULL, NULL, rng_put },
	{ "balloon", "SIZE|auto[,OPTION...]", true, balloon_read, NULL, balloon_put },
	{ NULL }
};

static void read_reply(struct nlattr **tb, void *arg)
{
	dev_read(tb, arg);
}

static void fail_attach(const char *name, const struct kind *kind, const struct device *device,
			const struct refusal *e)
{
	if (e->attr == AERIE_A_DISK_LIST)
		complain(name, "cannot attach: disk %s %s", device->disk.path, e->msg);
	else if (e->attr == AERIE_A_NIC_LIST)
		complain(name, "cannot attach: nic %s %s", device->what, e->msg);
	else if (e->attr == AERIE_A_ENTROPY || e->attr == AERIE_A_HVC || about_balloon(e))
		complain(name, "cannot attach: %s: %s", kind->name, e->msg);
	else
		fail(name, "cannot attach", e);
}

static enum status attach(const struct args *args, const struct kind *kind,
			  struct device *device)
{
	char buf[AERIE_NAME_MAX + 1];
	enum status status;
	struct nl_msg *msg;
	struct refusal e;
	const char *name;
	struct conn conn;
	struct dev dev;

	status = conn_open(&conn);
	if (status != STATUS_OK)
		return status;
	name = vm_resolve(&conn, args->operand[0], buf);
	if (kind->open && !kind->open(args, name, device)) {
		conn_close(&conn);
		return STATUS_FAILED;
	}
	msg = conn_request(&conn, AERIE_CMD_DEV_ATTACH, 0);
	put_str(msg, AERIE_A_NAME, name);
	kind->put(msg, device);
	status = conn_call(&conn, msg, read_reply, &dev, &e);
	if (status == STATUS_OK)
		tell(args, name, "%s attached, in PCI slot %u", dev.name, dev.slot);
	else
		fail_attach(name, kind, device, &e);
	conn_close(&conn);
	return status;
}

enum status cmd_attach(const struct args *args)
{
	struct device device = { .disk.fd = -1 };
	const struct kind *kind = kinds;
	enum status status = STATUS_OK;

	while (kind->name && strcmp(kind->name, args->operand[1]))
		kind++;
	if (!kind->name)
		return usage(args, "'%s' is no kind of device: disk, nic, console, rng or balloon", args->operand[1]);
	if (args->nr_operands > 2)
		device.what = args->operand[2];
	if (kind->takes && !kind->may && !device.what)
		return usage(args, "%s %s is missing", kind->name, kind->takes);
	if (!kind->takes && device.what)
		return usage(args, "%s takes nothing more, not '%s'", kind->name, device.what);
	if (kind->read)
		status = kind->read(args, &device);
	if (status == STATUS_OK)
		status = attach(args, kind, &device);
	close_disk(&device.disk);
	return status;
}

/* ---- Detach --------------------------------------------------------------- */

struct detach {
	const struct args *args;
	struct conn conn;
	struct events events;
	const char *name;		/* of the VM */
	struct dev dev;
	uint64_t deadline;
};

/* Has the device gone, the VM with it perhaps? */
static bool gone(struct detach *d)
{
	struct dev_list list;
	struct refusal e;
	enum status status = dev_list(&d->conn, d->name, &list, &e);
	bool there = false;
	size_t i;

	for (i = 0; i < list.nr; i++)
		there |= list.dev[i].id == d->dev.id && !strcmp(list.dev[i].name, d->dev.name);
	dev_list_free(&list);
	return status == STATUS_NO_VM || (status == STATUS_OK && !there);
}

static enum status wait_gone(struct detach *d)
{
	const char *timeout = args_value(d->args, "timeout");

	if (isatty(STDERR_FILENO))
		tell(d->args, d->name, "waiting for the guest to let go of %s", d->dev.name);
	while (!gone(d)) {
		if (now_ns() >= d->deadline) {
			complain(d->name, "cannot detach: the guest has not let go of %s within %s; it stays, aerie detach %s %s --force takes it away",
				 d->dev.name, timeout ? timeout : "30s", d->name, d->dev.name);
			return STATUS_TIMEOUT;
		}
		events_wait(&d->events, d->deadline);
	}
	return STATUS_OK;
}

static enum status ask(struct detach *d, const char *device)
{
	struct nl_msg *msg = conn_request(&d->conn, AERIE_CMD_DEV_DETACH, 0);
	enum status status;
	struct refusal e;

	put_str(msg, AERIE_A_NAME, d->name);
	put_str(msg, AERIE_A_DEV_NAME, device);
	if (args_has(d->args, "force"))
		put_data(msg, AERIE_A_FORCE, NULL, 0);
	status = conn_call(&d->conn, msg, read_reply, &d->dev, &e);
	if (status == STATUS_OK && d->dev.asked)
		status = wait_gone(d);
	else if (e.attr == AERIE_A_DEV_NAME)
		complain(d->name, "cannot detach: %s %s", device, e.msg);
	else if (status != STATUS_OK)
		fail(d->name, "cannot detach", &e);
	if (status == STATUS_OK)
		tell(d->args, d->name, "%s detached", d->dev.name);
	return status;
}

enum status cmd_detach(const struct args *args)
{
	struct detach d = { .args = args };
	char buf[AERIE_NAME_MAX + 1];
	enum status status;
	struct refusal e;

	if (args_has(args, "force") && args_has(args, "timeout"))
		return usage(args, "--force or --timeout, not both");
	if (!*args->operand[1] || strlen(args->operand[1]) > AERIE_NAME_MAX)
		return usage(args, "'%s' is no name of a device", args->operand[1]);
	status = read_deadline(args, DETACH_WAIT_NS, &d.deadline);
	if (status == STATUS_OK)
		status = conn_open(&d.conn);
	if (status != STATUS_OK)
		return status;
	d.name = vm_resolve(&d.conn, args->operand[0], buf);
	/* Listen first: what comes after the asking is heard. */
	status = events_open(&d.events, &d.conn, &e);
	if (status != STATUS_OK) {
		fail(d.name, "cannot detach", &e);
	} else {
		status = ask(&d, args->operand[1]);
		events_close(&d.events);
	}
	conn_close(&d.conn);
	return status;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Attach and detach as the tool would not ask for it, or not as often. KTAP; status 4
 * where there is no module.
 *
 *   devices refuse VM         what is refused, of a VM that exists and has no disk
 *   devices rounds VM N       attach and take away by force, N times
 */
#define _GNU_SOURCE
#include <fcntl.h>

#include "nl.h"

#define SKIP	4
#define SLOTS	30	/* besides the bridge's and the entropy's */

static struct nl nl;
static int tests, failures, disk;

static void result(bool pass, const char *name)
{
	printf("%sok %d %s\n", pass ? "" : "not ", ++tests, name);
	failures += !pass;
}

static void ends(int got, int err, const char *name)
{
	if (got != err)
		printf("# %d, expected %d\n", got, err);
	result(got == err, name);
}

static int attach(const char *vm, unsigned int nr, bool entropy)
{
	struct {
		struct nlattr disk, fd;
		int32_t val;
	} nests[2];
	struct nl_request r;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		nests[i].disk = (struct nlattr){ sizeof(nests[i]), AERIE_A_DISK | NLA_F_NESTED };
		nests[i].fd = (struct nlattr){ NLA_HDRLEN + sizeof(int32_t), AERIE_A_DISK_FD };
		nests[i].val = disk;
	}
	nl_named(&nl, &r, AERIE_CMD_DEV_ATTACH, vm);
	if (nr)
		nl_put(&r, AERIE_A_DISK_LIST | NLA_F_NESTED, nests, nr * sizeof(nests[0]));
	if (entropy)
		nl_put(&r, AERIE_A_ENTROPY, NULL, 0);
	return nl_do(&nl, &r, 0, NULL, 0);
}

/* A disk of its own in each slot, then one more. */
static void all_slots(const char *vm)
{
	char path[] = "/tmp/aerie-slot-XXXXXX", name[16];
	int fds[SLOTS + 1], i, err = 0, last;
	uint32_t id, before = 0;
	bool rising = true;

	for (i = 0; i <= SLOTS; i++) {
		strcpy(path + sizeof(path) - 7, "XXXXXX");
		fds[i] = mkstemp(path);
		unlink(path);
		if (fds[i] < 0 || ftruncate(fds[i], 1 << 20))
			err = -errno;
	}
	for (i = 0; !err && i < SLOTS; i++) {
		err = nl_attach_disk(&nl, vm, fds[i], &id);
		rising &= id > before;
		before = id;
	}
	ends(err, 0, "a disk in every slot");
	result(rising, "each with a number of its own");
	last = nl_attach_disk(&nl, vm, fds[SLOTS], &id);
	ends(last, -ENOSPC, "and no more");
	snprintf(name, sizeof(name), "disk%d", SLOTS / 2);
	ends(nl_detach(&nl, vm, name, false), 0, "one is taken out");
	ends(nl_attach_disk(&nl, vm, fds[SLOTS], &id), 0, "and there is room for another");
	for (i = 0, err = 0; !err && i < SLOTS; i++) {
		snprintf(name, sizeof(name), "disk%d", i);
		err = nl_detach(&nl, vm, name, false);
	}
	ends(err, 0, "all are taken out");
	for (i = 0; i <= SLOTS; i++)
		close(fds[i]);
}

static void refuse(const char *vm)
{
	struct nl_request r;

	printf("1..16\n");
	ends(attach("no-such-vm", 1, false), -ENOENT, "a VM that is not");
	ends(attach(vm, 0, false), -EINVAL, "no device");
	ends(attach(vm, 1, true), -EINVAL, "two kinds at once");
	ends(attach(vm, 2, false), -EINVAL, "two disks at once");
	ends(attach(vm, 0, true), -EEXIST, "a second source of entropy");
	ends(nl_attach_disk(&nl, vm, 9999, &(uint32_t){ 0 }), -EBADF, "no descriptor of ours");
	ends(nl_detach(&nl, vm, NULL, false), -EINVAL, "no name");
	ends(nl_detach(&nl, vm, "disk0", true), -ENODEV, "a device that is not");
	ends(nl_detach(&nl, vm, "pci", true), -EOPNOTSUPP, "the host bridge");
	nl_begin(&nl, &r, nl.family, NLM_F_DUMP, AERIE_CMD_DEV_GET);
	ends(nl_do(&nl, &r, 0, NULL, 0), -EINVAL, "a list of no VM's");
	all_slots(vm);
}

/* False where a round fails. */
static bool rounds(const char *vm, unsigned int nr)
{
	unsigned int i;
	uint32_t id;
	int err;

	for (i = 0; i < nr; i++) {
		err = nl_attach_disk(&nl, vm, disk, &id);
		if (!err)
			err = nl_detach(&nl, vm, "disk0", true);
		if (err) {
			printf("# round %u: %d\n", i, err);
			return false;
		}
	}
	return true;
}

int main(int argc, char **argv)
{
	char path[] = "/tmp/aerie-device-XXXXXX";

	disk = mkstemp(path);
	unlink(path);
	if (argc < 3 || disk < 0 || ftruncate(disk, 1 << 20))
		return 1;
	if (!nl_open(&nl, 60)) {
		printf("1..0 # SKIP module aerie is not loaded\n");
		return SKIP;
	}
	if (!strcmp(argv[1], "rounds") && argc == 4)
		return !rounds(argv[2], (unsigned int)atoi(argv[3]));
	printf("KTAP version 1\n");
	refuse(argv[2]);
	return failures > 0;
}

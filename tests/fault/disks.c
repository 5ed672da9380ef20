// SPDX-License-Identifier: GPL-2.0
/*
 * Disks that the tool would not ask for, straight to the module: each is refused with
 * its error, and leaves no VM behind. KTAP; status 4 where there is no module.
 *
 *   disks KERNEL
 */
#define _GNU_SOURCE
#include <fcntl.h>

#include "nl.h"

#define NAME	"disks"
#define SKIP	4

static struct nl nl;
static int kernel_fd, tests, failures;

static void result(bool pass, const char *name)
{
	printf("%sok %d %s\n", pass ? "" : "not ", ++tests, name);
	failures += !pass;
}

/* A VM without a disk, to which the caller adds. */
static void begin(struct nl_request *r)
{
	const struct nl_vm vm = {
		.name = NAME, .memory = 64 << 20, .vcpus = 1, .kernel = kernel_fd,
		.initrd = -1, .module = -1,
	};

	nl_create(&nl, r, &vm);
}

/* It ends with @err, and whether there is a VM then is as it should be. */
static bool ends(struct nl_request *r, int err)
{
	int got = nl_do(&nl, r, 0, NULL, 0);
	bool exists = !nl_simple(&nl, AERIE_CMD_VM_DESTROY, NAME);

	if (got != err)
		printf("# %d, expected %d\n", got, err);
	return got == err && exists == !err;
}

static bool with_fd(int fd, int err)
{
	struct nl_request r;

	begin(&r);
	nl_put_disk(&r, fd);
	return ends(&r, err);
}

/* A file that is open with @flags as well. */
static bool with_flags(const char *path, int flags, int err)
{
	int fd = open(path, flags | O_CLOEXEC);
	bool right = fd >= 0 && with_fd(fd, err);

	if (fd < 0)
		printf("# %s: %s\n", path, strerror(errno));
	close(fd);
	return right;
}

/* @nr disks in one list, @attr being what each has. */
static bool with_list(unsigned int nr, const void *attr, size_t len, int err)
{
	char list[2048];
	struct nl_request r;
	size_t at = 0;

	for (; nr; nr--) {
		const struct nlattr nest = { (uint16_t)(NLA_HDRLEN + len), AERIE_A_DISK | NLA_F_NESTED };

		memcpy(list + at, &nest, sizeof(nest));
		memcpy(list + at + NLA_HDRLEN, attr, len);
		at += NLA_HDRLEN + NLA_ALIGN(len);
	}
	begin(&r);
	nl_put(&r, AERIE_A_DISK_LIST | NLA_F_NESTED, list, at);
	return ends(&r, err);
}

/* An image of @nr descriptors, which are those of its layers. */
static bool with_layers(const int32_t *fds, size_t nr, int err)
{
	struct {
		struct nlattr head;
		int32_t fds[40];
	} layers = { { (uint16_t)(NLA_HDRLEN + nr * sizeof(*fds)), AERIE_A_DISK_LAYERS } };

	memcpy(layers.fds, fds, nr * sizeof(*fds));
	return with_list(1, &layers, NLA_HDRLEN + nr * sizeof(*fds), err);
}

/* Images that are none: @writable and @other are files, @readable is the first again. */
static void images(int writable, int readable, int other)
{
	const int32_t many[34] = { other, writable };
	const struct {
		struct nlattr fd;
		int32_t val;
		struct nlattr layers;
		int32_t fds[2];
	} both = {
		{ NLA_HDRLEN + 4, AERIE_A_DISK_FD }, writable,
		{ NLA_HDRLEN + 8, AERIE_A_DISK_LAYERS }, { other, writable },
	};

	result(with_layers((int32_t[]){ other, writable }, 2, -EINVAL), "a manifest that is none");
	result(with_layers(many, 0, -EINVAL), "no layers");
	result(with_layers((int32_t[]){ other, writable, -1 }, 3, -EINVAL), "a layer and a half");
	result(with_layers(many, 34, -ERANGE), "more layers than there can be");
	result(with_list(1, &both, sizeof(both), -EINVAL), "an image and a file at once");
	result(with_layers((int32_t[]){ -1, writable }, 2, -EINVAL), "an image without a manifest");
	result(with_layers((int32_t[]){ other, 9999 }, 2, -EBADF), "data that is no descriptor");
	result(with_layers((int32_t[]){ 9999, writable }, 2, -EBADF), "a manifest that is none of ours");
	result(with_layers((int32_t[]){ other, readable }, 2, -EINVAL), "a manifest alone that is written");
	result(with_layers((int32_t[]){ other, writable, -1, other }, 4, -EINVAL), "a base that is written");
	result(with_layers((int32_t[]){ writable, writable }, 2, -EBUSY), "a manifest that is the data");
	result(with_layers((int32_t[]){ other, writable, -1, readable }, 4, -EBUSY), "a base that is the data");
	result(with_layers((int32_t[]){ kernel_fd, kernel_fd }, 2, -EINVAL), "what is read alone is looked at");
}

int main(int argc, char **argv)
{
	char path[] = "/tmp/aerie-disk-XXXXXX", other_path[] = "/tmp/aerie-disk-XXXXXX";
	int disk = mkstemp(path), other = mkstemp(other_path);
	const struct {
		struct nlattr fd;
		int32_t val;
	} with = { { NLA_HDRLEN + sizeof(int32_t), AERIE_A_DISK_FD }, disk };
	const struct {
		struct nlattr fd;
		int32_t val;
		struct nlattr serial;
		char text[4];
	} unprintable = { with.fd, disk, { NLA_HDRLEN + 4, AERIE_A_SERIAL }, "a\x01z" };

	if (argc < 2 || !nl_open(&nl, 60)) {
		printf("1..0 # SKIP module aerie is not loaded\n");
		return SKIP;
	}
	kernel_fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (kernel_fd < 0 || disk < 0 || ftruncate(disk, 1 << 20) || other < 0 ||
	    ftruncate(other, 1 << 20)) {
		printf("Bail out! cannot open %s or make %s\n", argv[1], path);
		return 1;
	}
	printf("KTAP version 1\n1..22\n");
	result(with_fd(disk, 0), "a disk");
	result(with_flags(path, O_RDWR | O_APPEND, -EINVAL), "open for appending");
	result(with_flags(path, O_WRONLY, -EBADF), "not open for reading");
	result(with_fd(9999, -EBADF), "no descriptor of ours");
	result(with_fd(-1, -ERANGE), "no descriptor at all");
	result(with_list(1, &with, 0, -EINVAL), "a disk of nothing");
	result(with_list(1, &unprintable, sizeof(unprintable), -EINVAL), "an unprintable serial number");
	result(with_list(AERIE_DISKS_MAX + 1, &with, sizeof(with), -E2BIG), "one too many");
	result(with_list(2, &with, sizeof(with), -EBUSY), "the same twice");
	images(disk, open(path, O_RDONLY | O_CLOEXEC), other);
	unlink(path);
	unlink(other_path);
	return failures > 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Malformed netlink messages to every command of the family, on raw sockets.
 *
 * Each round takes a command, gives it a list of attributes that is right or nearly
 * so, spoils it in some way, and sends it. The module must answer every message,
 * with an error or a reply; a message that it answers with success must have been
 * one that is right. In the end the module still tells its version, no VM has come
 * or gone that should not have, and no descriptor has been left in this process.
 *
 *   nl_fuzz [ROUNDS [SEED]]
 *
 * VMs that it makes are named nlfuzz-*, and no other name of a VM is ever sent, so
 * other VMs of the machine are left alone. KTAP; status 4 where there is no module.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "aerie.h"

#define SKIP		4
#define ANSWER_MS	60000
#define MESSAGE_MAX	8192

static int sock = -1;
static uint16_t family;
static uint32_t seq, rng = 1;
static int tests, failures;

static uint32_t any(uint32_t below)
{
	rng ^= rng << 13;
	rng ^= rng >> 17;
	rng ^= rng << 5;
	return rng % below;
}

static void result(bool pass, const char *name)
{
	printf("%sok %d %s\n", pass ? "" : "not ", ++tests, name);
	fflush(stdout);
	failures += !pass;
}

/* A message under construction; attributes may be lies. */
struct message {
	union {
		struct nlmsghdr nlh;
		char bytes[MESSAGE_MAX];
	};
	size_t len;
};

static void begin(struct message *m, uint16_t type, uint16_t flags, uint8_t cmd)
{
	struct genlmsghdr *genl = (void *)(m->bytes + NLMSG_HDRLEN);

	memset(m, 0, sizeof(*m));
	m->nlh.nlmsg_type = type;
	m->nlh.nlmsg_flags = NLM_F_REQUEST | flags;
	m->nlh.nlmsg_seq = ++seq;
	genl->cmd = cmd;
	genl->version = AERIE_GENL_VERSION;
	m->len = NLMSG_HDRLEN + GENL_HDRLEN;
}

static void put(struct message *m, uint16_t type, const void *data, size_t len)
{
	struct nlattr nla = { .nla_type = type, .nla_len = (uint16_t)(NLA_HDRLEN + len) };

	if (m->len + NLA_ALIGN(NLA_HDRLEN + len) > sizeof(m->bytes))
		return;
	memcpy(m->bytes + m->len, &nla, sizeof(nla));
	if (len)
		memcpy(m->bytes + m->len + NLA_HDRLEN, data, len);
	m->len += NLA_ALIGN(NLA_HDRLEN + len);
}

static bool transmit(struct message *m)
{
	m->nlh.nlmsg_len = (uint32_t)m->len;
	return send(sock, m->bytes, m->len, 0) == (ssize_t)m->len;
}

#define NO_ANSWER	1	/* in place of 0 or a negative errno */

/*
 * Wait for what ends the exchange: an error message (0 is the acknowledgement) or
 * the end of a list. *@value is attribute @want of a reply, where there is one.
 */
static int answer(int want, void *value, size_t size)
{
	struct pollfd pfd = { .fd = sock, .events = POLLIN };
	static char buf[1 << 16];
	struct nlmsghdr *nlh;
	struct nlattr *nla;
	int len, rest;

	for (;;) {
		if (poll(&pfd, 1, ANSWER_MS) != 1)
			return NO_ANSWER;
		len = (int)recv(sock, buf, sizeof(buf), 0);
		if (len < 0)
			return NO_ANSWER;
		for (nlh = (void *)buf; NLMSG_OK(nlh, len); nlh = NLMSG_NEXT(nlh, len)) {
			if (nlh->nlmsg_seq != seq)
				continue;
			if (nlh->nlmsg_type == NLMSG_ERROR || nlh->nlmsg_type == NLMSG_DONE)
				return *(int *)NLMSG_DATA(nlh);
			rest = (int)(nlh->nlmsg_len - NLMSG_HDRLEN - GENL_HDRLEN);
			nla = (void *)((char *)NLMSG_DATA(nlh) + GENL_HDRLEN);
			while (want && rest >= NLA_HDRLEN && nla->nla_len >= NLA_HDRLEN &&
			       nla->nla_len <= rest) {
				if ((nla->nla_type & NLA_TYPE_MASK) == want &&
				    nla->nla_len >= NLA_HDRLEN + size)
					memcpy(value, (char *)nla + NLA_HDRLEN, size);
				rest -= NLA_ALIGN(nla->nla_len);
				nla = (void *)((char *)nla + NLA_ALIGN(nla->nla_len));
			}
		}
	}
}

static bool find_family(void)
{
	struct message m;
	int err;

	begin(&m, GENL_ID_CTRL, NLM_F_ACK, CTRL_CMD_GETFAMILY);
	put(&m, CTRL_ATTR_FAMILY_NAME, AERIE_GENL_NAME, sizeof(AERIE_GENL_NAME));
	if (!transmit(&m))
		return false;
	err = answer(CTRL_ATTR_FAMILY_ID, &family, sizeof(family));
	return !err && family;
}

/* Descriptors that are no images, and one that is readable and not empty. */
static int bad_fds[8], nr_bad_fds, good_fd;

static void open_fds(void)
{
	int p[2];

	good_fd = open("/proc/self/exe", O_RDONLY);
	bad_fds[nr_bad_fds++] = open("/", O_RDONLY | O_DIRECTORY);
	bad_fds[nr_bad_fds++] = open("/dev/zero", O_RDONLY);
	bad_fds[nr_bad_fds++] = open("/dev/null", O_WRONLY);
	bad_fds[nr_bad_fds++] = open("/proc/self/exe", O_PATH);
	bad_fds[nr_bad_fds++] = open("/proc/self/status", O_RDONLY);
	if (!pipe(p)) {
		bad_fds[nr_bad_fds++] = p[0];
		bad_fds[nr_bad_fds++] = p[1];
	}
	bad_fds[nr_bad_fds++] = sock;
}

static int32_t any_bad_fd(void)
{
	switch (any(4)) {
	case 0:
		return (int32_t)any(~0u);
	case 1:
		return -1 - (int32_t)any(3);
	case 2:
		return 1000 + (int32_t)any(100000);
	default:
		return bad_fds[any((uint32_t)nr_bad_fds)];
	}
}

/* The name of a VM of ours, one of a few so that they meet. */
static void put_name(struct message *m)
{
	char name[32];

	snprintf(name, sizeof(name), "nlfuzz-%u", any(3));
	put(m, AERIE_A_NAME, name, strlen(name) + 1);
}

/* What makes a request wrong: it must not succeed. */
enum spoil {
	SPOIL_NOT, SPOIL_JUNK, SPOIL_TYPE, SPOIL_LENGTH, SPOIL_SHORT, SPOIL_NO_NUL,
	SPOIL_NAME, SPOIL_FD, SPOIL_RANGE, SPOIL_HEADER, SPOIL_MISSING, NR_SPOILS
};

static const char * const spoil_names[] = {
	"right requests are answered", "random bytes for attributes", "unknown attribute types",
	"attribute lengths beyond the message", "numbers of the wrong size",
	"strings without an end", "names that are none", "descriptors of no image",
	"numbers out of range", "reserved header fields", "missing attributes",
};

static bool has_name(uint8_t cmd)
{
	return (cmd >= AERIE_CMD_VM_CREATE && cmd <= AERIE_CMD_CONSOLE_OPEN) ||
	       (cmd >= AERIE_CMD_DEV_ATTACH && cmd <= AERIE_CMD_MEM_GET) ||
	       cmd == AERIE_CMD_SHARE_GET || cmd == AERIE_CMD_BALLOON_SET ||
	       cmd == AERIE_CMD_MEM_SET || cmd == AERIE_CMD_MEM_MAP || cmd == AERIE_CMD_CPUS_SET;
}

/* A balloon, or nearly one. */
static void put_balloon(struct message *m)
{
	uint64_t bytes = (uint64_t)any(80) << 20;

	if (!any(3)) {
		put(m, AERIE_A_BALLOON, &bytes, sizeof(bytes));
		return;
	}
	put(m, AERIE_A_BALLOON_AUTO, NULL, 0);
	if (!any(3))
		put(m, AERIE_A_BALLOON_MIN, &bytes, sizeof(bytes));
	bytes = (uint64_t)any(80) << 20;
	if (!any(3))
		put(m, AERIE_A_BALLOON_MAX, &bytes, sizeof(bytes));
}

/* One that cannot be: of a size and without, with bounds and without auto, too large. */
static void put_bad_balloon(struct message *m)
{
	uint64_t bytes = any(2) ? ~0ull << any(20) : 1ull << (40 + any(24));
	uint16_t bound = any(2) ? AERIE_A_BALLOON_MIN : AERIE_A_BALLOON_MAX;

	if (!any(3)) {
		put(m, bound, &bytes, sizeof(bytes));
		return;
	}
	put(m, AERIE_A_BALLOON, &bytes, sizeof(bytes));
	if (any(2))
		put(m, any(2) ? AERIE_A_BALLOON_AUTO : bound, &bytes, 0);
}

static void put_attach(struct message *m)
{
	struct {
		struct nlattr disk, fd;
		int32_t val;
	} nest = {
		{ sizeof(nest), AERIE_A_DISK | NLA_F_NESTED },
		{ NLA_HDRLEN + sizeof(int32_t), AERIE_A_DISK_FD },
		any(2) ? good_fd : any_bad_fd()
	};

	if (any(4))
		put(m, AERIE_A_DISK_LIST | NLA_F_NESTED, &nest, sizeof(nest));
	if (!any(4))
		put(m, AERIE_A_ENTROPY, NULL, 0);
	if (!any(4))
		put_balloon(m);
}

static void put_detach(struct message *m)
{
	static const char * const names[] = { "disk0", "disk1", "rng", "pic", "pci", "", "%s",
					      "balloon" };
	const char *name = names[any(8)];

	put(m, AERIE_A_DEV_NAME, name, strlen(name) + 1);
	if (any(2))
		put(m, AERIE_A_FORCE, NULL, 0);
}

/* Interfaces, some of which can be made: on no bridge, or on none that there is. */
static void put_nics(struct message *m)
{
	uint8_t list[512], *p = list, n = any(11);

	while (n--) {
		struct nlattr *nic = (void *)p, *attr = (void *)(p + NLA_HDRLEN);
		uint16_t len = any(3) ? 6 : any(20);

		nic->nla_type = AERIE_A_NIC | NLA_F_NESTED;
		nic->nla_len = NLA_HDRLEN;
		if (any(2)) {
			attr->nla_type = any(2) ? AERIE_A_MAC : AERIE_A_BRIDGE;
			attr->nla_len = NLA_HDRLEN + len;
			memset(attr + 1, any(4) * 2, NLA_ALIGN(len));
			nic->nla_len += NLA_ALIGN(attr->nla_len);
		}
		p += nic->nla_len;
	}
	put(m, AERIE_A_NIC_LIST | NLA_F_NESTED, list, p - list);
}

static void put_create(struct message *m)
{
	uint64_t memory = (64ull + any(4)) << 20;
	uint32_t vcpus = 1 + any(2), max = 2 + any(3);

	put(m, AERIE_A_MEMORY, &memory, sizeof(memory));
	put(m, AERIE_A_KERNEL_FD, &good_fd, sizeof(good_fd));
	if (any(2))
		put(m, AERIE_A_VCPUS, &vcpus, sizeof(vcpus));
	if (any(2))
		put(m, AERIE_A_VCPUS_MAX, &max, sizeof(max));
	if (any(2))
		put(m, AERIE_A_INITRD_FD, &good_fd, sizeof(good_fd));
	if (any(2))
		put(m, AERIE_A_MODULE_FDS, &good_fd, sizeof(good_fd));
	if (any(2))
		put(m, AERIE_A_CMDLINE, "console=ttyS0", 14);
	if (any(2))
		put_nics(m);
	if (any(2))
		put_balloon(m);
}

static void put_bad_fd(struct message *m)
{
	static const uint16_t types[] = {
		AERIE_A_KERNEL_FD, AERIE_A_INITRD_FD, AERIE_A_MODULE_FDS
	};
	int32_t fds[3] = { good_fd, any_bad_fd(), good_fd };
	uint64_t memory = 64 << 20;
	uint16_t type = types[any(3)];

	put(m, AERIE_A_MEMORY, &memory, sizeof(memory));
	if (type != AERIE_A_KERNEL_FD)
		put(m, AERIE_A_KERNEL_FD, &good_fd, sizeof(good_fd));
	if (type == AERIE_A_MODULE_FDS)
		put(m, type, fds, sizeof(fds));
	else
		put(m, type, &fds[1], sizeof(fds[1]));
}

/* More than most can have, too: whether it is refused depends on the VM. */
static void put_vcpus(struct message *m)
{
	uint32_t vcpus = 1 + any(5);

	if (any(4))
		put(m, AERIE_A_VCPUS, &vcpus, sizeof(vcpus));
}

static const uint32_t bad_counts[] = { 0, 65, 1000, 0x80000000, ~0u };

static void put_bad_vcpus(struct message *m)
{
	put(m, AERIE_A_VCPUS, &bad_counts[any(5)], sizeof(bad_counts[0]));
}

static void put_bad_number(struct message *m)
{
	static const uint64_t memories[] = {
		0, 1, 4096, (1 << 20) - 1, (1 << 20) + 1, (1ull << 44) + 4096, 1ull << 63, ~0ull,
	};
	uint64_t memory = memories[any(8)];
	uint32_t count = bad_counts[any(5)], two = 2, one = 1;

	if (any(2)) {
		put(m, AERIE_A_MEMORY, &memory, sizeof(memory));
	} else {
		memory = 64 << 20;
		put(m, AERIE_A_MEMORY, &memory, sizeof(memory));
		switch (any(3)) {
		case 0:
			put(m, AERIE_A_VCPUS, &count, sizeof(count));
			break;
		case 1:
			put(m, AERIE_A_VCPUS_MAX, &count, sizeof(count));
			break;
		case 2:
			put(m, AERIE_A_VCPUS, &two, sizeof(two));
			put(m, AERIE_A_VCPUS_MAX, &one, sizeof(one));
			break;
		}
	}
	put(m, AERIE_A_KERNEL_FD, &good_fd, sizeof(good_fd));
}

static void put_start(struct message *m)
{
	uint64_t start = (uint64_t)any(1 << 16) << 12;

	if (any(4))
		put(m, AERIE_A_MAP_START, &start, sizeof(start));
}

/* In no page, or behind all memory. */
static void put_bad_start(struct message *m)
{
	static const uint64_t starts[] = {
		1, 4095, 0xa0001, 1ull << 44, (1ull << 52) - 1, 1ull << 63, ~0ull, ~0ull << 12,
	};

	put(m, AERIE_A_MAP_START, &starts[any(8)], sizeof(starts[0]));
}

/* The last is a good name, for a VM that there is not. */
static void put_bad_name(struct message *m, uint8_t cmd)
{
	static const char * const names[] = {
		"", ".", "-x", "a b", "a/b", "../x", "%s%n", "\xff\xfe", "a\nb",
		"a-name-that-is-longer-than-thirty-one", "nlfuzz-not-there",
	};
	const char *name = names[any(cmd == AERIE_CMD_VM_CREATE ? 10 : 11)];

	put(m, AERIE_A_NAME, name, strlen(name) + 1);
}

static void put_junk(struct message *m)
{
	size_t i, len = 1 + any(300);

	for (i = 0; i < len; i++)
		m->bytes[m->len + i] = (char)any(256);
	m->len += len;
}

/* Commands that a spoiling makes wrong; others are not asked. */
static uint8_t command_for(enum spoil spoil)
{
	switch (spoil) {
	case SPOIL_FD:
		return AERIE_CMD_VM_CREATE;
	case SPOIL_RANGE:
		return any(4) ? AERIE_CMD_VM_CREATE : any(3) ? AERIE_CMD_MEM_MAP :
		       any(2) ? AERIE_CMD_CPUS_SET : AERIE_CMD_BALLOON_SET;
	case SPOIL_SHORT:
	case SPOIL_NO_NUL:
	case SPOIL_NAME:
	case SPOIL_MISSING:
		return (uint8_t)(AERIE_CMD_VM_CREATE +
				 any(AERIE_CMD_CONSOLE_OPEN - AERIE_CMD_VM_CREATE + 1));
	case SPOIL_TYPE:
	case SPOIL_LENGTH:
	case SPOIL_HEADER:
		return (uint8_t)(1 + any(AERIE_CMD_CONSOLE_OPEN));
	default:
		return (uint8_t)any(AERIE_CMD_MAX + 3);
	}
}

static void build(struct message *m, uint8_t cmd, enum spoil spoil)
{
	bool dump_all = spoil == SPOIL_NOT && any(2) &&
			(cmd == AERIE_CMD_VM_GET || cmd == AERIE_CMD_MEM_GET);
	bool dump = dump_all || cmd == AERIE_CMD_DEV_GET || cmd == AERIE_CMD_SHARE_GET;
	struct genlmsghdr *genl = (void *)(m->bytes + NLMSG_HDRLEN);
	struct nlattr lie = { .nla_type = AERIE_A_NAME };
	uint32_t junk = any(~0u);
	char endless[64];

	begin(m, family, dump ? NLM_F_DUMP : NLM_F_ACK, cmd);
	if (spoil == SPOIL_JUNK) {
		put_junk(m);
		return;
	}
	if (spoil == SPOIL_NAME)
		put_bad_name(m, cmd);
	else if (has_name(cmd) && !dump_all && spoil != SPOIL_NO_NUL && spoil != SPOIL_MISSING)
		put_name(m);
	if (spoil == SPOIL_FD)
		put_bad_fd(m);
	else if (spoil == SPOIL_RANGE && cmd == AERIE_CMD_MEM_MAP)
		put_bad_start(m);
	else if (spoil == SPOIL_RANGE && cmd == AERIE_CMD_BALLOON_SET)
		put_bad_balloon(m);
	else if (spoil == SPOIL_RANGE && cmd == AERIE_CMD_CPUS_SET)
		put_bad_vcpus(m);
	else if (spoil == SPOIL_RANGE)
		put_bad_number(m);
	else if (cmd == AERIE_CMD_VM_CREATE)
		put_create(m);
	else if (cmd == AERIE_CMD_DEV_ATTACH)
		put_attach(m);
	else if (cmd == AERIE_CMD_DEV_DETACH)
		put_detach(m);
	else if (cmd == AERIE_CMD_MEM_MAP)
		put_start(m);
	else if (cmd == AERIE_CMD_CPUS_SET)
		put_vcpus(m);
	else if (cmd == AERIE_CMD_BALLOON_SET && any(2))
		put_balloon(m);

	switch (spoil) {
	case SPOIL_TYPE:
		/* Of a reply, of nobody, or 0: in no command's policy. */
		put(m, any(2) ? AERIE_A_REASON : any(2) ? AERIE_A_MAX + 1 + any(1000) : 0,
		    &junk, sizeof(junk));
		break;
	case SPOIL_LENGTH:
		lie.nla_len = (uint16_t)(any(2) ? 5 + any(60000) : any(4));
		memcpy(m->bytes + m->len, &lie, sizeof(lie));
		m->len += sizeof(lie);
		break;
	case SPOIL_SHORT:
		/* In every policy that has it, a number; the name's policy has it not. */
		put(m, cmd == AERIE_CMD_STAT_GET ? AERIE_A_VCPU_ID : AERIE_A_VCPUS, &junk,
		    any(4));
		break;
	case SPOIL_NO_NUL:
		memset(endless, 'x', sizeof(endless));
		put(m, AERIE_A_NAME, endless, 1 + any(sizeof(endless)));
		break;
	case SPOIL_HEADER:
		genl->reserved = (uint16_t)(1 + any(65535));
		break;
	default:
		break;
	}
}

/* Console descriptors arrive unasked: give them back. */
static void close_new_fds(int first)
{
	int fd;

	for (fd = first; fd < first + 16; fd++)
		close(fd);
}

static int first_free_fd(void)
{
	int fd = dup(sock);

	close(fd);
	return fd;
}

static void fuzz(enum spoil spoil, unsigned int rounds)
{
	int first = first_free_fd(), err = 0;
	struct message m;
	uint8_t cmd = 0;
	unsigned int i, successes = 0;

	for (i = 0; i < rounds; i++) {
		cmd = command_for(spoil);
		build(&m, cmd, spoil);
		if (!transmit(&m))
			continue;	/* not even netlink would have it */
		err = answer(0, NULL, 0);
		close_new_fds(first);
		if (err > 0)
			break;
		/* Random bytes may happen to be harmless padding; all else must fail. */
		if (!err && spoil != SPOIL_NOT && spoil != SPOIL_JUNK)
			break;
		successes += !err;
	}
	if (i < rounds)
		printf("# round %u, command %u: %s\n", i, cmd,
		       err > 0 ? "no answer" : "success");
	/* Were all refused, the spoilt ones would have proved nothing. */
	result(i == rounds && (successes || spoil != SPOIL_NOT), spoil_names[spoil]);
}

static int simple(uint8_t cmd, const char *name)
{
	struct message m;

	begin(&m, family, NLM_F_ACK, cmd);
	if (name)
		put(&m, AERIE_A_NAME, name, strlen(name) + 1);
	return transmit(&m) ? answer(0, NULL, 0) : NO_ANSWER;
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

/* Every command, as somebody else: EPERM, and nothing but EPERM. */
static bool denied(void)
{
	int status, err, cmd;
	pid_t pid = fork();

	if (!pid) {
		if (setgid(65534) || setuid(65534))
			_exit(2);
		/* Of a socket the opener's rights count as well. */
		close(sock);
		sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
		for (cmd = AERIE_CMD_VERSION; cmd <= AERIE_CMD_MAX; cmd++) {
			if (cmd == AERIE_CMD_EVENT || cmd == AERIE_CMD_DEV_GET ||
			    cmd == AERIE_CMD_SHARE_GET || cmd == AERIE_CMD_SWAP_GET)
				continue;
			err = simple((uint8_t)cmd, has_name((uint8_t)cmd) ? "nlfuzz-0" : NULL);
			if (err != -EPERM) {
				printf("# command %d: %d\n", cmd, err);
				fflush(stdout);
				_exit(1);
			}
		}
		_exit(0);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 0;
}

static bool none_left(void)
{
	char name[32];
	int i, err;
	bool none = true;

	for (i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "nlfuzz-%d", i);
		err = simple(AERIE_CMD_VM_DESTROY, name);
		if (err && err != -ENOENT)
			none = false;
		if (simple(AERIE_CMD_VM_GET, name) != -ENOENT)
			none = false;
	}
	return none;
}

int main(int argc, char **argv)
{
	unsigned int rounds = argc > 1 ? (unsigned int)atoi(argv[1]) : 2000;
	enum spoil spoil;
	int fds;

	rng = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 0) : 20261122;
	if (!rng)
		rng = 1;
	printf("KTAP version 1\n");
	sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (sock < 0 || !find_family()) {
		printf("1..0 # SKIP module aerie is not loaded\n");
		return SKIP;
	}
	if (getuid()) {
		printf("1..0 # SKIP this takes root\n");
		return SKIP;
	}
	printf("1..%d\n# %u rounds each, seed %u\n", NR_SPOILS + 4, rounds, rng);
	open_fds();
	fds = open_fds_count();

	result(denied(), "an ordinary user gets EPERM from every command");
	for (spoil = 0; spoil < NR_SPOILS; spoil++)
		fuzz(spoil, rounds);
	result(none_left(), "no VM is left");
	result(open_fds_count() == fds, "no descriptor is left");
	result(simple(AERIE_CMD_VERSION, NULL) == 0, "the module still answers");
	return failures ? 1 : 0;
}

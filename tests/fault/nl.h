/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The netlink family from C, for tests that the tool is too slow or too kind for:
 * a request, its answer, and nothing kept in between.
 */
#ifndef FAULT_NL_H
#define FAULT_NL_H

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "aerie.h"

#define NL_NO_ANSWER	1	/* in place of 0 or a negative errno */

struct nl {
	int sock;
	uint16_t family;
	uint32_t seq;
};

struct nl_request {
	union {
		struct nlmsghdr nlh;
		char bytes[4096];
	};
	size_t len;
};

static inline void nl_begin(struct nl *nl, struct nl_request *r, uint16_t type, uint16_t flags,
			    uint8_t cmd)
{
	struct genlmsghdr *genl = (void *)(r->bytes + NLMSG_HDRLEN);

	memset(r, 0, sizeof(*r));
	r->nlh.nlmsg_type = type;
	r->nlh.nlmsg_flags = NLM_F_REQUEST | flags;
	r->nlh.nlmsg_seq = ++nl->seq;
	genl->cmd = cmd;
	genl->version = AERIE_GENL_VERSION;
	r->len = NLMSG_HDRLEN + GENL_HDRLEN;
}

static inline void nl_put(struct nl_request *r, uint16_t type, const void *data, size_t len)
{
	struct nlattr nla = { .nla_type = type, .nla_len = (uint16_t)(NLA_HDRLEN + len) };

	if (r->len + NLA_ALIGN(NLA_HDRLEN + len) > sizeof(r->bytes))
		abort();
	memcpy(r->bytes + r->len, &nla, sizeof(nla));
	memcpy(r->bytes + r->len + NLA_HDRLEN, data, len);
	r->len += NLA_ALIGN(NLA_HDRLEN + len);
}

static inline void nl_put_string(struct nl_request *r, uint16_t type, const char *s)
{
	nl_put(r, type, s, strlen(s) + 1);
}

/* Send it: the whole of the command is done in this system call. */
static inline int nl_send(struct nl *nl, struct nl_request *r)
{
	r->nlh.nlmsg_len = (uint32_t)r->len;
	return send(nl->sock, r->bytes, r->len, 0) == (ssize_t)r->len ? 0 : -errno;
}

/*
 * Wait for what ends the exchange: an error message (0 is the acknowledgement) or
 * the end of a list. *@value is attribute @want of a reply, where there is one.
 * -ENOBUFS: the kernel had no memory for the answer.
 */
static inline int nl_answer(struct nl *nl, uint16_t want, void *value, size_t size)
{
	static char buf[1 << 16];
	struct nlmsghdr *nlh;
	struct nlattr *nla;
	int len, rest;

	for (;;) {
		len = (int)recv(nl->sock, buf, sizeof(buf), 0);
		if (len < 0)
			return errno == EAGAIN ? NL_NO_ANSWER : -errno;
		for (nlh = (void *)buf; NLMSG_OK(nlh, len); nlh = NLMSG_NEXT(nlh, len)) {
			if (nlh->nlmsg_seq != nl->seq)
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

/* A socket for the family; false where there is no such family. */
static inline bool nl_open(struct nl *nl, unsigned int patience_s)
{
	struct timeval tv = { .tv_sec = patience_s };
	struct nl_request r;

	nl->family = 0;
	nl->sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (nl->sock < 0)
		return false;
	setsockopt(nl->sock, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	nl_begin(nl, &r, GENL_ID_CTRL, NLM_F_ACK, CTRL_CMD_GETFAMILY);
	nl_put_string(&r, CTRL_ATTR_FAMILY_NAME, AERIE_GENL_NAME);
	if (!nl_send(nl, &r) && !nl_answer(nl, CTRL_ATTR_FAMILY_ID, &nl->family, 2) && nl->family)
		return true;
	close(nl->sock);
	return false;
}

/* A command that takes a name or nothing (NULL). */
static inline void nl_named(struct nl *nl, struct nl_request *r, uint8_t cmd, const char *name)
{
	nl_begin(nl, r, nl->family, NLM_F_ACK, cmd);
	if (name)
		nl_put_string(r, AERIE_A_NAME, name);
}

/* One is made of these; descriptors below 0, no disk, no interface and a NULL command line are left out. */
struct nl_vm {
	const char *name, *cmdline;
	uint64_t memory;
	uint32_t vcpus;
	int32_t kernel, initrd, module;
	int32_t disk;			/* 0: none */
	bool nic;			/* one on no bridge */
};

static inline void nl_put_disk(struct nl_request *r, int32_t fd)
{
	struct {
		struct nlattr disk, fd;
		int32_t val;
	} nest = {
		{ sizeof(nest), AERIE_A_DISK | NLA_F_NESTED },
		{ NLA_HDRLEN + sizeof(fd), AERIE_A_DISK_FD }, fd
	};

	nl_put(r, AERIE_A_DISK_LIST | NLA_F_NESTED, &nest, sizeof(nest));
}

static inline void nl_put_nic(struct nl_request *r)
{
	struct nlattr nic = { sizeof(nic), AERIE_A_NIC | NLA_F_NESTED };

	nl_put(r, AERIE_A_NIC_LIST | NLA_F_NESTED, &nic, sizeof(nic));
}

static inline void nl_create(struct nl *nl, struct nl_request *r, const struct nl_vm *vm)
{
	nl_named(nl, r, AERIE_CMD_VM_CREATE, vm->name);
	nl_put(r, AERIE_A_MEMORY, &vm->memory, sizeof(vm->memory));
	nl_put(r, AERIE_A_VCPUS, &vm->vcpus, sizeof(vm->vcpus));
	nl_put(r, AERIE_A_KERNEL_FD, &vm->kernel, sizeof(vm->kernel));
	if (vm->initrd >= 0)
		nl_put(r, AERIE_A_INITRD_FD, &vm->initrd, sizeof(vm->initrd));
	if (vm->module >= 0)
		nl_put(r, AERIE_A_MODULE_FDS, &vm->module, sizeof(vm->module));
	if (vm->disk)
		nl_put_disk(r, vm->disk);
	if (vm->nic)
		nl_put_nic(r);
	if (vm->cmdline)
		nl_put_string(r, AERIE_A_CMDLINE, vm->cmdline);
}

static inline int nl_do(struct nl *nl, struct nl_request *r, uint16_t want, void *value,
			size_t size)
{
	int err = nl_send(nl, r);

	return err ? err : nl_answer(nl, want, value, size);
}

/* Attach a disk: the ID of the new device, or an error. */
static inline int nl_attach_disk(struct nl *nl, const char *name, int32_t fd, uint32_t *id)
{
	struct nl_request r;

	nl_named(nl, &r, AERIE_CMD_DEV_ATTACH, name);
	nl_put_disk(&r, fd);
	return nl_do(nl, &r, AERIE_A_DEV_ID, id, sizeof(*id));
}

static inline int nl_detach(struct nl *nl, const char *name, const char *device, bool force)
{
	struct nl_request r;

	nl_named(nl, &r, AERIE_CMD_DEV_DETACH, name);
	if (device)
		nl_put_string(&r, AERIE_A_DEV_NAME, device);
	if (force)
		nl_put(&r, AERIE_A_FORCE, NULL, 0);
	return nl_do(nl, &r, 0, NULL, 0);
}

static inline int nl_simple(struct nl *nl, uint8_t cmd, const char *name)
{
	struct nl_request r;

	nl_named(nl, &r, cmd, name);
	return nl_do(nl, &r, 0, NULL, 0);
}

#endif

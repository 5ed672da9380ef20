// SPDX-License-Identifier: GPL-2.0
/*
 * Talking to the module: requests, replies, refusals.
 *
 * One socket, one request at a time. Refusals come as netlink error messages with
 * an extended ack behind them: text, and the offset into our request of the
 * attribute at fault, which is turned back into the option it came from.
 */
#include <errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <linux/netlink.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mem.h"
#include "nl.h"

#define RECEIVE_BYTES	(64 << 10)	/* one reply with 64 vCPUs, or a list's part */
#define EVENT_BUFFER	(1 << 20)	/* bytes of events waiting to be read */

static struct nla_policy reply_policy[AERIE_A_MAX + 1] = {
	[AERIE_A_VERSION] = { .type = NLA_STRING },
	[AERIE_A_ABI] = { .type = NLA_U32 },
	[AERIE_A_BACKEND] = { .type = NLA_STRING },
	[AERIE_A_NAME] = { .type = NLA_STRING },
	[AERIE_A_VM_ID] = { .type = NLA_U32 },
	[AERIE_A_MEMORY] = { .type = NLA_U64 },
	[AERIE_A_VCPUS] = { .type = NLA_U32 },
	[AERIE_A_CMDLINE] = { .type = NLA_STRING },
	[AERIE_A_STATE] = { .type = NLA_U32 },
	[AERIE_A_STOP_KIND] = { .type = NLA_U32 },
	[AERIE_A_REASON] = { .type = NLA_STRING },
	[AERIE_A_RESIDENT] = { .type = NLA_U64 },
	[AERIE_A_TABLES] = { .type = NLA_U64 },
	[AERIE_A_UPTIME_NS] = { .type = NLA_U64 },
	[AERIE_A_CPU_NS] = { .type = NLA_U64 },
	[AERIE_A_EXITS] = { .type = NLA_U64 },
	[AERIE_A_TTY] = { .type = NLA_STRING },
	[AERIE_A_VCPU_LIST] = { .type = NLA_NESTED },
	[AERIE_A_VCPU] = { .type = NLA_NESTED },
	[AERIE_A_VCPU_ID] = { .type = NLA_U32 },
	[AERIE_A_TID] = { .type = NLA_U32 },
	[AERIE_A_VCPU_STATE] = { .type = NLA_STRING },
	[AERIE_A_EXIT_LIST] = { .type = NLA_NESTED },
	[AERIE_A_EXIT] = { .type = NLA_NESTED },
	[AERIE_A_EXIT_NAME] = { .type = NLA_STRING },
	[AERIE_A_EXIT_COUNT] = { .type = NLA_U64 },
	[AERIE_A_EXIT_TOTAL] = { .type = NLA_U64 },
	[AERIE_A_EXIT_MIN] = { .type = NLA_U64 },
	[AERIE_A_EXIT_MAX] = { .type = NLA_U64 },
	[AERIE_A_EXIT_HIST] = { .minlen = AERIE_EXIT_BUCKETS * sizeof(uint64_t) },
	[AERIE_A_TSC_KHZ] = { .type = NLA_U32 },
	[AERIE_A_FD] = { .type = NLA_S32 },
	[AERIE_A_EVENT] = { .type = NLA_U32 },
	[AERIE_A_CAPS] = { .type = NLA_STRING },
	[AERIE_A_MITIGATION_LIST] = { .type = NLA_NESTED },
	[AERIE_A_MITIGATION] = { .type = NLA_NESTED },
	[AERIE_A_MITIGATION_NAME] = { .type = NLA_STRING },
	[AERIE_A_MITIGATION_WHERE] = { .type = NLA_STRING },
	[AERIE_A_MITIGATION_ACTIVE] = { .type = NLA_U8 },
	[AERIE_A_HW_STATE] = { .type = NLA_STRING },
	[AERIE_A_HVC_TTY] = { .type = NLA_STRING },
	[AERIE_A_DEV_NAME] = { .type = NLA_STRING },
	[AERIE_A_DEV_ID] = { .type = NLA_U32 },
	[AERIE_A_DEV_KIND] = { .type = NLA_STRING },
	[AERIE_A_DEV_ASKED] = { .type = NLA_FLAG },
	[AERIE_A_SLOT] = { .type = NLA_U32 },
	[AERIE_A_BACKING] = { .type = NLA_STRING },
	[AERIE_A_SERIAL] = { .type = NLA_STRING },
	[AERIE_A_READ_ONLY] = { .type = NLA_FLAG },
	[AERIE_A_QUEUE_LIST] = { .type = NLA_NESTED },
	[AERIE_A_QUEUE] = { .type = NLA_NESTED },
	[AERIE_A_QUEUE_REQUESTS] = { .type = NLA_U64 },
	[AERIE_A_QUEUE_INTERRUPTS] = { .type = NLA_U64 },
	[AERIE_A_COST_SWITCH] = { .type = NLA_U64 },
	[AERIE_A_COST_HOST_STATE] = { .type = NLA_U64 },
	[AERIE_A_COST_MITIGATIONS] = { .type = NLA_U64 },
	[AERIE_A_NIC_LIST] = { .type = NLA_NESTED },
	[AERIE_A_NIC] = { .type = NLA_NESTED },
	[AERIE_A_BRIDGE] = { .type = NLA_STRING },
	[AERIE_A_MAC] = { .minlen = 6, .maxlen = 6 },
	[AERIE_A_IFINDEX] = { .type = NLA_U32 },
	[AERIE_A_DISK_SIZE] = { .type = NLA_U64 },
	[AERIE_A_IOPS] = { .type = NLA_U64 },
	[AERIE_A_BPS] = { .type = NLA_U64 },
	[AERIE_A_BURST_MS] = { .type = NLA_U32 },
	[AERIE_A_MAP_NEXT] = { .type = NLA_U64 },
	[AERIE_A_VCPUS_MAX] = { .type = NLA_U32 },
	[AERIE_A_VCPUS_WANTED] = { .type = NLA_U32 },
	[AERIE_A_VCPUS_ONLINE] = { .type = NLA_U32 },
};

/* What the user calls an attribute. */
static const char *attr_option(int attr)
{
	switch (attr) {
	case AERIE_A_MEMORY:		return "--memory";
	case AERIE_A_VCPUS:
	case AERIE_A_VCPUS_MAX:		return "--vcpus";
	case AERIE_A_KERNEL_FD:		return "--kernel";
	case AERIE_A_INITRD_FD:		return "--initrd";
	case AERIE_A_MODULE_FDS:	return "--module";
	case AERIE_A_CMDLINE:		return "--append";
	case AERIE_A_DISK_LIST:		return "--disk";
	case AERIE_A_NIC_LIST:		return "--nic";
	case AERIE_A_VCPU_ID:		return "--vcpu";
	case AERIE_A_DISK_SIZE:		return "--size";
	case AERIE_A_IOPS:		return "--iops";
	case AERIE_A_BPS:		return "--bps";
	case AERIE_A_BURST_MS:		return "--burst";
	default:			return NULL;
	}
}

void complain(const char *subject, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "aerie: %s%s", subject ? subject : "", subject ? ": " : "");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void fail(const char *subject, const char *what, const struct refusal *e)
{
	const char *option = attr_option(e->attr);

	if (e->err == EPERM)
		complain(subject, "%s: not permitted: it takes CAP_NET_ADMIN, try as root", what);
	else if (e->err == ENOENT && e->attr == AERIE_A_NAME)
		complain(subject, "%s: no such VM, see aerie list", what);
	else if (option)
		complain(subject, "%s: %s: %s", what, option, e->msg);
	else
		complain(subject, "%s: %s", what, e->msg);
}

static enum status status_of(const struct refusal *e)
{
	switch (e->err) {
	case 0:
		return STATUS_OK;
	case EPERM:
		return STATUS_NOT_PERMITTED;
	case ENOENT:
		return e->attr == AERIE_A_NAME ? STATUS_NO_VM : STATUS_FAILED;
	default:
		return STATUS_FAILED;
	}
}

static void set_error(struct refusal *e, int err, const char *msg)
{
	e->err = err;
	e->attr = 0;
	snprintf(e->msg, sizeof(e->msg), "%s", msg ? msg : strerror(err));
	/* Our lines go on in the middle of a sentence. */
	if (!msg && e->msg[0] >= 'A' && e->msg[0] <= 'Z')
		e->msg[0] += 'a' - 'A';
}

enum status conn_try_open(struct conn *conn)
{
	int one = 1;

	conn->sock = nl_socket_alloc();
	if (!conn->sock)
		out_of_memory();
	if (genl_connect(conn->sock))
		return STATUS_FAILED;
	nl_socket_enable_msg_peek(conn->sock);
	nl_socket_set_msg_buf_size(conn->sock, RECEIVE_BYTES);
	/* Where the kernel knows no extended acks, refusals have only a number. */
	setsockopt(nl_socket_get_fd(conn->sock), SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	conn->family = genl_ctrl_resolve(conn->sock, AERIE_GENL_NAME);
	return conn->family < 0 ? STATUS_NO_MODULE : STATUS_OK;
}

enum status conn_open(struct conn *conn)
{
	enum status status = conn_try_open(conn);

	if (status == STATUS_OK)
		return status;
	if (status == STATUS_FAILED)
		complain(NULL, "cannot open a netlink socket: %s", strerror(errno));
	else if (!access("/sys/module/aerie", F_OK))
		complain(NULL, "the module is loaded, but speaks only in the host's own network namespace");
	else
		complain(NULL, "the module is not loaded; insmod aerie.ko loads it, see aerie doctor");
	conn_close(conn);
	return status;
}

void conn_close(struct conn *conn)
{
	nl_socket_free(conn->sock);
	conn->sock = NULL;
}

struct nl_msg *conn_request(const struct conn *conn, int cmd, int flags)
{
	/* Names, numbers, a command line, descriptors of all modules. */
	struct nl_msg *msg = nlmsg_alloc_size(AERIE_CMDLINE_MAX + 2048);

	if (!msg || !genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, conn->family, 0, flags, cmd,
				 AERIE_GENL_VERSION))
		out_of_memory();
	return msg;
}

void put_data(struct nl_msg *msg, int attr, const void *data, size_t len)
{
	if (nla_put(msg, attr, (int)len, data))
		out_of_memory();
}

struct nlattr *put_nest(struct nl_msg *msg, int attr)
{
	struct nlattr *nest = nla_nest_start(msg, attr | NLA_F_NESTED);

	if (!nest)
		out_of_memory();
	return nest;
}

void put_str(struct nl_msg *msg, int attr, const char *value)
{
	put_data(msg, attr, value, strlen(value) + 1);
}

void put_u8(struct nl_msg *msg, int attr, uint8_t value)
{
	put_data(msg, attr, &value, sizeof(value));
}

void put_u32(struct nl_msg *msg, int attr, uint32_t value)
{
	put_data(msg, attr, &value, sizeof(value));
}

void put_s32(struct nl_msg *msg, int attr, int32_t value)
{
	put_data(msg, attr, &value, sizeof(value));
}

void put_u64(struct nl_msg *msg, int attr, uint64_t value)
{
	put_data(msg, attr, &value, sizeof(value));
}

void get_str(struct nlattr *attr, char *buf, size_t size)
{
	*buf = '\0';
	if (attr)
		nla_strlcpy(buf, attr, size);
}

uint32_t get_u32(struct nlattr *attr)
{
	return attr ? nla_get_u32(attr) : 0;
}

uint64_t get_u64(struct nlattr *attr)
{
	return attr ? nla_get_u64(attr) : 0;
}

bool get_nest(struct nlattr *attr, struct nlattr **tb)
{
	return attr && !nla_parse_nested(tb, AERIE_A_MAX, attr, reply_policy);
}

struct call {
	reply_fn fn;
	void *arg;
	const struct nlmsghdr *request;
	struct refusal *e;
	bool done;
};

static int on_reply(struct nl_msg *msg, void *arg)
{
	struct nlattr *tb[AERIE_A_MAX + 1];
	struct call *call = arg;

	if (genlmsg_parse(nlmsg_hdr(msg), 0, tb, AERIE_A_MAX, reply_policy)) {
		set_error(call->e, EBADMSG, "the module's answer makes no sense to this tool, see aerie version");
		return NL_SKIP;
	}
	if (call->fn)
		call->fn(tb, call->arg);
	return NL_OK;
}

/* Which attribute of our request stands at @offset? */
static int attr_at(const struct nlmsghdr *request, uint32_t offset)
{
	const struct nlattr *attr;

	if (offset < NLMSG_HDRLEN + GENL_HDRLEN || offset % NLA_ALIGNTO ||
	    offset + sizeof(*attr) > request->nlmsg_len)
		return 0;
	attr = (const void *)((const char *)request + offset);
	return nla_type(attr);
}

/* The extended ack behind @err, of which @len bytes up to the message's end are left. */
static void read_ext_ack(struct call *call, const struct nlmsghdr *nlh,
			 const struct nlmsgerr *err, size_t len)
{
	struct nlattr *tb[NLMSGERR_ATTR_MISS_TYPE + 1];
	size_t skip = sizeof(*err);

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		skip += NLMSG_ALIGN(err->msg.nlmsg_len) - sizeof(err->msg);
	if (skip > len ||
	    nla_parse(tb, NLMSGERR_ATTR_MISS_TYPE, (struct nlattr *)((char *)err + skip),
		      (int)(len - skip), NULL))
		return;
	if (tb[NLMSGERR_ATTR_MSG])
		nla_strlcpy(call->e->msg, tb[NLMSGERR_ATTR_MSG], sizeof(call->e->msg));
	if (tb[NLMSGERR_ATTR_OFFS] && nla_len(tb[NLMSGERR_ATTR_OFFS]) == sizeof(uint32_t))
		call->e->attr = attr_at(call->request, nla_get_u32(tb[NLMSGERR_ATTR_OFFS]));
}

/* Only the acknowledgement ends a command that also replies. */
static int on_ack(struct nl_msg *msg, void *arg)
{
	struct call *call = arg;

	call->done = true;
	return NL_STOP;
}

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *err, void *arg)
{
	/* libnl hands over the payload of the message; its header stands before it. */
	const struct nlmsghdr *nlh = (const void *)((const char *)err - NLMSG_HDRLEN);
	struct call *call = arg;

	call->done = true;
	set_error(call->e, -err->error, NULL);
	read_ext_ack(call, nlh, err, nlh->nlmsg_len - NLMSG_HDRLEN);
	return NL_STOP;
}

/* A list ends with a message whose payload is 0 or an error. */
static int on_finish(struct nl_msg *msg, void *arg)
{
	const struct nlmsghdr *nlh = nlmsg_hdr(msg);
	struct call *call = arg;
	int err = 0;

	if (nlmsg_datalen(nlh) >= (int)sizeof(err))
		memcpy(&err, nlmsg_data(nlh), sizeof(err));
	if (err < 0)
		set_error(call->e, -err, NULL);
	call->done = true;
	return NL_STOP;
}

enum status conn_call(const struct conn *conn, struct nl_msg *msg, reply_fn fn, void *arg,
		    struct refusal *e)
{
	struct call call = { .fn = fn, .arg = arg, .e = e };
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	int err;

	if (!cb)
		out_of_memory();
	set_error(e, 0, "");
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_reply, &call);
	nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_ack, &call);
	nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, on_finish, &call);
	nl_cb_err(cb, NL_CB_CUSTOM, on_error, &call);

	err = nl_send_auto(conn->sock, msg);
	call.request = nlmsg_hdr(msg);
	if (err >= 0)
		err = 0;
	while (!err && !call.done) {
		err = nl_recvmsgs(conn->sock, cb);
		if (err > 0)
			err = 0;
	}
	/* on_error() has told already what an error message says. */
	if (err < 0 && !e->err)
		set_error(e, EIO, nl_geterror(err));
	nl_cb_put(cb);
	nlmsg_free(msg);
	return status_of(e);
}

enum status conn_vm_call(const struct conn *conn, int cmd, const char *name, reply_fn fn,
		       void *arg, struct refusal *e)
{
	struct nl_msg *msg = conn_request(conn, cmd, 0);

	put_str(msg, AERIE_A_NAME, name);
	return conn_call(conn, msg, fn, arg, e);
}

/* Netlink's own news: families that come and go. A module loaded again is another one. */
static void on_family(struct events *ev, struct nlmsghdr *nlh)
{
	struct nlattr *tb[CTRL_ATTR_MAX + 1];

	if (genlmsg_hdr(nlh)->cmd == CTRL_CMD_DELFAMILY &&
	    !genlmsg_parse(nlh, 0, tb, CTRL_ATTR_MAX, NULL) && tb[CTRL_ATTR_FAMILY_ID] &&
	    nla_get_u16(tb[CTRL_ATTR_FAMILY_ID]) == ev->family)
		ev->gone = true;
}

static int on_event(struct nl_msg *msg, void *arg)
{
	struct nlattr *tb[AERIE_A_MAX + 1];
	struct events *ev = arg;
	struct event *event;

	if (nlmsg_hdr(msg)->nlmsg_type == GENL_ID_CTRL) {
		on_family(ev, nlmsg_hdr(msg));
		return NL_OK;
	}
	if (genlmsg_parse(nlmsg_hdr(msg), 0, tb, AERIE_A_MAX, reply_policy) ||
	    genlmsg_hdr(nlmsg_hdr(msg))->cmd != AERIE_CMD_EVENT || !tb[AERIE_A_NAME] ||
	    ev->nr == sizeof(ev->queue) / sizeof(ev->queue[0]))
		return NL_SKIP;
	event = &ev->queue[ev->nr++];
	get_str(tb[AERIE_A_NAME], event->name, sizeof(event->name));
	get_str(tb[AERIE_A_REASON], event->reason, sizeof(event->reason));
	get_str(tb[AERIE_A_DEV_NAME], event->device, sizeof(event->device));
	event->vcpus = get_u32(tb[AERIE_A_VCPUS]);
	event->id = get_u32(tb[AERIE_A_VM_ID]);
	event->event = get_u32(tb[AERIE_A_EVENT]);
	event->state = get_u32(tb[AERIE_A_STATE]);
	event->stop_kind = get_u32(tb[AERIE_A_STOP_KIND]);
	return NL_OK;
}

enum status events_open(struct events *ev, const struct conn *conn, struct refusal *e)
{
	int group, families, err;

	set_error(e, 0, "");
	*ev = (struct events){ .family = conn->family };
	ev->sock = nl_socket_alloc();
	if (!ev->sock)
		out_of_memory();
	group = genl_ctrl_resolve_grp(conn->sock, AERIE_GENL_NAME, AERIE_GENL_GROUP_EVENTS);
	families = genl_ctrl_resolve_grp(conn->sock, "nlctrl", "notify");
	nl_socket_disable_seq_check(ev->sock);
	nl_socket_set_msg_buf_size(ev->sock, RECEIVE_BYTES);
	nl_socket_modify_cb(ev->sock, NL_CB_VALID, NL_CB_CUSTOM, on_event, ev);
	err = group < 0 ? group : families < 0 ? families : genl_connect(ev->sock);
	if (!err)
		err = nl_socket_add_memberships(ev->sock, families, group, NFNLGRP_NONE);
	if (!err)
		err = nl_socket_set_nonblocking(ev->sock);
	if (!err) {
		/* Room for bursts; a smaller buffer only loses events sooner. */
		nl_socket_set_buffer_size(ev->sock, EVENT_BUFFER, 0);
		return STATUS_OK;
	}
	events_close(ev);
	if (err == -NLE_PERM)
		set_error(e, EPERM, NULL);
	else
		set_error(e, EIO, nl_geterror(err));
	return status_of(e);
}

void events_close(struct events *ev)
{
	nl_socket_free(ev->sock);
	ev->sock = NULL;
}

int events_fd(const struct events *ev)
{
	return nl_socket_get_fd(ev->sock);
}

int events_next(struct events *ev, struct event *event)
{
	int err;

	if (ev->next == ev->nr) {
		ev->next = 0;
		ev->nr = 0;
		err = nl_recvmsgs_default(ev->sock);
		if (err == -NLE_NOMEM)	/* ENOBUFS: the socket's buffer was full */
			return -1;
		if (!ev->nr)
			return 0;
	}
	*event = ev->queue[ev->next++];
	return 1;
}

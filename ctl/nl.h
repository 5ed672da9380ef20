/* SPDX-License-Identifier: GPL-2.0 */
/* Talking to the module: requests, replies, refusals, events. */
#ifndef CTL_NL_H
#define CTL_NL_H

#include <netlink/attr.h>
#include <netlink/msg.h>

#include "../include/uapi/aerie.h"
#include "args.h"

struct conn {
	struct nl_sock *sock;
	int family;
};

/* Why a request was refused. */
struct refusal {
	int err;		/* errno */
	int attr;		/* AERIE_A_* at fault, or 0 */
	char msg[256];		/* from the module, or what errno means */
};

/**
 * conn_open() - connect to the module
 * @conn: filled in
 *
 * Return: STATUS_OK, or STATUS_NO_MODULE or STATUS_FAILED after saying why.
 */
enum status conn_open(struct conn *conn);
/* As conn_open(), but says nothing. */
enum status conn_try_open(struct conn *conn);
void conn_close(struct conn *conn);

/* A request without attributes; conn_call() frees it. Add attributes with put_*(). */
struct nl_msg *conn_request(const struct conn *conn, int cmd, int flags);
void put_str(struct nl_msg *msg, int attr, const char *value);
void put_u8(struct nl_msg *msg, int attr, uint8_t value);
void put_u32(struct nl_msg *msg, int attr, uint32_t value);
void put_s32(struct nl_msg *msg, int attr, int32_t value);
void put_u64(struct nl_msg *msg, int attr, uint64_t value);
/* Begin a nest, which nla_nest_end() ends. */
struct nlattr *put_nest(struct nl_msg *msg, int attr);
void put_data(struct nl_msg *msg, int attr, const void *data, size_t len);

/* Attributes of one reply, tb[AERIE_A_MAX + 1], lengths checked. */
typedef void (*reply_fn)(struct nlattr **tb, void *arg);

/**
 * conn_call() - send a request, wait until the module has answered it
 * @conn: connection
 * @msg: request
 * @fn: called for each reply, or NULL
 * @arg: for @fn
 * @e: filled in where the module refuses
 *
 * Return: the status that the tool should end with.
 */
enum status conn_call(const struct conn *conn, struct nl_msg *msg, reply_fn fn, void *arg,
		    struct refusal *e);

/* As conn_call() for a command whose only attribute is the VM's name. */
enum status conn_vm_call(const struct conn *conn, int cmd, const char *name, reply_fn fn,
		       void *arg, struct refusal *e);

/* Copy attributes out; absent ones give "" or 0. */
void get_str(struct nlattr *attr, char *buf, size_t size);
uint32_t get_u32(struct nlattr *attr);
uint64_t get_u64(struct nlattr *attr);
/* The attributes of a nest, checked as reply_fn's. */
bool get_nest(struct nlattr *attr, struct nlattr **tb);

/* An event as the multicast group tells it. */
struct event {
	char name[AERIE_NAME_MAX + 1];
	uint32_t id, event, state, stop_kind;
	char reason[192];
	char device[AERIE_NAME_MAX + 1];	/* that came or went, else "" */
	uint32_t vcpus;		/* that there are, where they came or went, else 0 */
};

struct events {
	struct nl_sock *sock;
	struct event queue[64];	/* of the datagram read last */
	size_t nr, next;
	int family;
	bool gone;		/* the module: no event will ever come again */
};

/* Join the events group. Return as conn_call(). */
enum status events_open(struct events *ev, const struct conn *conn, struct refusal *e);
void events_close(struct events *ev);
int events_fd(const struct events *ev);
/* 1: *@event is one; 0: none waits, see @ev->gone; -1: some were lost, ask the module. */
int events_next(struct events *ev, struct event *event);

/**
 * fail() - the one line that says what went wrong
 * @subject: VM name, or NULL
 * @what: "cannot start"
 * @e: why
 */
void fail(const char *subject, const char *what, const struct refusal *e);
/* "aerie: SUBJECT: ..." without a netlink error. */
void complain(const char *subject, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif

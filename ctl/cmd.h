/* SPDX-License-Identifier: GPL-2.0 */
/* The verbs' functions and options, and what several of them do. */
#ifndef CTL_CMD_H
#define CTL_CMD_H

#include "args.h"
#include "nl.h"
#include "vm.h"

extern const struct option_def opts_plain[], opts_console[], opts_run[], opts_create[], opts_stop[],
	opts_list[], opts_show[], opts_stat[], opts_bench[], opts_events[], opts_json[],
	opts_disk[];

enum status cmd_run(const struct args *args);
enum status cmd_create(const struct args *args);
enum status cmd_simple(const struct args *args);	/* start pause resume reset destroy */
enum status cmd_stop(const struct args *args);
enum status cmd_list(const struct args *args);
enum status cmd_show(const struct args *args);
enum status cmd_console(const struct args *args);
enum status cmd_stat(const struct args *args);
enum status cmd_disk(const struct args *args);
enum status cmd_bench(const struct args *args);
enum status cmd_events(const struct args *args);
enum status cmd_doctor(const struct args *args);
enum status cmd_version(const struct args *args);
enum status cmd_help(const struct args *args);

/* "aerie: VERB: ..., see aerie help VERB"; returns STATUS_USAGE. */
enum status usage(const struct args *args, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* "NAME: ..." to stderr, unless --quiet. */
void tell(const struct args *args, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* "powered off by the guest": why a VM stopped, in words. */
const char *stop_text(uint32_t kind, const char *reason, char *buf, size_t size);

/* A watched console: the descriptor and the events that say when it is over. */
struct console {
	int fd;
	struct events events;
};

/* Open a VM's console, or with hvc the virtio console; events are listened to from before it. */
enum status console_open(struct console *con, const struct conn *conn, const char *name,
			 bool hvc, struct refusal *e);
void console_close(struct console *con);

/**
 * console_attach() - be the VM's terminal until it stops or the user has enough
 * @con: console
 * @conn: connection, to ask for the VM's state
 * @vm: name and id of the VM
 * @args: for --quiet
 * @last: the VM as it was when it stopped, or its state at detach
 */
enum status console_attach(struct console *con, const struct conn *conn, const struct vm *vm,
			   const struct args *args, struct vm *last);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/* The verbs' functions and options, and what several of them do. */
#ifndef CTL_CMD_H
#define CTL_CMD_H

#include "args.h"
#include "disk.h"
#include "nl.h"
#include "vm.h"

extern const struct option_def opts_plain[], opts_console[], opts_run[], opts_create[], opts_stop[],
	opts_list[], opts_show[], opts_stat[], opts_bench[], opts_events[], opts_json[],
	opts_disk[], opts_detach[], opts_image[], opts_mem[], opts_share[], opts_pool[], opts_swap[],
	opts_balloon[], opts_sched[], opts_cpus[], opts_top[];

enum status cmd_run(const struct args *args);
enum status cmd_create(const struct args *args);
enum status cmd_simple(const struct args *args);	/* start pause resume reset destroy */
enum status cmd_attach(const struct args *args);
enum status cmd_detach(const struct args *args);
enum status cmd_stop(const struct args *args);
enum status cmd_list(const struct args *args);
enum status cmd_show(const struct args *args);
enum status cmd_console(const struct args *args);
enum status cmd_stat(const struct args *args);
enum status cmd_latency(const struct args *args);	/* stat --latency */
enum status cmd_sched(const struct args *args);
enum status cmd_disk(const struct args *args);
enum status cmd_image(const struct args *args);
enum status cmd_mem(const struct args *args);
enum status cmd_map(const struct args *args);	/* mem --map, --svg */
enum status cmd_written(const struct args *args);	/* mem --written */
enum status cmd_balloon(const struct args *args);
enum status cmd_cpus(const struct args *args);
enum status cmd_pool(const struct args *args);
enum status cmd_swap(const struct args *args);
enum status cmd_share(const struct args *args);
enum status cmd_top(const struct args *args);
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

struct image;

/* A disk as the command line has it. */
struct disk {
	char *path;			/* owned */
	char serial[AERIE_SERIAL_MAX + 1];
	bool read_only, direct;
	struct disk_limit limit;
	int fd;				/* of a plain file */
	struct image *image;		/* or NULL; owned */
};

/* Take FILE[,OPTION...] apart. @what it is the value of, for refusals. */
enum status read_disk(const struct args *args, const char *what, const char *text,
		      struct disk *disk);
/* Open its file, or say why not. @name of the VM, or NULL. */
bool open_disk(const struct args *args, const char *name, const char *what, struct disk *disk);
/* Let go of what read_disk() and open_disk() took. */
void close_disk(struct disk *disk);
/* AERIE_A_DISK_LIST. */
void put_disks(struct nl_msg *msg, const struct disk *disks, size_t nr);

/* CLOCK_MONOTONIC. */
uint64_t now_ns(void);
/*
 * The --timeout of @args, else @wait_ns, as a point in time. What is no duration is
 * refused as usage() does.
 */
enum status read_deadline(const struct args *args, uint64_t wait_ns, uint64_t *deadline);
/* Wait for an event, until @deadline, half a second at the most: events may be lost. */
void events_wait(struct events *ev, uint64_t deadline);

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

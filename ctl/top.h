/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What aerie top shows: looks at all VMs, the rates between two of them, rows in some
 * order, each as a line of some width. It needs no terminal, and no module but for
 * top_look_get().
 */
#ifndef CTL_TOP_H
#define CTL_TOP_H

#include "dev.h"
#include "out.h"
#include "vm.h"

struct top_vm {
	struct vm vm;
	struct dev_list devs;
	uint64_t saved, out;		/* bytes: by sharing; that have left memory */
};

/* All VMs at one time, in the order of their ids. */
struct top_look {
	uint64_t ns;			/* CLOCK_MONOTONIC */
	struct top_vm *vm;
	size_t nr;
};

/* Ask the module. An empty look where it fails. */
enum status top_look_get(const struct conn *conn, struct top_look *look, struct refusal *e);
void top_look_free(struct top_look *look);

/* A VM, or one of its vCPUs. Points into the later look. */
struct top_row {
	const struct top_vm *vm;
	const struct vm_vcpu *vcpu;	/* or NULL */
	bool rated;			/* there is a look before to compare with */
	double cpu, exits, disk, nic;	/* per cent of a processor; a second */
};

struct top_rows {
	struct top_row *row;
	size_t nr;
};

/* By what rows are in order; the table ends with a NULL name. */
struct top_sort {
	char key;
	const char *name;
	double (*by)(const struct top_row *row);	/* most first; NULL: by the VM's name */
};

extern const struct top_sort top_sorts[];

/* How the rows are wanted. */
struct top_view {
	const struct top_sort *sort;
	bool backwards;
	bool vcpus;			/* each VM's under it, by their numbers */
};

/**
 * top_rows_get() - the rows of a look
 * @before: an earlier look, or NULL: then there are no rates
 * @now: the look; must outlive the rows
 * @view: how
 *
 * What counts less than before has been started again, and counts from zero.
 */
struct top_rows top_rows_get(const struct top_look *before, const struct top_look *now,
			     const struct top_view *view);
void top_rows_free(struct top_rows *rows);

/* For standard output; @view says whether there is a column for vCPUs. */
struct out_table *top_table(const struct top_rows *rows, const struct top_view *view);

/*
 * Lines for a screen of @width columns: no longer than that. @buf has TOP_LINE bytes, which
 * no wider screen fills.
 */
#define TOP_LINE	512
void top_line_heading(const struct top_view *view, size_t width, char *buf);
void top_line_row(const struct top_row *row, const struct top_view *view, size_t width,
		  char *buf);
/* How many there are, and sums over them. */
void top_line_summary(const struct top_rows *rows, size_t width, char *buf);
/* What the columns do not have of one row. */
void top_line_about(const struct top_row *row, size_t width, char *buf);

/* The row that is selected: what it is of, and where it was. */
struct top_mark {
	uint32_t vm, vcpu;		/* @vcpu is ~0 for a VM's own row */
	size_t at;
};

/*
 * Move the mark by @by rows, as far as there are any. It stays with its VM or vCPU where
 * others come between; where that is gone, its place is taken by what stands there now.
 */
void top_mark_move(struct top_mark *mark, const struct top_rows *rows, long by);
/* The first row to be shown, @first so far, for @at to be among @height rows of @nr. */
size_t top_scroll(size_t first, size_t at, size_t height, size_t nr);

/* The next interval between two looks that is longer or shorter. Nanoseconds. */
#define TOP_INTERVAL_MIN	100000000ull
#define TOP_INTERVAL_MAX	3600000000000ull
uint64_t top_interval(uint64_t ns, bool longer);

/* What a watch of all VMs is to be like. */
struct top {
	const struct conn *conn;
	struct top_view view;
	uint64_t interval_ns;
	uint64_t rounds;		/* 0: until somebody has enough */
};

/* On the terminal. Returns after it has been given back, and says what went wrong. */
enum status top_screen(struct top *top);

/* Why there will be no more looks, on stderr: the module went, or refused. */
enum status top_failed(const struct top *top, enum status status, const struct refusal *e);

#endif

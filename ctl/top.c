// SPDX-License-Identifier: GPL-2.0
/*
 * What aerie top shows: the rates between two looks, rows in some order, lines of some
 * width. A column is a line in the table below.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "mem.h"
#include "top.h"

#define NAME_MIN	8	/* characters of a name that are shown at least */

struct column {
	struct out_col out;
	size_t width;		/* of a cell on a screen; the first has what is left */
	struct out_val (*value)(const struct top_row *row);
	bool of_vcpus;		/* shown where vCPUs are */
};

static struct out_val name(const struct top_row *row)
{
	return (struct out_val){ .str = row->vm->vm.name };
}

static struct out_val vcpu(const struct top_row *row)
{
	return (struct out_val){ .u64 = row->vcpu ? row->vcpu->id : 0, .none = !row->vcpu };
}

static struct out_val state(const struct top_row *row)
{
	return (struct out_val){
		.str = row->vcpu ? row->vcpu->state : state_name(row->vm->vm.state),
	};
}

static struct out_val cpu(const struct top_row *row)
{
	return (struct out_val){ .real = row->cpu, .none = !row->rated };
}

static struct out_val exits(const struct top_row *row)
{
	return (struct out_val){ .real = row->exits, .none = !row->rated };
}

/* The rest is the VM's, no vCPU has any of it. */
static struct out_val resident(const struct top_row *row)
{
	return (struct out_val){ .u64 = row->vm->vm.resident, .none = row->vcpu };
}

static struct out_val saved(const struct top_row *row)
{
	return (struct out_val){ .u64 = row->vm->saved, .none = row->vcpu };
}

static struct out_val out(const struct top_row *row)
{
	return (struct out_val){ .u64 = row->vm->out, .none = row->vcpu };
}

static struct out_val disk(const struct top_row *row)
{
	return (struct out_val){ .real = row->disk, .none = row->vcpu || !row->rated };
}

static struct out_val nic(const struct top_row *row)
{
	return (struct out_val){ .real = row->nic, .none = row->vcpu || !row->rated };
}

static struct out_val uptime(const struct top_row *row)
{
	uint64_t ns = row->vm->vm.uptime_ns;

	return (struct out_val){ .u64 = ns, .none = row->vcpu || !ns };
}

static const struct column columns[] = {
	{ { "NAME", OUT_STR }, 0, name },
	{ { "VCPU", OUT_U64 }, 4, vcpu, true },
	{ { "STATE", OUT_STR }, 9, state },
	{ { "CPU%", OUT_REAL }, 5, cpu },
	{ { "EXITS/S", OUT_REAL }, 7, exits },
	{ { "RESIDENT", OUT_SIZE }, 8, resident },
	{ { "SAVED", OUT_SIZE }, 7, saved },
	{ { "OUT", OUT_SIZE }, 7, out },
	{ { "DISK/S", OUT_REAL }, 6, disk },
	{ { "NIC/S", OUT_REAL }, 6, nic },
	{ { "UPTIME", OUT_TIME }, 7, uptime },
};

#define NR_COLUMNS	(sizeof(columns) / sizeof(columns[0]))

static bool shown(const struct column *c, const struct top_view *view)
{
	return view->vcpus || !c->of_vcpus;
}

static double by_cpu(const struct top_row *row)
{
	return row->cpu;
}

static double by_exits(const struct top_row *row)
{
	return row->exits;
}

static double by_memory(const struct top_row *row)
{
	return (double)row->vm->vm.resident;
}

static double by_io(const struct top_row *row)
{
	return row->disk + row->nic;
}

const struct top_sort top_sorts[] = {
	{ 'c', "cpu", by_cpu },
	{ 'e', "exits", by_exits },
	{ 'm', "memory", by_memory },
	{ 'i', "io", by_io },
	{ 'n', "name", NULL },
	{ 0 },
};

static const struct top_vm *find_vm(const struct top_look *look, uint32_t id)
{
	size_t i;

	for (i = 0; look && i < look->nr; i++) {
		if (look->vm[i].vm.id == id)
			return &look->vm[i];
	}
	return NULL;
}

/* Since the same VM's counter said @before. */
static double rate(uint64_t before, uint64_t now, double seconds)
{
	return (double)(now < before ? now : now - before) / seconds;
}

static uint64_t requests(const struct dev *dev)
{
	uint64_t sum = 0;
	size_t q;

	for (q = 0; q < dev->nr_queues; q++)
		sum += dev->queue[q].requests;
	return sum;
}

/* Devices come and go, each counts for itself; what is new has counted from zero. */
static void rate_devices(const struct dev_list *before, const struct dev_list *now,
			 double seconds, struct top_row *row)
{
	size_t i, k;

	for (i = 0; i < now->nr; i++) {
		const struct dev *dev = &now->dev[i];
		uint64_t base = 0;
		double each;

		for (k = 0; k < before->nr; k++) {
			if (before->dev[k].id == dev->id)
				base = requests(&before->dev[k]);
		}
		each = rate(base, requests(dev), seconds);
		if (!strcmp(dev->kind, "disk"))
			row->disk += each;
		else if (!strcmp(dev->kind, "nic"))
			row->nic += each;
	}
}

static struct top_row vm_row(const struct top_vm *before, const struct top_vm *now,
			     double seconds)
{
	struct top_row row = { .vm = now, .rated = before && seconds > 0 };

	if (!row.rated)
		return row;
	row.cpu = rate(before->vm.cpu_ns, now->vm.cpu_ns, seconds) / 1e7;
	row.exits = rate(before->vm.exits, now->vm.exits, seconds);
	rate_devices(&before->devs, &now->devs, seconds, &row);
	return row;
}

static struct top_row vcpu_row(const struct top_vm *before, const struct top_vm *now, size_t n,
			       double seconds)
{
	const struct vm_vcpu *vcpu = &now->vm.vcpu[n];
	struct top_row row = { .vm = now, .vcpu = vcpu };

	row.rated = before && n < before->vm.nr_vcpu && seconds > 0;
	if (!row.rated)
		return row;
	row.cpu = rate(before->vm.vcpu[n].cpu_ns, vcpu->cpu_ns, seconds) / 1e7;
	row.exits = rate(before->vm.vcpu[n].exits, vcpu->exits, seconds);
	return row;
}

static int compare(const void *a, const void *b, void *arg)
{
	const struct top_row *x = a, *y = b;
	const struct top_view *view = arg;
	int way = view->backwards ? -1 : 1;
	double p, q;

	if (view->sort->by) {
		p = view->sort->by(x);
		q = view->sort->by(y);
		if (p != q)
			return p > q ? -way : way;
		way = 1;
	}
	return way * strcmp(x->vm->vm.name, y->vm->vm.name);
}

struct top_rows top_rows_get(const struct top_look *before, const struct top_look *now,
			     const struct top_view *view)
{
	double seconds = before ? (double)(now->ns - before->ns) / 1e9 : 0;
	struct top_row *vms = xcalloc(now->nr + 1, sizeof(*vms));
	struct top_rows rows = { 0 };
	size_t i, n, nr = 0;

	for (i = 0; i < now->nr; i++) {
		vms[i] = vm_row(find_vm(before, now->vm[i].vm.id), &now->vm[i], seconds);
		nr += 1 + now->vm[i].vm.nr_vcpu;
	}
	qsort_r(vms, now->nr, sizeof(*vms), compare, (void *)view);

	rows.row = xcalloc(nr + 1, sizeof(*rows.row));
	for (i = 0; i < now->nr; i++) {
		const struct top_vm *vm = vms[i].vm, *old = find_vm(before, vm->vm.id);

		rows.row[rows.nr++] = vms[i];
		for (n = 0; view->vcpus && n < vm->vm.nr_vcpu; n++)
			rows.row[rows.nr++] = vcpu_row(old, vm, n, seconds);
	}
	free(vms);
	return rows;
}

void top_rows_free(struct top_rows *rows)
{
	free(rows->row);
	*rows = (struct top_rows){ 0 };
}

struct out_table *top_table(const struct top_rows *rows, const struct top_view *view)
{
	static struct out_col cols[NR_COLUMNS];
	struct out_val vals[NR_COLUMNS];
	struct out_table *table;
	size_t i, k, nr = 0;

	for (k = 0; k < NR_COLUMNS; k++) {
		if (shown(&columns[k], view))
			cols[nr++] = columns[k].out;
	}
	table = out_table_new(cols, nr);
	for (i = 0; i < rows->nr; i++) {
		for (k = 0, nr = 0; k < NR_COLUMNS; k++) {
			if (shown(&columns[k], view))
				vals[nr++] = columns[k].value(&rows->row[i]);
		}
		out_table_row(table, vals);
	}
	return table;
}

/* A line that grows to the right, up to its width. */
struct line {
	char *buf;
	size_t len, width;
};

static struct line line_begin(char *buf, size_t width)
{
	*buf = '\0';
	return (struct line){ .buf = buf, .width = width < TOP_LINE ? width : TOP_LINE - 1 };
}

static void line_add(struct line *line, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void line_add(struct line *line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line->buf + line->len, line->width - line->len + 1, fmt, ap);
	va_end(ap);
	line->len += strlen(line->buf + line->len);
}

/* The first column has what the others leave, at least NAME_MIN. */
static size_t first_width(const struct top_view *view, size_t width)
{
	size_t k, sum = 0;

	for (k = 1; k < NR_COLUMNS; k++) {
		if (shown(&columns[k], view))
			sum += columns[k].width + 1;
	}
	if (width < sum + NAME_MIN)
		return NAME_MIN;
	return width - sum < AERIE_NAME_MAX ? width - sum : AERIE_NAME_MAX;
}

/* Words to the left, cut where they do not fit; figures to the right, whole. */
static void line_cell(struct line *line, const struct column *c, size_t width, const char *text)
{
	const char *gap = line->len ? " " : "";

	if (c->out.type == OUT_STR)
		line_add(line, "%s%-*.*s", gap, (int)width, (int)width, text);
	else
		line_add(line, "%s%*s", gap, (int)width, text);
}

void top_line_heading(const struct top_view *view, size_t width, char *buf)
{
	struct line line = line_begin(buf, width);
	size_t k;

	for (k = 0; k < NR_COLUMNS; k++) {
		if (shown(&columns[k], view))
			line_cell(&line, &columns[k],
				  k ? columns[k].width : first_width(view, width),
				  columns[k].out.name);
	}
}

void top_line_row(const struct top_row *row, const struct top_view *view, size_t width, char *buf)
{
	struct line line = line_begin(buf, width);
	char text[TEXT_LEN];
	struct out_val val;
	size_t k;

	for (k = 0; k < NR_COLUMNS; k++) {
		if (!shown(&columns[k], view))
			continue;
		val = columns[k].value(row);
		line_cell(&line, &columns[k], k ? columns[k].width : first_width(view, width),
			  out_text(columns[k].out.type, &val, text));
	}
}

void top_line_summary(const struct top_rows *rows, size_t width, char *buf)
{
	struct line line = line_begin(buf, width);
	uint64_t resident_sum = 0, saved_sum = 0, out_sum = 0;
	size_t i, vms = 0, running = 0;
	char text[TEXT_LEN];
	double cpu_sum = 0;

	for (i = 0; i < rows->nr; i++) {
		const struct top_row *row = &rows->row[i];

		if (row->vcpu)
			continue;
		vms++;
		running += row->vm->vm.state == AERIE_STATE_RUNNING;
		cpu_sum += row->cpu;
		resident_sum += row->vm->vm.resident;
		saved_sum += row->vm->saved;
		out_sum += row->vm->out;
	}
	line_add(&line, "%zu VM%s, %zu running", vms, vms == 1 ? "" : "s", running);
	line_add(&line, "; CPU %s%%", text_number(cpu_sum, text));
	line_add(&line, "; resident %s", text_size(resident_sum, text));
	line_add(&line, ", saved %s", text_size(saved_sum, text));
	line_add(&line, ", out %s", text_size(out_sum, text));
}

void top_line_about(const struct top_row *row, size_t width, char *buf)
{
	struct line line = line_begin(buf, width);
	const struct vm *vm = &row->vm->vm;
	char text[TEXT_LEN];

	if (row->vcpu) {
		line_add(&line, "%s vCPU %u: thread %u", vm->name, row->vcpu->id, row->vcpu->tid);
		return;
	}
	line_add(&line, "%s: %u vCPU%s, %s", vm->name, vm->vcpus, vm->vcpus == 1 ? "" : "s",
		 text_size(vm->memory, text));
	if (vm->stop_kind != AERIE_STOP_NONE)
		line_add(&line, ", stopped: %s", vm->reason);
	else if (*vm->tty)
		line_add(&line, ", console %s", vm->tty);
}

static bool marked(const struct top_mark *mark, const struct top_row *row)
{
	return row->vm->vm.id == mark->vm && (row->vcpu ? row->vcpu->id : ~0u) == mark->vcpu;
}

void top_mark_move(struct top_mark *mark, const struct top_rows *rows, long by)
{
	size_t i, at = mark->at;

	if (!rows->nr) {
		mark->at = 0;
		return;
	}
	/* Where vCPUs are not shown any more, their VM is what is nearest. */
	for (i = rows->nr; i--;) {
		if (marked(mark, &rows->row[i]))
			break;
		if (rows->row[i].vm->vm.id == mark->vm)
			at = i;
	}
	if (i < rows->nr)
		at = i;
	if (at >= rows->nr)
		at = rows->nr - 1;
	if (by < 0)
		at -= (size_t)-by < at ? (size_t)-by : at;
	else
		at += (size_t)by < rows->nr - 1 - at ? (size_t)by : rows->nr - 1 - at;
	mark->at = at;
	mark->vm = rows->row[at].vm->vm.id;
	mark->vcpu = rows->row[at].vcpu ? rows->row[at].vcpu->id : ~0u;
}

size_t top_scroll(size_t first, size_t at, size_t height, size_t nr)
{
	if (!height || nr <= height)
		return 0;
	if (at < first)
		first = at;
	if (at >= first + height)
		first = at - height + 1;
	return first < nr - height ? first : nr - height;
}

uint64_t top_interval(uint64_t ns, bool longer)
{
	static const unsigned int tenths[] = { 1, 2, 5, 10, 20, 50, 100, 300, 600 };
	size_t i, nr = sizeof(tenths) / sizeof(tenths[0]);

	if (longer) {
		for (i = 0; i < nr; i++)
			if (tenths[i] * TOP_INTERVAL_MIN > ns)
				return tenths[i] * TOP_INTERVAL_MIN;
	} else {
		for (i = nr; i--;)
			if (tenths[i] * TOP_INTERVAL_MIN < ns)
				return tenths[i] * TOP_INTERVAL_MIN;
	}
	return ns;
}

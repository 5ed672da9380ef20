// SPDX-License-Identifier: GPL-2.0
/* What aerie top shows: rates between two looks, the order of rows, lines of any width, selection. */
// sources: top.c vm.c nl.c out.c json.c text.c
#include "ktap.h"
#include "top.h"

#define NS	1000000000ull

static struct top_vm vms[2][3];
static struct dev devs[2][2];
static struct top_look before, now;
static struct top_view view;

static void set_vm(struct top_vm *vm, uint32_t id, const char *name, uint64_t cpu_ms,
		   uint64_t exits, uint64_t resident)
{
	memset(vm, 0, sizeof(*vm));
	strcpy(vm->vm.name, name);
	vm->vm.id = id;
	vm->vm.state = AERIE_STATE_RUNNING;
	vm->vm.uptime_ns = 100 * NS;
	vm->vm.cpu_ns = cpu_ms * 1000000;
	vm->vm.exits = exits;
	vm->vm.resident = resident;
	vm->vm.memory = 256 << 20;
	vm->vm.vcpus = 2;
	vm->vm.nr_vcpu = 2;
	vm->vm.vcpu[0] = (struct vm_vcpu){ 0, 100, "running", vm->vm.cpu_ns, exits };
	vm->vm.vcpu[1] = (struct vm_vcpu){ 1, 101, "wait-sipi", 0, 0 };
}

static void set_dev(struct dev *dev, uint32_t id, const char *kind, uint64_t a, uint64_t b)
{
	memset(dev, 0, sizeof(*dev));
	dev->id = id;
	strcpy(dev->kind, kind);
	dev->nr_queues = 2;
	dev->queue[0].requests = a;
	dev->queue[1].requests = b;
}

/* Two seconds: web is busy, db has I/O, idle has most memory. */
static void setup(void)
{
	set_vm(&vms[0][0], 1, "web", 1000, 500, 10 << 20);
	set_vm(&vms[1][0], 1, "web", 4000, 2500, 11 << 20);
	set_vm(&vms[0][1], 2, "db", 1000, 100, 20 << 20);
	set_vm(&vms[1][1], 2, "db", 1100, 160, 20 << 20);
	set_vm(&vms[0][2], 5, "idle", 10, 5, 90 << 20);
	set_vm(&vms[1][2], 5, "idle", 10, 5, 90 << 20);
	set_dev(&devs[0][0], 1, "disk", 100, 0);
	set_dev(&devs[1][0], 1, "disk", 150, 30);
	set_dev(&devs[0][1], 2, "nic", 7, 7);
	set_dev(&devs[1][1], 2, "nic", 8, 9);
	vms[0][1].devs = (struct dev_list){ devs[0], 2 };
	vms[1][1].devs = (struct dev_list){ devs[1], 2 };
	before = (struct top_look){ 10 * NS, vms[0], 3 };
	now = (struct top_look){ 12 * NS, vms[1], 3 };
	view = (struct top_view){ .sort = top_sorts };
}

static const struct top_sort *sort_of(char key)
{
	const struct top_sort *sort = top_sorts;

	while (sort->key != key)
		sort++;
	return sort;
}

/* "web db idle" */
static const char *order(char key, bool backwards)
{
	static char text[200];
	struct top_rows rows;
	size_t i;

	view.sort = sort_of(key);
	view.backwards = backwards;
	rows = top_rows_get(&before, &now, &view);
	*text = '\0';
	for (i = 0; i < rows.nr; i++)
		sprintf(text + strlen(text), "%s%s", i ? " " : "", rows.row[i].vm->vm.name);
	top_rows_free(&rows);
	return text;
}

TEST(rates_are_of_the_time_between)
{
	struct top_rows rows;

	setup();
	view.sort = sort_of('n');
	rows = top_rows_get(&before, &now, &view);
	EXPECT_EQ(rows.nr, 3);
	EXPECT(!strcmp(rows.row[0].vm->vm.name, "db") && rows.row[0].rated);
	EXPECT_EQ(rows.row[0].cpu * 1000, 5000);
	EXPECT_EQ(rows.row[0].exits, 30);
	EXPECT_EQ(rows.row[0].disk, 40);
	EXPECT_EQ(rows.row[0].nic * 10, 15);
	EXPECT_EQ(rows.row[2].cpu, 150);
	EXPECT_EQ(rows.row[2].exits, 1000);
	EXPECT_EQ(rows.row[1].cpu, 0);
	top_rows_free(&rows);
}

TEST(what_has_nothing_before_it_has_no_rate)
{
	struct top_rows rows;

	setup();
	rows = top_rows_get(NULL, &now, &view);
	EXPECT(rows.nr == 3 && !rows.row[0].rated && !rows.row[2].rated);
	top_rows_free(&rows);

	/* A VM that came meanwhile, with the name of one that went. */
	vms[1][0].vm.id = 7;
	view.sort = sort_of('n');
	rows = top_rows_get(&before, &now, &view);
	EXPECT(!strcmp(rows.row[2].vm->vm.name, "web") && !rows.row[2].rated);
	EXPECT(rows.row[0].rated);
	top_rows_free(&rows);

	/* Two looks at one time. */
	now.ns = before.ns;
	rows = top_rows_get(&before, &now, &view);
	EXPECT(!rows.row[0].rated);
	top_rows_free(&rows);

	now.nr = 0;
	rows = top_rows_get(&before, &now, &view);
	EXPECT_EQ(rows.nr, 0);
	top_rows_free(&rows);
}

TEST(what_starts_again_counts_from_zero)
{
	struct top_rows rows;

	setup();
	vms[1][0].vm.cpu_ns = NS / 2;
	vms[1][0].vm.exits = 60;
	/* Another disk in the place of the first. */
	set_dev(&devs[1][0], 9, "disk", 6, 4);
	view.sort = sort_of('n');
	rows = top_rows_get(&before, &now, &view);
	EXPECT_EQ(rows.row[2].cpu, 25);
	EXPECT_EQ(rows.row[2].exits, 30);
	EXPECT_EQ(rows.row[0].disk, 5);
	top_rows_free(&rows);
}

TEST(orders)
{
	setup();
	EXPECT(!strcmp(order('c', false), "web db idle"));
	EXPECT(!strcmp(order('c', true), "idle db web"));
	EXPECT(!strcmp(order('e', false), "web db idle"));
	EXPECT(!strcmp(order('m', false), "idle db web"));
	/* Equal ones by their names, whichever way round. */
	EXPECT(!strcmp(order('i', false), "db idle web"));
	EXPECT(!strcmp(order('i', true), "idle web db"));
	EXPECT(!strcmp(order('n', false), "db idle web"));
	EXPECT(!strcmp(order('n', true), "web idle db"));
}

TEST(vcpus_stand_under_their_vm)
{
	struct top_rows rows;

	setup();
	view.vcpus = true;
	vms[0][0].vm.nr_vcpu = 1;
	rows = top_rows_get(&before, &now, &view);
	EXPECT_EQ(rows.nr, 9);
	EXPECT(!rows.row[0].vcpu && rows.row[1].vcpu->id == 0 && rows.row[2].vcpu->id == 1);
	EXPECT(rows.row[1].rated && rows.row[1].cpu == 150 && rows.row[1].exits == 1000);
	EXPECT(!rows.row[2].rated);
	EXPECT(!rows.row[3].vcpu && !strcmp(rows.row[3].vm->vm.name, "db"));
	top_rows_free(&rows);
}

static int line_is(const char *got, const char *expected)
{
	if (strcmp(got, expected))
		printf("# got      '%s'\n# expected '%s'\n", got, expected);
	return !strcmp(got, expected);
}

TEST(lines_fit)
{
	struct top_rows rows;
	char buf[TOP_LINE];
	size_t width;

	setup();
	vms[1][0].saved = 3 << 20;
	rows = top_rows_get(&before, &now, &view);
	top_line_heading(&view, 80, buf);
	EXPECT(line_is(buf, "NAME      STATE      CPU% EXITS/S RESIDENT   SAVED     OUT DISK/S  NIC/S  UPTIME"));
	top_line_row(&rows.row[0], &view, 80, buf);
	EXPECT(line_is(buf, "web       running     150    1000    11MiB    3MiB      0B      0      0   1m40s"));
	top_line_row(&rows.row[1], &view, 80, buf);
	EXPECT(line_is(buf, "db        running     5.0    30.0    20MiB      0B      0B   40.0    1.5   1m40s"));
	top_line_row(&rows.row[1], &view, 20, buf);
	EXPECT(line_is(buf, "db       running    "));
	for (width = 0; width < 2 * TOP_LINE; width++) {
		top_line_row(&rows.row[0], &view, width, buf);
		EXPECT(strlen(buf) <= width && strlen(buf) < TOP_LINE);
		top_line_heading(&view, width, buf);
		EXPECT(strlen(buf) <= width && strlen(buf) < TOP_LINE);
		top_line_summary(&rows, width, buf);
		EXPECT(strlen(buf) <= width && strlen(buf) < TOP_LINE);
		top_line_about(&rows.row[0], width, buf);
		EXPECT(strlen(buf) <= width && strlen(buf) < TOP_LINE);
	}
	top_line_summary(&rows, 100, buf);
	EXPECT(line_is(buf, "3 VMs, 3 running; CPU 155%; resident 121MiB, saved 3MiB, out 0B"));
	top_rows_free(&rows);
}

TEST(long_names_are_cut_figures_are_not)
{
	struct top_rows rows;
	char buf[TOP_LINE];

	setup();
	strcpy(vms[1][0].vm.name, "a-name-of-thirty-one-characters");
	view.vcpus = true;
	vms[1][0].vm.vcpu[0].exits = 500 + 2 * 123456789ull;
	rows = top_rows_get(&before, &now, &view);
	top_line_row(&rows.row[1], &view, 85, buf);
	EXPECT(line_is(buf, "a-name-of    0 running     150 123456789        -       -       -      -      -      "));
	top_line_row(&rows.row[2], &view, 200, buf);
	EXPECT(line_is(buf, "a-name-of-thirty-one-characters    1 wait-sipi     0       0        -       -       -      -      -       -"));
	top_rows_free(&rows);
}

TEST(about_a_row)
{
	struct top_rows rows;
	char buf[TOP_LINE];

	setup();
	view.vcpus = true;
	strcpy(vms[1][0].vm.tty, "/dev/ttyAERIE0");
	vms[1][1].vm.state = AERIE_STATE_STOPPED;
	vms[1][1].vm.stop_kind = AERIE_STOP_GUEST;
	strcpy(vms[1][1].vm.reason, "triple fault");
	rows = top_rows_get(&before, &now, &view);
	top_line_about(&rows.row[0], 80, buf);
	EXPECT(line_is(buf, "web: 2 vCPUs, 256MiB, console /dev/ttyAERIE0"));
	top_line_about(&rows.row[2], 80, buf);
	EXPECT(line_is(buf, "web vCPU 1: thread 101"));
	top_line_about(&rows.row[3], 80, buf);
	EXPECT(line_is(buf, "db: 2 vCPUs, 256MiB, stopped: triple fault"));
	top_rows_free(&rows);
}

TEST(tables_have_the_same_columns)
{
	struct json json = { .compact = true };
	struct out_table *table;
	struct top_rows rows;
	char *text;
	size_t len;

	setup();
	view.vcpus = true;
	now.nr = 1;
	rows = top_rows_get(&before, &now, &view);
	json.f = open_memstream(&text, &len);
	table = top_table(&rows, &view);
	out_table_json(table, &json, NULL);
	fclose(json.f);
	EXPECT(strstr(text, "{\"name\": \"web\", \"vcpu\": null, \"state\": \"running\", \"cpu%\": 150"));
	EXPECT(strstr(text, "{\"name\": \"web\", \"vcpu\": 1, \"state\": \"wait-sipi\", \"cpu%\": 0"));
	EXPECT(strstr(text, "\"resident\": 11534336, \"saved\": 0, \"out\": 0, \"disk/s\": 0"));
	EXPECT(strchr(text, '\n') == text + len - 1);
	free(text);
	out_table_free(table);
	top_rows_free(&rows);
}

TEST(the_mark_stays_with_what_it_marks)
{
	struct top_mark mark = { .vm = ~0u, .vcpu = ~0u };
	struct top_rows rows;

	setup();
	rows = top_rows_get(&before, &now, &view);	/* web db idle */
	top_mark_move(&mark, &rows, 0);
	EXPECT(mark.at == 0 && mark.vm == 1);
	top_mark_move(&mark, &rows, -1);
	EXPECT_EQ(mark.at, 0);
	top_mark_move(&mark, &rows, 100);
	EXPECT(mark.at == 2 && mark.vm == 5);
	top_mark_move(&mark, &rows, -1);
	EXPECT(mark.at == 1 && mark.vm == 2);
	top_rows_free(&rows);

	view.sort = sort_of('m');			/* idle db web */
	rows = top_rows_get(&before, &now, &view);
	top_mark_move(&mark, &rows, -1);
	EXPECT(mark.at == 0 && mark.vm == 5);
	top_rows_free(&rows);

	/* It goes: what stands there now. */
	now.nr = 2;
	rows = top_rows_get(&before, &now, &view);	/* db web */
	top_mark_move(&mark, &rows, 0);
	EXPECT(mark.at == 0 && mark.vm == 2);
	top_mark_move(&mark, &rows, 1);
	top_rows_free(&rows);
	now.nr = 1;
	vms[1][0].vm.id = 9;
	rows = top_rows_get(&before, &now, &view);
	top_mark_move(&mark, &rows, 0);
	EXPECT(mark.at == 0 && mark.vm == 9);
	top_rows_free(&rows);
	now.nr = 0;
	rows = top_rows_get(&before, &now, &view);
	top_mark_move(&mark, &rows, 1);
	EXPECT_EQ(mark.at, 0);
	top_rows_free(&rows);
}

TEST(a_vcpu_that_is_not_shown_leaves_the_mark_to_its_vm)
{
	struct top_mark mark = { .vm = 2, .vcpu = 1 };
	struct top_rows rows;

	setup();
	view.vcpus = true;
	rows = top_rows_get(&before, &now, &view);
	top_mark_move(&mark, &rows, 0);
	EXPECT_EQ(mark.at, 5);
	top_rows_free(&rows);
	view.vcpus = false;
	rows = top_rows_get(&before, &now, &view);
	top_mark_move(&mark, &rows, 0);
	EXPECT(mark.at == 1 && mark.vm == 2 && mark.vcpu == ~0u);
	top_rows_free(&rows);
}

TEST(scrolling)
{
	EXPECT_EQ(top_scroll(0, 3, 10, 5), 0);
	EXPECT_EQ(top_scroll(7, 3, 10, 5), 0);
	EXPECT_EQ(top_scroll(0, 9, 10, 20), 0);
	EXPECT_EQ(top_scroll(0, 10, 10, 20), 1);
	EXPECT_EQ(top_scroll(8, 3, 10, 20), 3);
	EXPECT_EQ(top_scroll(15, 19, 10, 20), 10);
	EXPECT_EQ(top_scroll(15, 15, 10, 20), 10);
	EXPECT_EQ(top_scroll(3, 3, 0, 20), 0);
}

TEST(intervals)
{
	EXPECT_EQ(top_interval(NS, true), 2 * NS);
	EXPECT_EQ(top_interval(NS, false), NS / 2);
	EXPECT_EQ(top_interval(3 * NS, true), 5 * NS);
	EXPECT_EQ(top_interval(3 * NS, false), 2 * NS);
	EXPECT_EQ(top_interval(NS / 10, false), NS / 10);
	EXPECT_EQ(top_interval(60 * NS, true), 60 * NS);
	EXPECT_EQ(top_interval(600 * NS, true), 600 * NS);
	EXPECT_EQ(top_interval(600 * NS, false), 60 * NS);
}

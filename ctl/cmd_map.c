// SPDX-License-Identifier: GPL-2.0
/* aerie mem --map, --svg: what guest-physical memory is, drawn. */
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd.h"
#include "json.h"
#include "mem.h"
#include "picture.h"

struct run {
	uint64_t start, pages;
	uint32_t state;
};

/* What has been read of a guest's memory. */
struct map {
	uint64_t at, next;		/* where what is read begins, and goes on */
	struct picture picture;
	bool list;			/* runs are wanted */
	struct run *run;
	size_t nr;
};

static void run_add(struct map *map, uint64_t pages, uint32_t state)
{
	struct run *last = map->nr ? &map->run[map->nr - 1] : NULL;

	if (last && last->state == state) {
		last->pages += pages;
		return;
	}
	if (!(map->nr & (map->nr - 1)))
		map->run = xrealloc(map->run, map->nr ? 2 * map->nr : 1, sizeof(*map->run));
	map->run[map->nr++] = (struct run){ map->at, pages, state };
}

static void read_map(struct nlattr **tb, void *arg)
{
	struct map *map = arg;
	struct aerie_map_run run;
	size_t i, nr;

	map->next = get_u64(tb[AERIE_A_MAP_NEXT]);
	nr = tb[AERIE_A_MAP] ? nla_len(tb[AERIE_A_MAP]) / sizeof(run) : 0;
	for (i = 0; i < nr; i++) {
		memcpy(&run, (char *)nla_data(tb[AERIE_A_MAP]) + i * sizeof(run), sizeof(run));
		picture_add(&map->picture, run.pages, run.state);
		if (map->list)
			run_add(map, run.pages, run.state);
		map->at += (uint64_t)run.pages * PICTURE_PAGE;
	}
}

/* All of the VM's memory, of which an answer has a part. */
static enum status map_get(const struct conn *conn, const char *name, struct map *map)
{
	enum status status;
	struct nl_msg *msg;
	struct refusal e;
	uint64_t start;

	map->at = 0;
	map->nr = 0;
	picture_init(&map->picture);
	do {
		start = map->at;
		msg = conn_request(conn, AERIE_CMD_MEM_MAP, 0);
		put_str(msg, AERIE_A_NAME, name);
		put_u64(msg, AERIE_A_MAP_START, start);
		status = conn_call(conn, msg, read_map, map, &e);
		if (status != STATUS_OK) {
			fail(name, "cannot look at the memory", &e);
			return status;
		}
		if (map->at <= start || (map->next && map->next != map->at)) {
			complain(name, "cannot look at the memory: the module's answer makes no sense to this tool, see aerie version");
			return STATUS_FAILED;
		}
	} while (map->next);
	return STATUS_OK;
}

static void print_runs(const struct map *map)
{
	struct json json = { .f = stdout };
	size_t i;

	json_open(&json, NULL, '[');
	for (i = 0; i < map->nr; i++) {
		const struct run *run = &map->run[i];

		json_open(&json, NULL, '{');
		json_u64(&json, "start", run->start);
		json_u64(&json, "size", run->pages * PICTURE_PAGE);
		json_str(&json, "state", mem_states[mem_state_find(run->state)].name);
		json_close(&json, '}');
	}
	json_close(&json, ']');
}

static bool speaks_utf8(void)
{
	locale_t locale = newlocale(LC_CTYPE_MASK, "", NULL);
	bool utf8 = locale && !strcmp(nl_langinfo_l(CODESET, locale), "UTF-8");

	if (locale)
		freelocale(locale);
	return utf8;
}

static void print_picture(struct map *map)
{
	const bool terminal = isatty(STDOUT_FILENO);
	const char *term = getenv("TERM");
	struct winsize size = { .ws_col = 80 };

	if (terminal && (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_col))
		size.ws_col = 80;
	picture_text(&map->picture, size.ws_col, speaks_utf8(),
		     terminal && term && strcmp(term, "dumb") && !getenv("NO_COLOR"), stdout);
}

/* Write all of it, or nothing. 0 or an errno. */
static int draw_into(int fd, const struct picture *p, const char *name)
{
	FILE *f = fdopen(fd, "w");
	int err = 0;

	if (!f) {
		err = errno;
		close(fd);
		return err;
	}
	picture_svg(p, name, f);
	if (fflush(f) || ferror(f) || fsync(fd))
		err = errno ? errno : EIO;
	if (fclose(f) && !err)
		err = errno;
	return err;
}

/* As a new file beside @path, which then takes its place: whoever looks sees a whole one. */
static int draw_beside(const char *path, const struct picture *p, const char *name)
{
	mode_t mask = umask(0);
	char *temp;
	int fd, err;

	umask(mask);
	if (asprintf(&temp, "%s.XXXXXX", path) < 0)
		out_of_memory();
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0) {
		err = errno;
		free(temp);
		return err;
	}
	err = fchmod(fd, 0666 & ~mask) ? errno : 0;
	if (err)
		close(fd);
	else
		err = draw_into(fd, p, name);
	if (!err && rename(temp, path))
		err = errno;
	if (err)
		unlink(temp);
	free(temp);
	return err;
}

static enum status draw_svg(const char *path, const struct picture *p, const char *name)
{
	char *real = NULL;
	struct stat st;
	int err = 0;

	/* Of a link the file that it names is replaced, of any other thing nothing. */
	if (!lstat(path, &st)) {
		if (!stat(path, &st) && !S_ISREG(st.st_mode)) {
			complain(name, "cannot draw: --svg %s is no regular file", path);
			return STATUS_FAILED;
		}
		real = realpath(path, NULL);
		if (!real)
			err = errno;
	}
	if (!err)
		err = draw_beside(real ? real : path, p, name);
	free(real);
	if (!err)
		return STATUS_OK;
	complain(name, "cannot draw: --svg %s: %s", path, strerror(err));
	return STATUS_FAILED;
}

static enum status draw(const struct args *args, struct map *map, const char *name)
{
	const char *svg = args_value(args, "svg");
	enum status status = STATUS_OK;

	if (svg)
		status = draw_svg(svg, &map->picture, name);
	if (status != STATUS_OK || !args_has(args, "map"))
		return status;
	if (map->list)
		print_runs(map);
	else
		print_picture(map);
	return STATUS_OK;
}

enum status cmd_map(const struct args *args)
{
	static const char * const others[] = { "idle", "limit", "reserve", "weight" };
	const char *what = args_has(args, "map") ? "map" : "svg", *svg = args_value(args, "svg");
	char buf[AERIE_NAME_MAX + 1];
	enum status status;
	struct conn conn;
	const char *name;
	struct map *map;
	size_t i;

	if (!args->nr_operands)
		return usage(args, "--%s is of a VM: say which", what);
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (args_has(args, others[i]))
			return usage(args, "--%s or --%s, not both", what, others[i]);
	if (svg && !*svg)
		return usage(args, "--svg '' names no file");
	if (args_has(args, "json") && !args_has(args, "map"))
		return usage(args, "--json is of --map, --svg has no use for it");
	status = conn_open(&conn);
	if (status != STATUS_OK)
		return status;
	name = vm_resolve(&conn, args->operand[0], buf);
	map = xcalloc(1, sizeof(*map));
	map->list = args_has(args, "json");
	for (;;) {
		status = map_get(&conn, name, map);
		if (status == STATUS_OK)
			status = draw(args, map, name);
		if (status != STATUS_OK || !args_has(args, "watch"))
			break;
		if (args_has(args, "map") && !map->list)
			putchar('\n');
		if (fflush(stdout))
			break;
		sleep(1);
	}
	free(map->run);
	free(map);
	conn_close(&conn);
	return status;
}

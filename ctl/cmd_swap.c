// SPDX-License-Identifier: GPL-2.0
/* aerie swap: the files and block devices that guest memory goes to. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "cmd.h"
#include "out.h"

const struct option_def opts_swap[] = {
	OPTION_JSON,
	OPTION_END
};

static enum status refused(const char *what, const char *path, const struct refusal *e)
{
	complain(NULL, "cannot swap %s: %s %s", what, path, e->msg);
	return STATUS_FAILED;
}

/* Past the page cache, where the file system can. */
static int open_swap(const char *path)
{
	int fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);

	return fd < 0 && errno == EINVAL ? open(path, O_RDWR | O_CLOEXEC) : fd;
}

static enum status swap_on(const struct conn *conn, const char *path)
{
	struct nl_msg *msg;
	enum status status;
	struct refusal e;
	int fd = open_swap(path);

	if (fd < 0) {
		complain(NULL, "cannot swap on: %s: %s", path, strerror(errno));
		return STATUS_FAILED;
	}
	if (flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK) {
		complain(NULL, "cannot swap on: %s is in use by another program, which has locked it",
			 path);
		close(fd);
		return STATUS_FAILED;
	}
	msg = conn_request(conn, AERIE_CMD_SWAP_ON, 0);
	put_u32(msg, AERIE_A_SWAP_FD, fd);
	status = conn_call(conn, msg, NULL, NULL, &e);
	if (status != STATUS_OK)
		status = refused("on", path, &e);
	close(fd);
	return status;
}

/* By the name that the list has; a file that is gone has one that ends in " (deleted)". */
static enum status swap_off(const struct conn *conn, const char *path)
{
	char whole[PATH_MAX];
	struct nl_msg *msg;
	enum status status;
	struct refusal e;

	msg = conn_request(conn, AERIE_CMD_SWAP_OFF, 0);
	put_str(msg, AERIE_A_SWAP_PATH, realpath(path, whole) ? whole : path);
	status = conn_call(conn, msg, NULL, NULL, &e);
	return status == STATUS_OK ? status : refused("off", path, &e);
}

static const struct out_col swap_cols[] = {
	{ "FILE", OUT_STR }, { "SIZE", OUT_SIZE }, { "USED", OUT_SIZE },
};

static void read_swap(struct nlattr **tb, void *arg)
{
	char path[PATH_MAX];

	get_str(tb[AERIE_A_SWAP_PATH], path, sizeof(path));
	out_table_row(arg, (struct out_val[]){
		{ .str = path }, { .u64 = get_u64(tb[AERIE_A_SWAP_SIZE]) },
		{ .u64 = get_u64(tb[AERIE_A_SWAP_USED]) },
	});
}

static enum status swap_list(const struct args *args, const struct conn *conn)
{
	struct out_table *table = out_table_new(swap_cols, 3);
	enum status status;
	struct refusal e;

	status = conn_call(conn, conn_request(conn, AERIE_CMD_SWAP_GET, NLM_F_DUMP), read_swap,
			   table, &e);
	if (status != STATUS_OK)
		fail(NULL, "cannot look at swap", &e);
	else
		out_table_print(table, args_has(args, "json"));
	out_table_free(table);
	return status;
}

enum status cmd_swap(const struct args *args)
{
	const char *what = args->nr_operands ? args->operand[0] : NULL;
	enum status status;
	struct conn conn;

	if (what && strcmp(what, "on") && strcmp(what, "off"))
		return usage(args, "'%s' is neither on nor off", what);
	if (args->nr_operands == 1)
		return usage(args, "which file is to be swap, or no more?");
	status = conn_open(&conn);
	if (status != STATUS_OK)
		return status;
	if (!what)
		status = swap_list(args, &conn);
	else if (!strcmp(what, "on"))
		status = swap_on(&conn, args->operand[1]);
	else
		status = swap_off(&conn, args->operand[1]);
	conn_close(&conn);
	return status;
}

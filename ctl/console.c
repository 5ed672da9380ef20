// SPDX-License-Identifier: GPL-2.0
/*
 * Being a VM's terminal.
 *
 * The descriptor from the module gives the scroll-back first, then what comes; it
 * ends when the VM is destroyed. That the VM has stopped is told by an event:
 * then what is still to be read is copied, and that is the end. When both stdin
 * and stdout are terminals, stdin is raw and every key but the detach key goes to
 * the guest. Otherwise the output is copied plainly; stdin goes to the guest where
 * it is a pipe or a file, and its end changes nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include "cmd.h"
#include "mem.h"

#define DETACH_KEY	0x1d		/* Ctrl-] */
#define LOOK_MS		5000		/* events may be lost: look at the state */

static struct termios saved;
static volatile sig_atomic_t raw;

static void cooked(void)
{
	if (raw) {
		raw = 0;
		tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
	}
}

/* tcsetattr() is among what a signal handler may call. */
static void on_signal(int sig)
{
	cooked();
	signal(sig, SIG_DFL);
	raise(sig);
}

static void make_raw(void)
{
	static const int signals[] = { SIGTERM, SIGHUP, SIGINT, SIGQUIT };
	struct termios tio;
	size_t i;

	if (tcgetattr(STDIN_FILENO, &saved))
		return;
	tio = saved;
	cfmakeraw(&tio);
	raw = 1;
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], on_signal);
	atexit(cooked);
	tcsetattr(STDIN_FILENO, TCSADRAIN, &tio);
}

static void read_fd(struct nlattr **tb, void *arg)
{
	if (tb[AERIE_A_FD])
		*(int *)arg = (int)get_u32(tb[AERIE_A_FD]);
}

enum status console_open(struct console *con, const struct conn *conn, const char *name,
			 bool hvc, struct refusal *e)
{
	struct nl_msg *msg;
	enum status status = events_open(&con->events, conn, e);

	con->fd = -1;
	if (status != STATUS_OK)
		return status;
	msg = conn_request(conn, AERIE_CMD_CONSOLE_OPEN, 0);
	put_str(msg, AERIE_A_NAME, name);
	if (hvc)
		put_data(msg, AERIE_A_HVC, NULL, 0);
	status = conn_call(conn, msg, read_fd, &con->fd, e);
	if (status == STATUS_OK && con->fd < 0) {
		*e = (struct refusal){ .err = EBADMSG, .msg = "the module gave no descriptor" };
		status = STATUS_FAILED;
	}
	if (status != STATUS_OK) {
		events_close(&con->events);
		return status;
	}
	/* Waiting is poll()'s business. */
	fcntl(con->fd, F_SETFL, fcntl(con->fd, F_GETFL) | O_NONBLOCK);
	return STATUS_OK;
}

void console_close(struct console *con)
{
	close(con->fd);
	events_close(&con->events);
}

/* Bytes on their way from stdin to the guest. */
struct input {
	char buf[4096];
	size_t len, done;
	bool open, interactive;
};

enum flow { FLOW_GOES_ON, FLOW_DRY, FLOW_ENDED };

static bool write_all(int fd, const char *buf, size_t len)
{
	ssize_t n;

	while (len) {
		n = write(fd, buf, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			struct pollfd pfd = { .fd = fd, .events = POLLOUT };

			poll(&pfd, 1, -1);
			continue;
		}
		if (n < 0)
			return false;
		buf += n;
		len -= (size_t)n;
	}
	return true;
}

/* One piece of the guest's output to stdout. */
static enum flow copy_output(int fd)
{
	char buf[16384];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n > 0)
		return write_all(STDOUT_FILENO, buf, (size_t)n) ? FLOW_GOES_ON : FLOW_ENDED;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return FLOW_DRY;
	return FLOW_ENDED;
}

/* Fill the empty input buffer. False when the user detaches. */
static bool read_input(struct input *in)
{
	ssize_t n = read(STDIN_FILENO, in->buf, sizeof(in->buf));
	char *detach;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0) {
		in->open = false;
		return !in->interactive;
	}
	in->done = 0;
	in->len = (size_t)n;
	if (!in->interactive)
		return true;
	detach = memchr(in->buf, DETACH_KEY, in->len);
	if (detach)
		in->len = (size_t)(detach - in->buf);
	return !detach;
}

/* Hand the guest what its receiver takes. */
static void write_input(struct input *in, int fd)
{
	ssize_t n = write(fd, in->buf + in->done, in->len - in->done);

	if (n > 0)
		in->done += (size_t)n;
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		in->open = false;
	if (in->done == in->len || !in->open)
		in->done = in->len = 0;
}

/* Has the VM stopped or gone? Fills @last then. */
static bool look(const struct conn *conn, const struct vm *vm, struct vm *last)
{
	struct refusal e;
	enum status status = vm_get(conn, vm->name, last, &e);

	vm_free(last);
	if (status == STATUS_OK && last->id == vm->id)
		return last->state == AERIE_STATE_STOPPED;
	/* Gone, or another of the same name: it was destroyed. */
	last->state = AERIE_STATE_STOPPED;
	last->stop_kind = AERIE_STOP_NONE;
	return true;
}

static bool over(struct console *con, const struct conn *conn, const struct vm *vm,
		 struct vm *last)
{
	struct event event;
	bool ended = false;
	int got;

	while ((got = events_next(&con->events, &event)) != 0) {
		if (got < 0)
			return look(conn, vm, last);
		if (event.id == vm->id &&
		    (event.event == AERIE_EV_STOPPED || event.event == AERIE_EV_DESTROYED))
			ended = true;
	}
	return ended && look(conn, vm, last);
}

/* True when the VM has stopped, false when the user detached. */
static bool pump(struct console *con, const struct conn *conn, const struct vm *vm,
		 struct input *in, struct vm *last)
{
	bool ended = look(conn, vm, last);
	enum { OUTPUT, EVENTS, INPUT };

	for (;;) {
		struct pollfd fds[] = {
			[OUTPUT] = {
				.fd = con->fd,
				.events = in->done < in->len ? POLLIN | POLLOUT : POLLIN,
			},
			[EVENTS] = { .fd = events_fd(&con->events), .events = POLLIN },
			[INPUT] = {
				.fd = in->open && in->done == in->len ? STDIN_FILENO : -1,
				.events = POLLIN,
			},
		};
		enum flow flow;
		int n;

		flow = copy_output(con->fd);
		if (flow == FLOW_ENDED) {
			look(conn, vm, last);
			return true;
		}
		if (ended && flow == FLOW_DRY)
			return true;

		/* A guest that never stops talking must not drown out the keyboard. */
		n = poll(fds, 3, flow == FLOW_DRY ? LOOK_MS : 0);
		if (n == 0 && flow == FLOW_DRY)
			ended = look(conn, vm, last);
		if (n <= 0)
			continue;
		if (fds[EVENTS].revents && over(con, conn, vm, last))
			ended = true;
		if (fds[OUTPUT].revents & POLLOUT)
			write_input(in, con->fd);
		if (fds[INPUT].revents && !read_input(in)) {
			write_input(in, con->fd);
			return false;
		}
	}
}

enum status console_attach(struct console *con, const struct conn *conn, const struct vm *vm,
			   const struct args *args, struct vm *last)
{
	struct input in = {
		.interactive = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO),
		.open = true,
	};
	char buf[256];
	bool ended;

	/* A terminal whose output goes elsewhere is not ours to read. */
	if (!in.interactive && isatty(STDIN_FILENO))
		in.open = false;
	if (in.interactive) {
		tell(args, NULL, "connected to %s, detach with Ctrl-]", vm->name);
		make_raw();
	}
	ended = pump(con, conn, vm, &in, last);
	if (in.interactive) {
		cooked();
		fputc('\n', stderr);
	}
	if (!ended)
		tell(args, NULL, "detached from %s, aerie console %s attaches again",
		     vm->name, vm->name);
	else if (in.interactive)
		tell(args, vm->name, "%s",
		     stop_text(last->stop_kind, last->reason, buf, sizeof(buf)));
	return STATUS_OK;
}

const struct option_def opts_console[] = {
	{ .name = "hvc", .help = "the virtio console, hvc0, not the serial port" },
	OPTION_QUIET,
	OPTION_END
};

enum status cmd_console(const struct args *args)
{
	char buf[AERIE_NAME_MAX + 1];
	struct console con;
	struct refusal e;
	struct vm vm, last;
	enum status status;
	const char *name;
	struct conn conn;

	status = conn_open(&conn);
	if (status != STATUS_OK)
		return status;
	name = vm_resolve(&conn, args->operand[0], buf);
	status = vm_get(&conn, name, &vm, &e);
	if (status == STATUS_OK)
		status = console_open(&con, &conn, name, args_has(args, "hvc"), &e);
	if (status == STATUS_OK) {
		status = console_attach(&con, &conn, &vm, args, &last);
		console_close(&con);
	} else {
		fail(name, "cannot open the console", &e);
	}
	vm_free(&vm);
	conn_close(&conn);
	return status;
}

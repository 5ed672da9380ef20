// SPDX-License-Identifier: GPL-2.0
/*
 * aerie top on a terminal: draws the rows and takes keys.
 *
 * Signals are blocked but while it waits for a key, so that each is seen there, at once,
 * and the terminal is given back on one way. Suspending (Ctrl-Z) and resizing are
 * ncurses's own, which has its handlers for them. Whatever ends the tool elsewhere, as
 * want of memory does, goes by way of exit().
 */
#include <curses.h>
#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <term.h>
#include <time.h>
#include <unistd.h>

#include "cmd.h"
#include "text.h"
#include "top.h"

#define HEAD_LINES	3	/* what is looked at, the sums, the heading */
#define FOOT_LINES	1

static const char * const help[] = {
	"Figures are of the time between the last two looks; 100 CPU% are one processor.",
	"OUT has left memory: compressed, to swap, on the guest's disks. DISK/S and NIC/S are",
	"requests served.",
	"",
	"  c e m i n    sort by CPU, exits, memory, I/O, name; again: the other way round",
	"  v            virtual processors under their VM, or not",
	"  arrow keys   select a row, which then is told about below",
	"  + -          longer and shorter between two looks",
	"  space        look now",
	"  h            this, and back",
	"  q            leave",
	NULL
};

struct screen {
	struct top *top;
	struct top_look before, now;
	struct top_rows rows;
	bool selecting, helping, leaving;
	struct top_mark mark;
	size_t first;			/* row at the top */
	uint64_t due;			/* time of the next look */
};

static volatile sig_atomic_t enough;
static SCREEN *terminal;

static void on_signal(int sig)
{
	enough = 1;
}

static void give_back(void)
{
	if (!terminal)
		return;
	endwin();
	delscreen(terminal);
	terminal = NULL;
}

/* Is there a description of it, and can the cursor be moved? 0 where there is none. */
static int usable(const char *name)
{
	int known = 0;

	if (setupterm((char *)name, STDOUT_FILENO, &known) != OK)
		return known == 1 ? -1 : 0;
	return tigetstr("cup") > (char *)0 ? 1 : -1;
}

/* Hosts with few descriptions may lack that of a terminal which is much as these are. */
static const char *terminal_name(void)
{
	static const char * const others[] = { "xterm", "vt100", "linux" };
	const char *name = getenv("TERM");
	size_t i;
	int is;

	if (!name || !*name) {
		complain(NULL, "TERM does not say what terminal this is: set it, or use --batch");
		return NULL;
	}
	is = usable(name);
	if (is > 0)
		return name;
	if (is < 0) {
		complain(NULL, "the terminal '%s' cannot move its cursor: use --batch", name);
		return NULL;
	}
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (usable(others[i]) > 0)
			return others[i];
	}
	complain(NULL, "there is no description of the terminal '%s' here (terminfo): set TERM, or use --batch",
		 name);
	return NULL;
}

static bool take_terminal(void)
{
	const char *name;

	setlocale(LC_CTYPE, "");
	name = terminal_name();
	if (!name)
		return false;
	terminal = newterm(name, stdout, stdin);
	if (!terminal) {
		complain(NULL, "cannot use the terminal '%s': use --batch", name);
		return false;
	}
	atexit(give_back);
	set_term(terminal);
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(50);
	curs_set(0);
	return true;
}

static void draw_line(int y, const char *text, int attr)
{
	attrset(attr);
	mvaddnstr(y, 0, text, COLS);
	/* The last cell of the screen is left: some terminals scroll when it is written. */
	if (attr)
		mvchgat(y, 0, y == LINES - 1 ? COLS - 1 : COLS, attr, 0, NULL);
	attrset(A_NORMAL);
}

static void draw_title(const struct screen *s, char *buf)
{
	const struct top *top = s->top;
	char clock[16], every[TEXT_LEN];
	time_t now = time(NULL);
	struct tm tm;

	localtime_r(&now, &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	snprintf(buf, TOP_LINE, "aerie top, %s, every %s, by %s%s", clock,
		 text_duration(top->interval_ns, every), top->view.sort->name,
		 top->view.backwards ? ", other way round" : "");
	draw_line(0, buf, A_NORMAL);
}

static void draw_help(void)
{
	int y;

	erase();
	for (y = 0; help[y]; y++)
		draw_line(y, help[y], A_NORMAL);
	refresh();
}

static void draw(struct screen *s)
{
	size_t width = COLS > 0 ? (size_t)COLS : 0, height = 0, i;
	const struct top_view *view = &s->top->view;
	char buf[TOP_LINE];

	if (s->helping) {
		draw_help();
		return;
	}
	if (LINES > HEAD_LINES + FOOT_LINES)
		height = (size_t)(LINES - HEAD_LINES - FOOT_LINES);
	if (s->selecting)
		top_mark_move(&s->mark, &s->rows, 0);
	s->first = top_scroll(s->first, s->selecting ? s->mark.at : s->first, height, s->rows.nr);

	erase();
	draw_title(s, buf);
	top_line_summary(&s->rows, width, buf);
	draw_line(1, buf, A_NORMAL);
	top_line_heading(view, width, buf);
	draw_line(2, buf, A_REVERSE);
	for (i = 0; i < height && s->first + i < s->rows.nr; i++) {
		top_line_row(&s->rows.row[s->first + i], view, width, buf);
		draw_line(HEAD_LINES + (int)i, buf,
			  s->selecting && s->first + i == s->mark.at ? A_REVERSE : A_NORMAL);
	}
	if (s->selecting && s->mark.at < s->rows.nr)
		top_line_about(&s->rows.row[s->mark.at], width, buf);
	else
		snprintf(buf, sizeof(buf), "h: help, q: leave");
	if (height)
		draw_line(LINES - 1, buf, A_BOLD);
	refresh();
}

static void make_rows(struct screen *s)
{
	top_rows_free(&s->rows);
	s->rows = top_rows_get(s->before.ns ? &s->before : NULL, &s->now, &s->top->view);
}

static enum status look(struct screen *s, struct refusal *e)
{
	enum status status;
	struct top_look next;

	status = top_look_get(s->top->conn, &next, e);
	if (status != STATUS_OK)
		return status;
	top_look_free(&s->before);
	s->before = s->now;
	s->now = next;
	s->due = next.ns + s->top->interval_ns;
	make_rows(s);
	return STATUS_OK;
}

static void sort_by(struct screen *s, int key)
{
	struct top_view *view = &s->top->view;
	const struct top_sort *sort;

	for (sort = top_sorts; sort->name; sort++) {
		if (sort->key != key)
			continue;
		view->backwards = sort == view->sort && !view->backwards;
		view->sort = sort;
		make_rows(s);
	}
}

/* The first of these only shows where the selection is. */
static void select_row(struct screen *s, long by)
{
	if (!s->selecting) {
		s->mark = (struct top_mark){ .vm = ~0u, .vcpu = ~0u, .at = s->first };
		by = 0;
	}
	s->selecting = true;
	top_mark_move(&s->mark, &s->rows, by);
}

static void set_interval(struct screen *s, bool longer)
{
	s->top->interval_ns = top_interval(s->top->interval_ns, longer);
	s->due = s->now.ns + s->top->interval_ns;
}

static void take_key(struct screen *s, int key)
{
	long page = LINES > HEAD_LINES + FOOT_LINES ? LINES - HEAD_LINES - FOOT_LINES : 1;

	if (key == KEY_RESIZE)
		return;
	if (s->helping && key != 'q') {
		s->helping = false;
		return;
	}
	switch (key) {
	case 'q':
		s->leaving = true;
		break;
	case 'h':
	case '?':
		s->helping = true;
		break;
	case 'v':
		s->top->view.vcpus = !s->top->view.vcpus;
		make_rows(s);
		break;
	case KEY_UP:
		select_row(s, -1);
		break;
	case KEY_DOWN:
		select_row(s, 1);
		break;
	case KEY_PPAGE:
		select_row(s, -page);
		break;
	case KEY_NPAGE:
		select_row(s, page);
		break;
	case '+':
	case '-':
		set_interval(s, key == '+');
		break;
	case ' ':
		s->due = 0;
		break;
	case 'L' & 0x1f:
		clearok(curscr, TRUE);
		break;
	default:
		sort_by(s, key);
	}
}

/* Until a key, a signal or the time of the next look. */
static void wait_for_key(struct screen *s, const sigset_t *unblocked)
{
	struct pollfd pfd = { .fd = STDIN_FILENO, .events = POLLIN };
	uint64_t now = now_ns(), left = s->due > now ? s->due - now : 0;
	struct timespec time = { .tv_sec = left / 1000000000, .tv_nsec = left % 1000000000 };
	int ready, key;

	ready = ppoll(&pfd, 1, &time, unblocked);
	if (enough || (ready < 0 && errno != EINTR) ||
	    (ready > 0 && pfd.revents & (POLLHUP | POLLERR | POLLNVAL))) {
		s->leaving = true;
		return;
	}
	/* A signal may have been that of a new size, which is told as a key. */
	while (!s->leaving && (key = getch()) != ERR)
		take_key(s, key);
}

static enum status watch(struct screen *s, const sigset_t *unblocked, struct refusal *e)
{
	enum status status = look(s, e);
	uint64_t round = 0;

	while (status == STATUS_OK) {
		draw(s);
		wait_for_key(s, unblocked);
		if (s->leaving)
			break;
		if (now_ns() < s->due)
			continue;
		if (s->top->rounds && round++ == s->top->rounds)
			break;
		status = look(s, e);
	}
	return status;
}

enum status top_screen(struct top *top)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction sa = { .sa_handler = on_signal };
	struct screen s = { .top = top };
	sigset_t signals, old;
	enum status status;
	struct refusal e;
	size_t i;

	sigemptyset(&signals);
	sigaddset(&signals, SIGWINCH);
	sigaddset(&signals, SIGTSTP);
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		sigaddset(&signals, ends[i]);
		sigaction(ends[i], &sa, NULL);
	}
	sigprocmask(SIG_BLOCK, &signals, &old);
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		sigdelset(&old, ends[i]);
	if (!take_terminal())
		return STATUS_FAILED;

	status = watch(&s, &old, &e);
	give_back();
	if (status != STATUS_OK)
		status = top_failed(top, status, &e);
	top_rows_free(&s.rows);
	top_look_free(&s.before);
	top_look_free(&s.now);
	return status;
}

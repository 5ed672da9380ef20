/* SPDX-License-Identifier: GPL-2.0 */
/* The command line: verbs, their options, their help. */
#ifndef CTL_ARGS_H
#define CTL_ARGS_H

#include <stdbool.h>
#include <stddef.h>

/* Exit statuses, as in the man page. */
enum status {
	STATUS_OK,
	STATUS_FAILED,		/* refused or failed */
	STATUS_USAGE,
	STATUS_NO_VM,
	STATUS_NOT_PERMITTED,
	STATUS_NO_MODULE,
	STATUS_TIMEOUT,
};

struct option_def {
	const char *name;	/* long, without dashes; NULL ends the list */
	char letter;		/* or 0 */
	const char *arg;	/* what its value is called, or NULL for a flag */
	const char *help;
	bool many;		/* may be given more than once */
};

#define OPTION_JSON	{ .name = "json", .help = "print JSON" }
#define OPTION_QUIET	{ .name = "quiet", .letter = 'q', .help = "say only what goes wrong" }
#define OPTION_HELP	{ .name = "help", .letter = 'h', .help = "this text" }
#define OPTION_END	OPTION_HELP, { .name = NULL }

struct args;

struct command {
	const char *name;
	const char *operands;	/* for the synopsis: "VM", "[VM]", "VM..." */
	size_t min_operands, max_operands;
	const char *summary;	/* completes "aerie NAME: ..." */
	const struct option_def *options;
	const char *more;	/* example, and what can go wrong */
	enum status (*run)(const struct args *args);
};

struct given {
	const struct option_def *option;
	const char *value;
};

#define ARGS_MAX	128

/* A parsed command line. */
struct args {
	const struct command *command;
	struct given given[ARGS_MAX];
	size_t nr_given;
	const char *operand[ARGS_MAX];
	size_t nr_operands;
};

/**
 * args_parse() - take a command line apart
 * @args: filled in
 * @command: the verb
 * @argv: what follows the verb, ends with NULL
 * @error: the reason when it is refused
 * @size: of @error
 *
 * Options may stand before and after operands, values may follow after "=",
 * letters may be combined, "--" ends the options. Options are not abbreviated.
 * --help overrides what else may be wrong.
 */
bool args_parse(struct args *args, const struct command *command, char **argv,
		char *error, size_t size);

bool args_has(const struct args *args, const char *name);
/* The value of an option, or NULL where it was not given. */
const char *args_value(const struct args *args, const char *name);

/* The table of verbs ends with a NULL name. */
extern const struct command commands[];
const struct command *command_find(const char *name);
/* The verb that @name may be a misspelling of, or NULL. */
const struct command *command_guess(const char *name);

void help_command(const struct command *command);
void help_all(void);

#endif

// SPDX-License-Identifier: GPL-2.0
/* The command line: taking it apart, and the help that its tables give. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "args.h"
#include "text.h"

struct parse {
	struct args *args;
	char *error;
	size_t size;
};

static bool __attribute__((format(printf, 2, 3))) refuse(struct parse *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->error, p->size, fmt, ap);
	va_end(ap);
	return false;
}

static const struct option_def *find_option(const struct command *command,
					    const char *name, size_t len, char letter)
{
	const struct option_def *o;

	for (o = command->options; o->name; o++) {
		if (name ? strlen(o->name) == len && !strncmp(o->name, name, len) :
			   o->letter == letter)
			return o;
	}
	return NULL;
}

static bool give(struct parse *p, const struct option_def *option, const char *value)
{
	struct args *args = p->args;

	if (!option->many && option->arg && args_has(args, option->name))
		return refuse(p, "--%s is given twice", option->name);
	if (args->nr_given == ARGS_MAX)
		return refuse(p, "too many options");
	args->given[args->nr_given++] = (struct given){ option, value };
	return true;
}

/* "--name", "--name=value", "--name value"; *@next is moved past a value taken. */
static bool parse_long(struct parse *p, const char *arg, char ***next)
{
	size_t len = strcspn(arg, "=");
	const struct option_def *option = find_option(p->args->command, arg, len, 0);
	const char *value = arg[len] ? arg + len + 1 : NULL;

	if (!option)
		return refuse(p, "no option --%.*s", (int)len, arg);
	if (!option->arg && value)
		return refuse(p, "--%s takes no value", option->name);
	if (option->arg && !value) {
		value = **next;
		if (!value)
			return refuse(p, "--%s needs a value (%s)", option->name, option->arg);
		(*next)++;
	}
	return give(p, option, value);
}

/* "-qm512M", "-m 512M" */
static bool parse_letters(struct parse *p, const char *arg, char ***next)
{
	const struct option_def *option;
	const char *value;

	for (; *arg; arg++) {
		option = find_option(p->args->command, NULL, 0, *arg);
		if (!option)
			return refuse(p, "no option -%c", *arg);
		if (!option->arg) {
			if (!give(p, option, NULL))
				return false;
			continue;
		}
		value = arg[1] ? arg + 1 : **next;
		if (!value)
			return refuse(p, "-%c needs a value (%s)", *arg, option->arg);
		if (!arg[1])
			(*next)++;
		return give(p, option, value);
	}
	return true;
}

static bool wants_help(char **argv)
{
	for (; *argv && strcmp(*argv, "--"); argv++) {
		if (!strcmp(*argv, "--help") || !strcmp(*argv, "-h"))
			return true;
	}
	return false;
}

static bool parse_all(struct parse *p, char **argv)
{
	struct args *args = p->args;
	bool options = true;

	while (*argv) {
		const char *arg = *argv++;

		if (options && !strcmp(arg, "--")) {
			options = false;
		} else if (options && !strncmp(arg, "--", 2)) {
			if (!parse_long(p, arg + 2, &argv))
				return false;
		} else if (options && arg[0] == '-' && arg[1]) {
			if (!parse_letters(p, arg + 1, &argv))
				return false;
		} else if (args->nr_operands == args->command->max_operands ||
			   args->nr_operands == ARGS_MAX) {
			return refuse(p, "'%s' is one argument too many", arg);
		} else {
			args->operand[args->nr_operands++] = arg;
		}
	}
	if (args->nr_operands < args->command->min_operands)
		return refuse(p, "%s is missing", args->command->operands);
	return true;
}

bool args_parse(struct args *args, const struct command *command, char **argv,
		char *error, size_t size)
{
	struct parse p = { .args = args, .error = error, .size = size };

	memset(args, 0, sizeof(*args));
	args->command = command;
	if (parse_all(&p, argv) && !args_has(args, "help"))
		return true;
	if (!wants_help(argv))
		return false;
	memset(args, 0, sizeof(*args));
	args->command = command;
	return give(&p, find_option(command, "help", 4, 0), NULL);
}

static const struct given *find_given(const struct args *args, const char *name)
{
	size_t i;

	for (i = 0; i < args->nr_given; i++) {
		if (!strcmp(args->given[i].option->name, name))
			return &args->given[i];
	}
	return NULL;
}

bool args_has(const struct args *args, const char *name)
{
	return find_given(args, name) != NULL;
}

const char *args_value(const struct args *args, const char *name)
{
	const struct given *given = find_given(args, name);

	return given ? given->value : NULL;
}

const struct command *command_find(const char *name)
{
	const struct command *c;

	for (c = commands; c->name; c++) {
		if (!strcmp(c->name, name))
			return c;
	}
	return NULL;
}

const struct command *command_guess(const char *name)
{
	const struct command *c, *best = NULL;
	unsigned int distance, least = 3;

	for (c = commands; c->name; c++) {
		distance = text_distance(name, c->name);
		if (distance < least) {
			least = distance;
			best = c;
		}
	}
	return best;
}

void help_command(const struct command *command)
{
	const struct option_def *o;
	char left[64];

	printf("usage: aerie %s%s%s%s\n\n%s\n\n", command->name,
	       *command->operands ? " " : "", command->operands,
	       command->options[0].name ? " [OPTION...]" : "", command->summary);
	for (o = command->options; o->name; o++) {
		snprintf(left, sizeof(left), "%c%c%c --%s%s%s", o->letter ? '-' : ' ',
			 o->letter ? o->letter : ' ', o->letter ? ',' : ' ', o->name,
			 o->arg ? " " : "", o->arg ? o->arg : "");
		printf("  %-26s %s%s\n", left, o->help, o->many ? " (repeatable)" : "");
	}
	if (command->more)
		printf("\n%s", command->more);
}

void help_all(void)
{
	const struct command *c;

	puts("usage: aerie VERB [VM] [OPTION...]\n\nverbs:");
	for (c = commands; c->name; c++)
		printf("  %-10s %s\n", c->name, c->summary);
	puts("\n'aerie help VERB' has a verb's options, an example and what can go wrong;\n"
	     "'aerie doctor' says whether this machine is ready.\n\n"
	     "exit status: 0 done, 1 refused or failed, 2 usage, 3 no such VM,\n"
	     "4 not permitted, 5 module not loaded, 6 timed out");
}

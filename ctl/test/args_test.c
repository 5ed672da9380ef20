// SPDX-License-Identifier: GPL-2.0
/* Command lines: what is taken, and the words that say what is wrong. */
// sources: args.c text.c
#include "args.h"
#include "ktap.h"

static const struct option_def options[] = {
	{ .name = "memory", .letter = 'm', .arg = "SIZE", .help = "memory" },
	{ .name = "module", .arg = "FILE", .many = true, .help = "module" },
	{ .name = "console", .letter = 'C', .help = "attach" },
	OPTION_QUIET,
	OPTION_END
};

const struct command commands[] = {
	{ .name = "run", .operands = "VM", .min_operands = 1, .max_operands = 1,
	  .summary = "", .options = options },
	{ .name = "start", .operands = "VM...", .min_operands = 1, .max_operands = ARGS_MAX,
	  .summary = "", .options = options },
	{ .name = NULL }
};

static struct args args;
static char error[128];

#define PARSE(...)	\
	args_parse(&args, &commands[0], (char *[]){ __VA_ARGS__ __VA_OPT__(,) NULL }, \
		   error, sizeof(error))
#define REFUSED(text, ...)	(!PARSE(__VA_ARGS__) && same(text))

static int same(const char *expected)
{
	if (strcmp(error, expected))
		printf("# got '%s' expected '%s'\n", error, expected);
	return !strcmp(error, expected);
}

TEST(options_stand_anywhere)
{
	EXPECT(PARSE("web", "-m", "512M"));
	EXPECT(!strcmp(args_value(&args, "memory"), "512M"));
	EXPECT(!strcmp(args.operand[0], "web"));
	EXPECT(PARSE("-m", "512M", "web"));
	EXPECT(!strcmp(args_value(&args, "memory"), "512M"));
	EXPECT(PARSE("--memory", "1G", "web", "--console"));
	EXPECT(args_has(&args, "console"));
	EXPECT(!args_has(&args, "quiet"));
}

TEST(values_stand_in_all_places)
{
	EXPECT(PARSE("--memory=1G", "web") && !strcmp(args_value(&args, "memory"), "1G"));
	EXPECT(PARSE("--memory=", "web") && !strcmp(args_value(&args, "memory"), ""));
	EXPECT(PARSE("-m1G", "web") && !strcmp(args_value(&args, "memory"), "1G"));
	EXPECT(PARSE("-qCm1G", "web") && !strcmp(args_value(&args, "memory"), "1G"));
	EXPECT(args_has(&args, "quiet") && args_has(&args, "console"));
	/* A value may look like an option. */
	EXPECT(PARSE("-m", "--console", "web") && !args_has(&args, "console"));
}

TEST(two_dashes_end_the_options)
{
	EXPECT(PARSE("--", "--console"));
	EXPECT(!args_has(&args, "console") && !strcmp(args.operand[0], "--console"));
	EXPECT(PARSE("-"));
	EXPECT(!strcmp(args.operand[0], "-"));
}

TEST(some_options_repeat)
{
	EXPECT(PARSE("web", "--module", "a", "--module", "b"));
	EXPECT_EQ(args.nr_given, 2);
	EXPECT(!strcmp(args.given[1].value, "b"));
	EXPECT(PARSE("web", "-q", "-q"));
	EXPECT(REFUSED("--memory is given twice", "web", "-m", "1", "--memory=2"));
}

TEST(refusals_name_what_is_wrong)
{
	EXPECT(REFUSED("VM is missing"));
	EXPECT(REFUSED("VM is missing", "-q"));
	EXPECT(REFUSED("'two' is one argument too many", "one", "two"));
	EXPECT(REFUSED("no option --memo", "web", "--memo", "1G"));
	EXPECT(REFUSED("no option --memo", "web", "--memo=1G"));
	EXPECT(REFUSED("no option -x", "web", "-qx"));
	EXPECT(REFUSED("no option --", "web", "--=5"));
	EXPECT(REFUSED("--memory needs a value (SIZE)", "web", "--memory"));
	EXPECT(REFUSED("-m needs a value (SIZE)", "web", "-m"));
	EXPECT(REFUSED("--console takes no value", "web", "--console=yes"));
}

TEST(help_overrides)
{
	EXPECT(PARSE("--help") && args_has(&args, "help"));
	EXPECT(PARSE("one", "two", "--nonsense", "-h") && args_has(&args, "help"));
	EXPECT(!PARSE("one", "two", "--", "--help"));
}

TEST(too_much_is_refused)
{
	static char *many[ARGS_MAX + 3];
	size_t i;

	for (i = 0; i < ARGS_MAX + 1; i++)
		many[i] = (char *)"x";
	EXPECT(!args_parse(&args, &commands[1], many, error, sizeof(error)));
	many[ARGS_MAX] = NULL;
	EXPECT(args_parse(&args, &commands[1], many, error, sizeof(error)));
	EXPECT_EQ(args.nr_operands, ARGS_MAX);
	for (i = 0; i < ARGS_MAX + 1; i++)
		many[i] = (char *)"-q";
	many[ARGS_MAX + 1] = (char *)"web";
	EXPECT(!args_parse(&args, &commands[1], many, error, sizeof(error)));
	EXPECT(same("too many options"));
}

TEST(misspellings)
{
	EXPECT(command_find("start") == &commands[1]);
	EXPECT(!command_find("star"));
	EXPECT(!command_find(""));
	EXPECT(command_guess("star") == &commands[1]);
	EXPECT(command_guess("runn") == &commands[0]);
	EXPECT(!command_guess("frobnicate"));
}

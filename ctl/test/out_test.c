// SPDX-License-Identifier: GPL-2.0
/* Tables as text and as JSON, and JSON that stays JSON whatever it is given. */
// sources: out.c json.c text.c
#include "ktap.h"
#include "out.h"

static const struct out_col cols[] = {
	{ "NAME", OUT_STR }, { "MEMORY", OUT_SIZE }, { "CPU%", OUT_REAL },
	{ "SHARE", OUT_PERCENT }, { "UPTIME", OUT_TIME }, { "ON", OUT_BOOL },
};

static struct out_table *table(void)
{
	struct out_table *t = out_table_new(cols, 6);
	char name[] = "web";

	out_table_row(t, (struct out_val[]){
		{ .str = name }, { .u64 = 512 << 20 }, { .real = 1.26 }, { .real = 61.2 },
		{ .u64 = 134000000000ull }, { .u64 = 1 },
	});
	/* Strings are copied: the caller's may change. */
	strcpy(name, "xxx");
	out_table_row(t, (struct out_val[]){
		{ .str = NULL }, { .u64 = 1 << 20 }, { .none = true }, { .real = 0 },
		{ .none = true }, { .u64 = 0 },
	});
	return t;
}

static char *text;
static size_t len;

static FILE *begin(void)
{
	return open_memstream(&text, &len);
}

static int is(FILE *f, const char *expected)
{
	int same;

	fclose(f);
	same = !strcmp(text, expected);
	if (!same)
		printf("# got:\n%s# expected:\n%s", text, expected);
	free(text);
	return same;
}

TEST(tables_align)
{
	struct out_table *t = table();
	FILE *f = begin();

	out_table_text(t, f);
	EXPECT(is(f,
		  "NAME MEMORY CPU% SHARE UPTIME ON\n"
		  "web  512MiB  1.3 61.2%  2m14s yes\n"
		  "-      1MiB    -  0.0%      - no\n"));
	out_table_free(t);
}

TEST(empty_tables_have_headings)
{
	struct out_table *t = out_table_new(cols, 6);
	struct json j = { .f = begin() };

	out_table_text(t, j.f);
	out_table_json(t, &j, NULL);
	EXPECT(is(j.f, "NAME MEMORY CPU% SHARE UPTIME ON\n[]\n"));
	out_table_free(t);
}

TEST(tables_as_json_have_the_same_names)
{
	struct out_table *t = table();
	struct json j = { .f = begin(), .compact = true };

	out_table_json(t, &j, NULL);
	EXPECT(is(j.f,
		  "[{\"name\": \"web\", \"memory\": 536870912, \"cpu%\": 1.260, "
		  "\"share\": 61.200, \"uptime\": 134000000000, \"on\": true}, "
		  "{\"name\": null, \"memory\": 1048576, \"cpu%\": null, \"share\": 0.000, "
		  "\"uptime\": null, \"on\": false}]\n"));
	out_table_free(t);
}

TEST(json_nests)
{
	struct json j = { .f = begin() };

	json_open(&j, NULL, '{');
	json_str(&j, "a", "b");
	json_open(&j, "empty", '{');
	json_close(&j, '}');
	json_open(&j, "list", '[');
	json_u64(&j, NULL, 1);
	json_u64(&j, NULL, ~0ull);
	json_close(&j, ']');
	json_bool(&j, "yes", true);
	json_close(&j, '}');
	EXPECT(is(j.f,
		  "{\n  \"a\": \"b\",\n  \"empty\": {},\n  \"list\": [\n    1,\n"
		  "    18446744073709551615\n  ],\n  \"yes\": true\n}\n"));
}

static int quoted(const char *s, const char *expected)
{
	struct json j = { .f = begin(), .compact = true };

	json_open(&j, NULL, '[');
	json_str(&j, NULL, s);
	json_close(&j, ']');
	return is(j.f, expected);
}

TEST(json_quotes)
{
	EXPECT(quoted("a\"b\\c\n\t\x01\x7f", "[\"a\\\"b\\\\c\\n\\t\\u0001\\u007f\"]\n"));
	EXPECT(quoted("gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\xa7",
		      "[\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\xa7\"]\n"));
	EXPECT(quoted("", "[\"\"]\n"));
}

TEST(json_replaces_what_is_no_utf8)
{
	EXPECT(quoted("\xff", "[\"\\ufffd\"]\n"));
	EXPECT(quoted("\xc3", "[\"\\ufffd\"]\n"));		/* cut off */
	EXPECT(quoted("\xc0\x80", "[\"\\ufffd\\ufffd\"]\n"));	/* overlong */
	EXPECT(quoted("\xe0\x80\x80x", "[\"\\ufffd\\ufffd\\ufffdx\"]\n"));
	EXPECT(quoted("\xed\xa0\x80", "[\"\\ufffd\\ufffd\\ufffd\"]\n"));	/* surrogate */
	EXPECT(quoted("\xf4\x90\x80\x80", "[\"\\ufffd\\ufffd\\ufffd\\ufffd\"]\n"));
	EXPECT(quoted("\xc3(", "[\"\\ufffd(\"]\n"));
}

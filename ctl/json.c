// SPDX-License-Identifier: GPL-2.0
/* Writing JSON: objects and arrays, nested, with the commas in the right places. */
#include <inttypes.h>

#include "json.h"

/* Bytes of the UTF-8 character at @s, 0 where it is none. */
static int utf8_len(const unsigned char *s)
{
	int i, len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 :
		     s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;

	for (i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	/* Overlong forms, surrogates and what is beyond U+10FFFF */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

/* Bytes that are no UTF-8 are shown as U+FFFD: the output is always valid. */
static void put_string(FILE *f, const char *str)
{
	const unsigned char *s = (const unsigned char *)str;
	int len;

	fputc('"', f);
	while (*s) {
		len = utf8_len(s);
		if (*s == '"' || *s == '\\')
			fprintf(f, "\\%c", *s);
		else if (*s == '\n')
			fputs("\\n", f);
		else if (*s == '\t')
			fputs("\\t", f);
		else if (*s < 0x20 || *s == 0x7f)
			fprintf(f, "\\u%04x", *s);
		else if (!len)
			fputs("\\ufffd", f);
		else
			fwrite(s, 1, len, f);
		s += len ? len : 1;
	}
	fputc('"', f);
}

static void new_line(struct json *j)
{
	if (!j->compact)
		fprintf(j->f, "\n%*s", 2 * (int)j->depth, "");
}

static void begin(struct json *j, const char *key)
{
	if (j->comma)
		fputs(j->compact ? ", " : ",", j->f);
	if (j->depth)
		new_line(j);
	if (key) {
		put_string(j->f, key);
		fputs(": ", j->f);
	}
	j->comma = true;
}

void json_open(struct json *j, const char *key, char bracket)
{
	begin(j, key);
	fputc(bracket, j->f);
	j->depth++;
	j->comma = false;
}

void json_close(struct json *j, char bracket)
{
	j->depth--;
	if (j->comma)
		new_line(j);
	fputc(bracket, j->f);
	j->comma = j->depth > 0;
	if (!j->depth)
		fputc('\n', j->f);
}

void json_str(struct json *j, const char *key, const char *value)
{
	begin(j, key);
	if (value)
		put_string(j->f, value);
	else
		fputs("null", j->f);
}

void json_u64(struct json *j, const char *key, uint64_t value)
{
	begin(j, key);
	fprintf(j->f, "%" PRIu64, value);
}

void json_real(struct json *j, const char *key, double value)
{
	begin(j, key);
	fprintf(j->f, "%.3f", value);
}

void json_bool(struct json *j, const char *key, bool value)
{
	begin(j, key);
	fputs(value ? "true" : "false", j->f);
}

/* SPDX-License-Identifier: GPL-2.0 */
/* Writing JSON: objects and arrays, nested, with the commas in the right places. */
#ifndef CTL_JSON_H
#define CTL_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* @compact: all on one line, for streams of objects. */
struct json {
	FILE *f;
	bool compact;
	bool comma;		/* something stands before in this object or array */
	unsigned int depth;
};

/* @key is NULL in arrays and at the top. Closing the outermost ends the line. */
void json_open(struct json *j, const char *key, char bracket);	/* '{' or '[' */
void json_close(struct json *j, char bracket);			/* '}' or ']' */
void json_str(struct json *j, const char *key, const char *value);	/* NULL: null */
void json_u64(struct json *j, const char *key, uint64_t value);
void json_real(struct json *j, const char *key, double value);
void json_bool(struct json *j, const char *key, bool value);

#endif

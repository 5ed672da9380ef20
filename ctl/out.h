/* SPDX-License-Identifier: GPL-2.0 */
/* Tables of typed values: aligned columns for people, JSON with the same names. */
#ifndef CTL_OUT_H
#define CTL_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "json.h"

enum out_type {
	OUT_STR,
	OUT_U64,	/* whole number */
	OUT_REAL,	/* three figures */
	OUT_PERCENT,	/* with the sign */
	OUT_SIZE,	/* bytes; in JSON the number */
	OUT_TIME,	/* nanoseconds; in JSON the number */
	OUT_BOOL,	/* "yes", "no" */
};

/* The heading in capitals; the JSON name is the same in lower case. */
struct out_col {
	const char *name;
	enum out_type type;
};

struct out_val {
	const char *str;	/* OUT_STR; copied */
	uint64_t u64;		/* OUT_U64, OUT_SIZE, OUT_TIME, OUT_BOOL */
	double real;		/* OUT_REAL, OUT_PERCENT */
	bool none;		/* there is no value: "-", null */
};

struct out_table;

/* @cols must outlive the table. */
struct out_table *out_table_new(const struct out_col *cols, size_t nr_cols);
void out_table_row(struct out_table *t, const struct out_val *vals);
bool out_table_empty(const struct out_table *t);
void out_table_text(const struct out_table *t, FILE *f);
void out_table_json(const struct out_table *t, struct json *j, const char *key);
/* To standard output, as the one or the other. */
void out_table_print(const struct out_table *t, bool json);
void out_table_free(struct out_table *t);

/* One value as it stands in a table. @buf has TEXT_LEN bytes; may return @val->str. */
const char *out_text(enum out_type type, const struct out_val *val, char *buf);
/* One value under @name, lower-cased. */
void out_json(struct json *j, const char *name, enum out_type type, const struct out_val *val);

#endif

// SPDX-License-Identifier: GPL-2.0
/* Tables of typed values: aligned columns for people, JSON with the same names. */
#include <ctype.h>
#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "out.h"
#include "text.h"

struct out_table {
	const struct out_col *cols;
	size_t nr_cols;
	size_t nr_rows;
	struct out_val *vals;	/* nr_rows * nr_cols */
};

struct out_table *out_table_new(const struct out_col *cols, size_t nr_cols)
{
	struct out_table *t = xcalloc(1, sizeof(*t));

	t->cols = cols;
	t->nr_cols = nr_cols;
	return t;
}

void out_table_row(struct out_table *t, const struct out_val *vals)
{
	struct out_val *row;
	size_t i;

	t->vals = xrealloc(t->vals, (t->nr_rows + 1) * t->nr_cols, sizeof(*t->vals));
	row = t->vals + t->nr_rows * t->nr_cols;
	for (i = 0; i < t->nr_cols; i++) {
		row[i] = vals[i];
		if (t->cols[i].type != OUT_STR)
			continue;
		row[i].none |= !vals[i].str;
		row[i].str = row[i].none ? NULL : xstrdup(vals[i].str);
	}
	t->nr_rows++;
}

const char *out_text(enum out_type type, const struct out_val *val, char *buf)
{
	if (val->none)
		return "-";
	switch (type) {
	case OUT_STR:
		return val->str;
	case OUT_U64:
		snprintf(buf, TEXT_LEN, "%llu", (unsigned long long)val->u64);
		return buf;
	case OUT_REAL:
		return text_number(val->real, buf);
	case OUT_PERCENT:
		snprintf(buf, TEXT_LEN, "%.1f%%", val->real);
		return buf;
	case OUT_SIZE:
		return text_size(val->u64, buf);
	case OUT_TIME:
		return text_duration(val->u64, buf);
	case OUT_BOOL:
		return val->u64 ? "yes" : "no";
	}
	return "";
}

void out_json(struct json *j, const char *name, enum out_type type, const struct out_val *val)
{
	char key[TEXT_LEN];
	size_t i;

	for (i = 0; name[i] && i < sizeof(key) - 1; i++)
		key[i] = tolower((unsigned char)name[i]);
	key[i] = '\0';

	if (val->none) {
		json_str(j, key, NULL);
		return;
	}
	switch (type) {
	case OUT_STR:
		json_str(j, key, val->str);
		break;
	case OUT_U64:
	case OUT_SIZE:
	case OUT_TIME:
		json_u64(j, key, val->u64);
		break;
	case OUT_REAL:
	case OUT_PERCENT:
		json_real(j, key, val->real);
		break;
	case OUT_BOOL:
		json_bool(j, key, val->u64);
		break;
	}
}

bool out_table_empty(const struct out_table *t)
{
	return !t->nr_rows;
}

void out_table_text(const struct out_table *t, FILE *f)
{
	struct libscols_table *scols = scols_new_table();
	struct libscols_line *line;
	char buf[TEXT_LEN];
	size_t row, i;

	if (!scols)
		out_of_memory();
	scols_table_set_stream(scols, f);
	for (i = 0; i < t->nr_cols; i++) {
		/* Words to the left, figures to the right. */
		int flags = t->cols[i].type == OUT_STR || t->cols[i].type == OUT_BOOL ?
			    0 : SCOLS_FL_RIGHT;

		if (!scols_table_new_column(scols, t->cols[i].name, 0, flags))
			out_of_memory();
	}
	for (row = 0; row < t->nr_rows; row++) {
		line = scols_table_new_line(scols, NULL);
		if (!line)
			out_of_memory();
		for (i = 0; i < t->nr_cols; i++) {
			const struct out_val *val = &t->vals[row * t->nr_cols + i];

			if (scols_line_set_data(line, i, out_text(t->cols[i].type, val, buf)))
				out_of_memory();
		}
	}
	scols_print_table(scols);
	/* libsmartcols prints nothing at all for no rows: the headings still tell. */
	for (i = 0; !t->nr_rows && i < t->nr_cols; i++)
		fprintf(f, "%s%s", t->cols[i].name, i + 1 < t->nr_cols ? " " : "\n");
	scols_unref_table(scols);
}

void out_table_json(const struct out_table *t, struct json *j, const char *key)
{
	size_t row, i;

	json_open(j, key, '[');
	for (row = 0; row < t->nr_rows; row++) {
		json_open(j, NULL, '{');
		for (i = 0; i < t->nr_cols; i++)
			out_json(j, t->cols[i].name, t->cols[i].type,
				 &t->vals[row * t->nr_cols + i]);
		json_close(j, '}');
	}
	json_close(j, ']');
}

void out_table_print(const struct out_table *t, bool json)
{
	struct json j = { .f = stdout };

	if (json)
		out_table_json(t, &j, NULL);
	else
		out_table_text(t, stdout);
}

void out_table_free(struct out_table *t)
{
	size_t i;

	for (i = 0; i < t->nr_rows * t->nr_cols; i++) {
		if (t->cols[i % t->nr_cols].type == OUT_STR)
			free((char *)t->vals[i].str);
	}
	free(t->vals);
	free(t);
}

// SPDX-License-Identifier: GPL-2.0
/* How much memory a guest is to do without, as it is asked for. */
#include <string.h>

#include "balloon.h"
#include "cmd.h"
#include "mem.h"
#include "text.h"

enum status read_bound(const struct args *args, const char *what, const char *text, bool *has,
		       uint64_t *bytes)
{
	*has = true;
	*bytes = 0;
	if (strcmp(text, "0") && !parse_size(text, bytes))
		return usage(args, "%s '%s' is no size", what, text);
	return STATUS_OK;
}

static enum status read_word(const struct args *args, const char *what, const char *word,
			     struct balloon *b)
{
	if (b->automatic && !strncmp(word, "min=", 4))
		return read_bound(args, "min", word + 4, &b->has_min, &b->min);
	if (b->automatic && !strncmp(word, "max=", 4))
		return read_bound(args, "max", word + 4, &b->has_max, &b->max);
	if (b->automatic)
		return usage(args, "%s: '%s' is neither min=SIZE nor max=SIZE", what, word);
	return usage(args, "%s: '%s' is of auto alone", what, word);
}

enum status read_balloon(const struct args *args, const char *what, const char *text,
			 struct balloon *b)
{
	char *copy = xstrdup(text), *rest = copy, *size = strsep(&rest, ","), *word;
	enum status status = STATUS_OK;

	*b = (struct balloon){ .automatic = !strcmp(size, "auto") };
	if (!b->automatic && strcmp(size, "0") && !parse_size(size, &b->bytes))
		status = usage(args, "%s '%s' is no size, and not auto", what, size);
	while (status == STATUS_OK && (word = strsep(&rest, ",")))
		status = read_word(args, what, word, b);
	free(copy);
	return status;
}

void put_balloon(struct nl_msg *msg, const struct balloon *b)
{
	if (!b->automatic) {
		put_u64(msg, AERIE_A_BALLOON, b->bytes);
		return;
	}
	put_data(msg, AERIE_A_BALLOON_AUTO, NULL, 0);
	if (b->has_min)
		put_u64(msg, AERIE_A_BALLOON_MIN, b->min);
	if (b->has_max)
		put_u64(msg, AERIE_A_BALLOON_MAX, b->max);
}

bool about_balloon(const struct refusal *e)
{
	return e->attr == AERIE_A_BALLOON || e->attr == AERIE_A_BALLOON_AUTO ||
	       e->attr == AERIE_A_BALLOON_MIN || e->attr == AERIE_A_BALLOON_MAX;
}

/* SPDX-License-Identifier: GPL-2.0 */
/* How much memory a guest is to do without, as it is asked for. */
#ifndef CTL_BALLOON_H
#define CTL_BALLOON_H

#include "args.h"
#include "nl.h"

struct balloon {
	bool automatic;			/* what the host needs, within bounds */
	bool has_min, has_max;
	uint64_t bytes, min, max;
};

/**
 * read_balloon() - what SIZE or auto[,min=SIZE][,max=SIZE] asks for
 * @args: command line
 * @what: what it follows there, for messages
 * @text: it
 * @balloon: filled in
 *
 * Return: STATUS_OK, or STATUS_USAGE after saying why.
 */
enum status read_balloon(const struct args *args, const char *what, const char *text,
			 struct balloon *balloon);

/* Where one bound is named by itself. Returns as above. */
enum status read_bound(const struct args *args, const char *what, const char *text, bool *has,
		       uint64_t *bytes);

void put_balloon(struct nl_msg *msg, const struct balloon *balloon);

/* Is it about what put_balloon() has put? */
bool about_balloon(const struct refusal *e);

#endif

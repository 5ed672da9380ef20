/* SPDX-License-Identifier: GPL-2.0 */
/* How large a disk is and what it may do in a second, as options and the module say it. */
#ifndef CTL_DISK_H
#define CTL_DISK_H

#include "nl.h"

/* What is given of it; the rest is left to the module. */
struct disk_limit {
	bool has_iops, has_bps, has_burst;
	uint64_t iops, bps;	/* 0: no limit */
	uint32_t burst_ms;
};

/**
 * disk_limit_word() - take one of iops=N, bps=SIZE, burst=TIME
 * @args: whose value it is
 * @word: the word
 * @limit: what it says is added
 * @status: STATUS_USAGE after saying why, where it is one but makes no sense
 *
 * Return: is it one?
 */
bool disk_limit_word(const struct args *args, const char *word, struct disk_limit *limit,
		     enum status *status);

/* A disk as it is. */
struct disk_state {
	uint64_t size, iops, bps;	/* 0: no limit */
	uint32_t burst_ms;
};

void disk_state_read(struct nlattr **tb, struct disk_state *state);

/* What is given, as attributes. */
void disk_limit_put(struct nl_msg *msg, const struct disk_limit *limit);

#endif

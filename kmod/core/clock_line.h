/* SPDX-License-Identifier: GPL-2.0 */
/* A clock that is computed from a counter, kept in step with another and never set back. */
#ifndef AERIE_CORE_CLOCK_LINE_H
#define AERIE_CORE_CLOCK_LINE_H

#include <linux/types.h>

/**
 * struct aerie_clock_line - nanoseconds as a straight line of ticks
 * @tick: where it begins
 * @ns: what the clock shows there
 * @mul: nanoseconds per tick, shifted by @shift, in 2^-32
 * @rate: the same as it was last measured
 * @nominal: the same as the counter's rate says
 * @shift: as in KVM's struct pvclock_vcpu_time_info
 * @slewed: @mul is less than @rate: the clock was fast
 * @looked_tick, @looked_ns: the counter and the other clock when they were last compared
 */
struct aerie_clock_line {
	u64 tick, ns;
	u32 mul, rate, nominal;
	s8 shift;
	bool slewed;
	u64 looked_tick, looked_ns;
};

/* A clock that shows 0 at tick 0 of a counter of @khz, and was compared there. */
void aerie_line_start(struct aerie_clock_line *line, u32 khz);
/* What the clock shows at @tick, which is not before the line begins. */
u64 aerie_line_at(const struct aerie_clock_line *line, u64 tick);
/* No less than how long @ticks take by the other clock, up to 2^60, and little more. */
u64 aerie_line_span(const struct aerie_clock_line *line, u64 ticks);
/* Are they far enough apart for a correction? The other clock shows @ns at @tick. */
bool aerie_line_off(const struct aerie_clock_line *line, u64 tick, u64 ns);
/* The clocks have been compared, and that is all. */
void aerie_line_looked(struct aerie_clock_line *line, u64 tick, u64 ns);

/**
 * aerie_line_correct() - a new line from here on, in step with the other clock
 * @line: the clock; the counter's rate is measured since the last comparison
 * @tick: now
 * @ns: what the other clock shows now
 * @seen: the last tick at which anybody may have read the clock
 *
 * One that is slow is set. One that is fast, by what anybody may have seen of it, is not
 * set back, but runs slower until it is compared again, which should be in a quarter of a second.
 */
void aerie_line_correct(struct aerie_clock_line *line, u64 tick, u64 ns, u64 seen);

#endif

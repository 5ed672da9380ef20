// SPDX-License-Identifier: GPL-2.0
/* A clock that is computed from a counter, kept in step with another and never set back. */
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/time64.h>

#include "core/clock_line.h"

#define LINE_BITS		32	/* of the fraction in @mul */
#define LINE_TOLERANCE_NS	20000
#define LINE_MEASURE_NS		(NSEC_PER_SEC / 10)	/* a rate takes that long to measure */
#define LINE_SLEW_NS		(NSEC_PER_SEC / 4)	/* in which a fast clock is caught up with */
#define LINE_RATE_RANGE		8	/* the rate may be off by one part in that many */
#define LINE_SLEW_RANGE		16

/* @mul has 31 bits, so that it can grow. */
void aerie_line_start(struct aerie_clock_line *line, u32 khz)
{
	u64 ticks = (u64)khz * 1000;
	s8 shift = 0;

	while (ticks > 4ull * NSEC_PER_SEC) {
		ticks >>= 1;
		shift--;
	}
	while (ticks <= 2ull * NSEC_PER_SEC) {
		ticks <<= 1;
		shift++;
	}
	*line = (struct aerie_clock_line) {
		.mul = div64_u64((u64)NSEC_PER_SEC << LINE_BITS, ticks),
		.shift = shift,
	};
	line->rate = line->nominal = line->mul;
}

static u64 shifted(const struct aerie_clock_line *line, u64 ticks)
{
	return line->shift < 0 ? ticks >> -line->shift : ticks << line->shift;
}

/* To the bit what the guest computes. */
u64 aerie_line_at(const struct aerie_clock_line *line, u64 tick)
{
	return line->ns + mul_u64_u64_shr(shifted(line, tick - line->tick), line->mul, LINE_BITS);
}

u64 aerie_line_span(const struct aerie_clock_line *line, u64 ticks)
{
	return mul_u64_u64_shr(ticks, READ_ONCE(line->rate) + 1ull, LINE_BITS - line->shift) + 1;
}

bool aerie_line_off(const struct aerie_clock_line *line, u64 tick, u64 ns)
{
	u64 at = aerie_line_at(line, tick);

	return line->slewed || max(at, ns) - min(at, ns) > LINE_TOLERANCE_NS;
}

void aerie_line_looked(struct aerie_clock_line *line, u64 tick, u64 ns)
{
	line->looked_tick = tick;
	line->looked_ns = ns;
}

/* The rate at which the other clock has gone since the last comparison. */
static u32 measure(const struct aerie_clock_line *line, u64 tick, u64 ns)
{
	const u32 range = line->nominal / LINE_RATE_RANGE;
	u64 took = ns - line->looked_ns, ticks = shifted(line, tick - line->looked_tick);

	if (took < LINE_MEASURE_NS || took >> (64 - LINE_BITS) >= ticks)
		return line->nominal;
	return clamp(mul_u64_u64_div_u64(took, 1ull << LINE_BITS, ticks),
		     (u64)line->nominal - range, (u64)line->nominal + range);
}

void aerie_line_correct(struct aerie_clock_line *line, u64 tick, u64 ns, u64 seen)
{
	u64 shown = seen > line->tick ? aerie_line_at(line, seen) : line->ns;
	u64 start = max(ns, shown), fast = start - ns;
	u32 rate = measure(line, tick, ns);

	if (fast < LINE_TOLERANCE_NS / 10)
		fast = 0;
	fast = min_t(u64, fast, LINE_SLEW_NS / LINE_SLEW_RANGE);
	line->slewed = fast;
	WRITE_ONCE(line->rate, rate);
	line->mul = rate - (u32)div_u64(rate * fast, LINE_SLEW_NS);
	line->tick = tick;
	line->ns = start;
	aerie_line_looked(line, tick, ns);
}

// SPDX-License-Identifier: GPL-2.0
/* The instructions racing with interrupts and NMIs, which timers send. */
#include "matrix.h"

/* The body under way in a race, and what came while it lasted. */
static struct {
	u64 begin, start, end;
	u32 irqs, nmis, hits, early, want_irqs, want_nmis;
	u32 phase, nmi_phase;
	bool periodic;
	/* Of a periodic timer: what it counts from, and its interrupts since a body began. */
	u32 period, ticks;
} race;

/* So many while one body lasts are a period that leaves it no time: a longer one, then. */
#define TICKS_MAX	32

void race_arm(const struct insn *x, const struct way *w, const struct span *span)
{
	u64 until;

	race.begin = w->at;
	race.ticks = 0;
	race.end = span->end;
	/* REP may be interrupted within. */
	race.start = x->flags & REP ? w->at : span->start;
	if (race.nmi_phase) {
		race.want_nmis++;
		outb(0x30, 0x43);
		outb(2, 0x40);
		outb(0, 0x40);
		for (until = rdtsc() + race.nmi_phase; rdtsc() < until;)
			;
	}
	if (!race.periodic) {
		race.want_irqs++;
		apic_write(APIC_TIMER_INIT, race.phase);
	}
}

bool race_trap(const struct regs *r)
{
	if (!race.begin || (r->vector != IRQ && r->vector != NMI))
		return false;
	race.hits += r->rip >= race.begin && r->rip <= race.end + 1;
	if (r->vector == IRQ) {
		race.irqs++;
		race.early += r->rip == race.start && r->rip != race.begin;
		if (race.periodic && ++race.ticks == TICKS_MAX) {
			race.ticks = 0;
			race.period *= 2;
			apic_write(APIC_TIMER_INIT, race.period);
		}
		apic_eoi();
		return true;
	}
	race.nmis++;
	/* It may come in a shadow, and its IRET ends that. */
	if (r->rip == race.start)
		race.start = race.begin;
	return true;
}

static const struct way race_ways[] = {
	{ "race", PLAIN, .flags = FLAG_IF, .race = true },
	{ "race behind MOV SS", PLAIN, MOV_SS, .flags = FLAG_IF, .race = true },
	{ "race, TF", PLAIN, .flags = FLAG_IF | FLAG_TF, .race = true },
	{ "race behind MOV SS, TF", PLAIN, MOV_SS, .flags = FLAG_IF | FLAG_TF, .race = true },
};

#define PIT_PIN		2
#define NOT_RECORDED	"what comes of a race is another thing each time"

/* How far the local APIC's timer counts during a run. */
static u32 race_begin(void)
{
	const struct way w = { "calibration", PLAIN };
	u32 i, from = ~0u;

	begin();
	memset(&race, 0, sizeof(race));
	tsc_per_ms();
	apic_write(APIC_TIMER_DIV, 0xb);
	apic_write(APIC_LVT_TIMER, IRQ | LVT_MASKED);
	apic_write(APIC_TIMER_INIT, from);
	for (i = 0; i < 16; i++)
		run(&insns[0], &w);
	from -= apic_read(APIC_TIMER_NOW);
	apic_write(APIC_TIMER_INIT, 0);
	apic_write(APIC_LVT_TIMER, IRQ);
	ioapic_route(PIT_PIN, (u64)apic_id() << 56 | LVT_NMI);
	return from / 16 + 1;
}

static void race_rounds(u32 rounds, u32 span)
{
	const struct insn *x = insns;
	const struct way *w = race_ways;
	u32 i, left_out = 0;
	u64 until;

	for (i = 0; i < rounds; i++, x++) {
		if (x == insns + nr_insns) {
			x = insns;
			if (++w == race_ways + ARRAY_SIZE(race_ways))
				w = race_ways;
		}
		if (!usable(x, w))
			continue;
		/* An exit in between ends the shadow there, and the steps are others. */
		if (w->nlead && w->flags & FLAG_TF && tcg_below() && !on_tcg()) {
			left_out++;
			continue;
		}
		race.phase = 1 + i * 7919 % span;
		race.nmi_phase = i % 3 ? 0 : 1 + i * 7919 % (tsc_per_ms() / 200);
		run(x, w);
		if (i % 3 == 1) {
			race.want_nmis++;
			apic_icr(apic_id(), ICR_NMI | ICR_ASSERT);
		}
		for (until = rdtsc() + 1000 * tsc_per_ms(); rdtsc() < until;) {
			sti_nop_cli();
			if (race.nmis == race.want_nmis &&
			    (race.periodic || race.irqs == race.want_irqs))
				break;
		}
		if (race.nmis == race.want_nmis && (race.periodic || race.irqs == race.want_irqs))
			continue;
		if (failures++ < 8)
			printf("# round %u, %s, %s: %u interrupts of %u, %u NMIs of %u\n", i, x->name,
			       w->name, race.irqs, race.want_irqs, race.nmis, race.want_nmis);
		race.irqs = race.want_irqs;
		race.nmis = race.want_nmis;
	}
	race.begin = 0;
	ioapic_route(PIT_PIN, LVT_MASKED);
	if (left_out)
		printf("# skipped %u: with TF in a shadow, which TCG loses\n", left_out);
	if (race.early && tcg_below() && !on_tcg()) {
		printf("# skipped %u: TCG has lost the shadow\n", race.early);
		race.early = 0;
	}
	printf("# %u interrupts, %u NMIs, %u of them at the instruction\n", race.irqs, race.nmis,
	       race.hits);
	EXPECT_EQ(race.early, 0);
	EXPECT_EQ(failures, 0);
	EXPECT(race.hits > 0 || race.periodic);
}

/* One interrupt each time, and an NMI two times of three: none is lost, none comes twice. */
TEST(racing_with_events)
{
	u32 span;

	if (recording())
		SKIP(NOT_RECORDED);
	span = race_begin();
	race_rounds(boot_option("rounds=", 4000), span);
}

/* As many as periods have passed at the most; they are not waited for. */
TEST(racing_with_a_periodic_timer)
{
	u32 span, most;
	u64 from, ticks, first;

	if (recording())
		SKIP(NOT_RECORDED);
	span = race_begin();
	race.periodic = true;
	apic_write(APIC_TIMER_INIT, ~0u);
	delay_us(1000);
	ticks = ~0u - apic_read(APIC_TIMER_NOW);
	/* A tick costs a host some interrupts of its own, which leave time for the guest. */
	first = ticks / 10 > span * 5 / 2 ? ticks / 10 : span * 5 / 2;
	race.period = first;
	apic_write(APIC_LVT_TIMER, IRQ | LVT_PERIODIC);
	apic_write(APIC_TIMER_INIT, first);
	from = rdtsc();
	race_rounds(boot_option("rounds=", 4000), span);
	apic_write(APIC_TIMER_INIT, 0);
	most = (rdtsc() - from) / tsc_per_ms() * ticks / first;
	sti_nop_cli();
	if (race.period != first)
		printf("# the period was %u, and is %u\n", (u32)first, race.period);
	EXPECT(race.irqs > 0);
	if (race.irqs > most + most / 16 + 2)
		EXPECT_EQ(race.irqs, most);
}

// SPDX-License-Identifier: GPL-2.0
/* A moment for a guest with its interrupts off: when it is given, for how long, and when not. */
// sources: kmod/sched/grace.c
#include <asm/processor-flags.h>
#include "ktap.h"
#include "shim.h"
#include "sched/sched.h"

#define US	1000ull

unsigned int shim_softirqs;
bool shim_need_resched;
unsigned int hrtimer_resolution = 1;

const struct aerie_backend *aerie_backend;
static struct aerie_vcpu vcpu;
static u64 now, armed;

u64 aerie_now_ns(void) { return now; }
void aerie_timer_init(struct aerie_timer *timer, void (*fn)(struct aerie_timer *timer)) { }
void aerie_timer_fini(struct aerie_timer *timer) { }
void aerie_timer_arm(struct aerie_timer *timer, u64 deadline_ns) { armed = deadline_ns; }
void aerie_timer_disarm(struct aerie_timer *timer) { armed = 0; }

static void interrupts(bool on)
{
	vcpu.regs[AERIE_REG_RFLAGS] = X86_EFLAGS_FIXED | (on ? X86_EFLAGS_IF : 0);
	vcpu.regs_avail |= BIT(AERIE_REG_RFLAGS);
}

static void setup(void)
{
	/* So long after what the test before has done that it does not matter. */
	now += 1000000 * US;
	memset(&vcpu.sched.grace, 0, sizeof(vcpu.sched.grace));
	armed = 0;
	shim_softirqs = 0;
	shim_need_resched = true;
	interrupts(false);
}

TEST(it_is_given_once_and_for_so_long)
{
	setup();
	EXPECT(aerie_grace_given(&vcpu));
	EXPECT_EQ(armed, now + 50 * US);
	now += 49 * US;
	EXPECT(aerie_grace_given(&vcpu));
	aerie_grace_end(&vcpu);
	EXPECT_EQ(armed, 0);
	EXPECT_EQ(vcpu.sched.grace.given, 1);
	EXPECT(aerie_grace_given(&vcpu));
	EXPECT_EQ(vcpu.sched.grace.given, 2);
}

/* A turn, at whose end it would use up a moment. Was it given one? */
static bool used_up(void)
{
	if (!aerie_grace_given(&vcpu))
		return false;
	now += 50 * US;
	EXPECT(!aerie_grace_given(&vcpu));
	aerie_grace_end(&vcpu);
	return true;
}

TEST(who_uses_it_up_goes_without)
{
	unsigned int i, given = 0;

	setup();
	EXPECT(used_up());
	EXPECT(!used_up());
	EXPECT(used_up());
	for (i = 0; i < 3; i++)
		EXPECT(!used_up());
	EXPECT(used_up());
	for (i = 0; i < 6400; i++)
		given += used_up();
	EXPECT(given >= 100 && given < 110);
	/* One that ends by itself, and all is forgotten. */
	while (!aerie_grace_given(&vcpu))
		;
	aerie_grace_end(&vcpu);
	EXPECT(aerie_grace_given(&vcpu));
	aerie_grace_end(&vcpu);
	EXPECT(used_up());
	EXPECT(!used_up());
	EXPECT(used_up());
}

TEST(it_ends_when_interrupts_are_on)
{
	setup();
	EXPECT(aerie_grace_given(&vcpu));
	interrupts(true);
	EXPECT(!aerie_grace_given(&vcpu));
}

TEST(it_is_not_given_where_nobody_wants_the_processor)
{
	setup();
	shim_need_resched = false;
	EXPECT(!aerie_grace_given(&vcpu));
	EXPECT_EQ(armed, 0);
}

TEST(it_is_not_given_where_softirqs_wait)
{
	setup();
	shim_softirqs = 1;
	EXPECT(!aerie_grace_given(&vcpu));
}

TEST(who_has_a_reservation_is_not_kept_waiting)
{
	setup();
	aerie_grace_urgent(now);
	EXPECT(!aerie_grace_given(&vcpu));
	EXPECT_EQ(armed, 0);
	now += 2000 * US;
	EXPECT(aerie_grace_given(&vcpu));
	/* Also where it has been given already. */
	now += 1 * US;
	aerie_grace_urgent(now);
	EXPECT(!aerie_grace_given(&vcpu));
}

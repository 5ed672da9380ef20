// SPDX-License-Identifier: GPL-2.0
/* Who is taken for one that spins: when it is looked at, what is seen, and what follows. */
// sources: kmod/sched/spin.c
#include "ktap.h"
#include "shim.h"
#include "backend.h"
#include "sched/sched.h"

#define US	1000ull
#define RIP	0xffffffff81000000ull

unsigned int hrtimer_resolution = 1;

static struct aerie_backend backend;
const struct aerie_backend *aerie_backend = &backend;
static struct aerie_vm vm;
static struct aerie_vcpu vcpus[2];
static u64 now, armed;
static bool other_waits, requested;

u64 aerie_now_ns(void) { return now; }
void aerie_timer_init(struct aerie_timer *timer, void (*fn)(struct aerie_timer *timer))
{
	timer->fn = fn;
}
void aerie_timer_fini(struct aerie_timer *timer) { }
void aerie_timer_arm(struct aerie_timer *timer, u64 deadline_ns) { armed = deadline_ns; }
void aerie_timer_disarm(struct aerie_timer *timer) { armed = 0; }
void aerie_vcpu_kick(struct aerie_vcpu *vcpu) { requested = true; }
bool aerie_sched_waits(const struct aerie_vcpu *vcpu)
{
	EXPECT(vcpu == &vcpus[1]);
	return other_waits;
}

static void setup(void)
{
	now = 1000000 * US;
	memset(vcpus, 0, sizeof(vcpus));
	vcpus[0].vm = vcpus[1].vm = &vm;
	vm.vcpus[0] = &vcpus[0];
	vm.vcpus[1] = &vcpus[1];
	vm.nr_vcpus = 2;
	backend.pause_exits = false;
	other_waits = true;
	armed = 0;
	aerie_spin_init(&vcpus[0]);
}

/* The time of the look passes, at @rip: is it taken for one that spins? */
static bool looked_at(u64 after, u64 rip, bool pauses)
{
	EXPECT_EQ(armed, now + after);
	now = armed;
	armed = 0;
	return aerie_spin_look(&vcpus[0], rip, pauses);
}

TEST(twice_close_to_the_same_pause)
{
	setup();
	aerie_spin_load(&vcpus[0]);
	EXPECT(!looked_at(100 * US, RIP, true));
	EXPECT(looked_at(25 * US, RIP + 64, true));
	EXPECT_EQ(armed, 0);
	/* It was put and has its turn again: nothing has changed, and one look is enough. */
	vcpus[0].sched.spin.spins = true;
	aerie_spin_load(&vcpus[0]);
	EXPECT(!vcpus[0].sched.spin.spins);
	EXPECT(looked_at(25 * US, RIP + 2, true));
	vcpus[0].sched.spin.spins = true;
	aerie_spin_load(&vcpus[0]);
	EXPECT(!looked_at(25 * US, RIP + 2, false));
	EXPECT(!looked_at(100 * US, RIP + 2, true));
	EXPECT(looked_at(25 * US * 2, RIP - 62, true));
	/* Whoever had a turn in between begins anew. */
	aerie_spin_load(&vcpus[0]);
	EXPECT(!looked_at(100 * US, RIP - 62, true));
}

TEST(who_spins_in_each_turn_is_left_alone_for_one)
{
	unsigned int turn, row;

	setup();
	aerie_spin_load(&vcpus[0]);
	EXPECT(!looked_at(100 * US, RIP, true));
	for (row = 0; row < 3; row++) {
		for (turn = 0; turn < 12; turn++) {
			EXPECT(looked_at(row && !turn ? 400 * US : 25 * US, RIP, true));
			vcpus[0].sched.spin.spins = true;
			aerie_spin_load(&vcpus[0]);
		}
	}
	/* One look that finds nothing ends it. */
	EXPECT(!looked_at(400 * US, RIP, false));
	EXPECT_EQ(vcpus[0].sched.spin.in_a_row, 0);
}

TEST(not_in_two_places)
{
	setup();
	aerie_spin_load(&vcpus[0]);
	EXPECT(!looked_at(100 * US, RIP, true));
	EXPECT(!looked_at(25 * US, RIP + 65, true));
	EXPECT(!looked_at(50 * US, RIP, true));
	EXPECT(!looked_at(100 * US, RIP - 65, true));
	EXPECT(!looked_at(200 * US, 10, true));
}

TEST(less_and_less_often)
{
	u64 ns = 100 * US;
	int i;

	setup();
	aerie_spin_load(&vcpus[0]);
	EXPECT(!looked_at(ns, RIP, false));
	for (i = 0; i < 5; i++, ns *= 2)
		EXPECT(!looked_at(ns, RIP, false));
	/* Each turn anew. */
	aerie_spin_put(&vcpus[0], false);
	EXPECT_EQ(armed, 0);
	aerie_spin_load(&vcpus[0]);
	EXPECT(!looked_at(100 * US, RIP, false));
}

TEST(not_where_nobody_of_the_vm_waits)
{
	setup();
	other_waits = false;
	aerie_spin_load(&vcpus[0]);
	EXPECT_EQ(armed, 0);
	other_waits = true;
	vm.nr_vcpus = 1;
	aerie_spin_load(&vcpus[0]);
	EXPECT_EQ(armed, 0);
}

TEST(not_behind_a_turn_that_ended_by_halting)
{
	setup();
	aerie_spin_put(&vcpus[0], true);
	aerie_spin_load(&vcpus[0]);
	EXPECT_EQ(armed, 0);
	aerie_spin_put(&vcpus[0], false);
	aerie_spin_load(&vcpus[0]);
	EXPECT_EQ(armed, now + 100 * US);
}

TEST(not_where_very_many_share_a_processor)
{
	setup();
	vm.nr_vcpus = 9;
	aerie_spin_load(&vcpus[0]);
	EXPECT_EQ(armed, 0);
	/* Those count that the host has and that they may run on. */
	shim_online = 2;
	aerie_spin_load(&vcpus[0]);
	EXPECT_EQ(armed, 0);
	shim_current.nr_cpus_allowed = 2;
	aerie_spin_load(&vcpus[0]);
	EXPECT(armed);
	shim_online = 1;
	setup();
	vm.nr_vcpus = 9;
	aerie_spin_load(&vcpus[0]);
	EXPECT_EQ(armed, 0);
	shim_current.nr_cpus_allowed = 1;
}

TEST(not_where_the_processor_tells)
{
	setup();
	backend.pause_exits = true;
	vcpus[0].sched.spin.spins = true;
	aerie_spin_load(&vcpus[0]);
	EXPECT_EQ(armed, 0);
	EXPECT(!vcpus[0].sched.spin.spins);
}

TEST(not_where_timers_are_coarse)
{
	setup();
	hrtimer_resolution = 4000000;
	aerie_spin_load(&vcpus[0]);
	EXPECT_EQ(armed, 0);
	hrtimer_resolution = 1;
}

TEST(what_was_asked_for_is_forgotten_when_it_is_put)
{
	setup();
	aerie_spin_load(&vcpus[0]);
	requested = false;
	vcpus[0].sched.spin.timer.fn(&vcpus[0].sched.spin.timer);
	EXPECT(requested);
	EXPECT(test_bit(AERIE_REQ_SPIN, &vcpus[0].requests));
	aerie_spin_put(&vcpus[0], false);
	EXPECT_EQ(vcpus[0].requests, 0);
}

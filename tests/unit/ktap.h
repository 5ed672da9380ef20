/* SPDX-License-Identifier: GPL-2.0 */
/* KTAP for host-run tests: TEST(name) { ... } functions that EXPECT things. */
#ifndef KTAP_H
#define KTAP_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ktap_test {
	const char *name;
	void (*fn)(void);
	struct ktap_test *next;
};

static struct ktap_test *ktap_first, **ktap_last = &ktap_first;
static int ktap_failures;
static const char *ktap_skipped;

static inline void ktap_add(struct ktap_test *t)
{
	*ktap_last = t;
	ktap_last = &t->next;
}

#define TEST(_name)							\
	static void _name(void);					\
	static struct ktap_test ktap_##_name = { #_name, _name, NULL };	\
	__attribute__((constructor)) static void ktap_add_##_name(void)	\
	{ ktap_add(&ktap_##_name); }					\
	static void _name(void)

/* Both sides are compared as 64-bit values and printed where they differ. */
#define EXPECT_EQ(a, b) do {						\
	unsigned long long _a = (unsigned long long)(a);		\
	unsigned long long _b = (unsigned long long)(b);		\
	if (_a != _b) {							\
		printf("# %s:%d: %s = 0x%llx, expected %s = 0x%llx\n",	\
		       __FILE__, __LINE__, #a, _a, #b, _b);		\
		ktap_failures++;					\
	}								\
} while (0)

#define EXPECT(cond) do {						\
	if (!(cond)) {							\
		printf("# %s:%d: not true: %s\n", __FILE__, __LINE__, #cond); \
		ktap_failures++;					\
	}								\
} while (0)

/* Leave a test that cannot be run here. */
#define SKIP(why) do { ktap_skipped = why; return; } while (0)

int main(void)
{
	struct ktap_test *t;
	int n = 0, bad = 0;

	for (t = ktap_first; t; t = t->next)
		n++;
	printf("TAP version 14\n1..%d\n", n);
	n = 0;
	for (t = ktap_first; t; t = t->next) {
		ktap_failures = 0;
		ktap_skipped = NULL;
		t->fn();
		printf("%sok %d - %s%s%s\n", ktap_failures ? "not " : "", ++n, t->name,
		       ktap_skipped ? " # SKIP " : "", ktap_skipped ?: "");
		fflush(stdout);
		bad += !!ktap_failures;
	}
	return !!bad;
}

#endif

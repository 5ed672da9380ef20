/* SPDX-License-Identifier: GPL-2.0 */
/* Payloads that say when they are so far, and go on when the host says so. */
#ifndef AWAIT_H
#define AWAIT_H

#include "guest.h"

#define AWAIT_COM1	0x3f8
#define AWAIT_VECTOR	0x70
#define AWAIT_TICKS	10000000	/* of the timer: some milliseconds */

static void await_tick(struct regs *regs)
{
	apic_eoi();
}

/* Halt most of the time until there is a byte at the first serial port. */
static inline void await_host(const char *what)
{
	apic_enable();
	set_handler(AWAIT_VECTOR, await_tick);
	apic_write(APIC_TIMER_DIV, 0xb);	/* by 1 */
	apic_write(APIC_LVT_TIMER, LVT_PERIODIC | AWAIT_VECTOR);
	apic_write(APIC_TIMER_INIT, AWAIT_TICKS);
	printf("# %s\n", what);
	while (!(inb(AWAIT_COM1 + 5) & 1))
		sti_hlt_cli();
	inb(AWAIT_COM1);
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
	apic_write(APIC_TIMER_INIT, 0);
}

#endif

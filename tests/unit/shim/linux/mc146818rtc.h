/* SPDX-License-Identifier: GPL-2.0 */
/* Registers and bits of the MC146818, for host builds. */
#ifndef SHIM_MC146818RTC_H
#define SHIM_MC146818RTC_H

enum {
	RTC_SECONDS, RTC_SECONDS_ALARM, RTC_MINUTES, RTC_MINUTES_ALARM, RTC_HOURS,
	RTC_HOURS_ALARM, RTC_DAY_OF_WEEK, RTC_DAY_OF_MONTH, RTC_MONTH, RTC_YEAR,
	RTC_FREQ_SELECT, RTC_CONTROL, RTC_INTR_FLAGS, RTC_VALID,
};

/* RTC_FREQ_SELECT */
#define RTC_UIP			0x80
#define RTC_REF_CLCK_32KHZ	0x20
#define RTC_DIV_RESET1		0x60
#define RTC_DIV_RESET2		0x70

/* RTC_CONTROL */
#define RTC_SET		0x80
#define RTC_PIE		0x40
#define RTC_AIE		0x20
#define RTC_UIE		0x10
#define RTC_DM_BINARY	0x04
#define RTC_24H		0x02

/* RTC_INTR_FLAGS */
#define RTC_IRQF	0x80
#define RTC_PF		0x40
#define RTC_AF		0x20
#define RTC_UF		0x10

/* RTC_VALID */
#define RTC_VRT		0x80

#endif

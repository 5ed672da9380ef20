// SPDX-License-Identifier: GPL-2.0
/* Sizes, durations, numbers and names as people write and read them. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "../include/uapi/aerie.h"
#include "text.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

struct unit {
	const char *name;
	uint64_t scale;
};

#define NS_S	1000000000ull

/* Without its first character, a size's unit is "", "B" or "iB". */
static const char size_units[] = "KMGTP";

static const struct unit duration_units[] = {
	{ "ns", 1 }, { "us", 1000 }, { "ms", 1000000 },
	{ "s", NS_S }, { "sec", NS_S },
	{ "m", 60 * NS_S }, { "min", 60 * NS_S },
	{ "h", 3600 * NS_S }, { "d", 86400 * NS_S },
};

/* Digits with an optional fraction of up to 9 digits, in units of 1/10^9. */
static bool parse_decimal(const char **s, unsigned __int128 *nano)
{
	unsigned __int128 value = 0;
	uint32_t scale = NS_S;
	const char *p = *s;

	if (!isdigit((unsigned char)*p))
		return false;
	for (; isdigit((unsigned char)*p); p++) {
		value = value * 10 + (*p - '0');
		if (value > UINT64_MAX)
			return false;
	}
	value *= NS_S;
	if (*p == '.') {
		if (!isdigit((unsigned char)*++p))
			return false;
		for (; isdigit((unsigned char)*p); p++) {
			scale /= 10;
			if (!scale)
				return false;
			value += (uint64_t)(*p - '0') * scale;
		}
	}
	*nano = value;
	*s = p;
	return true;
}

/* @nano / 10^9 * @scale, when that is whole or rounds down to a 64-bit number. */
static bool scale_up(unsigned __int128 nano, uint64_t scale, uint64_t *result)
{
	unsigned __int128 whole = nano / NS_S, part = nano % NS_S;

	whole = whole * scale + part * scale / NS_S;
	if (whole > UINT64_MAX)
		return false;
	*result = (uint64_t)whole;
	return true;
}

bool parse_size(const char *s, uint64_t *bytes)
{
	unsigned __int128 nano;
	uint64_t scale = 1;
	const char *unit;

	if (!parse_decimal(&s, &nano))
		return false;
	unit = *s ? strchr(size_units, toupper((unsigned char)*s)) : NULL;
	if (unit) {
		scale <<= 10 * (unit - size_units + 1);
		s++;
		if (!strcasecmp(s, "iB") || !strcasecmp(s, "B"))
			s += strlen(s);
	} else if (!strcasecmp(s, "B")) {
		s++;
	}
	if (*s || (scale == 1 && nano % NS_S))
		return false;
	return scale_up(nano, scale, bytes);
}

static uint64_t duration_unit(const char *s, size_t len)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(duration_units); i++) {
		if (strlen(duration_units[i].name) == len &&
		    !strncmp(duration_units[i].name, s, len))
			return duration_units[i].scale;
	}
	return 0;
}

bool parse_duration(const char *s, uint64_t *ns)
{
	uint64_t sum = 0, part, scale, last = UINT64_MAX;
	unsigned __int128 nano;
	size_t len;

	if (!*s)
		return false;
	while (*s) {
		if (!parse_decimal(&s, &nano))
			return false;
		for (len = 0; isalpha((unsigned char)s[len]); len++)
			;
		/* A bare number stands alone; units get smaller: 1h30m. */
		scale = len ? duration_unit(s, len) : last == UINT64_MAX ? NS_S : 0;
		if (!scale || scale >= last || !scale_up(nano, scale, &part) ||
		    __builtin_add_overflow(sum, part, &sum))
			return false;
		s += len;
		last = len ? scale : 0;
	}
	*ns = sum;
	return true;
}

bool parse_u32(const char *s, uint32_t *n)
{
	uint64_t value = 0;

	if (!*s)
		return false;
	for (; *s; s++) {
		if (!isdigit((unsigned char)*s))
			return false;
		value = value * 10 + (*s - '0');
		if (value > UINT32_MAX)
			return false;
	}
	*n = value;
	return true;
}

bool name_valid(const char *name)
{
	size_t len = strlen(name);
	size_t i;

	if (!len || len > AERIE_NAME_MAX || *name == '.' || *name == '-')
		return false;
	for (i = 0; i < len; i++) {
		unsigned char c = name[i];

		if (c >= 0x80 || (!isalnum(c) && !strchr("._-", c)))
			return false;
	}
	return true;
}

const char *text_number(double value, char buf[TEXT_LEN])
{
	if (value == 0)
		snprintf(buf, TEXT_LEN, "0");
	else if (value < 0.995)
		snprintf(buf, TEXT_LEN, "%.2f", value);
	else if (value < 99.95)
		snprintf(buf, TEXT_LEN, "%.1f", value);
	else
		snprintf(buf, TEXT_LEN, "%.0f", value);
	return buf;
}

const char *text_size(uint64_t bytes, char buf[TEXT_LEN])
{
	static const char * const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = (double)bytes;
	size_t i = 0;

	/* 1023.95 is the first that would print as 1024.0. */
	while (value >= 1023.95 && i < ARRAY_SIZE(units) - 1) {
		value /= 1024;
		i++;
	}
	/* One place behind the point below ten, unless it would be a zero. */
	if (value < 9.95 && (value - (int)value >= 0.05 && value - (int)value < 0.95))
		snprintf(buf, TEXT_LEN, "%.1f%s", value, units[i]);
	else
		snprintf(buf, TEXT_LEN, "%.0f%s", value, units[i]);
	return buf;
}

const char *text_duration(uint64_t ns, char buf[TEXT_LEN])
{
	uint64_t s = ns / NS_S;

	if (ns < 1000)
		snprintf(buf, TEXT_LEN, "%uns", (unsigned int)ns);
	else if (ns < 99950)
		snprintf(buf, TEXT_LEN, "%.1fus", ns / 1e3);
	else if (ns < 999500)
		snprintf(buf, TEXT_LEN, "%.0fus", ns / 1e3);
	else if (ns < 999500000)
		snprintf(buf, TEXT_LEN, "%.*fms", ns < 9995000 ? 2 : ns < 99950000 ? 1 : 0,
			 ns / 1e6);
	else if (ns < 60 * NS_S - NS_S / 20)
		snprintf(buf, TEXT_LEN, "%.1fs", ns / 1e9);
	else if (s < 3600)
		snprintf(buf, TEXT_LEN, "%um%02us", (unsigned int)(s < 60 ? 1 : s / 60),
			 (unsigned int)(s < 60 ? 0 : s % 60));
	else if (s < 86400)
		snprintf(buf, TEXT_LEN, "%uh%02um", (unsigned int)(s / 3600),
			 (unsigned int)(s / 60 % 60));
	else
		snprintf(buf, TEXT_LEN, "%llud%02lluh", (unsigned long long)s / 86400,
			 (unsigned long long)s / 3600 % 24);
	return buf;
}

unsigned int text_distance(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b), i, j;
	unsigned int row[TEXT_LEN], above, left, diagonal;

	if (la >= TEXT_LEN || lb >= TEXT_LEN)
		return TEXT_LEN;
	for (j = 0; j <= lb; j++)
		row[j] = j;
	for (i = 1; i <= la; i++) {
		diagonal = row[0];
		row[0] = i;
		for (j = 1; j <= lb; j++) {
			above = row[j] + 1;
			left = row[j - 1] + 1;
			diagonal += a[i - 1] != b[j - 1];
			if (above < diagonal)
				diagonal = above;
			if (left < diagonal)
				diagonal = left;
			/* The new value takes the place of the one above. */
			above = row[j];
			row[j] = diagonal;
			diagonal = above;
		}
	}
	return row[lb];
}

bool parse_mac(const char *s, uint8_t mac[MAC_LEN])
{
	uint8_t out[MAC_LEN];
	unsigned int byte;
	size_t i;

	for (i = 0; i < MAC_LEN; i++, s += 3) {
		if (!isxdigit((unsigned char)s[0]) || !isxdigit((unsigned char)s[1]) ||
		    s[2] != (i < MAC_LEN - 1 ? ':' : '\0'))
			return false;
		sscanf(s, "%2x", &byte);
		out[i] = (uint8_t)byte;
	}
	memcpy(mac, out, MAC_LEN);
	return true;
}

const char *text_mac(const uint8_t mac[MAC_LEN], char buf[TEXT_LEN])
{
	snprintf(buf, TEXT_LEN, "%02x:%02x:%02x:%02x:%02x:%02x",
		 mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	return buf;
}

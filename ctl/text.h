/* SPDX-License-Identifier: GPL-2.0 */
/* Sizes, durations, numbers and names as people write and read them. */
#ifndef CTL_TEXT_H
#define CTL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAC_LEN		6	/* bytes of an Ethernet address */
#define TEXT_LEN	32	/* room for what the text_*() functions write */

/*
 * Each parse_*() takes the whole of @s or nothing: false, and the result is not
 * touched, for empty strings, signs, blanks, unknown units, and what overflows.
 */

/* "512M", "4G", "1.5GiB", "64KB": powers of 1024 all; bare numbers are bytes. */
bool parse_size(const char *s, uint64_t *bytes);
/* "30", "30s", "10min", "1h30m", "500ms", "2d"; bare numbers are seconds. */
bool parse_duration(const char *s, uint64_t *ns);
bool parse_u32(const char *s, uint32_t *n);
/* "52:54:00:12:34:56" */
bool parse_mac(const char *s, uint8_t mac[MAC_LEN]);

/* The rule of AERIE_A_NAME. */
bool name_valid(const char *name);

/* "512MiB", "1.5GiB", "0B" */
const char *text_size(uint64_t bytes, char buf[TEXT_LEN]);
/* "850ns", "12.3us", "4.56ms", "12.3s", "2m14s", "3h12m", "4d3h" */
const char *text_duration(uint64_t ns, char buf[TEXT_LEN]);
/* Three significant figures where there is a fraction: "0.04", "1.3", "212" */
const char *text_number(double value, char buf[TEXT_LEN]);

/* "52:54:00:12:34:56" */
const char *text_mac(const uint8_t mac[MAC_LEN], char buf[TEXT_LEN]);

/* Edits that turn @a into @b: what somebody may have meant. */
unsigned int text_distance(const char *a, const char *b);

#endif

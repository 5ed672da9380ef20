// SPDX-License-Identifier: GPL-2.0
/* Sizes, durations, numbers and names: what is taken, what is not, how they print. */
// sources: text.c
#include "ktap.h"
#include "text.h"

#define UNTOUCHED	0xdeadbeefull

static uint64_t size_of(const char *s)
{
	uint64_t n = UNTOUCHED;

	return parse_size(s, &n) ? n : UNTOUCHED;
}

static uint64_t duration_of(const char *s)
{
	uint64_t n = UNTOUCHED;

	return parse_duration(s, &n) ? n : UNTOUCHED;
}

TEST(addresses)
{
	uint8_t mac[MAC_LEN] = { 1, 1, 1, 1, 1, 1 };
	char buf[TEXT_LEN];

	EXPECT(parse_mac("52:54:00:aB:0c:ff", mac));
	EXPECT(!strcmp(text_mac(mac, buf), "52:54:00:ab:0c:ff"));
	EXPECT(!parse_mac("", mac));
	EXPECT(!parse_mac("52:54:00:ab:0c", mac));
	EXPECT(!parse_mac("52:54:00:ab:0c:", mac));
	EXPECT(!parse_mac("52:54:00:ab:0c:f", mac));
	EXPECT(!parse_mac("52:54:00:ab:0c:ff:", mac));
	EXPECT(!parse_mac("52:54:00:ab:0c:ff0", mac));
	EXPECT(!parse_mac("52-54-00-ab-0c-ff", mac));
	EXPECT(!parse_mac("52:54:00:ab:0c:0x", mac));
	EXPECT(!parse_mac("+1:54:00:ab:0c:ff", mac));
	EXPECT(!strcmp(text_mac(mac, buf), "52:54:00:ab:0c:ff"));
}

TEST(sizes_are_powers_of_1024)
{
	EXPECT_EQ(size_of("0"), 0);
	EXPECT_EQ(size_of("4096"), 4096);
	EXPECT_EQ(size_of("4096B"), 4096);
	EXPECT_EQ(size_of("64K"), 64 << 10);
	EXPECT_EQ(size_of("512M"), 512 << 20);
	EXPECT_EQ(size_of("512m"), 512 << 20);
	EXPECT_EQ(size_of("512MB"), 512 << 20);
	EXPECT_EQ(size_of("512MiB"), 512 << 20);
	EXPECT_EQ(size_of("4G"), 4ull << 30);
	EXPECT_EQ(size_of("2T"), 2ull << 40);
	EXPECT_EQ(size_of("1P"), 1ull << 50);
	EXPECT_EQ(size_of("1.5G"), 3ull << 29);
	EXPECT_EQ(size_of("0.5K"), 512);
	EXPECT_EQ(size_of("18446744073709551615"), ~0ull);
}

TEST(sizes_that_are_none)
{
	static const char * const bad[] = {
		"", " ", "M", "-1", "+1", " 1", "1 ", "1X", "512MM", "512Mi", "512MiBs", ".5M",
		"1.M", "1.5", "0x10", "18446744073709551616", "16384P", "99999999999999999999G",
		"1.1234567891G", "1e3", "512,5M",
	};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (size_of(bad[i]) != UNTOUCHED)
			printf("# taken: '%s'\n", bad[i]);
		EXPECT_EQ(size_of(bad[i]), UNTOUCHED);
	}
}

TEST(durations)
{
	const uint64_t s = 1000000000ull;

	EXPECT_EQ(duration_of("0"), 0);
	EXPECT_EQ(duration_of("30"), 30 * s);
	EXPECT_EQ(duration_of("1.5"), 3 * s / 2);
	EXPECT_EQ(duration_of("30s"), 30 * s);
	EXPECT_EQ(duration_of("30sec"), 30 * s);
	EXPECT_EQ(duration_of("500ms"), s / 2);
	EXPECT_EQ(duration_of("7us"), 7000);
	EXPECT_EQ(duration_of("7ns"), 7);
	EXPECT_EQ(duration_of("10min"), 600 * s);
	EXPECT_EQ(duration_of("10m"), 600 * s);
	EXPECT_EQ(duration_of("2h"), 7200 * s);
	EXPECT_EQ(duration_of("1d"), 86400 * s);
	EXPECT_EQ(duration_of("1h30m"), 5400 * s);
	EXPECT_EQ(duration_of("1m30s500ms"), 90 * s + s / 2);
}

TEST(durations_that_are_none)
{
	static const char * const bad[] = {
		"", "s", "-1s", "1x", "1m1m", "30s1m", "1h30", "1 h", "1hh", "5S", "300000d",
		"18446744073709551615", "99999999999999999999999s",
	};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (duration_of(bad[i]) != UNTOUCHED)
			printf("# taken: '%s'\n", bad[i]);
		EXPECT_EQ(duration_of(bad[i]), UNTOUCHED);
	}
}

TEST(numbers)
{
	uint32_t n = 7;

	EXPECT(parse_u32("0", &n) && n == 0);
	EXPECT(parse_u32("4294967295", &n) && n == 0xffffffff);
	n = 7;
	EXPECT(!parse_u32("4294967296", &n));
	EXPECT(!parse_u32("18446744073709551617", &n));
	EXPECT(!parse_u32("", &n));
	EXPECT(!parse_u32("-1", &n));
	EXPECT(!parse_u32("1 ", &n));
	EXPECT_EQ(n, 7);
}

TEST(names)
{
	EXPECT(name_valid("web"));
	EXPECT(name_valid("a"));
	EXPECT(name_valid("0"));
	EXPECT(name_valid("_x.Y-9"));
	EXPECT(name_valid("1234567890123456789012345678901"));
	EXPECT(!name_valid("12345678901234567890123456789012"));
	EXPECT(!name_valid(""));
	EXPECT(!name_valid(".x"));
	EXPECT(!name_valid("-x"));
	EXPECT(!name_valid("a/b"));
	EXPECT(!name_valid("a b"));
	EXPECT(!name_valid("a\n"));
	EXPECT(!name_valid("gr\xc3\xbc\xc3\x9f"));
}

#define EXPECT_TEXT(fn, value, expected) do {				\
	char _buf[TEXT_LEN];						\
	const char *_got = fn(value, _buf);				\
	if (strcmp(_got, expected))					\
		printf("# got '%s' expected '%s'\n", _got, expected);	\
	EXPECT(!strcmp(_got, expected));				\
} while (0)

TEST(sizes_print)
{
	EXPECT_TEXT(text_size, 0, "0B");
	EXPECT_TEXT(text_size, 1023, "1023B");
	EXPECT_TEXT(text_size, 1024, "1KiB");
	EXPECT_TEXT(text_size, 512ull << 20, "512MiB");
	EXPECT_TEXT(text_size, (512ull << 20) - 1, "512MiB");
	EXPECT_TEXT(text_size, (1ull << 30) - 1, "1GiB");
	EXPECT_TEXT(text_size, 3ull << 29, "1.5GiB");
	EXPECT_TEXT(text_size, 4ull << 30, "4GiB");
	EXPECT_TEXT(text_size, (71ull << 20) + 300000, "71MiB");
	EXPECT_TEXT(text_size, ~0ull, "16EiB");
}

TEST(durations_print)
{
	EXPECT_TEXT(text_duration, 0, "0ns");
	EXPECT_TEXT(text_duration, 999, "999ns");
	EXPECT_TEXT(text_duration, 1000, "1.0us");
	EXPECT_TEXT(text_duration, 12345, "12.3us");
	EXPECT_TEXT(text_duration, 99960, "100us");
	EXPECT_TEXT(text_duration, 999499, "999us");
	EXPECT_TEXT(text_duration, 999600, "1.00ms");
	EXPECT_TEXT(text_duration, 4560000, "4.56ms");
	EXPECT_TEXT(text_duration, 12340000, "12.3ms");
	EXPECT_TEXT(text_duration, 123400000, "123ms");
	EXPECT_TEXT(text_duration, 999600000, "1.0s");
	EXPECT_TEXT(text_duration, 12340000000ull, "12.3s");
	EXPECT_TEXT(text_duration, 59960000000ull, "1m00s");
	EXPECT_TEXT(text_duration, 134000000000ull, "2m14s");
	EXPECT_TEXT(text_duration, 11520000000000ull, "3h12m");
	EXPECT_TEXT(text_duration, 99ull * 3600000000000ull, "4d03h");
	EXPECT_TEXT(text_duration, ~0ull, "213503d23h");
}

TEST(figures_print)
{
	EXPECT_TEXT(text_number, 0, "0");
	EXPECT_TEXT(text_number, 0.04, "0.04");
	EXPECT_TEXT(text_number, 0.996, "1.0");
	EXPECT_TEXT(text_number, 1.26, "1.3");
	EXPECT_TEXT(text_number, 99.96, "100");
	EXPECT_TEXT(text_number, 212.4, "212");
}

TEST(distances)
{
	EXPECT_EQ(text_distance("start", "start"), 0);
	EXPECT_EQ(text_distance("", "stop"), 4);
	EXPECT_EQ(text_distance("lst", "list"), 1);
	EXPECT_EQ(text_distance("consol", "console"), 1);
	EXPECT_EQ(text_distance("kitten", "sitting"), 3);
	EXPECT(text_distance("a name that is longer than any verb will be", "run") >= 3);
}

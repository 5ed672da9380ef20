// SPDX-License-Identifier: GPL-2.0
/* Runs the tests of a payload and says how they went, in KTAP on the serial port. */
#include "guest.h"

#define COM1	0x3f8

extern const struct test tests_start[], tests_end[];

static bool failed;
static const char *skipped;
static volatile u32 print_lock;

static void put(char c)
{
	while (!(inb(COM1 + 5) & 0x20))
		;
	outb(c, COM1);
}

static void put_string(const char *s, int width, bool left)
{
	int len = strlen(s);

	for (; !left && width > len; width--)
		put(' ');
	while (*s)
		put(*s++);
	for (; left && width > len; width--)
		put(' ');
}

static void put_number(u64 v, unsigned int base, bool negative, int width, char fill)
{
	char buf[24];
	int n = sizeof(buf);

	buf[--n] = 0;
	do {
		buf[--n] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	if (negative)
		buf[--n] = '-';
	for (width -= sizeof(buf) - 1 - n; width > 0; width--)
		put(fill);
	put_string(buf + n, 0, false);
}

static void vprint(const char *fmt, va_list ap)
{
	for (; *fmt; fmt++) {
		bool longer = false, left = false;
		int width = 0;
		char fill = ' ';
		s64 v;

		if (*fmt != '%') {
			put(*fmt);
			continue;
		}
		if (*++fmt == '-') {
			left = true;
			fmt++;
		}
		if (*fmt == '0')
			fill = '0';
		for (; *fmt >= '0' && *fmt <= '9'; fmt++)
			width = width * 10 + *fmt - '0';
		for (; *fmt == 'l'; fmt++)
			longer = true;
		switch (*fmt) {
		case 'd':
			v = longer ? va_arg(ap, s64) : va_arg(ap, int);
			put_number(v < 0 ? -(u64)v : (u64)v, 10, v < 0, width, fill);
			break;
		case 'u':
			put_number(longer ? va_arg(ap, u64) : va_arg(ap, u32), 10, false, width, fill);
			break;
		case 'x':
			put_number(longer ? va_arg(ap, u64) : va_arg(ap, u32), 16, false, width, fill);
			break;
		case 's':
			put_string(va_arg(ap, const char *), width, left);
			break;
		case 'c':
			put(va_arg(ap, int));
			break;
		default:
			put(*fmt);
		}
	}
}

int printf(const char *fmt, ...)
{
	va_list ap;

	while (__atomic_exchange_n(&print_lock, 1, __ATOMIC_ACQUIRE))
		pause();
	va_start(ap, fmt);
	vprint(fmt, ap);
	va_end(ap);
	__atomic_store_n(&print_lock, 0, __ATOMIC_RELEASE);
	return 0;
}

void die(const char *fmt, ...)
{
	va_list ap;

	/* Without the lock: whoever holds it may be what died. */
	vprint("\nBail out! ", (va_list){});
	va_start(ap, fmt);
	vprint(fmt, ap);
	va_end(ap);
	vprint("\n", (va_list){});
	power_off();
}

void expect(bool ok, const char *file, int line, const char *text)
{
	if (ok)
		return;
	printf("# %s:%d: not true: %s\n", file, line, text);
	failed = true;
}

void expect_eq(u64 a, u64 b, const char *file, int line, const char *ta, const char *tb)
{
	if (a == b)
		return;
	printf("# %s:%d: %s = 0x%lx, expected %s = 0x%lx\n", file, line, ta, a, tb, b);
	failed = true;
}

void skip(const char *why)
{
	skipped = why;
}

/* All of them, or what the command line says with only=NAME. */
static bool wanted(const struct test *t)
{
	return !boot_has("only=") || boot_says("only=", t->name);
}

void guest_main(void)
{
	const struct test *t;
	int n = 0, planned = 0;

	/* 115200 baud, 8 bits, FIFO on, no interrupts */
	outb(0, COM1 + 1);
	outb(0x80, COM1 + 3);
	outb(1, COM1);
	outb(0, COM1 + 1);
	outb(3, COM1 + 3);
	outb(7, COM1 + 2);

	/* Where there was a BIOS, its timer ticks. */
	pic_setup();
	/* Asked here once: interrupt handlers want to know, too. */
	tcg_below();

	for (t = tests_start; t < tests_end; t++)
		planned += wanted(t);
	printf("KTAP version 1\n1..%d\n", planned);
	for (t = tests_start; t < tests_end; t++) {
		if (!wanted(t))
			continue;
		failed = false;
		skipped = NULL;
		cli();
		t->fn();
		printf("%sok %d %s%s%s\n", failed ? "not " : "", ++n, t->name,
		       skipped ? " # SKIP " : "", skipped ? skipped : "");
	}
	power_off();
}

void *memset(void *p, int c, size_t n)
{
	void *to = p;

	asm volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(c) : "memory");
	return p;
}

void *memcpy(void *p, const void *from, size_t n)
{
	void *to = p;

	asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) :: "memory");
	return p;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (u8)*a - (u8)*b;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

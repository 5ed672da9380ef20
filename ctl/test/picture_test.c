// SPDX-License-Identifier: GPL-2.0
/* The picture of memory: what its cells are, how it looks as text, that its SVG is XML. */
// sources: picture.c text.c
#include <stdlib.h>

#include "../include/uapi/aerie.h"
#include "ktap.h"
#include "picture.h"

static struct picture p;
static char *text;
static size_t len;

static FILE *begin(void)
{
	return open_memstream(&text, &len);
}

static void is(FILE *f, const char *expected)
{
	fclose(f);
	if (strcmp(text, expected))
		printf("# got:\n%s# expected:\n%s", text, expected);
	EXPECT(!strcmp(text, expected));
	free(text);
}

static unsigned int count(const char *in, const char *what)
{
	unsigned int n = 0;

	for (; (in = strstr(in, what)); in += strlen(what))
		n++;
	return n;
}

/* 2 MiB with something of each state; 0xa0000 to 0xc0000 is no RAM. */
static void setup(void)
{
	picture_init(&p);
	picture_add(&p, 64, AERIE_MEM_OWN);
	picture_add(&p, 96, AERIE_MEM_UNTOUCHED);
	picture_add(&p, 32, AERIE_MEM_HOLE);
	picture_add(&p, 32, AERIE_MEM_SHARED);
	picture_add(&p, 8, AERIE_MEM_STORED);
	picture_add(&p, 8, AERIE_MEM_SWAPPED);
	picture_add(&p, 12, AERIE_MEM_ZERO);
	picture_add(&p, 4, AERIE_MEM_ON_DISK);
	picture_add(&p, 256, AERIE_MEM_LARGE);
}

TEST(states_have_an_entry_each)
{
	unsigned int i;

	for (i = 0; i < PICTURE_STATES; i++)
		EXPECT_EQ(mem_state_find(mem_states[i].state), i);
	EXPECT_EQ(mem_state_find(1000), PICTURE_STATES - 1);
}

TEST(as_text)
{
	FILE *f = begin();

	setup();
	picture_text(&p, 79, false, false, f);
	is(f, "00000000  oooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooo\n"
	      "00040000  ................................................................\n"
	      "00080000  ................................--------------------------------\n"
	      "000c0000  ssssssssssssssssssssssssssssssssccccccccwwwwwwww000000000000dddd\n"
	      "00100000  OOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOO\n"
	      "00140000  OOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOO\n"
	      "00180000  OOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOO\n"
	      "001c0000  OOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOO\n"
	      "\n"
	      "a character is 4KiB, drawn as what most of it is\n"
	      "\n"
	      ".  untouched              384KiB   20.0%\n"
	      "0  zeroes                  48KiB    2.5%\n"
	      "o  own, 4 KiB pages       256KiB   13.3%\n"
	      "O  own, 2 MiB pages         1MiB   53.3%\n"
	      "s  shared                 128KiB    6.7%\n"
	      "c  stored, compressed      32KiB    1.7%\n"
	      "w  in swap                 32KiB    1.7%\n"
	      "d  on its own disks        16KiB    0.8%\n"
	      "-  not RAM                128KiB\n");
}

TEST(in_few_columns_cells_are_larger)
{
	FILE *f = begin();

	setup();
	picture_text(&p, 20, false, false, f);
	EXPECT_EQ(p.cell_pages, 4);
	fclose(f);
	EXPECT(!strncmp(text, "00000000  oooooooo\n00020000  oooooooo\n00040000  ........\n", 57));
	EXPECT(strstr(text, "\n001e0000  OOOOOOOO\n\na character is 16KiB,"));
	free(text);
}

TEST(block_characters_and_colors)
{
	FILE *f = begin();

	picture_init(&p);
	picture_add(&p, 2, AERIE_MEM_LARGE);
	picture_add(&p, 1, AERIE_MEM_STORED);
	picture_text(&p, 80, true, true, f);
	fclose(f);
	EXPECT(!strncmp(text, "00000000  \033[34m\u2588\u2588\033[0m\033[33m\u2584\033[0m\n", 36));
	EXPECT_EQ(count(text, "\033[0m"), 2 + 9);
	free(text);
}

TEST(a_cell_is_what_most_of_it_is)
{
	unsigned int i;

	picture_init(&p);
	for (i = 0; i < PICTURE_CELLS; i++) {
		picture_add(&p, 1, AERIE_MEM_SHARED);
		picture_add(&p, 3, AERIE_MEM_OWN);
	}
	EXPECT_EQ(p.cell_pages, 4);
	EXPECT_EQ(p.nr_cells, PICTURE_CELLS);
	for (i = 0; i < PICTURE_CELLS; i++) {
		EXPECT_EQ(p.cell[i][mem_state_find(AERIE_MEM_SHARED)], 1);
		EXPECT_EQ(p.cell[i][mem_state_find(AERIE_MEM_OWN)], 3);
	}
	EXPECT_EQ(p.total[mem_state_find(AERIE_MEM_OWN)], 3 * PICTURE_CELLS);
	picture_shrink(&p, 1000);
	EXPECT_EQ(p.nr_cells, 512);
	EXPECT_EQ(p.cell[511][mem_state_find(AERIE_MEM_OWN)], 24);
}

TEST(the_largest_guest)
{
	FILE *f = begin();

	picture_init(&p);
	picture_add(&p, 160, AERIE_MEM_UNTOUCHED);
	picture_add(&p, 0xffffffff, AERIE_MEM_UNTOUCHED);
	picture_add(&p, 1, AERIE_MEM_OWN);
	EXPECT_EQ(p.pages, (1ull << 32) + 160);
	EXPECT_EQ(p.nr_cells, PICTURE_CELLS / 2 + 1);
	picture_text(&p, 80, false, false, f);
	fclose(f);
	EXPECT(!strncmp(text, "000000000000  ......", 20));
	EXPECT(strstr(text, "\n100000000000  .\n"));
	free(text);
}

TEST(a_state_that_this_tool_does_not_know)
{
	FILE *f = begin();

	setup();
	picture_add(&p, 64, 77);
	picture_text(&p, 80, false, false, f);
	fclose(f);
	EXPECT(strstr(text, "\n00200000  ????????????????????????????????"
			    "????????????????????????????????\n"));
	EXPECT(strstr(text, "\n?  unknown to this tool   256KiB   11.8%\n"));
	free(text);
}

/* Elements end where they should: enough to be XML, with no attribute but in quotes. */
static bool well_formed(const char *s)
{
	const char *open[16];
	size_t depth = 0, n;

	for (; (s = strchr(s, '<')); s++) {
		n = strcspn(s, ">");
		if (!s[n])
			return false;
		if (s[1] == '/') {
			if (!depth || strncmp(open[--depth], s + 2, n - 2))
				return false;
		} else if (s[n - 1] != '/') {
			if (depth == 16)
				return false;
			open[depth++] = s + 1;
		}
	}
	return !depth;
}

TEST(as_svg)
{
	FILE *f = begin();

	setup();
	picture_svg(&p, "web", f);
	fclose(f);
	EXPECT(well_formed(text));
	EXPECT(!well_formed("<a><b></a>"));
	EXPECT(!strncmp(text, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"920\"", 50));
	EXPECT(strstr(text, ">The memory of web<"));
	EXPECT(strstr(text, "<title>0x0, 256KiB: own, 4 KiB pages</title>"));
	/* Nothing is drawn of what is no RAM; lines are of 512 KiB. */
	EXPECT_EQ(count(text, "<title>"), 1 + 2 + 5 + 2);
	EXPECT(strstr(text, ">not RAM<"));
	EXPECT(!strstr(text, "unknown"));
	free(text);
}

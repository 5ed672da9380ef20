/* SPDX-License-Identifier: GPL-2.0 */
/* The picture of a guest's physical memory, as text and as SVG. */
#ifndef CTL_PICTURE_H
#define CTL_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define PICTURE_PAGE	4096u	/* bytes of a page */
#define PICTURE_CELLS	4096u
#define PICTURE_STATES	10	/* those of mem_states[] */

/* How a state of memory is shown. */
struct mem_state {
	uint32_t state;		/* AERIE_MEM_*; what the last has is any other */
	const char *name;	/* in JSON */
	const char *text;	/* in legends */
	const char *letter, *block;	/* in text: ASCII, UTF-8 */
	const char *sgr;	/* in text, on a terminal: ECMA-48's Select Graphic Rendition */
	const char *color;	/* in SVG; NULL: nothing is drawn */
};

/* In the order of legends. */
extern const struct mem_state mem_states[PICTURE_STATES];
/* The index of @state in mem_states[]. */
size_t mem_state_find(uint32_t state);

/*
 * Memory in cells of equal size, a power of two, from address 0 on. Cells become larger as
 * memory is added, so that a picture takes the same room whatever it is of.
 */
struct picture {
	uint64_t cell_pages;
	size_t nr_cells;
	uint64_t pages;			/* that have been added */
	uint64_t total[PICTURE_STATES];	/* pages, by index in mem_states[] */
	uint64_t cell[PICTURE_CELLS][PICTURE_STATES];
};

void picture_init(struct picture *p);
/* The next @pages are in state @state. */
void picture_add(struct picture *p, uint64_t pages, uint32_t state);
/* Make cells larger until there are @nr_cells at the most. */
void picture_shrink(struct picture *p, size_t nr_cells);

/**
 * picture_text() - draw with characters, and a legend below
 * @p: cells are shrunk to what fits
 * @columns: of the terminal
 * @utf8: block characters, else ASCII
 * @color: for a terminal
 * @f: where to
 */
void picture_text(struct picture *p, unsigned int columns, bool utf8, bool color, FILE *f);

/* Draw as SVG; @name of the VM. */
void picture_svg(const struct picture *p, const char *name, FILE *f);

#endif

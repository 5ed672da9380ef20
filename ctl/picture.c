// SPDX-License-Identifier: GPL-2.0
/*
 * The picture of a guest's physical memory, as text and as SVG.
 *
 * A cell is drawn as the state that most of it is in; the legend has exact figures, so that
 * nothing is hidden. Lines have a power of two of cells and begin at round addresses.
 */
#include <inttypes.h>
#include <string.h>

#include "../include/uapi/aerie.h"
#include "picture.h"
#include "text.h"

const struct mem_state mem_states[PICTURE_STATES] = {
	{ AERIE_MEM_UNTOUCHED, "untouched", "untouched", ".", "\u00b7", "90", "#eceef1" },
	{ AERIE_MEM_ZERO, "zero", "zeroes", "0", "\u2591", "37", "#c9ccd1" },
	{ AERIE_MEM_OWN, "own", "own, 4 KiB pages", "o", "\u2592", "36", "#6fb1e0" },
	{ AERIE_MEM_LARGE, "large", "own, 2 MiB pages", "O", "\u2588", "34", "#1f6fb4" },
	{ AERIE_MEM_SHARED, "shared", "shared", "s", "\u259a", "32", "#3a9a5c" },
	{ AERIE_MEM_STORED, "stored", "stored, compressed", "c", "\u2584", "33", "#e0962e" },
	{ AERIE_MEM_SWAPPED, "swapped", "in swap", "w", "\u2582", "35", "#9b59b6" },
	{ AERIE_MEM_ON_DISK, "on_disk", "on its own disks", "d", "\u2581", "35", "#c39bd3" },
	{ AERIE_MEM_HOLE, "hole", "not RAM", "-", "-", "90", NULL },
	{ ~0u, "unknown", "unknown to this tool", "?", "?", "31", "#c0392b" },
};

#define UNKNOWN	(PICTURE_STATES - 1)

size_t mem_state_find(uint32_t state)
{
	size_t i;

	for (i = 0; i < UNKNOWN && mem_states[i].state != state; i++)
		;
	return i;
}

/* ---- Cells -------------------------------------------------------------------------- */

void picture_init(struct picture *p)
{
	memset(p, 0, sizeof(*p));
	p->cell_pages = 1;
}

/* Each two cells become one. */
static void halve(struct picture *p)
{
	size_t i, state;

	for (i = 0; i < p->nr_cells; i++) {
		for (state = 0; state < PICTURE_STATES; state++) {
			uint64_t pages = p->cell[i][state];

			p->cell[i][state] = 0;
			p->cell[i / 2][state] += pages;
		}
	}
	p->nr_cells = (p->nr_cells + 1) / 2;
	p->cell_pages *= 2;
}

void picture_shrink(struct picture *p, size_t nr_cells)
{
	while (p->nr_cells > nr_cells)
		halve(p);
}

void picture_add(struct picture *p, uint64_t pages, uint32_t state)
{
	size_t index = mem_state_find(state);
	uint64_t cell, part;

	p->total[index] += pages;
	while (pages) {
		cell = p->pages / p->cell_pages;
		if (cell == PICTURE_CELLS) {
			halve(p);
			continue;
		}
		part = (cell + 1) * p->cell_pages - p->pages;
		if (part > pages)
			part = pages;
		p->cell[cell][index] += part;
		p->nr_cells = cell + 1;
		p->pages += part;
		pages -= part;
	}
}

/* What most of a cell is. */
static size_t cell_state(const struct picture *p, size_t cell)
{
	size_t state, most = 0;

	for (state = 1; state < PICTURE_STATES; state++)
		if (p->cell[cell][state] > p->cell[cell][most])
			most = state;
	return most;
}

static uint64_t cell_bytes(const struct picture *p)
{
	return p->cell_pages * PICTURE_PAGE;
}

/* Cells from @cell on, up to @end, that are drawn alike. */
static size_t cells_alike(const struct picture *p, size_t cell, size_t end)
{
	size_t state = cell_state(p, cell), n = 1;

	while (cell + n < end && cell_state(p, cell + n) == state)
		n++;
	return n;
}

/* ---- What both have ----------------------------------------------------------------- */

/* What the tool does not know is told where there is such memory. */
static bool in_legend(const struct picture *p, size_t state)
{
	return state != UNKNOWN || p->total[state];
}

/* How much there is of a state, and which part of RAM that is. */
static const char *legend_size(const struct picture *p, size_t state, char buf[TEXT_LEN])
{
	return text_size(p->total[state] * PICTURE_PAGE, buf);
}

static const char *legend_share(const struct picture *p, size_t state, char buf[TEXT_LEN])
{
	uint64_t ram = p->pages - p->total[mem_state_find(AERIE_MEM_HOLE)];

	*buf = '\0';
	if (ram && mem_states[state].state != AERIE_MEM_HOLE)
		snprintf(buf, TEXT_LEN, "%.1f%%", 100.0 * (double)p->total[state] / (double)ram);
	return buf;
}

/* ---- Text --------------------------------------------------------------------------- */

#define ROWS		16
#define ROW_MIN		8
#define ADDRESS_DIGITS	8	/* or more */

static void put_run(const struct mem_state *state, size_t n, bool utf8, bool color, FILE *f)
{
	if (color)
		fprintf(f, "\033[%sm", state->sgr);
	while (n--)
		fputs(utf8 ? state->block : state->letter, f);
	if (color)
		fputs("\033[0m", f);
}

void picture_text(struct picture *p, unsigned int columns, bool utf8, bool color, FILE *f)
{
	char size[TEXT_LEN], share[TEXT_LEN];
	size_t row = ROW_MIN, at, end, n, state;
	int digits = ADDRESS_DIGITS;

	while (digits < 16 && (p->pages * PICTURE_PAGE - 1) >> (4 * digits))
		digits++;
	while ((size_t)digits + 2 + 2 * row <= columns && row * ROWS < PICTURE_CELLS)
		row *= 2;
	picture_shrink(p, row * ROWS);
	for (at = 0; at < p->nr_cells; at = end) {
		fprintf(f, "%0*" PRIx64 "  ", digits, at * cell_bytes(p));
		for (end = at + row < p->nr_cells ? at + row : p->nr_cells, n = at; n < end; ) {
			size_t alike = cells_alike(p, n, end);

			put_run(&mem_states[cell_state(p, n)], alike, utf8, color, f);
			n += alike;
		}
		fputc('\n', f);
	}
	fprintf(f, "\na character is %s, drawn as what most of it is\n\n", text_size(cell_bytes(p), size));
	for (state = 0; state < PICTURE_STATES; state++) {
		if (!in_legend(p, state))
			continue;
		put_run(&mem_states[state], 1, utf8, color, f);
		legend_share(p, state, share);
		fprintf(f, *share ? "  %-20s %8s %7s\n" : "  %-20s %8s\n", mem_states[state].text,
			legend_size(p, state, size), share);
	}
}

/* ---- SVG ---------------------------------------------------------------------------- */

#define MARGIN		24
#define HEAD		72
#define LABEL		104
#define SVG_ROW		128	/* cells in a line */
#define CELL_WIDTH	6
#define CELL_HEIGHT	12
#define LINE		14
#define LEGEND_LINE	20
#define INK		"#222"
#define FAINT		"#777"

static void put_text(FILE *f, unsigned int x, unsigned int y, unsigned int size, const char *anchor,
		     const char *color, const char *words)
{
	fprintf(f, "<text x=\"%u\" y=\"%u\" font-size=\"%u\" text-anchor=\"%s\" fill=\"%s\">%s</text>\n",
		x, y, size, anchor, color, words);
}

/* Cells in a line that are drawn alike, with what they are for a pointer that rests on them. */
static void put_cells(const struct picture *p, size_t cell, size_t n, FILE *f)
{
	const struct mem_state *state = &mem_states[cell_state(p, cell)];
	char size[TEXT_LEN];

	if (!state->color)
		return;
	fprintf(f, "<rect x=\"%zu\" y=\"%zu\" width=\"%zu\" height=\"%d\" fill=\"%s\"><title>0x%"
		PRIx64 ", %s: %s</title></rect>\n",
		MARGIN + LABEL + cell % SVG_ROW * CELL_WIDTH, HEAD + cell / SVG_ROW * LINE,
		n * CELL_WIDTH, CELL_HEIGHT, state->color, cell * cell_bytes(p),
		text_size(n * cell_bytes(p), size), state->text);
}

static void put_legend(const struct picture *p, size_t state, unsigned int y, FILE *f)
{
	const char *color = mem_states[state].color;
	char buf[TEXT_LEN];

	fprintf(f, "<rect x=\"%d\" y=\"%u\" width=\"12\" height=\"12\" fill=\"%s\" stroke=\"%s\" "
		"stroke-width=\"0.5\"/>\n", MARGIN + LABEL, y, color ? color : "none", FAINT);
	put_text(f, MARGIN + LABEL + 20, y + 10, 12, "start", INK, mem_states[state].text);
	put_text(f, MARGIN + LABEL + 240, y + 10, 12, "end", INK, legend_size(p, state, buf));
	put_text(f, MARGIN + LABEL + 310, y + 10, 12, "end", FAINT, legend_share(p, state, buf));
}

void picture_svg(const struct picture *p, const char *name, FILE *f)
{
	const unsigned int width = 2 * MARGIN + LABEL + SVG_ROW * CELL_WIDTH;
	const unsigned int lines = (p->nr_cells + SVG_ROW - 1) / SVG_ROW;
	unsigned int height, y = HEAD + lines * LINE + MARGIN;
	size_t state, at, end, n;
	char text[TEXT_LEN], words[128];

	height = y + MARGIN;
	for (state = 0; state < PICTURE_STATES; state++)
		height += in_legend(p, state) ? LEGEND_LINE : 0;
	fprintf(f, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\" "
		"viewBox=\"0 0 %u %u\" font-family=\"DejaVu Sans, Arial, sans-serif\">\n",
		width, height, width, height);
	fprintf(f, "<rect x=\"0\" y=\"0\" width=\"%u\" height=\"%u\" fill=\"white\"/>\n", width,
		height);
	/* A VM's name has no character that would have to be quoted. */
	snprintf(words, sizeof(words), "The memory of %s", name);
	put_text(f, MARGIN, 30, 18, "start", INK, words);
	snprintf(words, sizeof(words),
		 "By guest physical address. A cell is %s, drawn as what most of it is.",
		 text_size(cell_bytes(p), text));
	put_text(f, MARGIN, 50, 12, "start", FAINT, words);
	for (at = 0; at < p->nr_cells; at = end) {
		snprintf(words, sizeof(words), "%0*" PRIx64, ADDRESS_DIGITS, at * cell_bytes(p));
		put_text(f, MARGIN + LABEL - 8, HEAD + at / SVG_ROW * LINE + 10, 10, "end", FAINT, words);
		end = at + SVG_ROW < p->nr_cells ? at + SVG_ROW : p->nr_cells;
		for (n = at; n < end; ) {
			size_t alike = cells_alike(p, n, end);

			put_cells(p, n, alike, f);
			n += alike;
		}
	}
	for (state = 0; state < PICTURE_STATES; state++) {
		if (!in_legend(p, state))
			continue;
		put_legend(p, state, y, f);
		y += LEGEND_LINE;
	}
	fputs("</svg>\n", f);
}

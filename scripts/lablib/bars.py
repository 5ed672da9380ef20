"""Pairs of bars as SVG: what one figure is here and what it is with the peer. The
bars of a pair are drawn to the longer of them, so what can be compared are the two
of a pair; how large the figures are says the number behind each."""

from xml.sax.saxutils import escape

LABEL, BAR, VALUE, GAP, MARGIN = 150, 270, 100, 30, 24
HEAD, TITLE, ROW, THICK = 92, 34, 34, 12
PANEL = LABEL + BAR + VALUE
INK, FAINT, OURS, THEIRS, GOAL = "#222", "#777", "#1f6fb4", "#c9ccd1", "#c0392b"


def text(x, y, words, size=12, anchor="start", color=INK, weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" '
            f'fill="{color}" font-weight="{weight}">{escape(words)}</text>')


def rectangle(x, y, width, height, color):
    return (f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
            f'fill="{color}"/>')


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def row(x, y, name, unit, ours, theirs, goal):
    """One pair; the goal is a line across our bar."""
    longest = max(ours, theirs, goal)
    at = x + LABEL + BAR * goal / longest
    out = [text(x + LABEL - 8, y + ROW / 2, name, anchor="end")]
    for i, (value, color) in enumerate(((ours, OURS), (theirs, THEIRS))):
        words = f"{number(value)} {unit}".strip()
        top, width = y + 3 + i * THICK, BAR * value / longest
        end = x + LABEL + width
        out.append(rectangle(x + LABEL, top, max(width, 1), THICK - 1, color))
        # The goal's line must not go through the number.
        if i == 0 and end <= at < end + 10 + 7 * len(words):
            end = at
        out.append(text(end + 5, top + THICK - 3, words, size=10,
                        color=INK if i == 0 else FAINT))
    out.append(f'<line x1="{at:.1f}" y1="{y + 1}" x2="{at:.1f}" y2="{y + THICK + 3}" '
               f'stroke="{GOAL}" stroke-width="2"/>')
    return out


def draw(title, subtitles, legend, grid):
    """SVG text. subtitles: two lines; legend: what the two bars are; grid: a list of
    lists of panels, each a title and rows (name, unit, ours, theirs, goal)."""
    width = 2 * MARGIN + max(len(line) for line in grid) * (PANEL + GAP) - GAP
    heights = [TITLE + ROW * max(len(rows) for _, rows in line) for line in grid]
    height = HEAD + sum(heights) + GAP * (len(grid) - 1) + MARGIN
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
           f'viewBox="0 0 {width} {height}" font-family="DejaVu Sans, Arial, sans-serif">',
           rectangle(0, 0, width, height, "white"),
           text(MARGIN, 30, title, size=18, weight="bold"),
           *(text(MARGIN, 48 + 16 * i, line, color=FAINT) for i, line in enumerate(subtitles))]
    x = MARGIN
    for words, color in ((legend[0], OURS), (legend[1], THEIRS), ("goal", GOAL)):
        out += [rectangle(x, 73, 3 if color == GOAL else 12, 12, color),
                text(x + 17, 83, words)]
        x += 40 + 8 * len(words)
    y = HEAD
    for line, below in zip(grid, heights):
        for i, (name, rows) in enumerate(line):
            x = MARGIN + i * (PANEL + GAP)
            out.append(text(x, y + 22, name, size=14, weight="bold"))
            for n, values in enumerate(rows):
                out += row(x, y + TITLE + n * ROW, *values)
        y += below + GAP
    return "\n".join([*out, "</svg>", ""])

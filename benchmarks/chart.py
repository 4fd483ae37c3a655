"""Bars of requests per second as an SVG: one group of bars for each case."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from benchmarks.figures import Table

WIDTH, LABELS, NUMBERS = 760, 190, 90
BAR, GAP, HEADING, MARGIN = 18, 4, 30, 16
OURS, THEIRS = "#2f6fde", "#9aa5b1"


def height(table: Table) -> int:
    return HEADING + len(table.rows) * (BAR + GAP) + MARGIN


def group(table: Table, top: int, ours: str) -> list[str]:
    """Return the bars of one case, as long as the rates are in proportion to the best of the case."""
    best = max((row.rate for row in table.rows), default=0.0) or 1.0
    heading = escape(f"{table.title} · {table.concurrency} connections")
    parts = [f'<text x="{MARGIN}" y="{top + 20}" class="heading">{heading}</text>']
    for number, row in enumerate(table.rows):
        y = top + HEADING + number * (BAR + GAP)
        length = max(1, round(row.rate / best * (WIDTH - LABELS - NUMBERS)))
        middle = y + BAR - 5
        said = f"{row.rate:,.0f}/s" + (" (errors)" if row.errors else "")
        parts += [
            f'<text x="{LABELS - 8}" y="{middle}" text-anchor="end">{escape(row.contender)}</text>',
            f'<rect x="{LABELS}" y="{y}" width="{length}" height="{BAR}" rx="2"'
            f' fill="{OURS if row.contender == ours else THEIRS}"/>',
            f'<text x="{LABELS + length + 6}" y="{middle}">{escape(said)}</text>',
        ]
    return parts


def draw(tables: Sequence[Table], ours: str) -> str:
    """Return the SVG 1.1 document of all cases, one below the other; the contender `ours` stands out."""
    parts: list[str] = []
    top = MARGIN
    for table in tables:
        parts += group(table, top, ours)
        top += height(table)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" width="{WIDTH}" height="{top}"'
            ' font-family="system-ui, sans-serif" font-size="12">',
            "<title>Requests per second</title>",
            "<style>text { fill: #1f2933 } .heading { font-size: 14px; font-weight: 600 }</style>",
            f'<rect width="{WIDTH}" height="{top}" fill="#ffffff"/>',
            *parts,
            "</svg>\n",
        ]
    )

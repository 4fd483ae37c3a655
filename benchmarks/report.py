"""Tables for a terminal, and the same numbers as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence

from benchmarks.figures import OWN, PGBOUNCER, POSTGRESQL, Row, Table

HEADINGS = (
    "contender",
    "requests/s",
    "gateway is",
    "CPU µs: own",
    "PostgreSQL",
    "pgBouncer",
    "p50 ms",
    "p99 ms",
    "peak MB",
    "errors",
)


def columns(lines: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines with their cells under each other: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if number == 0 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def cells(row: Row) -> list[str]:
    """Return what the table says about one contender."""
    return [
        row.contender,
        f"{row.rate:,.0f}",
        "" if row.ratio is None else f"{row.ratio:.2f} x",
        *(f"{row.cpu[process]:,.0f}" if process in row.cpu else "" for process in (OWN, POSTGRESQL, PGBOUNCER)),
        f"{row.p50:,.2f}",
        f"{row.p99:,.2f}",
        f"{row.memory:,.0f}",
        f"{row.errors:,} FAILED" if row.errors else "none" if row.rate else "NO ANSWER in time",
    ]


def written(table: Table) -> str:
    """Return one case as text."""
    lines = columns([HEADINGS, *map(cells, table.rows)])
    return "\n".join([f"{table.title} · {table.concurrency} connections", *("  " + line for line in lines)])


def as_json(tables: Iterable[Table], about: Mapping[str, object]) -> str:
    """Return everything that was measured, each round too."""
    return json.dumps({**about, "tables": [dataclasses.asdict(table) for table in tables]}, indent=1)

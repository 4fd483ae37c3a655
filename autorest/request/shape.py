"""The shape of a query string: what remains when the values of its filters are taken out.

Requests of one shape mean the same plan and run the same SQL; only what is bound differs.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from typing import Final

from autorest.request.model import EmbedPath, Range
from autorest.request.query import STRUCTURAL_NAMES, STRUCTURAL_WORDS, ranges_by_path
from autorest.request.scanner import is_identifier

_PREFIX: Final = re.compile(
    r"(?:not\.)?(?:(?:neq|cs|cd|ov|sl|sr|nxr|nxl|adj|isdistinct"
    r"|(?:eq|gte|gt|lte|lt|ilike|like|imatch|match)(?:\((?:any|all)\))?"
    r"|(?:plfts|phfts|wfts|fts)(?:\(([^()]*)\))?)\."
    r"|in\.)"
)
_RANGES: Final = frozenset(("limit", "offset"))

Shape = tuple[Hashable, ...]


def split_shape(parameters: Sequence[tuple[str, str | None]]) -> tuple[Shape, list[str], bool]:
    """Return the shape, by index of the parameter what follows its operator, and whether there is a range.

    A parameter without a value, or whose value is part of the shape, has an empty rest.
    """
    shape: list[Hashable] = []
    tails: list[str] = []
    ranged = False
    for name, value in parameters:
        if value is None:
            shape.append(name)
            tails.append("")
            continue
        last = name[name.rfind(".") + 1 :]
        if last in STRUCTURAL_WORDS or name in STRUCTURAL_NAMES:
            shape.append((name, value))
            tails.append("")
        elif last in _RANGES:
            ranged = True
            shape.append((name, None))
            tails.append(value)
        elif end := _end_of_operator(value):
            shape.append((name, value[:end]))
            tails.append(value[end:])
        elif value.startswith(("is.", "not.")):
            shape.append((name, value))
            tails.append("")
        else:
            shape.append((name, None))
            tails.append(value)
    return tuple(shape), tails, ranged


def _end_of_operator(value: str) -> int:
    """Return where the value of a filter begins that is no part of the shape, 0 where none does."""
    found = _PREFIX.match(value)
    if found is None or (found[1] is not None and not is_identifier(found[1])):
        return 0
    return found.end()


def split_ranges(parameters: Sequence[tuple[str, str | None]]) -> dict[EmbedPath, Range]:
    """Return the ranges of `limit` and `offset` parameters by the path of the embed they limit."""
    bounds: dict[str, dict[str, str]] = {}
    for name, value in parameters:
        last = name[name.rfind(".") + 1 :]
        if value is not None and last in _RANGES:
            bounds.setdefault(name[: -len(last)], {})[last] = value
    return dict(ranges_by_path(bounds))

"""What stands behind each $n: a constant of the statement's shape, or a place in the request.

Two requests of one shape differ only in what fills the places, so a statement rendered for one of
them serves the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from autorest.request.filters import parse_list
from autorest.request.model import ALL_ROWS, EmbedPath, Range

NO_RANGES: Mapping[EmbedPath | None, Range] = {}


class Values(NamedTuple):
    """What a request fills the places with.

    tails   by index of the query parameter, what follows its operator
    ranges  by path, with the server's own limit already applied; `default_range` for other paths
    """

    tails: Sequence[str] = ()
    ranges: Mapping[EmbedPath | None, Range] = NO_RANGES
    default_range: Range = ALL_ROWS
    body: bytes = b""

    def range(self, path: EmbedPath | None) -> Range:
        return self.ranges.get(path, self.default_range)


class Constant(NamedTuple):
    """The same for every request of the shape."""

    value: bytes | None

    def bound(self, values: Values) -> bytes | None:
        return self.value


class OperandPlace(NamedTuple):
    """The rest of a query parameter, as it is."""

    source: int

    def bound(self, values: Values) -> bytes | None:
        return text(values.tails[self.source])


class PatternPlace(NamedTuple):
    """The rest of a query parameter, a LIKE pattern in which `*` stands for `%`."""

    source: int

    def bound(self, values: Values) -> bytes | None:
        return pattern(values.tails[self.source])


class ListPlace(NamedTuple):
    """The rest of a query parameter, a list in parentheses that becomes an array."""

    source: int

    def bound(self, values: Values) -> bytes | None:
        return members(parse_list(values.tails[self.source]))


class ArrayPlace(NamedTuple):
    """Several query parameters that become one array (a variadic argument)."""

    sources: tuple[int, ...]

    def bound(self, values: Values) -> bytes | None:
        return array([values.tails[source] for source in self.sources])


class LimitPlace(NamedTuple):
    """How many rows the embed at `path` may have; NULL for all of them."""

    path: EmbedPath | None

    def bound(self, values: Values) -> bytes | None:
        limit = values.range(self.path).limit
        return None if limit is None else b"%d" % limit


class OffsetPlace(NamedTuple):
    path: EmbedPath | None

    def bound(self, values: Values) -> bytes | None:
        return b"%d" % values.range(self.path).offset


class BodyPlace(NamedTuple):
    """The body, as text or in the hexadecimal format of bytea."""

    hexadecimal: bool = False

    def bound(self, values: Values) -> bytes | None:
        return b"\\x" + values.body.hex().encode() if self.hexadecimal else values.body


Binding = Constant | OperandPlace | PatternPlace | ListPlace | ArrayPlace | LimitPlace | OffsetPlace | BodyPlace


def bind(bindings: Sequence[Binding], values: Values) -> tuple[bytes | None, ...]:
    """Return the parameters of a statement in PostgreSQL's text format."""
    return tuple([binding.bound(values) for binding in bindings])


def text(value: str) -> bytes:
    """Return a value as PostgreSQL reads it; a NUL, which no text of PostgreSQL can hold, is left out."""
    return value.replace("\0", "").encode("utf-8", "surrogateescape")


def pattern(value: str) -> bytes:
    return text(value.replace("*", "%"))


def array(items: Sequence[str]) -> bytes:
    """Return the text form of an array (PostgreSQL 8.15.6), each element quoted."""
    quoted = ('"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"' for item in items)
    return text("{" + ",".join(quoted) + "}")


def members(items: Sequence[str]) -> bytes:
    """Return the array of a list of the operator `in`; `()` has none, and is the same as `("")`."""
    return b"{}" if list(items) == [""] else array(items)

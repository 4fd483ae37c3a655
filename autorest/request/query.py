"""The query string: split into parameters, each of them read by its own grammar.

`;` separates parameters as `&` does. A parameter without `=` has no value, and is looked at by
nobody but the canonical form. Of `select`, `columns`, `on_conflict`, the first one given counts;
of a `limit` or an `offset`, the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from autorest.errors import Refused, refuse
from autorest.request.columns import parse_columns
from autorest.request.fields import parse_path
from autorest.request.filters import parse_filter, parse_logic, parse_operation
from autorest.request.limits import MAX_PARAMETERS, MAX_QUERY_LENGTH, MAX_STRUCTURE
from autorest.request.model import EmbedPath, Filter, Logic, Operand, OrderTerm, Query, Range
from autorest.request.order import parse_order
from autorest.request.percent import percent_decoded
from autorest.request.ranges import parse_range
from autorest.request.scanner import nul_refused
from autorest.request.select import parse_select

Parameter = tuple[str, str | None]

_ENCODED: Final = {code: quote(chr(code), safe="") for code in range(256)}
_LISTS: Final = ("select", "columns", "on_conflict")
#: The names of parameters, and the last words of names, where the whole value says what is to be done, not with what.
STRUCTURAL_NAMES: Final = frozenset(_LISTS)
STRUCTURAL_WORDS: Final = frozenset(("order", "and", "or"))
_EVERYTHING: Final = Query().select


def split_query(query_string: bytes) -> tuple[Parameter, ...]:
    """Return names and values, percent- and plus-decoded, in their order; None where there is no `=`.

    Raises: Refused: PGRST100 with 414 where it is too long, PGRST100 where there are too many
    parameters or it is not UTF-8; 22021 where there is a NUL character.
    """
    if len(query_string) > MAX_QUERY_LENGTH:
        raise refuse(
            "PGRST100",
            f"The query string is longer than {MAX_QUERY_LENGTH} bytes",
            "Ask for less in one request, or call a function with POST.",
            status=414,
        )
    if not query_string:
        return ()
    if query_string.count(b"&") + query_string.count(b";") > MAX_PARAMETERS:
        raise _too_many()
    pairs = split_pairs(query_string)
    if len(pairs) > MAX_PARAMETERS:
        raise _too_many()
    try:
        parameters = tuple([(name.decode(), None if value is None else value.decode()) for name, value in pairs])
    except UnicodeDecodeError:
        raise refuse(
            "PGRST100",
            "The query string is not UTF-8",
            "Percent-encode the UTF-8 bytes of every character, such as %C3%A9 for é.",
        ) from None
    if b"%00" in query_string or b"\0" in query_string:
        raise nul_refused("The query string")
    return parameters


def _too_many() -> Refused:
    return refuse(
        "PGRST100", f"The query string has more than {MAX_PARAMETERS} parameters", "Ask for less in one request."
    )


def split_pairs(text: bytes) -> list[tuple[bytes, bytes | None]]:
    """Split what is `application/x-www-form-urlencoded` into decoded names and values, None without `=`.

    A percent sign that no two hexadecimal digits follow stands for itself.
    """
    if b";" in text:
        text = text.replace(b";", b"&")
    # A separator at the very end separates nothing.
    parts = text.removesuffix(b"&").split(b"&") if text else []
    if b"+" in text or b"%" in text:
        return [_decoded_pair(part) for part in parts]
    return [(name, value if equals else None) for name, equals, value in [part.partition(b"=") for part in parts]]


def _decoded_pair(part: bytes) -> tuple[bytes, bytes | None]:
    name, equals, value = part.replace(b"+", b" ").partition(b"=")
    return percent_decoded(name), percent_decoded(value) if equals else None


def parse_query(parameters: Sequence[Parameter], *, is_call_safe: bool) -> Query:
    """Read the parameters that `split_query` returned.

    With `is_call_safe`, for a function called by GET or HEAD, a parameter whose value begins with no
    operator is an argument of the function; otherwise it is refused.

    Raises: Refused (PGRST100; with 414 where too much is no value).
    """
    if sum(_structure(name, value) for name, value in parameters) > MAX_STRUCTURE:
        raise refuse(
            "PGRST100",
            f"The query string has more than {MAX_STRUCTURE} characters besides the values of its filters",
            "Ask for less in one request, or call a function with POST.",
            status=414,
        )
    lists: dict[str, str | None] = {}
    filters: list[tuple[EmbedPath, Filter]] = []
    logic: list[tuple[EmbedPath, Logic]] = []
    order: list[tuple[EmbedPath, tuple[OrderTerm, ...]]] = []
    bounds: dict[str, dict[str, str]] = {}
    arguments: list[tuple[str, Operand]] = []
    filter_names: set[str] = set()
    for index, (name, value) in enumerate(parameters):
        if name in _LISTS:
            lists.setdefault(name, value)
        elif value is not None:
            last = name.rpartition(".")[2]
            match last:
                case "and" | "or":
                    logic.append(parse_logic(name, value))
                case "order":
                    order.append(parse_order(name, value))
                case "limit" | "offset":
                    bounds.setdefault(name[: -len(last)], {})[last] = value
                case _:
                    filter_names.add(name)
                    operation = parse_operation(value, index, subject=name)
                    if operation is not None or not is_call_safe:
                        filters.append(parse_filter(name, value, operation))
                    else:
                        arguments.append((_argument_name(name), Operand(value, index)))
    select, columns, on_conflict = map(lists.get, _LISTS)
    return Query(
        select=_EVERYTHING if select is None else parse_select(select),
        filters=tuple(filters),
        logic=tuple(logic),
        order=tuple(order),
        ranges=ranges_by_path(bounds) if bounds else (),
        columns=None if columns is None else tuple(sorted(set(parse_columns("columns", columns)))),
        on_conflict=None if on_conflict is None else parse_columns("on_conflict", on_conflict),
        arguments=tuple(arguments),
        filter_names=frozenset(filter_names),
        canonical=canonical(parameters),
    )


def _structure(name: str, value: str | None) -> int:
    """Return how many characters of a parameter are no value."""
    if value and (name in STRUCTURAL_NAMES or name[name.rfind(".") + 1 :] in STRUCTURAL_WORDS):
        return len(name) + len(value)
    return len(name)


def canonical(parameters: Sequence[Parameter]) -> str:
    """Return the parameters sorted by name and percent-encoded, those of one name joined by commas.

    Each byte of a character beyond ASCII is taken for a character of Latin-1 and encoded as UTF-8
    again: clients compare Content-Location with what PostgREST gives them, which does the same.
    """
    values: dict[str, list[str]] = {}
    for name, value in parameters:
        values.setdefault(name, []).append(_percent_encoded(value or ""))
    return "&".join([f"{_percent_encoded(name)}={','.join(values[name])}" for name in sorted(values)])


def _percent_encoded(text: str) -> str:
    return (text if text.isascii() else text.encode().decode("latin-1")).translate(_ENCODED)


def _argument_name(name: str) -> str:
    return parse_path(name, "The argument's name")[1].name


def ranges_by_path(bounds: dict[str, dict[str, str]]) -> tuple[tuple[EmbedPath, Range], ...]:
    """Read limits and offsets, by what stands before these words in the parameter's name."""
    ranges: dict[EmbedPath, Range] = {}
    for prefix, given in bounds.items():
        path = parse_path(f"{prefix}limit", "The parameter")[0] if prefix else ()
        ranges[path] = parse_range(given.get("limit"), given.get("offset"))
    return tuple(ranges.items())

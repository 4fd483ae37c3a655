"""Long JSON, read part by part: what is made of it takes thirty times the memory of its text, and only keys are wanted.

Where a row ends is guessed by its looks where that does, for that is fastest; else brackets tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

import orjson

from autorest.errors import Refused, refuse
from autorest.request.json_value import JSON_SPACE, load_json, too_deep
from autorest.request.limits import MAX_JSON_DEPTH

#: Bytes of an array that are parsed at a time.
SLICE: Final = 1 << 16
#: Bytes of which everything is made: of a longer object only the keys are read, the rest is PostgreSQL's to find out.
WHOLE: Final = 1 << 21

#: How many places that look like the end of a row are tried: rows may have some rows in them.
GUESSES: Final = 8

_ROW_BOUNDARY: Final = re.compile(rb"\}[ \t\n\r]*,[ \t\n\r]*\{")
# The numbers bound what a match remembers; what goes on after it is matched again.
_TEXT: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+){0,64}"'
_PLAIN: Final = rb'(?:[^"\[\]{}]*+%b){0,64}[^"\[\]{}]*+' % _TEXT
#: What has no brackets, and then some arrays and objects that have no others in them.
_FLAT: Final = re.compile(rb'%b(?:[\[{]%b[\]}][^"\[\]{}]*+){0,64}' % (_PLAIN, _PLAIN), re.DOTALL)
_IN_TEXT: Final = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+){0,64}', re.DOTALL)
_SCALAR: Final = re.compile(rb'[^"\[\]{},]++')
_SPACE: Final = re.compile(rb"[ \t\n\r]*+")
_COLON: Final = re.compile(rb"[ \t\n\r]*+:[ \t\n\r]*+")
_AFTER: Final = re.compile(rb"[ \t\n\r]*+([,\]}])")


def json_values(text: bytes) -> Iterator[Any]:
    """Yield the value of a JSON text, or a long array of objects as several shorter arrays.

    Objects that are very long have their keys only. Raises: Refused (PGRST102).
    """
    start = _end(_SPACE, text, 0)
    opening = text[start : start + 1]
    if opening == b"[" and len(text) > 2 * SLICE:
        yield from _rows(text, start + 1)
    elif opening == b"{" and len(text) > WHOLE:
        yield _keys_of_all(text, start)
    else:
        yield _loaded(text, 0, text)


def row_of(line: bytes) -> Any:
    """Return the value of a line; of a very long object only the keys.

    Raises: orjson.JSONDecodeError where it is no JSON; Refused (PGRST102).
    """
    if len(line) > WHOLE:
        start = _end(_SPACE, line, 0)
        if line[start : start + 1] == b"{":
            return _keys_of_all(line, start)
    return load_json(line)


def _rows(text: bytes, start: int) -> Iterator[list[Any]]:
    """Yield the rows of an array whose first one begins at `start`, some at a time."""
    while start:
        rows, start = _guessed(text, start) or _found(text, start)
        yield rows


def _guessed(text: bytes, start: int) -> tuple[list[Any], int] | None:
    """Return some rows and where the next one begins, None where they do not end by their looks.

    A prefix of an array that is itself an array once it is closed ends between two elements: so a boundary found by
    its looks was one if and only if what comes before it can be parsed.
    """
    for boundary in islice(_ROW_BOUNDARY.finditer(text, start + SLICE, start + 4 * SLICE), GUESSES):
        try:
            return orjson.loads(b"[%b]" % text[start : boundary.start() + 1]), boundary.end() - 1
        except orjson.JSONDecodeError:
            continue
    return None


def _found(text: bytes, start: int) -> tuple[list[Any], int]:
    """Return some rows and where the next one begins, 0 after the last."""
    position = start
    while True:
        begin = _end(_SPACE, text, position)
        if text[begin : begin + 1] != b"{":
            # No row: it is as it is in a short array, where that can be told.
            is_long = len(text) - begin > WHOLE
            return [None] if is_long else _loaded(b"[" + text[start:], start - 1, text), 0
        end = _end_of(text, begin)
        if end - begin > WHOLE:
            if begin > _end(_SPACE, text, start):
                return _loaded(b"[%b]" % text[start : position - 1], start - 1, text), position
            keys, end = _keys(text, begin)
        after = _AFTER.match(text, end)
        if after is None or after[1] == b"}":
            raise _wrong(text, end, "a comma or the end of the array is missing")
        last = after[1] == b"]"
        if last:
            _check_end(text, after.end())
        if end - begin > WHOLE:
            return [keys], 0 if last else after.end()
        position = after.end()
        if last or end - start >= SLICE:
            return _loaded(b"[%b]" % text[start:end], start - 1, text), 0 if last else position


def _keys_of_all(text: bytes, start: int) -> dict[str, None]:
    """Return the keys of the object that begins at `start` and is the last thing in the text."""
    keys, end = _keys(text, start)
    _check_end(text, end)
    return keys


def _keys(text: bytes, start: int) -> tuple[dict[str, None], int]:
    """Return the keys of the object that begins at `start`, and where it ends."""
    keys: dict[str, None] = {}
    position = start + 1
    while True:
        begin = _end(_SPACE, text, position)
        if text[begin : begin + 1] == b"}" and not keys:
            return keys, begin + 1
        if text[begin : begin + 1] != b'"':
            raise _wrong(text, begin, "a key is missing")
        end = _end_of_text(text, begin)
        keys[_loaded(text[begin:end], begin, text)] = None
        position = _end(_COLON, text, end)
        if position == end:
            raise _wrong(text, end, "a colon is missing")
        match text[position : position + 1]:
            case b"[" | b"{":
                position = _end_of(text, position)
            case b'"':
                position = _end_of_text(text, position)
            case _:
                position = _end(_SCALAR, text, position)
        after = _AFTER.match(text, position)
        if after is None or after[1] == b"]":
            raise _wrong(text, position, "a comma or the end of the object is missing")
        position = after.end()
        if after[1] == b"}":
            return keys, position


def _end_of(text: bytes, start: int) -> int:
    """Return where the array or object ends that begins at `start`, as far as its brackets tell."""
    depth, position = 1, start + 1
    while depth:
        flat = _end(_FLAT, text, position)
        if flat > position:
            position = flat
            continue
        match text[position : position + 1]:
            case b"[" | b"{":
                depth += 1
            case b"]" | b"}":
                depth -= 1
            case _:
                position = _end_of_text(text, position)
                continue
        if depth > MAX_JSON_DEPTH:
            raise too_deep()
        position += 1
    return position


def _end_of_text(text: bytes, start: int) -> int:
    """Return where the text in quotes ends that begins at `start`."""
    position = start + 1
    while (end := _end(_IN_TEXT, text, position)) > position:
        position = end
    if text[position : position + 1] != b'"':
        raise _wrong(text, position, "it does not end")
    return position + 1


def _end(pattern: re.Pattern[bytes], text: bytes, start: int) -> int:
    found = pattern.match(text, start)
    return start if found is None else found.end()


def _check_end(text: bytes, position: int) -> None:
    if text[position:].strip(JSON_SPACE):
        raise _wrong(text, position, "something follows its end")


def _loaded(part: bytes, start: int, text: bytes) -> Any:
    """Return the value of a part of a text that begins at `start`."""
    try:
        return load_json(part)
    except orjson.JSONDecodeError as error:
        raise _wrong(text, start + error.pos, error.msg) from None


def _wrong(text: bytes, position: int, message: str) -> Refused:
    if not text.strip(JSON_SPACE):
        return refuse("PGRST102", "The body is empty", 'Send JSON, such as {"id": 1} or [{"id": 1}, {"id": 2}].')
    line = text.count(b"\n", 0, position) + 1
    column = position - text.rfind(b"\n", 0, position)
    return refuse("PGRST102", "The body is not JSON", f"At line {line}, column {column}: {message}.")

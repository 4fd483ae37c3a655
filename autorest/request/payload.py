"""The body: what it is by its content type, its keys, and the text that goes to PostgreSQL.

JSON is sent on as it came: it is parsed only for its keys, so that no digit of a number is lost.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from autorest.errors import refuse
from autorest.request.charset import in_utf_8
from autorest.request.json_rows import json_values
from autorest.request.json_value import JSON_SPACE
from autorest.request.limits import MAX_PAIRS, MAX_ROWS
from autorest.request.model import Action, FormPayload, JsonPayload, MediaType, Payload, RawPayload
from autorest.request.query import split_pairs
from autorest.request.rows import ROW_TYPES, rows_of
from autorest.request.scanner import excerpt, nul_refused

_READING: Final = frozenset((Action.INSERT, Action.UPDATE, Action.UPSERT, Action.CALL))
_TAKING_COLUMNS: Final = frozenset((Action.INSERT, Action.UPDATE, Action.CALL))
_RAW_TYPES: Final = frozenset(("text/plain", "text/xml", "application/octet-stream"))

_EMPTY_ARRAY: Final = JsonPayload(b"[]", (), False)
#: Bytes of rows that are read at a time.
_SLICE: Final = 65_536


def parse_payload(
    body: bytes, content_type: MediaType, action: Action, columns: tuple[str, ...] | None
) -> Payload | None:
    """Read the body for `action`; None where the action takes none.

    With `columns`, from the query string, JSON is neither parsed nor checked: its keys are taken to
    be these, and what it is besides is PostgreSQL's to find out.

    Raises: Refused: PGRST102 where the body is not what its content type says, or that type is not
    taken; 22021 where text contains a NUL character.
    """
    if action not in _READING:
        return None
    is_call = action is Action.CALL
    match content_type.essence:
        case "application/json":
            text = in_utf_8(body, content_type)
            if columns is not None and action in _TAKING_COLUMNS:
                return _unparsed_json(text, columns)
            if not text and is_call:
                return JsonPayload(text, (), True)
            return parse_json(text)
        case essence if essence in ROW_TYPES:
            return parse_rows(body, content_type, columns if action in _TAKING_COLUMNS else None)
        case "application/x-www-form-urlencoded":
            pairs = parse_form(in_utf_8(body, content_type))
            return FormPayload(pairs) if is_call else _json_of_form(pairs)
        case "application/octet-stream" if is_call:
            return RawPayload(body)
        case essence if is_call and essence in _RAW_TYPES:
            content = in_utf_8(body, content_type)
            if b"\0" in content:
                raise nul_refused("The body")
            return RawPayload(content)
        case essence:
            accepted = "application/json, text/csv, application/x-ndjson, application/x-www-form-urlencoded"
            raise refuse(
                "PGRST102",
                f"A body of the type {excerpt(essence)} is not taken here",
                f"The Content-Type may be {accepted}{', ' + ', '.join(sorted(_RAW_TYPES)) if is_call else ''}.",
            )


def parse_json(text: bytes) -> JsonPayload:
    """Return the keys of an object, or of an array of objects that all have the same.

    Any other JSON is as good as an empty array, as PostgREST has it.

    Raises: Refused (PGRST102).
    """
    keys: Any = None
    for value in json_values(text):
        match value:
            case dict():
                return JsonPayload(text, tuple(sorted(value)), True)
            case list():
                for row in value:
                    if keys is None and isinstance(row, dict):
                        keys = row.keys()
                    if not isinstance(row, dict) or row.keys() != keys:
                        raise refuse(
                            "PGRST102",
                            "The objects of the array do not all have the same keys",
                            "Give every object the same keys, or name the columns with the parameter columns.",
                        )
    return _EMPTY_ARRAY if keys is None else JsonPayload(text, tuple(sorted(keys)), False)


def _unparsed_json(text: bytes, columns: tuple[str, ...]) -> JsonPayload:
    if b"\0" in text:
        raise nul_refused("The body")
    return JsonPayload(text, columns, text.lstrip(JSON_SPACE).startswith(b"{"))


def parse_rows(body: bytes, content_type: MediaType, columns: tuple[str, ...] | None) -> JsonPayload:
    """Return the rows of a CSV or NDJSON body as a JSON array of objects.

    Raises: Refused (PGRST102).
    """
    rows = rows_of(content_type, columns)
    for start in range(0, len(body), _SLICE):
        rows.feed(body[start : start + _SLICE])
        if rows.size > MAX_ROWS:
            raise refuse(
                "PGRST102",
                "The rows of the body are too many to be written at once",
                f"As JSON they have more than {MAX_ROWS} bytes.",
                "Insert them without return=representation, so that they are written while they arrive.",
            )
    rows.end()
    chunk = rows.take()
    return _EMPTY_ARRAY if chunk is None else JsonPayload(chunk.text, chunk.keys, False)


def parse_form(body: bytes) -> tuple[tuple[str, str], ...]:
    """Return the pairs of an `application/x-www-form-urlencoded` body in their order.

    Raises: Refused: PGRST102 where it is not UTF-8 or has too many, 22021 where there is a NUL character.
    """
    if body.count(b"&") + body.count(b";") > MAX_PAIRS:
        raise refuse("PGRST102", f"The form has more than {MAX_PAIRS} fields", "Send less in one request, or as JSON.")
    try:
        pairs = tuple(
            [(name.decode(), (value or b"").decode()) for name, value in split_pairs(body.removeprefix(b"?"))]
        )
    except UnicodeDecodeError:
        raise refuse(
            "PGRST102", "The form is not UTF-8", "Percent-encode the UTF-8 bytes of every character."
        ) from None
    if any("\0" in name or "\0" in value for name, value in pairs):
        raise nul_refused("The form")
    return pairs


def _json_of_form(pairs: tuple[tuple[str, str], ...]) -> JsonPayload:
    row = dict(pairs)
    return JsonPayload(orjson.dumps(row), tuple(sorted(row)), True)

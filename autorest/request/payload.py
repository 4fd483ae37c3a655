"""The body: what it is by its content type, its keys, and the text that goes to PostgreSQL.

JSON is sent on as it came: it is parsed only for its keys, so that no digit of a number is lost.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, Final, NoReturn

import orjson

from autorest.errors import Refused, refuse
from autorest.request.limits import MAX_JSON_DEPTH
from autorest.request.model import Action, FormPayload, JsonPayload, MediaType, Payload, RawPayload
from autorest.request.query import split_pairs
from autorest.request.scanner import excerpt, nul_refused

_READING: Final = frozenset((Action.INSERT, Action.UPDATE, Action.UPSERT, Action.CALL))
_TAKING_COLUMNS: Final = frozenset((Action.INSERT, Action.UPDATE, Action.CALL))
_RAW_TYPES: Final = frozenset(("text/plain", "text/xml", "application/octet-stream"))
_UTF_8: Final = frozenset(("utf-8", "utf8", "us-ascii", "ascii"))
# Python's codecs that are no character set of a document, some of them slow on purpose-made input.
_NO_CHARSETS: Final = frozenset(("idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape"))

_JSON_SPACE: Final = b" \t\n\r"
_EMPTY_ARRAY: Final = JsonPayload(b"[]", (), False)
#: Bytes of a JSON array that are parsed at a time, so that its rows are not all in memory as objects.
_SLICE: Final = 65_536
_ROW_BOUNDARY: Final = re.compile(rb"\}[ \t\n\r]*,[ \t\n\r]*\{")

_CSV_FIELD: Final = re.compile(r'(?:"([^"]*+(?:""[^"]*+)*)"(?!")|([^",\r\n]*+))(,|\r?\n|\r|\Z)?')
_CSV_NOT_PLAIN: Final = re.compile(r'"|\r(?!\n)')
_CSV_NULL: Final = "NULL"


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
            text = _in_utf_8(body, content_type)
            if columns is not None and action in _TAKING_COLUMNS:
                return _unparsed_json(text, columns)
            if not text and is_call:
                return JsonPayload(text, (), True)
            return parse_json(text)
        case "text/csv":
            return parse_csv(_text(body, content_type))
        case "application/x-www-form-urlencoded":
            pairs = parse_form(_in_utf_8(body, content_type))
            return FormPayload(pairs) if is_call else _json_of_form(pairs)
        case "application/octet-stream" if is_call:
            return RawPayload(body)
        case essence if is_call and essence in _RAW_TYPES:
            content = _in_utf_8(body, content_type)
            if b"\0" in content:
                raise nul_refused("The body")
            return RawPayload(content)
        case essence:
            accepted = "application/json, text/csv, application/x-www-form-urlencoded"
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
    for value in _json_values(text):
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


def _json_values(text: bytes) -> Iterator[Any]:
    """Yield the value of the text, or a long array of objects as several shorter arrays.

    A prefix of an array that is itself an array once it is closed ends between two elements: so a
    boundary found by its looks was one if and only if what comes before it can be parsed.
    """
    start = len(text) - len(text.lstrip(_JSON_SPACE))
    if len(text) <= 2 * _SLICE or text[start : start + 1] != b"[":
        yield _loads(text)
        return
    start += 1
    size = _SLICE
    while (boundary := _ROW_BOUNDARY.search(text, start + size)) is not None:
        end = boundary.start() + 1
        try:
            rows = orjson.loads(b"[%b]" % text[start:end])
        except orjson.JSONDecodeError:
            size *= 2
            continue
        yield rows
        start = boundary.end() - 1
        size = _SLICE
    try:
        yield orjson.loads(b"[" + text[start:])
    except orjson.JSONDecodeError:
        yield _loads(text)


def _loads(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return _loads_any_number(text, error)


def _loads_any_number(text: bytes, error: orjson.JSONDecodeError) -> Any:
    """Parse what orjson refuses for a number no double can hold; refuse what is refused here, too."""
    try:
        if "limit" in error.msg:
            raise RecursionError
        value = json.loads(text.decode(), parse_float=str, parse_int=str, parse_constant=_refuse_constant)
        # Escapes of half a surrogate pair pass json, but are no text.
        json.dumps(value, ensure_ascii=False).encode()
        return value
    except RecursionError:
        raise refuse(
            "PGRST102", "The body is JSON nested too deeply", f"At most {MAX_JSON_DEPTH} levels are taken."
        ) from None
    except ValueError:
        raise _invalid_json(text, error) from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _invalid_json(text: bytes, error: orjson.JSONDecodeError) -> Refused:
    if not text.strip(_JSON_SPACE):
        return refuse("PGRST102", "The body is empty", 'Send JSON, such as {"id": 1} or [{"id": 1}, {"id": 2}].')
    return refuse("PGRST102", "The body is not JSON", f"At line {error.lineno}, column {error.colno}: {error.msg}.")


def _unparsed_json(text: bytes, columns: tuple[str, ...]) -> JsonPayload:
    if b"\0" in text:
        raise refuse("PGRST102", "The body is not JSON", "It contains a NUL character.")
    return JsonPayload(text, columns, text.lstrip(_JSON_SPACE).startswith(b"{"))


def parse_csv(text: str) -> JsonPayload:
    """Return lines of comma-separated values (RFC 4180) below a line of names as a JSON array of objects.

    `NULL` is null, everything else a string; lines with nothing in them are left out.

    Raises: Refused (PGRST102).
    """
    records = _quoted_csv_records(text) if _CSV_NOT_PLAIN.search(text) or "\n" not in text else _plain_csv_records(text)
    header = next(records)
    rows: list[bytes] = []
    for number, record in enumerate(records, 2):
        if record == [""]:
            continue
        if len(record) != len(header):
            raise refuse(
                "PGRST102",
                "The lines of the CSV body do not all have the same number of fields",
                f"The header has {len(header)}, record {number} has {len(record)}.",
            )
        values = [None if field == _CSV_NULL else field for field in record]
        rows.append(orjson.dumps(dict(zip(header, values, strict=True))))
    if not rows:
        return _EMPTY_ARRAY
    return JsonPayload(b"[" + b",".join(rows) + b"]", tuple(sorted(set(header))), False)


def _plain_csv_records(text: str) -> Iterator[list[str]]:
    """Yield the records of a text without quotes, several times as fast as with them."""
    for line in text.replace("\r\n", "\n").removesuffix("\n").split("\n"):
        yield line.split(",")


def _quoted_csv_records(text: str) -> Iterator[list[str]]:
    """Yield the records of the text, the header first, which must end with a line break."""
    position = 0
    breaks: tuple[str, ...] = ("\n", "\r\n", "\r")
    record: list[str] = []
    while True:
        found = _CSV_FIELD.match(text, position)
        assert found is not None  # every part of the pattern may be empty
        quoted, bare, follows = found.groups()
        record.append(bare if quoted is None else quoted.replace('""', '"'))
        position = found.end()
        if follows == ",":
            continue
        if follows not in breaks:
            expected = "a comma or a line break" + (" after the names of the columns" if "\r" in breaks else "")
            raise refuse(
                "PGRST102",
                "The body is not CSV",
                f"Expected {expected} at character {position + 1}."
                " A field that contains a double quote is written in double quotes, and the quote twice.",
            )
        yield record
        record = []
        if position == len(text) and "\r" not in breaks:
            return
        breaks = ("\n", "\r\n", "")


def parse_form(body: bytes) -> tuple[tuple[str, str], ...]:
    """Return the pairs of an `application/x-www-form-urlencoded` body in their order.

    Raises: Refused: PGRST102 where it is not UTF-8, 22021 where there is a NUL character.
    """
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


def _in_utf_8(body: bytes, content_type: MediaType) -> bytes:
    charset = content_type.parameter("charset")
    if charset is None or charset.lower() in _UTF_8:
        return body
    return _text(body, content_type).encode()


def _text(body: bytes, content_type: MediaType) -> str:
    charset = (content_type.parameter("charset") or "utf-8").lower()
    try:
        if codecs.lookup(charset).name in _NO_CHARSETS:
            raise LookupError
        return body.decode(charset)
    except LookupError:
        raise refuse("PGRST102", f"The charset {excerpt(charset)} is not known", "Send the body in UTF-8.") from None
    except UnicodeError:
        raise refuse(
            "PGRST102", f"The body is not in the charset {excerpt(charset)}", "Send the body in UTF-8."
        ) from None
